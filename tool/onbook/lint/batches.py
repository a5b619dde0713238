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

BATCH = 80
"""Small prompts that are looked at together. One that weighs more stands for several: what is read of it is kept."""
_BYTES = 4 * 1024  # of a prompt's file, that weigh one more
_RECORDED = 16  # what a prompt with recordings weighs


@dataclass(slots=True)
class _Prompt:
    """One prompt on its way through the steps. Once one failed there is no ``source``, and ``looked`` says why."""

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
    for batch in _together((_taken(prompt, _read) for prompt in begun), _weight_of_file):
        for step in (_parse, _check, _load, _include, _read_tests):
            for prompt in batch:
                _taken(prompt, step)
        for some in _together(batch, _weight_of_all):
            sources = {prompt.id: prompt.source for prompt in some if prompt.source is not None}
            found = dict(zip(sources, look(list(sources.values()), rules), strict=True))
            for prompt in some:
                prompt.source = None
                yield prompt.id, prompt.looked or found[prompt.id], prompt.snapshot


def _taken(prompt: _Prompt, step: Callable[[_Prompt], None]) -> _Prompt:
    """The prompt after one step more, unless one failed."""
    if prompt.looked is None:
        try:
            step(prompt)
        except OnbookError:
            raise
        except Exception as error:  # a fault of a reader: what it could not read is not fine, and hides no other prompt
            path = prompt.reading.path
            prompt.source, prompt.looked = None, Looked(path, False, unchecked=[faulty(path, error)])
    return prompt


def _read(prompt: _Prompt) -> None:
    prompt.reading.read()


def _parse(prompt: _Prompt) -> None:
    prompt.reading.parse()


def _check(prompt: _Prompt) -> None:
    prompt.reading.check()


def _load(prompt: _Prompt) -> None:
    prompt.reading.load()


def _include(prompt: _Prompt) -> None:
    prompt.source = Source(prompt.reading.include(), prompt.snapshot)


def _read_tests(prompt: _Prompt) -> None:
    assert prompt.source
    prompt.source.tests  # noqa: B018 they are read when they are first asked for


def _weight_of_file(prompt: _Prompt) -> int:
    return 1 + len(prompt.reading.raw or b"") // _BYTES


def _weight_of_all(prompt: _Prompt) -> int:
    return _RECORDED if prompt.source and RECORDINGS_SUFFIX in prompt.source.tests.beside else 1


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
