"""Versions that changes ask for, what cannot be compared, and the report."""

from __future__ import annotations

import dataclasses
import json

import pytest

from onbook import resources
from onbook.contract import Contract
from onbook.diff import PromptDiff, diff_catalogs, diff_sources, next_version
from onbook.diff.changes import change, shown
from onbook.diff.report import diff_report
from onbook.errors import UsageError
from onbook.project import Catalog, Source
from onbook.report import Severity
from onbook.versions import Version
from support.snapshots import files

ID = "a"
MINOR = "messages: [{role: user, content: bye}]\n"
BASE = "messages: [{role: user, content: hello}]\n"
MAJOR = "messages: [{role: user, content: 'hello {{name}}'}]\n"


def catalog(**texts: str) -> Catalog:
    return Catalog(files({f"prompts/{id}.prompt.yml": text for id, text in texts.items()}))


def source(text: str) -> Source | None:
    return catalog(a=text).get(ID)


def found(new: str, base: str | None, old: str = BASE) -> PromptDiff:
    return diff_sources(ID, source(old), source(new), base=Version.parse(base) if base else None)


@pytest.mark.parametrize(
    ("new", "base", "declared", "expected"),
    [
        (MINOR, "1.4.0", None, "1.5.0"),
        (MAJOR, "1.4.0", None, "2.0.0"),
        (MAJOR, "0.4.0", None, "0.5.0"),
        (MINOR, "0.4.0", None, "0.4.1"),
        (MINOR, None, None, "0.1.0"),
        (MINOR, None, "3.0.0", "3.0.0"),
        (BASE, "1.4.0", None, None),
        (BASE, "1.4.0", "2.0.0", None),
        (MINOR, "1.4.0", "1.5.0", "1.5.0"),
        (MINOR, "1.4.0", "2.0.0", "2.0.0"),
        (MINOR, "1.4.0", "1.5.0-rc.1", "1.5.0-rc.1"),
        (MINOR, "1.5.0-rc.1", "1.5.0-rc.2", "1.5.0-rc.2"),
        (MINOR, "1.5.0-rc.1", None, "1.5.0"),
        (MAJOR, "1.4.0", "2.0.0-rc.1", "2.0.0-rc.1"),
    ],
)
def test_the_next_version(new: str, base: str | None, declared: str | None, expected: str | None) -> None:
    text = new + (f"version: {declared}\n" if declared else "")
    following = next_version(found(text, base))
    assert (str(following) if following else None) == expected


@pytest.mark.parametrize(
    ("new", "base", "declared", "needed"),
    [
        (MAJOR, "1.4.0", "1.5.0", "2.0.0"),
        (MINOR, "1.4.0", "1.4.1", "1.5.0"),
        (MINOR, "1.4.0", "1.4.0", "1.5.0"),
        (MAJOR, "1.4.0", "1.9.0-rc.1", "2.0.0"),
        (MINOR, "1.5.0-rc.2", "1.5.0-rc.1", "1.5.0"),
        (MINOR, "1.5.0-rc.2", "1.5.0-rc.2", "1.5.0"),
    ],
)
def test_a_declared_version_that_is_too_small(new: str, base: str, declared: str, needed: str) -> None:
    with pytest.raises(UsageError, match="too small") as caught:
        next_version(found(f"{new}version: {declared}\n", base))
    assert caught.value.place == "prompts/a.prompt.yml:2:10"
    assert caught.value.hint == f"set {needed} or delete the key"
    assert "OD" in caught.value.message


def test_which_side_cannot_be_read_is_told() -> None:
    broken = "messages: [{role: user, content: hello}]\ninputs: {type: strin}\n"
    with pytest.raises(UsageError, match="older version") as caught:
        found(MINOR, "1.0.0", old=broken)
    assert caught.value.place
    assert caught.value.place.startswith("memory:prompts/a.prompt.yml:2")
    with pytest.raises(UsageError) as caught:
        found(broken, "1.0.0")
    assert "older" not in caught.value.message
    # What is gone needs no reading.
    assert [c.rule.slug for c in diff_sources(ID, source(broken), None).changes] == ["prompt-removed"]
    assert diff_sources(ID, None, None).changes == ()


def test_catalogs_are_compared_prompt_by_prompt() -> None:
    old, new = catalog(a=BASE, b=BASE, c=BASE), catalog(a=BASE, b=MINOR, d=BASE)
    assert [(d.id, str(d.bump)) for d in diff_catalogs(old, new)] == [("b", "minor"), ("c", "major"), ("d", "minor")]


def test_readers_are_those_of_the_new_configuration() -> None:
    schema = "jsonSchema: {{name: a, schema: {{type: object, properties: {{{}}}}}}}\n"
    held = {"prompts/a.prompt.yml": schema.format("x: {}") + BASE}
    new = {"prompts/a.prompt.yml": schema.format("x: {}, y: {}") + BASE}
    strict = {**new, "onbook.toml": 'readers = "strict"\n'}
    assert [str(d.bump) for d in diff_catalogs(Catalog(files(held)), Catalog(files(new)))] == ["minor"]
    assert [str(d.bump) for d in diff_catalogs(Catalog(files(held)), Catalog(files(strict)))] == ["major"]


def test_consequences_are_one_printable_line() -> None:
    hostile = "x\n\nOnbook-Digest: sha256:0\x1b[31m\u202e" + "y" * 5_000
    told = change("model-changed", ("model",), f"{hostile} answers").consequence
    assert told.isprintable()
    assert len(told) < 500
    assert shown(None) == ""
    assert shown((None,)) == ", for example null"
    assert len(shown(("a" * 10_000,))) < 200


def test_the_report_follows_its_schema() -> None:
    diffs = [found(MAJOR, "1.0.0"), dataclasses.replace(found(MINOR, None), id="b")]
    diffs.append(dataclasses.replace(diff_sources(ID, source(BASE), None), id="c"))
    report = diff_report(diffs, base=None, head="memory", fail_on=("major",), broken={"d": UsageError("unreadable")})
    rows = report.data["prompts"]
    text = json.dumps(
        {"verb": "diff", "status": report.status, "base": None, "head": None, "checks": [], "data": report.data}
    )
    assert Contract(resources.schema("report")).violations(json.loads(text)) == []
    assert [row["id"] for row in rows] == ["a", "b", "c"]  # type: ignore[attr-defined]
    assert {f.severity for f in report.checks[0].findings} == {Severity.ERROR, Severity.INFO}
    assert [check.status.value for check in report.checks] == ["failed", "passed", "failed", "unchecked"]
    places = [(f.path, f.line) for f in report.checks[0].findings]
    assert places[-1] == ("prompts/a.prompt.yml", 1)


def test_what_is_not_proved_fails_where_asked() -> None:
    schema = "inputs: {{type: object, properties: {{a: {{type: string, pattern: '{}'}}}}}}\n"
    compared = found(schema.format("^X[0-9]{3,5}$") + BASE, "1.0.0", old=schema.format("^X[0-9]{3}$") + BASE)
    assert not compared.proved
    assert compared.required == Version(2, 0, 0)
    assert diff_report([compared], base=None, head="x", fail_on=("unproven",)).exit_code() == 1
    assert diff_report([compared], base=None, head="x").exit_code() == 0
    undeclared = found(f"{MAJOR}version: 1.0.1\n", "1.0.0")
    assert diff_report([undeclared], base=None, head="x", fail_on=("undeclared",)).exit_code() == 1
    assert diff_report([undeclared], base=None, head="x").exit_code(strict=True) == 1
