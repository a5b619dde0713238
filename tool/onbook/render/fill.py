"""Filling GitHub's literal ``{{name}}`` outside of prompts: in the arguments of assertions and in judges' texts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from onbook.errors import InputError
from onbook.render.template import Pieces, pieces
from onbook.render.values import RenderError, as_text


def fill(text: str, values: Mapping[str, object]) -> str:
    """The text with every ``{{name}}`` replaced in one pass; a value that holds ``{{`` is left as it is.

    Raises:
        InputError: a name has no value.
    """
    filled = []
    for piece in _pieces(text):
        if isinstance(piece, str):
            filled.append(piece)
        elif piece.name in values:
            try:
                filled.append(as_text(values[piece.name]))
            except RenderError as error:
                raise InputError(f"the value for {{{{{piece.name}}}}} is no JSON data: {error.message}") from None
        else:
            known = ", ".join(sorted(values)) or "none"
            raise InputError(f"there is no value for {{{{{piece.name}}}}}", hint=f"known here: {known}")
    return "".join(filled)


@lru_cache(maxsize=1024)
def _pieces(text: str) -> Pieces:
    """Split once: what a suite says is filled for every case."""
    return pieces(text, "simple") or ()
