"""Text -> its shape: for each of its bytes one character that tells the kind, in which much is found by one search."""

from __future__ import annotations

from collections.abc import Iterable

DIGIT, CAPITAL = b"0", b"A"
WORD = b"w"
"""A small letter, or one of the signs ``-_+/=~``, which keys and tokens are made of too."""
GAP = b" "
"""A blank or a dot: with hyphens, what numbers are grouped by."""
OTHER = b"x"
DOUBTFUL = b"c"
"""One of these is in every character that YAML lets stand in no file (YAML 1.2, section 5.1), and in few others."""


def shape_of(raw: bytes) -> bytes:
    """The shape of a text in UTF-8. To make it takes longer than to search it, so whoever has one hands it on."""
    return raw.translate(_SHAPE)


def _table() -> bytes:
    letters = b"abcdefghijklmnopqrstuvwxyz"
    # In UTF-8 the doubtful characters beyond ASCII begin with 0xC2 or 0xEF.
    doubtful = {*range(0x20), 0x7F, 0xC2, 0xEF} - {*b"\t\n\r"}
    kinds: dict[bytes, Iterable[int]] = {
        DIGIT: b"0123456789", CAPITAL: letters.upper(), WORD: letters + b"-_+/=~", GAP: b" .", DOUBTFUL: doubtful
    }  # fmt: skip
    table = bytearray(OTHER * 256)
    for kind, members in kinds.items():
        for byte in members:
            table[byte] = kind[0]
    return bytes(table)


_SHAPE = _table()
