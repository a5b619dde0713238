"""What several commands share: the snapshot that is meant, inputs, files that are named, and printing a report."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from onbook.cli.streams import say
from onbook.errors import UsageError
from onbook.files import write_atomic
from onbook.prompt import SUFFIXES, Prompt
from onbook.repo import Repository, Snapshot
from onbook.repo.snapshot import Commit, Index
from onbook.repo.worktree import WorkTree
from onbook.report import Check, Report, Status
from onbook.reporters import pieces

if TYPE_CHECKING:
    from onbook.environments.deploy import Plan
    from onbook.project import Catalog

STANDARD = "-"
"""The name of standard input, where a file is named."""


def repository(*, writes: bool = False) -> Repository:
    """The repository that the command stands in.

    Args:
        writes: the command writes beside the prompts, so a work tree is needed.

    Raises:
        UsageError: there is none.
    """
    found = Repository.discover(Path.cwd())
    if writes and found.bare:
        message = "a bare repository has no files to write"
        raise UsageError(message, place=str(found.root), hint="run this in a clone with a work tree")
    return found


def snapshot(repo: Repository, *, staged: bool = False, at: str | None = None) -> Snapshot:
    """The place in history that is meant: the work tree, unless the index or a commit is asked for.

    Raises:
        UsageError: both are asked for, or the commit does not exist.
    """
    if staged and at is not None:
        raise UsageError("--staged and --at exclude each other")
    if at is not None:
        return Commit(repo, at)
    if staged:
        return Index(repo)
    return Commit(repo, "HEAD") if repo.bare else WorkTree(repo)


def read_input(name: str, what: str) -> bytes:
    """A file that is named on the command line; ``-`` is standard input.

    Args:
        what: what is wanted of it, in the words of an error: ``this report``.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if name == STANDARD else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{what} cannot be read: {error.strerror}", place=name) from None


# Links below these belong to the system or to whoever started us: /dev/stdout is one, and a file of /dev/shm is none.
_STANDING = ("/dev/", "/proc/")


def write_output(path: Path, text: str) -> None:
    """Write a file that is named on the command line in one step, its folder too.

    ``/dev/stdout``, a pipe or a device is written to: put in its place, a file would be the end of it for everybody.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    standing = path.is_symlink() and str(path.absolute()).startswith(_STANDING)
    if standing or (path.exists() and not path.is_file()):
        with path.open("ab") as file:
            file.write(text.encode())
    else:
        write_atomic(path, text.encode())


_INPUTS = "- reads them from standard input; one alone is given as --var NAME=VALUE"


def inputs(prompt: Prompt, variables: Iterable[str], vars_file: str | None) -> dict[str, object]:
    """A prompt's inputs from the command line. Text is taken as it is where the contract wants text, else as JSON.

    Raises:
        UsageError: a value without a name, a file that cannot be read, or text that is no JSON where it must be.
    """
    given: dict[str, object] = {}
    if vars_file is not None:
        try:
            if vars_file.lstrip().startswith("{"):
                raise UsageError("--vars takes a file, not the inputs themselves", hint=_INPUTS)
            loaded = json.loads(read_input(vars_file, "these inputs"))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"these inputs are no JSON: {error}", place=vars_file) from None
        if not isinstance(loaded, dict):
            raise UsageError("these inputs must be one JSON object", place=vars_file)
        given.update(loaded)
    seen: set[str] = set()
    for variable in variables:
        name, equals, value = variable.partition("=")
        if not equals or not name:
            raise UsageError(f"--var takes NAME=VALUE, not {variable!r}")
        if value.startswith("@"):
            try:
                value = read_input(value[1:], f"input {name!r}").decode()
            except UnicodeDecodeError as error:
                raise UsageError(
                    f"input {name!r} is no text: byte {error.start} is no UTF-8", place=value[1:]
                ) from None
        if name in seen:
            raise UsageError(f"--var gives {name!r} twice")
        seen.add(name)
        given[name] = _typed(prompt, name, value)
    return given


def _typed(prompt: Prompt, name: str, value: str) -> object:
    kind = prompt.input_properties.get(name, {}).get("type")
    if kind is None or kind == "string" or (isinstance(kind, list) and "string" in kind):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise UsageError(f"input {name!r} is declared as {kind}, and {value[:100]!r} is no such JSON value") from None


def print_report(report: Report, format: str) -> None:
    """Write a report to standard output, in colour where a person looks on."""
    for piece in pieces(format, report, color=color_wanted(), width=columns()):
        say(piece, nl=False, color=True)


def require_details(details: bool, format: str) -> None:
    """Refuse ``--details`` where no format shows them.

    Raises:
        UsageError: the format is another than JSON.
    """
    if details and format != "json":
        raise UsageError("--details adds to the JSON report alone", hint="write --format json as well")


def color_wanted() -> bool:
    """Whether standard output is a terminal and nobody asked for no colours (https://no-color.org)."""
    # Python has no standard output at all where it was closed, as `>&-` does.
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def columns() -> int | None:
    """How wide the terminal is that somebody looks at, or what COLUMNS says; None where neither is known."""
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and len(told) < 6 and int(told):
        return int(told)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, AttributeError, ValueError):  # no terminal, or no standard output at all
        return None


