"""Old and new answers to the same cases, side by side, both graded by the new assertions.

The baseline is free: the answers at the last release are in history, recorded beside the prompt as it was then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from onbook.contract import same
from onbook.errors import OnbookError, UsageError
from onbook.project import Source
from onbook.prompt import Case, Json, Prompt
from onbook.testing.agreement import Agreement
from onbook.testing.asking import Memory, Progress, ask_missing
from onbook.testing.grading import grade
from onbook.testing.limits import Meter
from onbook.testing.measuring import agreements
from onbook.testing.planning import plan, read_recordings, unit_of
from onbook.testing.recordings import Recordings
from onbook.testing.selection import Selection
from onbook.testing.statistics import Comparison, Pair, Verdict, compare, decide
from onbook.testing.unit import Attempt, Unit

ALL = Selection()

ACCURACY, SCORE = "accuracy", "score"
"""Measures that can decide: the share of repeats that pass (the default), or the mean of the weighted scores."""


_NO_SUCH = "there is no such case on the other side"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison.

    Attributes:
        source: the prompt and cases as they are there; model: that answers.
        recordings: where its answers are.
    """

    source: Source
    model: str
    recordings: Recordings


@dataclass(frozen=True, slots=True)
class Compared:
    """One prompt on two sides.

    Attributes:
        base: what the old side is, for people: a version, a revision.
        model, old_model: the models that answered.
        measure: what was compared; see ACCURACY and SCORE.
        comparison: None where there was nothing to compare, or nothing that differs.
        same: every shared case asks the same and was answered with the same outcome.
        left_out: cases of either side that are not compared, with the reason.
        trouble: why nothing could be compared.
    """

    prompt: str
    path: str
    base: str
    model: str
    old_model: str
    measure: str
    margin: float
    comparison: Comparison | None = None
    same: bool = False
    left_out: Mapping[str, str] | None = None
    trouble: OnbookError | None = None

    @property
    def verdict(self) -> Verdict | None:
        """What is said of the prompt; None where it could not be checked."""
        if self.trouble is not None:
            return None
        if self.same:
            return Verdict.NOT_WORSE  # by identity, however few the cases
        return self.comparison.verdict if self.comparison else Verdict.INCONCLUSIVE


@dataclass(slots=True)
class Match:
    """Two sides laid out case by case, before anything is graded.

    Attributes:
        compared: what is known already; its trouble is why there are no units.
        old, new: what each side asked, or would ask, for each case that both share.
        left_out: cases of either side that are not compared, with the reason.
    """

    compared: Compared
    old: Unit | None = None
    new: Unit | None = None
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def units(self) -> list[Unit]:
        """Both, if there are any."""
        return [unit for unit in (self.old, self.new) if unit is not None]


def against(old: Source, new: Source, base: str, selection: Selection = ALL, *, fresh: bool = False) -> list[Match]:
    """Lay a prompt out beside an older version of itself, called ``base``.

    On the prompt's own model each side answers with the one that it names; a model of the suite is the same on both.

    Args:
        fresh: look at no recording: everything is to be asked now.
    """
    if (trouble := _unusable(old) or _unusable(new)) is not None:
        return [Match(Compared(new.id, new.path, base, "", "", ACCURACY, new.suite.margin, trouble=trouble))]
    own = new.prompt.model if new.prompt else None
    recorded, recorded_before = (Recordings(), Recordings()) if fresh else (read_recordings(new), read_recordings(old))
    found = []
    for model in new.suite.models or (own or "",):
        before = old.prompt.model if old.prompt and model == own else model
        one, other = Side(old, before or "", recorded_before), Side(new, model, recorded)
        measured = agreements(new, read_recordings(new)) if fresh else None
        found.append(lay_out(one, other, base, selection, measured=measured))
    return found


def lay_out(
    old: Side, new: Side, base: str, selection: Selection = ALL, *, measured: Sequence[Agreement] | None = None
) -> Match:
    """Pair two sides case by case, both to be graded by the new side's assertions.

    Args:
        measured: how well judges agree with people; default: by what is recorded on the new side.
    """
    suite = new.source.suite
    measure = suite.primary or ACCURACY
    found = Match(Compared(new.source.id, new.source.path, base, new.model, old.model, measure, suite.margin))
    if measure not in (ACCURACY, SCORE):
        trouble = UsageError(
            f"the suite's primary measure {measure!r} is none", place=new.source.path, hint=f"{ACCURACY} or {SCORE}"
        )
        found.compared = replace(found.compared, trouble=trouble)
        return found
    cases = {case.id: case for case in new.source.cases if selection.takes(new.source.id, case)}
    found.old, found.new = (_unit(side, new.source, cases, found.left_out, selection) for side in (old, new))
    shared = {attempt.case.id for attempt in found.old.attempts} & {attempt.case.id for attempt in found.new.attempts}
    judges = agreements(new.source, new.recordings) if measured is None else tuple(measured)
    for unit in found.units:
        unit.agreements = judges
        unit.attempts = [attempt for attempt in unit.attempts if attempt.case.id in shared]
    found.left_out |= dict.fromkeys(cases.keys() - shared - found.left_out.keys(), _NO_SUCH)
    return found


