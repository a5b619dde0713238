"""Deploying, promoting and rolling back: plans, each an edit of one environment's file.

Nothing is sent anywhere. A reviewed commit of the file is the deployment, and ``git log`` is who did what, and when.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property

from onbook.diff import diff_sources
from onbook.environments import files
from onbook.environments.files import Canary, Deployment, Target
from onbook.environments.running import history, short, tip
from onbook.errors import OnbookError, UsageError
from onbook.files import write_atomic
from onbook.formats import set_entry
from onbook.project import Catalog, Config, Source
from onbook.prompt import require_id
from onbook.repo import Repository
from onbook.repo.git import GitError
from onbook.repo.snapshot import Commit
from onbook.repo.tags import TagRef, list_tags, read_release, release_of, tagger
from onbook.repo.worktree import WorkTree
from onbook.versions import Bump, Version

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
        self.path = files.path_of(self.config.prompts, environment)
        _require_current(repo, self.config, self.path)
        self._running = files.read(self._tree, self.config.prompts, environment)

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
        salt = same.salt if same else os.urandom(4).hex()
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
        if any(ref.tag.yanked and ref.tag.version == version for ref in refs):
            raise UsageError(f"{id} {version} was withdrawn, and is not deployed", hint="choose another version")
        return release_of(refs, id, version)

    def _release(self, id: str, version: str) -> Target:
        ref = self._ref(id, Version.parse(version.removeprefix("v")))
        return Target(ref.tag.version, read_release(self._repo, ref)[1].digest)

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
        ran = [past.stable.version for _, found in history(self._repo, "HEAD", self.path) if (past := found.get(id))]
        way: list[Version] = []
        for version in [*reversed(ran), now.version]:
            # Who went back has left what came after: going back once more, also before a commit, does not return there.
            way = [*way[: way.index(version)], version] if version in way else [*way, version]
        for version in reversed(way[:-1]):
            if version not in withdrawn:
                return self._release(id, str(version))
        if self._repo.shallow:
            raise UsageError(
                f"what {self._environment} ran of {id} before {now.version} is not in this shallow clone",
                hint=f"run `git fetch --unshallow --tags`, or say which: onbook rollback {self._environment} {id} "
                "--to VERSION",
            )
        hint = f"say which: onbook rollback {self._environment} {id} --to VERSION"
        if ran and ran[0] != now.version:
            # Most likely a rollback that was looked at first, and is now to be done.
            hint = (
                f"{self.path} goes from {ran[0]} to {now.version} already, and is not committed: commit it; or {hint}"
            )
        raise UsageError(
            f"history knows no version of {id} that {self._environment} ran before {now.version}", hint=hint
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
    if commit:
        tagger(repo, "a commit names its author")
    target = repo.root / plan.path
    now = target.read_bytes() if target.exists() else None
    if plan.before != plan.after:
        if _lines(now) != _lines(plan.before):
            raise OnbookError("this file changed meanwhile", place=plan.path, hint="run the command again")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, plan.after)
    if not commit:
        return None
    try:
        repo.git("add", "--", plan.path)
        if not repo.text("diff", "--cached", "--name-only", "--", plan.path):
            return None
        repo.git("commit", "--quiet", "--only", "--message", plan.title, "--", plan.path)
    except GitError as error:
        hint = f"{plan.path} is written and not committed: mend what git says, and run the command again"
        raise OnbookError(error.message, hint=hint) from None
    return repo.resolve("HEAD")  # not as it was known before


def _lines(raw: bytes | None) -> bytes | None:
    # git stores one kind of line ends, whatever stands in the work tree.
    return None if raw is None else raw.replace(b"\r\n", b"\n")


def _require_current(repo: Repository, config: Config, path: str) -> None:
    """Refuse to edit a file that somebody has changed at the remote since: the edit would take theirs back."""
    read = tip(repo, config)
    if repo.head is None or read == "HEAD":
        return
    wanted = ["--max-count=1", "--format=%h by %an"]
    behind = repo.log(*wanted, f"HEAD..{read}", "--", path).decode("utf-8", "replace").strip()
    if behind:
        raise OnbookError(
            f"{short(read)} has a change of this file that is not here ({behind})", place=path, hint="`git pull` first"
        )
