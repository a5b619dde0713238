"""A remote of very many prompts and release tags, written in one stream."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.git import PROMPT, Repo, new_repo


def _data(text: str) -> bytes:
    raw = text.encode()
    return b"data %d\n%s\n" % (len(raw), raw)


def _blob_id(raw: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()


def prompt_id(number: int) -> str:
    """The id of one of the prompts."""
    return f"area-{number % 100:02}/prompt-{number:05}"


def _stream(prompts: int, tags: int) -> Iterator[bytes]:
    who = "A <a@example.com> 1700000000 +0000"
    rounds = -(-tags // prompts)
    for version in range(rounds):
        texts = {
            n: PROMPT.replace("You sort", f"Prompt {n}, version {version}: sort".replace(":", ","))
            for n in range(prompts)
        }
        yield f"commit refs/heads/main\nmark :{version + 1}\ncommitter {who}\n".encode() + _data(f"round {version}")
        for number, text in texts.items():
            yield f"M 100644 inline prompts/{prompt_id(number)}.prompt.yml\n".encode() + _data(text)
        if version == rounds - 1:
            yield b"M 100644 inline prompts/_environments/production.yml\n" + _data(_environment(texts[0], rounds - 1))
        for number in range(min(prompts, tags - version * prompts)):
            id, raw = prompt_id(number), texts[number].encode()
            path = f"prompts/{id}.prompt.yml"
            sha = hashlib.sha256(raw).hexdigest()
            digest = hashlib.sha256(f"{path} {sha}\n".encode()).hexdigest()
            trailers = f"Onbook-Digest: sha256:{digest}\nOnbook-Bump: minor\nOnbook-Tests: none\n"
            trailers += f"Onbook-File: 100644 {_blob_id(raw)} {sha} {path}\n"
            head = f"tag {id}/v1.{version}.0\nfrom :{version + 1}\ntagger {who}\n"
            yield head.encode() + _data(f"{id} 1.{version}.0\n\n- minor\n\n{trailers}")


def _environment(text: str, minor: int) -> str:
    path = f"prompts/{prompt_id(0)}.prompt.yml"
    sha = hashlib.sha256(text.encode()).hexdigest()
    digest = "sha256:" + hashlib.sha256(f"{path} {sha}\n".encode()).hexdigest()
    return (
        f'{prompt_id(0)}:\n  stable: {{version: 1.{minor}.0, digest: "{digest}"}}\n'
        f'  canary: {{version: 1.{minor}.0, digest: "{digest}", weight: 50, key: user, salt: a1}}\n'
    )


def big_remote(path: Path, prompts: int, tags: int) -> Repo:
    """A bare repository with so many prompts, and so many tags over several versions of them."""
    repo = new_repo(path, "--bare", "--initial-branch=main")
    process = subprocess.Popen(
        ["git", "-c", "core.fsync=none", "fast-import", "--quiet"], cwd=path, stdin=subprocess.PIPE
    )
    assert process.stdin
    for part in _stream(prompts, tags):
        process.stdin.write(part)
    process.stdin.close()
    assert process.wait() == 0
    repo.git("pack-refs", "--all")
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    return repo
