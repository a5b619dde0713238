"""Signing tag objects as git is configured to, without a ref for each: payloads in, signed payloads out."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from onbook.errors import OnbookError
from onbook.repo.repository import Repository


def wanted(repo: Repository) -> bool:
    """Whether git is configured to sign annotated tags."""
    return any(
        repo.text("config", "--type=bool", "--get", key, accept=(0, 1)) == "true"
        for key in ("tag.gpgSign", "tag.forceSignAnnotated")
    )


def sign(repo: Repository, payloads: Sequence[bytes]) -> list[bytes]:
    """Append a signature to each payload, with the key and the program that git's configuration names.

    Raises:
        OnbookError: the program is missing, has no key, or refuses.
    """
    kind = repo.config("gpg.format") or "openpgp"
    if kind == "ssh":
        return _ssh(repo, payloads)
    if kind == "openpgp":
        program = repo.config("gpg.openpgp.program") or repo.config("gpg.program") or "gpg"
        return [payload + _openpgp(repo, program, payload) for payload in payloads]
    raise OnbookError(f"tags cannot be signed with gpg.format {kind!r}", hint="openpgp and ssh are known here")


def _openpgp(repo: Repository, program: str, payload: bytes) -> bytes:
    key = repo.config("user.signingKey") or repo.text("var", "GIT_COMMITTER_IDENT").rsplit(" ", 2)[0]
    return _run([program, "--batch", "-bsau", key], repo.root, payload)


def _ssh(repo: Repository, payloads: Sequence[bytes]) -> list[bytes]:
    key = repo.config("user.signingKey")
    if not key:
        raise OnbookError(
            "git is to sign tags with ssh, and knows no key",
            hint='run `git config user.signingKey "~/.ssh/id_ed25519"`',
        )
    program = repo.config("gpg.ssh.program") or "ssh-keygen"
    with tempfile.TemporaryDirectory() as folder:
        arguments = [program, "-Y", "sign", "-n", "git", "-f"]
        if key.startswith(("ssh-", "ecdsa-", "sk-", "key::")):
            literal = Path(folder) / "key.pub"
            literal.write_text(key.removeprefix("key::") + "\n")
            arguments += [str(literal), "-U"]
        else:
            arguments.append(str(Path(key).expanduser()))
        paths = [Path(folder) / str(number) for number in range(len(payloads))]
        for path, payload in zip(paths, payloads, strict=True):
            path.write_bytes(payload)
        # One process signs them all: starting it costs more than signing does.
        _run([*arguments, *map(str, paths)], repo.root, b"")
        signed = []
        for path, payload in zip(paths, payloads, strict=True):
            signed.append(payload + path.with_name(f"{path.name}.sig").read_bytes())
        return signed


def _run(command: list[str], cwd: Path, stdin: bytes) -> bytes:
    try:
        done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True)  # noqa: PLW1510
    except FileNotFoundError:
        raise OnbookError(f"git is to sign tags, and {command[0]!r} is not installed") from None
    except OSError as error:
        told = f"git is to sign tags, and {command[0]!r} cannot be run: {error.strerror}"
        raise OnbookError(told, hint="see gpg.program and gpg.ssh.program in git's configuration") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip() or f"{command[0]} ended with {done.returncode}"
        raise OnbookError(f"the tags could not be signed: {said}", hint="check user.signingKey and gpg.format")
    return done.stdout
