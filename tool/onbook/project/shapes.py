"""Our own published schemas, held against files: which part of a file is wrong, where, and what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from onbook import resources
from onbook.contract import Contract, Violation
from onbook.formats import Document, Pointer
from onbook.nearest import nearest
from onbook.report import Problem

Json = Mapping[str, object]


@cache
def contract(name: str, part: str | None = None) -> Contract:
    """A published schema, or one of its own definitions: ``contract("prompt", "example")``."""
    schema = resources.schema(name)
    if part is None:
        return Contract(schema)
    definitions = schema["$defs"]
    assert isinstance(definitions, Mapping)
    return Contract({**definitions[part], "$defs": definitions})


def shape_problems(contract: Contract, document: Document, *, at: Pointer = (), value: object = None) -> list[Problem]:
    """What a schema of ours says of a part of a file: unknown keys with the nearest known one, then everything else."""
    problems = []
    within = f" in {'/'.join(map(str, at))}" if at else ""
    for violation in contract.violations(document.data if value is None else value):
        pointer = (*at, *violation.pointer)
        hint = wanted(contract, violation)
        if violation.keyword == "additionalProperties":
            for name in violation.names:
                mark = document.place((*pointer, name), key=True)
                hint = meant(contract, violation, name)
                message = f"unknown key {name!r}{within}"
                problems.append(Problem("unknown-key", message, document.path, mark.line, mark.column, hint))
            continue
        mark = document.place(_as_written(document, pointer))
        problems.append(Problem("wrong-shape", told(violation, pointer), document.path, mark.line, mark.column, hint))
    return sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))


def renames(contract: Contract, document: Document) -> list[tuple[Pointer, str, str]]:
    """Unknown keys that can only be one other: where they stand, as they are spelt, and as they should be.

    The other is the only key there of nearly that name, and is not there already.
    """
    found = []
    data = with_known_parameters(_mapping(document.data)) or document.data
    for violation in contract.violations(data):
        here = _at(data, violation.pointer)
        if violation.keyword != "additionalProperties" or not isinstance(here, Mapping):
            continue
        known = sorted(_properties(_at(contract.schema, violation.schema_pointer[:-1])))
        meant = ((name, only_near(name, known)) for name in violation.names)
        found += [(violation.pointer, name, near) for name, near in meant if near and near not in here]
    return found


@cache
def _parameters() -> Mapping[str, str]:
    """The snake_case spelling of each model parameter -> its name."""
    properties = _properties(contract("prompt").schema)
    known = _properties(properties.get("modelParameters"))
    return {spelt: name for name in known if (spelt := re.sub("[A-Z]", lambda x: f"_{x[0].lower()}", name)) != name}


def snake_case_parameters(data: object) -> dict[str, str]:
    """The keys of ``modelParameters`` in a file that are spelt as a provider's API spells them -> their names here.

    GitHub's editor wrote ``max_tokens``. One whose name stands there as well is left out: which of the two counts
    nobody can tell.
    """
    parameters = _mapping(data).get("modelParameters")
    here, spellings = _mapping(parameters), _parameters()
    if spellings.keys().isdisjoint(here):
        return {}
    return {key: name for key in here if (name := spellings.get(key)) and name not in here}


def _as_written(document: Document, pointer: Pointer) -> Pointer:
    """The pointer of a value in a file that spells some parameters as an API does."""
    if pointer[:1] != ("modelParameters",) or len(pointer) == 1:
        return pointer
    written = {name: key for key, name in snake_case_parameters(document.data).items()}
    return ("modelParameters", written.get(str(pointer[1]), pointer[1]), *pointer[2:])


def with_known_parameters(data: Json) -> Json:
    """The data of a prompt file with every model parameter under its own name."""
    spelt = snake_case_parameters(data)
    if not spelt:
        return data
    parameters = {spelt.get(key, key): value for key, value in _mapping(data["modelParameters"]).items()}
    return {**data, "modelParameters": parameters}


def is_bare_schema(declared: object) -> bool:
    """Whether ``jsonSchema`` holds a JSON Schema where {name, schema} belongs, as in early examples of GitHub's."""
    if declared is None or not isinstance(declared, Mapping):
        return False
    return "type" in declared and declared.keys().isdisjoint(("name", "schema"))


