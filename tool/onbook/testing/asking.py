"""Asking the models for what is not recorded: first the prompts' answers, then what judges say of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from onbook.testing.chains import advance
from onbook.testing.limits import Meter
from onbook.testing.measuring import labelled_requests
from onbook.testing.models import ModelError, NotAskedError, Request, Response, ask_all
from onbook.testing.recordings import Recording, RecordingError, Recordings
from onbook.testing.unit import Unit


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run has come.

    Attributes:
        arrived: answers that were kept; failed: requests that brought none; wanted: requests in all, as far as known:
            judges are asked once there is an answer.
        calls: sends; cost: US dollars, as far as prices are known.
        elapsed_s: since the first request.
    """

    arrived: int
    failed: int
    wanted: int
    calls: int
    cost: float
    elapsed_s: float

    @property
    def rate(self) -> float:
        """Settled requests a second."""
        return (self.arrived + self.failed) / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """Seconds that the rest takes at this rate; None where nothing has been settled yet."""
        left = self.wanted - self.arrived - self.failed
        return left / self.rate if self.rate else None


Progress = Callable[[Standing], None]


class Keeper(Protocol):
    """Where the answers of one prompt go; entered before anything is asked."""

    recordings: Recordings

    def __enter__(self) -> Keeper: ...

    def __exit__(self, *_: object) -> None: ...

    def keep(self, recording: Recording) -> None: ...


class Memory:
    """Keeps answers for this run only."""

    def __init__(self, recordings: Recordings) -> None:
        self.recordings = recordings

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def keep(self, recording: Recording) -> None:
        """Keep an answer. Raises RecordingError as a journal does."""
        self.recordings.add(recording)


class _Wanted(NamedTuple):
    """A request that has no recording, and whose answer it is: a case's, or an assertion's judge's."""

    units: Sequence[Unit]
    keeper: Keeper
    case: str
    assertion: str | None
    request: Request
    key: str
    step: str | None = None

    def recording(self, response: Response) -> Recording:
        return Recording.of(self.case, self.request, response, self.assertion, self.step)

    def fail(self, error: ModelError) -> None:
        for unit in self.units:
            unit.failures[self.key] = error


class _Run:
    """Counts what is settled, and keeps what arrives."""

    def __init__(self, meter: Meter, progress: Progress | None) -> None:
        self.meter = meter
        self._progress = progress
        self._began = time.monotonic()
        self._arrived = self._failed = self._wanted = 0

    def ask(self, wanted: Sequence[_Wanted]) -> None:
        """Ask for all of them. Ctrl-C ends the asking and leaves the rest as not run.

        Raises:
            OnbookError: nothing can be asked at all, or a file cannot be written.
        """
        import asyncio

        self._wanted += len(wanted)
        by_request = {id(item.request): item for item in wanted}
        self._tell()

        def keep(request: Request, response: Response) -> None:
            item = by_request.pop(id(request))
            try:
                item.keeper.keep(item.recording(response))
            except RecordingError as error:
                self._fail(item, _unrecordable("the answer", error))
                return
            self._arrived += 1
            self._tell()

        def fail(request: Request, error: ModelError) -> None:
            self._fail(by_request.pop(id(request)), error)

        sound = []
        for item in wanted:
            # What could not be kept is not paid for.
            if refused := _refused(item):
                fail(item.request, refused)
            else:
                sound.append(item.request)
        try:
            asyncio.run(ask_all(sound, meter=self.meter, on_answer=keep, on_error=fail))
        except KeyboardInterrupt:
            self.meter.stop(INTERRUPTED)
            for item in by_request.values():
                item.fail(NotAskedError(INTERRUPTED, hint="run the same command again: only the rest is asked for"))

    def _fail(self, item: _Wanted, error: ModelError) -> None:
        item.fail(error)
        if isinstance(error, NotAskedError):
            self._wanted -= 1
        else:
            self._failed += 1
        self._tell()

    def _tell(self) -> None:
        if self._progress:
            elapsed = time.monotonic() - self._began
            self._progress(
                Standing(self._arrived, self._failed, self._wanted, self.meter.calls, self.meter.cost, elapsed)
            )


