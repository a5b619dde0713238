"""A repository with prompts and real recordings, changes of it as pull requests, and the events that GitHub sends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from support.git import PROMPT, Repo, manifest, new_repo

ROOT = Path(__file__).parent.parent.parent
TRIAGE = "prompts/support/triage"
ROUTE = "prompts/support/route.prompt.yml"


def published(path: Path) -> Repo:
    """Our own triage prompt with its recordings, and a prompt without cases; both on main."""
    repo = new_repo(path, "--initial-branch=main")
    for name in ("_shared", "support"):
        shutil.copytree(ROOT / "prompts" / name, path / "prompts" / name)
    repo.commit({ROUTE: PROMPT, "onbook.toml": '[lint]\nignore = ["retired-model"]\n'}, "the prompts")
    return repo


def edit(repo: Repo, path: str, old: str, new: str) -> None:
    """Replace a text that stands in a file just once, and commit."""
    text = (repo.path / path).read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    repo.commit({path: text.replace(old, new)}, f"edit {path}")


def good(repo: Repo) -> None:
    """A change that nobody need fear."""
    edit(repo, ROUTE, "You sort support tickets.", "You sort the tickets of the support desk.")


def breaking(repo: Repo) -> None:
    """A call that was valid is not any more, while the file declares a version that promises otherwise."""
    released(repo)
    edit(repo, ROUTE, "required: [ticket]", "required: [ticket, tone]\nversion: 1.1.0")


def meant(repo: Repo) -> None:
    """The same change, with the version that it asks for."""
    released(repo)
    edit(repo, ROUTE, "required: [ticket]", "required: [ticket, tone]\nversion: 2.0.0")


def released(repo: Repo) -> None:
    """What is checked out of ``support/route`` as 1.0.0."""
    files = {ROUTE: (repo.path / ROUTE).read_bytes()}
    repo.write_tag("support/route/v1.0.0", f"one\n\n{manifest(repo, files)}")


def failing(repo: Repo) -> None:
    """Every case wants another answer than the recorded one."""
    edit(repo, f"{TRIAGE}.suite.yml", 'equals: "{{expected}}"', 'equals: "another queue"')


def recorded(repo: Repo) -> None:
    """A case is gone, and its recording with it: the recordings are other than they were, and pass."""
    cases = (repo.path / f"{TRIAGE}.cases.jsonl").read_text("utf-8").splitlines(keepends=True)
    gone = json.loads(cases.pop())["id"]
    lines = (repo.path / f"{TRIAGE}.recordings.jsonl").read_text("utf-8").splitlines(keepends=True)
    kept = "".join(line for line in lines if json.loads(line)["case"] != gone)
    repo.commit({f"{TRIAGE}.cases.jsonl": "".join(cases), f"{TRIAGE}.recordings.jsonl": kept}, "drop a case")


def pull_request(repo: Repo, *, fork: bool = False, base: str = "main") -> dict[str, Any]:
    """The event of a pull request of what is checked out."""
    return {
        "action": "synchronize",
        "number": 7,
        "pull_request": {
            "number": 7,
            "head": {"sha": repo.git("rev-parse", "HEAD"), "ref": "change", "repo": {"full_name": "me/fork"}}
            if fork
            else {"sha": repo.git("rev-parse", "HEAD"), "ref": "change", "repo": {"full_name": "us/prompts"}},
            "base": {"sha": repo.git("rev-parse", base), "ref": "main", "repo": {"full_name": "us/prompts"}},
        },
        "repository": {"full_name": "us/prompts", "default_branch": "main"},
    }


def actions(path: Path, name: str, event: object) -> dict[str, str]:
    """The variables of a step in GitHub Actions; files are made in the folder."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "event.json").write_text(json.dumps(event), "utf-8")
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(path / "event.json"),
        "GITHUB_OUTPUT": str(path / "output"),
        "GITHUB_STEP_SUMMARY": str(path / "summary.md"),
    }
