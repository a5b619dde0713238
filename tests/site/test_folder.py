"""The folder of a site: nobody else's file is replaced or deleted, and nothing is written outside of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from onbook.errors import OnbookError, UsageError
from onbook.site.folder import LIST, Folder

PAGE = "p/support/triage.html"


def made(path: Path, **pages: str) -> None:
    folder = Folder(path)
    names = {name.replace("__", "/") + ".html": text for name, text in pages.items()}
    folder.begin(names, names)
    for name, text in names.items():
        folder.write(name, f"key of {text}", text.encode())
    folder.finish()


def test_what_was_written_is_known_again(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    made(out, p__a="one", p__b__c="two")
    found = Folder(out)
    assert found.has("p/a.html", "key of one")
    assert not found.has("p/a.html", "another key")
    assert not found.has("p/x.html", "key of one")
    (out / "p/a.html").write_text("some other length")
    assert not found.has("p/a.html", "key of one")
    (out / "p/a.html").unlink()
    assert not found.has("p/a.html", "key of one")
    assert (out / "p/b/c.html").read_text() == "two"


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files") as error:
        Folder(tmp_path)
    assert "thesis.txt" in str(error.value)
    with pytest.raises(UsageError, match="no folder"):
        Folder(tmp_path / "thesis.txt")
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_branch_that_is_checked_out_is_none_of_them(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere")
    made(tmp_path, p__a="one")
    assert (tmp_path / ".git").read_text() == "gitdir: elsewhere"


def test_another_file_in_the_place_of_a_page_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    made(tmp_path, p__a="one")
    (tmp_path / "p/b.html").write_text("mine")
    before = (tmp_path / LIST).read_bytes()
    folder = Folder(tmp_path)
    with pytest.raises(UsageError, match="not onbook's"):
        folder.begin(["p/a.html", "p/b.html"], ["p/b.html"])
    assert (tmp_path / LIST).read_bytes() == before
    assert (tmp_path / "p/b.html").read_text() == "mine"


def test_removing_takes_the_folders_that_are_left_empty_and_nothing_else(tmp_path: Path) -> None:
    made(tmp_path, p__a__b__c="one", p__a__d="two", p__e__f="three")
    (tmp_path / "p/e/mine.txt").write_text("mine")
    folder = Folder(tmp_path)
    for name in ("p/a/b/c.html", "p/e/f.html"):
        folder.remove(name)
    folder.finish()
    assert not (tmp_path / "p/a/b").exists()
    assert (tmp_path / "p/a/d.html").exists()
    assert (tmp_path / "p/e/mine.txt").read_text() == "mine"
    assert set(Folder(tmp_path).files) == {"p/a/d.html"}
    folder.write("p/a/b/c.html", "k", b"again")
    assert (tmp_path / "p/a/b/c.html").read_bytes() == b"again"


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"version": 2, "files": {}}', '{"version": 1, "files": {"../../etc/passwd": ["k", 1]}}',
        '{"version": 1, "files": {"p/../../x.html": ["k", 1]}}', '{"version": 1, "files": {"/etc/passwd": ["k", 1]}}',
        '{"version": 1, "files": {"thesis.txt": ["k", 1]}}', '{"version": 1, "files": {"p/a.html": "k"}}',
        '{"version": 1, "files": {"p/a.html\\n": ["k", 1]}}', '{"version": 1, "files": {"p/a\\\\b.html": ["k", 1]}}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_a_list_that_names_what_is_no_page_is_not_believed(tmp_path: Path, text: str) -> None:
    (tmp_path / LIST).write_text(text)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="cannot be used"):
        Folder(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
@pytest.mark.parametrize("link", ["p", "p/support"])
def test_nothing_is_written_or_deleted_through_a_link(tmp_path: Path, link: str) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (elsewhere / "support").mkdir(parents=True)
    for place in ("triage.html", "support/triage.html"):
        (elsewhere / place).write_text("theirs")
    (out / link).parent.mkdir(parents=True, exist_ok=True)
    (out / link).symlink_to(elsewhere)
    (out / LIST).write_text(json.dumps({"version": 1, "files": {PAGE: ["k", 6]}}))
    folder = Folder(out)
    with pytest.raises(OnbookError, match="symbolic link"):
        folder.write(PAGE, "k2", b"ours")
    with pytest.raises(OnbookError, match="symbolic link"):
        folder.remove(PAGE)
    assert {path.read_text() for path in elsewhere.rglob("*.html")} == {"theirs"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_page_that_is_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    out = tmp_path / "out"
    made(out, p__a="one")
    (out / "p/a.html").unlink()
    (out / "p/a.html").symlink_to(tmp_path / "theirs")
    made(out, p__a="two")
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert (out / "p/a.html").read_text() == "two"
    assert not (out / "p/a.html").is_symlink()


def test_a_build_that_was_killed_hides_nothing(tmp_path: Path) -> None:
    made(tmp_path, p__a="one")
    folder = Folder(tmp_path)
    # It is killed after the page, before the list; then the prompt goes back to what it was.
    folder.begin(["p/a.html", "p/new.html"], ["p/a.html", "p/new.html"])
    folder.write("p/a.html", "key of two", b"two")
    again = Folder(tmp_path)
    assert not again.has("p/a.html", "key of one")
    assert "p/new.html" in again.files
    again.begin(["p/a.html", "p/new.html"], ["p/a.html", "p/new.html"])


def test_a_first_build_that_was_killed_at_once_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".onbook-0123456789abcdef").write_text("half")
    (tmp_path / "p").mkdir()
    with pytest.raises(UsageError, match="holds other files"):
        Folder(tmp_path)
    (tmp_path / "p").rmdir()
    made(tmp_path, p__a="one")
    assert sorted(os.listdir(tmp_path)) == [LIST, "p"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_what_a_killed_build_left_is_swept_up_and_no_link_is_followed(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    left = ".onbook-0123456789abcdef"
    (elsewhere / left).write_text("theirs")
    made(out, p__a="one")
    (out / "p/link").symlink_to(elsewhere)
    (out / "p" / left).write_text("half")
    (out / "p/.onbook-notes").write_text("mine")
    made(out, p__a="two")
    assert not (out / "p" / left).exists()
    assert (out / "p/.onbook-notes").read_text() == "mine"
    assert (elsewhere / left).read_text() == "theirs"
    shutil.rmtree(out / "p")
    (out / "p").symlink_to(elsewhere)
    Folder(out).begin([], [])
    assert (elsewhere / left).read_text() == "theirs"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = Folder(tmp_path / "file" / "out")
    with pytest.raises(OnbookError, match="cannot be written"):
        folder.begin([], [])
