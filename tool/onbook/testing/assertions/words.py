"""Words and sentences of any script, without a dictionary."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ASCII = re.compile(r"[a-z0-9]+")
_STOPS = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f\u0964\u06d4\u061f]+[\"'\u2019\u201d\u00bb)\]]*(?:\s+|$|(?<=[\u3002\uff01\uff1f]))"
)

# Scripts that put no space between words; there each character is taken for one, as ROUGE's users do for Chinese.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3040, 0x30FF),
    (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),
)  # fmt: skip


def words(text: str) -> list[str]:
    """The words of a text, case-folded and in the composed form (NFKC): runs of letters, digits and their marks.

    In scripts without spaces between words each letter with its marks is a word. Punctuation, symbols and white space
    only part words.
    """
    if text.isascii():
        return _ASCII.findall(text.lower())
    found: list[str] = []
    run: list[str] = []
    for character in unicodedata.normalize("NFKC", text.casefold()):
        kind = _kind(character)
        if kind == "mark":
            if run:
                run.append(character)
            elif found:
                found[-1] += character
        elif kind == "word":
            run.append(character)
        else:
            if run:
                found.append("".join(run))
                run = []
            if kind == "single":
                found.append(character)
    return [*found, "".join(run)] if run else found


@lru_cache(maxsize=8192)
def _kind(character: str) -> str:
    category = unicodedata.category(character)[0]
    if category == "M":
        return "mark"
    if category not in "LN":
        return "gap"
    code = ord(character)
    return "single" if any(first <= code <= last for first, last in _UNSPACED) else "word"


def sentences(text: str) -> int:
    """How many sentences a text has, by the signs that end them; the last needs none."""
    return sum(1 for part in _STOPS.split(text) if any(character.isalnum() for character in part))
