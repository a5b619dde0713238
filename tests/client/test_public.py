"""What ``import onbook`` offers is there for people to find, and says what it is."""

from __future__ import annotations

import inspect
import pydoc
import re

import pytest

import onbook


@pytest.mark.parametrize("name", onbook.__all__)
def test_a_public_name_says_what_it_is(name: str) -> None:
    found = getattr(onbook, name)
    assert name in dir(onbook)
    assert inspect.getdoc(found)
    if isinstance(found, type):
        methods = {each: what for each, what in vars(found).items() if not each.startswith("_")}
        undocumented = [each for each, what in methods.items() if callable(what) and not inspect.getdoc(what)]
        assert not undocumented


def test_help_shows_the_library() -> None:
    told = pydoc.plain(pydoc.render_doc(onbook))
    for wanted in ("class Book", "class LoadedPrompt", "class OnbookError", "Raises:"):
        assert wanted in told
    assert re.search(r"^ *open\(\s*source", told, re.MULTILINE)  # later Pythons break a long line there


def test_what_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Lock'"):
        _ = onbook.Lock
