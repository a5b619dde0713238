"""What is sent to a model, and what came back: cut off, no JSON, or not what the schema promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import onbook
from onbook.errors import (
    AnswerContractError,
    AnswerError,
    InputError,
    MalformedAnswerError,
    TruncatedAnswerError,
    UsageError,
)
from support.git import new_repo

CASES = yaml.load((Path(__file__).parents[1] / "cases" / "answers.yml").read_text("utf-8"), yaml.CSafeLoader)
KINDS = {
    "truncated": TruncatedAnswerError,
    "malformed": MalformedAnswerError,
    "contract": AnswerContractError,
}
PROMPT = """\
model: openai/gpt-4.1-2025-04-14
modelParameters: {temperature: 0, maxCompletionTokens: 50, topP: 0.5}
messages:
  - {role: system, content: Label tickets as JSON.}
  - {slot: history}
  - {role: user, content: "{{ticket}}"}
inputs:
  type: object
  properties: {ticket: {type: string, x-aliases: [text]}}
  required: [ticket]
responseFormat: json_schema
jsonSchema:
  name: label
  strict: true
  schema:
    type: object
    properties: {label: {enum: [billing, bug], x-extensible-enum: true}, score: {type: number}}
    required: [label]
    additionalProperties: false
tools:
  - {type: function, function: {name: look, parameters: {type: object, properties: {q: {type: string}}}}}
"""


def loaded(tmp_path: Path, text: str = PROMPT) -> onbook.LoadedPrompt:
    repo = new_repo(tmp_path / "repo")
    repo.write("prompts/label.prompt.yml", text)
    return onbook.open(repo.path, at="worktree").get("label")


def test_a_request_is_what_libraries_take(tmp_path: Path) -> None:
    prompt = loaded(tmp_path)
    found = prompt.request([{"role": "user", "content": "before"}], text="by its old name")
    assert found == {
        "model": "openai/gpt-4.1-2025-04-14",
        "temperature": 0,
        "max_completion_tokens": 50,
        "top_p": 0.5,
        "messages": [
            {"role": "system", "content": "Label tickets as JSON."},
            {"role": "user", "content": "before"},
            {"role": "user", "content": "by its old name"},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "label",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"label": {"enum": ["billing", "bug"]}, "score": {"type": "number"}},
                    "required": ["label"],
                    "additionalProperties": False,
                },
            },
        },
        "tools": [
            {
                "type": "function",
                "function": {"name": "look", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}},
            }
        ],
    }
    assert json.loads(json.dumps(found)) == found
    assert prompt.openai_request(ticket="x")["model"] == "gpt-4.1-2025-04-14"
    with pytest.raises(InputError, match="ticket"):
        prompt.request()
    with pytest.raises(UsageError, match="not OpenAI's"):
        loaded(tmp_path, PROMPT.replace("openai/gpt-4.1-2025-04-14", "anthropic/claude-x")).openai_request(ticket="x")


def test_what_a_caller_changes_in_a_request_changes_no_other(tmp_path: Path) -> None:
    """Libraries add to what they are given; the prompt is kept for as long as the process runs."""
    prompt = loaded(tmp_path, PROMPT.replace("topP: 0.5", "stop: [END]"))
    before = json.dumps(prompt.request(ticket="x"))

    def spoil(value: object) -> None:
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            spoil(item)
        if isinstance(value, dict):
            value["added"] = True
        elif isinstance(value, list):
            value.append("added")

    for request in (prompt.request, prompt.openai_request):
        found = request(ticket="x")
        spoil(found)
        assert json.dumps(prompt.request(ticket="x")) == before != json.dumps(found)


def test_what_a_prompt_does_not_say_is_left_out(tmp_path: Path) -> None:
    prompt = loaded(tmp_path, "messages: [{role: user, content: hello}]\n")
    assert prompt.request() == {"messages": [{"role": "user", "content": "hello"}]}
    assert prompt.parse("any text { at all") == "any text { at all"
    assert prompt.parse(None) == ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["answer"])[:40])
def test_answers(case: dict[str, object], tmp_path: Path) -> None:
    prompt, answer = loaded(tmp_path), str(case["answer"])
    if "value" in case:
        assert prompt.parse(answer) == case["value"]
        return
    with pytest.raises(AnswerError) as caught:
        prompt.parse(answer)
    assert type(caught.value) is KINDS[str(case["error"])]
    assert caught.value.text == answer
    assert str(case.get("told", "")) in str(caught.value)


@pytest.mark.parametrize("end", range(1, 45))
def test_every_beginning_of_an_answer_is_one_that_was_cut_off(tmp_path: Path, end: int) -> None:
    whole = '{"label": "bu\\u0067", "score": -1.5e+3, "x": [true]}'
    with pytest.raises(TruncatedAnswerError):
        loaded(tmp_path).parse(whole[:end])


def test_an_answer_that_would_exhaust_the_reader(tmp_path: Path) -> None:
    for text in ("[" * 200_000, '{"label": ' + "9" * 10_000 + "}"):
        with pytest.raises(AnswerError):
            loaded(tmp_path).parse(text)


def test_an_object_of_any_shape(tmp_path: Path) -> None:
    prompt = loaded(tmp_path, "messages: [{role: user, content: as JSON}]\nresponseFormat: json_object\n")
    assert prompt.parse('{"a": 1}') == {"a": 1}
    with pytest.raises(AnswerContractError, match="no JSON object"):
        prompt.parse("[1]")
