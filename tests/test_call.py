from __future__ import annotations

from datetime import datetime
from functools import reduce
from typing import Any

import pytest

from onbook.call import Caller, closed, parameters_of, response_format_of, tools_of
from onbook.errors import InputError
from onbook.prompt import Message, Prompt, Slot

TICKET = {"type": "object", "properties": {"ticket": {"type": "string", "x-aliases": ["text"]}}, "required": ["ticket"]}


def prompt(inputs: Any = TICKET, content: str = "{{ticket}}", **fields: Any) -> Prompt:
    return Prompt(
        "support/triage", "prompts/support/triage.prompt.yml", (Message("user", content),), inputs=inputs, **fields
    )


def test_inputs_that_are_accepted_are_rendered() -> None:
    assert Caller(prompt()).render({"ticket": "a"}) == [{"role": "user", "content": "a"}]
    assert Caller(prompt(None)).render({"ticket": "a", "more": 1}) == [{"role": "user", "content": "a"}]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (datetime(2027, 3, 1), "when: a value of type datetime is none that JSON has"),
        ([1, {"a": b"x"}], "when/1/a: a value of type bytes is none that JSON has"),
        ({"a": {1: 2}}, "when/a: the key 1 is no text"),
        ({"\ud83d": 2}, "when: the key '\\ud83d' is no text"),
        ("\ud83d", "when: this holds half a character"),
        (reduce(lambda inner, _: [inner], range(900), 0), "when/0/0: this is nested too deep"),
    ],
)
def test_what_json_does_not_have_is_told_with_its_place(value: object, message: str) -> None:
    called = Caller(prompt({"type": "object", "properties": {"when": {"enum": [1]}}}))
    with pytest.raises(InputError) as told:
        called.render({"when": value})
    assert told.value.message.startswith(f"support/triage does not accept these inputs: {message}")
    assert told.value.message.encode()


@pytest.mark.parametrize(
    ("inputs", "message", "hint"),
    [
        ({}, "'ticket' is required and missing", "declared inputs: ticket"),
        ({"ticket": 1}, 'ticket: 1 is not of type "string"', None),
        ({"ticket": "a", "tickt": 1}, "'tickt' is not expected here", "did you mean 'ticket'?"),
        ({"ticket": "a", "zzz": 1}, "'zzz' is not expected here", "declared inputs: ticket"),
        ({"ticket": "a", "text": "b"}, "'text' is not expected here", None),
    ],
)
def test_inputs_that_are_not(inputs: dict[str, object], message: str, hint: str | None) -> None:
    with pytest.raises(InputError) as told:
        Caller(prompt()).render(inputs)
    assert told.value.message == f"support/triage does not accept these inputs: {message}"
    assert told.value.place == "prompts/support/triage.prompt.yml"
    assert hint is None or told.value.hint == hint


def test_an_old_name_is_taken_for_the_new_one_and_the_callers_mapping_is_left_alone() -> None:
    given = {"text": "a"}
    assert Caller(prompt()).bind(given) == {"ticket": "a"}
    assert given == {"text": "a"}


def test_earlier_messages_go_into_their_slot() -> None:
    found = Prompt("a", "a.prompt.yml", (Message("system", "S"), Slot(), Message("user", "{{ticket}}")))
    earlier = [{"role": "user", "content": "{{ticket}}"}, {"role": "assistant", "content": "hm"}]
    assert [message["content"] for message in Caller(found).render({"ticket": "x"}, earlier)] == [
        "S", "{{ticket}}", "hm", "x"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {}}},
        {"allOf": [{"properties": {"a": {}}}]},
        {"$ref": "#/$defs/b", "$defs": {"b": {"properties": {"a": {}}}}},
        {"properties": {"a": {}}, "if": {"required": ["a"]}, "then": {"properties": {"b": {"type": "null"}}}},
        {"patternProperties": {"^a": {}}},
    ],
)
def test_a_contract_is_closed_to_what_it_does_not_declare_and_open_to_what_it_does(schema: dict[str, object]) -> None:
    caller = Caller(prompt(schema, "x"))
    assert caller.bind({"a": 1}) == {"a": 1}
    with pytest.raises(InputError):
        caller.bind({"a": 1, "c": 2})


def test_a_contract_that_says_itself_how_open_it_is_stays_so() -> None:
    for schema in ({"additionalProperties": True}, {"unevaluatedProperties": {"type": "integer"}}):
        assert closed(schema) == schema
        assert Caller(prompt(schema, "x")).bind({"c": 2}) == {"c": 2}


def test_parameters_have_openais_names() -> None:
    given = {"temperature": 0, "topP": 0.5, "maxCompletionTokens": 9, "maxTokens": 8, "stop": ["X"], "seed": 1}
    assert parameters_of(prompt(parameters=given)) == {
        "temperature": 0, "top_p": 0.5, "max_completion_tokens": 9, "max_tokens": 8, "stop": ["X"], "seed": 1
    }  # fmt: skip


SCHEMA = {"type": "object", "properties": {"default": {"type": "string", "default": "x", "x-note": 1}}, "x-own": True}
STRIPPED = {"type": "object", "properties": {"default": {"type": "string"}}}


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({}, None),
        ({"response_format": "text"}, None),
        ({"response_format": "json_object"}, {"type": "json_object"}),
        ({"response_format": "json_schema"}, None),
        (
            {"response_format": "json_schema", "output_schema": SCHEMA, "output_name": "n", "output_strict": False},
            {"type": "json_schema", "json_schema": {"name": "n", "strict": False, "schema": STRIPPED}},
        ),
        (
            {"response_format": "json_schema", "output_schema": SCHEMA, "output_name": "n"},
            {"type": "json_schema", "json_schema": {"name": "n", "schema": STRIPPED}},
        ),
    ],
)
def test_the_response_format_is_openais(fields: dict[str, Any], sent: object) -> None:
    assert response_format_of(prompt(**fields)) == sent


def test_tools_are_sent_without_what_is_only_ours() -> None:
    bare = {"type": "function", "function": {"name": "f"}}
    full = {"type": "function", "function": {"name": "g", "description": "d", "parameters": SCHEMA, "strict": True}}
    assert tools_of(prompt(tools=(bare, full))) == (
        bare,
        {"type": "function", "function": {"name": "g", "description": "d", "parameters": STRIPPED, "strict": True}},
    )
