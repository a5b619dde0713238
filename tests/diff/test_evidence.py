"""Inputs made up from contracts, and what rendering them shows."""

from __future__ import annotations

from typing import Any

import pytest

from onbook.call import Caller
from onbook.contract import Contract, dump
from onbook.diff.evidence import Evidence, Sampler
from onbook.diff.generate import LEAST, MOST, Space, Values, inputs
from onbook.diff.words import plain, shortened, words
from onbook.prompt import Example, Message, Prompt

RICH: dict[str, Any] = {
    "type": "object",
    "required": ["ticket", "items", "tier"],
    "properties": {
        "ticket": {"type": "string", "maxLength": 300},
        "items": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "price": {"type": "number", "minimum": 0.5}, "sold": {"type": "boolean"},
            }},
        },
        "tier": {"enum": ["free", "pro", None, 3]},
        "age": {"type": "integer", "minimum": 18, "maximum": 99},
        "vip": {"type": "boolean"},
        "note": {"type": ["string", "null"]},
        "who": {"$ref": "#/$defs/who"},
        "either": {"anyOf": [{"type": "string", "format": "date"}, {"type": "integer", "multipleOf": 7}]},
    },
    "$defs": {"who": {"allOf": [{"type": "object", "required": ["id"], "properties": {"id": {"const": "x"}}},
                                {"properties": {"mail": {"type": "string", "format": "email"}}}]}},
}  # fmt: skip


def prompt(text: str, contract: dict[str, Any] | None = None, **fields: Any) -> Prompt:
    return Prompt(
        "a", "prompts/a.prompt.yml", (Message("user", text),), inputs=contract, template_format="jinja2", **fields
    )


def seen(old: Prompt, new: Prompt, cases: Any = ()) -> Evidence:
    one, other = old.messages[0], new.messages[0]
    assert isinstance(one, Message)
    assert isinstance(other, Message)
    return Sampler(old, new, lambda: cases).compare(one, other)


def test_every_made_up_input_is_one_that_the_contract_accepts_and_there_are_enough() -> None:
    one = prompt("{{ ticket }}", RICH)
    calls = [call.new for call in Sampler(one, one).calls()]
    accepts = Contract(RICH)
    assert LEAST <= len({dump(call) for call in calls}) == len(calls) <= MOST
    assert all(accepts.accepts(call) for call in calls)
    assert calls == [call.new for call in Sampler(one, one).calls()]


def test_every_boundary_is_met() -> None:
    one = prompt("{% if age > 64 %}{% endif %}{% if tier == 'pro' %}{% endif %}", RICH)
    calls: list[Any] = [call.new for call in Sampler(one, one).calls()]

    def met(name: str) -> list[Any]:
        return [call.get(name, "left out") for call in calls]

    assert {"free", "pro", None, 3} <= set(met("tier"))
    assert {18, 19, 98, 99, 63, 64, 65, "left out"} <= {age for age in met("age") if age != "left out"} | {"left out"}
    assert {True, False, "left out"} == set(met("vip"))
    assert {"", None, "left out"} <= set(met("note"))
    assert "" in met("ticket")
    assert any(len(text) == 300 for text in met("ticket"))
    assert any(not text.isascii() for text in met("ticket"))
    assert {0, 1, 2, 3, 12} <= {len(items) for items in met("items")}
    assert any("price" not in item for items in met("items") for item in items)
    assert {True, False} <= {item.get("sold") for items in met("items") for item in items}
    assert "left out" in met("who")
    assert any(isinstance(either, int) and either % 7 == 0 for either in met("either"))


def test_the_smallest_input_that_shows_the_difference() -> None:
    text = "Sort {{ ticket }}.{% if vip %}{% for item in items %} VIP {{ item.name }}{% endfor %}{% endif %}"
    found = seen(prompt(text, RICH), prompt(text.replace(" VIP", " vip"), RICH))
    assert found.difference
    assert found.difference.inputs == {"ticket": "a", "items": [{"name": "a"}], "tier": 3, "vip": True}
    assert found.difference.old == "Sort a. VIP a"
    assert found.difference.new == "Sort a. vip a"


def test_a_case_reaches_what_no_made_up_input_does() -> None:
    contract = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    old = prompt("{{ a | upper }}", contract)
    new = prompt("{{ a }}", contract)
    assert seen(old, new).difference
    cased = prompt("{% if a | lower == 'the magic word' %}x{% endif %}", contract)
    partial = {"p.md": "{% if a == m %}y{% endif %}"}
    assert seen(cased, prompt("{% if a == 'the magic word' %}x{% endif %}", contract, partials=partial)).samples > 5
    found = seen(cased, prompt("{% if a == 'the magic word' %}x{% endif %}", contract), [{"a": "THE magic word"}])
    assert found.difference
    assert found.difference.inputs == {"a": "THE magic word"}


