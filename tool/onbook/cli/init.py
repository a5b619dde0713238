"""``onbook init``."""

from __future__ import annotations

from pathlib import Path

import click

from onbook.cli.common import note, repository
from onbook.cli.editors import SCHEMA, write_schema
from onbook.files import write_atomic
from onbook.project import Catalog, Config
from onbook.project.config import FILE
from onbook.repo import Repository
from onbook.repo.worktree import WorkTree

_CONFIG = """\
# onbook's configuration; every key has a default that is meant to be right.
# prompts = "prompts"            # the folder that holds the prompts
# tagPrefix = "prompts/"         # put before release tags, for a repository that tags other things as well; default: ""

# [release]
# branch = "main"                # only commits on it are released; default: the remote's HEAD branch

# [gates]
# major = true                   # a change that breaks callers must declare its version in the prompt's file
"""
_ATTRIBUTES = (
    "# Recordings are one sorted line a case: two branches that record both keep their lines.",
    "*.recordings.jsonl merge=union",
)


@click.command()
@click.option("--hooks", is_flag=True, help="Install git hooks as well: pre-commit, commit-msg, pre-push.")
@click.option("--github", is_flag=True, help="Write workflows for GitHub Actions as well; see docs/ci.md.")
def command(hooks: bool, github: bool) -> int:
    """Set up this repository for prompts. What exists is left as it is, but for the schema that editors read.

    --hooks keeps a hook that exists: it runs before onbook's.
    """
    repo = repository(writes=True)
    folder = repo.root / Config.load(WorkTree(repo)).prompts
    done = [
        _folder(folder, repo.root),
        _file(repo.root / FILE, _CONFIG, repo.root) if not _configured(repo.root) else "",
        _schema(folder, repo.root),
        _attributes(repo.root / ".gitattributes"),
        *(_hooks(repo) if hooks else ()),
        *(_workflows(repo) if github else ()),
    ]
    if any(done) and Path.cwd() != repo.root:
        note(f"in {repo.root}, where the repository begins:")
    for message in filter(None, done):
        note(message)
    if not any(done):
        note("everything is set up already")
    if Catalog(WorkTree(repo)).ids:
        note("next: `onbook lint`")
    else:
        note("next: `onbook new support/triage` writes a first prompt")
    return 0


def _hooks(repo: Repository) -> list[str]:
    from onbook.cli.hooks import install_hooks

    return install_hooks(repo)


def _workflows(repo: Repository) -> list[str]:
    from onbook.cli.github import write_workflows

    wrote = write_workflows(repo)
    if wrote:
        wrote.append("the workflows install onbook with pip: edit ONBOOK in them to take it from elsewhere")
        wrote.append("prompts-nightly needs a key, and prompts-site a decision: their first lines say which")
    return wrote


def _configured(root: Path) -> bool:
    return (root / FILE).exists() or "[tool.onbook" in _text(root / "pyproject.toml")


def _folder(folder: Path, root: Path) -> str:
    if folder.is_dir():
        return ""
    folder.mkdir(parents=True)
    return f"made    {folder.relative_to(root)}/"


def _schema(folder: Path, root: Path) -> str:
    return f"wrote   {(folder / SCHEMA).relative_to(root)}, for editors" if write_schema(folder, refresh=True) else ""


def _file(path: Path, text: str, root: Path) -> str:
    if path.exists():
        return ""
    write_atomic(path, text.encode())
    return f"wrote   {path.relative_to(root)}"


def _attributes(path: Path) -> str:
    text = _text(path)
    if _ATTRIBUTES[1] in text.splitlines():
        return ""
    joint = "" if not text or text.endswith("\n") else "\n"
    write_atomic(path, (text + joint + "\n".join(_ATTRIBUTES) + "\n").encode())
    return f"{'added to' if text else 'wrote  '} {path.name}"


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""
