"""Assertions about other assertions: not, any, all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onbook.testing.models import Request
from onbook.testing.subject import Json, Outcome, Subject, shown


class Negation:
    """The assertion within does not hold.

    What could not be checked does not become true by turning it round: that stays an error.

    **Argument**

    One assertion.

    **Holds**

    ```yaml
    assert: {not: {contains: sorry}}
    answer: Here you are.
    ```

    **Does not hold**

    ```yaml
    assert: {not: {contains: sorry}}
    answer: I am sorry.
    ```
    """

    def check(self, argument: object) -> str | None:
        """One assertion that means something."""
        return _check_one(argument)

    def fill(self, argument: object, row: Json) -> object:
        """What is within is filled there."""
        return argument

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """Those of what is within."""
        from onbook.testing.assertions.table import requests

        return requests([_mapping(argument)], subject)

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Turns it round."""
        from onbook.testing.assertions.table import decide

        inner = decide(_mapping(argument), subject)
        told = shown({name: value for name, value in _mapping(argument).items() if name != "weight"})
        return Outcome(not inner.passed, f"expected not {told} of {shown(subject.text)}", 1.0 - inner.score)


class AnyOf:
    """At least one of a list of assertions holds. The score is the best of theirs.

    **Argument**

    A list of assertions.

    **Holds**

    ```yaml
    assert: {any: [{contains: refund}, {contains: money back}]}
    answer: You get your money back.
    ```

    **Does not hold**

    ```yaml
    assert: {any: [{contains: refund}, {contains: money back}]}
    answer: Please wait.
    ```
    """

    def check(self, argument: object) -> str | None:
        """Assertions that mean something."""
        return _check_list(argument)

    def fill(self, argument: object, row: Json) -> object:
        """What is within is filled there."""
        return argument

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """Those of what is within."""
        from onbook.testing.assertions.table import requests

        return requests(_list(argument), subject)

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """The best of them."""
        outcomes = self._outcomes(argument, subject)
        reason = "none of these holds: " + "; ".join(outcome.message for outcome in outcomes)
        return Outcome(any(o.passed for o in outcomes), reason, max(o.score for o in outcomes))

    @staticmethod
    def _outcomes(argument: object, subject: Subject) -> list[Outcome]:
        from onbook.testing.assertions.table import decide

        return [decide(inner, subject) for inner in _list(argument)]


class AllOf(AnyOf):
    """Every one of a list of assertions holds; useful within ``any`` and ``not``. The score is the worst of theirs.

    **Argument**

    A list of assertions.

    **Holds**

    ```yaml
    assert: {any: [{equals: none}, {all: [{starts-with: "#"}, {length: {max: 5}}]}]}
    answer: "#204"
    ```

    **Does not hold**

    ```yaml
    assert: {all: [{starts-with: "#"}, {length: {max: 5}}]}
    answer: "#204 and #205"
    ```
    """

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """The worst of them."""
        outcomes = self._outcomes(argument, subject)
        failed = [outcome.message for outcome in outcomes if not outcome.passed]
        return Outcome(not failed, "; ".join(failed) or "all of these hold", min(o.score for o in outcomes))


def _check_one(argument: object) -> str | None:
    from onbook.testing.assertions.table import check

    return check(argument) if isinstance(argument, Mapping) else "it takes one assertion"


def _check_list(argument: object) -> str | None:
    if not isinstance(argument, list) or not argument:
        return "it takes a list of assertions"
    return next((wrong for inner in argument if (wrong := _check_one(inner))), None)


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Json]:
    return [_mapping(item) for item in value] if isinstance(value, list) else []
