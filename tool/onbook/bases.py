"""What a change is measured against: each prompt's highest release reachable from a commit."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from weakref import WeakKeyDictionary

from onbook.errors import OnbookError
from onbook.project import Catalog, Source
from onbook.repo import Repository
from onbook.repo.snapshot import Commit, Index
from onbook.repo.tags import TagRef, list_tags
from onbook.repo.worktree import WorkTree
from onbook.versions import Tag, Version


def base_releases(
    repo: Repository, prefix: str, commit: str | None, prompts: Collection[str] | None = None
) -> dict[str, TagRef]:
    """Each prompt's highest release reachable from a commit, or only those of some prompts.

    A candidate (1.4.0-rc.1) is no base: what it brings is still to be released, and measured from the release before.
    """
    found: dict[str, TagRef] = {}
    for ref in list_tags(repo, prefix=prefix, prompts=prompts, merged=commit) if commit else ():
        known = found.get(ref.tag.id)
        if _counts(ref.tag) and ref.commit and (known is None or ref.tag.version > known.tag.version):
            found[ref.tag.id] = ref
    return found


class Bases:
    """The prompts as they were released; one catalog a commit, since most releases share few.

    Args:
        prompts: the only prompts that will be asked for; then git looks at no other tags.

    In a shallow clone ask :meth:`version` whether what :attr:`refs` holds are the bases.
    """

    def __init__(
        self, repo: Repository, catalog: Catalog, commit: str | None, *, prompts: Collection[str] | None = None
    ) -> None:
        self.repo = repo
        self.prefix = catalog.config.tag_prefix
        self._commit, self._prompts = commit, prompts
        self._catalogs: dict[str, Catalog] = {}

    @cached_property
    def refs(self) -> dict[str, TagRef]:
        """The base releases that are here, by prompt; listed when first asked for."""
        return base_releases(self.repo, self.prefix, self._commit, self._prompts)

    def version(self, id: str) -> Version | None:
        """The version of a prompt's base release; None before the first.

        Raises:
            OnbookError: this clone is shallow, so that the base may lie in the history that is not here.
        """
        ref = self.refs.get(id)
        if self.repo.shallow:
            # Of a tag beyond the cut nobody here can say whether this commit descends from it.
            above = [tag for tag in self._unreached.get(id, ()) if ref is None or tag.version > ref.tag.version]
            if ref is None or above:
                told = f"{above[0].name} may be one that this commit descends from" if above else "none is seen"
                raise OnbookError(
                    f"the base release of {id} cannot be told in a shallow clone: {told}",
                    hint="run `git fetch --unshallow --tags`; in GitHub Actions give actions/checkout `fetch-depth: 0`",
                )
        return ref.tag.version if ref else None

    @cached_property
    def _unreached(self) -> dict[str, list[Tag]]:
        found: dict[str, list[Tag]] = {}
        for ref in list_tags(self.repo, prefix=self.prefix):
            if _counts(ref.tag):
                found.setdefault(ref.tag.id, []).append(ref.tag)
        return found

    def source(self, id: str) -> tuple[Source | None, Version | None]:
        """A prompt as its base release has it, with the version; None and None before the first release.

        Raises:
            OnbookError: as :meth:`version`.
        """
        version = self.version(id)
        if version is None:
            return None, None
        commit = self.refs[id].commit
        if commit not in self._catalogs:
            self._catalogs[commit] = Catalog(Commit(self.repo, commit))
        return self._catalogs[commit].get(id), version


def _counts(tag: Tag) -> bool:
    return not tag.yanked and not tag.version.pre


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
        _OF[catalog] = Bases(snapshot.repo, catalog, commit)
    return _OF[catalog]
