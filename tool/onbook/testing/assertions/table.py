"""Every assertion by its name, and what can be asked of one as it is written in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from onbook.errors import OnbookError
from onbook.nearest import nearest
from onbook.plugins import entry_points
from onbook.project.cases import EVALUATOR
from onbook.testing.assertions.base import misspelt_within
from onbook.testing.assertions.calls import ToolCalled
from onbook.testing.assertions.groups import AllOf, AnyOf, Group, Negation, Within, members
from onbook.testing.assertions.judges import AnswerRelevance, ContextPrecision, Faithfulness, Judge
from onbook.testing.assertions.manner import Language, Refusal
from onbook.testing.assertions.measures import Cost, Latency, Length, Number, Tokens
from onbook.testing.assertions.rouge import Rouge1, Rouge2, RougeL
from onbook.testing.assertions.similarity import Similarity
from onbook.testing.assertions.structured import IsJson, JsonPath, JsonSchema
from onbook.testing.assertions.texts import Contains, EndsWith, Equals, Matches, StartsWith
from onbook.testing.assertions.translation import Bleu, Chrf
from onbook.testing.evaluators import Evaluator
from onbook.testing.request import Request
from onbook.testing.subject import Assertion, AssertionUseError, Json, Outcome, Subject, filled

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "onbook.assertions"


@cache
def _plugged() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(GROUP) if point.name not in BUILT_IN}


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
            near = nearest(name, names())
            return f"unknown assertion {name!r}; " + (
                f"did you mean {near!r}?" if near else f"known are {', '.join(names())}"
            )
        wrong = None if name in _OWN_TEXTS else misspelt_within(argument)
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
            value that it takes from one is none that it can take; or it needs a library that is not installed. What
            the answer is plays no part in this.
    """
    found: list[Request] = []
    for assertion in assertions:
        name, kind, written = _parts(assertion)
        argument = _filled(kind, written, subject.row)
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
        return kind.decide(_filled(kind, written, subject.row), subject)
    except AssertionUseError:
        raise
    except OnbookError as error:
        raise AssertionUseError(f"{name}: {error.message}", hint=error.hint) from None
    except Exception as error:  # a plug-in's, or an answer that a library cannot take
        raise AssertionUseError(f"{name} could not look at the answer: {_what(error)}") from error


def may_ask(assertion: Json) -> bool:
    """Whether an assertion may ask a judge; one of a package may, unless it says ``asks = False``."""
    # Also of one that nobody has checked yet.
    name = next((key for key in assertion if key != "weight"), "")
    kind = known(name)
    if isinstance(kind, Group):
        return any(map(may_ask, members(assertion[name])))
    of = getattr(kind, "asks_of", None)
    return bool(of(assertion[name]) if of is not None else getattr(kind, "asks", True))


def judges(assertion: Json) -> frozenset[str]:
    """Who decides an assertion, where a model does: each judge with the model that it is asked on.

    One of a package says so with ``judged_by(argument)``, or is its own judge where it says ``asks = True``.
    """
    name, kind, argument = _parts(assertion)
    if isinstance(kind, Group):
        return frozenset().union(*map(judges, members(argument)))
    who = getattr(kind, "judged_by", None)
    if who is not None:
        named = who(argument)
        return frozenset({str(named)} if named else ())
    return frozenset({name} if getattr(kind, "asks", False) is True else ())


def weight(assertion: Json) -> float:
    """How much an assertion counts in a case's score; 1 unless it says otherwise."""
    value = assertion.get("weight", 1)
    return float(value) if isinstance(value, int | float) else 1.0


def name_of(assertion: Json) -> str:
    """The name of an assertion that ``check`` has seen."""
    return next(key for key in assertion if key != "weight")


def _parts(assertion: Json) -> tuple[str, Assertion, object]:
    name = name_of(assertion)
    kind = known(name)
    assert kind, "check() comes first"
    return name, kind, assertion[name]


def _filled(kind: Assertion, argument: object, row: Json) -> object:
    """The argument with ``{{column}}`` replaced from the row, once; itself where there is nothing to replace."""
    fill = getattr(kind, "fill", None)
    if fill is not None:
        return fill(argument, row)
    # A plug-in that does not say otherwise gets texts filled, and everything else as it is written.
    return filled(argument, row) if isinstance(argument, str) and "{{" in argument else argument


def _what(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


# Below the functions, which groups ask of what is within them.
_WITHIN = Within(check, requests, decide)

BUILT_IN: Mapping[str, Assertion] = {
    "equals": Equals(),
    "contains": Contains(),
    "starts-with": StartsWith(),
    "ends-with": EndsWith(),
    "regex": Matches(),
    "is-json": IsJson(),
    "json-schema": JsonSchema(),
    "json-path": JsonPath(),
    "number": Number(),
    "length": Length(),
    "similarity": Similarity(),
    "rouge-1": Rouge1(),
    "rouge-2": Rouge2(),
    "rouge-l": RougeL(),
    "bleu": Bleu(),
    "chrf": Chrf(),
    "language": Language(),
    "refusal": Refusal(),
    "tool-called": ToolCalled(),
    "tokens": Tokens(),
    "cost": Cost(),
    "latency": Latency(),
    "judge": Judge(),
    "faithfulness": Faithfulness(),
    "answer-relevance": AnswerRelevance(),
    "context-precision": ContextPrecision(),
    "not": Negation(_WITHIN),
    "any": AnyOf(_WITHIN),
    "all": AllOf(_WITHIN),
    EVALUATOR: Evaluator(),
}

# Their texts are no templates: they hand the row on to what is within them, or {{ means something else there.
_OWN_TEXTS = frozenset({"not", "any", "all", "json-schema", EVALUATOR})
