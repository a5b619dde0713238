"""Assertions: what must hold of an answer. Each is a small class; the built-in ones stand in one dict.

Plug-ins come through the entry-point group ``onbook.assertions``, never from a prompt file: an entry point names a
class of the shape :class:`Assertion`, and its name is the assertion's.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Protocol

from onbook.call import parameters_of
from onbook.contract import Contract, ContractError, dump
from onbook.errors import InputError, OnbookError
from onbook.project.cases import EVALUATOR
from onbook.prompt import Case, Prompt
from onbook.render.fill import fill
from onbook.testing.models import Request

GROUP = "onbook.assertions"

Json = Mapping[str, object]

# A hostile or careless pattern must not hold up a run; answers are short, and so is what is asked of them.
MAX_ANSWER = 1 << 20


class AssertionUseError(OnbookError):
    """An assertion that means nothing: an unknown name, an argument of the wrong type."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an assertion looks at.

    Attributes:
        text: the answer.
        prompt: the prompt that was asked; case: the row.
        judge: the answers of judges by the key of their request.
    """

    text: str
    prompt: Prompt
    case: Case
    judge: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether an assertion holds, and in one line why not. ``score`` is 0 to 1."""

    passed: bool
    message: str
    score: float = 0.0

    @staticmethod
    def of(passed: bool, message: str) -> Outcome:
        """All or nothing."""
        return Outcome(passed, message, 1.0 if passed else 0.0)


class Assertion(Protocol):
    """One kind of assertion.

    ``check`` returns what is wrong with an argument, before any call is made, or None. ``requests`` are the calls to
    judges that it needs; ``decide`` is given their answers in the subject.
    """

    def check(self, argument: object) -> str | None: ...

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]: ...

    def decide(self, argument: object, subject: Subject) -> Outcome: ...


class _Plain:
    """An assertion that asks no judge and takes any argument."""

    def check(self, argument: object) -> str | None:
        return None

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        return ()


class Equals(_Plain):
    """The answer is exactly this: a text (white space around it aside), or JSON where the argument is not a text.

    ``{equals: billing}``, ``{equals: "{{expected}}"}``, ``{equals: {label: billing}}``
    """

    def decide(self, argument: object, subject: Subject) -> Outcome:
        if isinstance(argument, str):
            passed = subject.text.strip() == argument.strip()
            return Outcome.of(passed, f"expected exactly {dump(argument)}, got {_shown(subject.text)}")
        try:
            found = json.loads(subject.text)
        except (ValueError, RecursionError):
            return Outcome.of(False, f"expected the JSON {dump(argument)}, got no JSON: {_shown(subject.text)}")
        # Compared as JSON texts: in Python True == 1, in JSON it is not.
        passed = json.dumps(found, sort_keys=True) == json.dumps(argument, sort_keys=True)
        return Outcome.of(passed, f"expected the JSON {dump(argument)}, got {_shown(subject.text)}")


class Contains(_Plain):
    """The answer contains this text, capitals and all. ``{contains: refund}``"""

    def check(self, argument: object) -> str | None:
        return None if isinstance(argument, str) and argument else "it takes a text that is not empty"

    def decide(self, argument: object, subject: Subject) -> Outcome:
        return Outcome.of(str(argument) in subject.text, f"expected {dump(argument)} in {_shown(subject.text)}")


class Matches(_Plain):
    """A regular expression (Python's) is found in the answer. ``{regex: "^#[0-9]+$"}``"""

    def check(self, argument: object) -> str | None:
        if not isinstance(argument, str):
            return "it takes a regular expression as a text"
        try:
            re.compile(argument)
        except (re.error, RecursionError, OverflowError) as error:
            return f"it is no regular expression: {error}"
        return None

    def decide(self, argument: object, subject: Subject) -> Outcome:
        passed = re.search(str(argument), subject.text[:MAX_ANSWER]) is not None
        return Outcome.of(passed, f"expected a match of {dump(argument)} in {_shown(subject.text)}")


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

    def decide(self, argument: object, subject: Subject) -> Outcome:
        schema = subject.prompt.output_schema if argument is True else argument
        if schema is None:
            return Outcome.of(False, "the prompt declares no output schema (jsonSchema)")
        try:
            value = json.loads(subject.text)
        except (ValueError, RecursionError):
            return Outcome.of(False, f"the answer is no JSON: {_shown(subject.text)}")
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
        return Outcome(not inner.passed, f"expected not {_told(_mapping(argument))}", 1.0 - inner.score)


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
        return Outcome(not failed, "; ".join(failed), min(o.score for o in outcomes))


class Evaluator:
    """One of GitHub's evaluators, as ``gh models eval`` had them; written under the prompt file's ``evaluators``.

    ``string`` looks at the first that is set of equals (capitals count), contains, startsWith, endsWith (capitals do
    not). ``llm`` asks a judge; the first choice whose text is contained in the lower-cased answer gives the score, and
    a score above 0 passes. ``uses: github/similarity`` and the like are judges of our own text.
    """

    def check(self, argument: object) -> str | None:
        evaluator = _mapping(argument)
        if "string" in evaluator:
            options = _mapping(evaluator["string"])
            if not any(options.get(name) for name in _STRING_TESTS):
                return f"a string evaluator needs one of {', '.join(_STRING_TESTS)}"
            return None
        if "llm" in evaluator:
            return None
        if "uses" in evaluator:
            return _unknown_judge(str(evaluator["uses"]))
        return "an evaluator needs one of string, llm, uses"

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        judge = _judge(_mapping(argument))
        return [_judge_request(judge, subject)] if judge else ()

    def decide(self, argument: object, subject: Subject) -> Outcome:
        evaluator = _mapping(argument)
        name = evaluator.get("name", "evaluator")
        judge = _judge(evaluator)
        if judge is None:
            return _string_outcome(str(name), _mapping(evaluator["string"]), subject)
        said = subject.judge[_judge_request(judge, subject).key()].strip().lower()
        for choice in judge.choices:
            if str(choice["choice"]).lower() in said:
                score = float(str(choice["score"]))
                return Outcome(score > 0, f"{name}: the judge chose {choice['choice']!r} (score {score:g})", score)
        return Outcome.of(False, f"{name}: the judge's answer {_shown(said)} holds none of the choices")


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


