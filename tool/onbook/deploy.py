"""What runs where: plans of deploying, promoting and rolling back, each an edit of one environment's file.

Nothing is sent anywhere. A reviewed commit of the file is the deployment, and ``git log`` is who did what, and when.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from onbook import environments
from onbook.diff import diff_sources
from onbook.environments import Canary, Deployment, Target
from onbook.errors import OnbookError, UsageError
from onbook.files import write_atomic
from onbook.formats import set_entry
from onbook.project import Catalog, Config, Source
from onbook.prompt import require_id
from onbook.repo import Repository
from onbook.repo.git import GitError
from onbook.repo.remote import default_remote
from onbook.repo.snapshot import Commit
from onbook.repo.tags import TagRef, list_tags, read_tag
from onbook.repo.worktree import WorkTree
from onbook.versions import Bump, Version

MAX_HISTORY = 1_000
"""Commits of an environment's file that are looked at for who changed what."""

KEY = "user_id"
"""The caller's attribute that deals canaries, where nobody names another."""

_HEADER = b"""\
# Which release of each prompt runs in this environment. Clients read this file at the tip of its branch.
# `onbook deploy`, `onbook promote` and `onbook rollback` edit it; a person may as well.

"""


@dataclass(frozen=True, slots=True)
class Plan:
    """One edit of an environment's file.

    Attributes:
        path: of the file, from the repository's root; before, after: its bytes, ``before`` None where it is new.
        old, new: what runs of the prompt; title: the edit in a few words, for people and for the commit.
        notes: what whoever deploys should know.
    """

    environment: str
    id: str
    path: str
    before: bytes | None
    after: bytes
    old: Deployment | None
    new: Deployment
    title: str
    notes: tuple[str, ...] = ()


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


