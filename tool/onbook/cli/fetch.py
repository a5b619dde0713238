"""``onbook fetch``."""

from __future__ import annotations

from pathlib import Path

import click

from onbook.cli.common import note, print_report
from onbook.cli.options import format_option, remote_options
from onbook.cli.remotes import is_environment, remote_book
from onbook.client.cache import Cache
from onbook.client.lockfile import FILE, Lock, LockedRelease, LockedRequest
from onbook.errors import OnbookError, UsageError
from onbook.report import Check, Report, Status

_PATIENCE = 60.0
"""Seconds to wait for other fetches that write the same lock file; each takes milliseconds."""


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
        fetched = book.fetch_locked(id, request, env=request if is_environment(request) else None)
    elif is_environment(request):
        fetched = book.fetch_deployed(id, request)
    else:
        fetched = book.fetch(id, request)
    release = fetched.release
    for message in fetched.notes:
        note(f"note: {message}")
    folder = book.export(fetched, out) if out else book.kept(fetched)
    if not frozen:
        _note(lock, LockedRequest(release.url, id, request, release.version), release)
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


def _note(path: Path, request: LockedRequest, release: LockedRelease) -> None:
    """Add to the lock file, as it stands by now; of several fetches at once none takes another's row away."""
    with Cache().locked((FILE, str(path.absolute())), _PATIENCE) as mine:
        if not mine:
            message = f"another process has been writing this lock file for {_PATIENCE:g} seconds"
            raise OnbookError(message, place=str(path), hint="fetch again once it has ended")
        locked = Lock.read(path)
        locked.add(request, release)
        locked.write(path)
