from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from onbook.call import response_format_of, tools_of
from onbook.contract import Contract
from onbook.manifest import sha256
from onbook.project.load import MAX_INCLUDE_DEPTH
from onbook.project.named import named_files
from onbook.project.references import MAX_FILES
from onbook.prompt import Example, Message, Prompt, Slot
from support.samples import SUMMARIZER
from support.sources import source

HEAD = "messages: [{role: user, content: x}]\n"


def prompt(contents: dict[str, str | bytes] | str) -> Prompt:
    found = source({"prompts/a.prompt.yml": contents} if isinstance(contents, str) else contents)
    assert found.problems == ()
    assert found.prompt
    return found.prompt


def with_inputs(schema: object, **files: object) -> dict[str, str | bytes]:
    texts: dict[str, str | bytes] = {f"prompts/{name}.json": json.dumps(content) for name, content in files.items()}
    return {"prompts/a.prompt.yml": f"{HEAD}inputs: {json.dumps(schema)}\n", **texts}


def accepts(found: Prompt, value: object) -> bool:
    assert found.inputs is not None
    return Contract(found.inputs).accepts(value)


def test_parameters_as_githubs_editor_spelt_them() -> None:
    spelt = prompt(f"{HEAD}modelParameters: {{max_tokens: 300, top_p: 0.5, max_completion_tokens: 400, seed: 1}}\n")
    assert spelt.parameters == {"maxTokens": 300, "topP": 0.5, "maxCompletionTokens": 400, "seed": 1}


def test_their_values_are_checked_all_the_same() -> None:
    found = source({"prompts/a.prompt.yml": f"{HEAD}modelParameters: {{max_tokens: many}}\n"})
    (problem,) = found.problems
    assert (problem.code, problem.line, problem.column) == ("wrong-shape", 2, 31)
    assert "maxTokens" in problem.message
    assert found.prompt is None


# --- references are bundled


def test_a_schema_in_another_file() -> None:
    found = prompt(with_inputs({"properties": {"t": {"$ref": "b.json"}}}, b={"type": "string"}))
    assert found.inputs == {"properties": {"t": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "string"}}}
    assert accepts(found, {"t": "x"})
    assert not accepts(found, {"t": 1})


def test_names_that_are_taken_are_not_taken_again() -> None:
    schema = {
        "properties": {"own": {"$ref": "#/$defs/b"}, "file": {"$ref": "b.json"}, "other": {"$ref": "x/b.json"}},
        "$defs": {"b": {"const": "own"}},
    }
    files = with_inputs(schema, b={"const": "file"})
    found = prompt({**files, "prompts/x/b.json": '{"const": "other"}'})
    assert accepts(found, {"own": "own", "file": "file", "other": "other"})
    for name in ("own", "file", "other"):
        assert not accepts(found, {name: "none of them"})


def test_pointers_and_local_references_within_the_other_file() -> None:
    other = {"$defs": {"q": {"$ref": "#/$defs/r"}, "r": {"type": "integer"}}, "items": {"$ref": "#"}}
    found = prompt(with_inputs({"properties": {"q": {"$ref": "b.json#/$defs/q"}, "l": {"$ref": "b.json"}}}, b=other))
    assert accepts(found, {"q": 1, "l": [[[]]]})
    assert not accepts(found, {"q": "x"})


def test_files_that_refer_to_one_another_in_a_circle() -> None:
    found = prompt(
        with_inputs(
            {"properties": {"t": {"$ref": "b.json"}}},
            b={"type": "object", "properties": {"c": {"$ref": "c.json"}}},
            c={"type": "object", "properties": {"b": {"$ref": "b.json"}}},
        )
    )
    assert accepts(found, {"t": {"c": {"b": {"c": {}}}}})
    assert not accepts(found, {"t": {"c": {"b": {"c": 1}}}})


def test_what_people_name_is_no_keyword() -> None:
    named = {
        "properties": {name: {"$ref": "c.json"} for name in ("default", "enum", "const", "examples", "$id", "$ref")}
    }
    found = prompt(with_inputs({"$ref": "b.json"}, b={"$id": "http://example.com/b", **named}, c={"type": "integer"}))
    assert accepts(found, {"default": 1, "$id": 2, "$ref": 3})
    for name in named["properties"]:
        assert not accepts(found, {name: "x"})


def test_what_stands_in_data_is_no_reference() -> None:
    schema = {"properties": {"t": {"const": {"$ref": "nowhere.json"}, "default": {"$ref": "nowhere.json"}}}}
    found = prompt(with_inputs(schema))
    assert accepts(found, {"t": {"$ref": "nowhere.json"}})


