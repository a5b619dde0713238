"""What applications import: fetch a released prompt by its tag, verify it, keep it, render it.

    book = onbook.open("https://example.com/team/prompts.git", lock="onbook.lock")
    prompt = book.get("support/triage", "^1.4")
    messages = prompt.render(ticket="I was charged twice")

*Verified* means intact: the bytes are those that the tag lists. Whether the tag is the one that was meant is what the
lock file holds: a tag that moved since is an error.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from onbook.cache import Cache, Cached
from onbook.call import Caller
from onbook.errors import OnbookError, UsageError
from onbook.files import write_atomic
from onbook.lockfile import Lock, LockedRelease
from onbook.manifest import ClosureFile
from onbook.project.load import load_prompt
from onbook.prompt import SUFFIXES, Prompt, require_id
from onbook.repo import Files, Repository
from onbook.repo.remote import TIMEOUT, RemoteTags, without_secret
from onbook.repo.snapshot import Commit, Index, Snapshot, WorkTree
from onbook.verify import choose, prompt_file, verify_files, verify_paths, verify_tag, warnings
from onbook.versions import Range

WORKTREE = "worktree"
INDEX = "index"


@dataclass(frozen=True)
class LoadedPrompt:
    """A prompt that can be called.

    Attributes:
        id: ``support/triage``; version: ``1.4.0``, or the place it was read from (``worktree``, a commit).
        tag: the release tag; commit: what it points at; both empty where it was not fetched by tag.
        digest: ``sha256:<hex>`` of all files that its rendering and its contract read.
        definition: the prompt as data: model, parameters, schemas, metadata.
        notes: what a person should know about how it was got: that it was withdrawn, say.
    """

    id: str
    version: str
    tag: str
    commit: str
    digest: str
    definition: Prompt
    _caller: Caller = field(repr=False)
    notes: tuple[str, ...] = ()

    def render(self, history: Sequence[Mapping[str, str]] = (), /, **inputs: object) -> list[dict[str, str]]:
        """The messages for some inputs: a list of ``{"role", "content"}``, as model libraries take it.

        Args:
            history: earlier user and assistant messages, for a prompt with a history slot.

        Raises:
            InputError: the contract refuses the inputs; the error names the input.
        """
        return self._caller.render(inputs, history)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A release as it came from a remote or the cache, verified.

    Attributes:
        folder: where its files are kept; notes: what a person should know about how it was got.
    """

    release: LockedRelease
    tag: str
    files: tuple[ClosureFile, ...]
    folder: Path
    notes: tuple[str, ...] = ()

    @property
    def prompt_file(self) -> str:
        """The path of the prompt's own file within the release."""
        return prompt_file(self.release.id, self.files)


def open(
    source: str | os.PathLike[str],
    *,
    at: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    lock: str | os.PathLike[str] | None = None,
    tag_prefix: str = "",
    timeout: float = TIMEOUT,
) -> Book:
    """Open a repository of prompts.

    Args:
        source: a URL or a path that git can fetch from.
        at: instead of releases, the prompts of a local repository at one place: ``worktree``, ``index`` or a revision.
        cache: the folder that keeps fetched releases; default ``$XDG_CACHE_HOME/onbook``.
        lock: a lock file; releases that it holds are checked against it.
        tag_prefix: what the repository puts before its release tags.
        timeout: seconds that one exchange with the remote may take.

    Raises:
        UsageError: ``at`` is given and ``source`` is no repository on this machine.
    """
    url = os.fspath(source)
    if at is not None:
        return LocalBook(_snapshot(Repository.discover(Path(url)), at))
    if "://" not in url and Path(url).exists():
        # Absolute, because git runs in another folder, and so that a lock means the same from every folder.
        url = str(Path(url).resolve())
    locked = Lock.read(Path(lock)) if lock is not None else Lock()
    return RemoteBook(url, Cache(Path(cache) if cache else None), locked, tag_prefix, timeout)


class Book:
    """A repository of prompts, opened."""

    def get(self, id: str, request: str = "*") -> LoadedPrompt:
        """One prompt.

        Args:
            request: ``1.4.0`` (exact), ``^1.4`` (same contract), ``~1.4`` (same behaviour) or ``*`` (any release).

        Raises:
            UsageError: there is no such prompt, or no release that fits.
            IntegrityError: what was found is not what the tag or the lock says.
            OnbookError: the remote cannot be reached.
        """
        raise NotImplementedError


