"""Numbers: one that the answer gives, its length, and what it cost to get it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast

from onbook.testing.assertions.base import (
    Plain,
    as_number,
    bounds,
    fill_values,
    is_count,
    is_number,
    is_open,
    one_of,
    parts,
    read_json,
    told_bounds,
    within,
)
from onbook.testing.assertions.structured import is_path, select
from onbook.testing.assertions.words import sentences, words
from onbook.testing.request import Response
from onbook.testing.subject import AssertionUseError, Json, Outcome, Subject, shown

# A sign belongs to a number unless a word or a digit stands before it: in "3-4" and "v2-1" it is a dash. What goes on
# after it as no number does ("1,5", "1.2.3") is none: the part before the comma is another number than was meant.
_NUMBER = re.compile(
    r"(?<![\w.,])[-+\u2212]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]{1,100})(?:\.[0-9]{1,100})?"
    r"(?:[eE][-+]?[0-9]{1,3})?(?![0-9]|[.,][0-9]|[eE][-+]?[0-9])"
)


class Number(Plain):
    """The answer gives a number, and it lies where it should.

    Numbers are written as in English, ``1,234.5`` or ``1.2345e3``, and compared as decimals: ``0.3`` lies within
    ``0.1`` of ``0.4``. What goes on in another way, as ``1,5`` and ``1.2.3``, is no number.

    **Argument**

    ``equals`` with ``within`` (the largest difference, default 0), or ``min`` and ``max``, one or both, both included.
    ``which`` says which number is meant where the answer holds several: ``only`` (the default: several fail), ``first``
    or ``last``. ``path`` takes the number at a path of a JSON answer, as in ``json-path``.

    **Holds**

    ```yaml
    assert: [{number: {equals: "{{expected}}", within: 0.5}}]
    expected: 41.7
    answer: The answer is 42.
    ```

    **Does not hold**

    ```yaml
    assert: [{number: {min: 1, max: 5}}]
    answer: I give it 7.
    ```
    """

    def check(self, argument: object) -> str | None:
        """A value with a tolerance, or bounds."""
        known = dict.fromkeys(("equals", "within", "min", "max"), is_number)
        wrong = parts(argument, {}, {**known, "which": one_of("only", "first", "last"), "path": is_path})
        if wrong:
            return wrong
        asked = cast(Json, argument)
        if "equals" not in asked:
            return "within is only for equals" if "within" in asked else bounds(asked, "or equals")
        if "min" in asked or "max" in asked:
            return "it takes equals, or min and max, not both"
        negative = not is_open(asked.get("within", 0)) and as_number(asked.get("within", 0)) < 0
        return "within: a number from 0 is wanted" if negative else None

    def fill(self, argument: object, row: Json) -> object:
        """With the values themselves; a column that is a text of digits, as from CSV, is a number."""
        filled = fill_values(argument, row)
        if filled is argument or not isinstance(filled, Mapping):
            return argument
        return {key: _from_text(value) if key not in ("which", "path") else value for key, value in filled.items()}

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Finds the number and compares it."""
        asked = cast(Json, argument)
        try:
            found = self._found(asked, subject.text)
        except ValueError as error:
            return Outcome.of(False, f"expected a number, got {error}")
        if "equals" in asked:
            wanted, margin = Decimal(str(asked["equals"])), Decimal(str(asked.get("within", 0)))
            around = f" within {margin}" if margin else ""
            return Outcome.of(abs(found - wanted) <= margin, f"expected {wanted}{around}, got {found}")
        low, high = asked.get("min"), asked.get("max")
        passed = (low is None or found >= Decimal(str(low))) and (high is None or found <= Decimal(str(high)))
        return Outcome.of(passed, f"expected {told_bounds(asked)}, got {found}")

    @staticmethod
    def _found(asked: Json, text: str) -> Decimal:
        if "path" in asked:
            values = select(read_json(text), str(asked["path"]))
            if len(values) != 1 or is_number(values[0]):
                raise ValueError(f"{shown(values[0] if len(values) == 1 else values)} at {asked['path']}")
            return Decimal(str(values[0]))
        which = asked.get("which", "only")
        found = _NUMBER.findall(text)
        if not found:
            raise ValueError(f"none in {shown(text)}")
        if which == "only" and len(found) > 1:
            raise ValueError(f"{len(found)} of them in {shown(text)} (say `which: first` or `which: last`)")
        return Decimal(found[-1 if which == "last" else 0].replace(",", "").replace("\u2212", "-"))


def _from_text(value: object) -> object:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        digits = value.strip().replace(",", "").replace("\u2212", "-")
        # As JSON has it: a whole number keeps all of its digits, of which a float would not.
        return int(digits) if digits.lstrip("+-").isdigit() else float(digits)
    return value


