"""``onbook bundle``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from onbook.cli.common import note, print_report, write_output
from onbook.cli.options import format_option, remote_options
from onbook.cli.remotes import is_environment, remote_book
from onbook.errors import UsageError
from onbook.report import Check, Report, Status


@click.command()
@click.argument("what", metavar="[ID[@RANGE]]...", nargs=-1)
@remote_options
@click.option("--env", "envs", metavar="ENV", multiple=True, help="Add an environment and all releases that it runs.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file that is written.")
@format_option
def command(
    what: tuple[str, ...],
    url: str,
    envs: tuple[str, ...],
    out: Path,
    verify: str,
    allowed_signers: Path | None,
    tag_prefix: str | None,
    format: str,
) -> int:
    """Write releases, with all their files, into one JSON file for applications without git or network.

    RANGE is as for `onbook fetch`. With --env and no ID, everything that the environment runs is taken; with IDs, what
    it runs of these.

    A token for https is taken from ONBOOK_TOKEN, as by `onbook fetch`.
    """
    from onbook.client.bundle import pack

    if not what and not envs:
        raise UsageError("there is nothing to put into the bundle", hint="name prompts, or --env ENV")
    book = remote_book(url, lock=None, tag_prefix=tag_prefix, verify=verify, allowed_signers=allowed_signers)
    wanted = dict.fromkeys(_wanted(each) for each in what)
    ids = {id for id, _, _ in wanted} if what else None
    environments = {}
    for env in envs:
        prefix, found = book.deployments(env)
        kept = {id: deployment for id, deployment in found.items() if ids is None or id in ids}
        if ids and (absent := sorted(ids - kept.keys())):
            note(f"note: {env} does not run {', '.join(absent)}")
        environments[env] = kept
        for id, deployment in kept.items():
            targets = [deployment.stable, *([deployment.canary] if deployment.canary else [])]
            wanted |= dict.fromkeys((id, str(target.version), (prefix, target.digest)) for target in targets)
    releases = {}
    for id, request, stated in wanted:
        fetched = book.fetch(id, request, stated[0] if stated else None)
        if stated and fetched.release.digest != stated[1]:
            raise UsageError(f"{id} {request} has {fetched.release.digest}, and the environment says {stated[1]}")
        for message in fetched.notes:
            note(f"note: {message}")
        releases[id, fetched.release.version] = fetched
    data = pack([releases[key] for key in sorted(releases)], environments, book.url)
    write_output(out, json.dumps(data, ensure_ascii=False, indent=1) + "\n")
    rows = [{key: row[key] for key in ("id", "version", "tag", "commit", "digest")} for row in data["releases"]]
    checks = tuple(Check(f"bundle/{row['id']}", Status.PASSED, row["id"]) for row in rows)
    print_report(Report("bundle", checks, data={"path": str(out), "releases": rows}), format)
    return 0


def _wanted(what: str) -> tuple[str, str, tuple[str, str] | None]:
    id, _, request = what.partition("@")
    if request and is_environment(request):
        raise UsageError(f"{what}: an environment is added with --env {request}")
    return id, request or "*", None
