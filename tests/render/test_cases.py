"""The tables of tests/cases/render: what is refused, what is found where, what is rendered, what is equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from onbook.errors import InputError
from onbook.prompt import Message, Prompt
from onbook.render import Renderer, analyse, normal_form

CASES = Path(__file__).parents[1] / "cases" / "render"


def table(name: str) -> list[Any]:
    rows = yaml.load((CASES / f"{name}.yml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    return [pytest.param(row, id=f"{number}") for number, row in enumerate(rows, 1)]


def render(template: str, template_format: str, row: dict[str, Any]) -> str:
    prompt = Prompt(
        id="support/triage",
        path="prompts/support/triage.prompt.yml",
        messages=(Message("user", template),),
        template_format=template_format,
        partials=row.get("partials", {}),
    )
    return Renderer(prompt).messages(row.get("inputs", {}))[0]["content"]


@pytest.mark.parametrize("row", table("refused"))
def test_refused(row: dict[str, Any]) -> None:
    first = analyse(row["template"], "jinja2").problems[0]
    assert (first.code, f"{first.line}:{first.column}") == (row["code"], row["at"])
    assert row["names"] in first.message
    assert first.hint or first.code == "template-syntax"
    with pytest.raises(InputError):
        render(row["template"], "jinja2", {"inputs": {name: [] for name in "abcdexyln"}})
    assert normal_form(row["template"], "jinja2", {}) is None


@pytest.mark.parametrize("row", table("analyses"))
def test_analyses(row: dict[str, Any]) -> None:
    found = analyse(row["template"], row.get("format", "jinja2"))
    assert [f"{use.name}@{use.line}:{use.column}" for use in found.variables] == row["variables"]
    assert [f"{use.name}@{use.line}:{use.column}" for use in found.includes] == row.get("includes", [])
    assert [f"{p.code}@{p.line}:{p.column}" for p in found.problems] == row.get("problems", [])
    if "scopes" in row:
        assert [sorted(scope) for scope in found.scopes] == row["scopes"]
    lines = row["template"].split("\n")
    for use in (*found.variables, *found.includes):
        assert lines[use.line - 1][use.column - 1 :].startswith(use.name)


@pytest.mark.parametrize("row", table("rendered"))
def test_rendered(row: dict[str, Any]) -> None:
    if "error" not in row:
        assert render(row["template"], row.get("format", "jinja2"), row) == row["expected"]
        return
    with pytest.raises(InputError) as caught:
        render(row["template"], row.get("format", "jinja2"), row)
    assert row["error"] in str(caught.value)
    assert caught.value.place is not None


@pytest.mark.parametrize("row", table("equal"))
def test_normal_forms(row: dict[str, Any]) -> None:
    formats = row.get("formats", ["jinja2", "jinja2"])
    sides = list(zip((row["left"], row["right"]), formats, strict=True))
    left, right = (normal_form(text, kind, row.get("partials", {})) for text, kind in sides)
    assert left is not None
    assert right is not None
    assert (left == right) is row["equal"]
    if row["equal"]:
        first, second = (render(text, kind, row) for text, kind in sides)
        assert first == second
