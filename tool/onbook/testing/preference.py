"""Pairwise judging: which of two answers to one case a judge prefers, asked in both orders.

A judge leans towards the answer that it is shown first, or second. A preference counts only where both orders agree;
where they do not the pair is a tie, and the share of those is told: it is how far the judge can be trusted at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from onbook.call import parameters_of, response_format_of
from onbook.errors import OnbookError
from onbook.testing.asking import Keeper, Progress, ask_these
from onbook.testing.assertions.base import read_json
from onbook.testing.assertions.judges import judge, question_of
from onbook.testing.baseline import Compared, Match
from onbook.testing.limits import Meter
from onbook.testing.models import Request
from onbook.testing.recordings import Recording, Recordings
from onbook.testing.statistics import Pair, compare
from onbook.testing.subject import Subject
from onbook.testing.unit import Attempt, Unit, unusable

PAIRWISE = "pairwise"
"""The judge's prompt, the name under which its verdicts are recorded, and the measure that they give."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a judge said of pairs of answers.

    Attributes:
        judge: its prompt and model; asked: pairs of different answers that it judged in both orders.
        flipped: those of which it said something else when the answers were changed over.
        new, old, ties: how many pairs went to each side, or to none, equal answers among them.
    """

    judge: str
    asked: int
    flipped: int
    new: int
    old: int
    ties: int

    @property
    def flip_rate(self) -> float | None:
        """The share of flipped pairs; None where nothing was asked."""
        return self.flipped / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class Two:
    """One case and repeat with a usable answer on both sides."""

    case: str
    old: str
    new: str
    requests: tuple[Request, ...]


def ask_pairwise(
    match: Match, keeper: Keeper, meter: Meter, progress: Progress | None = None, *, model: str | None = None
) -> None:
    """Ask the judge for what it has not said yet of the answers of a match.

    Raises:
        OnbookError: nothing can be asked at all, or a file cannot be written.
    """
    if match.new is not None:
        wanted = [(two.case, PAIRWISE, request) for two in pairs(match, model) for request in two.requests]
        ask_these(match.new, keeper, wanted, meter, progress)


def prefer(match: Match, verdicts: Recordings, *, model: str | None = None) -> tuple[Compared, Preferences]:
    """Which side the judge prefers, and what that proves: a sign test over cases.

    A case counts 1 for the side whose answer is preferred and 0 for the other, and 0 for both where it is a tie;
    McNemar's exact test of such pairs is the sign test (Dixon and Mood 1946).
    """
    found = replace(match.compared, measure=PAIRWISE)
    left_out, scores = dict(match.left_out), dict[str, list[tuple[float, float]]]()
    counts = {"new": 0, "old": 0, "tie": 0}
    asked = flipped = 0
    for two in pairs(match, model, left_out):
        side = "tie"
        if two.old != two.new:
            both = _both(two, verdicts)
            if isinstance(both, str):
                left_out[two.case] = both
                continue
            asked += 1
            side = both[0] if both[0] == both[1] else "tie"
            flipped += both[0] != both[1]
        counts[side] += 1
        scores.setdefault(two.case, []).append((float(side == "old"), float(side == "new")))
    who = f"{PAIRWISE} on {model or judge(PAIRWISE).prompt.model}"
    told = Preferences(who, asked, flipped, counts["new"], counts["old"], counts["tie"])
    clusters = {attempt.case.id: attempt.case.cluster for attempt in match.new.attempts} if match.new else {}
    measured = [
        Pair(case, tuple(old for old, _ in each), tuple(new for _, new in each), clusters[case])
        for case, each in scores.items()
    ]
    found = replace(found, left_out=left_out)
    if not measured:
        return found, told
    if not asked:
        return replace(found, same=True), told
    try:
        return replace(found, comparison=compare(measured, found.margin)), told
    except OnbookError as error:
        return replace(found, trouble=error), told


def pairs(match: Match, model: str | None, left_out: dict[str, str] | None = None) -> Iterator[Two]:
    """The pairs of answers that there are, each with what the judge is asked; nothing where they are equal.

    Args:
        left_out: takes the cases that have no such pair, with the reason.
    """
    if match.old is None or match.new is None:
        return
    before = _answers(match.old)
    for attempt in match.new.attempts:
        place = (attempt.case.id, attempt.request.repeat)
        new, old = _answer(match.new, attempt), before.get(place)
        if new is None or old is None:
            if left_out is not None:
                left_out[attempt.case.id] = "there is no usable answer on both sides"
            continue
        subject = Subject(new, match.new.prompt, attempt.case, {})
        question = question_of({}, subject)
        orders = (_request(question, old, new, model), _request(question, new, old, model))
        yield Two(attempt.case.id, old, new, () if old == new else orders)


def standing(units: Iterable[Unit], recordings: Recordings) -> set[str]:
    """The keys of verdicts that a comparison with another version would still ask for: one of their two answers is the
    one that a case has today."""
    today: dict[str, set[str]] = {}
    for unit in units:
        for attempt in unit.attempts:
            if (text := _answer(unit, attempt)) is not None:
                today.setdefault(attempt.case.id, set()).add(text)
    return {
        held.key
        for held in recordings
        if held.assertion == PAIRWISE and any(f"\n{text}\n" in _shown(held) for text in today.get(held.case, ()))
    }


def _shown(held: Recording) -> str:
    messages = held.request.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else {}
    return str(last.get("content"))


def _answers(unit: Unit) -> Mapping[tuple[str, int], str | None]:
    return {(attempt.case.id, attempt.request.repeat): _answer(unit, attempt) for attempt in unit.attempts}


def _answer(unit: Unit, attempt: Attempt) -> str | None:
    recording = None if attempt.step else unit.recordings.get(attempt.key)
    return None if recording is None or unusable(recording.response) else recording.response.text.strip()


def _request(question: str, first: str, second: str, model: str | None) -> Request:
    caller = judge(PAIRWISE)
    return Request(
        model=model or str(caller.prompt.model),
        messages=tuple(caller.render({"question": question, "first": first, "second": second})),
        parameters=parameters_of(caller.prompt),
        response_format=response_format_of(caller.prompt),
    )


def _both(two: Two, verdicts: Recordings) -> tuple[str, str] | str:
    """Which side each order prefers, or why that is not known."""
    sides = ({"first": "old", "second": "new"}, {"first": "new", "second": "old"})
    said = []
    for request, names in zip(two.requests, sides, strict=True):
        recording = verdicts.get(request.key())
        if recording is None:
            return "the judge's verdict is not recorded"
        try:
            value = read_json(recording.response.text)
        except ValueError:
            return "the judge gave no verdict"
        better = value.get("better") if isinstance(value, Mapping) else None
        if better not in ("first", "second", "tie"):
            return "the judge gave no verdict"
        said.append(names.get(str(better), "tie"))
    return said[0], said[1]
