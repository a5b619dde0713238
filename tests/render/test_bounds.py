"""Hostile templates and inputs: always a problem or an InputError, never a crash and never without end."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from onbook.errors import InputError
from onbook.prompt import Message, Prompt
from onbook.render import Renderer, analyse, normal_form
from onbook.render.values import MAX_OUTPUT

HOSTILE = {
    "a megabyte of braces": "{{" * 500_000,
    "braces": "{{" * 100_000,
    "single braces": "{" * 200_000,
    "parentheses": "{{ " + "(" * 50_000,
    "closed parentheses": "{{ " + "(" * 400 + "x" + ")" * 400 + " }}",
    "lists": "{{ " + "[" * 10_000 + "]" * 10_000 + " }}",
    "not": "{{ " + "not " * 20_000 + "x }}",
    "minus": "{{ " + "-" * 20_000 + "x }}",
    "filters": "{{ x" + "|upper" * 400 + " }}",
    "items": "{{ x" + ".a" * 60_000 + " }}",
    "and": "{{ " + " and ".join(["a"] * 200) + " }}",
    "plus": "{{ " + "+".join(["a"] * 400) + " }}",
    "else": "{{ " + "a if b else " * 100 + "c }}",
    "if": "{% if a %}" * 20_000,
    "closed if": "{% if a %}" * 500 + "{% endif %}" * 500,
    "elif": "{% if a %}" + "{% elif a %}" * 1_000 + "{% endif %}",
    "many if": "{% if a %}{% endif %}" * 10_000,
    "for": "{% for a in b %}" * 21 + "{% endfor %}" * 21,
    "comments": "{#" * 100_000,
    "raw": "{% raw %}" * 20_000,
    "strings": "{{ 'a" * 40_000,
    "backslashes": "{{ '" + "\\" * 100_000 + "'",
    "digits": "{{ " + "1" * 10_000 + " }}",
    "hex digits": "{{ 0x" + "f" * 100_000 + " }}",
    "tags": "{%" * 100_000,
    "nul": "{{ a\x00 }}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_templates_are_problems(text: str) -> None:
    assert analyse(text, "jinja2").problems
    assert normal_form(text, "jinja2", {}) is None
    analyse(text, "simple")
    normal_form(text, "simple", {})


def test_the_verdict_does_not_depend_on_the_depth_of_the_stack() -> None:
    text = "{{ " + "(" * 16 + "x" + ")" * 16 + " }}" + "{% if a %}" * 16 + "{{ not not not x }}" + "{% endif %}" * 16

    def deeper(levels: int) -> Any:
        return analyse.__globals__["_analyse"].__wrapped__(text, "jinja2") if not levels else deeper(levels - 1)

    free = sys.getrecursionlimit() - 450
    assert deeper(0).problems == deeper(free - 200).problems == ()


def render(text: str, partials: dict[str, str] | None = None, **inputs: object) -> str:
    prompt = Prompt("a", "a.prompt.yml", (Message("user", text),), template_format="jinja2", partials=partials or {})
    return Renderer(prompt).messages(inputs)[0]["content"]


ROWS = list(range(1_000))
EXPLOSIONS: dict[str, tuple[str, dict[str, Any], str]] = {
    "nested loops": (
        "{% for a in l %}{% for b in l %}{% for c in l %}x{% endfor %}{% endfor %}{% endfor %}",
        {"l": ROWS},
        "loops",
    ),
    "empty loops": ("{% for a in l %}{% for b in l %}{% endfor %}{% endfor %}", {"l": ROWS}, "loops"),
    "long bodies": (
        "{% for a in l %}" + "{% if a %}{% endif %}" * 1_500 + "{% endfor %}",
        {"l": ROWS * 9},
        "too much work",
    ),
    "output": ("{% for a in l %}{{ x }}{% endfor %}", {"l": ROWS, "x": "x" * 10_000}, "grow beyond"),
    "one output": ("{{ x }}", {"x": "x" * (MAX_OUTPUT + 1)}, "grow beyond"),
    "json": ("{% for a in l %}{{ l }}{% endfor %}", {"l": ROWS * 3}, "grow beyond"),
    "indent": ("{{ x | indent(999999999) }}", {"x": "x"}, "too much text"),
    "indent of lines": ("{{ x | indent(99999) }}", {"x": "x\n" * 99}, "too much text"),
    "indents": ("{{ x" + " | indent(3, true)" * 20 + " }}", {"x": "\n" * 999_999 + "x"}, "too much text"),
    "join": ("{{ l | join('" + "x" * 9_999 + "') }}", {"l": ROWS}, "too much text"),
    "joins": ("{{ l | join(x | default('')) }}", {"l": ROWS, "x": "x"}, "not allowed"),
    "json of json": ("{{ x" + " | tojson" * 40 + " }}", {"x": '"'}, "too much text"),
    "indented json": ("{{ x | tojson(8) }}", {"x": [[[[[[[[ROWS] * 9] * 9]]]]]] * 9}, "too much text"),
    "deaf filters": (
        "{% for a in l %}{{ x | upper | length }}{% endfor %}",
        {"l": ROWS, "x": "x" * 99_999},
        "too much text",
    ),
    "comparison": (
        "{% for a in l %}{% if x == y %}{% endif %}{% endfor %}",
        {"l": ROWS, "x": [ROWS] * 9, "y": [ROWS] * 9},
        "work",
    ),
    "membership": (
        "{% for a in l %}{% if 'a' in x %}{% endif %}{% endfor %}",
        {"l": ROWS, "x": "x" * 3_000_000},
        "work",
    ),
}


@pytest.mark.parametrize(("text", "inputs", "says"), EXPLOSIONS.values(), ids=EXPLOSIONS)
def test_explosions_stop(text: str, inputs: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        render(text, **inputs)


def test_includes_are_counted() -> None:
    deep = {f"p{n}": f"{{% include 'p{n + 1}' %}}" for n in range(20)} | {"p20": "x"}
    with pytest.raises(InputError, match="nested deeper than 16"):
        render("{% include 'p0' %}", deep)
    wide = {f"p{n}": f"{{% include 'p{n + 1}' %}}" * 2 for n in range(12)} | {"p12": "x"}
    with pytest.raises(InputError, match="more than 1,000 includes"):
        render("{% include 'p0' %}", wide)
    assert normal_form("{% include 'p0' %}", "jinja2", deep) is None
    assert normal_form("{% include 'p0' %}", "jinja2", wide) is None
    cycle = {"p": "{% include 'p' %}"}
    assert normal_form("{% include 'p' %}", "jinja2", cycle) is None
    assert render("{% for a in l %}{% include 'p' %}{% endfor %}", {"p": "{{ a }}"}, l=[1] * 1_000) == "1" * 1_000


def test_what_is_just_within_the_bounds_is_rendered() -> None:
    assert render("{% for a in l %}{{ a }}{% endfor %}", l=["x"] * 100_000) == "x" * 100_000
    assert render("{{ x }}", x="x" * MAX_OUTPUT) == "x" * MAX_OUTPUT
    assert render("{% for a in l %}" * 16 + "x" + "{% endfor %}" * 16, l=[1]) == "x"
    assert render("{% if a %}" + "{% elif a %}" * 100 + "{% endif %}", a=0) == ""
    assert render("{% if " + " and ".join(["x"] * 60) + " %}y{% endif %}", x=1) == "y"
    assert render("{{ x }}" * 30_000, x="y") == "y" * 30_000
