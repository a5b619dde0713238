"""What a change is compared with: from the event, by the merge base, and never by a guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from onbook.errors import OnbookError, UsageError
from onbook.gate import Base, Event, find_base, read_event
from onbook.repo import Repository
from support.git import Repo, clone, new_repo
from support.pulls import actions, pull_request


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """main: 0, 1, 2; change parted at 1 and has one commit; change is checked out."""
    found = new_repo(tmp_path / "r", "--initial-branch=main")
    found.commit({"a": "0"})
    found.commit({"a": "1"})
    found.git("branch", "change")
    found.commit({"a": "2"})
    found.git("checkout", "--quiet", "change")
    found.commit({"b": "1"})
    return found


def base(repo: Repo, **options: Any) -> Base:
    return find_base(Repository.discover(repo.path), **options)


def of(path: Path, name: str, event: object) -> Event:
    found = read_event(actions(path, name, event))
    assert found
    return found


def test_a_named_revision_means_where_the_branches_parted(repo: Repo) -> None:
    assert base(repo, named="main").commit == repo.git("rev-parse", "main~1")
    with pytest.raises(UsageError, match="'nowhere' names no commit"):
        base(repo, named="nowhere")


def test_nothing_named_means_the_releases(repo: Repo) -> None:
    assert base(repo) == Base(None, "the latest release of each prompt")
    assert read_event({}) is None


def test_a_pull_request(repo: Repo, tmp_path: Path) -> None:
    event = of(tmp_path / "e", "pull_request", pull_request(repo))
    assert not event.fork
    assert base(repo, event=event).commit == repo.git("rev-parse", "main~1")
    assert of(tmp_path / "e", "pull_request", pull_request(repo, fork=True)).fork
    gone = pull_request(repo)
    gone["pull_request"]["head"]["repo"] = None
    assert of(tmp_path / "e", "pull_request", gone).fork


def test_the_test_merge_is_compared_with_its_first_parent(repo: Repo, tmp_path: Path) -> None:
    """The target may have moved since the event was sent: what came with it is not the pull request's."""
    stale = pull_request(repo, base="main~1")
    change = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "main")
    repo.git("merge", "--quiet", "--no-ff", "--no-edit", change)
    found = base(repo, event=of(tmp_path / "e", "pull_request", stale))
    assert found.commit == repo.git("rev-parse", "main~1")
    assert "test merge" in found.by


def test_what_is_checked_out_must_be_the_pull_request(repo: Repo, tmp_path: Path) -> None:
    event = of(tmp_path / "e", "pull_request", pull_request(repo))
    repo.git("checkout", "--quiet", "main")
    with pytest.raises(OnbookError, match="does not have the pull request's head"):
        base(repo, event=event)


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("push", {"before": "{main~1}", "forced": False}),
        ("merge_group", {"merge_group": {"base_sha": "{main~1}"}}),
    ],
)
def test_pushes_and_merge_queues(repo: Repo, tmp_path: Path, name: str, event: dict[str, Any]) -> None:
    commit = repo.git("rev-parse", "main~1")
    filled = {key: {"base_sha": commit} if isinstance(value, dict) else value for key, value in event.items()}
    filled = {key: commit if value == "{main~1}" else value for key, value in filled.items()}
    assert base(repo, event=of(tmp_path / "e", name, filled)).commit == commit


@pytest.mark.parametrize("event", [{"before": "0" * 40}, {"before": "a" * 40, "forced": True}])
def test_a_new_branch_and_a_forced_push_have_the_releases(repo: Repo, tmp_path: Path, event: object) -> None:
    assert base(repo, event=of(tmp_path / "e", "push", event)).commit is None
    assert base(repo, event=of(tmp_path / "e", "schedule", {})).commit is None


def test_a_commit_that_is_not_here_is_no_base(repo: Repo, tmp_path: Path) -> None:
    with pytest.raises(OnbookError, match="is not in this clone") as caught:
        base(repo, event=of(tmp_path / "e", "push", {"before": "a" * 40}))
    assert "fetch-depth: 0" in str(caught.value)


def test_a_shallow_clone_is_told_how_to_deepen(repo: Repo, tmp_path: Path) -> None:
    shallow = clone(f"file://{repo.path}", tmp_path / "s", "--depth=1", "--branch=change")
    for options in ({}, {"named": "HEAD"}, {"event": of(tmp_path / "e", "pull_request", pull_request(repo))}):
        with pytest.raises(OnbookError, match="history of this clone is cut off") as caught:
            base(shallow, **options)
        assert "`fetch-depth: 0`" in str(caught.value)
        assert caught.value.exit_code == 3


def test_branches_without_a_common_history(repo: Repo) -> None:
    repo.git("checkout", "--quiet", "--orphan", "other")
    repo.commit({"c": "1"})
    with pytest.raises(OnbookError, match="no history in common"):
        base(repo, named="main")


HOSTILE = [
    {},
    [],
    None,
    {"pull_request": None},
    {"pull_request": {"base": {"sha": "--upload-pack=x"}, "head": {"sha": "a" * 40}}},
    {"pull_request": {"base": {"sha": "HEAD"}, "head": {"sha": "a" * 40}}},
    {"pull_request": {"base": {"sha": ["a" * 40]}, "head": {"sha": "a" * 40}}},
    {"pull_request": {"base": {"sha": "a" * 40, "repo": {}}, "head": {"sha": "a" * 40}}},
]


@pytest.mark.parametrize("event", HOSTILE)
def test_an_event_that_says_nothing_is_an_error(tmp_path: Path, event: object) -> None:
    with pytest.raises(OnbookError, match="event file does not say") as caught:
        of(tmp_path / "e", "pull_request", event)
    assert caught.value.exit_code == 3


def test_an_event_file_that_cannot_be_read(tmp_path: Path) -> None:
    env = actions(tmp_path / "e", "pull_request", {})
    for text in ("", "{", "[" * 100_000):
        Path(env["GITHUB_EVENT_PATH"]).write_text(text, "utf-8")
        with pytest.raises(OnbookError, match="event file cannot be read"):
            read_event(env)
    for path in ("", str(tmp_path / "none"), str(tmp_path)):
        with pytest.raises(OnbookError, match="event file cannot be read"):
            read_event({**env, "GITHUB_EVENT_PATH": path})


def test_pull_request_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnbookError, match="nothing of it would be looked at"):
        of(tmp_path / "e", "pull_request_target", {})
