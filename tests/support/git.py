"""Real repositories, bare remotes, and a git daemon on loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from onbook.manifest import ClosureFile, digest, sha256

PROMPT = """\
messages:
  - role: system
    content: You sort support tickets.
  - role: user
    content: "Sort this ticket: {{ticket}}"
inputs:
  type: object
  properties:
    ticket: {type: string, x-aliases: [text]}
    tone: {type: string}
  required: [ticket]
model: openai/gpt-4.1-2025-04-14
"""


@dataclass(frozen=True)
class Repo:
    """A repository on this machine."""

    path: Path

    def git(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, fails: bool = False) -> str:
        """What git printed, without the last line end; it must succeed, or fail where that is said."""
        done = subprocess.run(
            ["git", *args],
            cwd=self.path,
            input=stdin,
            capture_output=True,
            env={**os.environ, **(env or {})},
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr.decode()
        return (done.stderr if fails else done.stdout).decode("utf-8", "surrogateescape").rstrip("\n")

    def write(self, path: str, data: str | bytes) -> Path:
        """Write a file below the repository's root."""
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        return target

    def commit(self, files: Mapping[str, str | bytes] | None = None, message: str = "change") -> str:
        """Write files, commit everything, and return the commit's id."""
        for path, data in (files or {}).items():
            self.write(path, data)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def tags(self) -> dict[str, str]:
        """Tag -> the id of the object that it names."""
        rows = self.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/tags").splitlines()
        return dict(row.split(" ") for row in rows)

    def objects(self) -> int:
        """How many objects there are, packed or not."""
        return len(self.git("cat-file", "--batch-check", "--batch-all-objects").splitlines())

    def write_tag(self, name: str, message: str, *, target: str = "HEAD", kind: str = "commit", at: str = "") -> str:
        """An annotated tag by hand, whatever it says: its object calls itself ``name`` and stands at ``at``."""
        oid = self.git("rev-parse", target)
        head = f"object {oid}\ntype {kind}\ntag {name}\ntagger A <a@example.com> 1700000000 +0000\n\n"
        found = self.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=(head + message).encode())
        self.git("update-ref", f"refs/tags/{at or name}", found)
        return found

    def blob(self, data: bytes) -> str:
        """The id of a blob with these bytes, written."""
        return self.git("hash-object", "-w", "--stdin", stdin=data)


def new_repo(path: Path, *options: str) -> Repo:
    """An empty repository."""
    path.mkdir(parents=True, exist_ok=True)
    repo = Repo(path)
    repo.git("init", "--quiet", *options)
    return repo


def clone(source: Path | str, path: Path, *options: str) -> Repo:
    """A clone of a repository."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Repo(path.parent).git("clone", "--quiet", *options, "--", str(source), str(path))
    return Repo(path)


def bare_remote(path: Path, *, of: Repo | None = None) -> Repo:
    """A bare repository that ``of`` knows as origin."""
    remote = new_repo(path, "--bare")
    if of:
        of.git("remote", "add", "origin", str(path))
    return remote


def manifest(repo: Repo, files: Mapping[str, bytes]) -> str:
    """The trailers of a release with these files."""
    listed = [ClosureFile(path, "100644", repo.blob(data), sha256(data)) for path, data in files.items()]
    lines = [f"Onbook-Digest: {digest(listed)}", "Onbook-Bump: initial", "Onbook-Tests: no cases"]
    lines += [f"Onbook-File: {file}" for file in listed]
    return "\n".join(lines) + "\n"


def release_by_hand(
    repo: Repo, id: str, version: str, files: Mapping[str, bytes] | None = None, *, target: str = "HEAD"
) -> str:
    """A release of one file, its tag written without onbook."""
    found = files or {f"prompts/{id}.prompt.yml": PROMPT.encode()}
    message = f"{id} {version}\n\n- patch\n\n{manifest(repo, found)}"
    return repo.write_tag(f"{id}/v{version}", message, target=target)


@contextlib.contextmanager
def daemon(base: Path, *config: str) -> Iterator[str]:
    """A git daemon that serves the repositories below ``base``; the URL that their names are put after."""
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = [word for setting in config for word in ("-c", setting)]
        serve = ["daemon", "--reuseaddr", "--export-all", "--listen=127.0.0.1", f"--port={port}", f"--base-path={base}"]
        process = subprocess.Popen(
            ["git", *options, *serve, str(base)], stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            if _answers(process, port):
                yield f"git://127.0.0.1:{port}"
                return
        finally:
            # git daemon is a process that starts another for each client: all of its own session, and nothing else.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    raise AssertionError("git daemon does not start")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.01)
    return False


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """A server that accepts and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield f"git://127.0.0.1:{server.getsockname()[1]}/x.git"
