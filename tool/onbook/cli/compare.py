"""``onbook compare``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import click

from onbook.cli.common import note, print_report, repository, require_details, snapshot
from onbook.cli.options import details_option, format_option, spending_options
from onbook.cli.progress import Bar
from onbook.errors import UsageError
from onbook.nearest import nearest
from onbook.project import Catalog, Source
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.project.shapes import contract, with_known_parameters
from onbook.repo import Repository, Snapshot
from onbook.repo.snapshot import Commit
from onbook.repo.tags import list_tags, release_of
from onbook.repo.worktree import WorkTree
from onbook.testing.asking import INTERRUPTED
from onbook.testing.baseline import Match, Side, ask, lay_out, settle, variant
from onbook.testing.baseline import judge as grade
from onbook.testing.details import with_details
from onbook.testing.journal import Journal
from onbook.testing.limits import CONCURRENCY, Limits, Meter
from onbook.testing.locks import LOCK, Locks
from onbook.testing.planning import read_recordings
from onbook.testing.preference import PAIRWISE, ask_pairwise, prefer
from onbook.testing.recordings import Recordings
from onbook.testing.verdicts import compare_report, preference_report
from onbook.testing.wanted import Memory
from onbook.versions import Version

HERE = "worktree"


@click.command()
@click.argument("id")
@click.argument("a")
@click.argument("b")
@click.option("--live", is_flag=True, help="Ask now for what is not recorded; nothing is written.")
@spending_options
@click.option("--judge", type=click.Choice([PAIRWISE]), help="Let a judge say whose answer is better, in both orders.")
@click.option("--judge-model", metavar="MODEL", help="The judge's model; default: the one that its prompt names.")
@click.option("--record", is_flag=True, help="With --judge: ask it for what is not recorded, and record that.")
@details_option
@format_option
def command(
    id: str,
    a: str,
    b: str,
    live: bool,
    max_cost: float | None,
    max_calls: int | None,
    judge: str | None,
    judge_model: str | None,
    record: bool,
    details: bool,
    format: str,
) -> int:
    """Compare two versions, two models or two parameter sets of a prompt, on the cases of the work tree.

    A and B are each a version or revision (1.4.0, main, worktree), a setting of the prompt (model=openai/gpt-5.4-mini,
    temperature=0.7), or several of these with commas: 1.4.0,model=openai/gpt-5.4-mini. B is measured against A.
    """
    require_details(details, format)
    repo = repository(writes=record)
    if judge is None and (record or judge_model):
        raise UsageError("--record and --judge-model go with --judge", hint=f"--judge {PAIRWISE}")
    if live and record:
        raise UsageError("--live writes nothing, so --record makes no sense with it")
    if not (live or record) and (max_cost is not None or max_calls is not None):
        raise UsageError("nothing is asked in a replay", hint="--max-cost and --max-calls go with --live or --record")
    here = Catalog(snapshot(repo))
    head = here.find(id)
    head.usable()
    if not head.cases:
        raise UsageError(f"{id} has no cases to be compared on", hint="write some beside it: onbook new shows how")
    one, other = (_side(repo, here, head, Spec.parse(text)) for text in (a, b))
    match = lay_out(one, other, a)
    meter, bar = Meter(Limits(CONCURRENCY, max_calls, max_cost)), Bar()
    if live:
        ask([match], meter, bar)
        bar.done("asked for")
    if judge is None:
        report = compare_report(settle([grade(match)]), base=a, head=b)
    else:
        verdicts = read_recordings(head)
        if live:
            ask_pairwise(match, Memory(verdicts), meter, bar, model=judge_model)
        elif record:
            _record_preferences(repo, head, match, verdicts, meter, bar, judge_model)
        if live or record:
            bar.done("asked the judge for")
        report = preference_report(*prefer(match, verdicts, model=judge_model), base=a, head=b)
    if details:
        report = with_details(report, [match], live=live)
    print_report(report, format)
    if meter.stopped == INTERRUPTED:
        note("interrupted: what was answered is kept" if record else "interrupted: nothing of it is kept")
        return 130
    return report.exit_code()


def _record_preferences(
    repo: Repository, head: Source, match: Match, verdicts: Recordings, meter: Meter, bar: Bar, model: str | None
) -> None:
    path = repo.root / (stem(head.path) + RECORDINGS_SUFFIX)
    with Locks(repo.kept / LOCK) as locks:
        ask_pairwise(match, Journal(verdicts, path, locks), meter, bar, model=model)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a side is: a place in history, and what is set otherwise there."""

    at: str
    model: str | None
    parameters: dict[str, Any]

    @staticmethod
    def parse(text: str) -> Spec:
        """Read ``1.4.0,model=openai/gpt-5.4-mini,temperature=0.7``.

        Raises:
            UsageError: two places, nothing at all, or a parameter that does not exist or cannot be so.
        """
        at, model, parameters = None, None, {}
        for part in filter(None, map(str.strip, text.split(","))):
            name, equals, value = part.partition("=")
            if not equals:
                if at is not None:
                    raise UsageError(f"{text!r} names two places, {at!r} and {part!r}")
                at = part
            elif name == "model":
                model = value
            else:
                parameters[name] = _value(value)
        if at is None and model is None and not parameters:
            raise UsageError("a side is a version, a revision, or settings", hint="as in 1.4.0 or temperature=0.7")
        return Spec(at or HERE, model, _known(parameters))


