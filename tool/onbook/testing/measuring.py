"""Measuring judges: what each says of the answers that people have labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from onbook.project import Source
from onbook.prompt import Case, Json
from onbook.testing.agreement import Agreement
from onbook.testing.assertions import (
    AssertionUseError,
    Outcome,
    Subject,
    check,
    decide,
    judges,
    may_ask,
    name_of,
    requests,
)
from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings
from onbook.testing.request import Request
from onbook.testing.statistics.agreement import kappa, weighted_kappa


def agreements(source: Source, recordings: Recordings) -> tuple[Agreement, ...]:
    """Each judge that the cases of a prompt ask, beside people's labels. Sorted by name; nothing is asked.

    A judge that is asked several things of one answer passes it if all of them hold.
    """
    named = _named(source)
    if not named:
        return ()
    people, split = _people(source)
    tallies = {judge: _Tally() for judge in named}
    cases = _labelled_cases(source)
    gone = 0
    for key, good in people.items():
        held = _labelled(cases, recordings, key)
        if held is None:
            gone += 1
            continue
        for judge, verdict in _verdicts(source, recordings, *held).items():
            if verdict is None:
                tallies[judge].unheard += 1
            else:
                tallies[judge].add(good, *verdict)
    return tuple(tally.agreement(source, judge, gone, split) for judge, tally in sorted(tallies.items()))


def labelled_requests(source: Source, recordings: Recordings) -> Iterator[tuple[str, str, Request]]:
    """What judges are to be asked of labelled answers: the case, the assertion's name, and the request.

    Those of answers that a newer one has replaced too: an edit of a prompt does not undo what was measured.
    """
    cases = _labelled_cases(source)
    for key in dict.fromkeys(label.key for label in source.labels):
        if (held := _labelled(cases, recordings, key)) is not None:
            case, recording = held
            for assertion in _judged(source, case):
                try:
                    asked = requests([assertion], _subject(source, case, recording))
                except AssertionUseError:
                    continue  # planning tells of it
                yield from ((case.id, name_of(assertion), request) for request in asked)


@dataclass(slots=True)
class _Tally:
    people: list[bool] = field(default_factory=list)
    passed: list[bool] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    unheard: int = 0

    def add(self, good: bool, passed: bool, score: float) -> None:
        self.people.append(good)
        self.passed.append(passed)
        self.scores.append(score)

    def agreement(self, source: Source, judge: str, gone: int, split: int) -> Agreement:
        scale = sorted({0.0, 1.0, *self.scores})
        weighted = None
        if len(scale) > 2:
            weighted = weighted_kappa(list(map(float, self.people)), self.scores, scale, "linear")
        return Agreement(
            judge,
            labelled=len(self.people),
            good=sum(self.people),
            agreed=sum(one == other for one, other in zip(self.people, self.passed, strict=True)),
            kappa=kappa(self.people, self.passed) if self.people else None,
            weighted=weighted,
            unheard=self.unheard,
            gone=gone,
            split=split,
            least=source.suite.judges,
        )


def _named(source: Source) -> set[str]:
    found = {judge for assertion in source.suite.assertions for judge in _judges(assertion)}
    for case in source.cases:
        found.update(judge for assertion in case.assertions for judge in _judges(assertion))
    return found


def _judges(assertion: Json) -> frozenset[str]:
    """Who decides an assertion; nobody where it means nothing, which planning tells."""
    try:
        return judges(assertion) if may_ask(assertion) and check(assertion) is None else frozenset()
    except AssertionUseError:
        return frozenset()


def _people(source: Source) -> tuple[dict[str, bool], int]:
    """What most people say of each answer, by its key, and of how many they are divided. One who labels an answer twice
    has changed their mind: the later line counts."""
    votes: dict[str, dict[str | int, bool]] = {}
    for number, label in enumerate(source.labels):
        votes.setdefault(label.key, {})[label.by or number] = label.good
    found, split = {}, 0
    for key, said in votes.items():
        count = Counter(said.values())
        if count[True] == count[False]:
            split += 1
        else:
            found[key] = count[True] > count[False]
    return found, split


def _labelled_cases(source: Source) -> dict[str, Case]:
    wanted = {label.case for label in source.labels}
    return {case.id: case for case in source.cases if case.id in wanted} if wanted else {}


def _labelled(cases: Mapping[str, Case], recordings: Recordings, key: str) -> tuple[Case, Recording] | None:
    """A labelled answer and its case, where both are still there."""
    recording = recordings.get(key)
    if recording is None or recording.assertion is not None or recording.step is not None:
        return None
    case = cases.get(recording.case)
    return None if case is None else (case, recording)


def _judged(source: Source, case: Case) -> list[Json]:
    every = (*source.suite.assertions, *case.assertions)
    return [assertion for assertion in every if _judges(assertion)]


def _subject(source: Source, case: Case, recording: Recording, said: dict[str, str] | None = None) -> Subject:
    assert source.prompt
    return Subject(recording.response.text, source.prompt, case, said or {}, recording.response)


def _verdicts(
    source: Source, recordings: Recordings, case: Case, recording: Recording
) -> dict[str, tuple[bool, float] | None]:
    """What each judge says of one answer: whether all that it was asked holds, and the least score."""
    found: dict[str, list[Outcome | None]] = {}
    for assertion in _judged(source, case):
        outcome = _outcome(source, recordings, case, recording, assertion)
        for judge in judges(assertion):
            found.setdefault(judge, []).append(outcome)
    told: dict[str, tuple[bool, float] | None] = {}
    for judge, outcomes in found.items():
        heard = [outcome for outcome in outcomes if outcome is not None]
        whole = len(heard) == len(outcomes)
        told[judge] = (all(o.passed for o in heard), min(o.score for o in heard)) if whole else None
    return told


def _outcome(
    source: Source, recordings: Recordings, case: Case, recording: Recording, assertion: Json
) -> Outcome | None:
    said = {}
    try:
        for request in requests([assertion], _subject(source, case, recording)):
            key = request.key()
            verdict = recordings.get(key)
            if verdict is None:
                return None
            said[key] = verdict.response.text
        return decide(assertion, _subject(source, case, recording, said))
    except AssertionUseError:
        return None
