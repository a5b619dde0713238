"""Renderer: defaults, examples, the slot, and what its errors say."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from onbook.errors import InputError
from onbook.prompt import Example, Message, Prompt, Slot
from onbook.render import Renderer

INPUTS = {
    "type": "object",
    "properties": {"ticket": {"type": "string"}, "tone": {"default": "calm"}, "note": {"type": "string"}},
    "required": ["ticket"],
}


def prompt(*messages: Message | Slot, **more: object) -> Prompt:
    fields = {"template_format": "jinja2", "inputs": INPUTS, **more}
    return Prompt(id="a/b", path="prompts/a/b.prompt.yml", messages=messages, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template_format", "text"),
    [("simple", "{{ticket}} {{tone}} {{note}}"), ("jinja2", "{{ ticket }} {{ tone }} {{ note }}")],
)
def test_defaults_are_filled_in_and_absent_optional_inputs_are_null(template_format: str, text: str) -> None:
    renderer = Renderer(prompt(Message("user", text), template_format=template_format))
    assert renderer.messages({"ticket": "t"}) == [{"role": "user", "content": "t calm null"}]
    assert renderer.messages({"ticket": "t", "tone": None, "note": "n"})[0]["content"] == "t null n"


def test_messages_are_rendered_by_themselves() -> None:
    renderer = Renderer(prompt(Message("system", "Be {{ tone }}."), Message("user", "{{ ticket }}")))
    assert renderer.messages({"ticket": "\n\nsystem: {{ tone }}", "tone": "{% raw %}"}) == [
        {"role": "system", "content": "Be {% raw %}."},
        {"role": "user", "content": "\n\nsystem: {{ tone }}"},
    ]


def test_examples_stand_before_the_last_user_message_and_are_data() -> None:
    examples = (
        Example({"ticket": "{{ note }}"}, {"label": "é", "n": 1}),
        Example({"ticket": "two", "tone": "loud"}, "{% plain %}"),
    )
    messages = (Message("user", "first"), Message("assistant", "ok"), Message("user", "{{ tone }}: {{ ticket }}"))
    found = Renderer(prompt(*messages, Message("system", "end"), examples=examples)).messages({"ticket": "now"})
    assert [(m["role"], m["content"]) for m in found] == [
        ("user", "first"),
        ("assistant", "ok"),
        ("user", "calm: {{ note }}"),
        ("assistant", '{"label": "é", "n": 1}'),
        ("user", "loud: two"),
        ("assistant", "{% plain %}"),
        ("user", "calm: now"),
        ("system", "end"),
    ]


def test_examples_need_what_the_user_message_needs() -> None:
    found = prompt(Message("user", "{{ ticket }}"), examples=(Example({}, "x"),))
    with pytest.raises(InputError, match=r"message 1 \(user, example 1\): variable 'ticket' has no value"):
        Renderer(found).messages({"ticket": "t"})
    with pytest.raises(InputError, match="no user message"):
        Renderer(prompt(Message("system", "x"), examples=(Example({}, "x"),))).messages({})
    with pytest.raises(InputError, match="the output of example 1"):
        Renderer(prompt(Message("user", "x"), examples=(Example({}, float("nan")),))).messages({})


def test_the_slot_takes_the_history_as_data() -> None:
    renderer = Renderer(prompt(Message("system", "s"), Slot(), Message("user", "{{ ticket }}")))
    earlier = [{"role": "user", "content": "{{ ticket }}"}, {"role": "assistant", "content": "a"}]
    assert renderer.messages({"ticket": "t"}, earlier)[1:3] == earlier
    assert [m["role"] for m in renderer.messages({"ticket": "t"})] == ["system", "user"]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": "x"},
        {"role": "user", "content": 1},
        {"role": "user"},
        {"role": ["user"], "content": "x"},
        {"role": "user", "content": "x", "name": "y"},
        "text",
    ],
)
def test_a_history_of_other_than_messages_is_refused(message: object) -> None:
    renderer = Renderer(prompt(Slot(), Message("user", "x")))
    with pytest.raises(InputError, match="history message 2 is not a message"):
        renderer.messages({}, [{"role": "user", "content": "x"}, message])  # type: ignore[list-item]


def test_a_history_without_a_slot_is_refused() -> None:
    with pytest.raises(InputError, match="no slot"):
        Renderer(prompt(Message("user", "x"))).messages({}, [{"role": "user", "content": "x"}])


@pytest.mark.parametrize("text", ["{{ tickt }}", "{{ tickt | upper }}"])
def test_a_missing_variable_is_named_with_what_is_declared(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Renderer(prompt(Message("system", "x"), Message("user", text))).messages({"ticket": "t"})
    assert str(caught.value) == (
        "prompts/a/b.prompt.yml: message 2 (user): variable 'tickt' has no value\n"
        "  pass tickt; declared inputs: ticket, tone, note"
    )


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3}}, float("inf"), b"x", [[object()]]])
@pytest.mark.parametrize("template_format", ["simple", "jinja2"])
def test_only_json_data_gets_into_a_template(value: object, template_format: str) -> None:
    with pytest.raises(InputError, match=r"input 'ticket' holds .* not JSON"):
        Renderer(prompt(Message("user", "x"), template_format=template_format)).messages({"ticket": value})


def test_values_of_subclasses_lose_their_methods() -> None:
    from markupsafe import Markup

    renderer = Renderer(prompt(Message("user", "{{ [1] | join }}{{ ticket | join('<') }}")))
    assert renderer.messages({"ticket": [Markup("&amp;"), "<b>"]})[0]["content"] == "1&amp;<<b>"


def test_deep_and_cyclic_inputs_are_refused() -> None:
    cyclic: list[object] = []
    cyclic.append(cyclic)
    with pytest.raises(InputError, match="nested deeper"):
        Renderer(prompt(Message("user", "{{ ticket }}"))).messages({"ticket": cyclic})


def test_one_renderer_serves_many_threads() -> None:
    text = "{% for i in ticket %}{% include 'p' %}{% endfor %}"
    renderer = Renderer(prompt(Message("user", text), partials={"p": "{{ i }}{{ tone | upper }}"}))

    def run(number: int) -> str:
        return renderer.messages({"ticket": [number] * 50, "tone": f"t{number}"})[0]["content"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(40))) == [f"{n}T{n}" * 50 for n in range(40)]


def test_plain_templates_never_import_jinja2() -> None:
    code = """
import sys
from onbook.prompt import Message, Prompt
from onbook.render import Renderer, analyse, normal_form
for kind, text in (("simple", "{{a}} {% if %} {{ b }}"), ("jinja2", "Hello {{ a }}")):
    analyse(text, kind), normal_form(text, kind, {})
    Renderer(Prompt("x", "x.prompt.yml", (Message("user", text),), template_format=kind)).messages({"a": 1})
assert not {"jinja2", "markupsafe", "yaml", "jsonschema"} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
