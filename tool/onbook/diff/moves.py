"""Prompts that moved: one that is gone and one that is new, with the same text or nearly so, told as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from onbook.diff.changes import change
from onbook.diff.compare import PromptDiff, diff_sources
from onbook.errors import OnbookError
from onbook.project import Source

# As git's rename detection: more than half of the text is the same.
_ALIKE = 0.5
MAX_PAIRS = 10_000  # compared line by line; beyond it only equal files are found


def paired(found: Iterable[PromptDiff], gone: Iterable[Source] = (), *, readers: str = "tolerant") -> list[PromptDiff]:
    """The same, with a prompt that is gone and one that is new told as a move where their texts say so.

    Its id is part of the contract, so a move is major; the tags of the old id stay, and the new id starts its own.

    Args:
        gone: prompts that went earlier: they are told only where one of the new ones is what became of them.
    """
    diffs = list(found)
    fresh = {each.id: each.new for each in diffs if each.old is None and each.base is None and each.new is not None}
    lost = {each.id: each.old for each in diffs if each.new is None and each.old is not None}
    lost.update((source.id, source) for source in gone if source.id not in lost)
    moves = _moves(list(lost.values()), list(fresh.values()))
    origin = {new.id: old for old, new in moves}
    left = {old.id for old, _ in moves}
    return [
        _moved(each, origin[each.id], readers) if each.id in origin and each.old is None else each
        for each in diffs
        if not (each.new is None and each.id in left)
    ]


def _moved(found: PromptDiff, old: Source, readers: str) -> PromptDiff:
    told = f"`{old.id}` is now `{found.id}`: who asks for the old id gets no new release, and its tags stay"
    first = change("prompt-moved", (), told, old=old.id, new=found.id)
    try:
        compared = diff_sources(found.id, old, found.new, readers=readers).changes
    except OnbookError:
        # The older text cannot be read any more: that it moved is all there is to say.
        compared = ()
    kept = tuple(each for each in compared if each.rule.slug != "text-changed")
    return replace(found, old=old, changes=(first, *kept), moved_from=old.id)


def _moves(lost: list[Source], fresh: list[Source]) -> list[tuple[Source, Source]]:
    """Each prompt that is gone with what became of it: equal files first, then the most alike."""
    by_bytes = {source.closure[0].sha256: source for source in reversed(lost) if source.closure}
    found: list[tuple[Source, Source]] = []
    for new in fresh:
        old = by_bytes.pop(new.closure[0].sha256, None) if new.closure else None
        if old is not None:
            found.append((old, new))
    taken = {source.id for pair in found for source in pair}
    lost = [source for source in lost if source.id not in taken and source.prompt]
    fresh = [source for source in fresh if source.id not in taken and source.prompt]
    if len(lost) * len(fresh) > MAX_PAIRS:
        return found
    before, after = [_lines(source) for source in lost], [_lines(source) for source in fresh]
    scores = [
        (_alike(before[i], after[j]), _shared_name(lost[i].id, fresh[j].id), i, j)
        for i in range(len(lost))
        for j in range(len(fresh))
    ]
    used: tuple[set[int], set[int]] = (set(), set())
    for score, _, i, j in sorted(scores, key=lambda each: (-each[0], -each[1], each[2], each[3])):
        if score > _ALIKE and i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            found.append((lost[i], fresh[j]))
    return found


def _lines(source: Source) -> Counter[str]:
    text = source.document.text if source.document else ""
    return Counter(line.strip() for line in text.split("\n") if line.strip())


def _alike(one: Counter[str], other: Counter[str]) -> float:
    """The part of the larger text that both have, in characters."""
    shared = sum(len(line) * count for line, count in (one & other).items())
    larger = max(sum(len(line) * count for line, count in side.items()) for side in (one, other))
    return shared / larger if larger else 0.0


def _shared_name(one: str, other: str) -> bool:
    return one.rpartition("/")[2] == other.rpartition("/")[2]
