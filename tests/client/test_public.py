"""What ``import onbook`` offers is there for people to find, and says what it is."""

from __future__ import annotations

import inspect
import pydoc
import re
from pathlib import Path
from typing import Any

import pytest

import onbook
from support.git import PROMPT, new_repo
from support.remotes import ID


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


def test_slips_of_a_caller_are_told_what_was_meant(tmp_path: Path) -> None:
    repo = new_repo(tmp_path / "repo")
    repo.commit({f"prompts/{ID}.prompt.yml": PROMPT})
    book = onbook.open(repo.path, at="worktree")
    prompt: Any = book.get(ID)
    for call in (prompt.render, prompt.request, prompt.openai_request):
        for given in ({"ticket": "x"}, "x"):
            with pytest.raises(onbook.InputError, match=r"inputs are given by name") as caught:
                call(given)
            assert "render(**inputs)" in str(caught.value.hint)
    remote: Any = onbook.open(repo.path, cache=tmp_path / "cache")
    for request in (1.4, None):
        with pytest.raises(onbook.UsageError, match="is not a version or a range"):
            remote.get(ID, request)
    with pytest.raises(onbook.UsageError, match="env='production'"):
        remote.get(ID, "production")
    with pytest.raises(onbook.UsageError, match="None is no legal prompt id"):
        remote.get(None)
