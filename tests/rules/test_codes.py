"""Every problem that a reader can tell belongs to exactly one rule: none is lost, none is told twice."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import onbook
from onbook.rules import all_rules

READERS = ("formats", "project", "render", "testing", "waivers", "rules/waivers", "lint/environments")
# What makes a problem, directly or by a detour; a code is the only argument of theirs that is spelt so.
MAKERS = {"Problem", "TemplateProblem", "PlacedError", "Flaw", "note", "_report", "complain", "_take", "_RowError"}
MAKERS |= {"problem"}
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


def emitted() -> set[str]:
    package = Path(onbook.__file__).parent
    return {
        code
        for folder in READERS
        for path in sorted([*(package / folder).rglob("*.py"), package / f"{folder}.py"])
        if path.is_file()
        for code in _codes(ast.parse(path.read_text("utf-8")))
    }


def _codes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in MAKERS:
                yield from _constants([*node.args, *(key.value for key in node.keywords if key.arg == "code")])
            case ast.Assign(targets=[ast.Name(id="code")]):
                yield from _constants([node.value])
            case ast.arguments():
                named = [*node.args, *node.kwonlyargs]
                defaults = [*([None] * (len(node.args) - len(node.defaults))), *node.defaults, *node.kw_defaults]
                for argument, default in zip(named, defaults, strict=True):
                    if argument.arg == "code" and default is not None:
                        yield from _constants([default])


def _constants(values: list[ast.expr]) -> Iterator[str]:
    for value in values:
        match value:
            case ast.Constant(value=str(text)) if CODE.fullmatch(text):
                yield text
            case ast.IfExp():
                yield from _constants([value.body, value.orelse])


def test_the_codes_are_found_in_the_sources() -> None:
    found = emitted()
    assert {"yaml-number", "yaml-tag", "wrong-shape", "row-syntax", "file-size", "not-a-file"} <= found
    assert {"ref-url", "template-too-complex", "dynamic-include", "include-cycle", "recording-clash"} <= found
    assert len(found) >= 40


def test_every_code_belongs_to_exactly_one_rule() -> None:
    owners = Counter(code for rule in all_rules().values() for code in rule.codes)
    assert set(owners) == emitted()
    assert set(owners.values()) == {1}
