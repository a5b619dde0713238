"""Patterns that are compiled late are the same patterns, and each of the package's own is one."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import onbook
from onbook import patterns
from onbook.patterns import later


def test_a_late_pattern_is_the_same_pattern() -> None:
    text = "one, Two, three"
    late, soon = later(r"(?P<word>t\w+)", re.IGNORECASE), re.compile(r"(?P<word>t\w+)", re.IGNORECASE)
    for _ in range(2):
        assert late.findall(text) == soon.findall(text) == ["Two", "three"]
        assert [match.span("word") for match in late.finditer(text)] == [
            match.span("word") for match in soon.finditer(text)
        ]
        assert late.sub("-", text) == "one, -, -"
    assert (late.pattern, late.flags, late.groups) == (soon.pattern, soon.flags, soon.groups)
    with pytest.raises(AttributeError):
        late.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_a_text_that_is_no_pattern_is_an_error_at_its_use() -> None:
    late = later("(")
    with pytest.raises(re.error):
        late.search("")


def test_each_of_our_own_is_a_pattern() -> None:
    found = 0
    root = Path(onbook.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if "import later" not in path.read_text("utf-8"):
            continue
        module = import_module(".".join(path.relative_to(root.parent).with_suffix("").parts))
        for value in vars(module).values():
            if isinstance(value, patterns._Later):
                assert re.compile(value.pattern)
                found += 1
    assert found > 10
