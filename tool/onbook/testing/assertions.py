"""Assertions: what must hold of an answer. Each is a small class; the built-in ones stand in one dict.

Plug-ins come through the entry-point group ``onbook.assertions``, never from a prompt file: an entry point names a
class of the shape :class:`Assertion`, and its name is the assertion's.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata

from onbook.contract import Contract, ContractError
from onbook.errors import OnbookError
from onbook.project.cases import EVALUATOR
from onbook.testing import patterns
from onbook.testing.evaluators import Evaluator
from onbook.testing.models import Request
from onbook.testing.subject import (
    Assertion,
    AssertionUseError,
    Json,
    Outcome,
    Subject,
    filled,
    is_column,
    misspelt,
    shown,
    text_of,
    value_of,
)

__all__ = [
    "BUILT_IN",
    "GROUP",
    "Assertion",
    "AssertionUseError",
    "Outcome",
    "Subject",
    "check",
    "decide",
    "known",
    "requests",
    "weight",
]

GROUP = "onbook.assertions"


class _Plain:
    """An assertion that asks no judge and takes any argument."""

    def check(self, argument: object) -> str | None:
        return None

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        return ()


class Equals(_Plain):
    """The answer is exactly this: a text (white space around it aside), or JSON where the argument is not a text.

    ``{equals: billing}``, ``{equals: "{{expected}}"}``, ``{equals: {label: "{{expected}}"}}``
    """

    def decide(self, argument: object, subject: Subject) -> Outcome:
        if isinstance(argument, str):
            passed = subject.text.strip() == argument.strip()
            return Outcome.of(passed, f"expected exactly {shown(argument)}, got {shown(subject.text)}")
        try:
            found = _json(subject.text)
        except ValueError as error:
            return Outcome.of(False, f"expected the JSON {shown(argument)}, got {error}")
        return Outcome.of(
            _same(found, argument), f"expected the JSON {shown(argument)}, got {shown(subject.text.strip())}"
        )


class Contains(_Plain):
    """The answer contains this text, capitals and all. ``{contains: refund}``"""

    def check(self, argument: object) -> str | None:
        return None if isinstance(argument, str) and argument else "it takes a text that is not empty"

    def decide(self, argument: object, subject: Subject) -> Outcome:
        return Outcome.of(str(argument) in subject.text, f"expected {shown(argument)} in {shown(subject.text)}")


class Matches(_Plain):
    """A regular expression (Python's) is found in the answer. ``{regex: "^#[0-9]+$"}``

    A column within it is data, and matches as it is spelt; ``{regex: "{{column}}"}`` takes the whole expression from
    the row. A search that does not end is given up, and the case is an error.
    """

    def check(self, argument: object) -> str | None:
        if not isinstance(argument, str) or not argument:
            return "it takes a regular expression as a text that is not empty"
        wrong = patterns.wrong(argument)
        return f"it is no regular expression: {wrong}" if wrong else None

    def decide(self, argument: object, subject: Subject) -> Outcome:
        passed = patterns.found(str(argument), subject.text)
        return Outcome.of(passed, f"expected a match of {shown(argument)} in {shown(subject.text)}")


class JsonSchema(_Plain):
    """The answer is JSON that fulfils a schema: the prompt's own (``{json-schema: true}``), or the one given."""

    def check(self, argument: object) -> str | None:
        if argument is True:
            return None
        if not isinstance(argument, Mapping):
            return "it takes true (the prompt's own output schema) or a schema"
        try:
            Contract(argument)
        except ContractError as error:
            return f"it is no valid JSON Schema: {error.message}"
        return None

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        if argument is True and subject.prompt.output_schema is None:
            raise AssertionUseError("json-schema: the prompt declares no output schema (jsonSchema)")
        return ()

    def decide(self, argument: object, subject: Subject) -> Outcome:
        schema = subject.prompt.output_schema if argument is True else argument
        try:
            value = _json(subject.text)
        except ValueError as error:
            return Outcome.of(False, f"the schema wants JSON, and this is {error}")
        violations = Contract(schema).violations(value)  # type: ignore[arg-type]
        if not violations:
            return Outcome.of(True, "the answer fulfils the schema")
        where = "/".join(map(str, violations[0].pointer))
        return Outcome.of(False, f"the answer breaks the schema at {where or 'its root'}: {violations[0].message}")


class Negation:
    """Holds if the assertion within does not. ``{not: {contains: sorry}}``"""

    def check(self, argument: object) -> str | None:
        return _check_one(argument)

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        return requests([_mapping(argument)], subject)

    def decide(self, argument: object, subject: Subject) -> Outcome:
        inner = decide(_mapping(argument), subject)
        told = shown({name: value for name, value in _mapping(argument).items() if name != "weight"})
        return Outcome(not inner.passed, f"expected not {told} of {shown(subject.text)}", 1.0 - inner.score)


class AnyOf:
    """Holds if at least one of a list holds. ``{any: [{contains: refund}, {contains: money back}]}``"""

    def check(self, argument: object) -> str | None:
        return _check_list(argument)

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        return requests(_list(argument), subject)

    def decide(self, argument: object, subject: Subject) -> Outcome:
        outcomes = [decide(inner, subject) for inner in _list(argument)]
        reason = "none of these holds: " + "; ".join(outcome.message for outcome in outcomes)
        return Outcome(any(o.passed for o in outcomes), reason, max(o.score for o in outcomes))


class AllOf(AnyOf):
    """Holds if every one of a list holds; useful within ``any`` and ``not``."""

    def decide(self, argument: object, subject: Subject) -> Outcome:
        outcomes = [decide(inner, subject) for inner in _list(argument)]
        failed = [outcome.message for outcome in outcomes if not outcome.passed]
        return Outcome(not failed, "; ".join(failed) or "all of these hold", min(o.score for o in outcomes))


BUILT_IN: Mapping[str, Assertion] = {
    "equals": Equals(),
    "contains": Contains(),
    "regex": Matches(),
    "json-schema": JsonSchema(),
    "not": Negation(),
    "any": AnyOf(),
    "all": AllOf(),
    EVALUATOR: Evaluator(),
}

# These hand the row on to what is within them, or hold texts in which {{ means something else.
_NOT_FILLED = frozenset({"not", "any", "all", "json-schema", EVALUATOR})


@cache
def _plugged() -> Mapping[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP) if point.name not in BUILT_IN}