@cache
def known() -> Mapping[str, Assertion]:
    """All assertions by name: the built-in ones, and those that installed packages add."""
    plugged = {point.name: point.load()() for point in metadata.entry_points(group=GROUP)}
    return {**plugged, **BUILT_IN}


def check(assertion: Json) -> str | None:
    """What is wrong with an assertion as it is written, or None. Asked before any call is made."""
    names = [name for name in assertion if name != "weight"]
    if len(names) != 1:
        return f"an assertion is one name with its argument, and this has {len(names)}: {', '.join(names) or 'nothing'}"
    found = known().get(names[0])
    if found is None:
        near = difflib.get_close_matches(names[0], list(known()), n=1)
        return f"unknown assertion {names[0]!r}; " + (
            f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known()))}"
        )
    wrong = found.check(assertion[names[0]])
    return f"{names[0]}: {wrong}" if wrong else None


def requests(assertions: Iterable[Json], subject: Subject) -> list[Request]:
    """The calls to judges that these assertions need for one answer."""
    found: list[Request] = []
    for assertion in assertions:
        name, argument = _filled(assertion, subject)
        found += known()[name].requests(argument, subject)
    return found


def decide(assertion: Json, subject: Subject) -> Outcome:
    """Whether one assertion holds of one answer."""
    name, argument = _filled(assertion, subject)
    return known()[name].decide(argument, subject)


def weight(assertion: Json) -> float:
    """How much an assertion counts in a case's score; 1 unless it says otherwise."""
    value = assertion.get("weight", 1)
    return float(value) if isinstance(value, int | float) else 1.0


def _filled(assertion: Json, subject: Subject) -> tuple[str, object]:
    """The assertion's name, and its argument with ``{{column}}`` replaced from the row."""
    name = next(key for key in assertion if key != "weight")
    argument = assertion[name]
    if isinstance(argument, str) and "{{" in argument:
        return name, fill(argument, _row(subject.case))
    return name, argument


def _row(case: Case) -> Json:
    return {**case.inputs, "expected": case.expected}


_STRING_TESTS = ("equals", "contains", "startsWith", "endsWith")


def _string_outcome(name: str, options: Json, subject: Subject) -> Outcome:
    # gh models eval trims the answer before it looks.
    text = subject.text.strip()
    test = next(test for test in _STRING_TESTS if options.get(test))
    wanted = fill(str(options[test]), _row(subject.case))
    passed = {
        "equals": text == wanted,
        "contains": wanted.lower() in text.lower(),
        "startsWith": text.lower().startswith(wanted.lower()),
        "endsWith": text.lower().endswith(wanted.lower()),
    }[test]
    return Outcome.of(passed, f"{name}: expected {test} {dump(wanted)}, got {_shown(text)}")


@dataclass(frozen=True, slots=True)
class _Judge:
    model: str
    system: str
    prompt: str
    choices: tuple[Json, ...]
    parameters: Json


# The five that gh models eval had, with our own text: prompts/judges/<name>.prompt.yml.
GITHUB_JUDGES = ("similarity", "coherence", "fluency", "relevance", "groundedness")
_STARS = tuple({"choice": str(stars), "score": (stars - 1) / 4} for stars in range(1, 6))


def _unknown_judge(uses: str) -> str | None:
    if uses.removeprefix("github/") in GITHUB_JUDGES and uses.startswith("github/"):
        return None
    return f"there is no evaluator {uses!r}; known are {', '.join(f'github/{name}' for name in GITHUB_JUDGES)}"


def _judge(evaluator: Json) -> _Judge | None:
    if "string" in evaluator:
        return None
    if "llm" in evaluator:
        llm = _mapping(evaluator["llm"])
        choices = llm.get("choices")
        return _Judge(
            str(llm.get("modelId", "")),
            str(llm.get("systemPrompt") or ""),
            str(llm.get("prompt", "")),
            tuple(_mapping(choice) for choice in choices) if isinstance(choices, list) else (),
            {},
        )
    return _built_in_judge(str(evaluator["uses"]).removeprefix("github/"))


@cache
def _built_in_judge(name: str) -> _Judge:
    from onbook import resources
    from onbook.project.load import load_prompt
    from onbook.repo import Files

    path = f"prompts/judges/{name}.prompt.yml"
    prompt = load_prompt(Files({path: resources.read(path)}), path, "prompts").prompt
    assert prompt
    system, user = (getattr(message, "content", "") for message in prompt.messages)
    return _Judge(str(prompt.model), system, user, _STARS, parameters_of(prompt))


def _judge_request(judge: _Judge, subject: Subject) -> Request:
    row = {**_row(subject.case), "completion": subject.text.strip()}
    try:
        content = fill(judge.prompt, row)
    except InputError as error:
        raise AssertionUseError(f"the judge's prompt needs what the case does not have: {error.message}") from None
    system = [{"role": "system", "content": judge.system}] if judge.system else []
    return Request(
        model=judge.model,
        messages=(*system, {"role": "user", "content": content}),
        parameters=judge.parameters,
    )


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


def _told(assertion: Json) -> str:
    return dump({name: argument for name, argument in assertion.items() if name != "weight"})


def _shown(text: str) -> str:
    return dump(text if len(text) <= 160 else text[:157] + "...")
