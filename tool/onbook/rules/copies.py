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
from itertools import accumulate, chain
from operator import xor
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
# Lines with a bar behind which a message is looked for in its file, and how far it may be indented there.
MOST_STARTS = 4
MOST_INDENTED = 100
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

    def note(self, source: Source) -> object:
        """The file, and the smallest checksums of the sentences: all of them, for all but the longest prompts."""
        said = _said(source)
        if sum([len(message.content) for message in said]) < FEWEST_CHARACTERS:
            return None
        sums = set().union(*map(_sentences, said))
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

    def note(self, source: Source) -> object:
        """The file, and of each message that is long enough the checksum, the length and the place of each line."""
        document, said = source.document, _said(source)
        if document is None or sum([len(message.content) for message in said]) < BLOCK_CHARACTERS:
            return None
        file, end, literals = b"", 0, iter(document.literals)
        found: list[int] = []
        for message in said:
            if sum(message.lengths) >= BLOCK_CHARACTERS:
                first = next((line + 1 for literal, line in literals if literal == message.content), 0)
                if not first:
                    file = file or document.text.encode("utf-8", "replace")
                    first, end = _block_at(message, file, end)
                places = (
                    [line for line, row in enumerate(message.rows, first) if row] if first else _places(message, file)
                )
                if 0 in places:  # quoted or folded: the text's lines are not the file's
                    whole = document.place(("messages", message.number, "content")).line
                    places = [line or whole for line in places]
                found += [len(places), *message.sums, *message.lengths, *places]
        return _packed(source.path, found) if found else None

    def across(self, notes: Mapping[str, object], today: date) -> Iterator[tuple[str, Hit]]:
        """Blocks that begin one after the other in a prompt are one block."""
        packed = {id: _unpacked(note) for id, note in notes.items()}
        # A block that stands in so many prompts is made of steps from line to line that do; what one prompt repeats is
        # counted too often.
        steps = (_steps(numbers, start, count) for _, numbers in packed.values() for start, count in _each(numbers))
        common = {step for step, count in Counter(chain.from_iterable(steps)).items() if count >= FEWEST_PROMPTS}
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
            within, told = False, set[int | bytes]()
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


class _Said(NamedTuple):
    """One message that stands in the prompt's own file, in UTF-8; a partial is shared already.

    Attributes:
        number: its place among the messages.
        content, text: as it stands; whole: its lines.
        rows: its lines without the blanks around them.
        lengths, sums: of each of these that is not empty its bytes, and a checksum.
    """

    number: int
    content: str
    text: bytes
    whole: list[bytes]
    rows: list[bytes]
    lengths: list[int]
    sums: list[int]


def _said(source: Source) -> list[_Said]:
    return memo(source, "copies", _all_said)


def _all_said(source: Source) -> Iterator[_Said]:
    for number, item in enumerate(source.prompt.messages if source.prompt else ()):
        if isinstance(item, Message):
            text = item.content.encode("utf-8", "replace")
            whole = text.split(b"\n")
            rows = list(map(bytes.strip, whole))
            lines = list(filter(None, rows))
            yield _Said(number, item.content, text, whole, rows, list(map(len, lines)), list(map(crc32, lines)))


def _sentences(said: _Said) -> set[int]:
    """Checksums of the sentences of a message; a line of up to three bytes is none."""
    if max(map(len, said.whole)) <= LONG_LINE:
        if _SHORT.isdisjoint(said.lengths):
            return set(said.sums)
        return {checksum for length, checksum in zip(said.lengths, said.sums, strict=True) if length > 3}
    found = set[int]()
    for line, row in zip(said.whole, said.rows, strict=True):
        if len(line) > LONG_LINE:
            found.update(map(crc32, row.split(b". ")))
        elif len(row) > 3:
            found.add(crc32(row))
    return found


_SHORT = frozenset({1, 2, 3})


def _block_at(said: _Said, file: bytes, after: int) -> tuple[int, int]:
    """The line of its file in which a message begins, and where it ends; line 0 where it was not found.

    It is looked for as a literal block, as nearly all are: there its lines stand one after the other behind a line with
    a bar, each but the empty ones behind the same indentation.

    Args:
        after: where the message before it ends.
    """
    body = b"\n" + said.text.lstrip(b"\n").rstrip(b"\n") + b"\n"
    empty = said.text.find(body[1:2])
    filled = len(said.whole) - said.whole.count(b"")
    bar = after - 1
    for _ in range(MOST_STARTS):
        bar = file.find(b"|", bar + 1)
        start = file.find(b"\n", bar) + empty
        if bar < 0 or start < bar:
            break
        indented = file[start + 1 : start + MOST_INDENTED]
        width = len(indented) - len(indented.lstrip(b" "))
        end = start + len(body) + width * filled
        if indented.startswith(body[1:9], width) and body == file[start:end].replace(b"\n" + b" " * width, b"\n"):
            return file.count(b"\n", 0, start) + 2 - empty, end
    return 0, after


def _places(said: _Said, file: bytes) -> list[int]:
    """In which lines of its file the lines of a message stand, wherever: of equal ones the first, 0 for none."""
    rows = list(map(bytes.strip, file.split(b"\n")))
    places = dict(zip(reversed(rows), range(len(rows), 0, -1), strict=True))
    return [places.get(row, 0) for row in said.rows if row]


def _each(numbers: array[int]) -> Iterator[tuple[int, int]]:
    """Where the checksums of each message begin in a note, and how many lines it has."""
    start = 0
    while start < len(numbers):
        yield start + 1, numbers[start]
        start += 1 + 3 * numbers[start]


def _steps(numbers: array[int], start: int, count: int) -> Iterable[int]:
    """Of each line of a message and the line after it one number, which other lines hardly have."""
    return map(xor, numbers[start : start + count - 1], numbers[start + 1 : start + count])


def _blocks(numbers: array[int], start: int, count: int, common: set[int]) -> Iterator[tuple[bytes, int]]:
    """Each block of a message and its line: from the beginning of a line on, until it is long enough.

    A block is the checksums and the lengths of its lines: of the first alone, two texts in millions would be the same.
    In place of those that hold a step that few prompts have, one stands that is empty.
    """
    follows = list(map(common.__contains__, _steps(numbers, start, count)))
    lengths = numbers[start + count : start + 2 * count]
    if True not in follows and max(lengths) < BLOCK_CHARACTERS:
        yield b"", 0
        return
    sums, lines = numbers[start : start + count], numbers[start + 2 * count : start + 3 * count]
    ends = [0, *accumulate(lengths)]
    begin = 0
    for stop in (*(number for number, known in enumerate(follows, 1) if not known), count):
        for number in range(begin, stop):
            end = bisect_left(ends, ends[number] + BLOCK_CHARACTERS, number, stop + 1)
            if end > stop:
                if ends[number] + BLOCK_CHARACTERS <= ends[-1]:
                    yield b"", 0
                break
            yield sums[number:end].tobytes() + lengths[number:end].tobytes(), lines[number]
        begin = stop


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
