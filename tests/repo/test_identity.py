"""What stands at a path is told without reading it: git's own id of the bytes that reading would give."""

from __future__ import annotations

from pathlib import Path

import pytest

from onbook.project import Catalog
from onbook.repo import Repository
from onbook.repo.snapshot import SYMLINK, Index
from onbook.repo.worktree import WorkTree
from support.git import PROMPT, Repo, new_repo
from support.places import three


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return new_repo(tmp_path / "repo")


def test_an_identity_is_that_of_the_bytes_that_are_read(repo: Repo) -> None:
    repo.commit({f"prompts/{name}": f"text {name}" for name in ("a", "b", "c", "gone", "same", "trusted")})
    repo.git("update-index", "--assume-unchanged", "prompts/trusted")
    before = WorkTree(Repository.discover(repo.path))
    known = {path: before.identity(path) for path in before.entries("prompts")}
    repo.write("prompts/b", "text B")  # of the same size, within the same second as the index
    repo.write("prompts/trusted", "text TRUSTED")
    repo.write("prompts/new", "new")
    repo.write("prompts/same", "other")
    repo.write("prompts/same", "text same")
    (repo.path / "prompts/c").chmod(0o755)
    (repo.path / "prompts/gone").unlink()
    after = WorkTree(Repository.discover(repo.path))
    found = {path: after.identity(path) for path in [*known, "prompts/new"]}
    assert found["prompts/gone"] == ""
    changed = {path for path in found if found[path] != known.get(path)}
    assert changed == {f"prompts/{name}" for name in ("b", "c", "gone", "new", "trusted")}
    for path, identity in found.items():
        entry = after.entry(path)
        assert entry is None or identity == after.identity_of(entry, after.read(path))


@pytest.mark.parametrize("format", ["sha1", "sha256"])
def test_an_identity_is_gits_own(tmp_path: Path, format: str) -> None:
    repo = new_repo(tmp_path / format, f"--object-format={format}")
    repo.commit({"prompts/a": "a", "prompts/b": "b"})
    repo.write("prompts/b", "changed")
    blob = repo.blob(b"changed")
    tree = WorkTree(Repository.discover(repo.path))
    tree.entries("prompts")
    assert tree.identity("prompts/b") == f"100644 {blob}"
    repo.git("add", "--all")
    assert Index(Repository.discover(repo.path)).identity("prompts/b") == f"100644 {blob}"


def test_what_a_link_leads_to_has_no_identity_here(repo: Repo, tmp_path: Path) -> None:
    repo.commit({"prompts/sub/a": "a", "prompts/b": "b"})
    (repo.path / "prompts/sub").rename(tmp_path / "moved")
    (repo.path / "prompts/sub").symlink_to(tmp_path / "moved")
    tree = WorkTree(Repository.discover(repo.path))
    assert tree.identity("prompts/sub/a") == ""
    assert tree.identity("prompts/sub") == SYMLINK


def test_digests_agree(repo: Repo) -> None:
    repo.git("config", "core.autocrlf", "true")
    repo.commit({"prompts/support/triage.prompt.yml": PROMPT.replace("\n", "\r\n")})
    digests = {Catalog(snapshot).find("support/triage").digest for snapshot in three(repo)}
    assert len(digests) == 1
