"""ON53x: prompts that are nearly the same, and blocks of text that were copied between prompts.

Both compare sentences by checksums, in one pass over the notes of all prompts: the work is linear, and what is kept of
a prompt is a few hundred bytes. Words of one sentence that differ make it another sentence; copies that were adapted
line by line are therefore not seen, and those that share whole lines are.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from heapq import heapify
from itertools import accumulate, chain, compress, islice
from math import ceil
from operator import xor
from typing import cast

from onbook.project import Source
from onbook.report import Severity
from onbook.rules.base import AcrossRule, Hit, Rule
from onbook.rules.said import block_at, places_of, said_in, sentences

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
# A prompt with which others are compared: how many sentences it has, how many of one that is alike at least, its id and
# its sentences. What two share is at most the smaller of them, and their union at least the larger.
_Compared = tuple[int, int, str, frozenset[int]]
_LEAST = [ceil(SAME * size) for size in range(MOST_SENTENCES + 1)]


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

    def note(self, source: Source) -> object:
        """The smallest checksums of the sentences, all of them for all but the longest prompts."""
        said = said_in(source)
        if sum([len(message.content) for message in said]) < FEWEST_CHARACTERS:
            return None
        sums = list(sentences(said))
        if len(sums) < FEWEST_SENTENCES:
            return None
        if len(sums) > MOST_SENTENCES:
            sums = sorted(sums)[:MOST_SENTENCES]
        heapify(sums)  # the order of all but the keys says nothing
        sums[:_FIRST] = sorted(sums[:_FIRST])
        return _packed(source.path, sums)

    def across(self, notes: Mapping[str, object], today: date) -> Iterator[tuple[str, Hit]]:
        """Two that are alike share one of their smallest checksums nearly always: only such pairs are compared."""
        begun = _begun(notes)
        counted = Counter(chain.from_iterable([row[1 : 1 + KEYS] for row in begun]))
        seen: dict[int, list[_Compared]] = {key: [] for key, count in counted.items() if count > 1}
        for (id, note), row in zip(notes.items(), begun, strict=True):
            size, *few = row[: 1 + row[0]]
            least = _LEAST[size]
            enough = len(few) - (size - least)
            near: list[_Compared] = []
            waiting: list[list[_Compared]] = []
            for key in few[:KEYS]:
                others = seen.get(key)
                if others is None:
                    continue  # none shares it
                if len(others) < MOST_COMPARED:
                    waiting.append(others)
                for other in others:
                    # One that is alike has so many of these sentences, and of a few of them lacks no more than of all.
                    if other[0] >= least and size >= other[1] and len(other[3].intersection(few)) >= enough:
                        near.append(other)  # noqa: PERF401 making a comprehension costs more than these few rounds
            if not (near or waiting):
                continue
            path, sums = _unpacked(note)
            mine = frozenset(sums)
            best, share = "", 0.0
            for _, _, other_id, theirs in near:
                alike = _alike(mine, theirs)
                if alike > share:
                    best, share = other_id, alike
            if share >= SAME:
                hint = f"{share:.0%} of their sentences are the same: make one of them, with an input for what differs"
                yield id, Hit(f"this prompt is nearly the same as {best}", path, 1, 1, hint)
                continue
            for others in waiting:
                others.append((size, least, id, mine))


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

    def note(self, source: Source) -> object:
        """Of each message that is long enough the checksum, the length and the place of each line."""
        document, said = source.document, said_in(source)
        if document is None or sum([len(message.content) for message in said]) < BLOCK_CHARACTERS:
            return None
        file, end, literals = b"", 0, iter(document.literals)
        sums: list[int] = []
        lengths: list[int] = []
        lines: list[int] = []
        sizes: list[int] = []
        for message in said:
            if message.size >= BLOCK_CHARACTERS:
                first = 0
                for literal, line in literals:
                    if literal == message.content:
                        first = line + 1
                        break
                else:
                    file = file or document.text.encode("utf-8", "replace")
                    first, end = block_at(message, file, end)
                if first:
                    lines += compress(range(first, first + len(message.rows)), message.rows)
                else:  # quoted or folded: the text's lines are not the file's
                    whole = document.place(("messages", message.number, "content")).line
                    lines += [line or whole for line in places_of(message, file)]
                sums += message.sums
                lengths += message.lengths
                sizes.append(len(message.sums))
        longest = max([message.longest for message in said])
        return _packed(source.path, [len(sums), longest, *sums, *lengths, *lines, *sizes]) if sums else None

    def across(self, notes: Mapping[str, object], today: date) -> Iterator[tuple[str, Hit]]:
        """Blocks that begin one after the other in a prompt are one block."""
        heads = array(_NUMBER, b"".join([note[_SIZE : 3 * _SIZE] for note in _all_bytes(notes)]))
        counts, longest = heads[::2], heads[1::2]
        # A block that stands in so many prompts is made of steps from line to line that do. What one prompt repeats is
        # counted too often, and so are steps from one message to the next: these are in no block.
        steps = list(_steps(_joined(notes, counts, 0).tolist()))
        common = {step for step, count in Counter(steps).items() if count >= FEWEST_PROMPTS}
        # Most prompts have too few of them in a row, and no line that is a block by itself: these have no block.
        some = set(compress(range(len(counts)), map(BLOCK_CHARACTERS.__le__, longest)))
        ends, lengths = list(accumulate(counts)), _joined(notes, counts, 1)
        for first, last in _in_a_row(compress(range(len(steps)), map(common.__contains__, steps))):
            if sum(lengths[first : last + 2]) >= BLOCK_CHARACTERS:  # a step leads to the next line
                some.update(range(bisect_right(ends, first), bisect_right(ends, last + 1) + 1))
        packed = {
            id: _unpacked(note) for id, note in compress(notes.items(), map(some.__contains__, range(len(counts))))
        }
        having: dict[str, list[tuple[bytes, int]]] = {}
        homes: dict[bytes, list[str]] = {}
        for id, (_, numbers) in packed.items():
            blocks = [block for message in _each(numbers) for block in _blocks(*message, common)]
            if begun := {begun for begun, _ in blocks if begun}:
                having[id] = blocks
                for block in begun:
                    homes.setdefault(block, []).append(id)
        for id, blocks in having.items():
            path = packed[id][0]
            within = False
            told: set[int | bytes] = set()
            for block, line in blocks:
                others = homes[block] if block else []
                copied = len(others) >= FEWEST_PROMPTS
                if copied and not within and told.isdisjoint((block, line)):
                    told |= {block, line}
                    named = [other for other in others[:4] if other != id][:3]
                    more = f" and {len(others) - 1 - len(named)} more" if len(others) - 1 > len(named) else ""
                    message = f"a block of text that begins here also stands in {', '.join(named)}{more}"
                    hint = "move it to a partial below _shared/ and include it (templateFormat: jinja2)"
                    yield id, Hit(message, path, line or None, None, hint)
                within = copied


def _each(numbers: array[int]) -> Iterator[tuple[array[int], array[int], array[int]]]:
    """Of each message in a note the checksums of its lines, their lengths and their places."""
    count, start = numbers[0], 2
    for size in numbers[2 + 3 * count :]:
        sums, lengths, lines = (numbers[at : at + size] for at in range(start, start + 3 * count, count))
        yield sums, lengths, lines
        start += size


def _joined(notes: Mapping[str, object], counts: Iterable[int], part: int) -> array[int]:
    """Of all notes one part after the other: the first are the checksums, the second the lengths."""
    starts = (
        (note, (3 + part * count) * _SIZE, count * _SIZE) for note, count in zip(_all_bytes(notes), counts, strict=True)
    )
    return array(_NUMBER, b"".join([note[start : start + size] for note, start, size in starts]))


def _in_a_row(places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Of sorted numbers the stretches in which they follow each other: the first and the last of each."""
    first = last = -2
    for place in places:
        if place != last + 1:
            if first >= 0:
                yield first, last
            first = place
        last = place
    if first >= 0:
        yield first, last


