"""Running the cases of prompts: by replay, by asking the models for what is not recorded, or for everything anew.

Replay needs no key, no network and no money, and gives the same verdict on every machine: nothing here imports a
model library unless an answer has to be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from onbook.project import Catalog, Source
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.report import Report, Status
from onbook.testing.asking import Keeper, Memory, Progress, Standing, ask_missing, needed
from onbook.testing.assertions import name_of
from onbook.testing.grading import grade
from onbook.testing.journal import Journal
from onbook.testing.judging import at, report_of
from onbook.testing.limits import Meter
from onbook.testing.locks import Locks
from onbook.testing.measuring import agreements
from onbook.testing.metrics import expected_labels
from onbook.testing.misses import how_changed
from onbook.testing.models import ModelError, NotAskedError, Request
from onbook.testing.packed import Packed
from onbook.testing.planning import Planned, plan, read_recordings, template_problems, unit_of
from onbook.testing.preference import standing
from onbook.testing.recordings import Recording, Recordings, Slot
from onbook.testing.results import NOTHING, CaseResult, RepeatResult, UnitResult
from onbook.testing.selection import Selection
from onbook.testing.unit import Attempt, Unit

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
        ask_missing([(room.units, room.keeper) for room in rooms if room.keeper], meter or Meter(), progress)
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
    ask_missing([(room.units, room.keeper) for room in rooms if room.keeper], meter or Meter(), progress)
    return [result for room in rooms for result in room.results(compare=True, seen=seen)]


def without_prompt(catalog: Catalog) -> list[str]:
    """The recordings files below the prompts folder whose prompt is gone."""
    known = {stem(path) + RECORDINGS_SUFFIX for path in catalog.paths.values()}
    there = catalog.snapshot.entries(catalog.config.prompts)
    return sorted(path for path in there if path.endswith(RECORDINGS_SUFFIX) and path not in known)


def prune(sources: Iterable[Source], root: Path) -> dict[str, int]:
    """Drop recordings that no case asks for any more; how many, by file. What waits for a newer answer stays.

    A prompt whose cases cannot all be rendered is passed over: nobody can say what they would ask for.
    """
    dropped = {}
    for source in sources:
        path = stem(source.path) + RECORDINGS_SUFFIX
        room = _prepare(source, ALL, lambda _, recordings: Memory(recordings))
        if not room.units or any(unit.wrong for unit in room.units) or room.faulty:
            continue
        recordings = room.units[0].recordings
        keys = needed(room.units) | standing(room.units, recordings)
        slots: set[Slot] = set()
        judges: dict[str, set[str]] = {}
        steps: dict[str, set[str]] = {}
        for unit in room.units:
            for attempt in unit.attempts:
                case, request = attempt.case, attempt.request
                slots.add((case.id, request.model, request.repeat, None))
                judges.setdefault(case.id, set()).update(map(name_of, unit.assertions(case)))
                steps.setdefault(case.id, set()).update(link.name for link in attempt.links[:-1])
        # Which verdicts an answer that is yet to come will ask for is not known: those of its assertions stay.
        slots |= {
            held.slot
            for held in recordings
            if held.assertion in judges.get(held.case, ()) or held.step in steps.get(held.case, ())
        }
        count = recordings.drop_stale(keys) + recordings.drop_orphans(keys, slots)
        if count:
            recordings.write(root / path)
            dropped[path] = count
    return dropped


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
        planned: the cases of each unit; keeper: where its answers go, None where nothing may be asked.
        recorded: what is on disk, where the run does not look at it.
    """

    settled: UnitResult | None = None
    units: list[Unit] = field(default_factory=list)
    planned: list[list[Planned]] = field(default_factory=list)
    keeper: Keeper | None = None
    recorded: Recordings | None = None

    @property
    def faulty(self) -> bool:
        """Whether a case means nothing."""
        return any(planned.faults for each in self.planned for planned in each)

    def results(self, *, compare: bool = False, seen: Seen | None = None) -> Iterator[UnitResult]:
        if self.settled:
            yield self.settled
        # What is asked anew says nothing of the answers that people have labelled.
        measured = agreements(self.units[0].source, self.recorded) if self.units and self.recorded is not None else ()
        for unit, planned in zip(self.units, self.planned, strict=True):
            unit.agreements = measured
            graded = [_graded(unit, each) for each in planned]
            if compare and self.recorded is not None:
                graded = list(_compared(unit, self.recorded, planned, graded))
            if seen is not None:
                for each, result in zip(planned, graded, strict=True):
                    seen(unit, each, result)
            yield _result(unit, graded)


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
        return _Room(settled=units)
    room = _Room(units=units, recorded=recorded)
    for unit in units:
        planned = list(plan(unit, selection))
        room.planned.append(planned)
        unit.attempts += [attempt for each in planned for attempt in each.attempts]
    if not room.faulty:
        room.keeper = keeper(source, units[0].recordings)
        if fresh:
            # A unit reads what its keeper holds.
            for unit in units:
                unit.recordings = room.keeper.recordings
    return room


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
        repeat, key, attempt.state, attempt.score, reasons, attempt.hint, missed, doubts=attempt.doubts, labels=labels
    )


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
        return None
    keys = [attempt.key, *(request.key() for _, request in unit.verdicts(attempt))]
    return next((unit.failures[key] for key in keys if key in unit.failures), None)


def _compared(
    unit: Unit, recorded: Recordings, planned: Sequence[Planned], graded: Sequence[CaseResult]
) -> Iterator[CaseResult]:
    """Each new answer beside the recorded one to the same request."""
    before = Unit(unit.source, unit.prompt, unit.model, recorded, agreements=unit.agreements)
    for each, result in zip(planned, graded, strict=True):
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
        yield replace(result, repeats=tuple(repeats))


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
