"""What a run would ask: one request a case and repeat, and what keeps a case from meaning anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onbook.call import Caller
from onbook.errors import InputError, UsageError
from onbook.project import Source
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.prompt import Case, Prompt
from onbook.render import analyse
from onbook.repo import SnapshotError
from onbook.report import Finding, Problem
from onbook.testing.assertions import AssertionUseError, Subject, check, requests
from onbook.testing.chains import advance, links_of, request_of
from onbook.testing.judging import at, of_case, of_source
from onbook.testing.metrics import expected_labels
from onbook.testing.metrics import wrong as wrong_metrics
from onbook.testing.recordings import Recordings
from onbook.testing.request import Request
from onbook.testing.selection import Selection
from onbook.testing.unit import Attempt, Unit, request_for


@dataclass(frozen=True, slots=True)
class Planned:
    """One case with its requests, or with what is wrong with it. ``number``: its place in the gold set, from 0."""

    case: Case
    number: int
    attempts: tuple[Attempt, ...] = ()
    faults: tuple[Finding, ...] = ()


def read_recordings(source: Source) -> Recordings:
    """The recordings beside a prompt; none where there is no file."""
    path = stem(source.path) + RECORDINGS_SUFFIX
    if source.snapshot.entry(path) is None:
        return Recordings()
    try:
        return Recordings.read(source.snapshot.stored(path), path)
    except SnapshotError as error:
        return Recordings([Problem("not-a-file", error.message, path)])


def template_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with the partials that a prompt includes: told once, and not once for each case."""
    prompt = source.prompt
    if prompt is None or prompt.template_format != "jinja2":
        return
    folder = stem(source.path).removesuffix(prompt.id)
    for path, text in prompt.partials.items():
        for found in analyse(text, "jinja2").problems[:1]:
            message = f"the partial is not a valid template: {found.message}"
            yield Problem(found.code, message, folder + path, found.line, found.column, found.hint)


def unit_of(source: Source, prompt: Prompt, model: str, recordings: Recordings, *, record: bool = False) -> Unit:
    """One prompt's run on one model, with what is wrong for all of its cases.

    Args:
        record: a last line that a killed run left half written is no fault; recording drops it.
    """
    unit = Unit(source, prompt, model, recordings)
    if not model:
        message = "the prompt names no model, so its cases cannot be run"
        unit.wrong.append(of_source("case-wrong", message, source, hint="add the key 'model' to the prompt"))
        return unit
    torn = [recordings.torn] if recordings.torn and not record else []
    for problem in (*source.tests.problems, *recordings.problems, *torn):
        unit.wrong.append(
            at("case-wrong", problem.message, problem.path, problem.line, problem.column, hint=problem.hint)
        )
    for assertion in source.suite.assertions:
        if fault := check(assertion):
            unit.wrong.append(of_source("case-wrong", f"the suite's assertion means nothing: {fault}", source))
    if fault := wrong_metrics(unit.source.suite.metrics):
        unit.wrong.append(of_source("case-wrong", fault, source))
    return unit


class Planner:
    """What one unit asks, a case at a time. What is the same for all of them is worked out once."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._sound = not unit.wrong
        self._caller = Caller(unit.prompt)
        # Every request of a unit is alike but for its messages and repeat.
        self._blank = request_for(unit.prompt, (), model=unit.model)

    def plan(self, number: int, case: Case) -> Planned:
        """One case of the unit, whose place in the gold set is ``number``. Nothing of it is held here."""
        unit, blank = self.unit, self._blank
        if faults := _faults(unit, case, suite=self._sound):
            return Planned(case, number, faults=tuple(faults))
        try:
            if case.chain or unit.source.suite.chain:
                return Planned(case, number, tuple(_chained(unit, case)))
            messages = tuple(self._caller.render(case.inputs, case.history))
            asked = [
                Request(blank.model, messages, blank.parameters, blank.response_format, blank.tools, repeat)
                for repeat in range(unit.source.suite.repeats)
            ]
            attempts = tuple(Attempt(case, request, request.key()) for request in asked)
        except (InputError, UsageError) as error:
            return Planned(case, number, faults=(of_case(case, "case-wrong", error.message, hint=error.hint),))
        if not messages:
            message = "the prompt renders no message, so there is nothing to ask"
            return Planned(case, number, faults=(of_case(case, "case-wrong", message),))
        return Planned(case, number, attempts)


def plan(unit: Unit, selection: Selection, planner: Planner | None = None) -> Iterator[Planned]:
    """The cases that are selected, rendered one at a time: no more than one is held in memory here.

    Args:
        planner: of the unit, where there is one: it has been compiled then.
    """
    if not unit.model:
        return
    planner = planner or Planner(unit)
    for number, case in enumerate(unit.source.cases):
        if selection.takes(unit.source.id, case):
            yield planner.plan(number, case)


def _chained(unit: Unit, case: Case) -> Iterator[Attempt]:
    """The attempts of a chain, each as far as its steps are recorded. Raises InputError."""
    links = links_of(unit, case)
    for repeat in range(unit.source.suite.repeats):
        request = request_of(unit, links, 0, case, {}, repeat)
        attempt = Attempt(case, request, request.key(), links=links, step=links[0].name if len(links) > 1 else None)
        advance(unit, attempt)
        yield attempt


def _faults(unit: Unit, case: Case, *, suite: bool) -> list[Finding]:
    """What is wrong with a case's assertions as they are written, or with this row's values in them."""
    if faults := [of_case(case, "case-wrong", message) for each in case.assertions if (message := check(each))]:
        return faults
    try:
        expected_labels(unit.source.suite.metrics, case)
        requests(unit.assertions(case) if suite else case.assertions, Subject("", unit.prompt, case, {}))
    except AssertionUseError as error:
        return [of_case(case, "case-wrong", error.message, hint=error.hint)]
    except ValueError as error:
        return [of_case(case, "case-wrong", str(error))]
    return []
