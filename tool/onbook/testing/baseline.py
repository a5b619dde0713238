"""Old and new answers to the same cases, side by side, both graded by the new assertions.

The baseline is free: the answers at the last release are in history, recorded beside the prompt as it was then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from onbook.contract import same
from onbook.errors import OnbookError, UsageError
from onbook.project import Source
from onbook.prompt import Case, Json, Prompt
from onbook.testing.planning import plan, read_recordings, unit_of
from onbook.testing.recordings import Recordings
from onbook.testing.selection import Selection
from onbook.testing.statistics import Comparison, Pair, Verdict, compare, decide
from onbook.testing.unit import Attempt, Unit, grade

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


def against(old: Source, new: Source, base: str, selection: Selection = ALL) -> list[Compared]:
    """Compare a prompt with an older version of itself, called ``base``, from what is recorded on both sides.

    On the prompt's own model each side answers with the one that it names; a model that the suite names is the same on
    both.
    """
    if (trouble := _unusable(old) or _unusable(new)) is not None:
        return [Compared(new.id, new.path, base, "", "", ACCURACY, new.suite.margin, trouble=trouble)]
    own = new.prompt.model if new.prompt else None
    models = new.suite.models or (own or "",)
    recorded, recorded_before = read_recordings(new), read_recordings(old)
    found = []
    for model in models:
        before = old.prompt.model if old.prompt and model == own else model
        one, other = Side(old, before or "", recorded_before), Side(new, model, recorded)
        found.append(compare_sides(one, other, base, selection))
    return found


def compare_sides(old: Side, new: Side, base: str, selection: Selection = ALL) -> Compared:
    """Pair two sides case by case, on the cases that they share, both graded by the new side's assertions."""
    suite = new.source.suite
    measure = suite.primary or ACCURACY
    found = Compared(new.source.id, new.source.path, base, new.model, old.model, measure, suite.margin)
    if measure not in (ACCURACY, SCORE):
        hint = f"write {ACCURACY} or {SCORE}"
        return replace(found, trouble=UsageError(f"primary measure {measure!r} is none", place=_suite(new), hint=hint))
    judge = _judge(new)
    cases = {case.id: case for case in new.source.cases if selection.takes(new.source.id, case)}
    left_out: dict[str, str] = {}
    before = _answers(old, judge, cases, left_out, selection, measure)
    now = _answers(new, judge, cases, left_out, selection, measure)
    left_out |= dict.fromkeys(cases.keys() - before.keys() - left_out.keys(), _NO_SUCH)
    shared = [id for id in cases if id in before and id in now]
    pairs = [Pair(id, before[id].scores, now[id].scores, cases[id].cluster) for id in shared]
    found = replace(found, left_out=left_out)
    if not pairs:
        return found
    if all(before[id] == now[id] for id in shared):
        return replace(found, same=True)
    try:
        return replace(found, comparison=compare(pairs, suite.margin))
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


def _answers(
    side: Side,
    judge: Unit,
    cases: Mapping[str, Case],
    left_out: dict[str, str],
    selection: Selection,
    measure: str,
) -> dict[str, _Answers]:
    """The answers of one side to the cases that mean the same there."""
    source = side.source
    assert source.prompt
    graded = Unit(judge.source, judge.prompt, side.model, side.recordings)
    found: dict[str, _Answers] = {}
    for planned in plan(unit_of(source, source.prompt, side.model, side.recordings), ALL):
        case = cases.get(planned.case.id)
        if case is None:
            if selection == ALL:
                left_out[planned.case.id] = _NO_SUCH
            continue
        if not _means_the_same(planned.case, case):
            left_out[case.id] = "its inputs or history changed"
            continue
        attempts = [replace(attempt, case=case) for attempt in planned.attempts]
        for attempt in attempts:
            grade(graded, attempt)
        told = [attempt for attempt in attempts if attempt.state != "missing"]
        if not told:
            left_out[case.id] = attempts[0].reasons[0] if attempts and attempts[0].reasons else "it is not recorded"
            continue
        keys = tuple(attempt.key for attempt in told)
        found[case.id] = _Answers(keys, tuple(_score(attempt, measure) for attempt in told))
    return found


def _score(attempt: Attempt, measure: str) -> float:
    # An answer that is none serves nobody: it counts as one that failed.
    return attempt.score if measure == SCORE and attempt.state != "error" else float(attempt.state == "passed")


def _means_the_same(one: Case, other: Case) -> bool:
    return same([one.inputs, one.history], [other.inputs, other.history])


def _judge(side: Side) -> Unit:
    assert side.source.prompt
    return Unit(side.source, side.source.prompt, side.model, side.recordings)


def _unusable(source: Source) -> OnbookError | None:
    try:
        source.usable()
    except OnbookError as error:
        return OnbookError(
            f"{source.id} in {source.snapshot.name} cannot be run: {error.message}", place=error.place, hint=error.hint
        )
    return None


def _suite(side: Side) -> str:
    return side.source.path


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


def worst(compared: Iterable[Compared]) -> Verdict | None:
    """What is said of several comparisons together; None where one could not be made or there is none."""
    verdicts = [each.verdict for each in compared]
    if not verdicts or None in verdicts:
        return None
    return next(each for each in (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.NOT_WORSE) if each in verdicts)