@cache
def known(name: str) -> Assertion | None:
    """An assertion by its name, built in or added by an installed package; None where there is none.

    Raises:
        AssertionUseError: the package that adds it cannot be loaded.
    """
    if name in BUILT_IN or name not in _plugged():
        return BUILT_IN.get(name)
    point = _plugged()[name]
    try:
        loaded: Assertion = point.load()()
    except Exception as error:  # whatever somebody else's module does when it is imported
        raise AssertionUseError(f"the plug-in {point.value} cannot be loaded: {_what(error)}") from error
    return loaded


def names() -> list[str]:
    """The names of all assertions, sorted."""
    return sorted({*BUILT_IN, *_plugged()})


def check(assertion: Json) -> str | None:
    """What is wrong with an assertion as it is written, or None. Asked before any call is made."""
    found = [name for name in assertion if name != "weight"]
    if len(found) != 1:
        return f"an assertion is one name with its argument, and this has {len(found)}: {', '.join(found) or 'nothing'}"
    name, argument = found[0], assertion[found[0]]
    try:
        kind = known(name)
        if kind is None:
            near = difflib.get_close_matches(name, names(), n=1)
            return f"unknown assertion {name!r}; " + (
                f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names())}"
            )
        wrong = None if name in _NOT_FILLED else next(filter(None, map(misspelt, _texts(argument))), None)
        wrong = wrong or kind.check(argument)
    except AssertionUseError as error:
        return f"{name}: {error.message}"
    except Exception as error:  # a plug-in's
        return f"{name}: its argument could not be looked at: {_what(error)}"
    return f"{name}: {wrong}" if wrong else None