def test_a_schema_with_an_id_of_its_own() -> None:
    found = prompt(
        with_inputs(
            {"$id": "https://example.com/a", "properties": {"t": {"$ref": "b.json"}}}, b={"$id": "b", "const": 1}
        )
    )
    assert accepts(found, {"t": 1})
    assert not accepts(found, {"t": 2})


@pytest.mark.parametrize("name", ["été 1%", "b#", "~", "a b"])
def test_odd_names_of_files(name: str) -> None:
    files = with_inputs({"properties": {"t": {"$ref": f"{name}.json".replace("#", "")}}})
    found = prompt({**files, f"prompts/{name.replace('#', '')}.json": '{"type": "integer"}'})
    assert not accepts(found, {"t": "x"})


def test_a_schema_in_yaml() -> None:
    found = prompt({**with_inputs({"$ref": "b.yml"}), "prompts/b.yml": "properties: {t: {type: integer}}\n"})
    assert not accepts(found, {"t": "x"})


def test_the_arguments_of_a_tool_are_a_schema_of_their_own() -> None:
    tool = {"properties": {"t": {"$ref": "b.json"}, "u": {"$ref": "#/$defs/own"}}, "$defs": {"own": {"type": "null"}}}
    text = f"{HEAD}tools: [{{type: function, function: {{name: f, parameters: {json.dumps(tool)}}}}}]\n"
    found = prompt({"prompts/a.prompt.yml": text, "prompts/b.json": '{"type": "integer"}'})
    function: Any = tools_of(found)[0]["function"]
    arguments = Contract(function["parameters"])
    assert arguments.accepts({"t": 1, "u": None})
    assert not arguments.accepts({"t": "x"})
    assert set(tools_of(found)[0]) == {"type", "function"}


def test_hostile_files_stop_in_time() -> None:
    deep = '{"not": ' * 900 + "{}" + "}" * 900
    found = source({**with_inputs({"$ref": "b.json"}), "prompts/b.json": deep})
    assert [problem.code for problem in found.problems] == ["ref-syntax"]
    assert "nested deeper" in found.problems[0].message
    text = source(
        {"prompts/a.prompt.yml": f"{HEAD}jsonSchema: '{json.dumps({'name': 'x', 'schema': 0})[:-2]}{deep}}}'\n"}
    )
    assert "deeper" in text.problems[0].message
    huge = source({**with_inputs({"$ref": "b.json"}), "prompts/b.json": b" " * (1 << 20) + b"{}"})
    assert "bytes; at most" in huge.problems[0].message


def test_a_long_chain_of_files_does_not_exhaust_the_stack() -> None:
    link = '{"not": ' * 50 + '{"$ref": "b%d.json"}' + "}" * 50
    chain = {f"prompts/b{number}.json": link % (number + 1) for number in range(MAX_FILES + 9)}
    found = source({**with_inputs({"$ref": "b0.json"}), **chain})
    assert [problem.code for problem in found.problems] == ["ref-too-many"]
    assert len(found.closure) == MAX_FILES + 1


def test_one_file_that_is_referred_to_often_counts_once() -> None:
    schema = {"properties": {f"t{number}": {"$ref": "b.json"} for number in range(MAX_FILES + 9)}}
    assert len(source(with_inputs(schema, b={})).closure) == 2


# --- the closure and its digest


def test_the_closure_is_all_that_rendering_and_contract_read() -> None:
    files: dict[str, str | bytes] = {
        "prompts/a.prompt.yml": (
            "templateFormat: jinja2\n"
            "messages: [{role: user, content: \"{% include '_shared/one.md' %}{% include '_shared/two.md' %}\"}]\n"
            "inputs: {$ref: ../schemas/in.json}\n"
            "jsonSchema: {name: x, schema: {$ref: ../schemas/in.json}}\n"
            "examples: a.examples.jsonl\n"
        ),
        "prompts/_shared/one.md": "{% include '_shared/two.md' %}",
        "prompts/_shared/two.md": "two",
        "prompts/_shared/unused.md": "unused",
        "schemas/in.json": '{"$ref": "deep.json"}',
        "schemas/deep.json": "{}",
        "prompts/a.examples.jsonl": '{"inputs": {}, "output": "x"}\n',
        "prompts/a.cases.jsonl": "",
        "prompts/a.suite.yml": "repeats: 1",
        "prompts/a.recordings.jsonl": "",
        "prompts/b.prompt.yml": HEAD,
    }
    found = source(files)
    assert found.problems == ()
    paths = [file.path for file in found.closure]
    assert paths[0] == "prompts/a.prompt.yml"
    assert sorted(paths[1:]) == [
        "prompts/_shared/one.md",
        "prompts/_shared/two.md",
        "prompts/a.examples.jsonl",
        "schemas/deep.json",
        "schemas/in.json",
    ]
    assert all(file.sha256 == sha256(found.snapshot.read(file.path)) for file in found.closure)
    named = named_files(found.snapshot.read(paths[0]), paths[0], "prompts", found.snapshot.read)
    assert named is not None
    assert sorted(named) == sorted(paths)
    assert found.prompt
    assert found.prompt.partials == {"_shared/one.md": "{% include '_shared/two.md' %}", "_shared/two.md": "two"}
    # The digest: sha256 over the sorted lines "<path> <sha256 of the bytes>".
    lines = sorted(f"{path} {hashlib.sha256(found.snapshot.read(path)).hexdigest()}\n" for path in paths)
    assert found.digest == "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()
    beside = source({**files, "prompts/a.cases.jsonl": '{"id": "x", "inputs": {}}\n', "prompts/_shared/unused.md": "y"})
    assert beside.digest == found.digest
    assert source({**files, "schemas/deep.json": "{ }"}).digest != found.digest


