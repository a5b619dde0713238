"""The files that a prompt names are those of its closure, wherever they are told."""

from __future__ import annotations

import pytest

from onbook.project.named import named_files
from support.sources import PROMPT, source

JINJA = "templateFormat: jinja2\n"
INCLUDE = """messages: [{role: user, content: "{% include '_shared/one.md' %}"}]"""
TEXT = "messages: [{role: user, content: x}]"
OTHERS: dict[str, str | bytes] = {
    "prompts/_shared/one.md": "one {% include '_shared/two.md' %}",
    "prompts/_shared/two.md": "two",
    "schemas/in.json": '{"properties": {"x": {"$ref": "deep/er.json#/$defs/x"}}}',
    "schemas/wide.json": '{"$ref": "in.json"}'.encode("utf-16"),
    "schemas/hidden.json": '{"\\u0024ref": "in.json"}',
    "schemas/in.yml": "$ref: in.json\n",
    "schemas/deep/er.json": '{"$defs": {"x": {"type": "string"}}}',
    "prompts/a.examples.jsonl": '{"inputs": {}, "output": "x"}\n',
}
TOLD = (
    "messages: [{role: user, content: plain}]",
    INCLUDE,
    'messages:\n  - role: user\n    content: |\n      {%- include "_shared/one.md" -%}\n',
    "messages:\n  - role: user\n    content: >\n      {%\n      include\n      '_shared/two.md' %}\n",
    f"{TEXT}\ninputs: {{$ref: ../schemas/in.json}}",
    f"{INCLUDE}\ninputs:\n  $ref: ../schemas/in.json\nexamples: a.examples.jsonl",
    f"{TEXT}\njsonSchema: {{name: x, schema: {{$ref: '../schemas/in.json#/properties/x'}}}}",
    f"{TEXT}\nexamples: ../prompts/a.examples.jsonl",
    f'{TEXT}\n? "examples"\n: a.examples.jsonl',
)
UNTOLD = (
    """messages: [{role: user, content: "{%-\\n\\n  include '_shared/one.md' %}"}]""",
    """messages: [{role: user, content: "{% inc\\x6cude '_shared/one.md' %}"}]""",
    """messages: [{role: user, content: "{% inc\\\n    lude '_shared/one.md' %}"}]""",
    "messages: [{role: user, content: '{% include ''_shared/one.md'' %}'}]",
    f'{TEXT}\ninputs: {{"$\\u0072ef": ../schemas/in.json}}',
    f"{TEXT}\ninputs: {{$ref: ../schemas/in.yml}}",
    f"{TEXT}\ninputs: {{$ref: ../schemas/wide.json}}",
    f"{TEXT}\ninputs: {{$ref: ../schemas/hidden.json}}",
    TEXT + """\njsonSchema: '{"name": "x", "schema": {"$ref": "../schemas/in.json"}}'""",
)


def named(text: str) -> list[str] | None:
    others = {path: raw.encode() if isinstance(raw, str) else raw for path, raw in OTHERS.items()}
    return named_files(text.encode(), "prompts/a.prompt.yml", "prompts", others.get)


@pytest.mark.parametrize("lines", TOLD)
def test_they_are_the_closure(lines: str) -> None:
    text = f"{JINJA}{lines}\n"
    found = source({"prompts/a.prompt.yml": text, **OTHERS})
    assert not found.problems
    told = named(text)
    assert told is not None
    assert sorted(told) == sorted(file.path for file in found.closure)
    assert told[0] == "prompts/a.prompt.yml"


@pytest.mark.parametrize("lines", UNTOLD)
def test_what_is_not_plain_is_left_to_the_loader(lines: str) -> None:
    text = f"{JINJA}{lines}\n"
    found = source({"prompts/a.prompt.yml": text, **OTHERS})
    told = named(text)
    assert told is None or {file.path for file in found.closure} <= {*told}
    assert len(found.closure) > 1 or found.problems


def test_what_is_not_there_is_named_all_the_same() -> None:
    assert named(f"{JINJA}messages: [{{role: user, content: '{{% include \"gone.md\" %}}'}}]\n") == [
        "prompts/a.prompt.yml", "prompts/gone.md",
    ]  # fmt: skip
    assert named(PROMPT) == ["prompts/a.prompt.yml"]


@pytest.mark.parametrize("outside", ["../../x.json", "/etc/x.json", "https://example.com/x.json", "b.prompt.yml"])
def test_nothing_outside_is_named(outside: str) -> None:
    assert named(f"{TEXT}\ninputs: {{$ref: '{outside}'}}\n") is None
    assert named(f"{TEXT}\nexamples: '{outside}'\n") is None
