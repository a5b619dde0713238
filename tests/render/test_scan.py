"""What the scan proves of a template is what jinja2's parser finds in it, to the column."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys

import pytest

from onbook.errors import InputError
from onbook.prompt import Message, Prompt
from onbook.render import Renderer, analyse
from onbook.render.proof import most
from onbook.render.scan import MAX_OPEN, MAX_TAGS, outline, scan
from onbook.render.syntax import check
from onbook.rules import outside
from onbook.rules.outside import Taint

PIECES = [
    "{{ a }}",
    "{{b}}",
    "{{ c.key }}",
    "{{ a.b.c }}",
    "{{\n a\n}}",
    "{{ loop.index }}",
    "{{ a.items }}",
    "{{ x }}",
    "{{ y }}",
    "{% if a %}",
    "{% if not a and b == 'not c' %}",
    '{% if a.b != "x" or c %}',
    "{%if a%}",
    "{% elif b %}",
    "{% elif a and not b %}",
    "{% else %}",
    "{% endif %}",
    "{% endfor %}",
    "{% for x in a %}",
    "{% for x, y in b.pairs %}",
    "{% for a in a %}",
    "{% for x in x %}",
    "{% include '_shared/a.md' %}",
    '{% include "b" %}',
    "text",
    " ",
    "\n",
    "}}",
    "%}",
    "#}",
    "{ ",
    "é\u2028",
    "'",
    "\t{",
    "{% if a\n== 'b' %}",
]
ODD = [
    "{{",
    "{%",
    "{#",
    "{# {{ a }} #}",
    "{{ }}",
    "{{ a",
    "{% if %}",
    "{% if a",
    "{{- a -}}",
    "{% raw %}{{ a }}{% endraw %}",
    "{{ not }}",
    "{{ a.not }}",
    "{{ self }}",
    "{{ a._x }}",
    "{{ a() }}",
    "{{ a|upper }}",
    "{{ a + b }}",
    "{% set a = b %}",
    "{% for loop in a %}",
    "{% for x, x in a %}",
    "{% for x in a if x %}",
    "{% for x in a recursive %}",
    "{% if a == b %}",
    "{% if a is defined %}",
    "{% include a %}",
    "{% include '../a' %}",
    "{% include '/a' %}",
    "{% include 'a//b' %}",
    "{% include 'a' ignore missing %}",
    "{% if a == 'it\\'s' %}",
    "{% if a and %}",
    "{% if not not a %}",
    "{% if none %}",
    "{% if a.true %}",
    "{% elif %}",
    "{% endfo %}",
    "{% else if a %}",
    "{{ é }}",
    "{{ a }}}",
    "{{{ a }}",
    "{{ a }} }}",
    "{% if 'a' %}",
    "{% if a=='b' %}",
    "{% if a =='b'or c %}",
    "{% if nota %}",
    "{% if notin and b %}",
    "{% if a andb %}",
]


def random_template(dice: random.Random, odd: float) -> str:
    """Blocks mostly closed as they should be, sometimes not."""
    found: list[str] = []
    closing: list[str] = []
    for _ in range(dice.randint(1, 12)):
        piece = dice.choice(ODD if dice.random() < odd else PIECES)
        if piece.startswith(("{% else", "{% elif", "{% end")) and dice.random() > odd:
            piece = closing.pop() if closing else "-"
        if piece.startswith(("{% if", "{%if")):
            closing.append("{% endif %}")
        elif piece.startswith("{% for"):
            closing.append("{% endfor %}")
        found.append(piece)
    return "".join(found + (closing[::-1] if dice.random() > odd else []))


@pytest.mark.parametrize("odd", [0.0, 0.05, 0.5])
def test_the_scan_says_what_the_parser_says(odd: float) -> None:
    dice = random.Random(20_261_121)
    proved = 0
    for _ in range(1500):
        text = random_template(dice, odd)
        found = scan(text)
        if found is not None:
            proved += 1
            assert found == check(text).template, text
    # Most of what is plain is proved, or the scan would be of no use.
    assert proved > {0.0: 1000, 0.05: 700, 0.5: 50}[odd]


@pytest.mark.parametrize("text", ODD)
def test_what_is_odd_is_the_parsers(text: str) -> None:
    found = scan(text)
    assert found is None or found == check(text).template


@pytest.mark.parametrize(
    "text",
    [
        "{% if a %}" * (MAX_OPEN + 1) + "{% endif %}" * (MAX_OPEN + 1),
        "{{ a }}" * (MAX_TAGS + 1),
        "{% if a %}" + "{% elif a %}" * 200 + "{% endif %}",
        "{% if " + " and ".join(["a"] * 50) + " %}{% endif %}",
        "{% include '" + "a" * 2000 + "' %}",
        "{{ a" + ".b" * 50 + " }}",
    ],
)
def test_what_comes_near_a_bound_is_the_parsers(text: str) -> None:
    assert scan(text) is None
    assert analyse(text, "jinja2") == check(text).template


@pytest.mark.parametrize(
    "text", ["{{ a " * 40_000, "{% if " + "a " * 60_000, "{% include '" + "a/" * 60_000, "{{ " + " " * 200_000]
)
def test_hostile_text_is_left_at_once(text: str) -> None:
    assert scan(text) is None


TAINTS = (
    {"a": frozenset({()})},
    {"a": frozenset({("b",), ("items", "c")}), "c": frozenset({("key",)})},
    {"b": frozenset({("pairs",)}), "x": frozenset({()})},
)


def test_outside_text_is_followed_through_the_outline_as_through_the_syntax_tree() -> None:
    dice = random.Random(20_261_121)
    compared = 0
    for _ in range(1500):
        text = random_template(dice, 0.02)
        nodes, tree = outline(text), check(text).tree
        if nodes is None or tree is None:
            continue
        for taints in TAINTS:
            tainted = {name: Taint(name, paths) for name, paths in taints.items()}
            found = list(outside._outlined(nodes, tainted))
            assert found == list(outside._Flow().body(tree.body, tainted)), text
            compared += bool(found)
    assert compared > 1000


VALUES: tuple[object, ...] = (
    *("", "b", "some text", 0, -1.5, True, None, [], {}, [1, "x", None], [["p", 1], ["q", {}]]),
    *({"key": "k"}, {"b": {"c": [1]}}, {"items": [1, 2], "b": "x", "pairs": [[1, 2]]}, [{"key": 1}]),
)
PARTIALS = {"_shared/a.md": "{{ a }}{% if x %}{{ x }}{% endif %}", "b": "{% for x in a %}{{ x }}{% endfor %}text"}


def test_what_is_proved_to_render_renders_and_is_no_longer() -> None:
    dice = random.Random(20_261_121)
    proved = 0
    for _ in range(3000):
        text = random_template(dice, 0.02)
        values = {name: dice.choice(VALUES) for name in "abcxy" if dice.random() > 0.1}
        bound = most(text, values, PARTIALS)
        if bound is None:
            continue
        proved += 1
        message = Message(role="user", content=text)
        prompt = Prompt(
            id="a", path="prompts/a.prompt.yml", messages=(message,), template_format="jinja2", partials=PARTIALS
        )
        rendered = Renderer(prompt).messages(values)
        assert sum(len(each["content"]) for each in rendered) <= bound, text
    assert proved > 500


def test_what_a_template_writes_at_most_if_it_renders_is_enough() -> None:
    dice = random.Random(20_261_122)
    bounded = 0
    for _ in range(3000):
        text = random_template(dice, 0.02)
        values = {name: dice.choice(VALUES) for name in "abcxy" if dice.random() > 0.2}
        bound = most(text, values, PARTIALS, if_any=True)
        if bound is None:
            continue
        message = Message(role="user", content=text)
        prompt = Prompt(
            id="a", path="prompts/a.prompt.yml", messages=(message,), template_format="jinja2", partials=PARTIALS
        )
        with contextlib.suppress(InputError):
            assert len(Renderer(prompt).messages(values)[0]["content"]) <= bound, text
            bounded += 1
    assert bounded > 500


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{{ a }}", {}),
        ("{{ a.b }}", {"a": {}}),
        ("{{ a.b }}", {"a": "b"}),
        ("{% for x in a %}{% endfor %}", {"a": None}),
        ("{% for x in a %}{{ x.b }}{% endfor %}", {"a": [{"b": 1}, {}]}),
        ("{% if a %}{{ b }}{% endif %}", {"a": False}),
        ("{% include 'c' %}", {}),
        ("{% include 'circle' %}", {}),
        ("{% for x in a %}{% for y in a %}{{ y }}{% endfor %}{% endfor %}", {"a": ["x"] * 200}),
        ("{% for x in a %}{{ b }}{% endfor %}", {"a": ["x"] * 100, "b": "y" * 50_000}),
    ],
)
def test_what_may_fail_or_grow_is_not_proved(text: str, values: dict[str, object]) -> None:
    assert most(text, values, {"circle": "{% include 'circle' %}"}) is None


def test_what_is_checked_fails_as_what_is_rendered() -> None:
    message = Message(role="user", content="{% if a %}{{ b }}{% endif %}")
    prompt = Prompt(id="a", path="prompts/a.prompt.yml", messages=(message,), template_format="jinja2")
    Renderer(prompt).check({"a": ""})
    with pytest.raises(InputError) as rendered:
        Renderer(prompt).messages({"a": 1})
    with pytest.raises(InputError) as checked:
        Renderer(prompt).check({"a": 1})
    assert str(checked.value) == str(rendered.value)


def test_what_is_proved_needs_no_parser() -> None:
    code = (
        "import sys; from onbook.render import analyse\n"
        "found = analyse('{% if a %}{{ b }}{% endif %}{% include \"_shared/a.md\" %}', 'jinja2')\n"
        "assert [use.name for use in (*found.variables, *found.includes)] == ['a', 'b', '_shared/a.md'], found\n"
        "assert 'jinja2' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
