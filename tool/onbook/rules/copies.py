"""ON53x: prompts that are nearly the same, and blocks of text that were copied between prompts.

Both compare sentences by checksums, in one pass over the notes of all prompts: the work is linear, and what is kept of
a prompt is a few hundred bytes. Words of one sentence that differ make it another sentence; copies that were adapted
line by line are therefore not seen, and those that share whole lines are.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import accumulate, repeat
from typing import NamedTuple, cast
from zlib import crc32

from onbook.project import Source
from onbook.prompt import Message
from onbook.report import Severity
from onbook.rules.base import AcrossRule, Hit, Rule
from onbook.rules.texts import memo

# Two prompts are told as nearly the same from this share of equal sentences on (Jaccard).
SAME = 0.85
# Prompts with fewer sentences, or less text, are alike by nature: "Answer in one word."
FEWEST_SENTENCES = 6
FEWEST_CHARACTERS = 400
# A block is told from this length on, and where so many prompts have it: two may be a prompt and its successor.
BLOCK_CHARACTERS = 240
FEWEST_PROMPTS = 3
# Sentences of one prompt that are compared, and prompts with which one is: both keep the work linear.
MOST_SENTENCES = 64
MOST_COMPARED = 4
# Two prompts are compared if they share one of so many smallest checksums.
KEYS = 3

# A line of prose from this length on is compared sentence by sentence.
LONG_LINE = 160


class NearDuplicate(AcrossRule):
    """A prompt says nearly the same as another one.

    Told of the later of the two, by id. Prompts that are linted together are compared: all, or those that are named.

    **Why it matters**

    What is corrected in one stays wrong in the other. Where they differ by intent, a reader has to find the difference.

    **Bad**

    ```text
    prompts/support/triage.prompt.yml     thirty lines
    prompts/support/triage-eu.prompt.yml  the same thirty lines, one word changed
    ```

    **Good**

    ```text
    prompts/support/triage.prompt.yml     thirty lines and an input `region`
    ```

    **When to waive**

    While one replaces the other, or where one is an experiment with an end.
    """

    id = "ON531"
    slug = "near-duplicate"
    severity = Severity.INFO

    def check(self, source: Source) -> Iterator[Hit]:
        """Nothing that one prompt alone can tell."""
        yield from ()

    def note(self, source: Source) -> object:
        """The file, and the smallest checksums of the sentences: all of them, for all but the longest prompts."""
        said = _messages(source)
        if sum(map(len, said)) < FEWEST_CHARACTERS:
            return None
        sums = set().union(*map(_sentences, _said(source)))
        return _packed(source.path, sorted(sums)[:MOST_SENTENCES]) if len(sums) >= FEWEST_SENTENCES else None

    def across(self, notes: Mapping[str, object], today: date) -> Iterator[tuple[str, Hit]]:
        """Two that are alike share one of their smallest checksums nearly always: only such pairs are compared."""
        seen: dict[int, list[tuple[str, frozenset[int]]]] = {}
        for id, note in notes.items():
            path, sums = _unpacked(note)
            mine, size, keys = frozenset(sums), len(sums), sums[:KEYS]
            best, share = "", 0.0
            for key in keys:
                for other, theirs in seen.get(key, ()):
                    # What they share is at most the smaller of the two, and their union at least the larger.
                    if len(theirs) < SAME * size or size < SAME * len(theirs):
                        continue
                    alike = _alike(mine, theirs)
                    if alike > share:
                        best, share = other, alike
            if share >= SAME:
                hint = f"{share:.0%} of their sentences are the same: make one of them, with an input for what differs"
                yield id, Hit(f"this prompt is nearly the same as {best}", path, 1, 1, hint)
                continue
            for key in keys:
                others = seen.setdefault(key, [])
                if len(others) < MOST_COMPARED:
                    others.append((id, mine))


class CopiedBlock(AcrossRule):
    """A block of text stands, word for word, in three prompts or more.

    Told once for each block and prompt, at its first line. Prompts that are linted together are compared.

    **Why it matters**

    It is one text with several homes: a correction has to be made in each, and one is forgotten. As a partial it has
    one home, and diff tells every prompt that a change of it reaches.

    **Bad**

    ```text
    prompts/a.prompt.yml  ten lines of house style
    prompts/b.prompt.yml  the same ten lines
    prompts/c.prompt.yml  the same ten lines
    ```

    **Good**

    ```text
    prompts/_shared/style.md  ten lines of house style
    prompts/a.prompt.yml      {% include "_shared/style.md" %}
    ```

    **When to waive**

    Where the prompts must not change together.
    """

    id = "ON532"
    slug = "copied-block"
    severity = Severity.INFO

    def check(self, source: Source) -> Iterator[Hit]:
        """Nothing that one prompt alone can tell."""
        yield from ()

    def note(self, source: Source) -> object:
        """The file, and of each message that is long enough the checksum, the length and the place of each line."""
        prompt, document = source.prompt, source.document
        said = _messages(source)
        if prompt is None or document is None or sum(map(len, said)) < BLOCK_CHARACTERS:
            return None
        rows = list(map(bytes.strip, document.text.encode("utf-8", "replace").split(b"\n")))
        places = dict(zip(reversed(rows), range(len(rows), 0, -1), strict=True))  # of equal lines, the first
        found: list[int] = []
        numbers = (number for number, item in enumerate(prompt.messages) if isinstance(item, Message))
        for number, (_, lines, sums) in zip(numbers, _said(source), strict=True):
            lengths = list(map(len, lines))
            if sum(lengths) < BLOCK_CHARACTERS:
                continue
            stands = list(map(places.get, lines, repeat(0)))
            if 0 in stands:  # quoted or folded: the text's lines are not the file's
                first = document.place(("messages", number, "content")).line
                stands = [line or first for line in stands]
            found += [len(lines), *sums, *lengths, *stands]
        return _packed(source.path, found) if found else None

    def across(self, notes: Mapping[str, object], today: date) -> Iterator[tuple[str, Hit]]:
        """Blocks that begin one after the other in a prompt are one block."""
        counts = Counter[int]()
        packed = {}
        for id, note in notes.items():
            path, numbers = _unpacked(note)
            packed[id] = path, numbers
            for start, count in _each(numbers):
                counts.update(numbers[start : start + count])
        # A block that stands in so many prompts is made of lines that do; what one prompt repeats is counted too often.
        common = {line for line, count in counts.items() if count >= FEWEST_PROMPTS}
        having: dict[str, list[tuple[bytes, int]]] = {}
        homes: dict[bytes, list[str]] = {}
        for id, (_, numbers) in packed.items():
            blocks = [block for start, count in _each(numbers) for block in _blocks(numbers, start, count, common)]
            if begun := {begun for begun, _ in blocks if begun}:
                having[id] = blocks
                for block in begun:
                    homes.setdefault(block, []).append(id)
        for id, blocks in having.items():
            path = packed[id][0]
            within, told = False, set[int]()
            for block, line in blocks:
                others = homes[block] if block else []
                copied = len(others) >= FEWEST_PROMPTS
                if copied and not within and line not in told:
                    told.add(line)
                    named = [other for other in others[:4] if other != id][:3]
                    more = f" and {len(others) - 1 - len(named)} more" if len(others) - 1 > len(named) else ""
                    message = f"a block of text that begins here also stands in {', '.join(named)}{more}"
                    hint = "move it to a partial below _shared/ and include it (templateFormat: jinja2)"
                    yield id, Hit(message, path, line or None, None, hint)
                within = copied


def _messages(source: Source) -> list[str]:
    """The texts that stand in the prompt's own file: a partial is shared already."""
    return [item.content for item in source.prompt.messages if isinstance(item, Message)] if source.prompt else []


