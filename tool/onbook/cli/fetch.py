"""``onbook fetch``."""

from __future__ import annotations

from pathlib import Path

import click

from onbook.cli.common import note, print_report
from onbook.cli.options import format_option, remote_options
from onbook.cli.remotes import is_environment, remote_book
from onbook.client.lockfile import FILE, Lock, LockedRequest
from onbook.errors import UsageError
from onbook.report import Check, Report, Status


@click.command()
@click.argument("what", metavar="ID[@RANGE|@ENV]")
@remote_options
@click.option(
    "--out", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Write the files below this folder."
)
@click.option(
    "--lock", type=click.Path(dir_okay=False, path_type=Path), default=FILE, help=f"The lock file; default: {FILE}."
)
@click.option("--frozen", is_flag=True, help="Take the version that the lock chose, and change nothing in it.")
@format_option
def command(
    what: str,
    url: str,
    out: Path | None,
    lock: Path,
    frozen: bool,
    verify: str,
    allowed_signers: Path | None,
    tag_prefix: str | None,
    format: str,
) -> int:
    """Fetch a released prompt by its tag, verify it, and note it in the lock file.

    RANGE is 1.4.0 (exact), ^1.4 (same contract), ~1.4 (same behaviour) or * (any release, the default). ENV is an
    environment, such as production: its stable release.

    A token for https is taken from ONBOOK_TOKEN; without it git's own credential helpers are asked, never a person.
    """
    id, _, request = what.partition("@")
    request = request or "*"
    if out is not None and out.is_symlink():
        raise UsageError("files are not written through a symbolic link", place=str(out))
    known = lock if lock.exists() else None  # the first fetch writes it
    book = remote_book(url, lock=known, tag_prefix=tag_prefix, verify=verify, allowed_signers=allowed_signers)
    if frozen:
        fetched = book.fetch_locked(id, request)
    elif is_environment(request):
        fetched = book.fetch_deployed(id, request)
    else:
        fetched = book.fetch(id, request)
    release = fetched.release
    for message in fetched.notes:
        note(f"note: {message}")
    folder = book.export(fetched, out) if out else book.kept(fetched)
    if not frozen:
        locked = Lock.read(lock)
        locked.add(LockedRequest(release.url, id, request, release.version), release)
        locked.write(lock)
    data = {
        "id": id,
        "version": release.version,
        "tag": fetched.tag,
        "commit": release.commit,
        "digest": release.digest,
        "path": str(folder / fetched.prompt_file),
        "tag_object": release.tag_object,
        "url": release.url,
    }
    check = Check(f"fetch/{id}", Status.PASSED, id)
    print_report(Report("fetch", (check,), head=fetched.tag, data=data), format)
    return 0