def note(message: str) -> None:
    """Tell a person something that is no result."""
    from onbook.reporters.terminal import printable

    say(printable(message), err=True)


def edited(repo: Repository, folder: str) -> list[str]:
    """The files below a folder that are not committed as they stand, sorted."""
    out = repo.text("--no-optional-locks", "status", "--porcelain", "-z", "--untracked-files=all", "--", folder)
    return sorted(entry[3:] for entry in out.split("\0") if entry[2:3] == " ")


def note_empty(repo: Repository, catalog: Catalog) -> None:
    """Tell a person that there is no prompt to look at: a misspelt folder finds nothing wrong either.

    Raises:
        UsageError: the prompts folder is a file.
    """
    if catalog.ids:
        return
    from onbook.project.config import FILE

    folder = catalog.config.prompts
    if catalog.snapshot.entry(folder) is not None:
        hint = f'move it away, or name another folder in {FILE}: prompts = "..."'
        raise UsageError("prompts are looked for in this folder, and it is none", place=folder, hint=hint)
    note(f"note: there are no prompts below {folder}/")
    note_elsewhere(repo, catalog, "  ")


def note_elsewhere(repo: Repository, catalog: Catalog, begin: str = "note: ") -> None:
    """Tell a person of prompts that are looked for in another folder than they are in."""
    from onbook.project.config import FILE

    folder = catalog.config.prompts
    paths = catalog.snapshot.entries("")
    elsewhere = sorted(path for path in paths if path.endswith(SUFFIXES) and not path.startswith(f"{folder}/"))
    if elsewhere:
        others = f" and {len(elsewhere) - 1} more stand" if len(elsewhere) > 1 else " stands"
        note(f"{begin}{elsewhere[0]}{others} elsewhere: move what is a prompt to {folder}/, or set `prompts` in {FILE}")
    for parent in (Path(folder), *Path(folder).parents)[:-1]:
        if (repo.root / parent / ".git").exists():
            note(f"{begin}{parent.as_posix()} is a repository of its own, a submodule for example: run onbook there")


def note_completed(tags: Collection[str], *, dry_run: bool = False) -> None:
    """Tell a person which tags of an interrupted release were completed."""
    if tags:
        some = ", ".join(list(tags)[:3])
        named = some if len(tags) <= 3 else f"{len(tags)} tags ({some}, ...)"
        done = "the next release first completes" if dry_run else "completed"
        note(f"{done} {named}, which an interrupted release had left")


def carry_out(repo: Repository, verb: str, plan: Plan, *, commit: bool, dry_run: bool, format: str) -> int:
    """Carry out an edit of an environment's file, or only tell it, and print it as a report."""
    from onbook.environments.deploy import apply

    for message in plan.notes:
        note(f"note: {message}")
    made = None if dry_run else apply(repo, plan, commit=commit)
    data = {
        "environment": plan.environment,
        "id": plan.id,
        "path": plan.path,
        "title": plan.title,
        "old": plan.old.data() if plan.old else None,
        "new": plan.new.data(),
        "commit": made,
    }
    print_report(Report(verb, (Check(f"{verb}/{plan.id}", Status.PASSED, plan.id),), head=made, data=data), format)
    if dry_run:
        note("dry run: nothing was written")
    elif plan.before == plan.after and not edited(repo, plan.path):
        note(f"nothing changes: {plan.path} says so already")
    elif made is None:
        note(f"next: commit {plan.path} and push it, which is the deployment")
    return 0