class _Said(NamedTuple):
    """One message in UTF-8.

    Attributes:
        whole: its lines as they stand.
        lines: without the blanks around them; empty ones left out.
        sums: a checksum of each of these.
    """

    whole: list[bytes]
    lines: list[bytes]
    sums: list[int]


def _said(source: Source) -> list[_Said]:
    return memo(source, "copies", lambda each: map(_said_in, _messages(each)))


def _said_in(text: str) -> _Said:
    whole = text.encode("utf-8", "replace").split(b"\n")
    lines = list(filter(None, map(bytes.strip, whole)))
    return _Said(whole, lines, list(map(crc32, lines)))


def _sentences(said: _Said) -> set[int]:
    """Checksums of the sentences of a message."""
    if max(map(len, said.whole)) <= LONG_LINE:
        return {checksum for line, checksum in zip(said.lines, said.sums, strict=True) if len(line) > 3}
    found = set[int]()
    for line in said.whole:
        part = line.strip()
        if len(line) > LONG_LINE:
            found.update(map(crc32, part.split(b". ")))
        elif len(part) > 3:
            found.add(crc32(part))
    return found


def _each(numbers: array[int]) -> Iterator[tuple[int, int]]:
    """Where the checksums of each message begin in a note, and how many lines it has."""
    start = 0
    while start < len(numbers):
        yield start + 1, numbers[start]
        start += 1 + 3 * numbers[start]


def _blocks(numbers: array[int], start: int, count: int, common: set[int]) -> Iterator[tuple[bytes, int]]:
    """Each block of a message and its line: from the beginning of a line on, until it is long enough.

    A block is the checksums and the lengths of its lines: of the first alone, two texts in millions would be the same.
    In place of those that hold a line that few prompts have, one stands that is empty.
    """
    sums = numbers[start : start + count]
    if common.isdisjoint(sums):
        yield b"", 0
        return
    lengths, lines = numbers[start + count : start + 2 * count], numbers[start + 2 * count : start + 3 * count]
    ends = [0, *accumulate(lengths)]
    begin = 0
    for stop in (*(number for number, line in enumerate(sums) if line not in common), count):
        for number in range(begin, stop + 1):
            end = bisect_left(ends, ends[number] + BLOCK_CHARACTERS, number, stop + 1)
            if end > stop:
                break
            yield sums[number:end].tobytes() + lengths[number:end].tobytes(), lines[number]
        if ends[number] + BLOCK_CHARACTERS <= ends[-1]:
            yield b"", 0
        begin = stop + 1


def _packed(path: str, numbers: Iterable[int]) -> bytes:
    """A path and numbers below 2**32, quick to hand on and to keep."""
    return path.encode("utf-8", "surrogateescape") + b"\0" + array(_NUMBER, numbers).tobytes()


def _unpacked(note: object) -> tuple[str, array[int]]:
    path, _, numbers = cast(bytes, note).partition(b"\0")
    return path.decode("utf-8", "surrogateescape"), array(_NUMBER, numbers)


_NUMBER = "I"


def _alike(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of equal sentences; of long prompts, an estimate from the smallest checksums of both."""
    if len(one) >= MOST_SENTENCES or len(other) >= MOST_SENTENCES:
        both = frozenset(sorted(one | other)[:MOST_SENTENCES])
        return len(one & other & both) / len(both)
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


RULES: tuple[type[Rule], ...] = (NearDuplicate, CopiedBlock)
