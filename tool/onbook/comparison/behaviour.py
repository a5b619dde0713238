"""How answers moved between two versions of a prompt: from recordings that are in history already, at no cost.

Both answers are graded by the new assertions, on the cases that both versions have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from onbook.call import Caller
from onbook.errors import OnbookError
from onbook.project import Source
from onbook.prompt import Case
from onbook.testing.assertions import check
from onbook.testing.chains import links_of, request_of
from onbook.testing.grading import grade
from onbook.testing.planning import read_recordings
from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings
from onbook.testing.unit import Attempt, Unit, request_for

MAX_SHOWN = 50  # answers of one prompt that are told one by one
_SEEN = ("passed", "failed", "error")


@dataclass(frozen=True, slots=True)
class Answer:
    """One case on one model that both versions answered.

    Attributes:
        before, after: ``passed``, ``failed`` or ``error``.
        old, new: the texts; why: why the new one does not pass.
    """

    case: str
    model: str
    repeat: int
    before: str
    after: str
    old: str
    new: str
    why: str

    @property
    def verdict_moved(self) -> bool:
        """Whether the case passed and no longer does, or the other way round."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What came of the cases that are recorded on both sides.

    Attributes:
        shared: answers that were compared.
        unseen: answers of today's cases that lack a recording or a verdict on one side: nobody knows how they moved.
        moved: answers whose verdict or text is another, those with another verdict first.
    """

    shared: int
    unseen: int
    moved: tuple[Answer, ...]

    def row(self) -> dict[str, object]:
        """As the machine report has it."""
        worse = sum(1 for each in self.moved if each.verdict_moved and each.before == "passed")
        better = sum(1 for each in self.moved if each.verdict_moved and each.after == "passed")
        return {
            "shared": self.shared,
            "unseen": self.unseen,
            "worse": worse,
            "better": better,
            "moved": len(self.moved),
            "answers": [
                {
                    "case": each.case, "model": each.model, "repeat": each.repeat, "before": each.before,
                    "after": each.after, "old": each.old, "new": each.new, "why": each.why,
                }
                for each in self.moved[:MAX_SHOWN]
            ],
        }  # fmt: skip


def behaviour(old: Source, new: Source) -> Behaviour | None:
    """How the answers moved; None where there is nothing to compare: no cases, or no recordings on one of the sides."""
    was, now = old.prompt, new.prompt
    if was is None or now is None or old.problems or new.problems or not new.cases:
        return None
    before, after = read_recordings(old), read_recordings(new)
    if not len(before) or not len(after):
        return None
    both = _Both(before, after)
    answers: list[Answer] = []
    shared = unseen = 0
    for model in new.suite.models or ((now.model,) if now.model else ()):
        # The prompt's own model may be another today; what stands in for it is asked of both by its own name.
        own = model == now.model and not new.suite.models
        sides = (
            _Side(Unit(old, was, was.model or model if own else model, both), new),
            _Side(Unit(new, now, model, both), new),
        )
        for case in new.cases:
            if any(check(each) for each in sides[1].unit.assertions(case)):
                continue
            for one, other in _attempts(sides, case):
                shown = [both.get(attempt.key) for attempt in (one, other)]
                if one.state not in _SEEN or other.state not in _SEEN or not all(shown):
                    unseen += 1
                    continue
                shared += 1
                found = _answer(one, other, shown, model)
                if found.verdict_moved or found.old != found.new:
                    answers.append(found)
    answers.sort(key=lambda each: (not each.verdict_moved, each.case, each.model, each.repeat))
    return Behaviour(shared, unseen, tuple(answers)) if shared or unseen else None


class _Side:
    """One version, asked the cases of the new one.

    Args:
        unit: asks; new: says how it is graded, and which steps lead to the answer.
    """

    def __init__(self, unit: Unit, new: Source) -> None:
        assert new.prompt
        self.unit = unit
        self._caller = Caller(unit.prompt)
        self._by = Unit(new, new.prompt, unit.model, unit.recordings)

    def attempts(self, case: Case) -> Iterator[Attempt]:
        """The repeats of one case, graded.

        Raises:
            OnbookError: this version does not take it.
        """
        suite = self._by.source.suite
        case = replace(case, chain=case.chain or suite.chain)
        links = links_of(self.unit, case) if case.chain else ()
        step = links[0].name if len(links) > 1 else None
        messages = () if links else self._caller.render(case.inputs, case.history)
        for repeat in range(suite.repeats):
            if links:
                request = request_of(self.unit, links, 0, case, {}, repeat)
            else:
                request = request_for(self.unit.prompt, messages, model=self.unit.model, repeat=repeat)
            attempt = Attempt(case, request, request.key(), links=links, step=step)
            grade(self._by, attempt)
            yield attempt


def _attempts(sides: tuple[_Side, _Side], case: Case) -> Iterator[tuple[Attempt, Attempt]]:
    """The same case asked of both versions; none where one of them does not take it."""
    try:
        pairs = [list(side.attempts(case)) for side in sides]
    except OnbookError:
        return
    yield from zip(*pairs, strict=True)


def _answer(one: Attempt, other: Attempt, shown: list[Recording | None], model: str) -> Answer:
    old, new = (_text(recording) for recording in shown)
    why = "; ".join(other.reasons)
    return Answer(one.case.id, model, other.request.repeat, one.state, other.state, old, new, why)


def _text(recording: Recording | None) -> str:
    if recording is None:
        return ""
    response = recording.response
    calls = [f"{call.get('function')}" for call in response.tool_calls]
    return "\n".join([response.text, *calls]) if calls else response.text


class _Both(Recordings):
    """The answers of two places in history: a verdict on an old answer may stand in either."""

    def __init__(self, old: Recordings, new: Recordings) -> None:
        super().__init__()
        self._sides = (new, old)

    def get(self, key: str) -> Recording | None:
        return self._sides[0].get(key) or self._sides[1].get(key)