def _known(given: dict[str, Any]) -> dict[str, Any]:
    """Parameters by the names that a prompt's file has for them; null takes one away.

    Raises:
        UsageError: one is misspelt, or no prompt's file could say it.
    """
    shape = contract("prompt")
    schema: Any = shape.schema
    written: Any = with_known_parameters({"modelParameters": given})
    parameters: dict[str, Any] = written["modelParameters"]
    known = schema["properties"]["modelParameters"]["properties"]
    for name in parameters:
        if name not in known:
            near = nearest(name, ["model", *known])
            hint = f"did you mean {near!r}?" if near else f"there are: model, {', '.join(known)}"
            raise UsageError(f"there is no model parameter {name!r}", hint=hint)
    said = {name: value for name, value in parameters.items() if value is not None}
    for violation in shape.violations({"messages": [], "modelParameters": said}):
        if violation.pointer[:1] == ("modelParameters",):
            raise UsageError(f"{violation.pointer[1]}: {violation.message}")
    return parameters


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _side(repo: Repository, here: Catalog, head: Source, spec: Spec) -> Side:
    there = head if spec.at == HERE else Catalog(_place(repo, here, head.id, spec.at)).find(head.id)
    source = variant(there, model=spec.model, parameters=spec.parameters)
    model = source.prompt.model if source.prompt else None
    if not model:
        raise UsageError(f"{head.id} names no model in {spec.at}", hint="set one: model=NAME")
    recordings = read_recordings(there)
    if there is not head:
        # What was answered since to the same requests counts as well.
        for recording in read_recordings(head).unsorted():
            recordings.add(recording)
    # Both sides take the same examination: the cases and assertions of the work tree.
    return Side(Source(source.loaded, head.snapshot), model, recordings)


def _place(repo: Repository, here: Catalog, id: str, at: str) -> Snapshot:
    if at == HERE:
        return WorkTree(repo)
    try:
        version = Version.parse(at.removeprefix("v"))
    except UsageError:
        return _commit(repo, at)
    return Commit(repo, release_of(list_tags(repo, prefix=here.config.tag_prefix, prompt=id), id, version).commit)


def _commit(repo: Repository, at: str) -> Commit:
    try:
        return Commit(repo, at)
    except UsageError as error:
        if "/" not in at or repo.head is None:
            raise
        # As models are named, and only branches are otherwise.
        raise UsageError(error.message, hint=f"{error.hint}; a model is compared as model={at}") from None
