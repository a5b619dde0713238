"""What assertions against a reference have in common: one or more texts, and the least score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

from onbook.testing.assertions.base import (
    MAX_ANSWER,
    Plain,
    Wanted,
    as_list,
    as_number,
    fill_texts,
    is_open,
    is_share,
    is_texts,
    parts,
)
from onbook.testing.assertions.words import words
from onbook.testing.subject import AssertionUseError, Json, Outcome, Subject, shown


class Overlap(Plain):
    """A score from 0 to 1 of the answer against one or more references, of which the best counts."""

    more: ClassVar[Mapping[str, Wanted]] = {}

    def check(self, argument: object) -> str | None:
        """A reference and the least score."""
        return parts(argument, {"to": _is_reference, "min": is_share}, self.more)

    def fill(self, argument: object, row: Json) -> object:
        """A column that is a list is a list of references."""
        if not isinstance(argument, dict) or not is_open(argument.get("to")):
            return fill_texts(argument, row)
        to = argument["to"]
        column = row.get(to[2:-2]) if to.startswith("{{") and to.endswith("}}") else None
        rest = cast(dict[str, object], fill_texts({**argument, "to": ""}, row))
        return {**rest, "to": column if isinstance(column, list) else fill_texts(to, row)}

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Compares with each reference."""
        asked = cast(Json, argument)
        references = as_list(asked["to"])
        for text in (subject.text, *references):
            if len(text) > MAX_ANSWER:
                raise AssertionUseError(f"a text of more than {MAX_ANSWER:,} characters is not compared")
        score = max(self.score(subject.text, reference, asked) for reference in references)
        least = as_number(asked["min"])
        told = shown(references[0] if len(references) == 1 else references)
        reason = f"expected at least {least:g} against {told}, got {score:.3f} for {shown(subject.text)}"
        return Outcome(score >= least, reason, score)

    def score(self, text: str, reference: str, asked: Json) -> float:
        raise NotImplementedError


def _is_reference(value: object) -> str | None:
    if wrong := is_texts(value):
        return wrong
    return None if all(words(text) for text in as_list(value) if "{{" not in text) else "a text with words is wanted"
