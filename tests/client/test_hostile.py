"""An application that fetches from who means it ill: moved and copied tags, wrong bytes, names that run something."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import onbook
from onbook.client.lockfile import Lock, LockedRequest
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.manifest import ClosureFile, digest, sha256
from support.git import PROMPT, Repo, clone, manifest, new_repo, release_by_hand, silent_server
from support.remotes import ID, TRIAGE, children, remote_book


def hostile(tmp_path: Path) -> Repo:
    repo = new_repo(tmp_path / "hostile")
    repo.commit({TRIAGE: PROMPT})
    return repo


def refused(repo: Repo, told: str, *, id: str = ID, request_: str = "*", cache: Path | None = None) -> str:
    with pytest.raises(IntegrityError, match=told) as caught:
        onbook.open(repo.path, cache=cache).get(id, request_)
    if cache:
        assert not list(cache.rglob("*.yml"))
    return str(caught.value)


def test_a_lock_that_is_not_there_locks_nothing_and_is_refused(released: Repo, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no lock file here") as caught:
        onbook.open(released.path, lock=tmp_path / "onbook.lock")
    assert caught.value.place == str(tmp_path / "onbook.lock")


def test_a_moved_tag(released: Repo, tmp_path: Path) -> None:
    repo = clone(released.path, tmp_path / "repo")
    lock = tmp_path / "onbook.lock"
    found = remote_book(repo.path).fetch(ID, "1.0.0")
    locked = Lock()
    locked.add(LockedRequest(str(repo.path), ID, "^1", "1.0.0"), found.release)
    locked.write(lock)
    onbook.open(repo.path, lock=lock).get(ID, "1.0.0")
    old = repo.git("rev-parse", f"refs/tags/{ID}/v1.0.0")
    new = release_by_hand(repo, ID, "1.0.0")
    # A cache that holds the new one must not pass it on either.
    remote_book(repo.path, cache=tmp_path / "other").fetch(ID, "1.0.0")
    for cache in (tmp_path / "fresh", tmp_path / "other"):
        for request_ in ("1.0.0", "^1"):
            with pytest.raises(IntegrityError, match=r"its tag moved") as caught:
                onbook.open(repo.path, lock=lock, cache=cache).get(ID, request_)
            assert old in str(caught.value)
            assert new in str(caught.value)
    assert not list((tmp_path / "fresh").rglob("*.yml"))


def test_tags_of_another_kind(tmp_path: Path) -> None:
    repo = hostile(tmp_path)
    repo.git("tag", f"{ID}/v1.0.0")
    assert "v1.0.0" in refused(repo, "lightweight")
    release_by_hand(repo, ID, "1.1.0")
    repo.git("update-ref", f"refs/tags/{ID}/v1.2.0", f"refs/tags/{ID}/v1.1.0")
    refused(repo, r"its name is 'support/triage/v1\.1\.0': it was copied", request_="1.2.0")
    assert onbook.open(repo.path).get(ID, "1.1.0").version == "1.1.0"
    repo.write_tag(f"{ID}/v1.3.0", "nothing of ours\n")
    refused(repo, "was not written by onbook", request_="1.3.0")
    repo.git("tag", f"{ID}/v1.4.0", "HEAD^{tree}")
    refused(repo, "lightweight", request_="1.4.0")


@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("kind", ["tree", "blob", "tag"])
def test_a_tag_of_something_else(tmp_path: Path, kind: str, filters: bool) -> None:
    repo = hostile(tmp_path)
    repo.git("config", "uploadpack.allowFilter", str(filters).lower())
    release_by_hand(repo, ID, "1.0.0")
    targets = {"tree": "HEAD^{tree}", "blob": f"HEAD:{TRIAGE}", "tag": f"refs/tags/{ID}/v1.0.0"}
    text = manifest(repo, {TRIAGE: PROMPT.encode()})
    repo.write_tag(f"{ID}/v2.0.0", f"x\n\n{text}", target=targets[kind], kind=kind)
    with pytest.raises(IntegrityError, match=f"points at a {kind}"):
        onbook.open(f"file://{repo.path}").get(ID)
    # One bad tag does not take the good ones away.
    assert onbook.open(f"file://{repo.path}").get(ID, "^1").version == "1.0.0"


def test_wrong_bytes(tmp_path: Path) -> None:
    repo = hostile(tmp_path)
    text = manifest(repo, {TRIAGE: PROMPT.encode()})
    good, bad = repo.git("rev-parse", f"HEAD:{TRIAGE}"), repo.blob(b"messages: [{role: user, content: evil}]")
    repo.write_tag(f"{ID}/v1.0.0", f"x\n\n{text.replace(good, bad)}")
    refused(repo, r"has sha256 [0-9a-f]{64}, and the tag says", cache=tmp_path / "c")
    stated = text.partition("sha256:")[2][:64]
    repo.write_tag(f"{ID}/v2.0.0", f"x\n\n{text.replace(stated, '0' * 64)}")
    refused(repo, "but its own file list has", cache=tmp_path / "c")
    repo.write_tag(f"{ID}/v3.0.0", f"x\n\n{text.replace(good, '1' * 40)}")
    with pytest.raises(OnbookError, match=f"does not have file {'1' * 40}"):
        onbook.open(repo.path, cache=tmp_path / "c").get(ID)
    assert not list((tmp_path / "c").rglob("*.yml"))


@pytest.mark.parametrize(
    "path",
    [
        "../evil", "/etc/evil", "a/../../evil", "a//b", "./a", "a\\b", ".git/hooks/post-checkout", "x/.GIT/config",
        ".git ./x", "GIT~1/config", ".git::$INDEX_ALLOCATION/config", ".g\u200cit/config", "a\x1b[2Jb",
        f"{TRIAGE}/below", TRIAGE,
    ],
)  # fmt: skip
def test_hostile_paths(tmp_path: Path, path: str) -> None:
    repo = hostile(tmp_path)
    files = [
        ClosureFile(name, "100644", repo.blob(PROMPT.encode()), sha256(PROMPT.encode())) for name in (TRIAGE, path)
    ]
    lines = "\n".join(f"Onbook-File: {file}" for file in files)
    repo.write_tag(f"{ID}/v1.0.0", f"x\n\nOnbook-Digest: {digest(files)}\nOnbook-Bump: major\n{lines}\n")
    with pytest.raises(IntegrityError):
        remote_book(repo.path, cache=tmp_path / "c").fetch(ID)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("mode", ["120000", "160000", "040000"])
def test_hostile_modes(tmp_path: Path, mode: str) -> None:
    repo = hostile(tmp_path)
    text = manifest(repo, {TRIAGE: PROMPT.encode()}).replace("100644", mode)
    repo.write_tag(f"{ID}/v1.0.0", f"x\n\n{text}")
    refused(repo, "only regular files are read", cache=tmp_path / "c")


def test_a_release_of_another_prompt_or_one_that_cannot_be_read(tmp_path: Path) -> None:
    repo = hostile(tmp_path)
    release_by_hand(repo, ID, "1.0.0", {"prompts/other.prompt.yml": PROMPT.encode()})
    refused(repo, "lists 0 files for the prompt", cache=tmp_path / "c")
    release_by_hand(repo, ID, "2.0.0", {TRIAGE: b"messages: later\n"})
    with pytest.raises(OnbookError, match="cannot be read by this onbook"):
        onbook.open(repo.path).get(ID)


@pytest.mark.parametrize(
    "url", ["ext::sh -c 'touch evil'", "fd::7", "ext://x", "--upload-pack=touch evil", "-c", "transport::x"]
)
def test_urls_that_would_run_something(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext:fd:file:git")
    with pytest.raises(UsageError):
        onbook.open(url).get(ID)
    assert not (tmp_path / "evil").exists()
    assert not list(temporary.iterdir())


def test_secrets_of_a_url_are_written_nowhere(tmp_path: Path) -> None:
    with pytest.raises(OnbookError) as caught:
        onbook.open("http://me:s3cret@127.0.0.1:1/x.git", timeout=20).get(ID)
    assert "127.0.0.1:1" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_whatever_hook_this_runs_in(released: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = new_repo(tmp_path / "other")
    other.commit({"f": "f"})
    hooks = tmp_path / "hooks"
    for name in ("reference-transaction", "post-checkout", "post-merge"):
        other.write(f"../hooks/{name}", f"#!/bin/sh\ntouch {tmp_path}/ran\n").chmod(0o755)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(hooks))
    monkeypatch.setenv("GIT_CONFIG_KEY_1", "transfer.fsckObjects")
    monkeypatch.setenv("GIT_CONFIG_VALUE_1", "true")
    for name in ("GIT_DIR", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git/index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.path / ".git/objects"))
    monkeypatch.setenv("GIT_QUARANTINE_PATH", str(other.path / ".git/objects"))
    before = sorted((other.path / ".git").rglob("*"))
    assert onbook.open(released.path).get(ID, "^0.1").version == "0.1.1"
    assert sorted((other.path / ".git").rglob("*")) == before
    assert not (tmp_path / "ran").exists()


def test_a_remote_that_says_nothing(temporary: Path) -> None:
    with silent_server() as url:
        started = time.monotonic()
        with pytest.raises(OnbookError, match=r"git fetch did not end within 0\.5 seconds"):
            onbook.open(url, timeout=0.5).get(ID)
        # Not how fast it is, but that it is the timeout of ours that ended it.
        assert time.monotonic() - started >= 0.5
    assert not list(temporary.iterdir())
    assert not children()
