"""ON3xx: the schemas of inputs, answers and tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from onbook.contract import Contract, ContractError
from onbook.project import Source
from onbook.prompt import Prompt
from onbook.report import Severity
from onbook.rules.base import Hit, Rule, hit_at
from onbook.rules.values import in_example


class InvalidSchema(Rule):
    """A schema, of the inputs, of the answer or of a tool's arguments, that is no valid JSON Schema.

    **Why it matters**

    Nothing can be held against it: no call is checked, no answer, and what a change means cannot be told. Providers
    refuse it at the first call.

    **Bad**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: text}
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **Good**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: string}
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **When to waive**

    Never: correct the schema.
    """

    id = "ON301"
    slug = "invalid-schema"
    codes = frozenset({"invalid-schema"})

    def check(self, source: Source) -> Iterable[Hit]:
        """Also the arguments of tools, which nothing else here compiles."""
        if not (source.problems or source.tests.problems or (source.prompt and source.prompt.tools)):
            return ()
        return self._told(source)

    def _told(self, source: Source) -> Iterator[Hit]:
        yield from super().check(source)
        for number, tool in enumerate(source.prompt.tools if source.prompt else ()):
            function = tool.get("function")
            schema = function.get("parameters") if isinstance(function, Mapping) else None
            if not isinstance(schema, Mapping | bool):
                continue
            try:
                Contract(schema)
            except ContractError as error:
                pointer = ("tools", number, "function", "parameters", *error.pointer)
                yield hit_at(source, pointer, f"this is no valid JSON Schema: {error.message}")


class FormatWithoutSchema(Rule):
    """The answer is JSON, and no schema says which.

    **Why it matters**

    The schema is the contract with whoever reads the answer. Without it a change of the answer's shape is seen by
    nobody until a reader fails, and the model is left to guess the keys.

    OWASP LLM Top 10: LLM05:2025 (2026: LLM10).

    **Bad**

    ```yaml
    responseFormat: json_object
    messages:
      - role: user
        content: Name a colour and its code, as JSON.
    ```

    **Good**

    ```yaml
    responseFormat: json_schema
    jsonSchema:
      name: colour
      schema:
        type: object
        properties:
          name: {type: string}
          code: {type: string}
        required: [name, code]
    messages:
      - role: user
        content: Name a colour and its code, as JSON.
    ```

    **When to waive**

    Where the answer's keys are free: a bag of facts that people read.
    """

    id = "ON302"
    slug = "format-without-schema"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """A schema that accepts everything says as little as none."""
        prompt = source.prompt
        if prompt is None or prompt.response_format not in ("json_object", "json_schema"):
            return ()
        return self._told(source, prompt) if prompt.output_schema in (None, {}, True) else ()

    @staticmethod
    def _told(source: Source, prompt: Prompt) -> Iterator[Hit]:
        if prompt.output_schema is None:
            message = f"responseFormat is {prompt.response_format}, and no jsonSchema says what the answer holds"
            yield hit_at(source, ("responseFormat",), message, hint="describe the answer in jsonSchema")
        else:
            message = "the schema of the answer accepts any JSON at all"
            yield hit_at(source, ("jsonSchema", "schema"), message, hint="name its properties and which are required")


class ExampleOutput(Rule):
    """A few-shot example answers what the schema of the answer refuses.

    **Why it matters**

    Models follow examples more than schemas: they are shown an answer that the reader cannot take.

    **Bad**

    ```yaml
    jsonSchema:
      name: label
      schema:
        type: object
        properties:
          label: {enum: [billing, bug]}
        required: [label]
    messages:
      - role: user
        content: "{{ticket}}"
    examples:
      - inputs: {ticket: Where is my money?}
        output: {label: refund}
    ```

    **Good**

    ```yaml
    jsonSchema:
      name: label
      schema:
        type: object
        properties:
          label: {enum: [billing, bug]}
        required: [label]
    messages:
      - role: user
        content: "{{ticket}}"
    examples:
      - inputs: {ticket: Where is my money?}
        output: {label: billing}
    ```

    **When to waive**

    Never: correct the example or the schema.
    """

    id = "ON303"
    slug = "example-output"

    def check(self, source: Source) -> Iterable[Hit]:
        """A text is what the model is shown, so it is read as JSON; anything else is the value itself."""
        prompt = source.prompt
        if prompt is None or not prompt.examples or prompt.response_format not in ("json_object", "json_schema"):
            return ()
        return self._told(source, prompt)

    @staticmethod
    def _told(source: Source, prompt: Prompt) -> Iterator[Hit]:
        contract = Contract({"type": "object"} if prompt.output_schema is None else prompt.output_schema)
        for number, example in enumerate(prompt.examples):
            output = example.output
            if isinstance(output, str):
                try:
                    output = json.loads(output)
                except (ValueError, RecursionError):
                    message = f"example {number + 1}: the output is no JSON, and the answer must be"
                    yield in_example(
                        source, number, ("output",), message, hint="write it as a mapping, or as a JSON text"
                    )
                    continue
            for violation in contract.violations(output):
                pointer = ("output", *violation.pointer)
                message = f"example {number + 1}: {'/'.join(map(str, pointer))}: {violation.message}"
                yield in_example(source, number, pointer, message)


RULES: tuple[type[Rule], ...] = (InvalidSchema, FormatWithoutSchema, ExampleOutput)
