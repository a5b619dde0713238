"""What a plain scalar means: the core schema of YAML 1.2 (section 10.3), and numbers that JSON can carry.

YAML 1.1, which PyYAML resolves by default, turns ``no``, ``on``, ``1:30`` and ``2026-01-01`` into something else.
"""

from __future__ import annotations

import math
import re

MAX_NUMBER_CHARS = 100
"""A longer number is refused: no prompt needs it, and reading it as an integer takes quadratic time."""
MAX_QUOTED_CHARS = 60

WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
# A plain scalar that is none of the words and does not begin so is a string: readers of many scalars look here first.
NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_JSON = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def plain(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar.

    Raises:
        ValueError: it is a number that JSON does not have, or one that is absurdly long.
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMBER_STARTS:
        return text
    if _INTEGER.fullmatch(text):
        return integer(text)
    if _BASED.fullmatch(text):
        return integer(text, 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return real(text)
    if _NO_JSON.fullmatch(text):
        raise ValueError(f"{text} is a number that JSON does not have")
    return text


def integer(text: str, base: int = 10) -> int:
    """An integer of at most MAX_NUMBER_CHARS characters. Raises ValueError."""
    if len(text) > MAX_NUMBER_CHARS:
        raise ValueError(f"a number of {len(text)} characters; at most {MAX_NUMBER_CHARS} are read")
    return int(text.removeprefix("0o").removeprefix("0x"), base)


def real(text: str) -> float:
    """A finite float written in at most MAX_NUMBER_CHARS characters. Raises ValueError."""
    if len(text) > MAX_NUMBER_CHARS:
        raise ValueError(f"a number of {len(text)} characters; at most {MAX_NUMBER_CHARS} are read")
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large a number")
    return value


def tagged(tag: str, text: str) -> str | int | float | bool | None:
    """The value of a scalar with one of the core tags (``str``, ``int``, ``float``, ``bool``, ``null``).

    Raises:
        ValueError: the tag is another one, or the text is no such value.
    """
    if tag == "str":
        return text
    value = plain(text)
    if tag == "float" and type(value) is int:
        return float(value)
    if tag not in _TYPES:
        raise ValueError(f"the tag {short('!!' + tag)} is not read")
    if type(value) is not _TYPES[tag]:
        raise ValueError(f"{short(text)} is no !!{tag}")
    return value


def short(text: str) -> str:
    """A text of the file as messages quote it."""
    return repr(text if len(text) <= MAX_QUOTED_CHARS else text[: MAX_QUOTED_CHARS - 3] + "...")


_TYPES = {"int": int, "float": float, "bool": bool, "null": type(None)}
