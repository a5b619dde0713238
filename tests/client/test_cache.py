"""The cache believes nothing: what it gives back is what was stored, or nothing."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from onbook.client.cache import Cache, Cached
from onbook.client.lockfile import LockedRelease
from onbook.errors import IntegrityError, OnbookError
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


@pytest.mark.parametrize("raw", [b"[" * 100_000, b"[]", b"\xff", b'{"release": {}}', b'{"release": [], "files": 1}'])
def test_an_index_that_is_damaged_is_none(tmp_path: Path, raw: bytes) -> None:
    cache = filled(tmp_path)
    next((tmp_path / "releases").rglob("1.0.0.json")).write_bytes(raw)
    assert cache.find(RELEASE.url, "a", "1.0.0") is None


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

    monkeypatch.setenv("ONBOOK_CACHE", str(tmp_path / "cache"))
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


def stored(cache: Cache, name: str, size: int, used: float) -> str:
    """One release of so many bytes, last used so many seconds ago; its digest."""
    files = {f"prompts/{name}.prompt.yml": name.encode() * (size // len(name))}
    listed = [ClosureFile(path, "100644", "0" * 40, sha256(data)) for path, data in files.items()]
    found = digest(listed)
    cache.store(found, files)
    then = time.time() - used
    os.utime(cache.folder(found), (then, then))
    return found


def size_of(root: Path) -> int:
    return sum(path.stat().st_size for path in (root / "files").rglob("*") if path.is_file())


def test_what_was_not_used_for_longest_is_dropped(tmp_path: Path) -> None:
    cache = Cache(tmp_path, size=10_000)
    names = [f"p{number}" for number in range(9)]
    held = {name: stored(cache, name, 1_000, 9_000 - 1_000 * number) for number, name in enumerate(names)}
    assert all(cache.folder(each).is_dir() for each in held.values()), "there is room for all"
    # The oldest is used again, and so is not the oldest any more.
    cache.used(held["p0"])
    new = stored(cache, "new", 3_000, 0)
    left = [name for name in names if cache.folder(held[name]).is_dir()]
    # Nine tenths of the size are left: four of the nine went, by when they were used.
    assert left == ["p0", "p4", "p5", "p6", "p7", "p8"]
    assert cache.folder(new).is_dir()
    assert size_of(tmp_path) <= 9_000


def test_the_cache_stays_within_its_size_whoever_writes(tmp_path: Path) -> None:
    for number in range(60):
        # Each a process of its own, as it were, that stores one release and ends.
        stored(Cache(tmp_path, size=20_000), f"n{number:02}", 1_000, 3_600 - number)
        assert size_of(tmp_path) <= 21_000
    # What somebody may be about to read stays, even beyond the size.
    for number in range(40):
        stored(Cache(tmp_path, size=20_000), f"m{number:02}", 1_000, 0)
    assert len(list((tmp_path / "files").iterdir())) >= 40


def test_a_dropped_release_is_fetched_again(tmp_path: Path) -> None:
    small = Cache(tmp_path, size=1)
    small.store(DIGEST, FILES)
    small.remember(Cached(RELEASE, "a/v1.0.0", LISTED, small.folder(DIGEST)))
    long_ago = time.time() - 3_600
    os.utime(small.folder(DIGEST), (long_ago, long_ago))
    stored(small, "b", 10, 0)
    assert not small.folder(DIGEST).exists()
    # It is a miss, and what it was is still known: a tag that moved meanwhile is seen.
    assert small.find(RELEASE.url, "a", "1.0.0") is None
    entry = small.entry(RELEASE.url, "a", "1.0.0")
    assert entry is not None
    assert entry.release == RELEASE
    small.store(DIGEST, FILES)
    assert small.find(RELEASE.url, "a", "1.0.0") == entry


def test_the_tag_of_another_release_is_not_believed(tmp_path: Path) -> None:
    """Its files are intact, and so is its signature: the tag has to be this release's own."""
    cache = filled(tmp_path)
    cache.remember(Cached(replace(RELEASE, version="1.0.1"), "a/v1.0.0", LISTED, cache.folder(DIGEST)))
    assert cache.find(RELEASE.url, "a", "1.0.1") is None
    index = next((tmp_path / "releases").rglob("1.0.0.json"))
    data = json.loads(index.read_text())
    index.write_text(json.dumps({**data, "tag": "b/a/v1.0.0"}))
    assert cache.find(RELEASE.url, "a", "1.0.0") is None


def test_prefixes_are_kept_apart(tmp_path: Path) -> None:
    cache = filled(tmp_path)
    for prefix in ("b/", "c-"):
        assert cache.find(RELEASE.url, "a", "1.0.0", prefix) is None
        cache.remember(Cached(RELEASE, f"{prefix}a/v1.0.0", LISTED, cache.folder(DIGEST)))
    found = [cache.find(RELEASE.url, "a", "1.0.0", prefix) for prefix in ("", "b/", "c-")]
    assert [each.tag for each in found if each] == ["a/v1.0.0", "b/a/v1.0.0", "c-a/v1.0.0"]