class Length(Plain):
    """The answer is as long as it should be.

    White space at both ends does not count. ``characters`` are Unicode code points; ``words`` are runs of letters and
    digits, and in scripts without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar) each character counts as one; ``lines``
    are those that are not blank; ``sentences`` end at ``. ! ? …`` and their like in other scripts, so that an
    abbreviation ends one too many.

    **Argument**

    ``min`` and ``max``, one or both, both included; ``unit``: ``characters`` (default), ``words``, ``lines`` or
    ``sentences``.

    **Holds**

    ```yaml
    assert: [{length: {max: 5, unit: words}}]
    answer: "We open at nine.\\n"
    ```

    **Does not hold**

    ```yaml
    assert: [{length: {min: 2, unit: sentences}}]
    answer: We open at nine.
    ```
    """

    def check(self, argument: object) -> str | None:
        """Bounds."""
        units = one_of("characters", "words", "lines", "sentences")
        wrong = parts(argument, {}, {"min": is_count, "max": is_count, "unit": units})
        return wrong or bounds(cast(Json, argument), "a number of the unit")

    def fill(self, argument: object, row: Json) -> object:
        """With the values themselves."""
        return fill_values(argument, row)

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Counts."""
        asked = cast(Json, argument)
        unit, text = str(asked.get("unit", "characters")), subject.text.strip()
        count = {
            "characters": len,
            "words": lambda text: len(words(text)),
            "lines": lambda text: sum(1 for line in text.split("\n") if line.strip()),
            "sentences": sentences,
        }[unit](text)
        return Outcome.of(within(count, asked), f"expected {told_bounds(asked)} {unit}, got {count}")


class _Metered(Plain):
    """A number that the recording of the answer holds."""

    unit = ""

    def check(self, argument: object) -> str | None:
        """Bounds."""
        return parts(argument, {}, {"min": is_number, "max": is_number}) or bounds(cast(Json, argument), self.unit)

    def fill(self, argument: object, row: Json) -> object:
        """With the values themselves."""
        return fill_values(argument, row)

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Reads and compares."""
        asked = cast(Json, argument)
        value = self.value(asked, _response(subject))
        if value is None:
            raise AssertionUseError(f"the recording does not say it ({self.unit}), so it could not be checked")
        return Outcome.of(within(value, asked), f"expected {told_bounds(asked)} {self.unit}, got {value:g}")

    def value(self, asked: Json, response: Response) -> float | None:
        raise NotImplementedError


class Tokens(_Metered):
    """The answer, or the whole call, took as many tokens as it may, as the provider counted them.

    **Argument**

    ``min`` and ``max``, one or both; ``of``: ``answer`` (default), ``request`` or ``both``. Where the recording has no
    count the case is an error: it could not be checked.

    **Holds**

    ```yaml
    assert: [{tokens: {max: 60}}]
    usage: {prompt_tokens: 210, completion_tokens: 24}
    answer: a refund
    ```

    **Does not hold**

    ```yaml
    assert: [{tokens: {max: 200, of: both}}]
    usage: {prompt_tokens: 210, completion_tokens: 24}
    answer: a refund
    ```
    """

    unit = "tokens"
    _counts: Mapping[str, Sequence[str]] = {
        "answer": ("completion_tokens",),
        "request": ("prompt_tokens",),
        "both": ("prompt_tokens", "completion_tokens"),
    }

    def check(self, argument: object) -> str | None:
        """Bounds, and whose tokens."""
        wrong = parts(argument, {}, {"min": is_count, "max": is_count, "of": one_of(*self._counts)})
        return wrong or bounds(cast(Json, argument), self.unit)

    def value(self, asked: Json, response: Response) -> float | None:
        """The sum of the counts; a count of 0 is what providers send that did not count."""
        counts = [response.usage.get(name) for name in self._counts[str(asked.get("of", "answer"))]]
        return sum(filter(None, counts)) if all(counts) else None


class Cost(_Metered):
    """The call cost no more than it may, in US dollars, by the price known when it was recorded.

    **Argument**

    ``max``, and ``min`` if you like. Where no price was known the case is an error: it could not be checked.

    **Holds**

    ```yaml
    assert: [{cost: {max: 0.002}}]
    cost: 0.0013
    answer: a refund
    ```

    **Does not hold**

    ```yaml
    assert: [{cost: {max: 0.001}}]
    cost: 0.0013
    answer: a refund
    ```
    """

    unit = "US dollars"

    def value(self, asked: Json, response: Response) -> float | None:
        """The recorded price."""
        return response.cost


class Latency(_Metered):
    """The answer came as fast as it must, in milliseconds, when it was recorded.

    It is the time of the send that was answered, without waiting and earlier sends. It belongs to the machine and the
    hour of the recording: replay tells the same number everywhere.

    **Argument**

    ``max``, and ``min`` if you like.

    **Holds**

    ```yaml
    assert: [{latency: {max: 2000}}]
    latency: 850
    answer: a refund
    ```

    **Does not hold**

    ```yaml
    assert: [{latency: {max: 500}}]
    latency: 850
    answer: a refund
    ```
    """

    unit = "milliseconds"

    def value(self, asked: Json, response: Response) -> float | None:
        """The recorded time; 0 is written where none was measured."""
        return response.latency_ms or None


def _response(subject: Subject) -> Response:
    if subject.response is None:
        raise AssertionUseError("there is no recording to look at")
    return subject.response
