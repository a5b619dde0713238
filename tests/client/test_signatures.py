"""verify="signed": only what an allowed signer has signed, from the remote, from the cache and from a bundle."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import onbook
from onbook.errors import IntegrityError, UsageError
from support.git import PROMPT, Repo, new_repo, release_by_hand

ID = "support/triage"
PATH = f"prompts/{ID}.prompt.yml"


def key(folder: Path, name: str) -> Path:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def signed(repo: Repo, version: str, by: Path, text: str = PROMPT) -> None:
    """A release whose tag object is signed with ssh, as git would."""
    release_by_hand(repo, ID, version, {PATH: text.encode()})
    payload = repo.git("cat-file", "tag", f"{ID}/v{version}").encode() + b"\n"
    done = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(by)], input=payload, capture_output=True, check=True
    )
    oid = repo.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=payload + done.stdout)
    repo.git("update-ref", f"refs/tags/{ID}/v{version}", oid)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """The maintainer's key and somebody else's."""
    return key(tmp_path, "maintainer"), key(tmp_path, "mallory")


@pytest.fixture
def allowed(tmp_path: Path, keys: tuple[Path, Path]) -> Path:
    path = tmp_path / "allowed"
    path.write_text(f"maintainer@example.com {keys[0].with_suffix('.pub').read_text()}")
    return path


@pytest.mark.parametrize("format", ["sha1", "sha256"])
def test_only_allowed_signers_are_believed(tmp_path: Path, keys: tuple[Path, Path], allowed: Path, format: str) -> None:
    repo = new_repo(tmp_path / "repo", f"--object-format={format}")
    repo.commit({PATH: PROMPT})
    signed(repo, "1.0.0", keys[0])
    signed(repo, "1.1.0", keys[1])
    release_by_hand(repo, ID, "1.2.0", {PATH: PROMPT.encode()})
    url, cache = f"file://{repo.path}", tmp_path / "c"
    # What was kept under a weaker policy does not count under this one.
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        assert onbook.open(url, cache=cache).get(ID, version).version == version
    for where in (cache, tmp_path / "fresh"):
        book = onbook.open(url, cache=where, verify="signed", allowed_signers=allowed)
        assert book.get(ID, "1.0.0").version == "1.0.0"
        with pytest.raises(IntegrityError, match="not signed by somebody who may"):
            book.get(ID, "1.1.0")
        with pytest.raises(IntegrityError, match="this release is not signed"):
            book.get(ID, "1.2.0")
    with pytest.raises(UsageError, match="no such file"):
        onbook.open(url, cache=cache, verify="signed", allowed_signers=tmp_path / "none").get(ID, "1.0.0")
    # Without network: the signature is checked again, on the kept tag object.
    repo.path.rename(tmp_path / "away")
    assert onbook.open(url, cache=cache, verify="signed", allowed_signers=allowed).get(ID, "1.0.0").tag


def test_git_itself_says_who_may_sign(
    tmp_path: Path, keys: tuple[Path, Path], allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = new_repo(tmp_path / "repo")
    repo.commit({PATH: PROMPT})
    signed(repo, "1.0.0", keys[0])
    with pytest.raises(IntegrityError, match="not signed by somebody who may"):
        onbook.open(repo.path, verify="signed").get(ID)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "gpg.ssh.allowedSignersFile")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(allowed))
    assert onbook.open(repo.path, verify="signed").get(ID).version == "1.0.0"


def test_a_signature_over_other_words(tmp_path: Path, keys: tuple[Path, Path], allowed: Path) -> None:
    repo = new_repo(tmp_path / "repo")
    repo.commit({PATH: PROMPT})
    signed(repo, "1.0.0", keys[0])
    raw = repo.git("cat-file", "tag", f"{ID}/v1.0.0") + "\n"
    forged = repo.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=raw.replace("- patch", "- major").encode())
    repo.git("update-ref", f"refs/tags/{ID}/v1.0.0", forged)
    with pytest.raises(IntegrityError, match="not signed by somebody who may"):
        onbook.open(repo.path, verify="signed", allowed_signers=allowed).get(ID)
    # A signed tag under another name is signed all the same, and is refused for its name.
    signed(repo, "1.1.0", keys[0])
    repo.git("update-ref", f"refs/tags/{ID}/v1.2.0", f"refs/tags/{ID}/v1.1.0")
    with pytest.raises(IntegrityError, match=r"it was copied(.|\n)*expected 'support/triage/v1\.2\.0'"):
        onbook.open(repo.path, verify="signed", allowed_signers=allowed).get(ID, "1.2.0")
    # A mirror that renames tags is passed with verify="none", and said.
    prompt = onbook.open(repo.path, verify="none").get(ID, "1.2.0")
    assert any("which verify='none' lets pass" in note for note in prompt.notes)


def test_the_signed_tag_of_an_older_release_is_not_believed_from_the_cache(
    tmp_path: Path, keys: tuple[Path, Path], allowed: Path
) -> None:
    """Whoever can write the cache puts a withdrawn release under a newer number: files and signature are right."""
    repo = new_repo(tmp_path / "repo")
    repo.commit({PATH: PROMPT})
    signed(repo, "1.0.0", keys[0])
    changed = PROMPT.replace("You sort", "Sort")
    repo.commit({PATH: changed})
    signed(repo, "1.1.0", keys[0], changed)

    def text(version: str, cache: Path) -> str:
        book = onbook.open(f"file://{repo.path}", cache=cache, verify="signed", allowed_signers=allowed)
        prompt = book.get(ID, version)
        assert (prompt.tag, prompt.commit) == (f"{ID}/v{version}", repo.git("rev-parse", f"{ID}/v{version}^{{}}"))
        return prompt.render(ticket="x")[0]["content"]

    cache = tmp_path / "c"
    older, newer = text("1.0.0", cache), text("1.1.0", cache)
    assert older != newer
    index = next(cache.rglob("1.0.0.json"))
    entry = json.loads(index.read_text())
    index.with_name("1.1.0.json").write_text(json.dumps({**entry, "release": {**entry["release"], "version": "1.1.0"}}))
    assert text("1.1.0", cache) == newer
    index.write_text(json.dumps({**entry, "release": {**entry["release"], "commit": "0" * 40}}))
    assert text("1.0.0", cache) == older
