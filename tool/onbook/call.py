"""One call of a prompt: inputs held against the contract, and what a model is sent, in OpenAI's names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from onbook.contract import Contract, Violation, strip_annotations
from onbook.errors import InputError
from onbook.nearest import nearest
from onbook.prompt import Prompt
from onbook.render import Renderer

Json = Mapping[str, object]


class Caller:
    """Binds inputs to one prompt and renders it; keep it to compile contract and templates once."""

    def __init__(self, prompt: Prompt) -> None:
        self.prompt = prompt
        self._contract = Contract(closed(prompt.inputs)) if prompt.inputs is not None else None
        self._renderer = Renderer(prompt)
        aliases = ((name, schema.get("x-aliases")) for name, schema in prompt.input_properties.items())
        self._aliases = [(name, older) for name, several in aliases if isinstance(several, list) for older in several]

    def bind(self, inputs: Json) -> dict[str, object]:
        """The inputs under their present names, once the contract accepts them.

        Raises:
            InputError: the contract refuses them; the error names the input.
        """
        bound = dict(inputs)
        for name, alias in self._aliases:
            if alias in bound and name not in bound:
                bound[name] = bound.pop(alias)
        violations = self._contract.violations(bound) if self._contract else []
        if violations:
            raise InputError(
                f"{self.prompt.id} does not accept these inputs: {self._told(violations[0])}",
                place=self.prompt.path,
                hint=self._hint(violations[0]),
            )
        return bound

    def render(self, inputs: Json, history: Sequence[Mapping[str, str]] = ()) -> list[dict[str, str]]:
        """The messages for some inputs: a list of ``{"role", "content"}``.

        Raises:
            InputError: the contract refuses the inputs, or a template cannot be rendered with them.
        """
        return self._renderer.messages(self.bind(inputs), history)

    def check(self, inputs: Json) -> None:
        """Whether these inputs can be bound and rendered; raises as ``render`` does."""
        self._renderer.check(self.bind(inputs))

    def _told(self, violation: Violation) -> str:
        where = "/".join(map(str, violation.pointer))
        return f"{where}: {violation.message}" if where else violation.message

    def _hint(self, violation: Violation) -> str | None:
        declared = list(self.prompt.input_properties)
        told = f"declared inputs: {', '.join(declared) or 'none'}"
        if violation.keyword == "additionalProperties" and violation.names:
            near = nearest(violation.names[0], declared)
            return f"did you mean {near!r}?" if near else told
        return told if violation.keyword == "required" and not violation.pointer else None


def closed(schema: Json) -> Json:
    """The contract of a call: an input that is not declared is refused, so that a misspelt one never passes."""
    if "additionalProperties" in schema or "unevaluatedProperties" in schema:
        return schema
    # Only the second of the two sees what is declared within a reference or a branch.
    closing = "unevaluatedProperties" if _APPLIED & schema.keys() else "additionalProperties"
    return {**schema, closing: False}


_APPLIED = frozenset({"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas"})


def parameters_of(prompt: Prompt) -> dict[str, object]:
    """``modelParameters`` under OpenAI's names: ``maxCompletionTokens`` becomes ``max_completion_tokens``."""
    return {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key): v for key, v in prompt.parameters.items()}


def response_format_of(prompt: Prompt) -> dict[str, object] | None:
    """``response_format`` as OpenAI takes it; the schema is bundled and without what is only ours."""
    if prompt.response_format == "json_schema" and prompt.output_schema is not None:
        described: dict[str, object] = {"name": prompt.output_name}
        if prompt.output_strict is not None:
            described["strict"] = prompt.output_strict
        return {"type": "json_schema", "json_schema": {**described, "schema": strip_annotations(prompt.output_schema)}}
    return {"type": "json_object"} if prompt.response_format == "json_object" else None


def tools_of(prompt: Prompt) -> tuple[Json, ...]:
    """The tools as OpenAI takes them, without what is only ours."""
    return tuple(_tool(tool) for tool in prompt.tools)


def _tool(tool: Json) -> Json:
    function = tool.get("function")
    if not isinstance(function, Mapping) or "parameters" not in function:
        return tool
    return {**tool, "function": {**function, "parameters": strip_annotations(function["parameters"])}}
