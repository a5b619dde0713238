"""Old and new answers to the same cases, side by side, both graded by the new assertions.

The baseline is free: the answers at the last release are in history, recorded beside the prompt as it was then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from onbook.contract import same
from onbook.errors import OnbookError, UsageError
from onbook.project import Source
from onbook.prompt import Case, Json, Prompt
from onbook.report import Finding
from onbook.testing.agreement import Agreement
from onbook.testing.asking import Progress, ask_missing
from onbook.testing.grading import grade
from onbook.testing.limits import Meter
from onbook.testing.measuring import agreements
from onbook.testing.places import Numbers, Places, number_of
from onbook.testing.planning import Planner, read_recordings, unit_of
from onbook.testing.recordings import Recordings
from onbook.testing.selection import Selection
from onbook.testing.statistics import Comparison, Pair, Pairs, Verdict, compare, decide
from onbook.testing.unit import Attempt, Unit
from onbook.testing.wanted import Memory, Wanted, asked_by

ALL = Selection()

ACCURACY, SCORE = "accuracy", "score"
"""Measures that can decide: the share of repeats that pass (the default), or the mean of the weighted scores."""

NOT_RECORDED = "it is not recorded"
"""Why a case is left out that no side was asked about; what else is left out asking would not help."""


_NO_SUCH = "there is no such case on the other side"
_OTHER = "its inputs or history changed"


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
        same: every case that means the same on both sides asks the same and was answered with the same outcome.
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


@dataclass(frozen=True, slots=True)
class Both:
    """One case with what each side asked, or would ask, for it."""

    case: Case
    old: tuple[Attempt, ...]
    new: tuple[Attempt, ...]


@dataclass(slots=True)
class Match:
    """Two sides laid out case by case, before anything is graded. Cases are paired anew whenever they are looked at,
    so that none is held.

    Attributes:
        compared: what is known already; its trouble is why there are no units.
        old, new: each side, to be graded by the new side's assertions.
    """

    compared: Compared
    old: Unit | None = None
    new: Unit | None = None
    _cases: _Paired | None = None

    @property
    def units(self) -> list[Unit]:
        """Both, if there are any."""
        return [unit for unit in (self.old, self.new) if unit is not None]

    def shared(self, left_out: dict[str, str] | None = None) -> Iterator[Both]:
        """The cases that both sides have and that mean the same there, in the order of the new side.

        Args:
            left_out: takes the cases of either side that are not compared, with the reason.
        """
        return self._cases.shared({} if left_out is None else left_out) if self._cases else iter(())

    @property
    def places(self) -> Iterator[int]:
        """The numbers of the new side's cases that are compared, if the old side has them."""
        return self._cases.places() if self._cases else iter(())

    def at(self, place: int) -> Both | None:
        """The case of one number, if both sides have it."""
        assert self._cases
        found = self._cases.both(place, self._cases.new.cases[place])
        return None if isinstance(found, str) else found


class _Paired:
    """Which case of one side is which of the other: where each stands, and nothing of what it says."""

    def __init__(self, old: Side, new: Side, selection: Selection) -> None:
        self.old, self.new, self._selection = old.source, new.source, selection
        self._planners = [
            Planner(unit_of(side.source, side.source.usable(), side.model, side.recordings)) for side in (old, new)
        ]
        self._places = Places((number_of(case.id), number) for number, case in enumerate(self.old.cases))

    @property
    def wrong(self) -> Finding | None:
        """What keeps the new side from grading any case; what the old one asserts does not matter."""
        return next(iter(self._planners[1].unit.wrong), None)

    def shared(self, left_out: dict[str, str]) -> Iterator[Both]:
        if self._selection == ALL:
            here = Numbers(number_of(case.id) for case in self.new.cases)
            left_out.update((case.id, _NO_SUCH) for case in self.old.cases if number_of(case.id) not in here)
        for number, case in enumerate(self.new.cases):
            if self.takes(case):
                found = self.both(number, case)
                if isinstance(found, str):
                    left_out[case.id] = found
                else:
                    yield found

    def takes(self, case: Case) -> bool:
        """Whether a case of the new side is selected."""
        return self._selection.takes(self.new.id, case)

    def places(self) -> Iterator[int]:
        return (number for number, case in enumerate(self.new.cases) if self.takes(case))

    def both(self, number: int, case: Case) -> Both | str:
        """A case of the new side and the same of the old one, or why there is no such pair."""
        places = self._places.of(number_of(case.id))
        place, before = next(
            ((place, it) for place in places if (it := self.old.cases[place]).id == case.id), (0, None)
        )
        if before is None:
            return _NO_SUCH
        if not _means_the_same(before, case):
            return _OTHER
        sides = []
        for planner, its, at in ((self._planners[0], before, place), (self._planners[1], case, number)):
            planned = planner.plan(at, its)
            if planned.faults:
                return planned.faults[0].message
            sides.append(tuple(replace(attempt, case=case) for attempt in planned.attempts))
        return Both(case, *sides)


