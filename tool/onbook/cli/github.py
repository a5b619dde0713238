"""The workflows of ``onbook init --github``: templates that travel with the package."""

from __future__ import annotations

import json
from importlib.metadata import version

from onbook import resources
from onbook.cli.common import note
from onbook.files import write_atomic
from onbook.project import Config
from onbook.repo import Repository
from onbook.repo.worktree import WorkTree

FOLDER = ".github/workflows"
WORKFLOWS = ("prompts", "prompts-comment", "prompts-release", "prompts-nightly", "prompts-site")


def write_workflows(repo: Repository) -> list[str]:
    """Write the workflows that are not there yet, and tell each. One that exists is somebody's own and stays."""
    done = []
    for name in WORKFLOWS:
        path = repo.root / FOLDER / f"{name}.yml"
        text = workflow(repo, name)
        if path.exists() or path.is_symlink():
            if path.is_symlink() or path.read_bytes() != text:
                note(f"left    {FOLDER}/{name}.yml as it is: it exists; delete it to get the one of this version")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
        done.append(f"wrote   {FOLDER}/{name}.yml")
    return done


def workflow(repo: Repository, name: str) -> bytes:
    """One workflow, for this repository and this version of onbook."""
    text = resources.read(f"templates/github/{name}.yml").decode()
    # The text of a JSON string is one of YAML's, whatever the branch is called.
    branch = json.dumps(_branch(repo))[1:-1]
    return text.replace("@VERSION@", version("onbook")).replace("@BRANCH@", branch).encode()


def _branch(repo: Repository) -> str:
    """The branch that releases are made from: the configured one, else the remote's, else the one that is here."""
    if configured := Config.load(WorkTree(repo)).release_branch:
        return configured
    remote = repo.text("symbolic-ref", "--short", "--quiet", "refs/remotes/origin/HEAD", accept=(0, 1)).strip()
    here = repo.text("symbolic-ref", "--short", "--quiet", "HEAD", accept=(0, 1)).strip()
    return remote.removeprefix("origin/") or here or "main"
