"""Filling GitHub's literal ``{{name}}`` outside of prompts: in the arguments of assertions and in judges' texts."""

from __future__ import annotations

from collections.abc import Mapping

from onbook.errors import InputError
from onbook.render.template import pieces
from onbook.render.values import RenderError, as_text


def fill(text: str, values: Mapping[str, object]) -> str:
    """The text with every ``{{name}}`` replaced in one pass; a value that holds ``{{`` is left as it is.

    Raises:
        InputError: a name has no value.
    """
    filled = []
    for piece in pieces(text, "simple") or ():
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