def ask(matches: Iterable[Match], meter: Meter, progress: Progress | None = None) -> None:
    """Ask now for what both sides miss, case by case in turn, so that a provider's moods meet both alike.

    Raises:
        OnbookError: nothing can be asked at all.
    """
    groups = [([unit], Memory(unit.recordings)) for match in matches for unit in match.units]
    ask_missing(groups, meter, progress, interleaved=True)


def judge(match: Match) -> Compared:
    """Grade both sides of a match and say what that proves."""
    found = match.compared
    if match.old is None or match.new is None:
        return found
    left_out = dict(match.left_out)
    before = _answers(match.old, left_out, found.measure)
    now = _answers(match.new, left_out, found.measure)
    clusters = {attempt.case.id: attempt.case.cluster for attempt in match.new.attempts}
    shared = [id for id in clusters if id in before and id in now]
    pairs = [Pair(id, before[id].scores, now[id].scores, clusters[id]) for id in shared]
    found = replace(found, left_out=left_out)
    if not pairs:
        return found
    if all(before[id] == now[id] for id in shared):
        return replace(found, same=True)
    try:
        return replace(found, comparison=compare(pairs, found.margin))
    except OnbookError as error:
        return replace(found, trouble=error)


def settle(compared: Sequence[Compared]) -> list[Compared]:
    """The same comparisons, their p-values adjusted for how many of them there are (Holm)."""
    measured = [each.comparison for each in compared if each.comparison is not None]
    adjusted = iter(decide(measured))
    return [each if each.comparison is None else replace(each, comparison=next(adjusted)) for each in compared]


@dataclass(frozen=True, slots=True)
class _Answers:
    """What one side answered to one case: a key and a score for each repeat."""

    keys: tuple[str, ...]
    scores: tuple[float, ...]


def _unit(side: Side, judge: Source, cases: Mapping[str, Case], left_out: dict[str, str], selection: Selection) -> Unit:
    """What one side asks for the cases that mean the same there, to be graded as ``judge`` says."""
    source = side.source
    assert source.prompt
    assert judge.prompt
    unit = Unit(judge, judge.prompt, side.model, side.recordings)
    for planned in plan(unit_of(source, source.prompt, side.model, side.recordings), ALL):
        case = cases.get(planned.case.id)
        if case is None:
            if selection == ALL:
                left_out[planned.case.id] = _NO_SUCH
        elif not _means_the_same(planned.case, case):
            left_out[case.id] = "its inputs or history changed"
        elif planned.faults:
            left_out[case.id] = planned.faults[0].message
        else:
            unit.attempts += [replace(attempt, case=case) for attempt in planned.attempts]
    return unit


def _answers(unit: Unit, left_out: dict[str, str], measure: str) -> dict[str, _Answers]:
    """The answers of one side by case; a case without any is left out."""
    by_case: dict[str, list[Attempt]] = {}
    for attempt in unit.attempts:
        grade(unit, attempt)
        by_case.setdefault(attempt.case.id, []).append(attempt)
    found = {}
    for id, attempts in by_case.items():
        told = [attempt for attempt in attempts if attempt.state != "missing"]
        if told:
            keys, scores = (attempt.key for attempt in told), (_score(attempt, measure) for attempt in told)
            found[id] = _Answers(tuple(keys), tuple(scores))
        else:
            left_out[id] = attempts[0].reasons[0] if attempts[0].reasons else "it is not recorded"
    return found


def _score(attempt: Attempt, measure: str) -> float:
    # An answer that is none serves nobody: it counts as one that failed.
    # A judge that may not gate has no say in a verdict either.
    if measure == SCORE and (attempt.state != "error" or attempt.doubts):
        return attempt.sure_score
    return float(attempt.state == "passed" or bool(attempt.doubts))


def _means_the_same(one: Case, other: Case) -> bool:
    return same([one.inputs, one.history], [other.inputs, other.history])


def _unusable(source: Source) -> OnbookError | None:
    try:
        source.usable()
    except OnbookError as error:
        return OnbookError(
            f"{source.id} in {source.snapshot.name} cannot be run: {error.message}", place=error.place, hint=error.hint
        )
    return None


def variant(source: Source, *, model: str | None = None, parameters: Json | None = None) -> Source:
    """A prompt with another model or other parameters than its file says; parameters that are null are left out."""
    prompt = source.usable()
    merged = {**prompt.parameters, **(parameters or {})}
    changed: Prompt = replace(
        prompt,
        model=model or prompt.model,
        parameters={key: value for key, value in merged.items() if value is not None},
    )
    return replace(source, loaded=replace(source.loaded, prompt=changed))
