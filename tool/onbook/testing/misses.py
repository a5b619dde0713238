"""Why a replay missed: which part of the request changed since the answer was recorded, and from what to what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from onbook.contract import dump

# Words that are shown of each text, those that changed and some before and after them; characters of each word.
_WORDS, _AROUND, _WORD = 12, 3, 40
_SPACE = re.compile(r"\s+")


def what_changed(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """Which parts of a canonical request differ, for the person whose replay missed."""
    parts = []
    for name in sorted({*old, *new}):
        if old.get(name) == new.get(name):
            continue
        before, after = old.get(name), new.get(name)
        if isinstance(before, list) and isinstance(after, list) and name == "messages":
            numbers = [
                str(number + 1)
                for number in range(max(len(before), len(after)))
                if before[number : number + 1] != after[number : number + 1]
            ]
            parts.append(f"message {', '.join(numbers)}")
        elif isinstance(before, Mapping) and isinstance(after, Mapping):
            keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
            parts.append(f"{name} ({', '.join(keys)})")
        else:
            parts.append(name)
    return ", ".join(parts) or "nothing"


def how_changed(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """The same with the old and the new text of each part, cut to the words that differ."""
    told = [f"{part} ({_moved(before, after)})" for part, before, after in _parts(old, new)]
    return ", ".join(told) or "nothing"


def _parts(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[tuple[str, object, object]]:
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if name == "messages" and isinstance(before, list) and isinstance(after, list):
            for number in range(max(len(before), len(after))):
                one, other = (each[number] if number < len(each) else None for each in (before, after))
                if one != other:
                    yield f"message {number + 1}", *_texts(one, other)
        elif isinstance(before, Mapping) and isinstance(after, Mapping):
            for key in sorted({*before, *after}):
                if before.get(key) != after.get(key):
                    yield f"{name}: {key}", before.get(key), after.get(key)
        else:
            yield name, before, after


def _texts(one: object, other: object) -> tuple[object, object]:
    """The contents of two messages of one role; else the messages as they are."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        rest, same = ({key: value for key, value in each.items() if key != "content"} for each in (one, other))
        if rest == same:
            return one.get("content"), other.get("content")
    return one, other


def _moved(before: object, after: object) -> str:
    if before is None or after is None:
        return f"new: {_shown(after)}" if before is None else f"gone: {_shown(before)}"
    one, other = map(_words, (before, after))
    if one == other:
        return "white space"
    start = _common(one, other)
    end = _common(one[start:][::-1], other[start:][::-1])
    told = (_excerpt(words, start, len(words) - end) for words in (one, other))
    both = isinstance(before, str) and isinstance(after, str)
    return " is now ".join(dump(text) if both else text for text in told)


def _words(value: object) -> list[str]:
    return _SPACE.split(value if isinstance(value, str) else dump(value))


def _common(one: list[str], other: list[str]) -> int:
    """How many words at the beginning are the same."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _excerpt(words: list[str], start: int, end: int) -> str:
    first, last = max(start - _AROUND, 0), min(end + _AROUND, len(words))
    last = min(last, first + _WORDS)
    shown = [word if len(word) <= _WORD else f"{word[: _WORD - 3]}..." for word in words[first:last]]
    return "... " * (first > 0) + " ".join(shown) + " ..." * (last < len(words))


def _shown(value: object) -> str:
    words = _words(value)
    return _excerpt(words, 0, len(words))