class Deployer:
    """Plans edits of one environment's file in the work tree.

    Raises:
        UsageError: the repository is bare, the name is no legal one, or the file has faults.
        OnbookError: the file was changed at the remote by commits that are not here.
    """

    def __init__(self, repo: Repository, environment: str) -> None:
        if repo.bare:
            raise UsageError("a bare repository has no file to edit", hint="clone it, deploy there, and push")
        self._repo = repo
        self._environment = environment
        self._tree = WorkTree(repo)
        self.config = Config.load(self._tree)
        self.path = environments.path_of(self.config.prompts, environment)
        _require_current(repo, self.config, self.path)
        self._running = environments.read(self._tree, self.config.prompts, environment)

    def deploy(self, id: str, version: str, *, weight: float | None = None, key: str | None = None) -> Plan:
        """Run a version, or with ``weight`` give it to a share of the callers.

        Args:
            weight: per cent, 0 to 100; None deploys to everybody at once.
            key: the caller's attribute that deals the canary; default the one it has, else ``user_id``.

        Raises:
            UsageError: no such release; it was withdrawn; a weight that is none; a canary without a stable version, or
                one whose change from stable is major or could not be proved not to be.
        """
        release = self._release(id, version)
        old = self._running.get(id)
        if weight is None:
            if key is not None:
                raise UsageError("a key deals a canary", hint="add --canary PERCENT")
            new = Deployment(release)
            told = f"{id} {release.version} runs in {self._environment}"
            notes = self._larger(id, old.stable if old else None, release)
            return self._plan(id, new, told, notes)
        if not 0 <= weight <= 100:
            raise UsageError(f"a weight is 0 to 100 per cent, not {weight:g}")
        if old is None:
            raise UsageError(
                f"{self._environment} runs no {id} yet that a canary could be measured against",
                hint=f"onbook deploy {self._environment} {id} VERSION",
            )
        if release == old.stable:
            raise UsageError(f"{id} {release.version} is what {self._environment} runs already")
        self._require_compatible(id, old.stable, release)
        same = old.canary if old.canary and old.canary.version == release.version else None
        # While one canary ramps its callers keep it; another deals them anew.
        salt = same.salt if same else secrets.token_hex(4)
        named = key or (old.canary.key if old.canary else KEY)
        canary = Canary(release.version, release.digest, weight, named, salt)
        title = f"{id} {release.version} is a canary for {weight:g} % in {self._environment}"
        return self._plan(id, replace(old, canary=canary), title)

    def promote(self, id: str) -> Plan:
        """Make the canary what everybody gets.

        Raises:
            UsageError: there is none, or its release was withdrawn.
        """
        old = self._known(id)
        if old.canary is None:
            raise UsageError(
                f"{self._environment} runs no canary of {id}",
                hint=f"onbook deploy {self._environment} {id} VERSION --canary 10",
            )
        release = self._release(id, str(old.canary.version))
        if release.digest != old.canary.digest:
            raise UsageError(f"the canary's digest is not that of {id} {release.version}", place=self.path)
        return self._plan(id, Deployment(release), f"{id} {release.version} is promoted in {self._environment}")

    def rollback(self, id: str, to: str | None = None) -> Plan:
        """Go back: to a version that is named; else end the canary; else to the version that ran before.

        Raises:
            UsageError: there is nothing to go back to.
        """
        old = self._known(id)
        if to is not None:
            release = self._release(id, to)
        elif old.canary is not None:
            title = f"the canary of {id} ends in {self._environment}, {old.stable.version} stays"
            return self._plan(id, Deployment(old.stable), title)
        else:
            release = self._before(id, old.stable)
        return self._plan(id, Deployment(release), f"{id} goes back to {release.version} in {self._environment}")

    # --- what is deployed must be a release

    @cached_property
    def _tags(self) -> dict[str, list[TagRef]]:
        return {}

    def _refs(self, id: str) -> list[TagRef]:
        require_id(id)
        if id not in self._tags:
            self._tags[id] = list_tags(self._repo, prefix=self.config.tag_prefix, prompt=id)
        return self._tags[id]

    def _ref(self, id: str, version: Version) -> TagRef:
        refs = self._refs(id)
        withdrawn = {ref.tag.version for ref in refs if ref.tag.yanked}
        released = {ref.tag.version: ref for ref in refs if not ref.tag.yanked}
        if version in withdrawn:
            raise UsageError(f"{id} {version} was withdrawn, and is not deployed", hint="choose another version")
        if version not in released:
            newest = ", ".join(str(each) for each in sorted(released.keys() - withdrawn, reverse=True)[:5])
            hint = f"there are: {newest}" if newest else "`git fetch --tags` brings the tags of others"
            raise UsageError(f"{id} {version} is not released here", hint=hint)
        return released[version]

    def _release(self, id: str, version: str) -> Target:
        ref = self._ref(id, Version.parse(version.removeprefix("v")))
        return Target(ref.tag.version, read_tag(self._repo, ref).manifest(ref.tag.name).digest)

    def _known(self, id: str) -> Deployment:
        require_id(id)
        if id not in self._running:
            raise UsageError(
                f"{self._environment} runs no {id}", hint=f"onbook deploy {self._environment} {id} VERSION"
            )
        return self._running[id]

    def _before(self, id: str, now: Target) -> Target:
        # What was withdrawn since is no way back, however long it ran.
        withdrawn = {ref.tag.version for ref in self._refs(id) if ref.tag.yanked}
        for _, found in _history(self._repo, "HEAD", self.path):
            past = found.get(id)
            if past and past.stable.version != now.version and past.stable.version not in withdrawn:
                return self._release(id, str(past.stable.version))
        if self._repo.shallow:
            raise UsageError(
                f"what {self._environment} ran of {id} before {now.version} is not in this shallow clone",
                hint=f"run `git fetch --unshallow --tags`, or say which: onbook rollback {self._environment} {id} "
                "--to VERSION",
            )
        raise UsageError(
            f"history knows no version of {id} that {self._environment} ran before {now.version}",
            hint=f"say which: onbook rollback {self._environment} {id} --to VERSION",
        )

    # --- what changes for the callers

    def _source(self, id: str, target: Target) -> Source:
        ref = self._ref(id, target.version)
        source = Catalog(Commit(self._repo, ref.commit)).get(id)
        if source is None or source.digest != target.digest:
            raise OnbookError(
                f"{ref.tag.name} does not hold the prompt with digest {target.digest}", hint="`git fetch --tags`"
            )
        return source

    def _bump(self, id: str, old: Target, new: Target) -> tuple[Bump, bool]:
        found = diff_sources(id, self._source(id, old), self._source(id, new), readers=self.config.readers)
        return found.bump, found.proved

    def _require_compatible(self, id: str, stable: Target, release: Target) -> None:
        bump, proved = self._bump(id, stable, release)
        if bump is Bump.MAJOR:
            doubt = "" if proved else ", as far as could be proved"
            raise UsageError(
                f"{id} {release.version} changes the contract of {stable.version}{doubt}: "
                "the same callers could not be served both",
                hint="callers must ask for the new contract: release it, let them move, and deploy it without a canary",
            )

    def _larger(self, id: str, old: Target | None, new: Target) -> tuple[str, ...]:
        if old is None or old == new:
            return ()
        try:
            bump, proved = self._bump(id, old, new)
        except OnbookError as error:
            return (f"what changes from {old.version} to {new.version} could not be told: {error.message}",)
        if bump is not Bump.MAJOR:
            return ()
        told = "changes the contract" if proved else "may change the contract"
        return (f"{old.version} to {new.version} {told}: callers that were written for the other may fail",)

    def _plan(self, id: str, new: Deployment, title: str, notes: tuple[str, ...] = ()) -> Plan:
        before = self._tree.read(self.path) if self._tree.entry(self.path) else None
        after = set_entry(_HEADER if before is None else before, id, new.data())
        old = self._running.get(id)
        return Plan(self._environment, id, self.path, before, after, old, new, title, notes)


