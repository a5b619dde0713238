"""Keyrings of gpg, thrown away after the test, each with an agent of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# A key that is long over.
PAST = "20200101T000000"


@dataclass(frozen=True)
class Keyring:
    """A folder for GNUPGHOME."""

    home: Path

    def gpg(self, *args: str, stdin: bytes = b"") -> bytes:
        """What gpg printed."""
        done = subprocess.run(
            ["gpg", "--batch", "--quiet", "--no-tty", *args],
            input=stdin,
            capture_output=True,
            env={**os.environ, "GNUPGHOME": str(self.home)},
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make(self, who: str, *, expired: bool = False) -> str:
        """A new key for signing, without a passphrase; its fingerprint. An expired one was good for a day in 2020."""
        options = ["--passphrase", "", *(["--faked-system-time", PAST] if expired else [])]
        self.gpg(*options, "--quick-generate-key", who, "ed25519", "sign", "1d" if expired else "0")
        rows = self.gpg("--with-colons", "--list-keys", f"={who}").decode().splitlines()
        return next(row.split(":")[9] for row in rows if row.startswith("fpr"))

    def sign(self, payload: bytes, by: str, *, at: str | None = None) -> bytes:
        """A signature as git asks for one."""
        return self.gpg(*(["--faked-system-time", at] if at else []), "-bsau", by, stdin=payload)

    def trust(self, other: Keyring, fingerprint: str) -> None:
        """Take over another one's public key, and trust it."""
        self.gpg("--import", stdin=other.gpg("--export", fingerprint))
        self.gpg("--import-ownertrust", stdin=f"{fingerprint}:6:\n".encode())


@contextlib.contextmanager
def keyring() -> Iterator[Keyring]:
    """An empty keyring; the test is skipped where there is no gpg."""
    if not shutil.which("gpg"):
        pytest.skip("no gpg")
    # Not tmp_path: the agent's socket stands in this folder, and a socket's path must be short.
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    try:
        yield Keyring(home)
    finally:
        env = {**os.environ, "GNUPGHOME": str(home)}
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True, env=env)
        shutil.rmtree(home, ignore_errors=True)