class LocalBook(Book):
    """Prompts as they stand in a local repository, for developing: versions do not count."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def get(self, id: str, request: str = "*") -> LoadedPrompt:
        """One prompt as it stands there now; see :meth:`Book.get`."""
        from onbook.project import Catalog

        # Read anew each time: whoever works on a prompt wants to see what they have just written.
        source = Catalog(self._snapshot.again()).find(id)
        prompt = source.usable()
        commit = self._snapshot.name if self._snapshot.name not in (WORKTREE, INDEX) else ""
        return LoadedPrompt(id, self._snapshot.name, "", commit, source.digest, prompt, Caller(prompt))


class RemoteBook(Book):
    """Released prompts of a remote. Exact versions never change, so they are fetched once and kept."""

    # Ranges are asked for again after this many seconds.
    TTL = 300.0

    def __init__(self, url: str, cache: Cache, lock: Lock, tag_prefix: str, timeout: float) -> None:
        self._source = url
        # What is written down and shown is without secrets.
        self._url = without_secret(url)
        self._cache = cache
        self._lock = lock
        self._prefix = tag_prefix
        self._timeout = timeout
        self._loaded: dict[tuple[str, str], tuple[float, LoadedPrompt]] = {}

    def get(self, id: str, request: str = "*") -> LoadedPrompt:
        """A released prompt; see :meth:`Book.get`."""
        known = self._loaded.get((id, request))
        wanted = Range.parse(request)
        if known and (wanted.exact or time.monotonic() - known[0] < self.TTL):
            return known[1]
        fetched = self._cached(id, wanted) or self.fetch(id, request)
        loaded = _load(fetched, self._cache.read(fetched.release.digest, fetched.files))
        self._loaded[id, request] = (time.monotonic(), loaded)
        return loaded

    def _cached(self, id: str, wanted: Range) -> Fetched | None:
        if not wanted.exact:
            return None
        found = self._cache.find(self._url, id, str(wanted.low))
        if found is None:
            return None
        self._lock.check(found.release, found.tag)
        return Fetched(found.release, found.tag, found.files, found.folder)

    def fetch(self, id: str, request: str = "*") -> Fetched:
        """Ask the remote for a release, verify it, and keep it in the cache.

        Raises:
            UsageError, IntegrityError, OnbookError: as :meth:`get`.
        """
        require_id(id)
        wanted = Range.parse(request)
        version = f"v{wanted.low}*" if wanted.exact else "v*"
        with RemoteTags(self._source, [f"{self._prefix}{id}/{version}"], timeout=self._timeout) as remote:
            refs = remote.tags(self._prefix, id)
            ref = choose(refs, wanted, id, self._url)
            raw = remote.read_tag(ref)
            found = verify_tag(ref, raw, self._url)
            manifest = found.manifest(ref.tag.name)
            release = LockedRelease(self._url, id, str(ref.tag.version), ref.object, ref.commit, manifest.digest)
            self._lock.check(release, ref.tag.name)
            verify_paths(manifest.files, ref.tag.name)
            prompt_file(id, manifest.files)
            if not self._cache.holds(manifest.digest, manifest.files):
                blobs = remote.read_blobs((file.blob for file in manifest.files), ref)
                files = {file.path: blobs[file.blob] for file in manifest.files}
                verify_files(files, manifest.files, manifest.digest, ref.tag.name)
                self._cache.store(manifest.digest, files)
            notes = (*remote.notes, *warnings(refs, ref))
        self._cache.remember(Cached(release, ref.tag.name, manifest.files, self._cache.folder(manifest.digest)))
        return Fetched(release, ref.tag.name, manifest.files, self._cache.folder(manifest.digest), notes)

    def fetch_locked(self, id: str, request: str) -> Fetched:
        """The version that the lock chose for a request, and no other.

        Raises:
            UsageError: the lock has no such request.
        """
        locked = self._lock.requests.get((self._url, id, request))
        if locked is None:
            raise UsageError(
                f"the lock holds no choice for {id}@{request} from {self._url}",
                hint="fetch once without --frozen and commit the lock",
            )
        if (self._url, id, locked.version) not in self._lock.releases:
            raise UsageError(f"the lock chose {id} {locked.version} and does not say what that is")
        return self.fetch(id, locked.version)

    def export(self, fetched: Fetched, out: Path) -> Path:
        """Write a release's files below a folder, each in one step, and return the folder.

        Raises:
            UsageError: a symbolic link stands where a folder or file would be written.
            OnbookError: a file cannot be written.
        """
        for path, data in self._cache.read(fetched.release.digest, fetched.files).items():
            target = out / path
            for part in (target, *target.parents):
                if part == out:
                    break
                if part.is_symlink():
                    raise UsageError("files are not written through a symbolic link", place=str(part))
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(target, data)
            except OSError as error:
                raise OnbookError(f"cannot be written: {error.strerror}", place=str(target)) from None
        return out


def _load(fetched: Fetched, files: Mapping[str, bytes]) -> LoadedPrompt:
    release, path = fetched.release, fetched.prompt_file
    folder = path.removesuffix(next(suffix for suffix in SUFFIXES if path.endswith(suffix)))
    folder = folder.removesuffix(release.id).rstrip("/")
    loaded = load_prompt(Files(files, fetched.tag), path, folder)
    if loaded.prompt is None or loaded.problems:
        problem = loaded.problems[0]
        raise OnbookError(f"{fetched.tag} cannot be read by this onbook: {problem.message}", place=problem.place)
    return LoadedPrompt(
        release.id,
        release.version,
        fetched.tag,
        release.commit,
        release.digest,
        loaded.prompt,
        Caller(loaded.prompt),
        fetched.notes,
    )


def _snapshot(repo: Repository, at: str) -> Snapshot:
    if at == WORKTREE:
        return WorkTree(repo)
    return Index(repo) if at == INDEX else Commit(repo, at)
