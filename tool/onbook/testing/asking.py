"""Asking the models for what is not recorded: first the prompt's answers, then what judges say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from onbook.testing.models import ModelError, Request, Response, ask_all
from onbook.testing.recordings import Journal, Recording, RecordingError
from onbook.testing.unit import Unit

Progress = Callable[[int, int], None]


class _Wanted(NamedTuple):
    """A request that has no recording, and whose answer it is: a case's, or an assertion's judge's."""

    unit: Unit
    case: str
    assertion: str | None
    request: Request

    def recording(self, response: Response) -> Recording:
        return Recording.of(self.case, self.request, response, self.assertion)


def record_missing(units: Sequence[Unit], path: Path, progress: Progress | None) -> None:
    """Ask for what one prompt's units miss, and write it as it arrives. A request that fails is kept as a failure.

    Raises:
        OnbookError: nothing can be asked at all, or the file cannot be written.
    """
    sound = [unit for unit in units if not unit.wrong]
    _ask(sound, _answers, path, progress)
    _ask(sound, _verdicts, path, progress)


def _answers(unit: Unit) -> Iterable[_Wanted]:
    return (_Wanted(unit, attempt.case.id, None, attempt.request) for attempt in unit.attempts)


def _verdicts(unit: Unit) -> Iterable[_Wanted]:
    for attempt in unit.attempts:
        for name, request in unit.verdicts(attempt):
            yield _Wanted(unit, attempt.case.id, name, request)


def _ask(
    units: Sequence[Unit], kind: Callable[[Unit], Iterable[_Wanted]], path: Path, progress: Progress | None
) -> None:
    # Two cases may make the same request; it is asked once.
    wanted: dict[str, _Wanted] = {}
    for unit in units:
        for item in kind(unit):
            key = item.request.key()
            if unit.recordings.get(key) is None:
                wanted.setdefault(key, item)
    if not wanted:
        return
    arrived = 0

    def tell() -> None:
        if progress:
            progress(arrived, len(wanted))

    def keep(request: Request, response: Response) -> None:
        try:
            journal.keep(wanted[request.key()].recording(response))
        except RecordingError as error:
            fail(request, _unrecordable("the answer", error))
            return
        settled()

    def fail(request: Request, error: ModelError) -> None:
        for unit in units:
            unit.failures[request.key()] = error
        settled()

    def settled() -> None:
        nonlocal arrived
        arrived += 1
        tell()

    import asyncio

    with Journal(units[0].recordings, path) as journal:
        tell()
        asked = []
        for item in wanted.values():
            # What could not be kept is not paid for.
            if error := _refused(item):
                fail(item.request, error)
            else:
                asked.append(item.request)
        try:
            asyncio.run(ask_all(asked, on_answer=keep, on_error=fail))
        finally:
            units[0].recordings.drop_stale(_needed(units))


def _needed(units: Iterable[Unit]) -> set[str]:
    return {item.request.key() for unit in units for kind in (_answers, _verdicts) for item in kind(unit)}


def _refused(item: _Wanted) -> ModelError | None:
    try:
        item.recording(Response("", (), "", "", {}, 0, None, "")).line()
    except RecordingError as error:
        return _unrecordable("the request", error)
    return None


def _unrecordable(what: str, error: RecordingError) -> ModelError:
    return ModelError(f"{what} cannot be recorded: {error.message}", hint="nothing of it was written; see the case")
