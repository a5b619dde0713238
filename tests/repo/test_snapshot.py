"""Work tree, index and commit hold the same bytes, modes and paths, whatever git does to them on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onbook.errors import OnbookError, UsageError
from onbook.project import Catalog
from onbook.repo import Repository, Snapshot, SnapshotError
from onbook.repo.snapshot import SUBMODULE, SYMLINK, Commit, Index
from onbook.repo.worktree import WorkTree
from support.git import PROMPT, Repo, clone, new_repo

ODD = [
    "with space.md", "n\u00e4me-\u4e2d.md", "new\nline.md", "-leading.md", ":(top)x", ":!x", "*", "[a]", "a?b",
    "tab\t.md", 'quo"te', "back\\slash",
]  # fmt: skip


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return new_repo(tmp_path / "repo")


def three(repo: Repo, start: str = "") -> list[Snapshot]:
    found = Repository.discover(repo.path / start)
    return [WorkTree(found), Index(found), Commit(found, "HEAD")]


def contents(snapshot: Snapshot, folder: str = "prompts") -> dict[str, tuple[str, bytes]]:
    entries = snapshot.entries(folder).values()
    return {e.path: (e.mode, snapshot.read(e.path) if e.is_regular else b"") for e in entries}


def agree(repo: Repo, folder: str = "prompts") -> dict[str, tuple[str, bytes]]:
    tree, index, commit = (contents(snapshot, folder) for snapshot in three(repo))
    assert tree == index == commit
    # The same one by one, without listing the folder first.
    for snapshot in three(repo):
        for path, (mode, data) in commit.items():
            entry = snapshot.entry(path)
            assert entry
            assert entry.mode == mode
            assert not entry.is_regular or snapshot.read(path) == data
    # And what stands there is told alike, before it is read and after.
    for path in commit:
        assert len({snapshot.identity(path) for snapshot in three(repo)}) == 1, path
    return commit


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


@pytest.mark.parametrize(
    ("attributes", "config"),
    [
        ("* text=auto eol=crlf\n", {}),
        ("* text eol=crlf\n", {}),
        ("", {"core.autocrlf": "true"}),
        ("", {"core.autocrlf": "input", "core.safecrlf": "true"}),
        ("* -text\n", {"core.autocrlf": "true"}),
    ],
)
def test_line_ends(repo: Repo, attributes: str, config: dict[str, str]) -> None:
    repo.commit({".gitattributes": attributes})
    for key, value in config.items():
        repo.git("config", key, value)
    if config.get("core.safecrlf"):
        repo.commit({"prompts/lf": b"a\nb\n"})
        repo.write("prompts/lf", b"a\r\nb\r\n")
    else:
        repo.commit({"prompts/crlf": b"a\r\nb\r\n", "prompts/lf": b"a\nb\n", "prompts/binary": b"\0\r\n"})
        for path in repo.path.glob("prompts/*"):
            path.unlink()
        repo.git("checkout", "--", "prompts")
    count = repo.objects()
    found = agree(repo)
    assert found["prompts/lf"][1] == b"a\nb\n"
    assert repo.objects() == count


@pytest.mark.parametrize("setting", ["core.autocrlf=true", "core.autocrlf=input", "attributes"])
def test_carriage_returns_that_are_committed_stay(repo: Repo, setting: str) -> None:
    repo.commit({"prompts/a": b"a\r\nb\r\n", "prompts/other": b"x\r\n"})
    if setting == "attributes":
        repo.write(".gitattributes", "* text=auto\n")
    else:
        repo.git("config", *setting.split("="))
    assert agree(repo)["prompts/a"] == ("100644", b"a\r\nb\r\n")
    # A new file beside it is converted, as `git add` does.
    repo.write("prompts/new", b"n\r\n")
    tree = WorkTree(Repository.discover(repo.path))
    assert tree.read("prompts/new") == b"n\n"
    assert tree.read("prompts/a") == b"a\r\nb\r\n"


def test_an_edit_of_the_same_size_at_once(repo: Repo) -> None:
    repo.git("config", "core.autocrlf", "true")
    repo.write("prompts/a", b"1\r\n")
    repo.commit()
    book = WorkTree(Repository.discover(repo.path))
    assert book.read("prompts/a") == b"1\n"
    for number in range(2, 8):
        repo.write("prompts/a", b"%d\r\n" % number)
        assert book.again().read("prompts/a") == b"%d\n" % number


def test_filters_and_encodings_of_a_subfolder(repo: Repo) -> None:
    repo.git("config", "filter.upper.clean", "tr a-z A-Z")
    repo.git("config", "filter.upper.smudge", "tr A-Z a-z")
    repo.commit(
        {
            "prompts/a/.gitattributes": "*.up filter=upper\n*.id ident\n*.utf16 text working-tree-encoding=UTF-16LE\n",
            "prompts/a/x.up": "shout",
            "prompts/a/x.id": "$Id$",
            "prompts/a/x.utf16": "hall\u00f6\n".encode("utf-16-le"),
            "prompts/b/x.up": "quiet",
        }
    )
    for path in repo.path.glob("prompts/a/x.*"):
        path.unlink()
    repo.git("checkout", "--", "prompts")
    assert (repo.path / "prompts/a/x.up").read_bytes() == b"shout"
    found = agree(repo)
    assert found["prompts/a/x.up"][1] == b"SHOUT"
    assert found["prompts/a/x.id"][1] == b"$Id$"
    assert found["prompts/a/x.utf16"][1] == "hall\u00f6\n".encode()
    assert found["prompts/b/x.up"][1] == b"quiet"
    assert (repo.path / "prompts/a/x.id").read_bytes() != b"$Id$"


def test_a_filter_that_fails_hides_no_other_file(repo: Repo) -> None:
    repo.commit({"prompts/bad.x": "bad", "prompts/good.y": "good", "prompts/crlf.y": "a\n"})
    repo.git("config", "filter.broken.clean", "false")
    repo.git("config", "filter.broken.required", "true")
    repo.git("config", "filter.upper.clean", "tr a-z A-Z")
    repo.write(".gitattributes", "*.x filter=broken\n*.y filter=upper\n")
    for name in ("bad.x", "good.y", "crlf.y"):
        repo.write(f"prompts/{name}", "changed")
    tree = WorkTree(Repository.discover(repo.path))
    tree.entries("prompts")
    assert tree.read("prompts/good.y") == b"CHANGED"
    with pytest.raises(SnapshotError, match="cannot convert"):
        tree.read("prompts/bad.x")
    assert tree.read("prompts/crlf.y") == b"CHANGED"


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


def test_line_ends_in_a_hook_of_another_index(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit({"prompts/f": b"a\r\n"})
    repo.git("config", "core.autocrlf", "true")
    monkeypatch.chdir(repo.path)
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    before = (repo.path / ".git/index").read_bytes()
    assert WorkTree(Repository.discover(Path.cwd())).read("prompts/f") == b"a\r\n"
    assert (repo.path / ".git/index").read_bytes() == before


def test_digests_agree(repo: Repo) -> None:
    repo.git("config", "core.autocrlf", "true")
    repo.commit({"prompts/support/triage.prompt.yml": PROMPT.replace("\n", "\r\n")})
    digests = {Catalog(snapshot).find("support/triage").digest for snapshot in three(repo)}
    assert len(digests) == 1


def test_names_that_are_not_utf8(repo: Repo) -> None:
    name = os.fsdecode(b"prompts/\xff.prompt.yml")
    repo.commit({name: PROMPT})
    for snapshot in three(repo):
        assert name in snapshot.entries("prompts")
        with pytest.raises(SnapshotError, match="not UTF-8") as caught:
            snapshot.read(name)
        str(caught.value).encode()


def test_nothing_is_left_behind(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    repo.git("config", "core.autocrlf", "true")
    repo.commit({"prompts/f": b"a\r\n"})
    found = Repository.discover(repo.path)
    tree = WorkTree(found)
    assert tree.read("prompts/f") == b"a\n"
    del tree, found
    assert not list((tmp_path / "temporary").iterdir())
