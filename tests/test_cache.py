"""The cache believes nothing: what it gives back is what was stored, or nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from onbook.cache import Cache, Cached
from onbook.errors import IntegrityError, OnbookError
from onbook.lockfile import LockedRelease
from onbook.manifest import ClosureFile, digest, sha256

FILES = {"prompts/a.prompt.yml": b"a", "prompts/_shared/b \u00f6.md": b"\r\nb"}
LISTED = tuple(ClosureFile(path, "100644", "0" * 40, sha256(data)) for path, data in FILES.items())
DIGEST = digest(LISTED)
RELEASE = LockedRelease("https://example.com/x.git", "a", "1.0.0", "1" * 40, "2" * 40, DIGEST)


def filled(root: Path) -> Cache:
    cache = Cache(root)
    cache.store(DIGEST, FILES)
    cache.remember(Cached(RELEASE, "a/v1.0.0", LISTED, cache.folder(DIGEST)))
    return cache


def test_stored_and_found(tmp_path: Path) -> None:
    cache = filled(tmp_path)
    assert cache.read(DIGEST, LISTED) == FILES
    found = cache.find(RELEASE.url, "a", "1.0.0")
    assert found == Cached(RELEASE, "a/v1.0.0", LISTED, cache.folder(DIGEST))
    # Stored again, it is the same.
    assert filled(tmp_path).read(DIGEST, LISTED) == FILES


@pytest.mark.parametrize(
    ("url", "id", "version"),
    [("https://other", "a", "1.0.0"), (RELEASE.url, "b", "1.0.0"), (RELEASE.url, "a", "1.0.1")],
)
def test_not_found(tmp_path: Path, url: str, id: str, version: str) -> None:
    assert filled(tmp_path).find(url, id, version) is None


def test_an_entry_moved_to_another_name_is_not_believed(tmp_path: Path) -> None:
    cache = filled(tmp_path)
    index = next((tmp_path / "releases").rglob("1.0.0.json"))
    index.with_name("2.0.0.json").write_bytes(index.read_bytes())
    assert cache.find(RELEASE.url, "a", "2.0.0") is None


def test_damage_is_seen(tmp_path: Path) -> None:
    cache = filled(tmp_path)
    folder = cache.folder(DIGEST)
    (folder / "prompts/a.prompt.yml").write_bytes(b"A")
    with pytest.raises(IntegrityError, match="damaged"):
        cache.read(DIGEST, LISTED)
    assert not cache.holds(DIGEST, LISTED)
    cache.store(DIGEST, FILES)
    assert cache.holds(DIGEST, LISTED)
    (folder / "prompts/a.prompt.yml").unlink()
    with pytest.raises(OnbookError, match="missing"):
        cache.read(DIGEST, LISTED)
    (folder / "prompts/a.prompt.yml").mkdir()
    with pytest.raises(OnbookError, match=r"cannot be written(.|\n)*ONBOOK_CACHE"):
        cache.store(DIGEST, FILES)


def test_a_shorter_list_has_another_digest(tmp_path: Path) -> None:
    cache = filled(tmp_path)
    with pytest.raises(IntegrityError, match="does not have digest"):
        cache.read(DIGEST, LISTED[:1])


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"release": []}', '{"release": {}, "files": []}',
        json.dumps({"release": {**asdict(RELEASE), "digest": 7}, "tag": "t", "files": []}),
        json.dumps({"release": asdict(RELEASE), "tag": "t", "files": [asdict(replace(LISTED[0], path="\0"))]}),
    ],
)  # fmt: skip
def test_nonsense_is_a_miss(tmp_path: Path, text: str) -> None:
    cache = filled(tmp_path)
    next((tmp_path / "releases").rglob("*.json")).write_text(text)
    assert cache.find(RELEASE.url, "a", "1.0.0") is None


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def folder() -> str:
        return str(Cache().folder("sha256:0").parents[1])

    assert folder() == str(tmp_path / "cache")
    monkeypatch.delenv("ONBOOK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert folder() == "/xdg/onbook"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert folder() == "/home/somebody/.cache/onbook"


def test_other_versions_are_kept_apart(tmp_path: Path) -> None:
    cache = filled(tmp_path)
    other = replace(RELEASE, version="1.0.1")
    cache.remember(Cached(other, "a/v1.0.1", LISTED, cache.folder(DIGEST)))
    assert [cache.find(RELEASE.url, "a", version) is not None for version in ("1.0.0", "1.0.1")] == [True, True]
