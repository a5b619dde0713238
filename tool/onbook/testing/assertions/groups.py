"""Assertions about other assertions: not, any, all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from onbook.testing.request import Request
from onbook.testing.subject import Json, Outcome, Subject, shown


@dataclass(frozen=True, slots=True)
class Within:
    """What is asked of the assertions within a group: the table's own functions, which look each up by its name."""

    check: Callable[[Json], str | None]
    requests: Callable[[Iterable[Json], Subject], Sequence[Request]]
    decide: Callable[[Json, Subject], Outcome]


class Group:
    """An assertion whose argument is others. They are filled with the row on their own."""

    def __init__(self, within: Within) -> None:
        self._within = within

    def fill(self, argument: object, row: Json) -> object:
        """The argument as it is."""
        return argument

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """The calls to judges that those within need."""
        return self._within.requests(members(argument), subject)

    def _check_one(self, argument: object) -> str | None:
        return self._within.check(argument) if isinstance(argument, Mapping) else "it takes one assertion"


class Negation(Group):
    """The assertion within does not hold.

    What could not be checked does not become true by turning it round: that stays an error.

    **Argument**

    One assertion.

    **Holds**

    ```yaml
    assert: [{not: {contains: sorry}}]
    answer: Here you are.
    ```

    **Does not hold**

    ```yaml
    assert: [{not: {contains: sorry}}]
    answer: I am sorry.
    ```
    """

    def check(self, argument: object) -> str | None:
        """One assertion that means something."""
        return self._check_one(argument)

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Turns it round."""
        [one] = members(argument)
        inner = self._within.decide(one, subject)
        told = shown({name: value for name, value in one.items() if name != "weight"})
        return Outcome(not inner.passed, f"expected not {told} of {shown(subject.text)}", 1.0 - inner.score)


class AnyOf(Group):
    """At least one of a list of assertions holds. The score is the best of theirs.

    **Argument**

    A list of assertions.

    **Holds**

    ```yaml
    assert: [{any: [{contains: refund}, {contains: money back}]}]
    answer: You get your money back.
    ```

    **Does not hold**

    ```yaml
    assert: [{any: [{contains: refund}, {contains: money back}]}]
    answer: Please wait.
    ```
    """

    def check(self, argument: object) -> str | None:
        """Assertions that mean something."""
        if not isinstance(argument, list) or not argument:
            return "it takes a list of assertions"
        return next((wrong for inner in argument if (wrong := self._check_one(inner))), None)

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """The best of them."""
        outcomes = self._outcomes(argument, subject)
        reason = "none of these holds: " + "; ".join(outcome.message for outcome in outcomes)
        return Outcome(any(o.passed for o in outcomes), reason, max(o.score for o in outcomes))

    def _outcomes(self, argument: object, subject: Subject) -> list[Outcome]:
        return [self._within.decide(inner, subject) for inner in members(argument)]


class AllOf(AnyOf):
    """Every one of a list of assertions holds; useful within ``any`` and ``not``. The score is the worst of theirs.

    **Argument**

    A list of assertions.

    **Holds**

    ```yaml
    assert: [{any: [{equals: none}, {all: [{starts-with: "#"}, {length: {max: 5}}]}]}]
    answer: "#204"
    ```

    **Does not hold**

    ```yaml
    assert: [{all: [{starts-with: "#"}, {length: {max: 5}}]}]
    answer: "#204 and #205"
    ```
    """

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """The worst of them."""
        outcomes = self._outcomes(argument, subject)
        failed = [outcome.message for outcome in outcomes if not outcome.passed]
        return Outcome(not failed, "; ".join(failed) or "all of these hold", min(o.score for o in outcomes))


def members(argument: object) -> list[Json]:
    """The assertions within a group's argument, whether it takes one or a list of them."""
    return [each for each in (argument if isinstance(argument, list) else [argument]) if isinstance(each, Mapping)]
