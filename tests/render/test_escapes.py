"""Known escapes from template sandboxes, one by one: cases/render/escapes.yml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from onbook.errors import InputError
from onbook.prompt import Message, Prompt
from onbook.render import Renderer, analyse

ROWS = yaml.load((Path(__file__).parents[1] / "cases" / "render" / "escapes.yml").read_text("utf-8"), yaml.CSafeLoader)

# What is compiled while something listens. A hook cannot be taken away again, so there is one for all tests.
_listening: list[list[str]] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _listening and event in ("compile", "exec", "os.system", "subprocess.Popen", "open"):
        _listening[-1].append(f"{event} {args!r}"[:200])


sys.addaudithook(_hook)


def rendered(template: str, inputs: dict[str, Any]) -> tuple[list[str], str | None]:
    """What Python was made to compile, run or open, and the message; None where it was refused."""
    prompt = Prompt("a", "a.prompt.yml", (Message("user", template),), template_format="jinja2")
    events: list[str] = []
    _listening.append(events)
    try:
        text = Renderer(prompt).messages(inputs)[0]["content"]
    except InputError:
        return events, None
    finally:
        _listening.pop()
    return events, text


def test_what_runs_would_be_heard() -> None:
    rendered("{{ x | upper }}", {"x": "a"})  # imports what it needs
    events, text = rendered("{{ x | lower }}!", {"x": "A"})
    assert text == "a!"
    assert any(event.startswith("compile") for event in events)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["template"][:40])
def test_an_escape_is_refused_before_anything_runs(row: dict[str, Any]) -> None:
    problems = analyse(row["template"], "jinja2").problems
    assert bool(problems) is not row.get("rendered", False), row["advisory"]
    events, text = rendered(row["template"], {"x": {"a": 1}})
    assert text is None
    assert not problems or events == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["template"][:40])
def test_in_the_simple_format_it_is_text(row: dict[str, Any]) -> None:
    prompt = Prompt("a", "a.prompt.yml", (Message("user", f"say {row['template']}"),))
    assert Renderer(prompt).messages({})[0]["content"] == f"say {row['template']}"
