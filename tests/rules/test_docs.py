"""What a rule says of itself: the parts of its documentation, and examples that are true."""

from __future__ import annotations

import inspect
import re

import pytest

from onbook.lint import lint
from onbook.project import Catalog
from onbook.rules import all_rules
from support.snapshots import files

PARTS = ("**Why it matters**", "**Bad**", "**Good**", "**When to waive**")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"^# file: (.+)\n", re.MULTILINE)


def doc(rule: str) -> str:
    return inspect.cleandoc(all_rules()[rule].__doc__ or "")


def example(rule: str, part: str) -> tuple[str, str]:
    """The language and the text of one part's example."""
    found = BLOCK.search(doc(rule), doc(rule).index(part))
    assert found
    return found[1], found[2]


def found_in(rule: str, text: str) -> list[str]:
    """What the rule finds in an example: one prompt file, or several after lines such as ``# file: PATH``."""
    pieces = FILE.split(text)
    contents = dict(zip(pieces[1::2], pieces[2::2], strict=True)) or {"prompts/a.prompt.yml": text}
    if not all_rules()[rule].default:
        contents["onbook.toml"] = f'lint = {{select = ["{rule}"]}}'
    return [finding.message for finding in lint(Catalog(files(contents))).findings if finding.rule == rule]


@pytest.mark.parametrize("rule", sorted(all_rules()))
def test_the_documentation_has_its_parts_in_order(rule: str) -> None:
    places = [doc(rule).find(part) for part in PARTS]
    assert places == sorted(places)
    assert places[0] > 0
    summary = doc(rule).partition("\n")[0]
    assert summary.endswith(".")
    for part, end in zip(PARTS, [*places[1:], None], strict=True):
        assert len(doc(rule)[doc(rule).index(part) + len(part) : end].strip()) > 5


@pytest.mark.parametrize("rule", sorted(all_rules()))
def test_the_examples_are_true(rule: str) -> None:
    language, bad = example(rule, "**Bad**")
    _, good = example(rule, "**Good**")
    if language != "text":
        assert found_in(rule, bad)
        assert not found_in(rule, good)
        assert not lint(Catalog(files({}))).findings


def test_ids_and_slugs_are_unique_and_well_formed() -> None:
    rules = all_rules().values()
    assert len({rule.slug for rule in rules}) == len(rules)
    for rule in rules:
        assert re.fullmatch(r"ON[1-9][0-9]{2}", rule.id)
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.slug)


def test_an_id_tells_the_theme() -> None:
    modules: dict[str, set[str]] = {}
    for rule in all_rules().values():
        modules.setdefault(type(rule).__module__, set()).add(rule.id[2])
    assert {name: len(themes) for name, themes in modules.items()} == dict.fromkeys(modules, 1)
