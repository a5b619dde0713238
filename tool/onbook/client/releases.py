"""Releases, from the cache or from the remote, verified."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from onbook.client.cache import Cache, Cached
from onbook.client.lockfile import Lock, LockedRelease
from onbook.client.verify import (
    Policy,
    choose,
    prompt_file,
    same_tag,
    verify_files,
    verify_paths,
    verify_signature,
    verify_tag,
    warnings,
)
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.manifest import ClosureFile, TagObject
from onbook.prompt import require_id
from onbook.repo.access import Access, Deadline
from onbook.repo.fetching import RemoteTags
from onbook.repo.git import GitTimeoutError
from onbook.repo.tags import TagRef
from onbook.versions import Range, require_prefix

_ALL = "v*"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A release as it came from a remote or the cache, verified.

    Attributes:
        folder: where its files are kept; files: what it lists; data: their bytes by path; raw: its tag object.
        notes: what a person should know about how it was got; lasting: those of them that are true of the release.
    """

    release: LockedRelease
    tag: str
    files: tuple[ClosureFile, ...]
    folder: Path
    notes: tuple[str, ...] = ()
    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    raw: bytes = field(default=b"", repr=False)
    lasting: tuple[str, ...] = ()

    @property
    def prompt_file(self) -> str:
        """The path of the prompt's own file within the release."""
        return prompt_file(self.release.id, self.files)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a request was resolved to: the release, and how many seconds ago the remote said so."""

    fetched: Fetched
    age: float


class Releases:
    """The releases of one remote.

    Args:
        prefix: what stands before release tags; None where nobody said.
        signers: the file of allowed signers.
    """

    def __init__(
        self, access: Access, cache: Cache, lock: Lock, prefix: str | None, policy: Policy, signers: Path | None
    ) -> None:
        self.access = access
        self.url = access.shown
        self.cache = cache
        self.lock = lock
        self.prefix = require_prefix(prefix) if prefix is not None else None
        self.policy = policy
        self.signers = signers

    def exact(self, id: str, version: str, prefix: str | None = None) -> Fetched:
        """One version: from the cache, and only if it is not there from the remote, which one of all processes asks.

        Raises:
            UsageError, IntegrityError, OnbookError: as :meth:`onbook.Book.get`.
        """
        found = self.cached(id, version, prefix)
        if found is None:
            before = self._before(prefix)
            there = lambda: self.cache.find(self.url, id, version, before) is not None  # noqa: E731 asked while it waits
            with self.alone("release", id, version, before, until=there) as deadline:
                found = self.cached(id, version, prefix) or self.fetch(id, version, prefix, deadline)
        return found

    def cached(self, id: str, version: str, prefix: str | None = None) -> Fetched | None:
        """A version that is in the cache, intact, and what the lock and the policy ask for."""
        found = self.cache.find(self.url, id, version, self._before(prefix))
        if found is None:
            return None
        self.lock.check(found.release, found.tag)
        try:
            self._verify_cached(found)
            data = self.cache.read(found.release.digest, found.files)
        except OnbookError:
            # Kept by another policy, or damaged meanwhile: the remote is asked, and tells what is wrong if anything is.
            return None
        self.cache.used(found.release.digest)
        kept = (self.cache.state(_withdrawn(found.release, found.tag)) or {}).get("notes")
        notes = tuple(str(note) for note in kept) if isinstance(kept, list) else ()
        return Fetched(found.release, found.tag, found.files, found.folder, notes, data, found.raw, notes)

    def resolve(self, id: str, request: str, since: float) -> Resolved:
        """A range: as the cache knows it, if the remote was asked since then, else as the remote says.

        Args:
            since: seconds since 1970.

        Raises:
            UsageError, IntegrityError, OnbookError: as :meth:`onbook.Book.get`.
        """
        key = self._key(id, request)
        with self.alone("range", id, request, until=lambda: self.told_since(key, since)) as deadline:
            found = self.known(id, request)
            if found is not None and time.time() - found.age >= since:
                return found
            began = time.time()
            fetched = self.fetch(id, request, None, deadline)
            state = {"version": fetched.release.version, "at": began, "notes": list(fetched.lasting)}
            with contextlib.suppress(OnbookError):
                self.cache.keep_state(key, state)
            return Resolved(fetched, max(0.0, time.time() - began))

    def known(self, id: str, request: str) -> Resolved | None:
        """What the cache knows of a range, however old."""
        state = self.cache.state(self._key(id, request))
        if state is None or not isinstance(state.get("version"), str) or not isinstance(state.get("at"), float):
            return None
        fetched = self.cached(id, str(state["version"]))
        age = age_of(state["at"])
        return Resolved(fetched, age) if fetched is not None and age is not None else None

    def fetch(
        self, id: str, request: str = "*", prefix: str | None = None, deadline: Deadline | None = None
    ) -> Fetched:
        """Ask the remote for a release, verify it, and keep it in the cache.

        Raises:
            UsageError, IntegrityError, OnbookError: as :meth:`onbook.Book.get`.
        """
        require_id(id)
        wanted = Range.parse(request)
        prefix = self._before(prefix)
        with RemoteTags(self.access, deadline) as remote:
            remote.seek([f"{prefix}{id}/{_pattern(wanted)}"])
            refs = remote.tags(prefix, id)
            try:
                ref = choose(refs, wanted, id, self.url, prefix)
            except UsageError:
                if wanted.exact or _pattern(wanted) == _ALL:
                    raise
                # Whoever asks for what is not there is told what is.
                remote.seek([f"{prefix}{id}/{_ALL}"])
                ref = choose(remote.tags(prefix, id), wanted, id, self.url, prefix)
            raw = remote.read_tag(ref)
            tag = verify_tag(ref, raw, self.url, self.policy)
            manifest = tag.manifest(ref.tag.name)
            release = LockedRelease(self.url, id, str(ref.tag.version), ref.object, ref.commit, manifest.digest)
            self.lock.check(release, ref.tag.name)
            self._require_unmoved(release, ref.tag.name)
            self._verify_signature(raw, ref.tag.name, release.tag_object)
            verify_paths(manifest.files, ref.tag.name)
            prompt_file(id, manifest.files)
            data = self._files(remote, ref, manifest.digest, manifest.files)
            notes = lasting = tuple(warnings(refs, ref))
            if tag.name != ref.tag.name:
                notes += (f"this tag says that its name is {tag.name}, which verify='none' lets pass",)
            notes = (*remote.notes, *notes)
        folder = self.cache.folder(manifest.digest)
        fetched = Fetched(release, ref.tag.name, manifest.files, folder, notes, data, raw, lasting)
        return self._keep(fetched)

    def _files(self, remote: RemoteTags, ref: TagRef, digest: str, files: Sequence[ClosureFile]) -> dict[str, bytes]:
        with contextlib.suppress(OnbookError):
            return self.cache.read(digest, files)
        blobs = remote.read_blobs((file.blob for file in files), ref)
        data = {file.path: blobs[file.blob] for file in files}
        verify_files(data, files, digest, ref.tag.name)
        return data

    def _keep(self, fetched: Fetched) -> Fetched:
        """Keep a release in the cache; where that cannot be written, the release is served all the same."""
        release = fetched.release
        try:
            if not self.cache.holds(release.digest, fetched.files):
                self.cache.store(release.digest, fetched.data)
            self.cache.remember(Cached(release, fetched.tag, fetched.files, fetched.folder, fetched.raw))
            self.cache.keep_state(_withdrawn(release, fetched.tag), {"notes": list(fetched.lasting)})
        except OnbookError as error:
            told = f"it is not kept for the next start: {error.message}"
            return replace(fetched, notes=(*fetched.notes, told))
        return fetched

    def _require_unmoved(self, release: LockedRelease, tag: str) -> None:
        """Refuse a version that was another one when it was fetched before."""
        prefix = tag.removesuffix(f"{release.id}/v{release.version}")
        before = self.cache.entry(self.url, release.id, release.version, prefix)
        if before is None or before.release.tag_object == release.tag_object:
            return
        path = self.cache.entry_path(self.url, release.id, release.version, prefix)
        raise IntegrityError(
            f"{release.id} {release.version} is not what it was when it was fetched before: its tag moved\n"
            f"  expected: tag object {before.release.tag_object}, {before.release.digest}\n"
            f"  found:    tag object {release.tag_object}, {release.digest}",
            place=f"{self.url} {tag}",
            hint=f"a release is never changed; ask who moved the tag, and only then delete {path}",
        )

    def _verify_cached(self, found: Cached) -> None:
        """Ask of what is kept what would be asked of the remote, as far as it can be."""
        if self.policy is Policy.NONE and not found.raw:
            return
        if not same_tag(found.raw, found.release.tag_object):
            raise IntegrityError("the cached tag object is another one")
        tag = TagObject.parse(found.raw, found.tag)
        if tag.name != found.tag and self.policy is not Policy.NONE:
            raise IntegrityError("the cached tag was copied")
        if tag.manifest(found.tag).files != found.files:
            raise IntegrityError("the cached release lists other files")
        if tag.target != found.release.commit:
            raise IntegrityError("the cached tag points at another commit")
        self._verify_signature(found.raw, found.tag, found.release.tag_object)

    def _verify_signature(self, raw: bytes, tag: str, oid: str) -> None:
        if self.policy is Policy.SIGNED:
            verify_signature(raw, f"{self.url} {tag}", self.signers, "sha1" if len(oid) == 40 else "sha256")

    def told_since(self, key: Sequence[str], since: float) -> bool:
        """Whether the cache has a state under a key that the remote told then or later, in seconds since 1970."""
        age = age_of((self.cache.state(key) or {}).get("at"))
        return age is not None and time.time() - age >= since

    @contextlib.contextmanager
    def alone(self, *key: str, until: Callable[[], bool]) -> Iterator[Deadline]:
        """Be the only one of all threads and processes that asks for this; the others wait, and find it in the cache.

        Args:
            until: whether another has found it meanwhile.

        Raises:
            GitTimeoutError: somebody else has been asking for so long that nothing can be expected any more.
        """
        deadline = Deadline(self.access.timeout)
        with self.cache.locked((*key, self.url), deadline.left(), until) as fine:
            if not fine:
                told = f"another process has been asking for it for {self.access.timeout:g} seconds"
                raise GitTimeoutError(told, place=f"{self.url} {key[1]}")
            yield deadline

    def _before(self, prefix: str | None) -> str:
        """What stands before the tags that are looked for: as this remote was opened, else as an environment says."""
        return self.prefix if self.prefix is not None else (prefix or "")

    def _key(self, id: str, request: str) -> tuple[str, ...]:
        return ("range", self.url, self.prefix or "", id, request)


def _withdrawn(release: LockedRelease, tag: str) -> tuple[str, ...]:
    """The key of what is known of a release's withdrawal."""
    key = ("withdrawn", release.url, release.id, release.version)
    return key if tag == f"{release.id}/v{release.version}" else (*key, tag)


def age_of(at: object) -> float | None:
    """Seconds since a moment; None for a moment to come: the clock was set back, and nothing is known of its age."""
    if not isinstance(at, (int, float)):
        return None
    age = time.time() - at
    return max(0.0, age) if age > -60 else None


def _pattern(wanted: Range) -> str:
    """The narrowest pattern of tags that has all versions of a range; git takes one star."""
    low, high = wanted.low, wanted.high
    if wanted.exact:
        return f"v{low}*"
    if high is None:
        return _ALL
    return f"v{low.major}.{low.minor}.*" if high[:2] == (low.major, low.minor + 1) else f"v{low.major}.*"
