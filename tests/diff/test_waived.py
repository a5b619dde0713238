"""Waivers of changes, and what the gates make of them: as a person meets them at a terminal."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from onbook.diff import PromptDiff, diff_sources, waive, waivers_of
from onbook.diff.report import finding_of
from onbook.project import Catalog, Config
from onbook.versions import Bump
from support.console import Person, person
from support.snapshots import files

PATH = "prompts/a.prompt.yml"
THREE, FIVE, SIX = "^X-[0-9]{3}$", "^X-[0-9]{3,5}$", "^X-[0-9]{3,6}$"
DAY = date(2026, 11, 1)


def prompt(pattern: str, head: str = "", more: str = "") -> str:
    return (
        f"{head}messages:\n  - role: user\n    content: 'Look at {{{{a}}}}.'\n"
        f"inputs:\n  type: object\n  properties:\n    a: {{type: string, pattern: '{pattern}'}}\n"
        f"  required: [a]\n{more}"
    )


def compared(old: str, new: str, toml: str = "") -> tuple[PromptDiff, Config]:
    before, after = Catalog(files({PATH: old})), Catalog(files({PATH: new, "onbook.toml": toml}))
    return diff_sources("a", before.get("a"), after.get("a")), after.config


def fingerprints(found: PromptDiff) -> list[str]:
    return [finding_of(found, change).fingerprint for change in found.changes]


def waiver(what: str, until: str = "2027-01-01", more: str = "") -> str:
    return f'[[waivers]]\n{what}\nuntil = {until}\nreason = "we looked"\n{more}'


def test_an_unproven_change_that_is_waived_counts_as_minor() -> None:
    found, _ = compared(prompt(THREE), prompt(FIVE))
    assert (found.bump, len(found.open), found.proved) == (Bump.MAJOR, 1, False)
    (name,) = fingerprints(found)
    for what in (f'fingerprint = "{name}"', 'rule = "OD110"', 'rule = "input-unproven"'):
        judged = waive(found, waivers_of(compared("", "", waiver(what))[1], found.new), DAY)
        assert (judged.bump, judged.open, judged.proved) == (Bump.MINOR, [], False)
        assert judged.changes[0].waived == "we looked"
        assert fingerprints(judged) == [name]
        told = finding_of(judged, judged.changes[0])
        assert told.waived
        assert "(waived: we looked)" in told.message
    # Without a waiver, a person is told how to write one.
    assert name in (finding_of(found, found.changes[0]).hint or "")


@pytest.mark.parametrize(
    "toml",
    [
        waiver('rule = "OD110"', "2026-10-31"),
        waiver('rule = "OD208"'),
        waiver('fingerprint = "0123456789abcdef"'),
        waiver('rule = "OD110"', more='path = "prompts/b.prompt.yml"'),
        "",
    ],
)
def test_a_waiver_of_something_else_or_of_another_day_does_nothing(toml: str) -> None:
    found, config = compared(prompt(THREE), prompt(FIVE), toml)
    assert waive(found, waivers_of(config, found.new), DAY) == found


def test_a_proved_major_is_acknowledged_and_stays_major() -> None:
    found, config = compared(prompt(THREE), prompt("^Y"), waiver('rule = "OD103"'))
    judged = waive(found, waivers_of(config, found.new), DAY)
    assert judged.bump is Bump.MAJOR
    told = finding_of(judged, judged.changes[0], frozenset({"major"}))
    assert (told.severity.value, told.waived) == ("error", True)


def test_a_comment_in_the_prompt_waives_too_and_on_a_pull_request_only_the_bases() -> None:
    comment = "# onbook: allow OD110 until 2027-01-01: we looked\n"
    found, config = compared(prompt(THREE), prompt(FIVE, comment))
    assert waive(found, waivers_of(config, found.new), DAY).bump is Bump.MINOR
    assert waive(found, waivers_of(config, found.old), DAY) == found
    found, config = compared(prompt(THREE), prompt(FIVE), waiver('rule = "OD110"'))
    assert waive(found, waivers_of(Config(), found.old), DAY) == found


def test_a_fingerprint_is_of_this_change_wherever_it_stands() -> None:
    (first,) = fingerprints(compared(prompt(THREE), prompt(FIVE))[0])
    moved = compared(prompt(THREE, "# one\n\n"), prompt(FIVE, "# one\n# two\n# three\n\nname: Look\n"))[0]
    assert first in fingerprints(moved)
    more = compared(prompt(THREE), prompt(FIVE, more="modelParameters: {temperature: 0}\n"))[0]
    assert first in fingerprints(more)
    assert first not in fingerprints(compared(prompt(THREE), prompt(SIX))[0])


def test_a_fingerprint_holds_what_references_lead_to() -> None:
    def referring(pattern: str) -> str:
        return (
            "messages: [{role: user, content: 'Look at {{a}}.'}]\n"
            "inputs: {type: object, properties: {a: {$ref: '#/$defs/x'}}, "
            f"$defs: {{x: {{pattern: '{pattern}'}}}}}}\n"
        )

    (first,) = fingerprints(compared(referring(THREE), referring(FIVE))[0])
    (second,) = fingerprints(compared(referring(THREE), referring(SIX))[0])
    assert first != second


@pytest.fixture
def someone(tmp_path: Path) -> Person:
    found = person(tmp_path / "repo")
    found.write(PATH, prompt(THREE))
    found.commit("A prompt")
    found.onbook("release")
    return found


def rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = report["data"]["prompts"][0]["changes"]
    return changes


def test_the_gates_honour_it(someone: Person) -> None:
    someone.write(PATH, prompt(FIVE))
    someone.commit("Longer numbers")
    assert someone.onbook("diff", "--bump", "a") == "major\n"
    told = someone.onbook("diff")
    report = someone.report("diff", "--fail-on", "unproven", exits=1)
    (row,) = rows(report)
    assert row["waived"] is None
    assert f"waive it: rule OD110, fingerprint\n                {row['fingerprint']}\n" in told
    assert "waive it" in someone.onbook("release", "--dry-run", exits=1)
    someone.write("onbook.toml", waiver(f'rule = "OD110"\nfingerprint = "{row["fingerprint"]}"'))
    someone.write("README.md", "Nothing of ours.\n")
    someone.write(PATH, prompt(FIVE, "# Lines move.\n\n"))
    someone.commit("Waive it")
    assert someone.onbook("diff", "--bump", "a") == "minor\n"
    assert "waived: we looked" in someone.onbook("diff")
    assert "(waived: we looked)" in someone.onbook("diff", "--format", "markdown")
    report = someone.report("diff", "--fail-on", "unproven", "--fail-on", "major")
    assert [found["waived"] for found in rows(report)] == ["we looked"]
    assert [found["waived"] for found in report["checks"][0]["findings"]] == [True]
    assert "a/v0.1.1" in someone.onbook("release")
    told = someone.git("cat-file", "tag", "a/v0.1.1")
    assert "- minor OD110" in told
    assert "(waived: we looked)" in told
    assert "Onbook-Bump: minor" in told


def test_what_broke_two_commits_ago_is_still_breaking_at_the_next_release(someone: Person) -> None:
    someone.write(PATH, prompt("^Y-[0-9]{3}$"))
    someone.commit("Another number")
    for name in ("one", "two"):
        someone.write("README.md", f"{name}\n")
        someone.commit(f"Say {name}")
    someone.write(PATH, prompt("^Y-[0-9]{3}$", "# a comment\n"))
    someone.commit("Say what it is")
    assert someone.onbook("diff", "HEAD~1", "--bump", "a") == "none\n"
    assert someone.onbook("diff", "--bump", "a") == "major\n"
    assert "a/v0.2.0" in someone.onbook("release", "--dry-run")


def test_everything_that_a_prompt_reads_counts(tmp_path: Path) -> None:
    someone = person(tmp_path / "repo")
    held = {
        "prompts/_shared/inner.md": "Be kind.",
        "prompts/_shared/outer.md": "{% include '_shared/inner.md' %} Be brief.",
        "prompts/_shared/level.json": '{"enum": ["low", "high"]}',
        PATH: (
            "templateFormat: jinja2\nmodelParameters: {temperature: 0}\nresponseFormat: json_schema\n"
            "jsonSchema: {name: a, schema: {type: object, properties: {level: {$ref: _shared/level.json}}}}\n"
            "messages: [{role: user, content: \"{% include '_shared/outer.md' %}\"}]\n"
        ),
    }
    for path, text in held.items():
        someone.write(path, text)
    someone.commit("A prompt")
    someone.onbook("release")
    edits = [
        ("prompts/_shared/inner.md", "kind", "fair", "minor", "OD301"),
        ("prompts/_shared/level.json", '"high"', '"high", "worst"', "major", "OD203"),
        (PATH, "temperature: 0", "temperature: 1", "minor", "OD403"),
        (PATH, "level: {$ref: _shared/level.json}", "level: {type: string}", "major", "OD202"),
    ]
    for path, old, new, bump, rule in edits:
        someone.edit(path, old, new)
        report = someone.report("diff")
        assert report["data"]["prompts"][0]["bump"] == bump
        assert rule in [row["rule"] for row in rows(report)]
        assert someone.onbook("diff", "--bump", "a") == f"{bump}\n"
        someone.git("checkout", "--quiet", "--", "prompts")
    assert someone.onbook("diff", "--bump", "a") == "none\n"


def test_a_version_that_is_too_small_names_what_asks_for_more(someone: Person) -> None:
    someone.write(PATH, prompt("^Y", "version: 0.1.1\n"))
    someone.commit("Another number")
    told = someone.onbook("diff", "--fail-on", "undeclared", exits=1)
    assert "OD103" in told
    assert "0.2.0" in told
    assert "too small" in someone.onbook("release", exits=2)
    assert "too small" in someone.onbook("diff")
