"""Two texts, word by word: what stays, what goes and what comes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

# Comparing costs the product of the lengths, and more where words repeat; beyond it whole parts are told as replaced.
MAX_PRODUCT = 160_000
_MAX_LINES = 4_000_000  # likewise of lines, of which those that stand all over a long text are no landmarks
_WORD = re.compile(r"\w+|\n|[^\S\n]+|[^\w\s]")
_CONTEXT = 60  # characters of what stays around a change


class Part(NamedTuple):
    """A piece of the comparison: ``=`` stays, ``-`` goes, ``+`` comes, and ``~`` is something that was left out."""

    kind: str
    text: str


def words(old: str, new: str) -> list[Part]:
    """The parts of two texts in order; those of kind = and - make up the old text, those of = and + the new one."""
    found: list[Part] = []
    for part in _joined(_parts(old, new)):
        if found and found[-1].kind == part.kind:
            found[-1] = Part(part.kind, found[-1].text + part.text)
        else:
            found.append(part)
    return found


def shortened(parts: Sequence[Part], context: int = _CONTEXT) -> list[Part]:
    """The parts with a little around each change; what is left out in between is one ``~``."""
    found: list[Part] = []
    last = len(parts) - 1
    for number, part in enumerate(parts):
        head = part.text[:context].rpartition(" ")[0] if number > 0 else ""
        tail = part.text[-context:].partition(" ")[2] if number < last else ""
        if part.kind != "=" or len(part.text) <= len(head) + len(tail) + 20:
            found.append(part)
            continue
        found += [Part("=", head)] if head else []
        found.append(Part("~", part.text[len(head) : len(part.text) - len(tail)]))
        found += [Part("=", tail)] if tail else []
    return found


def plain(parts: Sequence[Part]) -> str:
    """As plain text: ``[-old-]{+new+}``, and ``...`` for what was left out."""
    marks = {"=": "{}", "-": "[-{}-]", "+": "{{+{}+}}", "~": "..."}
    return "".join(marks[part.kind].format(part.text) for part in parts)


def _parts(old: str, new: str) -> Iterator[Part]:
    before, after = _WORD.findall(old), _WORD.findall(new)
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    yield Part("=", "".join(before[:start]))
    yield from _middle(before[start : len(before) - end], after[start : len(after) - end])
    yield Part("=", "".join(before[len(before) - end :]))


def _middle(before: list[str], after: list[str]) -> Iterator[Part]:
    if len(before) * len(after) <= MAX_PRODUCT:
        yield from _matched(before, after)
        return
    # By lines first, and by words within those that were replaced.
    old, new = _lines(before), _lines(after)
    if len(old) * len(new) > _MAX_LINES:
        yield from (Part("-", "".join(before)), Part("+", "".join(after)))
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new).get_opcodes():
        was, now = [w for line in old[i1:i2] for w in line], [w for line in new[j1:j2] for w in line]
        if tag == "equal":
            yield Part("=", "".join(was))
        elif len(was) * len(now) <= MAX_PRODUCT:
            yield from _matched(was, now)
        else:
            yield from (Part("-", "".join(was)), Part("+", "".join(now)))


def _matched(before: list[str], after: list[str]) -> Iterator[Part]:
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Part("=", "".join(before[i1:i2]))
        else:
            yield from (Part("-", "".join(before[i1:i2])), Part("+", "".join(after[j1:j2])))


def _joined(parts: Iterator[Part]) -> Iterator[Part]:
    """Neighbours of one kind as one; white space alone between two changes belongs to both."""
    held: list[Part] = []
    waiting = [part for part in parts if part.text]
    for number, part in enumerate(waiting):
        within = 0 < number < len(waiting) - 1
        if part.kind == "=" and within and part.text.isspace() and "\n" not in part.text:
            held += [Part("-", part.text), Part("+", part.text)]
        elif part.kind == "=":
            yield from _flushed(held)
            held = []
            yield part
        else:
            held.append(part)
    yield from _flushed(held)


def _flushed(held: list[Part]) -> Iterator[Part]:
    for kind in "-+":
        if text := "".join(part.text for part in held if part.kind == kind):
            yield Part(kind, text)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _lines(tokens: list[str]) -> list[tuple[str, ...]]:
    lines: list[list[str]] = [[]]
    for token in tokens:
        lines[-1].append(token)
        if token == "\n":  # noqa: S105 a line end
            lines.append([])
    return [tuple(line) for line in lines if line]