INTERRUPTED = "the run was interrupted"


def ask_missing(
    groups: Iterable[tuple[Sequence[Unit], Keeper]],
    meter: Meter,
    progress: Progress | None = None,
    *,
    interleaved: bool = False,
) -> None:
    """Ask for what the units of prompts miss, and keep it as it arrives. A request that fails is kept as a failure.

    All prompts are asked at once, so that a provider's places are never empty; then, as long as an answer makes
    another request known (a judge's), those.

    Args:
        interleaved: ask for the same case of all groups in turn, so that what passes with time meets them alike.

    Raises:
        OnbookError: nothing can be asked at all, or a file cannot be written.
    """
    with ExitStack() as stack:
        open_groups = [
            (sound, keeper) for units, keeper in groups if (sound := [unit for unit in units if not unit.wrong])
        ]
        run: _Run | None = None
        entered: set[int] = set()
        while wanted := list(_missing(open_groups)):
            if interleaved:
                wanted.sort(key=lambda item: (item.case, item.request.repeat))
            for item in wanted:
                if id(item.keeper) not in entered:
                    entered.add(id(item.keeper))
                    stack.enter_context(item.keeper)
                    stack.callback(_drop_stale, item.units, item.keeper)  # before the keeper writes
            if run is None:
                run = _Run(meter, progress)
            run.ask(wanted)


def ask_these(
    unit: Unit,
    keeper: Keeper,
    wanted: Iterable[tuple[str, str, Request]],
    meter: Meter,
    progress: Progress | None = None,
) -> None:
    """Ask for these where they are not recorded: each with its case and the name under which it is kept.

    Raises:
        OnbookError: nothing can be asked at all, or a file cannot be written.
    """
    by_key = {request.key(): (case, name, request) for case, name, request in wanted}
    missing = [
        _Wanted([unit], keeper, case, name, request, key)
        for key, (case, name, request) in by_key.items()
        if keeper.recordings.get(key) is None
    ]
    if missing:
        with keeper:
            _Run(meter, progress).ask(missing)


def _drop_stale(units: Sequence[Unit], keeper: Keeper) -> None:
    keeper.recordings.drop_stale(needed(units))


def needed(units: Iterable[Unit]) -> set[str]:
    """The keys that cases ask for, as far as they are known, and those of the answers that people have labelled: what a
    judge is measured by outlives the wording that brought it."""
    found: set[str] = set()
    for unit in units:
        found.update(label.key for label in unit.source.labels)
        found.update(key for _, _, _, _, key in _requests(unit))
    return found


def _requests(unit: Unit) -> Iterator[tuple[str, str | None, str | None, Request, str]]:
    """Each request and its key, with its case, and its assertion or its step of a chain where it is one of these."""
    for attempt in unit.attempts:
        advance(unit, attempt)
        for step, request in attempt.earlier:
            yield attempt.case.id, None, step, request, request.key()
        yield attempt.case.id, None, attempt.step, attempt.request, attempt.key
        for name, request in unit.verdicts(attempt):
            yield attempt.case.id, name, None, request, request.key()
    if unit.attempts and unit.source.labels:
        for case, name, request in labelled_requests(unit.source, unit.recordings):
            yield case, name, None, request, request.key()


def _missing(groups: Iterable[tuple[Sequence[Unit], Keeper]]) -> Iterator[_Wanted]:
    for units, keeper in groups:
        # Two cases may make the same request; it is asked once.
        seen: set[str] = set()
        for unit in units:
            for case, assertion, step, request, key in _requests(unit):
                if key not in seen and key not in unit.failures and unit.recordings.get(key) is None:
                    seen.add(key)
                    yield _Wanted(units, keeper, case, assertion, request, key, step)


def _refused(item: _Wanted) -> ModelError | None:
    try:
        item.recording(Response("", (), "", "", {}, 0, None, "")).line()
    except RecordingError as error:
        return _unrecordable("the request", error)
    return None


def _unrecordable(what: str, error: RecordingError) -> ModelError:
    return ModelError(f"{what} cannot be recorded: {error.message}", hint="nothing of it was written; see the case")
