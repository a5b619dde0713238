"""How a recorded answer is graded: by what its assertions say, and by whose word."""

from __future__ import annotations

from onbook.testing.assertions import AssertionUseError, Subject, decide, judges, weight
from onbook.testing.chains import advance
from onbook.testing.metrics import given_labels
from onbook.testing.unit import Attempt, Unit, unusable


def grade(unit: Unit, attempt: Attempt) -> None:
    """Set the state of an attempt from what is recorded, and from nothing else."""
    advance(unit, attempt)
    if attempt.broken:
        attempt.settle("error", attempt.broken)
        return
    recording = unit.recordings.get(attempt.key)
    if recording is None:
        if (failure := unit.failures.get(attempt.key)) or attempt.step:
            attempt.miss(f"the answer of step {attempt.step!r}" if attempt.step else "the answer", failure)
        return
    text = recording.response.text
    attempt.labels = given_labels(unit.source.suite.metrics, text)
    if reason := unusable(recording.response):
        attempt.settle("error", reason)
        return
    said: dict[str, str] = {}
    try:
        for name, request in unit.verdicts(attempt):
            key = request.key()
            verdict = unit.recordings.get(key)
            if verdict is None:
                what = "what the embedding model says" if request.texts else "a judge's verdict"
                attempt.miss(f"{what} ({name})", unit.failures.get(key))
                return
            said[key] = verdict.response.text
        _decide(unit, attempt, Subject(text, unit.prompt, attempt.case, said, recording.response))
    except AssertionUseError as error:
        attempt.settle("error", error.message, error.hint)
        attempt.undecided = True


def _decide(unit: Unit, attempt: Attempt, subject: Subject) -> None:
    """Set the state from what the assertions say.

    A judge that may not gate gives its verdict, and the state is what it would be if it might; ``doubts`` says that
    without it there would be nothing wrong.

    Raises:
        AssertionUseError: an assertion cannot be decided, and no such judge is why.
    """
    total = earned = sure_total = sure_earned = 0.0
    doubted, asked, fell = unit.doubted, set[str](), set[str]()
    unsaid: AssertionUseError | None = None
    failed = failed_surely = False
    for assertion in unit.assertions(attempt.case):
        by = judges(assertion) & doubted if doubted else frozenset()
        worth, score = weight(assertion), 0.0
        asked |= by
        try:
            outcome = decide(assertion, subject)
        except AssertionUseError as error:
            if not by:
                raise
            unsaid, told = unsaid or error, error.message
        else:
            score, told = outcome.score, "" if outcome.passed else outcome.message
        total, earned = total + worth, earned + worth * score
        if not by:
            sure_total, sure_earned = sure_total + worth, sure_earned + worth * score
        if told:
            failed, failed_surely = True, failed_surely or not by
            fell |= by
            attempt.reasons.append(told)
    attempt.score = earned / total if total else 1.0
    attempt.sure_score = sure_earned / sure_total if sure_total else 1.0
    wanted = unit.source.suite.score
    if wanted is not None:
        # Scores are sums of floats: 0.7 of ten is not to ask for eight.
        failed, failed_surely = attempt.score < wanted - 1e-9, attempt.sure_score < wanted - 1e-9
        attempt.reasons.insert(0, f"scored {attempt.score:.3g}, at least {wanted:g} is wanted")
        fell = asked
    attempt.state = "failed" if failed else "passed"
    if unsaid is not None and not failed_surely:
        attempt.state, attempt.hint = "error", unsaid.hint
    if not failed_surely:
        attempt.doubts = tuple(sorted(fell if attempt.state != "passed" else asked))
