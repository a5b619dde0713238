"""Every rule against its table of truth: cases/rules/<ID>.yml says which files give which findings.

A case is ``{name, files: {path: text}, findings: [{line, column, path?, message_contains?, severity?}]}``; files listed
under ``links`` are symbolic links; ``today`` is the day of a case that has one. ``<+>`` in a text stands for nothing:
it keeps apart what a scanner of a host would take for a leak. The findings are all that the rule tells, no more and no
fewer.

With ``released``, a list of ``{files, tags}``, the files stand in a real repository whose history has these commits
with these release tags; ``manifest`` names the files that the tags list.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

from onbook.lint import lint
from onbook.project import Catalog
from onbook.repo import Repository, Snapshot
from onbook.repo.worktree import WorkTree
from onbook.rules import all_rules
from support.git import manifest, new_repo
from support.snapshots import files

CASES = Path(__file__).parents[1] / "cases" / "rules"
PROMPT = "prompts/a.prompt.yml"


@functools.cache
def table(rule: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.load((CASES / f"{rule}.yml").read_text("utf-8"), yaml.CSafeLoader)
    return found


def all_cases() -> list[Any]:
    return [
        pytest.param(path.stem, case, id=f"{path.stem}-{case['name']}")
        for path in sorted(CASES.glob("*.yml"))
        for case in table(path.stem)
    ]


def in_history(released: list[dict[str, Any]], contents: dict[str, str], folder: Path) -> WorkTree:
    """A work tree with these files, in a repository with these releases."""
    repo = new_repo(folder / "repo")
    for release in released:
        for tracked in repo.git("ls-files").split():
            (repo.path / tracked).unlink()
        repo.commit(release["files"])
        for name in release["tags"]:
            paths = [] if name.endswith(".yanked") else release.get("manifest", release["files"])
            listed = manifest(repo, {path: release["files"][path].encode() for path in paths}) if paths else ""
            repo.write_tag(name, f"{name}\n\n{listed}")
    for tracked in repo.git("ls-files").split():
        (repo.path / tracked).unlink()
    for path, text in contents.items():
        repo.write(path, text)
    return WorkTree(Repository.discover(repo.path))


@pytest.mark.parametrize(("rule", "case"), all_cases())
def test_the_rule_finds_what_the_case_says(rule: str, case: dict[str, Any], tmp_path: Path) -> None:
    own = {} if all_rules()[rule].default else {"onbook.toml": f'lint = {{select = ["{rule}"]}}'}
    contents = {
        path: text.replace("<+>", "") if isinstance(text, str) else text for path, text in case["files"].items()
    }
    snapshot: Snapshot = files({**own, **contents}, case.get("links", ()))
    if "released" in case:
        snapshot = in_history(case["released"], {**own, **contents}, tmp_path)
    report = lint(Catalog(snapshot), today=case.get("today"))
    assert not [finding.message for finding in report.findings if finding.rule == "ON000"]
    found = [finding for finding in report.findings if finding.rule == rule]
    wanted = case["findings"]
    assert [(f.path, f.line, f.column) for f in found] == [
        (want.get("path", PROMPT), want.get("line"), want.get("column")) for want in wanted
    ], [f.message for f in found]
    for finding, want in zip(found, wanted, strict=True):
        assert want.get("message_contains", "") in finding.message
        assert want.get("hint_contains", "") in (finding.hint or "")
        assert finding.severity == want.get("severity", all_rules()[rule].severity)


@pytest.mark.parametrize("rule", sorted(all_rules()))
def test_every_rule_has_cases_of_both_kinds(rule: str) -> None:
    findings = [bool(case["findings"]) for case in table(rule)]
    assert findings.count(True) >= 2
    assert findings.count(False) >= 2
    names = [case["name"] for case in table(rule)]
    assert len(names) == len(set(names))


def test_every_table_is_of_a_rule() -> None:
    assert {path.stem for path in CASES.glob("*.yml")} == set(all_rules())
