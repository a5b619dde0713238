"""ON50x: parameters that the model refuses, and how sure its answers are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from onbook import tokens
from onbook.patterns import later
from onbook.project import Source
from onbook.prompt import Message, Prompt
from onbook.render.template import pieces
from onbook.report import Severity
from onbook.rules.base import Hit, Rule, hit_at


class ParameterRange(Rule):
    """A parameter has a value that the prompt's model refuses.

    **Why it matters**

    The call fails, at the first use and not before: a temperature above 1 with Claude, an answer longer than the model
    writes, any temperature but 1 with a model that reasons, or with one that takes none at all, as Claude from Opus 4.7
    on. The ranges that hold for every model (temperature 0 to 2, topP 0 to 1) are those of the file's schema, and ON104
    tells them.

    **Bad**

    ```yaml
    model: openai/gpt-4o-2024-11-20
    modelParameters:
      maxCompletionTokens: 32000
    messages:
      - role: user
        content: Tell me a story.
    ```

    **Good**

    ```yaml
    model: openai/gpt-4o-2024-11-20
    modelParameters:
      maxCompletionTokens: 16000
    messages:
      - role: user
        content: Tell me a story.
    ```

    **When to waive**

    Where a gateway of your own changes the parameters on their way.
    """

    id = "ON501"
    slug = "parameter-range"

    def check(self, source: Source) -> Iterable[Hit]:
        """Only what the provider's documentation says it refuses; of models that are not known, nothing."""
        prompt = source.prompt
        if prompt is None or not prompt.model or not prompt.parameters:
            return ()
        parameters, name = prompt.parameters, prompt.model
        found: list[Hit] = []
        known = tokens.model(name)
        longest = known.max_output if known and known.provider in tokens.COMPLETE else None
        for key in ("maxTokens", "maxCompletionTokens") if longest else ():
            wanted = parameters.get(key)
            if wanted and _number(wanted) and wanted > longest:  # type: ignore[operator]
                message = f"{key} is {wanted:,}, and the longest answer of {name} is {longest:,} tokens"
                found.append(hit_at(source, ("modelParameters", key), message, hint=f"write {longest} or less"))
        if _reasons(name):
            for key, only in _FIXED.items():
                if key in parameters and parameters[key] != only:
                    message = f"{name} takes no {key} but {only}"
                    found.append(hit_at(source, ("modelParameters", key), message, key=True, hint=f"delete {key}"))
            return found
        if known and not known.takes_sampling(parameters.get("reasoningEffort")):
            never = known.sampling == "never"
            for key in ("temperature", "topP"):
                if parameters.get(key, 1) != 1:
                    message = f"{name} takes no {key} but 1{'' if never else ' while it reasons'}"
                    hint = f"delete {key}" if never else f"set reasoningEffort to none, or delete {key}"
                    found.append(hit_at(source, ("modelParameters", key), message, key=True, hint=hint))
            return found
        temperature, most = parameters.get("temperature"), _hottest(name)
        if temperature and most is not None and _number(temperature) and temperature > most:  # type: ignore[operator]
            message = f"temperature is {temperature}, and {name} takes 0 to {most:g}"
            found.append(hit_at(source, ("modelParameters", "temperature"), message))
        return found


class TooManyStops(Rule):
    """More stop sequences than the provider takes.

    **Why it matters**

    OpenAI and Azure take four, Gemini takes five; with more the call fails.

    **Bad**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    modelParameters:
      stop: [a, b, c, d, e]
    messages:
      - role: user
        content: Spell the alphabet.
    ```

    **Good**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    modelParameters:
      stop: [a, b, c, d]
    messages:
      - role: user
        content: Spell the alphabet.
    ```

    **When to waive**

    Where a gateway of your own stops the answer.
    """

    id = "ON502"
    slug = "too-many-stops"

    def check(self, source: Source) -> Iterable[Hit]:
        """Providers that publish a number."""
        prompt = source.prompt
        stops = prompt.parameters.get("stop") if prompt else None
        if prompt is None or not isinstance(stops, list):
            return ()
        provider = _provider(prompt.model)
        most = _STOPS.get(provider or "")
        if not most or len(stops) <= most:
            return ()
        message = f"stop has {len(stops)} sequences, and {provider} takes {most}"
        return (hit_at(source, ("modelParameters", "stop", most), message),)


