"""What is told of a request that is not the recorded one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onbook.testing.misses import how_changed, what_changed
from onbook.testing.request import Request
from support.answers import GPT, request


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (request("other"), "message 1"),
        (Request(GPT, ({"role": "user", "content": "hello"},) * 3, {"temperature": 0}), "message 2, 3"),
        (replace(request(), parameters={"temperature": 1, "seed": 2}), "parameters (seed, temperature)"),
        (replace(request(), parameters={}), "parameters"),
        (replace(request("x"), response_format={"type": "json_object"}), "message 1, response_format"),
        (replace(request(), model="openai/x"), "model"),
    ],
)
def test_what_changed_in_a_request(new: Request, told: str) -> None:
    assert what_changed(request().canonical(), new.canonical()) == told


LONG = " ".join(f"word{number}" for number in range(40))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a b c d e f g", "a b c d X f g", 'message 1 ("... b c d e f g" is now "... b c d X f g")'),
        (LONG, LONG.replace("word20 ", ""), "message 1 (\"... word17 word18 word19 word20 word21 word22 word23 ...\" "
         'is now "... word17 word18 word19 word21 word22 word23 ...")'),
        ("a b", "a  b", "message 1 (white space)"),
        ("x" * 100, "y", f'message 1 ("{"x" * 37}..." is now "y")'),
        ("same", "same", "nothing"),
    ],
)  # fmt: skip
def test_what_changed_is_shown_with_its_old_and_new_words(old: str, new: str, told: str) -> None:
    one, other = ({"messages": [{"role": "user", "content": text}]} for text in (old, new))
    assert how_changed(one, other) == told


def test_parameters_and_messages_that_came_or_went() -> None:
    one = {"parameters": {"temperature": 0, "seed": 1}, "messages": [{"role": "user", "content": "a"}]}
    other = {"parameters": {"temperature": 1}, "messages": []}
    assert how_changed(one, other) == (
        'message 1 (gone: {"role": "user", "content": "a"}), '
        "parameters: seed (gone: 1), parameters: temperature (0 is now 1)"
    )
