"""``onbook test``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import click

from onbook.cli.baseline import RELEASE, compare_with, recorded_before
from onbook.cli.common import note, note_empty, print_report, repository, require_details, snapshot
from onbook.cli.options import details_option, format_option, place_options, spending_options
from onbook.cli.progress import Bar
from onbook.errors import UsageError
from onbook.project import Catalog, Source
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.report import Report
from onbook.testing import lastrun
from onbook.testing.asking import INTERRUPTED
from onbook.testing.details import Details
from onbook.testing.limits import CONCURRENCY, Limits, Meter
from onbook.testing.locks import LOCK
from onbook.testing.results import UnitResult
from onbook.testing.runner import live as ask_anew
from onbook.testing.runner import prune as drop_orphans
from onbook.testing.runner import record as ask_missing
from onbook.testing.runner import replay, report_of, without_prompt
from onbook.testing.selection import Selection, Shard, changed_since
from onbook.testing.shards import sharded
from onbook.testing.verdicts import with_verdicts


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Only cases with this tag, or one of these.")
@click.option("--case", "cases", metavar="ID", multiple=True, help="Only the case of this id, or of these.")
@click.option("--changed-since", "since", metavar="REV", help="Only prompts that changed since a revision.")
@click.option(
    "--against",
    metavar="[REV]",
    is_flag=False,
    flag_value=RELEASE,
    help="Say whether it got worse since a revision; without REV, since the last release.",
)
@click.option("--fresh", is_flag=True, help="With --against: ask both versions now, in turn; no recording is touched.")
@click.option("--failed", is_flag=True, help="Only the cases that failed last time.")
@click.option("--shard", metavar="I/N", help="Only the i-th of n parts; `onbook merge` puts their reports together.")
@click.option("--record", is_flag=True, help="Ask the models for answers that are not recorded, and record them.")
@click.option("--prune", is_flag=True, help="Drop recordings that no case asks for any more.")
@click.option("--live", is_flag=True, help="Ask for every answer anew and compare; recordings are not touched.")
@spending_options
@click.option(
    "--concurrency",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=CONCURRENCY,
    help=f"Requests under way at one provider; default: {CONCURRENCY}.",
)
@details_option
@place_options
@format_option
def command(
    ids: tuple[str, ...],
    tags: tuple[str, ...],
    cases: tuple[str, ...],
    since: str | None,
    against: str | None,
    fresh: bool,
    failed: bool,
    shard: str | None,
    record: bool,
    prune: bool,
    live: bool,
    max_cost: float | None,
    max_calls: int | None,
    concurrency: int,
    details: bool,
    staged: bool,
    at: str | None,
    format: str,
) -> int:
    """Run the cases of prompts. Answers are replayed from recordings: no key, no network, no cost.

    --record asks only for what is missing. Ctrl-C, a limit or a crash at any moment keeps every answer that has
    arrived, and the same command asks for the rest.
    """
    _require_sense(
        record=record, prune=prune, live=live, against=against, shard=shard, elsewhere=staged or bool(at),
        fresh=fresh, limited=max_cost is not None or max_calls is not None,
        details=details, format=format,
    )  # fmt: skip
    repo = repository(writes=record or prune)
    selection = Selection(cases or None, tags or None, _failed(repo) if failed else None, _shard(shard))
    if prune and selection.narrows:
        raise UsageError("--prune looks at all cases of a prompt, so name prompts and not cases")
    catalog = Catalog(snapshot(repo, staged=staged, at=at))
    note_empty(repo, catalog)
    if against in catalog.ids and against is not None:
        # `--against support/triage`: the revision was left out, and what follows is a prompt.
        against, ids = RELEASE, (against, *ids)
    sources = _sources(repo, catalog, ids, since, selection)
    meter = Meter(Limits(concurrency, max_calls, max_cost))
    answers = Details(live=live) if details else None
    seen = answers.seen if answers else None
    bar = Bar()
    if record:
        locks = repo.kept / LOCK
        results = ask_missing(
            sources, repo.root, selection=selection, meter=meter, progress=bar, locks=locks, seen=seen
        )
        bar.done("recorded")
    elif live:
        results = ask_anew(sources, selection=selection, meter=meter, progress=bar, seen=seen)
        bar.done("asked for")
        _tell_drift(results)
    else:
        results = list(replay(sources, selection, seen=seen))
    if prune:
        _prune(repo, sources)
    report = _report(results, selection, catalog.snapshot.name, detail=format == "json")
    if against is not None:
        asking = (meter, bar) if fresh else None
        compared = compare_with(repo, catalog, sources, against, selection, fresh=asking, details=answers)
        report = with_verdicts(report, compared, base=against)
        if fresh:
            bar.done("asked for")
    print_report(answers.added(report) if answers else report, format)
    if not at:
        with contextlib.suppress(OSError):  # a git directory that cannot be written keeps nobody from testing
            lastrun.remember(repo, results)
    if meter.stopped == INTERRUPTED:
        note("interrupted: what was answered is kept; run the same command again for the rest")
        return 130
    return report.exit_code()


def _prune(repo: Repository, sources: Iterable[Source]) -> None:
    """Drop what no case asks for, from the files as they stand after a recording."""
    catalog = Catalog(snapshot(repo))
    here = [catalog.find(source.id) for source in sources]
    for path, count in drop_orphans(here, repo.root, lambda source: recorded_before(repo, catalog, source)).items():
        note(f"dropped {count} from {path}")
    for path in without_prompt(catalog):
        note(f"{path} belongs to no prompt: delete it, or move it with its prompt")


def _tell_drift(results: list[UnitResult]) -> None:
    kinds = [repeat.drift for result in results for case in result.cases for repeat in case.repeats if repeat.drift]
    told = {"same": "as recorded", "text": "of another text", "verdict": "of another verdict", "new": "not recorded"}
    note("  " + ", ".join(f"{kinds.count(kind)} {words}" for kind, words in told.items()))


def _require_sense(
    *,
    record: bool,
    prune: bool,
    live: bool,
    fresh: bool,
    against: str | None,
    shard: str | None,
    elsewhere: bool,
    limited: bool,
    details: bool,
    format: str,
) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: two of them do.
    """
    require_details(details, format)
    if details and (shard or fresh):
        raise UsageError("--details makes no sense with --shard and --fresh: their answers are kept nowhere")
    if (record or prune) and elsewhere:
        what = "--record" if record else "--prune"
        raise UsageError(f"{what} writes beside the prompts of the work tree, so --staged and --at make no sense")
    if live and (record or prune):
        raise UsageError("--live touches no recording, so --record and --prune make no sense with it")
    if fresh and (against is None or record):
        raise UsageError("--fresh asks both versions of --against now, and records nothing")
    if not (record or live or fresh) and limited:
        hint = "--max-cost and --max-calls go with --record, --live or --fresh"
        raise UsageError("nothing is asked in a replay", hint=hint)
    if against is not None and (live or shard):
        raise UsageError("--against compares whole sets of recorded answers: --live and --shard make no sense with it")


def _shard(text: str | None) -> Shard | None:
    return None if text is None else Shard.parse(text)


def _failed(repo: Repository) -> dict[str, list[str]]:
    found = lastrun.recall(repo)
    if found is None:
        raise UsageError("no earlier run is remembered here", hint="run `onbook test` first")
    return dict(found)


def _sources(
    repo: Repository, catalog: Catalog, ids: tuple[str, ...], since: str | None, selection: Selection
) -> list[Source]:
    sources = meant = catalog.select(ids)
    if since == "HEAD" and repo.head is None:
        pass  # before the first commit, as a hook may be, everything is new
    elif since is not None:
        sources = changed_since(catalog, Catalog(Commit(repo, since)), sources)
        if not sources:
            note(f"no prompt changed since {since}")
    if selection.failed is not None and not any(selection.failed.values()):
        note("nothing failed last time")
    return selection.sources(sources, meant)


def _report(results: list[UnitResult], selection: Selection, head: str, *, detail: bool) -> Report:
    report = report_of(results, head=head, detail=detail)
    return sharded(report, results, selection.shard) if selection.shard else report
