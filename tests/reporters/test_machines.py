"""The formats that other programs read: snapshots, their own schemas, and texts that try to break out of them."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from onbook.report import Check, Finding, Report, Severity, Status, parted
from onbook.reporters import formatted
from support.console import person
from support.reports import REPORTS

SNAPSHOTS = Path(__file__).parent / "snapshots"
FORMATS = ("github", "sarif", "junit")
KINDS = ("lint-nothing", "lint-found", "test", "diff", "release-blocked", "check")

# The schema as the SchemaStore publishes it, unchanged; one of its patterns is none to jsonschema-rs.
SARIF = jsonschema.Draft7Validator(
    json.loads((Path(__file__).parent.parent / "cases" / "sarif" / "sarif-2.1.0.schema.json").read_text("utf-8"))
)


def write(format: str, report: Report) -> str:
    return formatted(format, report)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", KINDS)
def test_snapshots(name: str, format: str) -> None:
    path = SNAPSHOTS / f"{name}.{format}"
    written = re.sub(r'"semanticVersion": "[^"]+"', '"semanticVersion": "0.0.0"', write(format, REPORTS[name]))
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(written, "utf-8")
    assert written == path.read_text("utf-8")


def hostile(report: Report, text: str) -> Report:
    def finding(each: Finding) -> Finding:
        path = each.path and each.path + text
        return each._replace(message=each.message + text, path=path, hint=text, slug=each.slug + text)

    checks = [
        replace(check, id=check.id + text, findings=tuple(map(finding, check.findings))) for check in report.checks
    ]
    return replace(report, checks=tuple(checks))


TEXTS = {
    "commands": "\n::error::forged\r\n::set-output name=x::1\n##[error]forged",
    "properties": ",file=forged,line=1::forged%0A%25",
    "markup": "]]><failure/>\"'&<!--</testcase>",
    "characters": "\x00\x1b[31m\ud83d\ufffe\u202e\U0001f642",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("name", KINDS)
def test_no_text_breaks_out_of_its_place(name: str, text: str) -> None:
    report = hostile(REPORTS[name], text)
    for format in FORMATS:
        write(format, report).encode("utf-8")
    # GitHub: as many lines as without, and each finding's own text comes back whole.
    lines = write("github", report).splitlines()
    assert len(lines) == len(write("github", REPORTS[name]).splitlines())
    assert not any("forged" in line.partition("::")[0] for line in lines)
    assert all(re.match(r"::(error|warning|notice) [^:]*::|onbook ", line) for line in lines)
    # SARIF stays SARIF.
    assert SARIF.is_valid(json.loads(write("sarif", report)))
    # JUnit: the same tree.
    ours, plain = (ElementTree.fromstring(write("junit", each)) for each in (report, REPORTS[name]))
    assert [element.tag for element in ours.iter()] == [element.tag for element in plain.iter()]


@pytest.mark.parametrize("name", list(REPORTS))
def test_sarif_is_valid_by_its_schema(name: str) -> None:
    found = json.loads(write("sarif", REPORTS[name]))
    assert SARIF.is_valid(found)
    assert len(found["runs"][0]["results"]) == len(REPORTS[name].findings)
    # The schema itself is looked at: it refuses what it must.
    found["runs"][0]["results"] = [{"ruleId": "ON203"}]
    assert not SARIF.is_valid(found)


def _outcomes(report: Report) -> dict[str, Any]:
    suite = ElementTree.fromstring(write("junit", report))[0]
    return {key: int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")}


def test_what_could_not_be_checked_looks_like_no_success_anywhere() -> None:
    report = Report("lint", (Check("lint/a", Status.UNCHECKED, "a"), Check("lint/b", Status.PASSED, "b")))
    assert write("github", report).splitlines()[0] == "::error title=not checked::lint/a could not be checked"
    run = json.loads(write("sarif", report))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["exitCode"] == 3
    assert _outcomes(report) == {"tests": 2, "failures": 0, "errors": 1, "skipped": 0}


def test_junit_says_nothing_that_the_schema_of_jenkins_refuses() -> None:
    """Its xUnit plugin holds a file against junit-10.xsd, in which only a suite has ``skipped``."""
    allowed = {
        "testsuites": {"name", "tests", "failures", "errors"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped"},
        "testcase": {"name", "classname"},
        **{outcome: {"message"} for outcome in ("failure", "error", "skipped")},
        "system-out": set(),
    }
    for report in REPORTS.values():
        for element in ElementTree.fromstring(write("junit", report)).iter():
            assert element.attrib.keys() <= allowed[element.tag]


def test_what_weighs_most_comes_first() -> None:
    """The runner keeps ten errors and ten warnings of a step: an error must not lie behind them."""
    many = [Finding("ON402", "s", Severity.WARNING, f"number {number}") for number in range(30)]
    report = Report("lint", (Check.of("a", many), Check.of("b", [Finding("ON1", "s", Severity.ERROR, "bad")])))
    assert write("github", report).startswith("::error title=ON1 s::bad\n")


def test_a_waived_finding_is_told_as_such() -> None:
    report = Report("lint", (Check.of("a", [Finding("ON1", "s", Severity.ERROR, "bad", "a.yml", 3, waived=True)]),))
    assert "::error" not in write("github", report)
    assert json.loads(write("sarif", report))["runs"][0]["results"][0]["suppressions"]
    assert "(waived)" in write("junit", report)
    assert _outcomes(report)["failures"] == 0


def test_through_the_command_line(tmp_path: Path) -> None:
    author = person(tmp_path / "p")
    author.write("prompts/a.prompt.yml", "model: local/x\nmessages:\n  - role: user\n    content: Sort {{ticket}}.\n")
    author.write("prompts/b.prompt.yml", "messages: [\n")
    for format in FORMATS:
        written = author.onbook("lint", "--format", format, exits=1)
        assert "prompts/b.prompt.yml" in written
    assert SARIF.is_valid(json.loads(author.onbook("lint", "--format", "sarif", exits=1)))


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("a/b.yml:7:3", ("a/b.yml", 7, 3)),
        ("a/b.yml:7", ("a/b.yml", 7, None)),
        ("a/b.yml", ("a/b.yml", None, None)),
        ("HEAD:a/b.yml:7:3", ("HEAD:a/b.yml", 7, 3)),
        ("C:\\a.yml:1:2:3", ("C:\\a.yml:1", 2, 3)),
        ("a:0", ("a:0", None, None)),
        (":7", (":7", None, None)),
        ("", (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_a_place_in_its_parts(place: str | None, parts: tuple[object, ...]) -> None:
    assert parted(place) == parts
