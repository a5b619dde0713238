"""Diff and log of real repositories: bases, the closure index, what came through a shared file, what is staged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.console import Person, person
from support.copies import copied

PROMPT = """\
model: openai/gpt-4.1-2025-04-14
templateFormat: jinja2
inputs: {{type: object, properties: {{ticket: {{type: string}}}}, required: [ticket]}}
messages:
  - role: system
    content: |
      {text}
  - role: user
    content: "{{{{ ticket }}}}"
"""
INCLUDE = '{% include "_shared/rules.md" %}'


@pytest.fixture
def author(tmp_path: Path) -> Person:
    return Person(copied(_released, tmp_path / "p"))


def _released(folder: Path) -> None:
    found = person(folder)
    found.write("prompts/a.prompt.yml", PROMPT.format(text=f"You sort tickets.\n      {INCLUDE}"))
    found.write("prompts/b.prompt.yml", PROMPT.format(text=INCLUDE))
    found.write("prompts/c.prompt.yml", PROMPT.format(text="Nothing shared."))
    found.write("prompts/_shared/rules.md", "Be brief.\nNever guess.\n")
    found.write("onbook.toml", "gates.unchecked = false\n")
    found.commit("one")
    found.onbook("release")


def rows(author: Person, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = author.report("diff", *args)["data"]["prompts"]
    return found


def index(author: Person) -> Path:
    return author.cwd / ".git" / "onbook" / "closures.json"


def test_a_shared_file_changes_every_prompt_that_it_is_in_each_with_its_own_bump(author: Person) -> None:
    author.write("prompts/_shared/rules.md", "Be brief.\n")
    author.edit("prompts/b.prompt.yml", "required: [ticket]", "required: [ticket, tone]")
    author.edit("prompts/b.prompt.yml", "{type: string}", "{type: string}, tone: {type: string}")
    found = rows(author)
    assert [(row["id"], row["bump"], row["through"]) for row in found] == [
        ("a", "minor", ["prompts/_shared/rules.md"]),
        ("b", "major", ["prompts/_shared/rules.md"]),
    ]
    text, rule = found[0]["changes"]
    assert (text["rule"], text["path"], text["line"]) == ("OD301", "prompts/_shared/rules.md", 2)
    assert (rule["rule"], rule["path"], rule["line"]) == ("OD310", "prompts/_shared/rules.md", 2)
    assert found[0]["tokens"]["new"] < found[0]["tokens"]["old"]
    assert found[0]["tokens"]["exact"]
    assert found[0]["tokens"]["new_cost_per_1000"] < found[0]["tokens"]["old_cost_per_1000"]
    told = author.onbook("diff")
    assert "the same words as in a" in told
    assert max(map(len, told.splitlines())) <= 80


def test_revisions_and_the_index_of_closures_say_the_same(author: Person) -> None:
    author.write("prompts/_shared/rules.md", "Be brief.\n")
    author.edit("prompts/c.prompt.yml", "Nothing", "Little")
    author.commit("two")
    fresh = rows(author, "HEAD~1..HEAD")
    assert [row["id"] for row in fresh] == ["a", "b", "c"]
    known = json.loads(index(author).read_bytes())
    assert set(known["prompts"]) == {"prompts/a.prompt.yml", "prompts/b.prompt.yml"}
    assert rows(author, "HEAD~1..HEAD") == fresh
    assert rows(author, "HEAD~1") == fresh
    for broken in (b"", b"{", b"[]", b'{"version": 1, "prompts": {"prompts/a.prompt.yml": 3}, "tags": []}', b"\xff"):
        index(author).write_bytes(broken)
        assert rows(author, "HEAD~1..HEAD") == fresh, broken
        assert [row["id"] for row in rows(author)] == ["a", "b", "c"]
    index(author).write_text(json.dumps({**known, "prompts": {"prompts/a.prompt.yml": [["x", None], [3]]}}))
    assert rows(author, "HEAD~1..HEAD") == fresh
    index(author).unlink()
    assert rows(author, "HEAD~1..HEAD") == fresh
    assert rows(author, "HEAD..HEAD") == []


def test_tests_count_where_the_prompt_did_not_change(author: Person) -> None:
    author.write("prompts/c.cases.jsonl", '{"id": "x", "inputs": {"ticket": "a"}, "assert": [{"contains": "a"}]}\n')
    author.commit("cases")
    assert rows(author, "HEAD") == []
    (author.cwd / "prompts/c.cases.jsonl").unlink()
    assert [change["rule"] for row in rows(author, "HEAD") for change in row["changes"]] == ["OD605"]


def test_the_staged_state_is_compared(author: Person) -> None:
    author.edit("prompts/c.prompt.yml", "Nothing", "Little")
    author.git("add", "prompts/c.prompt.yml")
    author.edit("prompts/a.prompt.yml", "You sort", "You order")
    assert [row["id"] for row in rows(author, "--staged")] == ["c"]
    assert [row["id"] for row in rows(author)] == ["a", "c"]


def test_a_prompt_that_moved_is_told_by_both_ids(author: Person) -> None:
    author.git("mv", "prompts/c.prompt.yml", "prompts/d.prompt.yml")
    assert [(row["id"], row["moved_from"]) for row in rows(author)] == [("d", "c")]
    author.commit("moved")
    assert [(row["id"], row["moved_from"], row["bump"]) for row in rows(author)] == [("d", "c", "major")]
    assert [(row["id"], row["moved_from"]) for row in rows(author, "d")] == [("d", "c")]
    assert [(row["id"], row["moved_from"]) for row in rows(author, "HEAD~1..HEAD")] == [("d", "c")]


def test_a_prompt_that_is_about_to_be_deleted_is_told(author: Person) -> None:
    author.git("rm", "--quiet", "prompts/c.prompt.yml")
    assert [(row["id"], row["bump"]) for row in rows(author)] == [("c", "major")]
    assert [(row["id"], row["bump"]) for row in rows(author, "--staged")] == [("c", "major")]
    author.commit("gone")
    assert rows(author) == []


def test_the_log_tells_what_changed_since_the_last_release(author: Person) -> None:
    assert author.report("log", "a")["data"]["unreleased"] is None
    author.write("prompts/_shared/rules.md", "Be brief.\n")
    author.commit("two")
    ahead = author.report("log", "a")["data"]["unreleased"]
    assert (ahead["bump"], ahead["base_version"], ahead["next_version"]) == ("minor", "0.1.0", "0.1.1")
    assert author.report("log", "c")["data"]["unreleased"] is None
    told = author.onbook("log", "a")
    assert told.startswith("unreleased, would be 0.1.1  minor\n  - minor OD301 ")
    author.onbook("release", "a")
    assert author.report("log", "a")["data"]["unreleased"] is None
    author.git("rm", "--quiet", "prompts/a.prompt.yml")
    author.commit("gone")
    assert author.report("log", "a")["data"]["unreleased"] is None


def test_the_comment(author: Person) -> None:
    author.write("prompts/_shared/rules.md", "Be brief.\n@octocat, see #1.\n")
    told = author.onbook("diff", "--format", "markdown")
    assert told.startswith("### onbook diff: 2 minor\n\n| prompt |")
    assert "@octocat" not in told
    assert "no longer asked" in told


def test_against_a_base_only_the_versions_of_what_changed_are_asked_for(author: Person) -> None:
    author.edit("prompts/c.prompt.yml", "Nothing", "Little")
    author.commit("two")
    # A tag that leads to nothing that is here: git would stop at it.
    (author.cwd / ".git/refs/tags/a/v9.0.0").write_text("1" * 40 + "\n")
    assert [(row["id"], row["base_version"]) for row in rows(author, "HEAD~1..HEAD")] == [("c", "0.1.0")]


def test_a_file_that_has_the_name_of_a_revision_is_the_prompt(author: Person) -> None:
    author.write("prompts/main.prompt.yml", PROMPT.format(text="Main."))
    assert [row["id"] for row in rows(author, "main")] == ["main"]
    author.edit("prompts/c.prompt.yml", "Nothing", "Little")
    assert [row["id"] for row in rows(author, "HEAD")] == ["c", "main"]
    assert [row["id"] for row in rows(author, "--staged", "HEAD")] == []


def test_three_dots_compare_from_where_two_branches_parted(author: Person) -> None:
    author.git("branch", "mine")
    author.edit("prompts/c.prompt.yml", "Nothing shared.", "Nothing at all.")
    author.commit("on main")
    author.git("switch", "--quiet", "mine")
    author.edit("prompts/b.prompt.yml", "role: system", "role: user")
    author.commit("on mine")
    assert [row["id"] for row in rows(author, "main..mine")] == ["b", "c"]
    assert [row["id"] for row in rows(author, "main...mine")] == ["b"]
    assert [row["id"] for row in rows(author, "main...")] == ["b"]
    assert [row["id"] for row in rows(author, "...main")] == ["c"]
    assert rows(author, "main...mine", "a") == []
    assert "'x' names no commit" in author.onbook("diff", "main...x", exits=2)
    author.git("switch", "--quiet", "--orphan", "other")
    author.write("prompts/z.prompt.yml", PROMPT.format(text="z"))
    author.commit("another root")
    told = author.onbook("diff", "main...other", exits=2)
    assert "main and other have no commit in common here\n  compare main..other" in told


def test_a_list_of_an_older_commit_has_the_releases_of_its_day(author: Person) -> None:
    author.edit("prompts/c.prompt.yml", "Nothing shared.", "Nothing at all.")
    author.commit("two")
    author.onbook("release")

    def versions(*args: str) -> dict[str, str]:
        return {row["id"]: row["version"] for row in author.report("list", *args)["data"]["prompts"]}

    assert versions() == versions("--staged") == versions("--at", "HEAD") == {"a": "0.1.0", "b": "0.1.0", "c": "0.1.1"}
    assert versions("--at", "HEAD~1") == {"a": "0.1.0", "b": "0.1.0", "c": "0.1.0"}


def test_tags_of_other_things_hide_no_prompt_that_moved(author: Person) -> None:
    for number in range(120):
        author.git(
            "tag", f"{'annotated' if number % 2 else 'app'}{number}/v1.0.0", *(["-m", "x"] if number % 2 else [])
        )
    author.git("mv", "prompts/c.prompt.yml", "prompts/z.prompt.yml")
    author.commit("move")
    (row,) = rows(author)
    assert (row["id"], row["moved_from"]) == ("z", "c")
    report = author.report("check")
    assert [row["id"] for row in report["data"]["diff"]["prompts"]] == ["z"]
    assert not [each for check in report["checks"] for each in check["findings"] if each["rule"] == "OR101"]
