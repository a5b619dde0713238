"""What the answer's text is, begins with, ends with, contains or matches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from onbook.testing import patterns
from onbook.testing.assertions.base import (
    Plain,
    as_list,
    fill_texts,
    fill_values,
    is_flag,
    is_text,
    is_texts,
    parts,
    read_json,
    same,
)
from onbook.testing.subject import Json, Outcome, Subject, is_column, shown, text_of


class Equals(Plain):
    """The answer is exactly this.

    A text is compared with the answer as text, capitals and all; white space at both ends is passed over. Anything
    else is compared with the answer read as JSON, in which the order of keys is free, ``1`` is ``1.0``, and ``true``
    is not ``1``.

    **Argument**

    A text or any JSON. ``"{{column}}"`` alone stands for the column's value, whatever its type.

    **Holds**

    ```yaml
    assert: [{equals: {label: "{{expected}}"}}]
    expected: billing
    answer: '{"label": "billing"}'
    ```

    **Does not hold**

    ```yaml
    assert: [{equals: billing}]
    answer: Billing
    ```
    """

    def fill(self, argument: object, row: Json) -> object:
        """With the values themselves."""
        return fill_values(argument, row)

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Compares."""
        if isinstance(argument, str):
            passed = subject.text.strip() == argument.strip()
            return Outcome.of(passed, f"expected exactly {shown(argument)}, got {shown(subject.text)}")
        try:
            found = read_json(subject.text)
        except ValueError as error:
            return Outcome.of(False, f"expected the JSON {shown(argument)}, got {error}")
        return Outcome.of(
            same(found, argument), f"expected the JSON {shown(argument)}, got {shown(subject.text.strip())}"
        )


class Contains(Plain):
    """The answer contains a text, or any, all or none of several.

    **Argument**

    A text; or a mapping of one of ``any``, ``all``, ``none`` to a list of texts, with ``ignore-case: true`` where
    capitals do not count.

    **Holds**

    ```yaml
    assert: [{contains: {any: [refund, money back], ignore-case: true}}]
    answer: Your Refund is on its way.
    ```

    **Does not hold**

    ```yaml
    assert: [{contains: refund}]
    answer: Your Refund is on its way.
    ```
    """

    _ways = ("any", "all", "none")

    def check(self, argument: object) -> str | None:
        """One text, or one list of texts."""
        if not isinstance(argument, Mapping):
            return "it takes a text that is not empty" if is_text(argument) else None
        if wrong := parts(argument, {}, {**dict.fromkeys(self._ways, is_texts), "ignore-case": is_flag}):
            return wrong
        count = sum(way in argument for way in self._ways)
        return None if count == 1 else f"it takes one of {', '.join(self._ways)}, and this has {count}"

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Looks for every text."""
        asked = cast(Json, argument if isinstance(argument, Mapping) else {"all": argument})
        way = next(name for name in self._ways if name in asked)
        wanted = as_list(asked[way])
        fold = str.casefold if asked.get("ignore-case") is True else str
        text = fold(subject.text)
        there = [one for one in wanted if fold(one) in text]
        told = shown(wanted[0] if len(wanted) == 1 else wanted)
        if way == "any":
            return Outcome.of(bool(there), f"expected any of {told} in {shown(subject.text)}")
        if way == "none":
            return Outcome.of(not there, f"expected none of {told} in {shown(subject.text)}")
        missing = [one for one in wanted if one not in there]
        told = shown(missing[0] if len(missing) == 1 else missing)
        return Outcome.of(not missing, f"expected {told} in {shown(subject.text)}")


class StartsWith(Plain):
    """The answer begins with a text, or with one of several; capitals count, white space before it does not.

    **Argument**

    A text, or a list of texts of which one is enough.

    **Holds**

    ```yaml
    assert: [{starts-with: [Dear, Hello]}]
    answer: "\\nDear Ms Lind,"
    ```

    **Does not hold**

    ```yaml
    assert: [{starts-with: Dear}]
    answer: "Sure! Dear Ms Lind,"
    ```
    """

    def check(self, argument: object) -> str | None:
        """Texts."""
        return f"it takes {wrong}" if (wrong := is_texts(argument)) else None

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Looks at the beginning."""
        passed = subject.text.lstrip().startswith(tuple(as_list(argument)))
        return Outcome.of(passed, f"expected it to begin with {shown(argument)}, got {shown(subject.text)}")


class EndsWith(StartsWith):
    """The answer ends with a text, or with one of several; capitals count, white space after it does not.

    **Argument**

    A text, or a list of texts of which one is enough.

    **Holds**

    ```yaml
    assert: [{ends-with: "."}]
    answer: "We open at nine.\\n"
    ```

    **Does not hold**

    ```yaml
    assert: [{ends-with: "."}]
    answer: We open at nine
    ```
    """

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Looks at the end."""
        passed = subject.text.rstrip().endswith(tuple(as_list(argument)))
        return Outcome.of(passed, f"expected it to end with {shown(argument)}, got {shown(subject.text)}")


class Matches(Plain):
    """A regular expression is found in the answer.

    The syntax is Python's. A column within the expression is data and matches as it is spelt; ``"{{column}}"`` alone
    takes the whole expression from the row. A search that does not end within 5 seconds is given up, and the case is
    an error: it could not be checked.

    **Argument**

    The expression, a text. ``(?i)`` in front makes capitals not count; ``\\A`` and ``\\Z`` bind it to the ends.

    **Holds**

    ```yaml
    assert: [{regex: '^#[0-9]+$'}]
    answer: "#204"
    ```

    **Does not hold**

    ```yaml
    assert: [{regex: '^#[0-9]+$'}]
    answer: issue 204
    ```
    """

    def check(self, argument: object) -> str | None:
        """An expression that compiles."""
        if not isinstance(argument, str) or not argument:
            return "it takes a regular expression as a text that is not empty"
        wrong = patterns.wrong(argument)
        return f"it is no regular expression: {wrong}" if wrong else None

    def fill(self, argument: object, row: Json) -> object:
        """With the columns as data, spelt so that they match themselves."""
        if isinstance(argument, str) and not is_column(argument):
            row = {column: re.escape(text_of(value)) for column, value in row.items()} if "{{" in argument else row
        return fill_texts(argument, row)

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Searches."""
        passed = patterns.found(str(argument), subject.text)
        return Outcome.of(passed, f"expected a match of {shown(argument)} in {shown(subject.text)}")
