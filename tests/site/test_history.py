"""Releases as their tags tell them."""

from __future__ import annotations

from pathlib import Path

import pytest

from onbook.repo import Repository
from onbook.repo.tags import list_tags, read_tags
from onbook.site.history import MAX_LINES, MAX_TEXT, Note, counts_of, latest, releases
from support.console import Person
from support.git import PROMPT, Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    found = Repo(tmp_path / "r")
    found.path.mkdir()
    found.git("init", "--quiet")
    found.commit({"prompts/a.prompt.yml": PROMPT}, "A first prompt")
    Person(found.path).onbook("release")
    found.commit({"prompts/a.prompt.yml": PROMPT.replace("You sort", "You quickly sort")}, "Be quick <b>")
    Person(found.path).onbook("release")
    return found


def opened(repo: Repo) -> Repository:
    return Repository.discover(repo.path)


def test_what_was_not_run_is_no_failure() -> None:
    told = ("3 passed", "3 passed, 1 missing", "3 passed, 1 missing, 1 errors", "2 failed")
    assert [(found := counts_of(each)) and found.verdict for each in told] == ["good", "warn", "bad", "bad"]


def test_newest_first_with_what_changed(repo: Repo) -> None:
    here = opened(repo)
    refs = list_tags(here)
    two, one = releases(here, refs, read_tags(here, refs))
    assert (str(two.version), two.bump, two.on, two.by) == ("0.1.1", "minor", "2023-11-14", "Onbook Tests")
    assert [note.kind for note in two.notes] == ["change", "commit"]
    assert (two.notes[0].mark, two.notes[0].rule[:2]) == ("minor", "OD")
    assert two.notes[1].text == "Be quick <b>"
    assert (str(one.version), one.bump, one.tests) == ("0.1.0", "initial", None)
    # Read together or one by one is the same.
    assert releases(here, refs, {}) == (two, one)


def test_what_was_withdrawn_is_told_and_not_chosen(repo: Repo) -> None:
    Person(repo.path).onbook("yank", "a", "0.1.1", "--reason", "It was wrong")
    here = opened(repo)
    two, one = releases(here, list_tags(here), {})
    assert (two.withdrawn, one.withdrawn) == ("It was wrong", None)
    found = latest(here, list_tags(here), {})
    assert found
    assert str(found.version) == "0.1.0"


def test_a_tag_that_is_no_release_is_told_and_passed_over(repo: Repo) -> None:
    repo.git("tag", "a/v9.0.0")
    repo.write_tag("a/v8.0.0", "by hand\n")
    repo.git("update-ref", "refs/tags/a/v7.0.0", "refs/tags/a/v0.1.1")
    here = opened(repo)
    nine, eight, seven, two, _ = releases(here, list_tags(here), read_tags(here, list_tags(here)))
    assert nine.fault == "this is a lightweight tag; releases are annotated tags"
    assert "was not written by onbook" in eight.fault
    assert "it was copied" in seven.fault
    found = latest(here, list_tags(here), {})
    assert found == two


def test_notes_are_bounded_and_on_one_line_each(repo: Repo) -> None:
    raw = repo.git("cat-file", "tag", "a/v0.1.1").partition("\n\n")[2]
    trailers = raw[raw.index("Onbook-Digest") :]
    lines = "\n".join(["- major OD301 " + "x" * 5000, "- x\x1b[31my", *(f"- line {number}" for number in range(500))])
    repo.write_tag("a/v0.2.0", f"title\n\n{lines}\n\n{trailers}\n")
    here = opened(repo)
    notes = releases(here, list_tags(here), {})[0].notes
    assert len(notes) == MAX_LINES + 1
    assert notes[0].kind == "change"
    assert len(notes[0].text) <= MAX_TEXT
    assert notes[1] == Note("text", "x\ufffd[31my")
    assert notes[-1].text == "and 442 lines more, in the tag's message"


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        ("12 passed", (12, 12)),
        ("14 passed, 3 xfailed", (14, 14)),
        ("10 passed, 1 failed, 2 errors, 3 missing, 1 doubted", (10, 16)),
        ("3 failed", (0, 3)),
        ("no cases", None),
        ("none", None),
        ("not run", None),
        ("0 passed", None),
        ("", None),
        ("x" * 1_000_000, None),
    ],
)
def test_the_numbers_of_tests(told: str, counts: tuple[int, int] | None) -> None:
    found = counts_of(told)
    assert (found and (found.passed, found.total)) == counts
