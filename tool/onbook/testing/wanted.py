"""What the cases of a prompt want answered. It is found out anew, case by case, whenever somebody wants to know, and so
none of many cases is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from onbook.testing.chains import advance
from onbook.testing.measuring import labelled_requests
from onbook.testing.planning import Planned, Planner, plan
from onbook.testing.recording import Recording
from onbook.testing.recordings import Keys, Recordings
from onbook.testing.request import ModelError, Request, Response
from onbook.testing.selection import Selection
from onbook.testing.unit import Attempt, Unit


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


class Wanted(NamedTuple):
    """A request, recorded or not, and whose answer it is: a case's, or an assertion's judge's.

    Attributes:
        units: those that are told where it brings nothing; keeper: where its answer goes.
        step: of the case's chain, where it is an earlier one.
    """

    units: Sequence[Unit]
    keeper: Keeper
    case: str
    assertion: str | None
    request: Request
    key: str
    step: str | None = None

    @property
    def open(self) -> bool:
        """Whether it has no answer and may get one."""
        return self.key not in self.units[0].failures and self.keeper.recordings.get(self.key) is None

    def recording(self, response: Response) -> Recording:
        """The recording of its answer."""
        return Recording.of(self.case, self.request, response, self.assertion, self.step)

    def fail(self, error: ModelError) -> None:
        """Say why it brought none."""
        for unit in self.units:
            unit.failures[self.key] = error


class Group(Protocol):
    """Places, each of which wants something: the cases of a prompt, or pairs of cases."""

    @property
    def units(self) -> Sequence[Unit]: ...

    def __iter__(self) -> Iterator[int]: ...

    def at(self, place: int) -> Iterator[Wanted]:
        """What one place wants, as far as the answers that there are make it known."""
        ...

    @property
    def always(self) -> Sequence[int]:
        """The places at which an answer to any other may make something known."""
        ...

    @property
    def faulty(self) -> bool:
        """Whether a place that was looked at means nothing; then nothing of the group is to be asked."""
        ...

    def finish(self) -> None:
        """All that was wanted has been asked, and is about to be written."""
        ...


_LABELLED = -1
"""The place of the answers that people have labelled, of which judges are asked."""


class Cases:
    """What the cases of one prompt want, on each of its models that can be asked. Places are their numbers, model after
    model.
    """

    def __init__(self, units: Sequence[Unit], selection: Selection, keeper: Keeper) -> None:
        self.units = units
        self.keeper = keeper
        self.faulty = False
        self.always = (_LABELLED,) if units[0].source.labels else ()
        self._selection = selection
        self._source = units[0].source
        self._planners = [Planner(unit) for unit in units]

    def __iter__(self) -> Iterator[int]:
        cases = self._source.cases
        found = False
        for index, unit in enumerate(self.units):
            if unit.wrong:
                continue
            for number in range(len(cases)):
                if not self._selection.narrows or self._selection.takes(self._source.id, cases[number]):
                    found = True
                    yield index * len(cases) + number
        if found:
            yield from self.always

    def at(self, place: int) -> Iterator[Wanted]:
        """What one case wants on one model."""
        if place == _LABELLED:
            for case, name, request in labelled_requests(self._source, self.keeper.recordings):
                yield Wanted(self.units, self.keeper, case, name, request, request.key())
            return
        planned = self.planned(place)
        if planned.faults:
            self.faulty = True
        for attempt in planned.attempts:
            yield from asked_by(self.units[self._unit(place)], attempt, self.units, self.keeper)

    def planned(self, place: int) -> Planned:
        """The case of a place."""
        number = place % len(self._source.cases)
        return self._planners[self._unit(place)].plan(number, self._source.cases[number])

    def by_unit(self) -> Iterator[tuple[Unit, Iterator[Planned]]]:
        """Each unit with the cases that are selected, one at a time."""
        return ((each.unit, plan(each.unit, self._selection, each)) for each in self._planners)

    def needed(self) -> Keys:
        """The keys that the cases ask for, as far as they are known, and those of the answers that people have
        labelled: what a judge is measured by outlives the wording that brought it."""

        def every() -> Iterator[str]:
            yield from (label.key for label in self._source.labels)
            yield from (wanted.key for place in self for wanted in self.at(place))

        return Keys(every())

    def finish(self) -> None:
        """Drop what newer answers have replaced. What cases that are not selected ask for stays: one answer may serve
        several cases, and stands under the first that asked for it."""
        every = Cases(self.units, Selection(), self.keeper) if self._selection.narrows else self
        needed = every.needed()
        if not every.faulty:
            self.keeper.recordings.drop_stale(needed)

    def _unit(self, place: int) -> int:
        return place // len(self._source.cases)


def asked_by(unit: Unit, attempt: Attempt, units: Sequence[Unit], keeper: Keeper) -> Iterator[Wanted]:
    """What one attempt asks: the steps of its chain, itself, and the judges of its answer."""
    advance(unit, attempt)
    for step, request in attempt.earlier:
        yield Wanted(units, keeper, attempt.case.id, None, request, request.key(), step)
    yield Wanted(units, keeper, attempt.case.id, None, attempt.request, attempt.key, attempt.step)
    for name, request in unit.verdicts(attempt):
        yield Wanted(units, keeper, attempt.case.id, name, request, request.key())


def open_at(group: Group, places: Iterable[int]) -> Iterator[tuple[int, Wanted]]:
    """What wants an answer and has none, with its place."""
    for place in places:
        seen: set[str] = set()
        for wanted in group.at(place):
            if wanted.key not in seen and wanted.open:
                seen.add(wanted.key)
                yield place, wanted
