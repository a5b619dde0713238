"""A remote with releases of several prompts, and the books that read it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import onbook
from onbook import release
from onbook.client.remote import RemoteBook
from onbook.repo import Repository
from support.git import PROMPT, Repo, new_repo

TRIAGE = "prompts/support/triage.prompt.yml"
ID = "support/triage"


def released_prompts(path: Path) -> Repo:
    """Real releases of several prompts: 0.1.0, 0.1.1, 0.2.0 and 1.0.0 of triage, and neighbours with names like it."""
    repo = new_repo(path)
    others = {f"prompts/{id}.prompt.yml": PROMPT for id in ("support/triage/sub", "support/triage-two", "support/very")}
    partial = "templateFormat: jinja2\nmessages:\n- {role: user, content: \"{% include '_shared/a.md' %}{{x}}\"}\n"
    repo.commit({TRIAGE: PROMPT, **others, "prompts/partial.prompt.yml": partial, "prompts/_shared/a.md": "Kind: "})
    texts = [
        PROMPT,
        PROMPT.replace("You sort", "Sort"),
        PROMPT.replace("[ticket]", "[ticket, tone]"),
        f"version: 1.0.0\n{PROMPT}",
    ]
    for text in texts:
        repo.commit({TRIAGE: text})
        found = Repository.discover(repo.path)
        plan = release.plan(found)
        release.apply(found, plan)
    repo.git("update-ref", f"refs/heads/{ID}/v1.0.0", "HEAD~3")
    assert len(repo.tags()) == 8
    return repo


def remote_book(source: str | Path, **options: object) -> RemoteBook:
    book = onbook.open(source, **options)  # type: ignore[arg-type]
    assert isinstance(book, RemoteBook)
    return book


def children() -> set[str]:
    listed = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return {line for line in listed.splitlines() if "onbook-fetch-" in line}
