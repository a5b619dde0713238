"""Rules that look at releases: what they cost where nothing applies, and what a clone cannot tell them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onbook import bases
from onbook.bases import Bases
from onbook.lint import lint
from onbook.lint.workers import MIN_SHARED
from onbook.project import Catalog, Source
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.repo.tags import list_tags
from onbook.repo.worktree import WorkTree
from onbook.report import Report, Status
from onbook.rules.base import Hit
from onbook.rules.releases import VersionTooSmall
from support.git import Repo, clone, new_repo, release_by_hand

PLAIN = "messages: [{role: user, content: hello}]\n"
DECLARED = f"version: 1.0.0\n{PLAIN}"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    found = new_repo(tmp_path / "repo")
    found.commit({f"prompts/{name}.prompt.yml": PLAIN for name in "abc"})
    release_by_hand(found, "a", "1.4.0")
    found.commit({"README.md": "hello\n"})
    return found


@pytest.fixture
def listings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One entry for each time that the tags were listed."""
    found: list[object] = []

    def counted(*args: object, **options: object) -> object:
        found.append(options)
        return list_tags(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(bases, "list_tags", counted)
    return found


def linted(repo: Repo, *, keep: bool = False) -> Report:
    return lint(Catalog(WorkTree(Repository.discover(repo.path))), keep=keep)


def rules(report: Report) -> list[str]:
    return [finding.rule for finding in report.findings if finding.rule.startswith(("ON000", "ON6"))]


def test_tags_are_listed_once_and_only_where_a_rule_applies(repo: Repo, listings: list[object]) -> None:
    assert rules(linted(repo)) == []
    assert listings == []
    repo.commit({f"prompts/{name}.prompt.yml": DECLARED for name in "abc"})
    assert rules(linted(repo)) == ["ON603"]
    assert len(listings) == 1


def test_a_release_counts_at_once_whatever_is_remembered(repo: Repo) -> None:
    repo.commit({"prompts/b.prompt.yml": DECLARED})
    assert rules(linted(repo, keep=True)) == []
    release_by_hand(repo, "b", "1.1.0")
    assert rules(linted(repo, keep=True)) == ["ON603"]
    repo.git("tag", "--delete", "b/v1.1.0")
    assert rules(linted(repo, keep=True)) == []


def test_a_shallow_clone_is_told_only_where_a_rule_applies(repo: Repo, tmp_path: Path) -> None:
    url = f"file://{repo.path}"
    shallow = clone(url, tmp_path / "plain", "--depth=1")
    assert linted(shallow).status is Status.PASSED
    repo.commit({"prompts/b.prompt.yml": DECLARED})
    shallow = clone(url, tmp_path / "declared", "--depth=1")
    report = linted(shallow)
    assert report.status is Status.UNCHECKED
    assert [check.prompt for check in report.checks if check.status is Status.UNCHECKED] == ["b"]
    (first, *_) = (finding for finding in report.findings if finding.rule == "ON000")
    assert first.message.startswith("rule ON601 could not check this prompt: the base release of b cannot be told")
    assert "--unshallow" in first.message
    shallow.git("fetch", "--quiet", "--unshallow", "--tags")
    assert linted(shallow).status is Status.PASSED


def test_an_older_commit_is_measured_from_itself(repo: Repo) -> None:
    repo.commit({"prompts/a.prompt.yml": f"version: 1.4.0\n{PLAIN}"})
    repo.commit({"prompts/a.prompt.yml": f"version: 1.5.0\n{PLAIN.replace('hello', 'bye')}"})
    release_by_hand(repo, "a", "1.5.0")
    found = Repository.discover(repo.path)
    assert rules(lint(Catalog(Commit(found, "HEAD~1")))) == []
    repo.commit({"prompts/a.prompt.yml": f"version: 1.4.0\n{PLAIN}"})
    assert rules(linted(repo)) == ["ON603"]


def test_what_was_released_and_cannot_be_read_is_told_for_that_prompt_alone(repo: Repo) -> None:
    repo.commit({"prompts/b.prompt.yml": "messages: 7\n"})
    release_by_hand(repo, "b", "1.0.0")
    repo.commit({f"prompts/{name}.prompt.yml": DECLARED.replace("1.0.0", "2.0.0") for name in "ab"})
    report = linted(repo)
    assert [check.prompt for check in report.checks if check.status is Status.UNCHECKED] == ["b"]
    assert "the older version" in next(f.message for f in report.findings if f.rule == "ON000")


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that ON601 compared with their releases, as lint goes on."""
    found: list[str] = []
    real = VersionTooSmall.since

    def since(rule: VersionTooSmall, source: Source, catalog: Catalog, known: Bases | None) -> Iterator[Hit]:
        found.append(source.id)
        return real(rule, source, catalog, known)

    monkeypatch.setattr(VersionTooSmall, "since", since)
    return found


def _again(repo: Repo, compared: list[str], ids: str) -> Report:
    """Lint as it keeps, and as it does not: the same, and only some prompts were compared anew."""
    compared.clear()
    report = linted(repo, keep=True)
    assert "".join(sorted(compared)) == ids
    assert linted(repo) == report
    return report


def test_what_was_found_counts_until_a_file_or_a_base_is_another(repo: Repo, compared: list[str]) -> None:
    repo.commit({f"prompts/{name}.prompt.yml": DECLARED for name in "abc"})
    release_by_hand(repo, "b", "1.0.0")
    assert rules(_again(repo, compared, "abc")) == ["ON603"]
    assert rules(_again(repo, compared, "")) == ["ON603"]
    repo.write("prompts/b.prompt.yml", DECLARED.replace("hello", "bye"))
    assert rules(_again(repo, compared, "b")) == ["ON603", "ON601"]
    repo.git("commit", "-qam", "another HEAD, and the same bases")
    _again(repo, compared, "")
    release_by_hand(repo, "c", "1.0.0")
    _again(repo, compared, "c")
    repo.write_tag("b/v1.0.0.yanked", "never mind")
    assert rules(_again(repo, compared, "")) == ["ON603", "ON601"]  # what was withdrawn was still released
    repo.git("tag", "--delete", "b/v1.0.0")
    repo.git("tag", "--delete", "a/v1.4.0")
    assert rules(_again(repo, compared, "ab")) == []


def test_the_configuration_counts_as_a_whole(repo: Repo, compared: list[str]) -> None:
    repo.commit({"prompts/b.prompt.yml": DECLARED})
    _again(repo, compared, "b")
    repo.write("onbook.toml", 'readers = "strict"\n')
    _again(repo, compared, "b")
    _again(repo, compared, "")


def test_what_could_not_be_compared_is_not_kept(repo: Repo, compared: list[str]) -> None:
    repo.commit({"prompts/b.prompt.yml": "messages: 7\n"})
    release_by_hand(repo, "b", "1.0.0")
    repo.commit({f"prompts/{name}.prompt.yml": DECLARED.replace("1.0.0", "2.0.0") for name in "ab"})
    for ids in ("ab", "b", "b"):
        assert _again(repo, compared, ids).status is Status.UNCHECKED


def test_several_processes_compare_and_say_the_same(repo: Repo) -> None:
    names = [f"many/p{number:03}" for number in range(MIN_SHARED + 20)]
    repo.commit({f"prompts/{name}.prompt.yml": DECLARED for name in names})
    for name in names[::3]:
        release_by_hand(repo, name, "1.0.0")
        repo.write(f"prompts/{name}.prompt.yml", DECLARED.replace("hello", "bye"))
    one = linted(repo)
    assert rules(one).count("ON601") == len(names[::3])
    assert lint(Catalog(WorkTree(Repository.discover(repo.path))), jobs=2) == one
    assert lint(Catalog(WorkTree(Repository.discover(repo.path))), jobs=2, keep=True) == one
    assert linted(repo, keep=True) == one
