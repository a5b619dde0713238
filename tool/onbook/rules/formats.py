"""ON3xx: the form of the answer, as the text asks for it and as the provider is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from onbook.contract import resolve
from onbook.formats import Pointer
from onbook.patterns import later
from onbook.project import Source
from onbook.prompt import Prompt
from onbook.report import Severity
from onbook.rules.base import Hit, Rule, hit_at
from onbook.rules.texts import blank_code, joined, lowered, texts

Json = Mapping[str, object]


class JsonInProse(Rule):
    """The text asks for an answer in JSON, and ``responseFormat`` does not.

    **Why it matters**

    A request in words is followed most of the time: now and then the answer begins with "Here is the JSON" or a code
    fence, and its reader fails. With ``responseFormat`` the provider holds to it, and with a schema the answer's shape
    becomes part of the contract.

    **Bad**

    ```yaml
    messages:
      - role: user
        content: |
          Name a colour and its code. Respond only with a JSON object.
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
        content: |
          Name a colour and its code. Respond only with a JSON object.
    ```

    **When to waive**

    Where the model has no such format.
    """

    id = "ON304"
    slug = "json-in-prose"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """Requests to answer in JSON alone; not of JSON within other text, in a code block or between tags."""
        prompt = source.prompt
        if prompt is None or prompt.response_format in ("json_object", "json_schema") or prompt.tools:
            return ()
        if "json" not in lowered(source) and joined(source).isascii():
            return ()
        return self._found(source)

    @staticmethod
    def _found(source: Source) -> Iterator[Hit]:
        found = [text for text in texts(source) if text.role != "assistant"]
        if not any("json" in text.text.casefold() for text in found):
            return
        if any(_WRAPPED.search(text.text) for text in found):
            return
        for text in found:
            for match in _ASKS.finditer(blank_code(text.text)):
                sentence = _sentence(text.text, match.start())
                if not _DENIES.search(sentence):
                    message = "the text asks for JSON, and responseFormat does not"
                    hint = "set responseFormat: json_schema and describe the answer in jsonSchema"
                    yield text.hit_at(match.start(), message, hint=hint)
                    return


class StrictSchema(Rule):
    """A schema that OpenAI's strict mode refuses.

    **Why it matters**

    With ``strict: true`` every call is refused before the model is asked: each object must say
    ``additionalProperties: false`` and require all its properties, the whole must be an object and no ``anyOf``, and
    some keywords are not taken (https://platform.openai.com/docs/guides/structured-outputs, "Supported schemas"). An
    optional property is written as one that may be null.

    **Bad**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    responseFormat: json_schema
    jsonSchema:
      name: colour
      strict: true
      schema:
        type: object
        properties:
          name: {type: string}
          code: {type: string}
        required: [name]
        additionalProperties: false
    messages:
      - role: user
        content: Name a colour.
    ```

    **Good**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    responseFormat: json_schema
    jsonSchema:
      name: colour
      strict: true
      schema:
        type: object
        properties:
          name: {type: string}
          code: {type: [string, "null"]}
        required: [name, code]
        additionalProperties: false
    messages:
      - role: user
        content: Name a colour.
    ```

    **When to waive**

    Where another provider answers, whose strict mode takes more.
    """

    id = "ON305"
    slug = "strict-schema"

    def check(self, source: Source) -> Iterable[Hit]:
        """The answer's schema and the arguments of tools, where they are strict and OpenAI is asked, or nobody yet."""
        prompt = source.prompt
        if prompt is None or not (prompt.output_strict or prompt.tools) or not _is_openai(prompt.model):
            return ()
        parts = [part for part in _strict(prompt) if not _is_taken(part[1])]
        return self._found(source, parts) if parts else ()

    @staticmethod
    def _found(source: Source, parts: list[tuple[str, object, Pointer]]) -> Iterator[Hit]:
        for what, schema, at in parts:
            if not isinstance(schema, Mapping):
                yield hit_at(source, at, f"strict mode wants {what} to be the schema of an object")
                continue
            if schema.get("type") != "object" and "$ref" not in schema:
                message = f"strict mode wants {what} to be an object, and not a choice or a list"
                yield hit_at(source, at, message, hint="put it into a property of an object")
            for pointer, message, hint in _refused(schema, schema, (), set()):
                yield hit_at(source, (*at, *pointer), message, key=True, hint=hint)


# --- asking for JSON

_KIND = (
    r"(?:(?:only|just|an?|one|exactly|single|valid|strict|pure|raw|plain|proper|well-formed|the|following|minified|compact|"
    r"correct|parse?able|rfc\s?[0-9]{4}|compliant)(?:\s+|,\s+|-))"
)
# What follows tells that JSON is the answer, and not the first word of something else.
_OTHER = r"(?!\s*(?:path|schema|file|lines|l\b|patch|pointer|or\b|and\b(?!\s+nothing)))"
_ITSELF = (
    r"(?=\s*(?:objects?\b(?!\s+(?:and|or|into|from)\b)|only\b|with\b|that\b|containing\b|matching\b|format\b|and\s+nothing\b|"
    r"[.:;!]|\Z|\n))"
)
_ANSWER = r"(?:answers?|responses?|repl(?:y|ies)|outputs?)"
_ASKS = later(
    r"\b(?:respond|reply|answer|return|output|produce)\b"
    r"(?:\s+(?:only|just|strictly|exclusively|back|your|the|answer|response|result|results|output|it|everything)){0,6}"
    rf"\s+(?:only\s+)?(?:with|in|as|using|a|an|one)\s+{_KIND}{{0,6}}json\b{_OTHER}"
    r"|\b(?:respond|reply|answer|return|output|emit)\s+(?:only|just|strictly|nothing\s+but)\s+(?:valid\s+|raw\s+)?json\b"
    rf"{_OTHER}"
    rf"|\b(?:(?:your|the|all)\s+)?{_ANSWER}\s+(?:must|should|has\s+to|have\s+to)\s+(?:always\s+)?be\s+(?:only\s+)?(?:in\s+)?"
    rf"{_KIND}{{0,4}}(?:(?:as|by|with|using)\s+)?json\b{_OTHER}"
    rf"|\byour\s+{_ANSWER}\s+is\s+(?:always\s+)?{_KIND}{{0,4}}json\b{_OTHER}"
    rf"|\b(?:format|write|provide|give|present|structure|send)\s+(?:your|the|all)\s+(?:final\s+)?(?:{_ANSWER}|results?)\s+(?:as|in)\s+"
    rf"{_KIND}{{0,4}}json\b{_OTHER}"
    # An order, at the beginning of a sentence or after one who is told.
    r"|(?:^|(?<=[.!?:]\s)|(?<=\bonly\s)|(?<=\bmust\s)|(?<=\bwill\s)|(?<=\balways\s)|(?<=\bplease\s))(?:[-*]\s{1,3}|[0-9]{1,2}[.)]\s)?"
    rf"(?:return|output|emit|produce|generate)\s+{_KIND}{{0,6}}json\b{_ITSELF}"
    r"|(?:^|(?<=[.!?:]\s))json\s+only\b"
    rf"|\buse\s+(?:the\s+following|this|exactly\s+this)\s+json\s+(?:format|structure)\s+(?:for|in|to)\s+(?:your\s+)?{_ANSWER}"
    # The same in German, French and Spanish.
    r"|\bantworte[nt]?\b(?:\s+(?:sie|mir|bitte|nur|ausschließlich|immer)){0,4}\s+(?:als|mit|in|im)\s+"
    r"(?:(?:gültige[ms]|valide[ms]|reine[ms]|einem)\s+){0,3}json\b"
    r"|\b(?:gib|geben\s+sie)\s+(?:(?:bitte|nur|ausschließlich|gültiges|valides|reines|ein)\s+){1,4}json\b"
    r"|\b(?:réponds|répondez|responde|responda)(?:\s+(?:uniquement|seulement|únicamente|solo|sólo|siempre|toujours)){0,2}"
    r"\s+(?:en|avec|con)\s+(?:(?:un|formato?|format|objet|objeto|du)\s+){0,2}json\b",
    re.IGNORECASE | re.MULTILINE,
)
# JSON within something else: no provider's JSON mode gives that.
_WRAPPED = later(
    r"```json|~~~json|</?json>|\bcode\s+(?:block|fence)|<(?:answer|output|result|response)>|json\s+lines|jsonl|ndjson"
    r"|\b(?:before|after|followed\s+by|then|first)\b[^.\n]{0,60}\bjson\b|\bjson\s+arrays?\b|\barray\s+of\b"
    r"|\bjson\b[^.:\n]{0,20}:\s{0,9}\[",
    re.IGNORECASE,
)
_DENIES = later(
    r"\b(?:not|never|don't|without|unless|if|when|whether|either|optionally|example|nicht|wenn|falls|si)\b",
    re.IGNORECASE,
)


def _sentence(text: str, offset: int) -> str:
    start = max(text.rfind(mark, max(0, offset - 200), offset) for mark in (". ", "\n", "! ", "? "))
    ends = [end for mark in (". ", ".\n", "\n") if (end := text.find(mark, offset, offset + 200)) >= 0]
    return text[start + 1 if start >= 0 else max(0, offset - 200) : min(ends, default=offset + 200)]


# --- strict mode

_OPENAI = later(r"$|openai/|azure/|azure_ai/|gpt-|o[1-9]\b")
_UNSUPPORTED = (
    *("allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "oneOf"),
    *("patternProperties", "unevaluatedProperties", "propertyNames", "minProperties", "maxProperties"),
    *("unevaluatedItems", "contains", "minContains", "maxContains", "uniqueItems", "prefixItems"),
)
_ANY_UNSUPPORTED = frozenset(_UNSUPPORTED)
_INSTEAD = {
    "oneOf": "write anyOf",
    "allOf": "write the properties of all of them into one object",
    "uniqueItems": "say it in the description, and check it in the reader",
    "prefixItems": "write an object with a property for each place",
}


@lru_cache(maxsize=256)  # a repository names few models
def _is_openai(model: str | None) -> bool:
    return _OPENAI.match(model or "") is not None


def _strict(prompt: Prompt) -> Iterator[tuple[str, object, Pointer]]:
    if prompt.output_strict and prompt.output_schema is not None:
        yield "the answer", prompt.output_schema, ("jsonSchema", "schema")
    for number, tool in enumerate(prompt.tools):
        function = tool.get("function")
        if isinstance(function, Mapping) and function.get("strict") is True and "parameters" in function:
            yield "a tool's arguments", function["parameters"], ("tools", number, "function", "parameters")


# With one of these a schema is looked at more closely.
_NOT_PLAIN = _ANY_UNSUPPORTED | {"$ref", "anyOf"}


def _is_taken(schema: object) -> bool:
    """Whether strict mode surely takes the schema of an object: most are plain, and ``_refused`` looks at others."""
    return type(schema) is dict and schema.get("type") == "object" and _is_plain(schema)


def _is_plain(schema: object) -> bool:
    if type(schema) is not dict:
        return not isinstance(schema, Mapping)
    if not _NOT_PLAIN.isdisjoint(schema):
        return False
    properties = schema.get("properties")
    if properties is None:
        kind = schema.get("type")
        # What holds nothing, or no properties: an object is to say so.
        return not (kind == "object" or type(kind) is list) and ("items" not in schema or _is_plain(schema["items"]))
    required = schema.get("required")
    return (
        type(properties) is dict
        and type(required) is list
        and schema.get("additionalProperties") is False
        and "items" not in schema
        and properties.keys() <= {name for name in required if isinstance(name, str)}
        and all(map(_is_plain, properties.values()))
    )


def _refused(
    schema: object, root: Json, at: Pointer, seen: set[int], depth: int = 0
) -> Iterator[tuple[Pointer, str, str | None]]:
    if not isinstance(schema, Mapping) or id(schema) in seen or depth > 64:
        return
    seen.add(id(schema))
    for keyword in () if _ANY_UNSUPPORTED.isdisjoint(schema) else _UNSUPPORTED:
        if keyword in schema:
            yield (*at, keyword), f"strict mode does not take {keyword!r}", _INSTEAD.get(keyword, "delete it")
    properties = schema.get("properties")
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind) or isinstance(properties, Mapping):
        names = list(properties) if isinstance(properties, Mapping) else []
        required = schema.get("required")
        optional = [name for name in names if not isinstance(required, list) or name not in required]
        if schema.get("additionalProperties") is not False:
            where = (*at, "additionalProperties") if "additionalProperties" in schema else at
            yield where, "strict mode wants additionalProperties: false in every object", None
        for name in optional:
            hint = "name it under required; where it may be missing, let its type be a list with null"
            yield (*at, "properties", name), f"strict mode wants every property required, and {name!r} is not", hint
        for name in names:
            assert isinstance(properties, Mapping)
            yield from _refused(properties[name], root, (*at, "properties", name), seen, depth + 1)
    reference = schema.get("$ref")
    if isinstance(reference, str):
        # What stands elsewhere is told where it stands, if that is in this file, or else at its nearest place.
        steps = tuple(reference.removeprefix("#/").split("/")) if reference.startswith("#/") else at
        yield from _refused(resolve(root, reference), root, steps, seen, depth + 1)
    yield from _refused(schema.get("items"), root, (*at, "items"), seen, depth + 1)
    branches = schema.get("anyOf")
    for number, branch in enumerate(branches if isinstance(branches, list) else ()):
        yield from _refused(branch, root, (*at, "anyOf", number), seen, depth + 1)


RULES: tuple[type[Rule], ...] = (JsonInProse, StrictSchema)
