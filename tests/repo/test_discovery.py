"""Which repository this is, from wherever it is asked, and what its revisions are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from onbook.errors import OnbookError, UsageError
from onbook.repo import Repository
from onbook.repo.snapshot import Commit, Index
from onbook.repo.worktree import WorkTree
from support.git import Repo, clone, new_repo
from support.places import three


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return new_repo(tmp_path / "repo")


def test_from_a_subfolder_and_from_another_work_tree(repo: Repo, tmp_path: Path) -> None:
    repo.commit({"prompts/a/f": "f", "g": "g"})
    for snapshot in three(repo, "prompts/a"):
        assert set(snapshot.entries("prompts")) == {"prompts/a/f"}
        assert snapshot.read("g") == b"g"
    linked = tmp_path / "linked"
    repo.git("worktree", "add", "--quiet", "-b", "other", str(linked))
    (linked / "prompts/a/f").write_text("edited")
    found = Repository.discover(linked / "prompts")
    assert (found.root, found.git_dir) == (linked, repo.path / ".git")
    assert WorkTree(found).read("prompts/a/f") == b"edited"
    assert Index(found).read("prompts/a/f") == b"f"


def test_a_bare_repository_and_a_git_folder(repo: Repo, tmp_path: Path) -> None:
    repo.commit({"prompts/f": "f"})
    bare = clone(repo.path, tmp_path / "bare.git", "--bare")
    for place in (bare.path, repo.path / ".git", repo.path / ".git" / "refs"):
        found = Repository.discover(place)
        assert found.bare
        assert Commit(found, "HEAD").read("prompts/f") == b"f"
        for kind in (WorkTree, Index):
            with pytest.raises(UsageError, match="work tree"):
                kind(found)


def test_without_commits_detached_and_unknown_revisions(repo: Repo) -> None:
    repo.write("prompts/f", "f")
    found = Repository.discover(repo.path)
    assert found.head is None
    assert WorkTree(found).read("prompts/f") == b"f"
    assert not Index(found).entries("prompts")
    with pytest.raises(UsageError, match="no commits yet"):
        Commit(found, "HEAD")
    first = repo.commit()
    repo.commit({"prompts/f": "g"})
    repo.git("checkout", "--quiet", "--detach", first)
    assert Commit(Repository.discover(repo.path), "HEAD").name == first
    for revision in ("nope", "--help", "", "HEAD:prompts", "HEAD^{tree}"):
        with pytest.raises(UsageError, match="names no commit"):
            Commit(Repository.discover(repo.path), revision)


def test_a_shallow_clone_says_how_to_get_more(repo: Repo, tmp_path: Path) -> None:
    first = repo.commit({"prompts/f": "f"})
    repo.commit({"prompts/f": "g"})
    shallow = clone(f"file://{repo.path}", tmp_path / "shallow", "--depth=1")
    found = Repository.discover(shallow.path)
    assert found.shallow
    assert Commit(found, "HEAD").read("prompts/f") == b"g"
    with pytest.raises(UsageError, match="unshallow"):
        Commit(found, first)


def test_no_repository_no_folder_and_somebody_elses(
    tmp_path: Path, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for place, told in (("nowhere", "no such folder"), ("file", "no such folder"), (".", "no git repository")):
        with pytest.raises(UsageError, match=told):
            Repository.discover(tmp_path / place)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(OnbookError, match="dubious ownership"):
        Repository.discover(repo.path)


def test_what_a_hook_exports(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit({"prompts/f": "f"})
    other = new_repo(tmp_path / "other")
    other.commit({"prompts/f": "other"})
    # `git commit -a` runs its hooks with an index of their own.
    repo.write("prompts/f", "edited")
    env = {"GIT_INDEX_FILE": str(repo.path / ".git/next-index")}
    repo.git("read-tree", "HEAD", env=env)
    repo.git("add", "prompts/f", env=env)
    monkeypatch.chdir(repo.path)
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/next-index")
    found = Repository.discover(Path.cwd())
    assert Index(found).read("prompts/f") == b"edited"
    assert Commit(found, "HEAD").read("prompts/f") == b"f"
    # Another repository is not taken for this one.
    there = Repository.discover(other.path)
    assert there.root == other.path
    assert [snapshot.read("prompts/f") for snapshot in (WorkTree(there), Index(there), Commit(there, "HEAD"))] == [
        b"other"
    ] * 3
    # A git directory that is named from a subfolder, by relative paths.
    monkeypatch.chdir(repo.path / "prompts")
    monkeypatch.setenv("GIT_DIR", "../.git")
    monkeypatch.setenv("GIT_WORK_TREE", "..")
    monkeypatch.delenv("GIT_INDEX_FILE")
    found = Repository.discover(Path.cwd())
    assert found.root == repo.path
    assert Index(found).read("prompts/f") == b"f"
    assert WorkTree(found).read("prompts/f") == b"edited"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_disk_that_is_full_is_told_with_what_to_do(repo: Repo) -> None:
    repo.commit({"f": "f"})
    with pytest.raises(OnbookError, match=r"git archive failed: .*No space left on device") as caught:
        Repository.discover(repo.path).git("archive", "--output=/dev/full", "HEAD")
    assert caught.value.hint == "make room, and run the command again"


def test_folders_with_any_name(tmp_path: Path) -> None:
    repo = new_repo(tmp_path / "a\n\nb 'c\\")
    repo.commit({"prompts/x/y": "y"})
    below = repo.path / "prompts/x\nz"
    below.mkdir()
    for start in (repo.path, below):
        found = Repository.discover(start)
        assert (found.root, found.git_dir, found.bare) == (repo.path, repo.path / ".git", False)
    bare = clone(repo.path, tmp_path / "bare\none", "--bare")
    found = Repository.discover(bare.path)
    assert (found.root, found.git_dir, found.bare) == (bare.path, bare.path, True)
    assert Commit(found, "HEAD").read("prompts/x/y") == b"y"