def test_an_example_is_a_call_too() -> None:
    contract = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    text = "{% if a | length == 77 %}x{% endif %}{{ a }}"
    assert seen(prompt("{{ a }}", contract), prompt(text, contract)).difference is None
    found = seen(prompt("{{ a }}", contract, examples=(Example({"a": "b" * 77}, "c"),)), prompt(text, contract))
    assert found.difference
    assert found.difference.inputs == {"a": "b" * 77}


def test_what_only_one_contract_accepts_does_not_count() -> None:
    old = prompt("{{ tier }}", {"type": "object", "properties": {"tier": {"enum": ["a", "b"]}}, "required": ["tier"]})
    new = prompt(
        "{% if tier == 'c' %}new{% else %}{{ tier }}{% endif %}",
        {"type": "object", "properties": {"tier": {"enum": ["a", "b", "c"]}}, "required": ["tier"]},
    )
    assert seen(old, new) == Evidence(2)


def test_a_call_that_can_no_longer_be_rendered_is_shown() -> None:
    contract = {"type": "object", "properties": {"order": {"type": "object"}}, "required": ["order"]}
    old, new = prompt("x", contract), prompt("x{{ order.id }}", contract)
    found = seen(old, new)
    assert found.failure
    assert Caller(old).render(found.failure[0].inputs)
    assert found.failure[0].new is None
    assert "id" in found.failure[1]


def test_without_a_contract_only_texts_count_as_calls_that_must_go_on() -> None:
    assert seen(prompt("{{ a }}"), prompt("{{ a | upper }}")).failure is None


def test_hostile_templates_are_bounded() -> None:
    loops = "{% for x in items %}" * 12 + "{{ x.name }}" + "{% endfor %}" * 12
    found = seen(prompt(loops, RICH), prompt(f"{loops}{{# #}}{{% if vip %}}{{% endif %}}", RICH))
    assert found.difference is None
    wide = {"type": "object", "properties": {f"p{n}": RICH for n in range(100)}}
    assert seen(prompt("a", wide), prompt("{% if p1 %}{% endif %}a", wide)).samples == 0  # too dear to be asked about
    node: dict[str, Any] = {"type": "object", "properties": {letter: {"$ref": "#"} for letter in "abcdefgh"}}
    assert seen(prompt("a", node), prompt("{% if a %}{% endif %}a", node)).samples > 0


def test_values_of_odd_schemas() -> None:
    values = Values({})
    assert values.of(False) == []
    assert values.of({"const": None}) == [None]
    assert values.of({"type": "string", "pattern": "^[0-9]{7}$"}) == []
    assert len(values.of(True)) > 10
    assert list(inputs(Space({}))) == [{}]
    assert list(inputs(Space({"a": [1]}, frozenset("a")))) == [{}, {"a": 1}]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Be brief.", "Be short.", "Be [-brief-]{+short+}."),
        ("a b c", "a c", "a [-b -]c"),
        ("one two three four", "one 2 3 four", "one [-two three-]{+2 3+} four"),
        ("same", "same", "same"),
        ("", "new", "{+new+}"),
        ("old\n", "", "[-old\n-]"),
        ("x\ny\n", "x\nz\n", "x\n[-y-]{+z+}\n"),
    ],
)
def test_words(old: str, new: str, expected: str) -> None:
    assert plain(words(old, new)) == expected


def test_words_make_up_both_texts_and_long_ones_are_cut() -> None:
    old = "\n".join(f"line {number} of many" for number in range(3_000))
    new = old.replace("line 1500 of", "line 1500 out of").replace("line 10 ", "row 10 ")
    parts = words(old, new)
    assert "".join(part.text for part in parts if part.kind in "=-") == old
    assert "".join(part.text for part in parts if part.kind in "=+") == new
    shown = plain(shortened(parts))
    assert len(shown) < 600
    assert "[-line-]{+row+} 10 of many" in shown
    assert "1500{+ out+} of" in shown
    hostile = words("a " * 50_000, "b a " * 50_000)
    assert "".join(part.text for part in hostile if part.kind in "=+") == "b a " * 50_000


@pytest.mark.parametrize(
    "schema",
    [
        *RICH["properties"].values(),
        {"type": "array", "items": {"$ref": "#/$defs/who"}, "minItems": 2},
        {"$ref": "#/properties/either"},
        {"$ref": "#/$defs/nowhere"},
        True,
        False,
        [],
    ],
)
def test_what_is_kept_for_other_prompts_is_what_would_be_made_up_anew(schema: object) -> None:
    for constants, keys in (((), ()), (("free", 3, "_shared/x.md"), ("id",))):
        anew = Values(RICH, constants, keys)
        expected = anew._found(schema)
        for _ in range(2):
            kept = Values(RICH, constants, keys)
            assert [dump(value) for value in kept.of(schema)] == [dump(value) for value in expected]
            # Nobody's answer depends on who asked before: the same work counts.
            assert kept._steps == anew._steps
    spent = Values(RICH, _steps=1)
    assert [dump(value) for value in spent.of(schema)] == [dump(v) for v in Values(RICH, _steps=1)._found(schema)]