def _steps(sums: Sequence[int]) -> Iterable[int]:
    """Of each line and the line after it one number, which other lines hardly have."""
    return map(xor, sums, islice(sums, 1, None))


def _blocks(sums: array[int], lengths: array[int], lines: array[int], common: set[int]) -> Iterator[tuple[bytes, int]]:
    """Each block of a message and its line: from the beginning of a line on, until it is long enough.

    A block is the checksums and the lengths of its lines: of the first alone, two texts in millions would be the same.
    In place of those that hold a step that few prompts have, one stands that is empty.
    """
    follows = list(map(common.__contains__, _steps(sums)))
    if True not in follows and max(lengths) < BLOCK_CHARACTERS:
        yield b"", 0
        return
    ends = [0, *accumulate(lengths)]
    begin = 0
    for stop in (*(number for number, known in enumerate(follows, 1) if not known), len(sums)):
        for number in range(begin, stop):
            end = bisect_left(ends, ends[number] + BLOCK_CHARACTERS, number, stop + 1)
            if end > stop:
                if ends[number] + BLOCK_CHARACTERS <= ends[-1]:
                    yield b"", 0
                break
            yield sums[number:end].tobytes() + lengths[number:end].tobytes(), lines[number]
        begin = stop


def _packed(path: str, numbers: Sequence[int]) -> bytes:
    """Numbers below 2**32, how many first, and a path: quick to hand on and to keep."""
    return array(_NUMBER, [len(numbers), *numbers]).tobytes() + path.encode("utf-8", "surrogateescape")


def _unpacked(note: object) -> tuple[str, array[int]]:
    raw = cast(bytes, note)
    end = _SIZE * (1 + array(_NUMBER, raw[:_SIZE])[0])
    return raw[end:].decode("utf-8", "surrogateescape"), array(_NUMBER, raw[_SIZE:end])


def _begun(notes: Mapping[str, object]) -> list[list[int]]:
    """Of each note how many numbers it has, and the first _FEW of them; what stands behind too few says nothing."""
    width = 1 + _FEW
    raw = [note[: width * _SIZE].ljust(width * _SIZE) for note in _all_bytes(notes)]
    numbers = array(_NUMBER, b"".join(raw)).tolist()
    return [numbers[start : start + width] for start in range(0, len(numbers), width)]


def _all_bytes(notes: Mapping[str, object]) -> Iterable[bytes]:
    return cast("Iterable[bytes]", notes.values())


_NUMBER = "I"
_SIZE = array(_NUMBER).itemsize
# In a heap, the smallest stand among so many.
_FIRST = 2**KEYS - 1
# More than one that is alike may lack of the most sentences that are compared.
_FEW = 10


def _alike(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of equal sentences; of long prompts, an estimate from the smallest checksums of both."""
    if len(one) >= MOST_SENTENCES or len(other) >= MOST_SENTENCES:
        both = frozenset(sorted(one | other)[:MOST_SENTENCES])
        return len(one & other & both) / len(both)
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


RULES: tuple[type[Rule], ...] = (NearDuplicate, CopiedBlock)
