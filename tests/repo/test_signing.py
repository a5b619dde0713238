"""Signed tags, as git itself verifies them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from onbook import release
from onbook.errors import OnbookError
from onbook.manifest import TagObject
from onbook.repo import Repository
from support.git import PROMPT, Repo, new_repo
from support.gnupg import Keyring, keyring


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    found = new_repo(tmp_path / "repo")
    found.commit({"prompts/a.prompt.yml": PROMPT, "prompts/b.prompt.yml": PROMPT})
    found.git("config", "tag.gpgSign", "true")
    return found


def make(repo: Repo) -> list[str]:
    found = Repository.discover(repo.path)
    plan = release.plan(found)
    release.apply(found, plan)
    return [item.tag.name for item in plan.releases]


def verify(repo: Repo, names: list[str]) -> None:
    assert len(names) == 2
    for name in names:
        repo.git("verify-tag", name)
        raw = repo.git("cat-file", "tag", name).encode() + b"\n"
        assert TagObject.parse(raw, name).manifest(name).tests == "no cases"
    repo.git("fsck", "--strict", "--no-dangling")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    found = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", found, "-C", "tests"], check=True)
    return found


def trust(repo: Repo, key: Path) -> None:
    signers = key.with_name("signers")
    signers.write_text(f"tests@example.com {key.with_suffix('.pub').read_text()}")
    repo.git("config", "gpg.format", "ssh")
    repo.git("config", "gpg.ssh.allowedSignersFile", str(signers))


def test_ssh(repo: Repo, key: Path) -> None:
    trust(repo, key)
    repo.git("config", "user.signingKey", str(key))
    verify(repo, make(repo))


def test_ssh_with_an_agent_and_the_key_itself(repo: Repo, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("ssh-agent"):
        pytest.skip("no ssh-agent")
    trust(repo, key)
    with tempfile.TemporaryDirectory() as folder:  # a socket's path must be short
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", f"{folder}/s"], stdout=subprocess.DEVNULL)
        try:
            monkeypatch.setenv("SSH_AUTH_SOCK", f"{folder}/s")
            while not os.path.exists(f"{folder}/s"):
                assert agent.poll() is None
            subprocess.run(["ssh-add", "-q", key], check=True)
            key.unlink()
            repo.git("config", "user.signingKey", f"key::{key.with_suffix('.pub').read_text().strip()}")
            verify(repo, make(repo))
        finally:
            agent.terminate()
            agent.wait()


def test_ssh_without_a_key(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "gpg.format", "ssh")
    with pytest.raises(OnbookError, match="knows no key"):
        make(repo)
    repo.git("config", "user.signingKey", str(tmp_path / "none"))
    with pytest.raises(OnbookError, match="could not be signed"):
        make(repo)
    repo.git("config", "gpg.ssh.program", "no-such-program")
    with pytest.raises(OnbookError, match="not installed"):
        make(repo)
    repo.git("config", "gpg.format", "x509")
    with pytest.raises(OnbookError, match="x509"):
        make(repo)
    assert repo.tags() == {}


@pytest.fixture
def gnupg(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyring]:
    with keyring() as found:
        monkeypatch.setenv("GNUPGHOME", str(found.home))
        yield found


def test_gpg(repo: Repo, gnupg: Keyring) -> None:
    gnupg.make("Onbook Tests <tests@example.com>")
    verify(repo, make(repo))


def test_gpg_signs_many_with_the_key_that_is_named(repo: Repo, gnupg: Keyring) -> None:
    gnupg.make("Onbook Tests <tests@example.com>")
    other = gnupg.make("Release <release@example.com>")
    repo.git("config", "user.signingKey", other)
    repo.commit({f"prompts/team/p{number}.prompt.yml": PROMPT for number in range(20)})
    names = make(repo)
    assert len(names) == 22
    done = subprocess.run(["git", "verify-tag", "--raw", *names], cwd=repo.path, capture_output=True, check=True)
    assert done.stderr.decode().count(f"VALIDSIG {other}") == len(names)


def test_gpg_without_a_key_that_can_sign(repo: Repo, gnupg: Keyring) -> None:
    repo.git("config", "user.signingKey", "nobody@example.com")
    with pytest.raises(OnbookError, match="could not be signed"):
        make(repo)
    repo.git("config", "user.signingKey", gnupg.make("Late <late@example.com>", expired=True))
    with pytest.raises(OnbookError, match="could not be signed"):
        make(repo)
    repo.git("config", "gpg.program", "no-such-program")
    with pytest.raises(OnbookError, match="'no-such-program' is not installed"):
        make(repo)
    repo.write("program", "no program")
    repo.git("config", "gpg.program", str(repo.path / "program"))
    with pytest.raises(OnbookError, match="program' cannot be run: Permission denied"):
        make(repo)
    assert repo.tags() == {}
    # Nothing of it stands in the way of a run without signatures.
    repo.git("config", "tag.gpgSign", "false")
    assert len(make(repo)) == 2