def apply(repo: Repository, plan: Plan, *, commit: bool = False) -> str | None:
    """Write the file in one step and, if asked to, commit it and nothing else.

    Returns:
        The new commit's id, or None.

    Raises:
        OnbookError: the file changed meanwhile, or git refused; the file then stays as it was written.
    """
    target = repo.root / plan.path
    now = target.read_bytes() if target.exists() else None
    if plan.before != plan.after:
        if (
            now is not None
            and plan.before is not None
            and now.replace(b"\r\n", b"\n") != plan.before.replace(b"\r\n", b"\n")
        ):
            raise OnbookError("this file changed meanwhile", place=plan.path, hint="run the command again")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, plan.after)
    if not commit:
        return None
    repo.git("add", "--", plan.path)
    if not repo.text("diff", "--cached", "--name-only", "--", plan.path):
        return None
    repo.git("commit", "--quiet", "--only", "--message", plan.title, "--", plan.path)
    return repo.head


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
            f"there is no environment {environment!r} in {revision}", hint=f"there are: {', '.join(known) or 'none'}"
        )
    rows: list[Running] = []
    for name in [environment] if environment is not None else known:
        running = environments.read(snapshot, config.prompts, name)
        rows += _since(repo, revision, environments.path_of(config.prompts, name), name, running)
    return revision, rows


def environment_names(repo: Repository) -> list[str]:
    """The environments at the tip that clients read, sorted; none in a repository without commits.

    Raises:
        UsageError: the configuration there has faults.
    """
    return _known(repo)[2] if repo.head else []


def _known(repo: Repository) -> tuple[str, Config, list[str]]:
    """The revision that clients read, its configuration, and its environments."""
    revision = _tip(repo, Config.load(_here(repo)))
    snapshot = Commit(repo, revision)
    config = Config.load(snapshot)
    return revision, config, environments.names(snapshot, config.prompts)


def _since(repo: Repository, revision: str, path: str, name: str, running: dict[str, Deployment]) -> Iterator[Running]:
    since = dict.fromkeys(running, ("", "", ""))
    open_ = set(running)
    # Before a commit at which a shallow clone is cut off, who knows: git shows it as if it had made every file.
    cut = frozenset((repo.git_dir / "shallow").read_text().split()) if repo.shallow else frozenset[str]()
    later: Mapping[str, Deployment] = running
    for (commit, by, at), found in _history(repo, revision, path):
        # A row that is the same in two versions is one object, and most are.
        open_ = {id for id in open_ if (now := found.get(id)) is later[id] or now == running[id]}
        told = ("", "", "") if commit in cut else (commit, by, at)
        since |= dict.fromkeys(open_, told)
        if not open_:
            break
        later = found
    yield from (Running(name, id, running[id], *since[id]) for id in sorted(running))


def _history(
    repo: Repository, revision: str, path: str
) -> Iterator[tuple[tuple[str, str, str], dict[str, Deployment]]]:
    """What an environment's file said after each commit that changed it, newest first, with (commit, author, time)."""
    if repo.head is None:
        return
    out = repo.text(
        "log", f"--max-count={MAX_HISTORY}", "--first-parent", "-m", "--format=%H%x00%an%x00%aI", revision, "--", path
    )
    versions = environments.Versions(path)
    for line in out.split("\n") if out else ():
        commit, by, at = line.split("\0")
        found = repo.read_object(f"{commit}:{path}")
        # A commit whose file cannot be read ran what nobody can say: nothing.
        yield (commit, by, at), versions.parse(found[1]) if found and found[0] == "blob" else {}


def _require_current(repo: Repository, config: Config, path: str) -> None:
    """Refuse to edit a file that somebody has changed at the remote since: the edit would take theirs back."""
    tip = _tip(repo, config)
    if repo.head is None or tip == "HEAD":
        return
    behind = repo.text("log", "--max-count=1", "--format=%h by %an", f"HEAD..{tip}", "--", path)
    if behind:
        raise OnbookError(
            f"{tip} has a change of this file that is not here ({behind})", place=path, hint="`git pull` first"
        )


def _tip(repo: Repository, config: Config) -> str:
    """Where clients read: ``environments.ref`` at the remote as last fetched, else here, else HEAD."""
    branch = config.environments_ref
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
            return ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
    return "HEAD"


def _here(repo: Repository) -> Commit | WorkTree:
    return Commit(repo, "HEAD") if repo.bare else WorkTree(repo)
