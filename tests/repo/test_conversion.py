"""Line ends, encodings and filters: what is read is what git would store, wherever it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from onbook.repo import Repository, SnapshotError
from onbook.repo.worktree import WorkTree
from support.git import Repo, new_repo
from support.places import agree, contents


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return new_repo(tmp_path / "repo")


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


def test_filters_of_few_among_many(repo: Repo) -> None:
    repo.git("config", "filter.upper.clean", "tr a-z A-Z")
    attributes = "*.up filter=upper\nplain.up -filter\n"
    many = {f"prompts/m[a]ny/{number:03}.txt": f"text {number}\n" for number in range(250)}
    repo.commit(
        {**many, "prompts/m[a]ny/.gitattributes": attributes, "prompts/m[a]ny/x.up": "x", "prompts/plain.up": "y"}
    )
    changed = {"prompts/m[a]ny/x.up": "loud", "prompts/m[a]ny/new.up": "new", "prompts/m[a]ny/plain.up": "plain"}
    for path, text in changed.items():
        repo.write(path, text)
    found = contents(WorkTree(Repository.discover(repo.path)))
    assert [found[path][1] for path in changed] == [b"LOUD", b"NEW", b"plain"]
    assert found["prompts/m[a]ny/007.txt"][1] == b"text 7\n"
    # Asked for one that is as the index has it, all that were listed are told of.
    tree = WorkTree(Repository.discover(repo.path))
    tree.entries("prompts")
    assert tree.read("prompts/m[a]ny/007.txt") == b"text 7\n"
    assert [tree.read(path) for path in changed] == [b"LOUD", b"NEW", b"plain"]


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


def test_line_ends_in_a_hook_of_another_index(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit({"prompts/f": b"a\r\n"})
    repo.git("config", "core.autocrlf", "true")
    monkeypatch.chdir(repo.path)
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    before = (repo.path / ".git/index").read_bytes()
    assert WorkTree(Repository.discover(Path.cwd())).read("prompts/f") == b"a\r\n"
    assert (repo.path / ".git/index").read_bytes() == before


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
