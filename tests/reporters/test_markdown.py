"""The comment on a pull request: whatever a prompt says, it calls nobody, links nowhere and breaks nothing."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from onbook.diff import diff_catalogs
from onbook.diff.report import diff_report
from onbook.project import Catalog
from onbook.report import Check, Finding, Report, Severity
from onbook.reporters.gfm import code, fenced, plain
from onbook.reporters.markdown import MAX_COMMENT, write_markdown
from support.reports import REPORTS
from support.snapshots import files

HOSTILE = (
    "@octocat @org/team GH-1 #1 owner/name#2 <img src=x onerror=alert(1)> ![](https://evil.example/a.png)"
    " [here](https://evil.example) https://evil.example www.evil.example a@evil.example </details></pre></code>"
    " ```` ``` ` ~~~ | *x* _y_ <!-- - [ ] # > \\ &lt; :tada: \x1b[31m\u202e"
)
# What of our own a comment may hold.
TAGS = {"code", "sub", "br", "del", "ins", "pre", "details", "summary"}
MENTION = re.compile(r"@(?=\w)|#(?=\d)|GH(?=-\d)|www(?=\.)|https?:(?=//)", re.IGNORECASE)


def shown(markdown: str) -> str:
    """What is left once numbers of characters are characters again: what looks for mentions looks at that."""
    return re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), markdown)


def harmless(markdown: str) -> None:
    outside = re.sub(r"^(`{3,})[a-z]*\n.*?\n\1$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    assert {tag.lower() for tag in re.findall(r"</?([^\s>/]+)", outside)} <= TAGS
    assert not MENTION.search(shown(outside))
    assert "](" not in outside
    assert "![" not in outside
    assert "<!--" not in outside
    assert not set(markdown) & set("\x1b\u202e")
    for tag in ("details", "summary", "pre", "code", "sub", "del", "ins"):
        assert outside.count(f"<{tag}>") == outside.count(f"</{tag}>"), tag


def report(old: str, new: str, **others: str) -> Report:
    paths = {f"prompts/{name.replace('__', '/')}.prompt.yml": text for name, text in others.items()}
    sides = [Catalog(files({"prompts/a.prompt.yml": text, **paths})) for text in (old, new)]
    return diff_report(diff_catalogs(*sides), base=None, head="memory")


def prompt(text: str) -> str:
    quoted = "".join(f"      {line}\n" for line in text.split("\n"))
    return f"templateFormat: simple\nmessages:\n  - role: system\n    content: |\n{quoted}"


def test_a_table_first_and_the_rest_folded() -> None:
    found = write_markdown(report(prompt("Be brief.\nNever guess."), prompt("Be short.")))
    lines = found.splitlines()
    assert lines[0] == "### onbook diff: 1 minor"
    assert lines[2:4] == ["| prompt | version | asks for | because |", "|---|---|---|---|"]
    assert lines[4].startswith("| <code>a</code> | unreleased → ")
    assert "**Obligations that were removed or weakened**" in lines
    assert lines.index("<details>") > 5
    assert "<del>brief.<br>Never guess</del><ins>short</ins>" in found
    assert '- ⚠️ no longer asked&#58; "Never guess."' in found


@pytest.mark.parametrize("text", [HOSTILE, f"{HOSTILE}\n\n{HOSTILE}\n| --- |\n```\n", "`" * 50, "@" * 9 + "a"])
def test_hostile_prompts(text: str) -> None:
    clean = "".join(letter for letter in text if letter.isprintable() or letter == "\n")
    found = report(prompt("one"), prompt(f"one {clean}\nNever {clean}."))
    harmless(write_markdown(found))
    harmless(write_markdown(report(prompt(f"one {clean}\nNever {clean}."), prompt("one"))))


@pytest.mark.parametrize("write", [plain, code])
def test_a_text_on_one_line_is_only_a_text(write: object) -> None:
    found = write(f"{HOSTILE}\n# x")  # type: ignore[operator]
    harmless(found)
    assert "\n" not in found
    assert "|" not in found


def test_a_fence_is_longer_than_any_in_it() -> None:
    found = fenced("a\n`````\n@octocat\n```", "diff")
    assert found.startswith("``````diff\n")
    assert found.endswith("\n``````\n")


def test_hostile_answers_and_findings() -> None:
    answer = {"case": HOSTILE, "model": HOSTILE, "repeat": 0, "before": "passed", "after": "failed",
              "old": HOSTILE, "new": f"`````\n{HOSTILE}", "why": HOSTILE}  # fmt: skip
    moved = {"shared": 1, "unseen": 0, "worse": 1, "better": 0, "moved": 1, "answers": [answer]}
    row = {"id": "a", "base_version": "1.0.0", "next_version": None, "bump": "none", "proved": True, "changes": [],
           "moved_from": None, "through": [HOSTILE], "tokens": None, "behaviour": moved}  # fmt: skip
    wrong = Finding("OD001", "x", Severity.ERROR, HOSTILE, HOSTILE, 3, hint=f"`{HOSTILE}")
    harmless(write_markdown(Report("diff", (Check.of("diff/a", [wrong], prompt="b"),), data={"prompts": [row]})))
    harmless(write_markdown(Report("lint", (Check.of(f"lint/{HOSTILE}", [wrong, wrong]),))))


def test_a_comment_is_never_longer_than_github_takes() -> None:
    others = {f"p{number}": prompt(f"{number}") for number in range(150)}
    sides = [Catalog(files({f"prompts/{id}.prompt.yml": text for id, text in side.items()})) for side in ({}, others)]
    found = write_markdown(diff_report(diff_catalogs(*sides), base=None, head="x"))
    assert len(found) < MAX_COMMENT + 100
    long = prompt("\n".join(f"word {number} #1 @x" for number in range(30_000)))
    assert len(write_markdown(report(prompt("one"), long))) < MAX_COMMENT
    many = Report("lint", tuple(Check.of(f"c{n}", [Finding("X1", "x", Severity.ERROR, "#" * 900)]) for n in range(300)))
    found = write_markdown(many)
    assert len(found) < MAX_COMMENT + 500
    assert f"{300 - found.count('<details>')} more are not shown here: `onbook lint` prints them all." in found


def test_what_is_tested_is_counted() -> None:
    found = write_markdown(REPORTS["test"])
    assert "| prompt | model | cases | passed | failed | errors | missing | xfailed | against the base |" in found
    assert "| <code>support/triage</code> | <code>openai/gpt-4.1</code> | 9 | 6 | 0 | 0 | 2 | 1 | - |" in found
    rows = REPORTS["test"].data["prompts"]
    assert isinstance(rows, list)
    doubted = write_markdown(replace(REPORTS["test"], data={"prompts": [{**rows[0], "doubted": 3}]}))
    assert "| xfailed | doubted | against the base |" in doubted
    assert "| 2 | 1 | 3 | - |" in doubted


def test_what_is_always_shown_of_a_gate_is_no_longer_than_github_takes_either() -> None:
    def stopped(number: int, words: int) -> Check:
        told = Finding("OT101", "case-failed", Severity.ERROR, f"case {number}: {'expected_this ' * words}")
        return Check.of(f"test/p{number}", [told], prompt=f"p{number}")

    empty: dict[str, object] = {"prompts": []}
    data: dict[str, object] = {"lint": {}, "diff": empty, "test": empty}
    found = write_markdown(Report("check", tuple(stopped(n, 80) for n in range(200)), data=data))
    assert 50_000 < len(found) <= MAX_COMMENT + 100
    assert "more are not shown here: `onbook check` prints them all." in found
    # What one of them says does not hide the others.
    found = write_markdown(Report("check", (stopped(0, 9_000), stopped(1, 1)), data=data))
    assert "case 1" in found


def test_nothing_changed() -> None:
    assert write_markdown(report(prompt("one"), prompt("one"))) == "### onbook diff: no prompt changed\n"
    assert "✅ passed" in write_markdown(Report("lint", (Check.of("lint/a", []),)))


@pytest.mark.parametrize("name", ["check", "check-passed", "check-not"])
def test_the_gate(name: str) -> None:
    """The verdict first, then the table, what stops it, what it means; the rest is folded."""
    path = Path(__file__).parent / "snapshots" / f"{name}.md"
    written = write_markdown(REPORTS[name])
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(written, "utf-8")
    assert written == path.read_text("utf-8")
    harmless(written)


def test_a_hostile_gate() -> None:
    def hostile(value: object) -> object:
        if isinstance(value, dict):
            return {key: hostile(each) for key, each in value.items()}
        if isinstance(value, list):
            return [hostile(each) for each in value]
        return f"{value}{HOSTILE}" if isinstance(value, str) and value not in ("major", "minor", "none") else value

    given = REPORTS["check"]
    checks = [
        replace(
            check,
            prompt=HOSTILE,
            findings=tuple(each._replace(message=HOSTILE, path=HOSTILE, hint=f"`{HOSTILE}") for each in check.findings),
        )
        for check in given.checks
    ]
    data = hostile(given.data)
    assert isinstance(data, dict)
    harmless(write_markdown(replace(given, checks=tuple(checks), data=data, base=HOSTILE)))


LISTED = ("list", "log", "status", "release")
DEPLOYED = {
    "environment": "production", "id": "a", "stable": {"version": "1.0.0"}, "at": "2026-11-22T00:09:00Z", "by": "A",
    "canary": {"version": "1.1.0", "weight": 10, "key": "user_id"},
}  # fmt: skip


def listed(verb: str) -> Report:
    found = {"log": {"releases": [{**RELEASE, "notes": "- minor OD301 the `x` changed\n\nCommits:\n- abc1234 Say why"}],
                     "unreleased": AHEAD}, "status": {"deployments": [DEPLOYED]}}  # fmt: skip
    return Report(verb, data=found[verb]) if verb in found else REPORTS[verb]


RELEASE = {**REPORTS["log"].data["releases"][0], "reason": "It insulted people."}  # type: ignore[index]
AHEAD = {"next_version": "2.0.0", "changes": [{"bump": "major", "rule": "OD101", "consequence": "`b` is required"}]}
WANTED = {
    "list": ["| prompt | release | model | cases | description |", "| <code>b</code> | - | - | 0 |  |"],
    "log": ["#### unreleased, would be 2.0.0", "- major OD101 <code>b</code> is required",
            "#### <code>support/triage/v1.4.0</code> minor, withdrawn", "Withdrawn: It insulted people.",
            "- minor OD301 the <code>x</code> changed", "- abc1234 Say why"],
    "status": ["| <code>production</code> | <code>a</code> | 1.0.0 | 1.1.0 for 10 % by user&#95;id | 2026"],
    "release": ["| tag | bump | digest |", "| <code>b/v0.1.0</code> | initial | <code>sha256&#58;"],
}  # fmt: skip


@pytest.mark.parametrize("verb", LISTED)
def test_what_a_verb_lists_is_in_its_markdown(verb: str) -> None:
    found = write_markdown(listed(verb))
    for line in WANTED[verb]:
        assert line in found
    harmless(found)


@pytest.mark.parametrize("verb", LISTED)
def test_what_is_listed_shows_hostile_texts_and_means_nothing_by_them(verb: str) -> None:
    def hostile(value: object) -> object:
        if isinstance(value, str):
            return value + HOSTILE + "\n- " + HOSTILE
        if isinstance(value, dict):
            return {key: hostile(part) for key, part in value.items()}
        return [hostile(part) for part in value] if isinstance(value, list) else value

    data = hostile(dict(listed(verb).data))
    assert isinstance(data, dict)
    found = write_markdown(
        Report(verb, (Check.of("x", [Finding("OR101", "x", Severity.WARNING, HOSTILE)]),), data=data)
    )
    harmless(found)
    assert "octocat" in found


def test_many_releases_end_before_a_comment_does() -> None:
    found = write_markdown(Report("log", data={"releases": [{**RELEASE, "notes": "- " + "x" * 200}] * 1_000}))
    assert len(found) < MAX_COMMENT + 200
    assert "more are not shown here: `onbook log` prints them all" in found
    many = write_markdown(Report("list", data={"prompts": [{**REPORTS["list"].data["prompts"][0]}] * 2_000}))  # type: ignore[index]
    assert len(many) < MAX_COMMENT
    assert re.search(r"^and 1\d\d\d more$", many, re.MULTILINE)
    long = {**REPORTS["list"].data["prompts"][0], "description": "@" * 1_000}  # type: ignore[index]
    assert len(write_markdown(Report("list", data={"prompts": [long] * 2_000}))) < MAX_COMMENT


@pytest.mark.parametrize(
    ("report", "told"),
    [(Report("list"), "no prompts yet"), (Report("log"), "no releases yet"), (Report("status"), "nothing is deployed"),
     (REPORTS["release-nothing"], "nothing was released"), (REPORTS["release-blocked"], "❌ ON203 variable 'tickte'")],
)  # fmt: skip
def test_where_nothing_is_listed_that_is_said(report: Report, told: str) -> None:
    assert told in write_markdown(report)