def test_a_chain_of_partials_ends() -> None:
    chain = {f"prompts/_shared/{n}.md": f"{{% include '_shared/{n + 1}.md' %}}" for n in range(MAX_INCLUDE_DEPTH + 2)}
    head = "templateFormat: jinja2\nmessages: [{role: user, content: \"{% include '_shared/0.md' %}\"}]\n"
    found = source({"prompts/a.prompt.yml": head, **chain})
    assert [problem.code for problem in found.problems] == ["include-cycle"]
    assert "nested deeper than 16" in found.problems[0].message
    # A partial that cannot be read leaves the rest to be looked at.
    assert found.prompt


def test_a_partial_that_is_no_text() -> None:
    head = "templateFormat: jinja2\nmessages: [{role: user, content: \"{% include '_shared/0.md' %}\"}]\n"
    found = source({"prompts/a.prompt.yml": head, "prompts/_shared/0.md": b"\xff"})
    assert [(problem.code, problem.path) for problem in found.problems] == [("not-utf8", "prompts/_shared/0.md")]


# --- what a prompt is


def test_everything() -> None:
    text = """\
name: Triage
description: Sorts tickets.
model: openai/gpt-4.1-2025-04-14
version: 1.2.0
modelParameters: {temperature: 0, maxCompletionTokens: 9}
responseFormat: json_schema
jsonSchema: {name: label, strict: true, schema: {type: object, default: {}, x-own: 1}}
messages:
  - {role: system, content: Sort.}
  - {slot: history}
  - {role: user, content: "{{t}}"}
examples: [{inputs: {t: a}, output: {label: b}}]
metadata: {owner: support, status: draft}
"""
    found = prompt(text)
    assert found.messages == (Message("system", "Sort."), Slot("history"), Message("user", "{{t}}"))
    assert found.examples == (Example({"t": "a"}, {"label": "b"}),)
    assert (found.version, found.output_strict, found.template_format, found.is_draft) == (
        "1.2.0",
        True,
        "simple",
        True,
    )
    assert response_format_of(found) == {
        "type": "json_schema",
        "json_schema": {"name": "label", "strict": True, "schema": {"type": "object"}},
    }


GITHUB = (
    SUMMARIZER
    + """\
responseFormat: json_schema
jsonSchema: |-
  {
    "name": "summary",
    "strict": true,
    "schema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
  }
testData:
  - input: |
      The quick brown fox jumped over the lazy dog.
    expected: Summary - A fox jumped over a lazy, unresponsive dog.
  - {input: x, expected: null}
evaluators:
  - name: Output should start with 'Summary -'
    string:
      startsWith: 'Summary -'
  - name: similar
    uses: github/similarity
"""
)


def test_a_file_of_github_models_as_it_was_published() -> None:
    found = source({"prompts/a.prompt.yml": GITHUB})
    assert (found.problems, found.tests.problems) == ((), ())
    assert found.prompt
    assert found.prompt.output_name == "summary"
    assert found.prompt.output_schema == {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    }
    first, second = found.cases
    assert (first.id, first.line, second.line) == ("row-1", 23, 26)
    assert first.expected == "Summary - A fox jumped over a lazy, unresponsive dog."
    # gh models eval gives the whole row to the template; so do we, where no contract of ours says otherwise.
    assert set(first.inputs) == {"input", "expected"}
    assert [list(each) for each in found.suite.assertions] == [["evaluator"], ["evaluator"]]
    declared = source(
        {"prompts/a.prompt.yml": GITHUB + "inputs: {type: object, properties: {input: {type: string}}}\n"}
    )
    assert set(declared.cases[0].inputs) == {"input"}
