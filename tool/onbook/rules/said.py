"""The messages of a prompt line by line, as rules compare them: checksums, lengths, and where in its file they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from onbook.project import Source
from onbook.prompt import Message
from onbook.rules.texts import memo

# Lines with a bar behind which a message is looked for in its file, and how far it may be indented there.
MOST_STARTS = 4
MOST_INDENTED = 100
# A line of prose from this length on is compared sentence by sentence.
LONG_LINE = 160


@dataclass(slots=True)
class Said:
    """One message that stands in the prompt's own file, in UTF-8; a partial is shared already.

    Attributes:
        number: its place among the messages.
        content, text: as it stands; whole: its lines.
        rows: its lines without the blanks around them.
        lengths, sums: of each of these that is not empty its bytes, and a checksum.
        size, longest: the bytes of all of them, and of the longest.
    """

    number: int
    content: str
    text: bytes
    whole: list[bytes]
    rows: list[bytes]
    lengths: list[int]
    sums: list[int]
    size: int
    longest: int


def said_in(source: Source) -> list[Said]:
    """The messages, in order; put together once for all rules."""
    return memo(source, "copies", _all_said)


def _all_said(source: Source) -> Iterable[Said]:
    found = []
    for number, item in enumerate(source.prompt.messages if source.prompt else ()):
        if isinstance(item, Message):
            text = item.content.encode("utf-8", "replace")
            whole = text.split(b"\n")
            rows = list(map(bytes.strip, whole))
            lines = list(filter(None, rows))
            lengths, sums = list(map(len, lines)), list(map(crc32, lines))
            longest = max(lengths) if lengths else 0
            found.append(Said(number, item.content, text, whole, rows, lengths, sums, sum(lengths), longest))
    return found


def sentences(said: Iterable[Said]) -> set[int]:
    """Checksums of the sentences of all messages; a line of up to three bytes is none."""
    found: set[int] = set()
    for message in said:
        lengths, sums = message.lengths, message.sums
        # With all blanks around lines none is longer than with its own.
        blanks = len(message.text) - message.size - len(message.whole) + 1
        if not lengths or (message.longest + blanks > LONG_LINE and max(map(len, message.whole)) > LONG_LINE):
            for line, row in zip(message.whole, message.rows, strict=True):
                if len(line) > LONG_LINE:
                    found.update(map(crc32, row.split(b". ")))
                elif len(row) > 3:
                    found.add(crc32(row))
        elif min(lengths) > 3:
            found.update(sums)
        else:
            found.update([checksum for length, checksum in zip(lengths, sums, strict=True) if length > 3])
    return found


def block_at(said: Said, file: bytes, after: int) -> tuple[int, int]:
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


def places_of(said: Said, file: bytes) -> list[int]:
    """In which lines of its file the lines of a message stand, wherever: of equal ones the first, 0 for none."""
    rows = list(map(bytes.strip, file.split(b"\n")))
    places = dict(zip(reversed(rows), range(len(rows), 0, -1), strict=True))
    return [places.get(row, 0) for row in said.rows if row]
