"""Work tree, index and commit hold the same bytes, modes and paths, whatever git does to them on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onbook.errors import UsageError
from onbook.repo import Repository, SnapshotError
from onbook.repo.snapshot import SUBMODULE, SYMLINK, Index
from onbook.repo.worktree import WorkTree
from support.git import PROMPT, Repo, new_repo
from support.places import agree, contents, three

ODD = [
    "with space.md", "n\u00e4me-\u4e2d.md", "new\nline.md", "-leading.md", ":(top)x", ":!x", "*", "[a]", "a?b",
    "tab\t.md", 'quo"te', "back\\slash",
]  # fmt: skip


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return new_repo(tmp_path / "repo")


def test_plain_files_modes_and_odd_names(repo: Repo) -> None:
    repo.commit({f"prompts/{name}": f"text of {name!r}" for name in ODD})
    repo.write("prompts/run.sh", "x").chmod(0o755)
    repo.commit({"other/y": "y", "prompts2/z": "z"})
    found = agree(repo)
    assert set(found) == {f"prompts/{name}" for name in [*ODD, "run.sh"]}
    assert found["prompts/run.sh"] == ("100755", b"x")
    assert set(agree(repo, "")) == {*found, "other/y", "prompts2/z"}


@pytest.mark.parametrize("folder", ["*", ":(top)x", "a b", "-x", "[ab]", "\u00e4"])
def test_a_folder_named_like_a_pattern(repo: Repo, folder: str) -> None:
    repo.commit({f"{folder}/f": "right", "a/f": "wrong", "x/f": "wrong", "top/f": "wrong"})
    assert agree(repo, folder) == {f"{folder}/f": ("100644", b"right")}


@pytest.mark.parametrize("extra", ["GIT_GLOB_PATHSPECS", "GIT_ICASE_PATHSPECS", "GIT_NOGLOB_PATHSPECS"])
def test_whatever_the_shell_says_of_patterns(repo: Repo, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit({"prompts/*": "star", "prompts/x": "x"})
    monkeypatch.setenv(extra, "1")
    assert len(agree(repo)) == 2


def test_untracked_ignored_deleted_renamed_and_staged(repo: Repo) -> None:
    repo.commit({f"prompts/{name}": name for name in ("kept", "gone", "old", "edited", "staged-gone")})
    repo.write(".gitignore", "ignored\n")
    repo.write("prompts/ignored", "no")
    repo.write("prompts/untracked", "new")
    (repo.path / "prompts/gone").unlink()
    repo.git("mv", "prompts/old", "prompts/renamed")
    repo.git("rm", "-q", "prompts/staged-gone")
    repo.write("prompts/edited", "staged")
    repo.git("add", "prompts/edited")
    repo.write("prompts/edited", "and edited")
    tree, index, commit = (
        {p.removeprefix("prompts/"): data.decode() for p, (_, data) in contents(snapshot).items()}
        for snapshot in three(repo)
    )
    assert tree == {"kept": "kept", "edited": "and edited", "renamed": "old", "untracked": "new"}
    assert index == {"kept": "kept", "gone": "gone", "edited": "staged", "renamed": "old"}
    assert commit == {name: name for name in ("kept", "gone", "old", "edited", "staged-gone")}
    for listed in (True, False):
        tree_ = WorkTree(Repository.discover(repo.path))
        if listed:
            tree_.entries("prompts")
        for path in ("prompts/ignored", "prompts/gone", ".git/config", "prompts", "", "../repo/prompts/kept"):
            assert tree_.entry(path) is None, path


def test_intent_to_add_is_in_no_commit(repo: Repo) -> None:
    repo.commit({"prompts/empty": "", "prompts/a": "a"})
    repo.write("prompts/new", "n")
    repo.git("add", "--intent-to-add", "prompts/new")
    tree, index, commit = three(repo)
    assert set(tree.entries("prompts")) == {"prompts/empty", "prompts/a", "prompts/new"}
    assert set(index.entries("prompts")) == set(commit.entries("prompts"))
    assert index.entry("prompts/new") is None


def test_links_and_submodules_are_listed_and_not_read(repo: Repo, tmp_path: Path) -> None:
    other = new_repo(tmp_path / "other")
    other.commit({"f": "f"})
    (tmp_path / "secret").write_text("secret")
    repo.commit({"prompts/real/f": "f", "prompts/folder/f": "f"})
    (repo.path / "prompts/link").symlink_to("real/f")
    (repo.path / "prompts/away").symlink_to(tmp_path / "secret")
    (repo.path / "prompts/linked").symlink_to("real")
    (repo.path / "prompts/loop").symlink_to("loop")
    repo.git("submodule", "--quiet", "add", str(tmp_path / "other"), "prompts/sub")
    repo.commit()
    found = agree(repo)
    assert {path: mode for path, (mode, _) in found.items() if mode not in ("100644",)} == {
        "prompts/link": SYMLINK,
        "prompts/away": SYMLINK,
        "prompts/linked": SYMLINK,
        "prompts/loop": SYMLINK,
        "prompts/sub": SUBMODULE,
    }
    for snapshot in three(repo):
        for path, told in (
            ("prompts/link", "symbolic link"),
            ("prompts/sub", "submodule"),
            ("prompts/none", "no such"),
        ):
            with pytest.raises(SnapshotError, match=told):
                snapshot.read(path)
        assert snapshot.entry("prompts/linked/f") is None
        assert snapshot.entry("prompts/sub/f") is None


def test_a_tracked_folder_replaced_by_a_link_is_gone(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/f").write_text("secret")
    repo.commit({"prompts/sub/f": "f", "prompts/g": "g"})
    (repo.path / "prompts/sub/f").unlink()
    (repo.path / "prompts/sub").rmdir()
    (repo.path / "prompts/sub").symlink_to(tmp_path / "outside")
    tree = WorkTree(Repository.discover(repo.path))
    assert set(tree.entries("prompts")) == {"prompts/g", "prompts/sub"}
    assert WorkTree(Repository.discover(repo.path)).entry("prompts/sub/f") is None


def test_a_file_that_something_else_replaced_is_not_waited_for(repo: Repo) -> None:
    repo.commit({"prompts/a": "a", "prompts/b": "b"})
    tree = WorkTree(Repository.discover(repo.path))
    tree.entries("prompts")
    (repo.path / "prompts/a").unlink()
    os.mkfifo(repo.path / "prompts/a")
    (repo.path / "prompts/b").unlink()
    for path in ("prompts/a", "prompts/b"):
        with pytest.raises(SnapshotError) as caught:
            tree.read(path)
        assert "cannot be read" in caught.value.message


def test_modes_where_the_file_system_has_none(repo: Repo) -> None:
    repo.write("prompts/run", "x").chmod(0o755)
    repo.commit({"prompts/plain": "p"})
    repo.git("config", "core.fileMode", "false")
    (repo.path / "prompts/run").chmod(0o644)
    (repo.path / "prompts/plain").chmod(0o755)
    agree(repo)


def test_a_sparse_checkout_has_not_lost_what_it_leaves_out(repo: Repo) -> None:
    repo.commit({"prompts/a/f": "f", "prompts/b/f": "g"})
    repo.git("sparse-checkout", "set", "prompts/a")
    assert not (repo.path / "prompts/b/f").exists()
    tree, _, commit = three(repo)
    assert contents(tree) == contents(commit)


def test_an_unmerged_index(repo: Repo) -> None:
    repo.commit({"prompts/f": "base\n", "other": "base\n"})
    repo.git("checkout", "--quiet", "-b", "side")
    repo.commit({"prompts/f": "side\n", "other": "side\n"})
    repo.git("checkout", "--quiet", "main")
    repo.commit({"prompts/f": "main\n", "other": "main\n"})
    repo.git("merge", "--quiet", "side", fails=True)
    tree, index, _ = three(repo)
    assert b"<<<<<<<" in tree.read("prompts/f")
    with pytest.raises(UsageError, match="unmerged"):
        index.entries("prompts")
    # Elsewhere in the repository it is nobody's business here.
    repo.git("add", "prompts/f")
    repo.write("onbook.toml", "")
    assert Index(Repository.discover(repo.path)).entries("prompts")
    assert Index(Repository.discover(repo.path)).entry("onbook.toml") is None


def test_names_that_are_not_utf8(repo: Repo) -> None:
    name = os.fsdecode(b"prompts/\xff.prompt.yml")
    repo.commit({name: PROMPT})
    for snapshot in three(repo):
        assert name in snapshot.entries("prompts")
        with pytest.raises(SnapshotError, match="not UTF-8") as caught:
            snapshot.read(name)
        str(caught.value).encode()


def test_a_child_process_has_pipes_of_its_own(repo: Repo) -> None:
    repo.commit({f"prompts/{number}": f"text {number}" for number in range(200)})
    done = subprocess.run([sys.executable, "-c", FORKING], cwd=repo.path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


FORKING = """
import os, pathlib
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
commit = Commit(Repository.discover(pathlib.Path.cwd()), "HEAD")
assert commit.read("prompts/0") == b"text 0"
child = os.fork()
wrong = any(commit.read(f"prompts/{number}") != f"text {number}".encode() for number in range(200))
if not child:
    os._exit(wrong)
assert os.waitpid(child, 0)[1] == 0 and not wrong
assert commit.read("prompts/1") == b"text 1"
"""


def test_what_stands_beside_a_file_is_told_of_its_neighbours_apart(repo: Repo) -> None:
    names = ("a.md", "a.x.md", "a-b.md", "a/c.md", "a.d/e.md", "a0.md", "ab.suite.yml", "b.md")
    repo.commit({f"prompts/{name}": name for name in names})
    endings = (".md", ".suite.yml", ".x.md")
    for snapshot in three(repo):
        for listed in (False, True):
            if listed:
                snapshot.entries("prompts")
            told = {name: sorted(snapshot.standing(f"prompts/{name}", endings)) for name in ("a", "ab", "a.x", "z")}
            assert told == {"a": [".md", ".x.md"], "ab": [".suite.yml"], "a.x": [".md"], "z": []}, snapshot.name
