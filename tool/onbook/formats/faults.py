"""Why a text is no JSON, and where: in the same words and at the same place on every Python."""

from __future__ import annotations

import json

CONFLICT = ("git left a conflict here", "choose between the two sides, and delete the lines of <, = and >")
"""What merges leave in a file, whatever its format: what it is, and what to do."""

# Until Python 3.12 a comma before a closing bracket is told of at the bracket, as something else that is missing there.
_CLOSING = {
    "Expecting property name enclosed in double quotes": ("}", "object"),
    "Expecting value": ("]", "array"),
}


def json_fault(error: json.JSONDecodeError) -> json.JSONDecodeError:
    """The error as Python 3.13 and later raise it."""
    bracket, kind = _CLOSING.get(error.msg, ("", ""))
    before = error.doc[: error.pos].rstrip(" \t\n\r")
    if bracket and before.endswith(",") and error.doc.startswith(bracket, error.pos):
        return json.JSONDecodeError(f"Illegal trailing comma before end of {kind}", error.doc, len(before) - 1)
    return error
