"""What was fetched is kept, mended where it is damaged, shared by processes, and written out where it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import onbook
from onbook.client.lockfile import Lock, LockedRequest
from onbook.errors import OnbookError, UsageError
from support.git import Repo, clone
from support.remotes import ID, remote_book


def test_an_exact_version_needs_its_remote_once(released: Repo, tmp_path: Path) -> None:
    repo = clone(released.path, tmp_path / "repo")
    first = onbook.open(repo.path).get("partial", "0.1.0")
    repo.path.rename(tmp_path / "away")
    again = onbook.open(repo.path).get("partial", "0.1.0")
    assert (again.digest, again.commit, again.tag) == (first.digest, first.commit, first.tag)
    assert again.render(x="x") == [{"role": "user", "content": "Kind: x"}]
    with pytest.raises(OnbookError, match="does not appear to be a git repository"):
        onbook.open(repo.path).get("partial", "^0.1")


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "folder", "index", "index of another kind"])
def test_a_damaged_cache_is_mended(released: Repo, tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "c"
    first = remote_book(released.path, cache=cache).fetch("partial", "0.1.0")
    file, index = first.folder / "prompts/_shared/a.md", next(cache.rglob("*.json"))
    if damage == "changed":
        file.write_text("Rude: ")
    elif damage == "cut":
        file.write_text("")
    elif damage == "gone":
        file.unlink()
    elif damage == "folder":
        for path in sorted(first.folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    elif damage == "index":
        index.write_text(index.read_text()[:50])
    else:
        index.write_text('{"release": {"url": 1}, "tag": [], "files": [{"path": 3}]}')
    assert onbook.open(released.path, cache=cache).get("partial", "0.1.0").render(x="")[0]["content"] == "Kind: "
    assert file.read_text() == "Kind: "


def test_a_cache_that_cannot_be_written(released: Repo, tmp_path: Path) -> None:
    """An application on a read-only file system is served all the same, and told; a command that keeps is not."""
    (tmp_path / "file").write_text("")
    prompt = onbook.open(released.path, cache=tmp_path / "file").get(ID)
    assert prompt.version == "1.0.0"
    assert any("not kept for the next start: the cache cannot be written" in note for note in prompt.notes)
    book = remote_book(released.path, cache=tmp_path / "file")
    with pytest.raises(OnbookError, match="the cache cannot be written"):
        book.kept(book.fetch(ID))


WORKER = """
import sys, onbook
print(onbook.open(sys.argv[1], cache=sys.argv[2]).get("partial", "0.1.0").render(x="x")[0]["content"])
"""


def test_processes_share_a_cache(released: Repo, tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WORKER, str(released.path), str(tmp_path / "c")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert [process.communicate() for process in started] == [("Kind: x\n", "")] * 4
    assert not [path for path in (tmp_path / "c").rglob("*") if path.name.startswith(".")]


def test_frozen(released: Repo, tmp_path: Path) -> None:
    url = str(released.path)
    locked = Lock()
    locked.add(LockedRequest(url, ID, "^0", "0.1.0"), remote_book(url).fetch(ID, "0.1.0").release)
    locked.write(tmp_path / "l")
    book = remote_book(url, lock=tmp_path / "l")
    assert book.fetch_locked(ID, "^0").release.version == "0.1.0"
    with pytest.raises(UsageError, match="holds no choice"):
        book.fetch_locked(ID, "^1")
    locked.releases.clear()
    locked.write(tmp_path / "l")
    with pytest.raises(UsageError, match="does not say what that is"):
        remote_book(url, lock=tmp_path / "l").fetch_locked(ID, "^0")


def test_what_is_written_out(released: Repo, tmp_path: Path) -> None:
    book = remote_book(released.path)
    fetched = book.fetch("partial")
    out = book.export(fetched, tmp_path / "out")
    assert (out / fetched.prompt_file).read_bytes() == (released.path / fetched.prompt_file).read_bytes()
    (tmp_path / "linked/prompts").mkdir(parents=True)
    (tmp_path / "linked/prompts/_shared").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="symbolic link"):
        book.export(fetched, tmp_path / "linked")
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked/prompts").write_text("")
    with pytest.raises(OnbookError, match="cannot be written"):
        book.export(fetched, tmp_path / "blocked")


def test_versions_need_neither_configuration_nor_catalog(released: Repo, tmp_path: Path) -> None:
    get = f"onbook.open({str(released.path)!r}, cache={str(tmp_path)!r}).get('partial', '^0.1').render(x='x')"
    others = {"onbook.project.catalog", "onbook.project.config", "onbook.waivers", "tomllib", "difflib"}
    asked = f"import sys, onbook\nprint({get})\nassert not {others} & set(sys.modules), {others} & set(sys.modules)"
    for _ in ("fetched", "cached"):
        done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
        assert done.stdout == "[{'role': 'user', 'content': 'Kind: x'}]\n"


def test_releases_under_two_prefixes_share_a_cache(released: Repo, tmp_path: Path) -> None:
    """A repository that took another prefix, or two products in one: neither is served the other's release."""
    repo = clone(released.path, tmp_path / "repo")
    for id in (ID, "partial"):
        raw = repo.git("cat-file", "tag", f"{id}/v0.1.0").replace(f"\ntag {id}/", f"\ntag two/{id}/")
        raw = raw.replace("\n\nOnbook-Digest", "\n\nFor two.\n\nOnbook-Digest")
        oid = repo.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=f"{raw}\n".encode())
        repo.git("update-ref", f"refs/tags/two/{id}/v0.1.0", oid)
    for _ in range(2):
        for prefix in ("", "two/"):
            book = onbook.open(repo.path, cache=tmp_path / "c", tag_prefix=prefix)
            asked = [book.get(id, request) for id in (ID, "partial") for request in ("0.1.0", "~0.1.0")]
            assert {prompt.tag.removesuffix(f"{prompt.id}/v{prompt.version}") for prompt in asked} == {prefix}
            assert book.refresh() == {}
