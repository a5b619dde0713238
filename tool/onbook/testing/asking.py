"""Asking the models for what is not recorded: first the prompts' answers, then what judges say of them."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from onbook.testing.limits import Meter
from onbook.testing.models import RESUME, ask_all, provider_of, waited
from onbook.testing.places import Numbers
from onbook.testing.recording import RecordingError
from onbook.testing.request import ModelError, NotAskedError, Request, Response
from onbook.testing.wanted import Group, Keeper, Wanted, open_at


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

INTERRUPTED = "the run was interrupted"


@dataclass(slots=True)
class _Waiting:
    """Where requests to one provider are to be had: places of groups, 24 bytes each, and how many requests in all."""

    groups: array[int] = field(default_factory=lambda: array("L"))
    places: array[int] = field(default_factory=lambda: array("q"))
    counts: array[int] = field(default_factory=lambda: array("L"))
    total: int = 0

    def add(self, group: int, place: int) -> None:
        self.total += 1
        if self.places and (self.groups[-1], self.places[-1]) == (group, place):
            self.counts[-1] += 1
            return
        self.groups.append(group)
        self.places.append(place)
        self.counts.append(1)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.groups, self.places, self.counts, strict=True)


@dataclass(slots=True)
class _Queue:
    """Requests that are made as they are pulled."""

    total: int
    pull: Callable[[], Iterator[Request]]

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[Request]:
        return self.pull()


class _Run:
    """Counts what is settled, and keeps what arrives."""

    def __init__(self, meter: Meter, progress: Progress | None) -> None:
        self.meter = meter
        self._progress = progress
        self._began = time.monotonic()
        self._arrived = self._failed = self._wanted = 0
        self._under_way: dict[int, Wanted] = {}
        self._errors: dict[tuple[type[ModelError], str, str | None], ModelError] = {}

    def ask(self, groups: Sequence[Group], waiting: Mapping[str, _Waiting]) -> None:
        """Ask for all that waits. Ctrl-C ends the asking and leaves the rest as not run.

        Raises:
            OnbookError: nothing can be asked at all, or a file cannot be written.
        """
        self._wanted += sum(each.total for each in waiting.values())
        self._tell()

        def puller(provider: str, each: _Waiting) -> Callable[[], Iterator[Request]]:
            return lambda: self._pull(groups, provider, each)

        queues = {provider: _Queue(each.total, puller(provider, each)) for provider, each in waiting.items()}
        try:
            waited(lambda: ask_all(queues, meter=self.meter, on_answer=self._keep, on_error=self._settle))
        except KeyboardInterrupt:
            self.meter.stop(INTERRUPTED)
            for wanted in self._under_way.values():
                wanted.fail(self._told(NotAskedError(INTERRUPTED, hint=RESUME)))
        if self.meter.stopped:
            for group in groups:
                for unit in group.units:
                    unit.not_asked = NotAskedError(self.meter.stopped, hint=RESUME)
        self._under_way.clear()
        if self._wanted != self._arrived + self._failed and self.meter.stopped != INTERRUPTED:
            self._wanted = self._arrived + self._failed
            self._tell()

    def _pull(self, groups: Sequence[Group], provider: str, waiting: _Waiting) -> Iterator[Request]:
        """The requests to one provider, each made when a place for it is free."""
        for group, place, expected in waiting:
            if self.meter.refuses():
                return
            # All of a place at once: what an answer makes known is the next round's.
            for _, wanted in list(open_at(groups[group], [place])):
                if provider_of(wanted.request.model) != provider or self._is_under_way(wanted):
                    continue
                expected -= 1  # noqa: PLW2901
                # What could not be kept is not paid for.
                if refused := _refused(wanted):
                    self._fail(wanted, refused)
                    continue
                self._under_way[id(wanted.request)] = wanted
                yield wanted.request
            # What two cases ask is asked once; an answer may have made more known meanwhile.
            self._wanted -= expected

    def _is_under_way(self, wanted: Wanted) -> bool:
        return any(
            each.key == wanted.key and each.keeper.recordings is wanted.keeper.recordings
            for each in self._under_way.values()
        )

    def _keep(self, request: Request, response: Response) -> None:
        wanted = self._under_way.pop(id(request))
        try:
            wanted.keeper.keep(wanted.recording(response))
        except RecordingError as error:
            self._fail(wanted, _unrecordable("the answer", error))
            return
        self._arrived += 1
        self._tell()

    def _settle(self, request: Request, error: ModelError) -> None:
        self._fail(self._under_way.pop(id(request)), error)

    def _fail(self, wanted: Wanted, error: ModelError) -> None:
        wanted.fail(self._told(error))
        if isinstance(error, NotAskedError):
            self._wanted -= 1
        else:
            self._failed += 1
        self._tell()

    def _told(self, error: ModelError) -> ModelError:
        """One error for all that failed alike, without the call that it came from: that holds whole requests."""
        key = (type(error), error.message, error.hint)
        return self._errors.setdefault(key, type(error)(error.message, place=error.place, hint=error.hint))

    def _tell(self) -> None:
        if self._progress:
            elapsed = time.monotonic() - self._began
            self._progress(
                Standing(self._arrived, self._failed, self._wanted, self.meter.calls, self.meter.cost, elapsed)
            )


def ask_missing(
    groups: Iterable[tuple[Group, Sequence[Keeper]]], meter: Meter, progress: Progress | None = None
) -> None:
    """Ask for what groups miss, and keep it as it arrives. A request that fails is kept as a failure.

    All groups are asked at once, so that a provider's places are never empty; then, as long as an answer makes
    another request known (a judge's), those. Of a group that is faulty nothing is asked.

    Args:
        groups: each with the keepers of its answers.

    Raises:
        OnbookError: nothing can be asked at all, or a file cannot be written.
    """
    every = list(groups)
    asked = [group for group, _ in every]
    with ExitStack() as stack:
        waiting = _missing(asked, asked)
        if not waiting:
            return
        touched = {index for each in waiting.values() for index in each.groups}
        for index in sorted(touched):
            group, keepers = every[index]
            for keeper in keepers:
                stack.enter_context(keeper)
            stack.callback(group.finish)  # before the keeper writes
        run = _Run(meter, progress)
        while waiting:
            run.ask(asked, waiting)
            if meter.stopped:
                return
            # Only an answer makes more known, so nothing but where one came is looked at again.
            waiting = _missing(asked, list(_again(asked, waiting)))


def _missing(groups: Sequence[Group], places: Sequence[Iterable[int]]) -> dict[str, _Waiting]:
    """What waits for an answer, by provider."""
    found: dict[str, _Waiting] = {}
    for index, (group, its) in enumerate(zip(groups, places, strict=True)):
        here: dict[str, _Waiting] = {}
        for place, wanted in open_at(group, its):
            here.setdefault(provider_of(wanted.request.model), _Waiting()).add(index, place)
        if group.faulty:
            continue
        for provider, waiting in here.items():
            into = found.setdefault(provider, _Waiting())
            into.groups += waiting.groups
            into.places += waiting.places
            into.counts += waiting.counts
            into.total += waiting.total
    return found


def _again(groups: Sequence[Group], waiting: Mapping[str, _Waiting]) -> Iterator[Iterable[int]]:
    """The places of each group at which something was asked, and those that any answer may concern."""
    asked = [array("q") for _ in groups]
    for each in waiting.values():
        for number, place, _ in each:
            asked[number].append(place)
    for group, places in zip(groups, asked, strict=True):
        yield [*Numbers(place for place in places if place not in group.always), *group.always] if places else ()


def _refused(wanted: Wanted) -> ModelError | None:
    try:
        wanted.recording(Response("", (), "", "", {}, 0, None, "")).line()
    except RecordingError as error:
        return _unrecordable("the request", error)
    return None


def _unrecordable(what: str, error: RecordingError) -> ModelError:
    return ModelError(f"{what} cannot be recorded: {error.message}", hint="nothing of it was written; see the case")
