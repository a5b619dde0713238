"""The tokenizers of the GPT families, cl100k and o200k: byte-pair encoding, exact, offline, without dependencies.

The ranks and the patterns are those that OpenAI publishes with tiktoken (MIT licence). ``tool/refresh_tokens.py`` packs
them into ``data/``, with Unicode's letter and number classes, which Python's ``re`` does not have: so a count does not
change with the version of Python. tests/tokens holds every count against tiktoken's.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import accumulate, pairwise

from onbook.tokens.data import load

# Pieces of text that are kept with their count: words come back. Longer ones do not, and a hostile text has any number.
MAX_KEPT = 50_000
MAX_KEPT_LENGTH = 40
# From here on a heap is faster than looking at every pair again, and keeps one endless word from costing its square.
LONG = 100

# Rust's \s, which leaves out U+001C to U+001F; Python's does not.
_SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"

# As in tiktoken_ext/openai_public.py, with named classes for \p{..} and \s, and \Z for Rust's $.
_PATTERNS = {
    "cl100k_base": (
        r"'(?i:[sdmt]|ll|ve|re)"
        r"|[^\r\n{L}{N}]?+[{L}]++"
        r"|[{N}]{1,3}+"
        r"| ?[^{S}{L}{N}]++[\r\n]*+"
        r"|[{S}]++\Z"
        r"|[{S}]*[\r\n]"
        r"|[{S}]+(?![^{S}])"
        r"|[{S}]"
    ),
    "o200k_base": (
        r"[^\r\n{L}{N}]?[{U}{O}{M}]*[{l}{O}{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n{L}{N}]?[{U}{O}{M}]+[{l}{O}{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[{N}]{1,3}"
        r"| ?[^{S}{L}{N}]+[\r\n/]*"
        r"|[{S}]*[\r\n]+"
        r"|[{S}]+(?![^{S}])"
        r"|[{S}]+"
    ),
}
# The same classes for a text of ASCII, and one character each for letters of no case and for marks: a pattern that is
# compiled, and runs, many times faster.
_FEW = {"L": "A-Za-z\xaa", "N": "0-9", "U": "A-Z", "l": "a-z", "O": "\xaa", "M": "\xad", "S": "\\t-\\r "}
# What stands for any other character of a class, where no pattern names it; the first class counts that has it.
_STANDS_FOR = {"U": "A", "l": "a", "O": "\xaa", "M": "\xad", "N": "0"}
_SPACES = re.compile(f"[{_SPACE}]")
_NOTHING = "\xa7"  # neither letter, mark, number nor blank
# Equal to a letter that a pattern names, where case does not count.
_FOLDED = "\u017f"


class Encoding:
    """One tokenizer. Counts only: nobody here needs the tokens themselves."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ranks = _ranks(name)
        self._pattern = _pattern(name, _FEW)
        self._kept: dict[str, int] = {}

    def count(self, text: str) -> int:
        """The tokens of a text; what looks like a special token counts as the text that it is, as in a message."""
        kept, total = self._kept, 0
        for piece in self._pattern.findall(text) if text.isascii() else self._split(text):
            found = kept.get(piece)
            if found is None:
                found = self._pieces(piece.encode("utf-8", "replace"))
                if len(piece) <= MAX_KEPT_LENGTH and len(kept) < MAX_KEPT:
                    kept[piece] = found
            total += found
        return total

    def _split(self, text: str) -> Iterable[str]:
        if _FOLDED in text:
            return _pattern_of(self.name).findall(text)
        shape = text.translate(_shapes())
        return (text[found.start() : found.end()] for found in self._pattern.finditer(shape))

    def _pieces(self, piece: bytes) -> int:
        if piece in self._ranks:
            return 1
        return _merge(piece, self._ranks) if len(piece) < LONG else _merge_long(piece, self._ranks)


@cache
def encoding(name: str) -> Encoding:
    """A tokenizer by its name, loaded once (about a tenth of a second).

    Raises:
        OnbookError: this installation has no data for it.
    """
    return Encoding(name)


def _ranks(name: str) -> dict[bytes, int]:
    """From bytes to rank. The file has a 4-byte count, the lengths, one byte each, and all tokens in a row."""
    import zlib

    raw = zlib.decompress(load(f"{name}.bin"))
    count = int.from_bytes(raw[:4], "big")
    bounds = accumulate(raw[4 : 4 + count], initial=4 + count)
    # A list of all of them: two hundred thousand steps are felt.
    tokens = [raw[start:end] for start, end in pairwise(bounds)]
    return dict(zip(tokens, range(count), strict=True))


@cache
def _classes() -> dict[str, str]:
    import json

    classes: dict[str, str] = json.loads(load("unicode.json"))["classes"]
    return classes


@cache
def _pattern_of(name: str) -> re.Pattern[str]:
    return _pattern(name, {**_classes(), "S": _SPACE})


class _Shapes(dict[int, str]):
    """By character, the one that stands for its class; itself where it is ASCII."""

    def __init__(self) -> None:
        super().__init__((code, chr(code)) for code in range(128))
        # Of each class where its ranges begin and where they have ended, one after the other.
        self._ranges = {stands: _bounds(_classes()[name]) for name, stands in _STANDS_FOR.items()}

    def __missing__(self, code: int) -> str:
        stands = _NOTHING
        if _SPACES.match(chr(code)):
            stands = "\t"
        else:
            for each, bounds in self._ranges.items():
                if bisect_right(bounds, code) % 2:
                    stands = each
                    break
        self[code] = stands
        return stands


def _bounds(characters: str) -> list[int]:
    found: list[int] = []
    for first, last in re.findall(r"\\U([0-9a-f]{8})(?:-\\U([0-9a-f]{8}))?", characters):
        found += (int(first, 16), int(last or first, 16) + 1)
    return found


@cache
def _shapes() -> _Shapes:
    return _Shapes()


def _pattern(name: str, classes: dict[str, str]) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{([A-Za-z])\}", lambda found: classes[found[1]], _PATTERNS[name]))


def _merge(piece: bytes, ranks: dict[bytes, int]) -> int:
    """How many tokens are left when the pair of the lowest rank, the leftmost first, is joined until none can be."""
    parts = [piece[i : i + 1] for i in range(len(piece))]
    while len(parts) > 1:
        best, at = None, 0
        for i in range(len(parts) - 1):
            rank = ranks.get(parts[i] + parts[i + 1])
            if rank is not None and (best is None or rank < best):
                best, at = rank, i
        if best is None:
            break
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return len(parts)


def _merge_long(piece: bytes, ranks: dict[bytes, int]) -> int:
    """The same with a heap of pairs, (rank, start, end); a pair that another join has changed is passed over."""
    size = count = len(piece)
    after = list(range(1, size + 2))  # start of a part -> start of the next
    before = list(range(-1, size))
    alive = bytearray(b"\1") * size + b"\0"
    heap = [(rank, i, i + 2) for i in range(size - 1) if (rank := ranks.get(piece[i : i + 2])) is not None]
    heapify(heap)
    while heap:
        _, start, end = heappop(heap)
        middle = after[start] if alive[start] else size
        if middle >= size or after[middle] != end:
            continue
        alive[middle] = 0
        after[start] = end
        if end < size:
            before[end] = start
        count -= 1
        if end < size and (rank := ranks.get(piece[start : after[end]])) is not None:
            heappush(heap, (rank, start, after[end]))
        if (left := before[start]) >= 0 and (rank := ranks.get(piece[left:end])) is not None:
            heappush(heap, (rank, left, end))
    return count