class JsonWord(Rule):
    """responseFormat is json_object, and no message says JSON.

    **Why it matters**

    OpenAI, Azure, Groq and DeepSeek refuse such a call: without the word a model in JSON mode may write white space
    until its limit. With `json_schema` nothing of the kind is asked.

    **Bad**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    responseFormat: json_object
    messages:
      - role: user
        content: Name a colour and its code.
    ```

    **Good**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    responseFormat: json_object
    messages:
      - role: user
        content: Name a colour and its code, as JSON.
    ```

    **When to waive**

    Where an input always brings the word.
    """

    id = "ON503"
    slug = "json-word"

    def check(self, source: Source) -> Iterable[Hit]:
        """The word in a message, a partial, an example or the values that cases and defaults give is enough."""
        prompt = source.prompt
        if prompt is None or prompt.response_format != "json_object" or source.problems:
            return ()
        provider = _provider(prompt.model)
        if provider not in _ASKS_FOR_JSON or _says_json(source, prompt):
            return ()
        message = f"responseFormat is json_object and no message says JSON, which {provider} refuses"
        return (hit_at(source, ("responseFormat",), message, hint="say in a message that the answer is JSON"),)


class NoMaxTokens(Rule):
    """Nothing bounds the length of the answer.

    Off unless it is selected: many prompts are right without.

    **Why it matters**

    A model that goes on and on costs money and time until the model's own limit, and a text from outside can ask it to.
    OWASP LLM10:2025 (LLM06 in 2026), unbounded consumption.

    **Bad**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    messages:
      - role: user
        content: "Answer in one word: {{question}}"
    ```

    **Good**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    modelParameters:
      maxCompletionTokens: 20
    messages:
      - role: user
        content: "Answer in one word: {{question}}"
    ```

    **When to waive**

    Where the caller or a gateway sets the limit.
    """

    id = "ON504"
    slug = "no-max-tokens"
    severity = Severity.WARNING
    default = False

    def check(self, source: Source) -> Iterator[Hit]:
        """Either of the two names counts."""
        prompt = source.prompt
        if prompt and not {"maxTokens", "maxCompletionTokens"} & prompt.parameters.keys():
            message = f"nothing bounds the answer of {source.id}"
            yield hit_at(source, ("modelParameters",), message, key=True, hint="set maxCompletionTokens")


class HotExactMatch(Rule):
    """A temperature above zero, and assertions that accept one exact answer.

    **Why it matters**

    At such a temperature the model picks its words by chance: an answer that passes today fails at the next recording
    though nothing was changed. That looks like a regression, or hides one.

    **Bad**

    ```yaml
    # file: prompts/a.prompt.yml
    model: openai/gpt-5.4-mini-2026-03-17
    modelParameters:
      temperature: 0.7
    messages:
      - role: user
        content: "Is this a question or a statement? {{text}}"
    # file: prompts/a.cases.yml
    - {id: one, inputs: {text: Where is it?}, assert: [{equals: question}]}
    ```

    **Good**

    ```yaml
    # file: prompts/a.prompt.yml
    model: openai/gpt-5.4-mini-2026-03-17
    modelParameters:
      temperature: 0
    messages:
      - role: user
        content: "Is this a question or a statement? {{text}}"
    # file: prompts/a.cases.yml
    - {id: one, inputs: {text: Where is it?}, assert: [{equals: question}]}
    ```

    **When to waive**

    Where the variety is wanted elsewhere in the answer and the matched part is certain.
    """

    id = "ON505"
    slug = "hot-exact-match"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """A suite that repeats, or asks for less than all cases, reckons with chance; so does a model that takes no
        temperature."""
        prompt = source.prompt
        temperature = prompt.parameters.get("temperature") if prompt else None
        if prompt is None or not temperature or not _number(temperature) or temperature <= 0:  # type: ignore[operator]
            return ()
        suite = source.suite
        if _reasons(prompt.model or "") or suite.repeats > 1 or suite.threshold < 1:
            return ()
        if not (suite.assertions or source.cases):
            return ()
        return self._found(source, temperature)

    @staticmethod
    def _found(source: Source, temperature: object) -> Iterator[Hit]:
        suite = source.suite
        if any(_exact(it) for it in suite.assertions) or any(_exact(it) for c in source.cases for it in c.assertions):
            message = f"temperature is {temperature}, and an assertion accepts one exact answer"
            hint = "set temperature to 0, or let the suite repeat and state a threshold"
            yield hit_at(source, ("modelParameters", "temperature"), message, hint=hint)