def only_near(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one can only be: much like it (0.75 of 1), and no other nearly as much."""
    from difflib import SequenceMatcher

    ratios = sorted(((SequenceMatcher(None, name, other).ratio(), other) for other in known), reverse=True)
    clear = bool(ratios) and (len(ratios) == 1 or ratios[0][0] - ratios[1][0] >= 0.1)
    return ratios[0][1] if clear and ratios[0][0] >= 0.75 else None


def row_problems(contract: Contract, data: Json, wrong: str, path: str, line: int | None) -> list[Problem]:
    """The same of a row: ``wrong`` says so to people, as in ``this case is wrong``."""
    found = contract.violations(data)
    if not found:
        return []
    unknown = {name for violation in found if violation.keyword == "additionalProperties" for name in violation.names}
    problems = []
    for violation in found:
        hint, message = wanted(contract, violation), told(violation, violation.pointer)
        if violation.keyword == "additionalProperties":
            hint = meant(contract, violation, violation.names[0])
            inside = f" in {'/'.join(map(str, violation.pointer))}" if violation.pointer else ""
            message = f"unknown key {', '.join(map(repr, violation.names))}{inside}"
        elif violation.keyword == "required" and nearest(violation.names[0], unknown):
            continue  # it is there and misspelt, which is told
        problems.append(Problem("row-shape", f"{wrong}: {message}", path, line, hint=hint))
    return problems


def told(violation: Violation, pointer: Pointer) -> str:
    """A violation with its place in the value."""
    where = "/".join(map(str, pointer))
    message = violation.message
    if violation.keyword in ("minProperties", "maxProperties") and "assertion" in violation.schema_pointer:
        message = "an assertion is one name with its argument, and perhaps a weight; write each as an item of its own"
    return f"{where}: {message}" if where else message


def meant(contract: Contract, violation: Violation, name: str) -> str:
    """What to say of an unknown key: the nearest of those that may stand there, or all of them."""
    known = sorted(_properties(_at(contract.schema, violation.schema_pointer[:-1])))
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else f"known keys here: {', '.join(known)}"


# What JSON Schema calls a type, as people write it.
_WRITTEN = {
    "array": "write a list: in YAML each item begins with '- '",
    "object": "write a mapping: in YAML each line is 'key: value'",
    "string": "write it as a text, in quotes",
    "boolean": "write true or false, without quotes",
    "integer": "write a whole number, without quotes",
    "number": "write a number, without quotes",
}


def wanted(contract: Contract, violation: Violation) -> str | None:
    """What should stand there, in the words of the schema, which says it of every key."""
    schema = _at(contract.schema, violation.schema_pointer[:-1])
    if violation.keyword == "type":
        return _WRITTEN.get(str(_at(contract.schema, violation.schema_pointer)))
    if violation.keyword == "required":
        named = _properties(schema).get(violation.names[0])
        description = named.get("description") if isinstance(named, Mapping) else None
        return f"{violation.names[0]}: {description}" if description else None
    description = schema.get("description") if isinstance(schema, Mapping) else None
    return str(description) if description else None


def _at(schema: object, pointer: Pointer) -> object:
    node = schema
    for step in pointer:
        if isinstance(node, Mapping):
            node = node.get(str(step))
        elif isinstance(node, list) and isinstance(step, int):
            node = node[step]
    return node


def _mapping(value: object) -> Json:
    if type(value) is dict:
        return value
    return value if value is not None and isinstance(value, Mapping) else {}


def _properties(schema: object) -> Json:
    found = schema.get("properties") if isinstance(schema, Mapping) else None
    return found if isinstance(found, Mapping) else {}