def requests(assertions: Iterable[Json], subject: Subject) -> list[Request]:
    """The calls to judges that these assertions need for one answer.

    Raises:
        AssertionUseError: with this case's row an assertion means nothing: it names a column that is not there, or the
            value that it takes from one is none that it can take. What the answer is plays no part in this.
    """
    found: list[Request] = []
    for assertion in assertions:
        name, kind, written = _parts(assertion)
        argument = _filled(name, written, subject.row)
        if argument is not written and (wrong := kind.check(argument)):
            raise AssertionUseError(f"{name}: with this case's values {wrong}")
        found += kind.requests(argument, subject)
    return found


def decide(assertion: Json, subject: Subject) -> Outcome:
    """Whether one assertion holds of one answer.

    Raises:
        AssertionUseError: it cannot be said.
    """
    name, kind, written = _parts(assertion)
    try:
        return kind.decide(_filled(name, written, subject.row), subject)
    except AssertionUseError:
        raise
    except OnbookError as error:
        raise AssertionUseError(f"{name}: {error.message}", hint=error.hint) from None
    except Exception as error:  # a plug-in's, or an answer that a library cannot take
        raise AssertionUseError(f"{name} could not look at the answer: {_what(error)}") from error


def weight(assertion: Json) -> float:
    """How much an assertion counts in a case's score; 1 unless it says otherwise."""
    value = assertion.get("weight", 1)
    return float(value) if isinstance(value, int | float) else 1.0


def _parts(assertion: Json) -> tuple[str, Assertion, object]:
    name = next(key for key in assertion if key != "weight")
    kind = known(name)
    assert kind, "check() comes first"
    return name, kind, assertion[name]


def _filled(name: str, argument: object, row: Json) -> object:
    """The argument with ``{{column}}`` replaced from the row, once; itself where there is nothing to replace."""
    if name == "equals":
        return _values(argument, row)
    if name in _NOT_FILLED or not isinstance(argument, str) or "{{" not in argument:
        return argument
    if name == "regex" and not is_column(argument):
        row = {column: re.escape(text_of(value)) for column, value in row.items()}
    return filled(argument, row)


def _values(argument: object, row: Json) -> object:
    if isinstance(argument, str):
        return value_of(argument, row) if "{{" in argument else argument
    if isinstance(argument, Mapping):
        return {key: _values(value, row) for key, value in argument.items()}
    return [_values(value, row) for value in argument] if isinstance(argument, list) else argument


def _texts(argument: object) -> Iterator[str]:
    if isinstance(argument, str):
        yield argument
    elif isinstance(argument, Mapping | list):
        for value in argument.values() if isinstance(argument, Mapping) else argument:
            yield from _texts(value)


def _check_one(argument: object) -> str | None:
    return check(argument) if isinstance(argument, Mapping) else "it takes one assertion"


def _check_list(argument: object) -> str | None:
    if not isinstance(argument, list) or not argument:
        return "it takes a list of assertions"
    return next((wrong for inner in argument if (wrong := _check_one(inner))), None)


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Json]:
    return [_mapping(item) for item in value] if isinstance(value, list) else []


def _json(text: str) -> object:
    """An answer as JSON, by the grammar alone: no NaN. Raises ValueError, whose text says what it is instead."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError:
        raise ValueError(f"no JSON: {shown(text)}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"JSON that cannot be read ({error}): {shown(text)}") from None


def _no_number(token: str) -> object:
    raise ValueError(f"{token} is no number in JSON")


def _same(one: object, other: object) -> bool:
    """Equality as JSON has it: 1 is 1.0, and true is not 1, which Python thinks it is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


def _what(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