# OpenAI's reasoning models refuse sampling parameters; gpt-5.1 and later take them at some efforts.
_REASONING = later(r"(?:o1|o3|o4-mini|gpt-5)(?:-mini|-nano|-pro)?(?:-20\d\d-\d\d-\d\d)?")
_FIXED: Mapping[str, object] = {"temperature": 1, "topP": 1, "frequencyPenalty": 0, "presencePenalty": 0}

# Anthropic, Mistral and Cohere document narrower ranges than OpenAI's 0 to 2.
_HOTTEST = (
    (re.compile(r"(?:anthropic|bedrock|vertex_ai|azure_ai)/.*claude|claude-"), 1.0),
    (re.compile(r"mistral/"), 1.5),
    (re.compile(r"cohere/|command-[ar]"), 1.0),
)
_STOPS = {"openai": 4, "azure": 4, "gemini": 5}
_ASKS_FOR_JSON = frozenset({"openai", "azure", "groq", "deepseek"})


def _number(value: object) -> bool:
    return type(value) in (int, float)  # as files have them; a bool is none


@lru_cache(maxsize=256)  # a repository names few models
def _reasons(model: str) -> bool:
    return _REASONING.fullmatch(model.rpartition("/")[2]) is not None


@lru_cache(maxsize=256)
def _hottest(model: str) -> float | None:
    return next((most for pattern, most in _HOTTEST if pattern.match(model)), None)


def _provider(model: str | None) -> str | None:
    if not model:
        return None
    provider, slash, _ = model.partition("/")
    if slash:
        return provider
    known = tokens.model(model)
    return known.provider if known else None


def _says_json(source: Source, prompt: Prompt) -> bool:
    said = [item.content for item in prompt.messages if isinstance(item, Message)]
    said += prompt.partials.values()
    if any("json" in text.lower() for text in said):
        return True
    # A system message that is all one variable: its instructions come from the caller.
    for item in prompt.messages:
        if isinstance(item, Message) and item.role == "system":
            parts = pieces(item.content, prompt.template_format)
            if parts and not any(isinstance(part, str) and part.strip() for part in parts):
                return True
    values: list[object] = [example.inputs for example in prompt.examples]
    values += [example.output for example in prompt.examples if isinstance(example.output, str)]
    values += [schema.get("default") for schema in prompt.input_properties.values()]
    values += [case.inputs for case in source.cases]
    return any("json" in json.dumps(value, ensure_ascii=False, default=str).lower() for value in values)


def _exact(assertion: Mapping[str, object]) -> bool:
    """Whether an assertion, or GitHub's ``string`` evaluator, accepts one text alone."""
    if "equals" in assertion:
        return True
    evaluator = assertion.get("evaluator")
    test = evaluator.get("string") if isinstance(evaluator, Mapping) else None
    return isinstance(test, Mapping) and "equals" in test


RULES: tuple[type[Rule], ...] = (ParameterRange, TooManyStops, JsonWord, NoMaxTokens, HotExactMatch)
