"""GitHub's evaluators, as ``gh models eval`` had them: string, llm, and judges by name (``uses: github/...``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

from onbook import resources
from onbook.call import parameters_of
from onbook.contract import Contract
from onbook.testing.request import Request
from onbook.testing.subject import AssertionUseError, Json, Outcome, Subject, filled, misspelt, shown

_STRING_TESTS = ("equals", "contains", "startsWith", "endsWith")

# The five that gh models eval had, with our own text: prompts/judges/<name>.prompt.yml.
GITHUB_JUDGES = ("similarity", "coherence", "fluency", "relevance", "groundedness")
_STARS = tuple({"choice": str(stars), "score": (stars - 1) / 4} for stars in range(1, 6))


class Evaluator:
    """One of GitHub's evaluators, as ``gh models eval`` had them; written under the prompt file's ``evaluators``.

    ``string`` looks at the first that is set of ``equals`` (capitals count), ``contains``, ``startsWith`` and
    ``endsWith`` (capitals do not), against the trimmed answer. ``llm`` asks a judge; the first choice whose text is
    contained in the lower-cased answer gives the score, and a score above 0 passes. ``uses: github/similarity`` and
    the like (coherence, fluency, relevance, groundedness) are judges of our own text, from 1 to 5: 1 fails.

    **Argument**

    ``name``, and one of ``string``, ``llm`` and ``uses``. Texts may hold ``{{column}}``, a judge's prompt also
    ``{{completion}}``.

    **Holds**

    ```yaml
    assert: [{evaluator: {name: the queue, string: {startsWith: "{{expected}}"}}}]
    expected: billing
    answer: "Billing: the second charge"
    ```

    **Does not hold**

    ```yaml
    assert: [{evaluator: {name: alike, uses: github/fluency}}]
    answer: word salad green
    said: "1"
    ```

    **Source**

    The sources of [gh-models](https://github.com/github/gh-models), `cmd/eval`.
    """

    def check(self, argument: object) -> str | None:
        if not isinstance(argument, Mapping):
            return "it takes a mapping with one of string, llm, uses"
        for violation in _shape().violations(argument):
            where = "/".join(map(str, violation.pointer))
            return f"{where}: {violation.message}" if where else violation.message
        if "string" in argument:
            options = argument["string"]
            if not any(options.get(test) for test in _STRING_TESTS):
                return f"string: one of {', '.join(_STRING_TESTS)} must hold a text"
            return next((wrong for test in _STRING_TESTS if (wrong := misspelt(options.get(test, "")))), None)
        if "llm" in argument:
            return misspelt(argument["llm"]["prompt"])
        return _unknown_judge(argument["uses"])

    def fill(self, argument: object, row: Json) -> object:
        """Its texts are filled where they are looked at."""
        return argument

    def judged_by(self, argument: object) -> str | None:
        """Who decides, for people; None where it is no model."""
        evaluator = cast(Json, argument)
        judge = _judge(evaluator)
        return f"{evaluator.get('uses') or evaluator['name']} on {judge.model}" if judge else None

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        evaluator = cast(Json, argument)
        judge = _judge(evaluator)
        if judge is None:
            _wanted(evaluator, subject)  # so that a column that is missing is known before any call
            return ()
        return [_request(judge, subject)]

    def decide(self, argument: object, subject: Subject) -> Outcome:
        evaluator = cast(Json, argument)
        name = str(evaluator["name"])
        judge = _judge(evaluator)
        if judge is None:
            return _string_outcome(name, evaluator, subject)
        said = subject.judge[_request(judge, subject).key()].strip().lower()
        for choice in judge.choices:
            if str(choice["choice"]).lower() in said:
                score = float(str(choice["score"]))
                return Outcome(score > 0, f"{name}: the judge chose {choice['choice']!r} (score {score:g})", score)
        return Outcome.of(False, f"{name}: the judge's answer {shown(said)} holds none of the choices")


@cache
def _shape() -> Contract:
    schema = resources.schema("prompt")
    definitions = cast(Json, schema["$defs"])
    return Contract({"$defs": definitions, "$ref": "#/$defs/evaluator"})


def _wanted(evaluator: Json, subject: Subject) -> tuple[str, str]:
    options = cast(Json, evaluator["string"])
    test = next(test for test in _STRING_TESTS if options.get(test))
    return test, filled(str(options[test]), subject.row)


def _string_outcome(name: str, evaluator: Json, subject: Subject) -> Outcome:
    # gh models eval trims the answer before it looks.
    text = subject.text.strip()
    test, wanted = _wanted(evaluator, subject)
    passed = {
        "equals": text == wanted,
        "contains": wanted.lower() in text.lower(),
        "startsWith": text.lower().startswith(wanted.lower()),
        "endsWith": text.lower().endswith(wanted.lower()),
    }[test]
    return Outcome.of(passed, f"{name}: expected {test} {shown(wanted)}, got {shown(text)}")


@dataclass(frozen=True, slots=True)
class _Judge:
    model: str
    system: str
    prompt: str
    choices: tuple[Json, ...]
    parameters: Json


def _unknown_judge(uses: str) -> str | None:
    if uses.removeprefix("github/") in GITHUB_JUDGES and uses.startswith("github/"):
        return None
    return f"there is no evaluator {uses!r}; known are {', '.join(f'github/{name}' for name in GITHUB_JUDGES)}"


def _judge(evaluator: Json) -> _Judge | None:
    if "string" in evaluator:
        return None
    if "llm" in evaluator:
        llm = cast(Json, evaluator["llm"])
        choices = tuple(cast("Sequence[Json]", llm["choices"]))
        return _Judge(str(llm["modelId"]), str(llm.get("systemPrompt", "")), str(llm["prompt"]), choices, {})
    return _built_in_judge(str(evaluator["uses"]).removeprefix("github/"))


@cache
def _built_in_judge(name: str) -> _Judge:
    from onbook.project.load import load_prompt
    from onbook.repo import Files

    path = f"prompts/judges/{name}.prompt.yml"
    prompt = load_prompt(Files({path: resources.read(path)}), path, "prompts").prompt
    assert prompt
    system, user = (getattr(message, "content", "") for message in prompt.messages)
    return _Judge(str(prompt.model), system, user, _STARS, parameters_of(prompt))


def _request(judge: _Judge, subject: Subject) -> Request:
    row = {**subject.row, "completion": subject.text.strip()}
    try:
        content = filled(judge.prompt, row)
    except AssertionUseError as error:
        raise AssertionUseError(f"the judge's prompt needs what the case does not have: {error.message}") from None
    system = [{"role": "system", "content": judge.system}] if judge.system else []
    return Request(
        model=judge.model,
        messages=(*system, {"role": "user", "content": content}),
        parameters=judge.parameters,
    )
