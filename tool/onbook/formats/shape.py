"""Text -> its shape: for each of its bytes one character that tells the kind, in which much is found by one search."""

from __future__ import annotations

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


def _kind(letter: str) -> bytes:
    # In UTF-8 the doubtful characters beyond ASCII begin with 0xC2 or 0xEF.
    if letter in "\xc2\xef\x7f" or (letter < " " and letter not in "\t\n\r"):
        return DOUBTFUL
    if not letter.isascii():
        return OTHER
    if letter.isalnum():
        return DIGIT if letter.isdigit() else CAPITAL if letter.isupper() else WORD
    return WORD if letter in "-_+/=~" else GAP if letter in " ." else OTHER


_SHAPE = b"".join(_kind(chr(byte)) for byte in range(256))
