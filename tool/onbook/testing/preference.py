"""Pairwise judging: which of two answers to one case a judge prefers, asked in both orders.

A judge leans towards the answer that it is shown first, or second. A preference counts only where both orders agree;
where they do not the pair is a tie, and the share of those is told: it is how far the judge can be trusted at all.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from onbook.call import parameters_of, response_format_of
from onbook.errors import OnbookError
from onbook.testing.asking import Progress, ask_missing
from onbook.testing.assertions.base import read_json
from onbook.testing.assertions.judges import judge, question_of
from onbook.testing.baseline import Both, Compared, Match, alike
from onbook.testing.limits import Meter
from onbook.testing.recording import Recording
from onbook.testing.recordings import Keys, Recordings
from onbook.testing.request import Request
from onbook.testing.statistics import Pair, Pairs, compare
from onbook.testing.subject import Subject
from onbook.testing.unit import Attempt, Unit, unusable
from onbook.testing.wanted import Cases, Keeper, Wanted

PAIRWISE = "pairwise"
"""The judge's prompt, the name under which its verdicts are recorded, and the measure that they give."""

Baselines = Callable[[], Iterable[Recordings]]


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


class _Asking:
    """What the judge is to be asked of a match. Places are the numbers of pairs."""

    always: Sequence[int] = ()
    faulty = False

    def __init__(self, match: Match, keeper: Keeper, model: str | None) -> None:
        assert match.new
        self.units = [match.new]
        self._match, self._keeper, self._model = match, keeper, model

    def __iter__(self) -> Iterator[int]:
        return iter(self._match.places)

    def at(self, place: int) -> Iterator[Wanted]:
        """What the judge is asked of one case: each of its pairs in both orders."""
        for two in _pairs(self._match, self._match.at(place), self._model):
            for request in two.requests:
                yield Wanted(self.units, self._keeper, two.case, PAIRWISE, request, request.key())

    def finish(self) -> None:
        """What other comparisons have asked for stays."""


def ask_pairwise(
    match: Match, keeper: Keeper, meter: Meter, progress: Progress | None = None, *, model: str | None = None
) -> None:
    """Ask the judge for what it has not said yet of the answers of a match.

    Raises:
        OnbookError: nothing can be asked at all, or a file cannot be written.
    """
    if match.new is not None:
        ask_missing([(_Asking(match, keeper, model), [keeper])], meter, progress)


def prefer(match: Match, verdicts: Recordings, *, model: str | None = None) -> tuple[Compared, Preferences]:
    """Which side the judge prefers, and what that proves: a sign test over cases.

    A case counts 1 for the side whose answer is preferred and 0 for the other, and 0 for both where it is a tie;
    McNemar's exact test of such pairs is the sign test (Dixon and Mood 1946).
    """
    found = replace(match.compared, measure=PAIRWISE)
    left_out, measured = dict[str, str](), Pairs()
    counts = {"new": 0, "old": 0, "tie": 0}
    asked = flipped = 0
    for both in match.shared(left_out):
        scores: list[tuple[float, float]] = []
        for two in _pairs(match, both, model, left_out):
            side = "tie"
            if two.old != two.new:
                said = _both(two, verdicts, match.new)
                if isinstance(said, str):
                    left_out[two.case] = said
                    continue
                asked += 1
                side = said[0] if said[0] == said[1] else "tie"
                flipped += said[0] != said[1]
            counts[side] += 1
            scores.append((float(side == "old"), float(side == "new")))
        if scores:
            old, new = zip(*scores, strict=True)
            measured.add(Pair(both.case.id, old, new, both.case.cluster))
    who = f"{PAIRWISE} on {model or judge(PAIRWISE).prompt.model}"
    told = Preferences(who, asked, flipped, counts["new"], counts["old"], counts["tie"])
    found = replace(found, left_out=left_out)
    if not measured:
        return found, told
    if not asked and alike(left_out):
        return replace(found, same=True), told
    try:
        return replace(found, comparison=compare(measured, found.margin)), told
    except OnbookError as error:
        return replace(found, trouble=error), told


def pairs(match: Match, model: str | None) -> Iterator[Two]:
    """The pairs of answers that there are, each with what the judge is asked; nothing where they are equal."""
    for both in match.shared():
        yield from _pairs(match, both, model)


