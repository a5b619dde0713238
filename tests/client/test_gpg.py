"""verify="signed" with gpg: who may sign is whom the caller's own keyring trusts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import onbook
from onbook.errors import IntegrityError, OnbookError
from support.console import Person
from support.git import PROMPT, Repo, new_repo, release_by_hand
from support.gnupg import PAST, Keyring, keyring

ID = "support/triage"
PATH = f"prompts/{ID}.prompt.yml"


@pytest.fixture
def maintainer() -> Iterator[Keyring]:
    with keyring() as found:
        yield found


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyring]:
    """The keyring of whoever fetches."""
    with keyring() as found:
        monkeypatch.setenv("GNUPGHOME", str(found.home))
        yield found


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    found = new_repo(tmp_path / "repo")
    found.commit({PATH: PROMPT})
    return found


def signed(repo: Repo, version: str, by: Keyring, key: str, *, at: str | None = None) -> str:
    """A release whose tag object is signed, as git would; the tag object."""
    release_by_hand(repo, ID, version, {PATH: PROMPT.encode()})
    payload = repo.git("cat-file", "tag", f"{ID}/v{version}").encode() + b"\n"
    signature = by.sign(payload, key, at=at)
    oid = repo.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=payload + signature)
    repo.git("update-ref", f"refs/tags/{ID}/v{version}", oid)
    return oid


def test_a_release_is_believed_by_who_trusts_the_key(
    repo: Repo, maintainer: Keyring, application: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = maintainer.make("Maintainer <maintainer@example.com>")
    for name, value in {"tag.gpgSign": "true", "user.signingKey": key}.items():
        repo.git("config", name, value)
    with monkeypatch.context() as here:
        here.setenv("GNUPGHOME", str(maintainer.home))
        Person(repo.path).onbook("release")
    url = f"file://{repo.path}"
    # Nobody has told this machine of the key yet, and a key that is only there is trusted by nobody.
    with pytest.raises(IntegrityError, match=r"not signed by somebody who may: (.|\n)*No public key"):
        onbook.open(url, verify="signed").get(ID, "0.1.0")
    application.gpg("--import", stdin=maintainer.gpg("--export", key))
    with pytest.raises(IntegrityError, match="not signed by somebody who may") as refused:
        onbook.open(url, verify="signed").get(ID, "0.1.0")
    assert "--import-ownertrust" in (refused.value.hint or "")
    application.trust(maintainer, key)
    assert onbook.open(url, verify="signed").get(ID, "0.1.0").version == "0.1.0"
    # As on the command line, and then from the cache, without the remote.
    there = Person(tmp_path)
    told = there.report("fetch", f"{ID}@0.1.0", "--from", url, "--verify", "signed", "--out", "out")
    assert told["data"]["version"] == "0.1.0"
    repo.path.rename(tmp_path / "away")
    assert onbook.open(url, verify="signed").get(ID, "0.1.0").version == "0.1.0"
    # The signature is checked whenever it is read: a key that is trusted no more is believed no more.
    application.gpg("--yes", "--delete-keys", key)
    with pytest.raises(OnbookError):
        onbook.open(url, verify="signed").get(ID, "0.1.0")


def test_what_is_refused(repo: Repo, maintainer: Keyring, application: Keyring, tmp_path: Path) -> None:
    key, other = (maintainer.make(f"{who} <{who}@example.com>") for who in ("maintainer", "mallory"))
    late = maintainer.make("late <late@example.com>", expired=True)
    application.trust(maintainer, key)
    application.trust(maintainer, late)
    signed(repo, "1.0.0", maintainer, key)
    signed(repo, "1.1.0", maintainer, other)
    signed(repo, "1.2.0", maintainer, late, at=PAST)
    release_by_hand(repo, ID, "1.3.0", {PATH: PROMPT.encode()})
    # Signed, and under another name.
    repo.git("update-ref", f"refs/tags/{ID}/v1.4.0", f"refs/tags/{ID}/v1.0.0")
    # Signed, and its words changed afterwards.
    raw = repo.git("cat-file", "tag", f"{ID}/v1.0.0").replace(f"{ID}/v1.0.0", f"{ID}/v1.5.0") + "\n"
    forged = repo.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=raw.encode())
    repo.git("update-ref", f"refs/tags/{ID}/v1.5.0", forged)
    book = onbook.open(f"file://{repo.path}", verify="signed")
    assert book.get(ID, "1.0.0").version == "1.0.0"
    for version, told in {
        "1.1.0": "No public key",
        "1.2.0": "expired",
        "1.3.0": "this release is not signed",
        "1.4.0": "it was copied",
        "1.5.0": "BAD signature",
    }.items():
        with pytest.raises(IntegrityError, match=told):
            book.get(ID, version)
        Person(tmp_path).onbook(
            "fetch", f"{ID}@{version}", "--from", f"file://{repo.path}", "--verify", "signed", exits=1
        )
    # A key that was taken back.
    revocation = next((maintainer.home / "openpgp-revocs.d").glob(f"{key}.rev")).read_text().replace(":-----", "-----")
    application.gpg("--import", stdin=revocation.encode())
    with pytest.raises(IntegrityError, match="revoked"):
        onbook.open(f"file://{repo.path}", verify="signed", cache=tmp_path / "fresh").get(ID, "1.0.0")


def test_a_file_of_allowed_signers_is_about_ssh(
    repo: Repo, maintainer: Keyring, application: Keyring, tmp_path: Path
) -> None:
    key = maintainer.make("Maintainer <maintainer@example.com>")
    application.trust(maintainer, key)
    signed(repo, "1.0.0", maintainer, key)
    allowed = tmp_path / "allowed"
    allowed.write_text("")
    with pytest.raises(IntegrityError, match="not signed with ssh"):
        onbook.open(repo.path, verify="signed", allowed_signers=allowed).get(ID, "1.0.0")


def test_without_gpg_nothing_is_said_of_a_signature(
    repo: Repo, maintainer: Keyring, application: Keyring, tmp_path: Path
) -> None:
    key = maintainer.make("Maintainer <maintainer@example.com>")
    application.trust(maintainer, key)
    signed(repo, "1.0.0", maintainer, key)
    config = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "gpg.program", "GIT_CONFIG_VALUE_0": "no-such-program"}
    there = Person(tmp_path)
    with pytest.MonkeyPatch.context() as here:
        for name, value in config.items():
            here.setenv(name, value)
        command = ("fetch", f"{ID}@1.0.0", "--from", f"file://{repo.path}", "--verify", "signed")
        told = there.onbook(*command, exits=3)
    assert "could not be checked" in told
    assert "no-such-program" in told
    assert not (tmp_path / "onbook.lock").exists()


def test_with_a_file_of_signers_a_signature_of_gpg_does_not_count(
    repo: Repo, maintainer: Keyring, application: Keyring, tmp_path: Path
) -> None:
    """Also not where the notes hold the first line of one of ssh: the signature is what comes last."""
    key = maintainer.make("Maintainer <maintainer@example.com>")
    application.trust(maintainer, key)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"maintainer@example.com ssh-ed25519 {'A' * 68}\n")
    signed(repo, "1.0.0", maintainer, key)
    raw = repo.git("cat-file", "tag", f"{ID}/v1.0.0").partition("-----BEGIN PGP SIGNATURE-----")[0]
    for line in ("-----BEGIN SSH SIGNATURE-----", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----"):
        payload = raw.replace("\n\n- patch\n", f"\n\n- patch\n{line}\n").encode()
        oid = repo.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=payload + maintainer.sign(payload, key))
        repo.git("update-ref", f"refs/tags/{ID}/v1.0.0", oid)
        url = f"file://{repo.path}"
        assert onbook.open(url, cache=tmp_path / oid, verify="signed").get(ID).version == "1.0.0"
        with pytest.raises(IntegrityError, match="not signed with ssh"):
            onbook.open(url, cache=tmp_path / oid, verify="signed", allowed_signers=allowed).get(ID)
