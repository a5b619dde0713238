"""A template in pieces."""

from __future__ import annotations

import pytest

from onbook.site.marks import MAX_TEXT, cut, marked

CASES = [
    ("simple", "Sort {{ticket}}!", [("text", "Sort "), ("variable", "{{ticket}}"), ("text", "!")]),
    ("simple", "{{ ticket }} {% if x %}", [("text", "{{ ticket }} {% if x %}")]),
    ("jinja2", "a {{ ticket | upper }}", [("text", "a "), ("variable", "{{ ticket | upper }}")]),
    ("jinja2", "{{ mail }}", [("untrusted", "{{ mail }}")]),
    ("jinja2", "{# no #}{% for x in mail %}{{ x }}{% endfor %}",
     [("comment", "{# no #}"), ("tag", "{% for x in mail %}"), ("variable", "{{ x }}"), ("tag", "{% endfor %}")]),
    ("jinja2", "{{ open", [("text", "{{ open")]),
    ("jinja2", "{{ a {% if b %}", [("text", "{{ a "), ("tag", "{% if b %}")]),
    ("simple", "{{mail}}", [("untrusted", "{{mail}}")]),
    ("jinja2", "", []),
]  # fmt: skip


@pytest.mark.parametrize(("template_format", "text", "pieces"), CASES)
def test_pieces(template_format: str, text: str, pieces: list[tuple[str, str]]) -> None:
    found = marked(text, template_format, {"mail"})
    assert [(mark.kind, mark.text) for mark in found] == pieces


@pytest.mark.parametrize(
    "text", ["{{" * 20_000, "{%{#{{" * 7_000, "{{a}}" * 8_000, "{{ a" + "}" * 39_000, "x" * 500_000]
)
@pytest.mark.parametrize("template_format", ["simple", "jinja2"])
def test_hostile_text_is_shown_as_far_as_it_is_shown(text: str, template_format: str) -> None:
    assert "".join(mark.text for mark in marked(text, template_format)) == cut(text)


def test_long_text_says_that_it_goes_on() -> None:
    assert cut("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert cut("x" * (MAX_TEXT + 1234)).endswith("\n[and 1,234 characters more]")
