"""`onbook report`: where its matter comes from, exit codes, and what the JSON report carries for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onbook.contract import Contract
from onbook.errors import OnbookError
from onbook.pages.report import report_page
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.reporters.json import read_json, write_json
from onbook.resources import schema
from support.console import Person
from support.paged import MODELS


def data_of(page: Path) -> dict[str, Any]:
    text = page.read_text("utf-8").partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_page_of_a_report_is_that_of_the_check_itself(author: Person, tmp_path: Path) -> None:
    judged, given = tmp_path / "judged.html", tmp_path / "below" / "given.html"
    author.onbook("report", "--html", str(judged), "--base", "before", exits=1)
    report = author.report("check", "--base", "before", "--details", exits=1)
    assert Contract(schema("report")).violations(report) == []
    assert author.onbook("report", "--html", str(given), "-", stdin=json.dumps(report)) == f"written: {given}\n"
    assert given.read_bytes() == judged.read_bytes()
    (tmp_path / "report.json").write_text(json.dumps(report), "utf-8")
    author.onbook("report", str(tmp_path / "report.json"), "--html", str(given))
    assert given.read_bytes() == judged.read_bytes()


def test_check_writes_the_page_beside_other_formats(author: Person, tmp_path: Path) -> None:
    page, plain = tmp_path / "page.html", tmp_path / "report.json"
    author.onbook(
        "check", "--base", "before", "--write", f"html={page}", "--write", f"json={plain}", exits=1
    )  # fmt: skip
    assert len(data_of(page)["answers"]) == 17 * len(MODELS)
    rows = json.loads(plain.read_bytes())["data"]["test"]["prompts"]
    assert not any("answers" in row for row in rows)  # the page alone asks for them
    assert "--format json" in author.onbook("check", "--details", exits=2)
    assert "--write takes" in author.onbook("check", "--write", "htm=x", exits=2)


def test_answers_of_a_report_are_those_recorded_and_those_before(author: Person) -> None:
    report = author.report("test", "--against", "before", "--details", exits=1)
    assert Contract(schema("report")).violations(report) == []
    row = next(row for row in report["data"]["prompts"] if row["model"] == MODELS[0])
    by_case = {answer["case"]: answer for answer in row["answers"]}
    late = by_case["late-delivery"]
    assert (late["state"], late["old"]["state"], late["expected"]) == ("failed", "failed", "shipping")
    assert late["answer"] == "Please sort this ticket of ours: My parcel is late."
    assert late["old"]["answer"] == "Sort this ticket: My parcel is late."
    assert late["messages"][1]["content"] == late["answer"]  # our server says what it was told
    assert late["inputs"] == {"ticket": "My parcel is late."}
    assert late["key"] != late["old"]["key"]
    assert by_case["known-late"]["xfail"] == "the small model repeats the word"
    missing = by_case["not-recorded"]
    assert (missing["state"], missing["answer"], missing["old"]) == ("missing", None, None)
    assert missing["messages"][1]["content"].endswith("What of this one?")
    assert missing["reasons"] == ["there is no recording of its answer"]
    plain = author.report("test", exits=1)
    assert not any("answers" in row for row in plain["data"]["prompts"])


def test_a_comparison_has_a_page(author: Person, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    report = author.report("compare", "support/triage", "before", "worktree", "--details")
    assert Contract(schema("report")).violations(report) == []
    author.onbook("report", "-", "--html", str(page), stdin=json.dumps(report))
    text = page.read_text("utf-8")
    assert "Whether it is worse cannot be told" in text
    assert "points" in text
    assert data_of(page)["sides"] == ["before", "worktree"]
    answers = data_of(page)["answers"]
    assert len(answers) == 17  # one model; both sides take the cases of today
    assert all(answer["old"] is not None for answer in answers)


def test_a_report_without_answers_still_has_a_page(author: Person, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    report = author.onbook("test", "--format", "json", exits=1)
    author.onbook("report", "-", "--html", str(page), stdin=report)
    assert "carries no answers" in page.read_text("utf-8")
    answers = data_of(page)["answers"]
    assert {answer["key"] for answer in answers} == {None}
    assert [answer["case"] for answer in answers if answer["kind"] == "known"] == ["known-late"] * len(MODELS)
    checked = author.onbook("check", "--base", "before", "--format", "json", exits=1)
    author.onbook("report", "-", "--html", str(page), stdin=checked)
    assert "carries no cases and no answers" in page.read_text("utf-8")
    for verb in ("diff", "lint"):
        found = author.report(verb)
        author.onbook("report", "-", "--html", str(page), stdin=json.dumps(found))
        assert "<h1" in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "no report of `onbook check`"),
        ("[]", "no report of `onbook check`"),
        (write_json(Report("release", data={"tags": []})), "no report of"),
        (write_json(Report("diff")), "no report of"),
        ("[" * 100_000, "no report of"),
    ],
    ids=["nothing", "list", "release", "shape", "deep"],
)
def test_what_is_no_report_is_told(author: Person, tmp_path: Path, given: str, said: str) -> None:
    page = tmp_path / "page.html"
    assert said in author.onbook("report", "-", "--html", str(page), stdin=given, exits=2)
    assert not page.exists()


def test_usage(author: Person, tmp_path: Path) -> None:
    assert "cannot be read" in author.onbook("report", "absent.json", "--html", "x.html", exits=2)
    assert "judged already" in author.onbook("report", "-", "--html", "x.html", "--base", "before", exits=2)
    assert f"{tmp_path}: cannot be" in author.onbook("report", "--html", str(tmp_path), "--base", "before", exits=3)
    assert "--html" in author.onbook("report", exits=2)
    assert "makes no sense" in author.onbook("test", "--shard", "1/2", "--details", "--format", "json", exits=2)
    assert "--format json" in author.onbook("test", "--details", exits=2)
    assert "--format json" in author.onbook("compare", "support/triage", "before", "worktree", "--details", exits=2)


def test_a_report_of_odd_data_is_an_error_and_no_traceback() -> None:
    finding = Finding("OT101", "case-failed", Severity.ERROR, "x")
    odd = Report(
        "check", (Check("test/a", Status.FAILED, "a", (finding,)),), data={"base": "x", "diff": {"prompts": [{}]}}
    )
    with pytest.raises(OnbookError, match="cannot be shown"):
        report_page(odd)
    assert read_json(write_json(Report("lint")).encode(), ("lint",), "x") == Report("lint")


def test_half_a_character_in_a_report_is_no_traceback(author: Person, tmp_path: Path) -> None:
    finding = Finding("ON203", "undeclared-variable", Severity.ERROR, "half \ud800 a character")
    report = Report("lint", (Check("lint/a", Status.FAILED, "a", (finding,)),))
    page = tmp_path / "page.html"
    author.onbook("report", "-", "--html", str(page), stdin=write_json(report))
    assert "half ? a character" in page.read_text("utf-8")
