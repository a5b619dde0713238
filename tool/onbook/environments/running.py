"""What runs where, since when, and who made it so: environments as git has them at the tip that clients read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from onbook.environments import files
from onbook.environments.files import Deployment
from onbook.errors import UsageError
from onbook.project import Config
from onbook.repo import Repository
from onbook.repo.git import GitError
from onbook.repo.remote import default_remote
from onbook.repo.snapshot import Commit
from onbook.repo.worktree import WorkTree

MAX_HISTORY = 1_000
"""Commits of an environment's file that are looked at for who changed what."""


@dataclass(frozen=True, slots=True)
class Running:
    """What an environment runs of one prompt, and since when.

    Attributes:
        commit, by, at: the commit that made it so, its author, and when (ISO 8601); empty where history does not say.
    """

    environment: str
    id: str
    deployment: Deployment
    commit: str = ""
    by: str = ""
    at: str = ""


def status(repo: Repository, environment: str | None = None) -> tuple[str, list[Running]]:
    """What runs where at the tip that clients read, since when, and who made it so.

    Returns:
        The revision that was read, and a row for each environment and prompt, sorted.

    Raises:
        UsageError: there is no such environment, or its file has faults.
    """
    revision, config, known = _known(repo)
    snapshot = Commit(repo, revision)
    if environment is not None and environment not in known:
        raise UsageError(
            f"there is no environment {environment!r} in {short(revision)}",
            hint=f"there are: {', '.join(known) or 'none'}",
        )
    rows: list[Running] = []
    for name in [environment] if environment is not None else known:
        running = files.read(snapshot, config.prompts, name)
        rows += _since(repo, revision, files.path_of(config.prompts, name), name, running)
    return short(revision), rows


def environment_names(repo: Repository) -> list[str]:
    """The environments at the tip that clients read, sorted; none in a repository without commits.

    Raises:
        UsageError: the configuration there has faults.
    """
    return _known(repo)[2] if repo.head else []


def _known(repo: Repository) -> tuple[str, Config, list[str]]:
    """The revision that clients read, its configuration, and its environments."""
    revision = tip(repo, Config.load(_here(repo)))
    snapshot = Commit(repo, revision)
    config = Config.load(snapshot)
    return revision, config, files.names(snapshot, config.prompts)


def _since(repo: Repository, revision: str, path: str, name: str, running: dict[str, Deployment]) -> Iterator[Running]:
    since = dict.fromkeys(running, ("", "", ""))
    open_ = set(running)
    # Before a commit at which a shallow clone is cut off, who knows: git shows it as if it had made every file.
    cut = frozenset((repo.git_dir / "shallow").read_text().split()) if repo.shallow else frozenset[str]()
    later: Mapping[str, Deployment] = running
    for (commit, by, at), found in history(repo, revision, path):
        # A row that is the same in two versions is one object, and most are.
        open_ = {id for id in open_ if (now := found.get(id)) is later[id] or now == running[id]}
        told = ("", "", "") if commit in cut else (commit, by, at)
        since |= dict.fromkeys(open_, told)
        if not open_:
            break
        later = found
    yield from (Running(name, id, running[id], *since[id]) for id in sorted(running))


def history(repo: Repository, revision: str, path: str) -> Iterator[tuple[tuple[str, str, str], dict[str, Deployment]]]:
    """What an environment's file said after each commit that changed it, newest first, with (commit, author, time)."""
    if repo.head is None:
        return
    wanted = [f"--max-count={MAX_HISTORY}", "--first-parent", "-m", "--format=%H%x00%an%x00%aI"]
    out = repo.log(*wanted, revision, "--", path).decode("utf-8", "replace").rstrip("\n")
    versions = files.Versions(path)
    for line in out.split("\n") if out else ():
        commit, by, at = line.split("\0")
        found = repo.read_object(f"{commit}:{path}")
        # A commit whose file cannot be read ran what nobody can say: nothing.
        yield (commit, by, at), versions.parse(found[1]) if found and found[0] == "blob" else {}


def tip(repo: Repository, config: Config) -> str:
    """Where clients read, as a full ref: ``environments.ref`` at the remote as last fetched, else here, else HEAD."""
    branch = config.environments_ref
    if branch:
        branch = branch.removeprefix("refs/heads/")
    try:
        remote = default_remote(repo)
    except UsageError:
        remote = ""
    if remote and not branch:
        known = repo.text("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD", accept=(0, 1))
        branch = known.removeprefix(f"refs/remotes/{remote}/") or None
    for ref in (f"refs/remotes/{remote}/{branch}" if remote else "", f"refs/heads/{branch}"):
        if branch and ref:
            try:
                repo.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
            except GitError:
                continue
            return ref
    return "HEAD"


def short(ref: str) -> str:
    """A ref of :func:`tip` as people call it; git might take such a name for a tag's."""
    return ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")


def _here(repo: Repository) -> Commit | WorkTree:
    return Commit(repo, "HEAD") if repo.bare else WorkTree(repo)
