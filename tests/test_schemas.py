"""The schemas of every file format: sound in themselves, and true to the example files in cases/schemas.

cases/schemas/<name>/valid holds files that the schema must accept. In cases/schemas/<name>/invalid each file has one
mistake, and its first line says where and which keyword refuses it: ``# at: /messages/0 required``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from onbook import resources
from onbook.errors import UsageError
from onbook.prompt import is_id
from onbook.versions import Range, Version, require_prefix

HERE = Path(__file__).parent
CASES = HERE / "cases" / "schemas"
NAMES = sorted(path.name.removesuffix(".schema.json") for path in resources.path("schemas").glob("*.json"))
VERSIONS = """
0.0.0 1.4.0 10.20.30 1.4.0-rc.1 1.4.0-0a 1.4 1 v1.4.0 01.4.0 1.4.0-01 1.4.0- 1.4.0-a..b 1.4.0+b 1.4.0.yanked
^1 ^1.4 ^1.4.0 ^1.4.0-rc.1 ~1 ~1.4 * ^ ~ ^1.4. =1.4.0 >=1.4.0 1.x latest 1234567890.0.0
1.4.0-rc.lock 1.4.0-a.yanked 1.4.0-lock 1.4.0-lock.1 1.4.0-x.lock.y ^1.4.0-rc.lock ^1.4.0-lock 1.4.0-123456789012345678
1.4.0-1234567890123456789 ^1.4.0-1234567890123456789 1.4.0-rc.1234567890123456789a
"""
PREFIXES: dict[str, list[str]] = yaml.safe_load((HERE / "cases" / "versions.yml").read_text(encoding="utf-8"))[
    "prefixes"
]
EXPECTED = re.compile(r"# at: (\S*) ([a-zA-Z]+)\n")


def examples(kind: str) -> list[object]:
    files = sorted(path for path in CASES.glob(f"*/{kind}/*") if path.suffix in {".json", ".yml"})
    return [pytest.param(path, id=f"{path.parts[-3]}-{path.stem}") for path in files]


def load(path: Path) -> object:
    return (
        yaml.load(path.read_text("utf-8"), yaml.CSafeLoader) if path.suffix == ".yml" else json.loads(path.read_bytes())
    )


def validator(path: Path) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        resources.schema(path.parts[-3]), offline=True, validate_formats=True, ignore_unknown_formats=False
    )


def pointer(parts: list[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def subschemas(node: object, place: str = "") -> Iterator[tuple[str, dict[str, object]]]:
    """Every mapping of a schema that is itself a schema or holds some, with its place."""
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            yield from subschemas(value, f"{place}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from subschemas(value, f"{place}/{index}")


def test_every_format_has_its_schema() -> None:
    files = "prompt case suite recording label lock environment bundle config report tag"
    assert sorted(files.split()) == NAMES
    assert {path.name for path in CASES.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_sound(name: str) -> None:
    schema = resources.schema(name)
    jsonschema_rs.meta.validate(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    # No domain is ours to put there; editors and check-jsonschema are given the file.
    assert schema["$id"] == f"{name}.schema.json"
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("name", NAMES)
def test_schema_stands_alone(name: str) -> None:
    schema = resources.schema(name)
    used = {node["$ref"] for _, node in subschemas(schema) if isinstance(node.get("$ref"), str)}
    definitions = schema.get("$defs", {})
    assert isinstance(definitions, dict)
    assert used == {f"#/$defs/{key}" for key in definitions}


@pytest.mark.parametrize("name", NAMES)
def test_every_property_helps_in_an_editor(name: str) -> None:
    silent = []
    for place, node in subschemas(resources.schema(name)):
        properties = node.get("properties")
        # Conditions only look at properties that are described elsewhere.
        if isinstance(properties, dict) and not place.endswith(("/if", "/then", "/properties")):
            silent += [
                f"{place}/{key}"
                for key, value in properties.items()
                if not (value.get("title") and value.get("description", "").endswith("."))
            ]
    assert silent == []


@pytest.mark.parametrize("name", NAMES)
def test_every_object_says_whether_it_is_open(name: str) -> None:
    unsaid = [
        place
        for place, node in subschemas(resources.schema(name))
        if node.get("type") == "object" and "properties" in node and "additionalProperties" not in node
    ]
    assert unsaid == []


def test_a_shared_definition_is_the_same_everywhere() -> None:
    """Each schema stands alone, so some definitions are repeated: then word for word."""
    homes: dict[str, dict[str, str]] = {}
    for name in NAMES:
        definitions = resources.schema(name).get("$defs", {})
        assert isinstance(definitions, dict)
        for key, value in definitions.items():
            homes.setdefault(key, {})[name] = json.dumps(value)
    assert [key for key, found in homes.items() if len(set(found.values())) > 1] == []


@pytest.mark.parametrize("path", examples("valid"))
def test_valid_example_passes(path: Path) -> None:
    found = [f"{pointer(error.instance_path)}: {error.message}" for error in validator(path).iter_errors(load(path))]
    assert found == []


@pytest.mark.parametrize("path", examples("invalid"))
def test_invalid_example_fails_where_it_says(path: Path) -> None:
    expected = EXPECTED.match(path.read_text("utf-8"))
    assert expected, f"{path} must begin with '# at: <JSON pointer> <keyword>'"
    found = [(pointer(error.instance_path), error.schema_path[-1]) for error in validator(path).iter_errors(load(path))]
    assert found == [expected.groups()]


@pytest.mark.parametrize("path", examples("invalid"))
def test_both_libraries_refuse_it_in_the_same_place(path: Path) -> None:
    """jsonschema-rs decides; an implementation of its own must come to the same verdict."""
    import jsonschema

    expected = EXPECTED.match(path.read_text("utf-8"))
    assert expected
    checked = jsonschema.Draft202012Validator(resources.schema(path.parts[-3]))
    found = [pointer(list(error.absolute_path)) for error in checked.iter_errors(load(path))]
    # jsonschema checks formats only with further packages: there jsonschema-rs stands alone.
    assert found == ([] if expected[2] == "format" else [expected[1]])


@pytest.mark.parametrize(
    "id",
    [
        "a",
        "support/triage",
        "0/9",
        "a_b-c/d",
        "v/x",
        "vx/y",
        "",
        "/a",
        "a/",
        "a//b",
        "A",
        "v1/a",
        "a/v2x",
        "_a",
        "é",
        "a\n",
    ],
)
def test_ids_are_those_of_the_code(id: str) -> None:
    pattern = resources.schema("prompt")["$defs"]["id"]  # type: ignore[index]
    assert jsonschema_rs.is_valid(pattern, id) == is_id(id)


@pytest.mark.parametrize("text", VERSIONS.split())
def test_versions_and_ranges_are_those_of_the_code(text: str) -> None:
    definitions = resources.schema("lock")["$defs"]
    for name, parse in (("version", Version.parse), ("range", Range.parse)):
        try:
            parse(text)
        except UsageError:
            accepted = False
        else:
            accepted = True
        assert jsonschema_rs.is_valid(definitions[name], text) == accepted, name  # type: ignore[index]


@pytest.mark.parametrize("prefix", [each for row in PREFIXES.values() for each in row])
def test_prefixes_of_tags_are_those_of_the_code(prefix: str) -> None:
    try:
        require_prefix(prefix)
    except UsageError:
        accepted = False
    else:
        accepted = True
    assert jsonschema_rs.is_valid(resources.schema("config"), {"tagPrefix": prefix}) == accepted