def _pairs(match: Match, both: Both | None, model: str | None, left_out: dict[str, str] | None = None) -> Iterator[Two]:
    """Those of one case.

    Args:
        left_out: takes a case of which a repeat has no such pair, with the reason.
    """
    if both is None:
        return
    assert match.old
    assert match.new
    before = {attempt.request.repeat: _answer(match.old, attempt) for attempt in both.old}
    for attempt in both.new:
        new, old = _answer(match.new, attempt), before.get(attempt.request.repeat)
        if new is None or old is None:
            if left_out is not None:
                left_out[both.case.id] = "there is no usable answer on both sides"
            continue
        question = question_of({}, Subject(new, match.new.prompt, attempt.case, {}))
        orders = (_request(question, old, new, model), _request(question, new, old, model))
        yield Two(attempt.case.id, old, new, () if old == new else orders)


def standing(cases: Cases, baselines: Baselines | None) -> Keys:
    """The keys of recorded verdicts that a comparison can still ask for: one of the two answers is the one that a case
    has today, or both are recorded, here or in a baseline.

    Args:
        baselines: what is recorded in the versions that a comparison may name, looked at only where there are such
            verdicts; None where nobody can say what that is: then all of them are kept.
    """
    recordings, open_ = cases.keeper.recordings, _Verdicts()
    for held in recordings.unsorted():
        if held.assertion == PAIRWISE:
            open_.add(held)
    if baselines is None:
        return Keys(open_.keys())
    kept: list[str] = []
    for case, text in _today(cases, open_) if open_ else ():
        kept += open_.take(case, lambda shown, text=text: f"\n{text}\n" in shown)  # type: ignore[misc]
    if open_:
        answers = open_.answers((recordings, *baselines()))
        for case, texts in answers.items():
            kept += open_.take(case, lambda shown, texts=texts: _shows_two(shown, texts))  # type: ignore[misc]
    return Keys(kept)


class _Verdicts:
    """Recorded verdicts of which nobody has said yet that they are wanted: what each shows, by case."""

    def __init__(self) -> None:
        self._shown: dict[str, dict[str, str]] = {}

    def __bool__(self) -> bool:
        return any(self._shown.values())

    def __contains__(self, case: object) -> bool:
        return bool(self._shown.get(str(case)))

    def add(self, held: Recording) -> None:
        self._shown.setdefault(held.case, {})[held.key] = _shown(held)

    def keys(self) -> Iterator[str]:
        return (key for shown in self._shown.values() for key in shown)

    def take(self, case: str, wanted: Callable[[str], bool]) -> list[str]:
        """The keys of those of a case that are wanted: nobody need look at them again."""
        found = [key for key, shown in self._shown.get(case, {}).items() if wanted(shown)]
        for key in found:
            del self._shown[case][key]
        return found

    def answers(self, places: Iterable[Recordings]) -> dict[str, set[str]]:
        """What was answered to the cases of these verdicts, in any of some places."""
        found: dict[str, set[str]] = {}
        for recordings in places:
            for held in recordings.unsorted():
                if held.assertion is None and held.step is None and held.case in self:
                    found.setdefault(held.case, set()).add(held.response.text.strip())
        return found


def _today(cases: Cases, wanted: Container[str]) -> Iterator[tuple[str, str]]:
    """The answers that some cases have today."""
    for unit, every in cases.by_unit():
        for planned in every:
            if planned.case.id in wanted:
                for attempt in planned.attempts:
                    if (text := _answer(unit, attempt)) is not None:
                        yield planned.case.id, text


def _shows_two(shown: str, texts: Iterable[str]) -> bool:
    """Whether a judge was shown two of these answers; see prompts/judges/pairwise."""
    seconds = [text for text in texts if shown.rstrip("\n").endswith(f"<second>\n{text}\n</second>")]
    return any(
        shown.rstrip("\n").endswith(f"<first>\n{first}\n</first>\n<second>\n{second}\n</second>")
        for second in seconds
        for first in texts
    )


def _shown(held: Recording) -> str:
    messages = held.request.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else {}
    return str(last.get("content"))


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


def _both(two: Two, verdicts: Recordings, unit: Unit | None) -> tuple[str, str] | str:
    """Which side each order prefers, or why that is not known."""
    sides = ({"first": "old", "second": "new"}, {"first": "new", "second": "old"})
    said = []
    for request, names in zip(two.requests, sides, strict=True):
        recording = verdicts.get(key := request.key())
        if recording is None:
            failure = unit.failures.get(key) if unit else None
            return f"the judge gave no verdict: {failure.message}" if failure else "the judge's verdict is not recorded"
        try:
            value = read_json(recording.response.text)
        except ValueError:
            return "the judge gave no verdict"
        better = value.get("better") if isinstance(value, Mapping) else None
        if better not in ("first", "second", "tie"):
            return "the judge gave no verdict"
        said.append(names.get(str(better), "tie"))
    return said[0], said[1]
