"""onbook.lock: written so that a review can read it, and read as if anybody might have written it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from onbook import resources
from onbook.client.lockfile import Lock, LockedRelease, LockedRequest
from onbook.contract import Contract
from onbook.errors import IntegrityError, OnbookError, UsageError

URL = "https://example.com/team/prompts.git"
REQUEST = LockedRequest(URL, "support/triage", "^1", "1.4.0")
RELEASE = LockedRelease(URL, "support/triage", "1.4.0", "1" * 40, "2" * 40, "sha256:" + "3" * 64)


def locked(*more: LockedRelease) -> Lock:
    found = Lock()
    for release in (RELEASE, *more):
        found.add(replace(REQUEST, request=release.version), release)
    found.add(REQUEST, RELEASE)
    return found


def test_written_read_and_published(tmp_path: Path) -> None:
    path = tmp_path / "onbook.lock"
    assert Lock.read(path) == Lock()
    lock = locked(replace(RELEASE, version="1.3.0"))
    lock.write(path)
    assert Lock.read(path) == lock
    assert Contract(resources.schema("lock")).violations(json.loads(path.read_text())) == []
    text = path.read_text()
    assert text.endswith("}\n")
    Lock.read(path).write(path)
    assert path.read_text() == text
    assert text.index("1.3.0") < text.index("1.4.0")


def test_check() -> None:
    lock = locked()
    lock.check(RELEASE, "here")
    lock.check(replace(RELEASE, version="2.0.0", tag_object="9" * 40), "not locked")
    lock.check(replace(RELEASE, url="https://elsewhere", tag_object="9" * 40), "not locked")
    for moved in (replace(RELEASE, tag_object="9" * 40), replace(RELEASE, digest="sha256:" + "9" * 64)):
        with pytest.raises(IntegrityError, match=r"its tag moved(.|\n)*locked(.|\n)*found"):
            lock.check(moved, "there")


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "3", '"x"', "{}", "[" * 100_000, "\ufeff{}", '{"version": 2}', '{"version": "1"}',
        '{"version": 1}',
        '{"version": 1, "requests": {}, "releases": []}', '{"version": 1, "requests": [3], "releases": []}',
        '{"version": 1, "requests": [{}], "releases": []}',
        '{"version": 1, "requests": [], "releases": [{"url": "x"}]}',
        json.dumps({"version": 1, "requests": [{**asdict(REQUEST), "url": []}], "releases": []}),
        json.dumps({"version": 1, "requests": [], "releases": [{**asdict(RELEASE), "version": 1}]}),
        json.dumps({"version": 1, "requests": [], "releases": [asdict(RELEASE), {**asdict(RELEASE), "digest": "x"}]}),
        json.dumps({"version": 1, "requests": [asdict(REQUEST), {**asdict(REQUEST), "version": "9"}], "releases": []}),
    ],
)  # fmt: skip
def test_what_is_no_lock_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "onbook.lock"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        Lock.read(path)
    assert caught.value.place == str(path)


def test_bytes_that_are_no_text_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder").mkdir()
    for name in ("l", "folder"):
        with pytest.raises(UsageError, match="cannot be read"):
            Lock.read(tmp_path / name)
    for path in (tmp_path / "none" / "l", tmp_path / "folder"):
        with pytest.raises(OnbookError, match="cannot be written"):
            Lock().write(path)
    assert not list((tmp_path / "folder").iterdir())


def test_keys_of_a_later_onbook_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "l"
    row = {**asdict(RELEASE), "signer": "somebody"}
    path.write_text(json.dumps({"version": 1, "requests": [], "releases": [row], "also": 1}))
    assert list(Lock.read(path).releases.values()) == [RELEASE]
