"""Running the cases of prompts: by replay, by asking the models for what is not recorded, or for everything anew.

Replay needs no key, no network and no money, and gives the same verdict on every machine: nothing here imports a
model library unless an answer has to be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from onbook.project import Catalog, Source
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.report import Report, Status
from onbook.testing.asking import Progress, Standing, ask_missing
from onbook.testing.assertions import name_of
from onbook.testing.grading import grade
from onbook.testing.journal import Journal
from onbook.testing.judging import at, report_of
from onbook.testing.limits import Meter
from onbook.testing.locks import Locks
from onbook.testing.measuring import agreements
from onbook.testing.metrics import expected_labels
from onbook.testing.misses import how_changed
from onbook.testing.packed import Packed
from onbook.testing.places import Numbers, number_of
from onbook.testing.planning import Planned, plan, read_recordings, template_problems, unit_of
from onbook.testing.preference import Baselines, standing
from onbook.testing.recording import Recording
from onbook.testing.recordings import Keys, Recordings
from onbook.testing.request import ModelError, NotAskedError, Request
from onbook.testing.results import NOTHING, CaseResult, RepeatResult, UnitResult
from onbook.testing.selection import Selection
from onbook.testing.unit import Attempt, Unit
from onbook.testing.wanted import Cases, Keeper, Memory

__all__ = ["Progress", "Standing", "live", "prune", "record", "replay", "report_of", "run", "summary"]

ALL = Selection()

Seen = Callable[[Unit, Planned, CaseResult], None]
"""Told of each case once it is graded, with its answers at hand."""


def run(sources: Iterable[Source], *, head: str | None = None) -> Report:
    """Replay all cases of prompts and judge the answers. What cannot be run is unchecked and hides no other prompt."""
    return report_of(replay(sources), head=head)


def replay(sources: Iterable[Source], selection: Selection = ALL, *, seen: Seen | None = None) -> Iterator[UnitResult]:
    """Grade what is recorded, and nothing else: no socket is opened. One case at a time is held in memory."""
    for source in sources:
        units = _units(source)
        if isinstance(units, UnitResult):
            yield units
            continue
        measured = agreements(source, units[0].recordings)
        for unit in units:
            unit.agreements = measured
            yield _result(unit, (_graded(unit, planned, seen) for planned in plan(unit, selection)))


def record(
    sources: Iterable[Source],
    root: Path,
    *,
    selection: Selection = ALL,
    meter: Meter | None = None,
    progress: Progress | None = None,
    locks: Path | None = None,
    seen: Seen | None = None,
) -> list[UnitResult]:
    """Ask the models for answers that are not recorded, write them below ``root`` as they arrive, and grade all.

    Args:
        root: the top of the work tree.
        meter: counts what is spent and says when to stop; what was not asked for then is told as not run.
        locks: a file by which runs on the same recordings are kept apart.

    Raises:
        OnbookError: a model cannot be asked at all (its library is missing), or the recordings cannot be written.
    """

    with Locks(locks) if locks else nullcontext() as held:

        def journal(source: Source, recordings: Recordings) -> Keeper:
            return Journal(recordings, root / (stem(source.path) + RECORDINGS_SUFFIX), held)

        rooms = [_prepare(source, selection, journal) for source in sources]
        ask_missing([room.group for room in rooms if room.asks], meter or Meter(), progress)
    return [result for room in rooms for result in room.results(seen=seen)]


def live(
    sources: Iterable[Source],
    *,
    selection: Selection = ALL,
    meter: Meter | None = None,
    progress: Progress | None = None,
    seen: Seen | None = None,
) -> list[UnitResult]:
    """Ask for every answer anew, grade it, and compare it with the recording. No recording is touched.

    Raises:
        OnbookError: a model cannot be asked at all.
    """
    rooms = [_prepare(source, selection, lambda _, __: Memory(Recordings()), fresh=True) for source in sources]
    ask_missing([room.group for room in rooms if room.asks], meter or Meter(), progress)
    return [result for room in rooms for result in room.results(compare=True, seen=seen)]


def without_prompt(catalog: Catalog) -> list[str]:
    """The recordings files below the prompts folder whose prompt is gone."""
    known = {stem(path) + RECORDINGS_SUFFIX for path in catalog.paths.values()}
    there = catalog.snapshot.entries(catalog.config.prompts)
    return sorted(path for path in there if path.endswith(RECORDINGS_SUFFIX) and path not in known)


def prune(
    sources: Iterable[Source], root: Path, baselines: Callable[[Source], Baselines | None] = lambda _: None
) -> dict[str, int]:
    """Drop recordings that no case asks for any more; how many, by file. What waits for a newer answer stays.

    A prompt whose cases cannot all be rendered is passed over: nobody can say what they would ask for.

    Args:
        baselines: what is recorded in the versions of a prompt that a comparison may name; None where that is not
            known: then no verdict of a comparison is dropped.
    """
    dropped = {}
    for source in sources:
        path = stem(source.path) + RECORDINGS_SUFFIX
        cases = _prepare(source, ALL, lambda _, recordings: Memory(recordings)).cases
        if cases is None or any(unit.wrong for unit in cases.units):
            continue
        recordings = cases.keeper.recordings
        needed = cases.needed()
        if cases.faulty:
            continue
        shown = standing(cases, baselines(source))
        there = Numbers(_belonging(cases))

        def waiting(held: Recording, needed: Keys = needed, shown: Keys = shown, there: Numbers = there) -> bool:
            return held.key in shown or number_of(_slot(held)) in there

        count = recordings.drop_stale(needed) + recordings.drop_orphans(needed, waiting)
        if count:
            recordings.write(root / path)
            dropped[path] = count
    return dropped


def _belonging(cases: Cases) -> Iterator[int]:
    """What recordings of these cases may stand for, a number each."""
    for unit, every in cases.by_unit():
        for planned in every:
            case = planned.case.id
            for attempt in planned.attempts:
                yield number_of((case, attempt.request.model, attempt.request.repeat))
                yield from (number_of((case, "step", link.name)) for link in attempt.links[:-1])
            # Which verdicts an answer that is yet to come will ask for is not known: those of its assertions stay.
            yield from (number_of((case, name_of(assertion))) for assertion in unit.assertions(planned.case))


def _slot(held: Recording) -> tuple[object, ...]:
    if held.step is not None:
        return held.case, "step", held.step
    return (held.case, held.assertion) if held.assertion else (held.case, held.model, held.repeat)


_COUNTED = ("passed", "failed", "errors", "missing", "xfailed", "doubted")


def summary(report: Report) -> str:
    """A test report in a few words: ``11 passed, 1 xfailed``, summed over prompts and models."""
    rows = report.data["prompts"]
    assert isinstance(rows, list)
    counts = {key: sum(row.get(key, 0) for row in rows) for key in _COUNTED}
    told = [f"{count} {key}" for key, count in counts.items() if count]
    if any(row["status"] == Status.UNCHECKED and not row["missing"] for row in rows):
        told.append("not run")
    return ", ".join(told) or "no cases"


# --- preparing: nothing is asked before all requests, and all assertions, are known to mean something


def _units(source: Source, *, record: bool = False, recordings: Recordings | None = None) -> list[Unit] | UnitResult:
    prompt = source.prompt
    problems = source.problems or tuple(template_problems(source))
    if prompt is None or problems:
        wrong = tuple(
            at("prompt-unusable", problem.message, problem.path, problem.line, problem.column, hint=problem.hint)
            for problem in problems
        )
        return UnitResult(source.id, source.path, prompt.model if prompt else None, kind="unusable", wrong=wrong)
    if not source.cases and not source.tests.problems:
        return UnitResult(source.id, source.path, prompt.model, prompt.model, kind="skipped")
    kept = read_recordings(source) if recordings is None else recordings
    models = source.suite.models or (prompt.model or "",)
    return [unit_of(source, prompt, model, kept, record=record) for model in models]


@dataclass(slots=True)
class _Room:
    """One prompt while its models are asked.

    Attributes:
        settled: what is known without asking: the prompt cannot be run, or has no cases.
        cases: what it asks, on each of its models.
        recorded: what is on disk.
    """

    recorded: Recordings
    settled: UnitResult | None = None
    cases: Cases | None = None

    @property
    def asks(self) -> bool:
        """Whether there is anything that may be asked."""
        return self.cases is not None

    @property
    def group(self) -> tuple[Cases, Sequence[Keeper]]:
        assert self.cases
        return self.cases, (self.cases.keeper,)

    def results(self, *, compare: bool = False, seen: Seen | None = None) -> Iterator[UnitResult]:
        if self.settled:
            yield self.settled
        if self.cases is None:
            return
        # What is asked anew says nothing of the answers that people have labelled.
        measured = agreements(self.cases.units[0].source, self.recorded)
        for unit, planned in self.cases.by_unit():
            unit.agreements = measured
            graded = _with_results(unit, planned)
            if compare:
                graded = _compared(unit, self.recorded, graded)
            yield _result(unit, _shown(unit, graded, seen))


def _prepare(
    source: Source,
    selection: Selection,
    keeper: Callable[[Source, Recordings], Keeper],
    *,
    fresh: bool = False,
) -> _Room:
    recorded = read_recordings(source)
    units = _units(source, record=not fresh, recordings=Recordings() if fresh else recorded)
    if isinstance(units, UnitResult):
        return _Room(recorded, settled=units)
    kept = keeper(source, units[0].recordings)
    for unit in units:
        unit.recordings = kept.recordings  # a unit reads what its keeper holds
    return _Room(recorded, cases=Cases(units, selection, kept))


def _with_results(unit: Unit, every: Iterable[Planned]) -> Iterator[tuple[Planned, CaseResult]]:
    return ((planned, _graded(unit, planned)) for planned in every)


def _shown(unit: Unit, graded: Iterable[tuple[Planned, CaseResult]], seen: Seen | None) -> Iterator[CaseResult]:
    for planned, result in graded:
        if seen is not None:
            seen(unit, planned, result)
        yield result


# --- grading


def _graded(unit: Unit, planned: Planned, seen: Seen | None = None) -> CaseResult:
    case = planned.case
    repeats = tuple(_repeat(unit, attempt) for attempt in planned.attempts) if not unit.wrong else ()
    result = CaseResult(
        case.id,
        planned.number,
        case.path,
        case.line,
        case.cluster,
        case.xfail,
        bare=not unit.assertions(case),
        repeats=repeats,
        faults=planned.faults,
        expected=(expected_labels(unit.source.suite.metrics, case) or NOTHING) if repeats else NOTHING,
    )
    if seen is not None:
        seen(unit, planned, result)
    return result


def _repeat(unit: Unit, attempt: Attempt) -> RepeatResult:
    grade(unit, attempt)
    repeat, key, labels = attempt.request.repeat, attempt.key, attempt.labels or NOTHING
    if attempt.state == "passed":
        return RepeatResult(repeat, key, "passed", attempt.score, doubts=attempt.doubts, labels=labels)
    reasons, missed = tuple(attempt.reasons), None
    if attempt.state == "missing":
        missed, reasons = _missed(unit, attempt)
    return RepeatResult(
        repeat, key, attempt.state, attempt.score, reasons, attempt.hint, missed, doubts=attempt.doubts, labels=labels,
        undecided=attempt.undecided,
    )  # fmt: skip


def _missed(unit: Unit, attempt: Attempt) -> tuple[str, tuple[str, ...]]:
    """What kind of missing it is, and why."""
    failure = _failure(unit, attempt)
    if isinstance(failure, NotAskedError):
        attempt.hint = failure.hint
        return "not-run", (failure.message,)
    if attempt.reasons:
        return ("in-vain" if attempt.in_vain else "unrecorded"), (attempt.reasons[0],)
    older: Recording | None = unit.recordings.nearest(attempt.case.id, attempt.request)
    if older is None:
        return "unrecorded", ("there is no recording of its answer",)
    changed = how_changed(older.request, attempt.request.canonical())
    return "unrecorded", (f"the request changed since it was recorded: {changed}",)


def _failure(unit: Unit, attempt: Attempt) -> ModelError | None:
    if not unit.failures:
        return unit.not_asked
    keys = [attempt.key, *(request.key() for _, request in unit.verdicts(attempt))]
    return next((unit.failures[key] for key in keys if key in unit.failures), unit.not_asked)


def _compared(
    unit: Unit, recorded: Recordings, graded: Iterable[tuple[Planned, CaseResult]]
) -> Iterator[tuple[Planned, CaseResult]]:
    """Each new answer beside the recorded one to the same request."""
    before = Unit(unit.source, unit.prompt, unit.model, recorded, agreements=unit.agreements)
    for each, result in graded:
        repeats = []
        for attempt, repeat in zip(each.attempts, result.repeats, strict=False):
            old, new = _recorded(recorded, attempt, attempt.request, None), unit.recordings.get(attempt.key)
            drift = None
            if new is not None and old is None:
                drift = "new"
            elif new is not None and old is not None:
                then = Attempt(attempt.case, attempt.request, old.key)  # its last step, if it has several
                grade(before, then)
                moved = "missing" not in (then.state, repeat.state) and then.state != repeat.state
                drift = "verdict" if moved else _text_drift(old, new)
            steps: dict[str, str] = {}
            for step, request in attempt.earlier:
                then_said, said = _recorded(recorded, attempt, request, step), unit.recordings.get(request.key())
                if said is not None:
                    steps[step] = "new" if then_said is None else _text_drift(then_said, said)
            repeats.append(replace(repeat, drift=drift, steps=steps or NOTHING))
        yield each, replace(result, repeats=tuple(repeats))


def _recorded(recorded: Recordings, attempt: Attempt, request: Request, step: str | None) -> Recording | None:
    """The recorded answer to a request. Where an earlier step of its chain reads otherwise now the request does too:
    then the answer that stands in its place."""
    found = recorded.get(request.key())
    return recorded.nearest(attempt.case.id, request, step) if found is None and attempt.earlier else found


def _text_drift(old: Recording, new: Recording) -> str:
    same = (old.response.text, old.response.tool_calls) == (new.response.text, new.response.tool_calls)
    return "same" if same else "text"


def _result(unit: Unit, cases: Iterable[CaseResult]) -> UnitResult:
    source, prompt = unit.source, unit.prompt
    return UnitResult(
        source.id,
        source.path,
        unit.model or None,
        prompt.model,
        named=bool(source.suite.models),
        threshold=source.suite.threshold,
        metrics=source.suite.metrics,
        judges=unit.agreements,
        total=len(source.cases),
        wrong=tuple(unit.wrong),
        cases=Packed(cases),
    )
