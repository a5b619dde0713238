"""--fix: one right answer, nothing else touched, nothing made worse."""

from __future__ import annotations

from datetime import date

import pytest

from onbook.lint.fixes import fixes, rewritten
from onbook.project import Catalog
from support.snapshots import files

HEAD = "inputs: {type: object, properties: {ticket: {type: string}, plan: {type: string}}}\n"


def fixed(text: str, config: str = "", **beside: str) -> str:
    """The prompt's text once everything was mended that can be."""
    contents = {"prompts/a.prompt.yml": text, "onbook.toml": config, **beside}
    found = fixes(Catalog(files(contents)), today=date(2027, 1, 1))
    return {fix.path: fix.raw.decode() for fix in found}.get("prompts/a.prompt.yml", text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "modelParameter: # one\n    temperature:   0 # two\nmessages: [{role: user, content: hi}]\n",
            "modelParameters: # one\n    temperature:   0 # two\nmessages: [{role: user, content: hi}]\n",
        ),
        ("mesages: [{role: user, content: hi}]\n", "messages: [{role: user, content: hi}]\n"),
        (
            HEAD + "messages: [{role: user, content: '{{tiket}} {plan} {{plan}}'}]\n",
            HEAD + "messages: [{role: user, content: '{{ticket}} {plan} {{plan}}'}]\n",
        ),
        (
            HEAD + "messages:\n  - role: user\n    content: |\n      {{ ticket }}\n      ${plan} x\n",
            HEAD + "messages:\n  - role: user\n    content: |\n      {{ticket}}\n      {{plan}} x\n",
        ),
        (
            "inputs: {type: object, propertes: {a: {}}}\nmessages: [{role: user, content: '{{a}}'}]\n",
            "inputs: {type: object, properties: {a: {}}}\nmessages: [{role: user, content: '{{a}}'}]\n",
        ),
        (
            "modelParameters:\n  max_tokens: 300 # short\n  top_p: 1\nmessages: [{role: user, content: hi}]\n",
            "modelParameters:\n  maxTokens: 300 # short\n  topP: 1\nmessages: [{role: user, content: hi}]\n",
        ),
        # A key that is mended lets the next one be seen.
        (
            HEAD + "metadta: {ownr: ann}\nmessages: [{role: user, content: '{{tiket}}{{plan}}'}]\n",
            HEAD + "metadata: {owner: ann}\nmessages: [{role: user, content: '{{ticket}}{{plan}}'}]\n",
        ),
    ],
)
def test_what_has_one_right_answer(before: str, after: str) -> None:
    assert fixed(before) == after
    assert fixed(after) == after


@pytest.mark.parametrize(
    "text",
    [
        # The right key is there already.
        "model: x\nmodle: y\nmessages: [{role: user, content: hi}]\n",
        # Nothing is near, or two are.
        "zzz: 1\nmessages: [{role: user, content: hi}]\n",
        # What it holds has another shape than the right key's value.
        "modelParameter: 3\nmessages: [{role: user, content: hi}]\n",
        # The input is used elsewhere: which was meant?
        HEAD + "messages: [{role: user, content: '{{tiket}} {{ticket}} {{plan}}'}]\n",
        # Two misspelt names for one input.
        HEAD + "messages: [{role: user, content: '{{tiket}} {{tickt}} {{plan}}'}]\n",
        # Literal braces that no input is named by.
        "messages: [{role: user, content: '{{ name }}'}]\n",
        # A folded text has no places within.
        HEAD + "messages:\n  - role: user\n    content: >\n      one\n      {{tiket}} {{plan}}\n",
    ],
)
def test_what_has_more_than_one_is_left(text: str) -> None:
    assert fixed(text) == text


def test_a_rule_that_is_off_or_waived_mends_nothing() -> None:
    text = "descripton: x\nmessages: [{role: user, content: hi}]\n"
    assert fixed(text) != text
    assert fixed(text, 'lint = {ignore = ["ON103"]}') == text
    assert fixed(text, 'waivers = [{rule = "ON103", until = 2027-03-01, reason = "x"}]') == text


def test_partials_of_several_prompts_are_left() -> None:
    text = f"templateFormat: jinja2\n{HEAD}messages: [{{role: user, content: \"{{% include '_shared/x.md' %}}\"}}]\n"
    found = fixes(Catalog(files({"prompts/a.prompt.yml": text, "prompts/_shared/x.md": "{{ tiket }} {{ plan }}"})))
    assert found == []


def test_line_ends_and_the_byte_order_mark_stay() -> None:
    git = "\ufeffdescripton: x\nmessages: [{role: user, content: hi}]\n".encode()
    [fix] = fixes(Catalog(files({"prompts/a.prompt.yml": git})))
    disk = git.replace(b"\n", b"\r\n")
    assert rewritten(disk, fix) == disk.replace(b"descripton", b"description")
    assert rewritten(disk.replace(b"hi", b"ho"), fix) is None
    assert rewritten(b"", fix) is None
