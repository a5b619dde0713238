"""Answers that are JSON: that they are, what schema they fulfil, and what stands at a path."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import cast

from onbook.contract import Contract, ContractError
from onbook.testing.assertions.base import Plain, fill_values, is_flag, is_text, parts, read_json, same
from onbook.testing.request import Request
from onbook.testing.subject import AssertionUseError, Json, Outcome, Subject, shown

# Compiled once for each schema: keyed by identity, and the schema is kept, so that its identity stays its own.
_compiled: dict[int, tuple[object, Contract]] = {}
_KEPT = 256


def compiled(schema: Json | bool) -> Contract:
    """A schema's contract. Raises ContractError."""
    found = _compiled.get(id(schema))
    if found is None:
        if len(_compiled) >= _KEPT:
            _compiled.clear()
        found = _compiled[id(schema)] = (schema, Contract(schema))
    return found[1]


class IsJson(Plain):
    """The answer is one JSON value and nothing else.

    By the grammar of RFC 8259 alone: ``NaN``, a number that overflows, or a code fence around it is no JSON.

    **Argument**

    ``true`` for any value, or ``object`` or ``array``.

    **Holds**

    ```yaml
    assert: [{is-json: object}]
    answer: '{"label": "billing"}'
    ```

    **Does not hold**

    ```yaml
    assert: [{is-json: true}]
    answer: 'Here you are: {"label": "billing"}'
    ```
    """

    _kinds: Mapping[str, type] = {"object": dict, "array": list}

    def check(self, argument: object) -> str | None:
        """True or a kind."""
        sound = argument is True or (isinstance(argument, str) and argument in self._kinds)
        return None if sound else "it takes true, object or array"

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Parses."""
        try:
            value = read_json(subject.text)
        except ValueError as error:
            return Outcome.of(False, f"expected JSON, got {error}")
        passed = argument is True or isinstance(value, self._kinds[str(argument)])
        return Outcome.of(passed, f"expected a JSON {argument}, got {shown(subject.text.strip())}")


class JsonSchema(Plain):
    """The answer is JSON that fulfils a schema.

    **Argument**

    ``true`` for the prompt's own ``jsonSchema``, or a JSON Schema (2020-12). Formats are checked; a reference that
    leads out of the schema is refused.

    **Holds**

    ```yaml
    assert: [{json-schema: {type: object, required: [label]}}]
    answer: '{"label": "billing"}'
    ```

    **Does not hold**

    ```yaml
    assert: [{json-schema: {type: object, required: [label]}}]
    answer: '{"queue": "billing"}'
    ```

    **Source**

    [JSON Schema 2020-12](https://json-schema.org/draft/2020-12), decided by jsonschema-rs.
    """

    def check(self, argument: object) -> str | None:
        """True or a valid schema."""
        if argument is True:
            return None
        if not isinstance(argument, Mapping):
            return "it takes true (the prompt's own output schema) or a schema"
        try:
            compiled(argument)
        except ContractError as error:
            return f"it is no valid JSON Schema: {error.message}"
        return None

    def fill(self, argument: object, row: Json) -> object:
        """A schema has texts in which ``{{`` means something else."""
        return argument

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """None; but the prompt must have the schema that it is asked for."""
        if argument is True and subject.prompt.output_schema is None:
            raise AssertionUseError("json-schema: the prompt declares no output schema (jsonSchema)")
        return ()

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Validates."""
        schema = subject.prompt.output_schema if argument is True else argument
        try:
            value = read_json(subject.text)
        except ValueError as error:
            return Outcome.of(False, f"the schema wants JSON, and this is {error}")
        violations = compiled(cast(Json, schema)).violations(value)
        if not violations:
            return Outcome.of(True, "the answer fulfils the schema")
        where = "/".join(map(str, violations[0].pointer))
        return Outcome.of(False, f"the answer breaks the schema at {where or 'its root'}: {violations[0].message}")


_STEP = re.compile(r"\.(\*|[^\W\d][\w-]*)|\[(\*|-?\d{1,9}|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\]")
_ANY = object()


@lru_cache(maxsize=1024)
def steps(path: str) -> tuple[object, ...]:
    """The steps of a path: names, numbers, and ``_ANY`` for all. Raises ValueError, which says what is wrong."""
    if not path.startswith("$"):
        raise ValueError("a path begins with $, as in $.label")
    found: list[object] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise ValueError(
                f"{path[at:]!r} is not understood; a path has the steps .name, ['name'], [0], [-1], .* and [*] only"
            )
        name, inside = match.groups()
        if "*" in (name, inside):
            found.append(_ANY)
        elif name is not None:
            found.append(name)
        elif inside[0] in "'\"":
            found.append(re.sub(r"\\(.)", r"\1", inside[1:-1]))
        else:
            found.append(int(inside))
        at = match.end()
    return tuple(found)


def select(value: object, path: str) -> list[object]:
    """The values at a path, in their order; none where the path leads nowhere."""
    values = [value]
    for step in steps(path):
        values = [inner for outer in values for inner in _children(outer, step)]
    return values


def _children(value: object, step: object) -> list[object]:
    if isinstance(value, dict):
        if step is _ANY:
            return list(value.values())
        return [value[step]] if isinstance(step, str) and step in value else []
    if isinstance(value, list):
        if step is _ANY:
            return value
        return [value[step]] if isinstance(step, int) and -len(value) <= step < len(value) else []
    return []


def is_path(value: object) -> str | None:
    """What is wrong with a path."""
    if is_text(value):
        return "a path is wanted, as in $.label"
    try:
        steps(str(value))
    except ValueError as error:
        return str(error)
    return None


class JsonPath(Plain):
    """What stands at a path of a JSON answer equals something, or is there at all.

    **Argument**

    ``path``, and one of ``equals`` (any JSON, ``"{{column}}"`` alone is the column's value) and ``exists`` (true or
    false). The path is a part of RFC 9535: ``$``, ``.name``, ``['name']``, ``[0]``, ``[-1]``, ``.*`` and ``[*]``. Where
    it selects several values, each must be equal; where it selects none, nothing is equal.

    **Holds**

    ```yaml
    assert: [{json-path: {path: "$.items[*].currency", equals: EUR}}]
    answer: '{"items": [{"currency": "EUR"}, {"currency": "EUR"}]}'
    ```

    **Does not hold**

    ```yaml
    assert: [{json-path: {path: $.label, equals: "{{expected}}"}}]
    expected: billing
    answer: '{"label": "bug"}'
    ```

    **Source**

    [RFC 9535](https://www.rfc-editor.org/rfc/rfc9535), child segments with name, index and wildcard selectors; filters,
    slices and descendants are left out, so that no answer can make a path slow.
    """

    def check(self, argument: object) -> str | None:
        """A path and one thing that holds there."""
        if wrong := parts(argument, {"path": is_path}, {"equals": lambda _: None, "exists": is_flag}):
            return wrong
        found = {"equals", "exists"} & cast(Json, argument).keys()
        return None if len(found) == 1 else "it takes one of equals and exists beside path"

    def fill(self, argument: object, row: Json) -> object:
        """With the values themselves; a path is the file's, never the row's."""
        if not isinstance(argument, Mapping) or "equals" not in argument:
            return argument
        value = fill_values(argument["equals"], row)
        return argument if value is argument["equals"] else {**argument, "equals": value}

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Selects and compares."""
        asked = cast(Json, argument)
        path = str(asked["path"])
        try:
            found = select(read_json(subject.text), path)
        except ValueError as error:
            return Outcome.of(False, f"{path} wants JSON, and this is {error}")
        if "exists" in asked:
            there = "something" if asked["exists"] else "nothing"
            return Outcome.of(bool(found) is asked["exists"], f"expected {there} at {path} of {shown(subject.text)}")
        wanted = asked["equals"]
        if not found:
            return Outcome.of(
                False, f"expected {shown(wanted)} at {path}, and there is nothing in {shown(subject.text)}"
            )
        other = next((value for value in found if not same(value, wanted)), wanted)
        return Outcome.of(other is wanted, f"expected {shown(wanted)} at {path}, got {shown(other)}")
