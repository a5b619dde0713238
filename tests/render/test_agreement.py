"""Our rendering, analysis and fast path say what jinja2 itself says, on a seeded random lot of allowed templates."""

from __future__ import annotations

import json
import random

import pytest
from jinja2 import Environment, StrictUndefined, TemplateError, Undefined, meta

from onbook.errors import InputError
from onbook.prompt import Message, Prompt
from onbook.render import Renderer, analyse, normal_form
from onbook.render.template import pieces


def finalize(value: object) -> object:
    return value if isinstance(value, str | Undefined) else json.dumps(value, ensure_ascii=False)


OPTIONS = {"keep_trailing_newline": True, "trim_blocks": True, "lstrip_blocks": True}
JINJA = Environment(undefined=StrictUndefined, finalize=finalize, **OPTIONS)  # type: ignore[arg-type]
VALUES: dict[str, object] = {
    "a": "text\n{{ b }}",
    "b": [1, "x", None],
    "c": {"k": {"z": 1}, "b": [2]},
    "d": 0,
    "e": [[1, 2]],
    "f": "",
}
DATA = ["x", " ", "\n", "\n  ", "\t", "{ ", " }", "}}", "%}", "#}", "é", "\r\n", "- ", "\\", "'"]
NAMES = ["a", "b", "c", "d", "e", "f", "g", "i"]
EXPRESSIONS = [
    *NAMES, *NAMES, "'s'", "1", "c.k", "c['k'].z", "b[0]", "b|length", "a|upper", "a|trim|lower",
    "f|default('n', true)",
    "d == 0", "'x' in b", "a is string", "g is defined", "not d", "a and d", "d or f",
    "(a if d else f)", "b|first", "b|last",
]  # fmt: skip


def template(random: random.Random, depth: int = 0) -> str:
    parts = []
    for _ in range(random.randrange(1, 6)):
        kind = random.randrange(10 if depth < 3 else 6)
        open_, close = random.choice(["", "", "", "-"]), random.choice(["", "", "", "-"])
        expression = random.choice(EXPRESSIONS)
        if kind < 3:
            parts.append("".join(random.choices(DATA, k=random.randrange(4))))
        elif kind < 5:
            parts.append(f"{{{{{open_} {expression} {close}}}}}")
        elif kind == 5:
            parts.append("{# note #}")
        elif kind < 8:
            inner = template(random, depth + 1) + random.choice(["", "{% else %}" + template(random, depth + 1)])
            parts.append(f"{{%{open_} if {expression} {close}%}}{inner}{{% endif %}}")
        else:
            inner = template(random, depth + 1) + random.choice(["", "{{ loop.index }}", "{% else %}n"])
            parts.append(f"{{%{open_} for i in {random.choice('bbei')} {close}%}}{inner}{{% endfor %}}")
    return "".join(parts)


def ours(text: str) -> str | None:
    prompt = Prompt("a", "a.prompt.yml", (Message("user", text),), template_format="jinja2")
    try:
        return Renderer(prompt).messages(VALUES)[0]["content"]
    except InputError:
        return None


def theirs(text: str) -> str | None:
    try:
        return JINJA.from_string(text).render(VALUES)
    except (TemplateError, TypeError):
        return None


@pytest.mark.parametrize("seed", range(5))
def test_random_templates_agree_with_jinja2(seed: int) -> None:
    chosen = random.Random(seed)
    texts = [template(chosen) for _ in range(60)]
    rendered = 0
    for text in texts:
        found = analyse(text, "jinja2")
        assert found.problems == (), text
        assert {use.name for use in found.variables} == meta.find_undeclared_variables(JINJA.parse(text)), text
        assert ours(text) == theirs(text), text
        assert normal_form(text, "jinja2", {}) is not None
        rendered += ours(text) is not None
    assert rendered > 15


BRACES = [
    "{",
    "}",
    "{{",
    "}}",
    "{{ a }}",
    "{{b}}",
    "{{\n d\n}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{{ a",
    "-",
    "+",
    " ",
    "\n",
    "\r",
    "a",
    "{{ or }}",
    "{{ true }}",
]


@pytest.mark.parametrize("seed", range(5))
def test_the_fast_path_agrees_with_jinja2(seed: int) -> None:
    chosen = random.Random(seed)
    fast = 0
    for _ in range(300):
        text = "".join(chosen.choices(BRACES, k=chosen.randrange(1, 7)))
        if pieces(text, "jinja2") is None:
            continue
        fast += 1
        assert ours(text) == theirs(text), text
        names = {use.name for use in analyse(text, "jinja2").variables}
        assert names == meta.find_undeclared_variables(JINJA.parse(text)), text
    assert fast > 50


def test_equal_normal_forms_of_random_templates_render_equal_texts() -> None:
    chosen = random.Random(7)
    seen: dict[object, str | None] = {}
    equal = 0
    for _ in range(400):
        text = template(chosen, depth=3)
        form = normal_form(text, "jinja2", {})
        equal += form in seen
        assert seen.setdefault(form, theirs(text)) == theirs(text), text
    assert equal > 5


WRITTEN = [
    "{{ a }}",
    "{{ d }}",
    "{{ gone }}",
    "{{ c.k }}",
    "{% for i in b %}{{ i }}{% endfor %}",
    "{% include 'p.md' %}",
]
WRITTEN += ["{% if f %}{{ gone }}{% endif %}", "{% if d %}{{ a }}{% endif %}", "{{ a.k }}", "{{ c }}", "text\n"]


def test_a_check_refuses_in_the_words_of_a_rendering() -> None:
    chosen = random.Random(5)
    refused = 0
    for _ in range(150):
        texts = ["".join(chosen.choices(WRITTEN, k=chosen.randrange(1, 4))) for _ in range(2)]
        partials = {"p.md": chosen.choice(["{{ d }}", "{{ lost }}", "plain"])}
        messages = (Message("system", texts[0]), Message("user", texts[1]))
        renderer = Renderer(Prompt("a", "a.prompt.yml", messages, template_format="jinja2", partials=partials))
        told = []
        for attempt in (renderer.check, renderer.messages):
            try:
                attempt(VALUES)
                told.append(None)
            except InputError as error:
                told.append((error.message, error.place, error.hint))
        assert told[0] == told[1], texts
        refused += told[0] is not None and "gone" in told[0][0]
    assert refused > 30


def test_what_a_simple_template_writes_at_most_is_no_less_than_what_it_writes() -> None:
    chosen = random.Random(6)
    written = refused = 0
    for _ in range(300):
        text = "".join(chosen.choices(["{{a}}", "{{b}}", "{{c}}", "{{ a }}", "{{gone}}", "{{", "text\n"], k=3))
        renderer = Renderer(Prompt("a", "a.prompt.yml", (Message("user", text),)))
        most = renderer.most(VALUES)
        try:
            [message] = renderer.messages(VALUES)
        except InputError:
            assert most is None, text
            refused += 1
        else:
            assert most is not None, text
            assert most >= len(message["content"]), text
            written += 1
    assert written > 50
    assert refused > 50
