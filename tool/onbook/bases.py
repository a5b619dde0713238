"""What a change is measured against: each prompt's highest release reachable from a commit."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

from onbook.errors import IntegrityError, OnbookError
from onbook.manifest import TagObject
from onbook.project import Catalog, Config, Source
from onbook.repo import Repository
from onbook.repo.snapshot import Commit, Index
from onbook.repo.tags import TagRef, list_tags, read_release, read_tags
from onbook.repo.worktree import WorkTree
from onbook.report import Finding, Severity
from onbook.versions import Version


class Bases:
    """The prompts as they were released; one catalog a commit, since most releases share few.

    Args:
        prompts: the only prompts that will be asked for; then git looks at no other tags.

    In a shallow clone ask :meth:`version` whether what :meth:`ref` finds is the base.
    """

    def __init__(
        self, repo: Repository, config: Config, commit: str | None, *, prompts: Collection[str] | None = None
    ) -> None:
        self.repo = repo
        self.prefix = config.tag_prefix
        self._commit, self._prompts = commit, prompts
        self._catalogs: dict[str, Catalog] = {}
        self._found: dict[str, TagRef | None] = {}
        self._passed: dict[str, list[Finding]] = {}
        self._objects: dict[str, TagObject] = {}

    @cached_property
    def named(self) -> Mapping[str, TagRef]:
        """By prompt, the highest tag that has a base's name; whether it is a release is not looked at.

        A candidate (1.4.0-rc.1) is no base: what it brings is still to be released, and measured from what came before.
        """
        return {id: max(refs, key=_version) for id, refs in self._tags.items()}

    @cached_property
    def _tags(self) -> Mapping[str, list[TagRef]]:
        """The tags with names of bases, by prompt; listed when first asked for."""
        if not self._commit:
            return {}
        return _by_prompt(list_tags(self.repo, prefix=self.prefix, prompts=self._prompts, merged=self._commit))

    def look_at(self, ids: Iterable[str]) -> None:
        """Read the tags that are most likely the bases of many prompts in one go."""
        named = self.named
        self._objects |= read_tags(self.repo, [named[id] for id in ids if id in named])

    def ref(self, id: str) -> TagRef | None:
        """The base release of a prompt that is here: the highest that is one, since anybody may write a tag.

        Only the tags from the highest down to it are read.
        """
        if id not in self._found:
            passed: list[Finding] = []
            refs = sorted(self._tags.get(id, ()), key=_version, reverse=True)
            self._found[id] = next((ref for ref in refs if self._is_release(ref, passed)), None)
            self._passed[id] = passed
        return self._found[id]

    def _is_release(self, ref: TagRef, passed: list[Finding]) -> bool:
        try:
            read_release(self.repo, ref, self._objects.get(ref.object))
        except IntegrityError as error:
            passed.append(_passed_over(ref, error))
            return False
        return True

    def others(self, known: Collection[str]) -> Iterator[str]:
        """The prompts that were released and are not among those that are known, by id.

        Tags of other things (``backend/v1.0.0``) have such names as well. One that cannot be read is left out.
        """
        for id in sorted(self.named.keys() - set(known)):
            with contextlib.suppress(OnbookError):
                if self.ref(id):
                    yield id

    def passed_over(self, id: str) -> Sequence[Finding]:
        """What has the name of a higher release than a prompt's base, and is none: a warning each.

        Of a prompt whose base nobody has asked for nothing is known, and nothing is told.
        """
        return self._passed.get(id, ())

    def version(self, id: str) -> Version | None:
        """The version of a prompt's base release; None before the first.

        Raises:
            OnbookError: this clone is shallow, so that the base may lie in the history that is not here.
        """
        ref = self.ref(id)
        if self.repo.shallow:
            # Of a tag beyond the cut nobody here can say whether this commit descends from it.
            above = [each for each in self._everywhere.get(id, ()) if ref is None or _version(each) > ref.tag.version]
            above = [each for each in above if each not in self._tags.get(id, ()) and self._is_release(each, [])]
            if ref is None or above:
                told = f"{above[0].tag.name} may be one that this commit descends from" if above else "none is seen"
                raise OnbookError(
                    f"the base release of {id} cannot be told in a shallow clone: {told}",
                    hint="run `git fetch --unshallow --tags`; in GitHub Actions give actions/checkout `fetch-depth: 0`",
                )
        return ref.tag.version if ref else None

    @cached_property
    def _everywhere(self) -> Mapping[str, list[TagRef]]:
        return _by_prompt(list_tags(self.repo, prefix=self.prefix))

    def source(self, id: str) -> tuple[Source | None, Version | None]:
        """A prompt as its base release has it, with the version; None and None before the first release.

        Raises:
            OnbookError: as :meth:`version`.
        """
        version = self.version(id)
        if version is None:
            return None, None
        ref = self.ref(id)
        assert ref
        commit = ref.commit
        if commit not in self._catalogs:
            self._catalogs[commit] = Catalog(Commit(self.repo, commit))
        return self._catalogs[commit].get(id), version


def _by_prompt(refs: Iterable[TagRef]) -> dict[str, list[TagRef]]:
    found: dict[str, list[TagRef]] = {}
    for ref in refs:
        if not ref.tag.yanked and not ref.tag.version.pre:
            found.setdefault(ref.tag.id, []).append(ref)
    return found


def _version(ref: TagRef) -> Version:
    return ref.tag.version


def _passed_over(ref: TagRef, error: IntegrityError) -> Finding:
    # A tag is no place in a file, so that it stands in the message.
    message = f"{ref.tag.name} is passed over: {error.message}"
    hint = "delete the tag where nobody uses it; to go on above its number, declare a higher `version` in the file"
    return Finding("OR101", "not-a-release", Severity.WARNING, message, hint=hint)


_OF: WeakKeyDictionary[Catalog, Bases] = WeakKeyDictionary()


def bases_of(catalog: Catalog) -> Bases | None:
    """The bases of a catalog's prompts; None for files that stand in no repository, where nothing is released.

    The tags are listed once for a catalog, and the work tree and the index are measured from HEAD.
    """
    snapshot = catalog.snapshot
    if not isinstance(snapshot, Commit | Index | WorkTree):
        return None
    if catalog not in _OF:
        commit = snapshot.name if isinstance(snapshot, Commit) else snapshot.repo.head
        _OF[catalog] = Bases(snapshot.repo, catalog.config, commit)
    return _OF[catalog]
