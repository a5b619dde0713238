"""The bound that spares rendering and counting: no call that can be rendered ever exceeds it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from onbook import tokens
from onbook.call import Caller
from onbook.errors import InputError
from onbook.lint import lint
from onbook.project import Catalog
from onbook.prompt import Case, Example, Message, Prompt
from onbook.rules import sizes
from onbook.rules.sizes import _bound, _largest
from support.snapshots import files

ROOT = Path(__file__).parents[2]
PARTS = [
    "plain text, ", "{{ a }}", "{{ b }} {{ b }}", "{% for x in a %}{{ x }} and {{ b }}{% endfor %}", "é中",
    "{% for x in a %}{% for y in a %}word {{ y }}{% endfor %}{% endfor %}", "{% include '_shared/p.md' %}",
    "{% for x in c.list %}{{ x }}-{% endfor %}", "{% if a %}{{ c }}{% endif %}",
    "{% for x in a | reverse %}{{ a }}{% endfor %}",
    "{%- for x in b -%} {{ c }} {%- endfor -%}", "{% for x in a %}{% include '_shared/p.md' %}{% endfor %}",
]  # fmt: skip
PARTIALS = {
    "_shared/p.md": "{% for x in a %}tick {% endfor %}{{ c }}{% include '_shared/q.md' %}{% include '_shared/q.md' %}",
    "_shared/q.md": "The end of it all. {{ b }}",
}
VALUES = [
    "", "x", 'quo"te\n\\' * 5, "長い文" * 20, 3, ["a", "b"], ["c"] * 9, [["\x01" * 9], {"k": '"'}],
    {"list": list("abcdef")},
]  # fmt: skip


def bound(prompt: Prompt, cases: Sequence[Case]) -> int:
    said = [item.content for item in prompt.messages if isinstance(item, Message)]
    sent = "\n".join([*said, *prompt.partials.values()])
    return _bound(prompt, cases, sent, sent[sent.find("{") : sent.rfind("}") + 1])


def size(call: list[dict[str, str]]) -> int:
    return sum(tokens.at_most(message["content"]) for message in call)


def test_no_generated_call_exceeds_its_bound() -> None:
    dice = random.Random(5)
    rendered = 0
    for _ in range(1_200):
        texts = ["".join(dice.choices(PARTS, k=dice.randrange(1, 5))) for _ in range(2)]
        inputs = {name: dice.choice(VALUES) for name in "abc"}
        examples = (Example(dict.fromkeys("abc", dice.choice(VALUES)), "An answer."),) * dice.randrange(3)
        prompt = Prompt(
            "p", "prompts/p.prompt.yml", (Message("system", texts[0]), Message("user", texts[1])),
            template_format="jinja2", partials=PARTIALS, examples=examples,
        )  # fmt: skip
        try:
            call = Caller(prompt).render(inputs)
        except InputError:
            continue
        rendered += 1
        assert size(call) <= bound(prompt, [Case("one", inputs)]), (texts, inputs, examples)
    assert rendered > 60


def test_no_recorded_prompt_of_this_repository_exceeds_its_bound() -> None:
    paths = [path for path in sorted((ROOT / "prompts").rglob("*")) if path.is_file()]
    catalog = Catalog(files({path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths}))
    seen = 0
    for source in catalog.select(()):
        prompt = source.usable()
        for case in source.cases:
            seen += 1
            assert size(Caller(prompt).render(case.inputs)) <= bound(prompt, source.cases)
    assert seen > 80


def test_the_largest_call_is_the_one_with_the_most_tokens_not_bytes() -> None:
    prompt = Prompt("p", "prompts/p.prompt.yml", (Message("user", "{{text}}"),), model="openai/gpt-4o")
    cases = [Case(str(n), {"text": text}) for n, text in enumerate(["-" * 300, "a b c d e f g h " * 9, "short"])]
    found = _largest(prompt, cases, 10)
    assert found
    case, count = found
    assert case
    assert case.id == "1"
    assert count.tokens == tokens.count_messages([{"role": "user", "content": "a b c d e f g h " * 9}], "gpt-4o").tokens


def test_nothing_is_rendered_where_the_bound_suffices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one way to see that work was not done: whoever does it fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("rendered for nothing")

    monkeypatch.setattr(sizes, "_largest", refuse)
    text = "model: openai/gpt-4o-2024-11-20\nmetadata: {tokenBudget: 900}\nmessages: [{role: user, content: '{{a}}'}]\n"
    contents = {"prompts/a.prompt.yml": text, "prompts/a.cases.yml": "- {id: a, inputs: {a: Hi}}\n"}
    report = lint(Catalog(files(contents)))
    assert not [finding for finding in report.findings if finding.rule == "ON000"]


def test_rounds_of_loops_are_those_of_cases_and_examples() -> None:
    body = "a rule that is written for each of them, " * 30
    messages = (Message("user", f"{{% for x in a %}}{{{{ x }}}} {body}{{% endfor %}}"),)
    inputs = {"type": "object", "properties": {"a": {"type": "array"}}}
    many = Example({"a": ["item"] * 400}, "An answer.")
    prompt = Prompt("p", "p.prompt.yml", messages, template_format="jinja2", inputs=inputs, examples=(many,))
    few = Case("few", {"a": ["item"]})
    assert size(Caller(prompt).render(few.inputs)) <= bound(prompt, [few])
    # Without cases the inputs are empty, and nothing goes round but what is not known.
    assert bound(replace(prompt, examples=()), []) < 3 * len(body)
    shadowed = (Message("user", "{% for a in b %}{% for x in a %}{{ x }} {% endfor %}{% endfor %}"),)
    nested = Case("nested", {"a": [], "b": [list("abcdefgh")] * 50})
    prompt = Prompt("p", "p.prompt.yml", shadowed, template_format="jinja2")
    assert size(Caller(prompt).render(nested.inputs)) <= bound(prompt, [nested])
