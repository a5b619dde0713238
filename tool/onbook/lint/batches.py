"""Prompts of a snapshot -> what the rules say of each: some at a time, and step by step.

What looks at a prompt is more code than a processor keeps at hand. One step after another for a few prompts together,
the same work takes about three quarters of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from onbook.errors import OnbookError
from onbook.lint.looking import Looked, faulty, look
from onbook.lint.trace import Traced
from onbook.project import Source
from onbook.project.cases import RECORDINGS_SUFFIX
from onbook.project.load import Reading
from onbook.rules import Rule

Item = TypeVar("Item")

BATCH = 16
"""Small prompts that are looked at together. One that weighs more stands for several: what is read of it is kept."""
_BYTES = 16 * 1024  # of a prompt's file, that weigh one more
_RECORDED = 4  # what a prompt with recordings weighs


@dataclass(slots=True)
class _Prompt:
    """One prompt on its way through the steps; ``looked`` is there at the end, or once a step failed."""

    id: str
    snapshot: Traced
    reading: Reading
    source: Source | None = None
    looked: Looked | None = None


def look_at(
    prompts: Iterable[tuple[str, str, Traced]], folder: str, rules: Sequence[Rule]
) -> Iterator[tuple[str, Looked, Traced]]:
    """What rules say of prompts, in their order, each with its id and with what was asked of its snapshot.

    Args:
        prompts: the id and the path of each, and where it is read.
        folder: the prompts folder.

    Raises:
        OnbookError: a snapshot cannot be read any more.
    """
    begun = (_Prompt(id, snapshot, Reading(snapshot, path, folder)) for id, path, snapshot in prompts)
    for read in _together(map(_read, begun), _weight_of_text):
        for loaded in _together(map(_load, read), _weight_of_all):
            sources = {each.id: each.source for each in loaded if each.source is not None}
            found = dict(zip(sources, look(list(sources.values()), rules), strict=True))
            for each in loaded:
                each.source = None  # with all that its rules kept
                yield each.id, each.looked or found[each.id], each.snapshot


def _read(prompt: _Prompt) -> _Prompt:
    return _step(prompt, prompt.reading.read)


def _load(prompt: _Prompt) -> _Prompt:
    def load() -> None:
        source = Source(prompt.reading.load(), prompt.snapshot)
        source.tests  # noqa: B018 the files beside it are read with it
        prompt.source = source

    return prompt if prompt.looked else _step(prompt, load)


def _step(prompt: _Prompt, step: Callable[[], None]) -> _Prompt:
    try:
        step()
    except OnbookError:
        raise
    except Exception as error:  # a fault of a reader: what it could not read is not fine, and hides no other prompt
        path = prompt.reading.path
        prompt.looked = Looked(path, False, unchecked=[faulty(path, error)])
    return prompt


def _weight_of_text(prompt: _Prompt) -> int:
    document = prompt.reading.document
    return 1 + (len(document.text) // _BYTES if document else 0)


def _weight_of_all(prompt: _Prompt) -> int:
    recorded = prompt.source is not None and RECORDINGS_SUFFIX in prompt.source.tests.beside
    return _RECORDED if recorded else 1


def _together(items: Iterable[Item], weigh: Callable[[Item], int]) -> Iterator[list[Item]]:
    some: list[Item] = []
    weight = 0
    for item in items:
        some.append(item)
        weight += weigh(item)
        if weight >= BATCH:
            yield some
            some, weight = [], 0
    if some:
        yield some