class _Asking:
    """What both sides of a match want, to be asked for now: case by case in turn, so that a provider's moods meet both
    alike. Places are the numbers of the new side's cases."""

    always: Sequence[int] = ()
    faulty = False

    def __init__(self, match: Match) -> None:
        self.units = match.units
        self.keepers = [Memory(unit.recordings) for unit in self.units]
        self._match = match

    def __iter__(self) -> Iterator[int]:
        return self._match.places

    def at(self, place: int) -> Iterator[Wanted]:
        """What one case wants on both sides, repeat by repeat."""
        both = self._match.at(place)
        if both is None:
            return
        for attempts in zip_longest(both.old, both.new):
            for unit, keeper, attempt in zip(self.units, self.keepers, attempts, strict=True):
                if attempt is not None:
                    yield from asked_by(unit, attempt, [unit], keeper)

    def finish(self) -> None:
        """Nothing is written."""


def against(old: Source, new: Source, base: str, selection: Selection = ALL, *, fresh: bool = False) -> list[Match]:
    """Lay a prompt out beside an older version of itself, called ``base``.

    On the prompt's own model each side answers with the one that it names; a model of the suite is the same on both.

    Args:
        fresh: look at no recording: everything is to be asked now.
    """
    if (trouble := _unusable(old, f"{old.snapshot.name}:") or _unusable(new)) is not None:
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
    assert new.source.prompt
    judges = agreements(new.source, new.recordings) if measured is None else tuple(measured)
    found.old, found.new = (
        Unit(new.source, new.source.prompt, side.model, side.recordings, agreements=judges) for side in (old, new)
    )
    found._cases = _Paired(old, new, selection)
    if wrong := found._cases.wrong:
        fault = OnbookError(f"nothing can be graded: {wrong.message}", place=wrong.place, hint=wrong.hint)
        return Match(replace(found.compared, trouble=fault))
    return found


def ask(matches: Iterable[Match], meter: Meter, progress: Progress | None = None) -> None:
    """Ask now for what both sides miss.

    Raises:
        OnbookError: nothing can be asked at all.
    """
    groups = [_Asking(match) for match in matches if match.units]
    ask_missing([(group, group.keepers) for group in groups], meter, progress)


def judge(match: Match) -> Compared:
    """Grade both sides of a match and say what that proves."""
    found = match.compared
    if match.old is None or match.new is None:
        return found
    left_out: dict[str, str] = {}
    pairs, same = Pairs(), True
    for both in match.shared(left_out):
        before = _answers(match.old, both.old, found.measure)
        now = _answers(match.new, both.new, found.measure)
        if before == NOT_RECORDED and match.old.not_asked is None and _ask_the_same(both):
            before = now  # what was answered since to the same request counts as well
        if isinstance(now, str) or isinstance(before, str):
            left_out[both.case.id] = now if isinstance(now, str) else str(before)
            continue
        same = same and before == now
        pairs.add(Pair(both.case.id, before.scores, now.scores, both.case.cluster))
    found = replace(found, left_out=left_out)
    if not pairs:
        return found
    if same and alike(left_out):
        return replace(found, same=True)
    try:
        return replace(found, comparison=compare(pairs, found.margin))
    except OnbookError as error:
        return replace(found, trouble=error)


def alike(left_out: Mapping[str, str]) -> bool:
    """Whether nothing is left out that both sides have. Of such a case nobody knows the outcomes, so that those of the
    others, however equal, are no proof by identity; it may well be the one that the change is about."""
    return set(left_out.values()) <= {_NO_SUCH, _OTHER}


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


def _answers(unit: Unit, attempts: Iterable[Attempt], measure: str) -> _Answers | str:
    """What one side answered to one case, or why there is nothing."""
    told, why = [], NOT_RECORDED
    for number, attempt in enumerate(attempts):
        grade(unit, attempt)
        if attempt.state != "missing":
            told.append(attempt)
        elif number == 0 and attempt.reasons:
            why = attempt.reasons[0]
    if not told:
        return why
    return _Answers(tuple(each.key for each in told), tuple(_score(each, measure) for each in told))


def _score(attempt: Attempt, measure: str) -> float:
    # An answer that is none serves nobody: it counts as one that failed.
    # A judge that may not gate has no say in a verdict either.
    if measure == SCORE and (attempt.state != "error" or attempt.doubts):
        return attempt.sure_score
    return float(attempt.state == "passed" or bool(attempt.doubts))


def _ask_the_same(both: Both) -> bool:
    return [attempt.key for attempt in both.old] == [attempt.key for attempt in both.new]


def _means_the_same(one: Case, other: Case) -> bool:
    return same([one.inputs, one.history], [other.inputs, other.history])


def _unusable(source: Source, before: str = "") -> OnbookError | None:
    """Why a side cannot be run. ``before``: what its places begin with, as a file is named that is not in this tree."""
    try:
        source.usable()
    except OnbookError as error:
        message = f"{source.id} in {source.snapshot.name} cannot be run: {error.message}"
        return OnbookError(message, place=before + (error.place or source.path), hint=error.hint)
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
    return Source(replace(source.loaded, prompt=changed), source.snapshot)
