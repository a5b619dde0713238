"""Writing release tags: a killed process leaves the remote with none or all, and the next run completes the rest.

Order of writing: the tag objects are there, a journal of (ref, object) is kept in the git directory, the push is atomic
and by object id, then the local refs are written in one transaction. A killed ref transaction leaves locks and some
refs: that is git, and is what the journal is for.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.repo import remote as remotes
from onbook.repo.git import GitError, GitKilledError, GitTimeoutError
from onbook.repo.remote import push, pushes, remote_tags
from onbook.repo.repository import Repository
from onbook.repo.tags import create_refs

JOURNAL = "release.json"
VERSION = 1

TRIES = 5
PAUSE = 0.5
"""Seconds, once more with each try: five of them wait five seconds in all."""

KILLED = 3
"""How often a transaction is begun that a signal ends."""


def write(repo: Repository, refs: Mapping[str, str], *, remote: str | None, earlier: Mapping[str, str]) -> None:
    """Push refs, and what the remote lacks of earlier ones, all or none; then write them here, all or none.

    To be called within :func:`locked`.

    Raises:
        OnbookError: pushing or writing failed; the message says what stands where.
    """
    journal = repo.kept / JOURNAL
    if journal.exists():
        raise OnbookError("an interrupted release has to be completed first", hint="run `onbook release` again")
    if remote:
        earlier = _fitting(repo, remote, refs, earlier)
    _keep(journal, json.dumps({"version": VERSION, "remote": remote, "refs": dict(refs)}).encode())
    if remote:
        _publish(repo, remote, {**earlier, **refs}, journal)
    try:
        _create(repo, refs, remote)
    except GitKilledError:
        raise
    except GitError as error:
        journal.unlink()
        if remote:
            raise OnbookError(
                f"the tags are on {remote}, and could not be written here: {error.message}",
                hint=f"`git fetch {remote} --tags` brings them",
            ) from None
        raise IntegrityError(f"no tag was written: {error.message}", hint="see `git tag`, then try again") from None
    journal.unlink()


def _fitting(repo: Repository, remote: str, refs: Mapping[str, str], earlier: Mapping[str, str]) -> Mapping[str, str]:
    """The earlier refs that are pushed along with the new ones; where there are too many for that, they are pushed
    now: each stands for itself.

    Raises:
        UsageError: the new ones alone are too many.
        OnbookError: the remote refused, or cannot be reached.
    """
    if len(list(pushes({**earlier, **refs}, remotes.MOST_PUSHED))) < 2:
        return earlier
    if len(list(pushes(refs, remotes.MOST_PUSHED))) > 1:
        raise UsageError(
            f"{len(refs):,} tags are more than one push takes, and all or none of them are to be pushed",
            hint="release some prompts first: onbook release ID ... --push",
        )
    # Few at a time: each push has to end in time.
    for some in pushes(earlier, remotes.MOST_PUSHED // 8):
        push(repo, remote, some)
    return {}


def pending(repo: Repository) -> tuple[dict[str, str], str | None]:
    """The refs and objects that a killed run has left to be written, and the remote that they go to first, if any.

    Raises:
        OnbookError: the journal is unreadable.
    """
    journal = repo.kept / JOURNAL
    try:
        data = json.loads(journal.read_bytes())
        remote = data["remote"]
        return {str(ref): str(oid) for ref, oid in data["refs"].items()}, None if remote is None else str(remote)
    except FileNotFoundError:
        return {}, None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        hint = "look whether its tags are complete, then delete this file"
        raise OnbookError("the journal of an earlier release is unreadable", place=str(journal), hint=hint) from None


def recover(repo: Repository) -> dict[str, str]:
    """Complete what a killed run has left: its journal says which refs to write, and whether to push them first.

    Returns:
        The refs and objects of that run: all of them, for whoever started it was never told of any.

    Raises:
        IntegrityError: the remote has another release under one of the names; the interrupted one is given up.
        OnbookError: the remote cannot be reached, or another release runs.
    """
    journal = repo.kept / JOURNAL
    if not journal.exists():
        return {}
    with locked(repo):
        refs, remote = pending(repo)
        if any(repo.read_object(oid) is None for oid in refs.values()):
            # git has cleaned up what nothing referred to: it is too late to complete this one.
            refs = {}
        # Only the journal's own locks: nobody else writes these names, and the run that did is dead.
        _unlock(repo, refs)
        if remote and refs:
            _publish(repo, remote, refs, journal, tries=TRIES)
        missing = _missing(repo, refs)
        if missing:
            _create(repo, missing, remote)
        journal.unlink(missing_ok=True)
        return refs


def _create(repo: Repository, refs: Mapping[str, str], remote: str | None) -> None:
    """Create refs in one transaction; where a signal ends git within it, take its locks away and do what is left.

    Raises:
        GitError: a ref exists already, or is locked by somebody else.
        OnbookError: git was ended again and again; its locks are gone, the journal stays.
    """
    # What stands before anything is begun is somebody else's, and stays.
    foreign = [ref for ref in refs if _lock(repo, ref).exists()]
    missing, told = dict(refs), ""
    for _ in range(KILLED):
        try:
            create_refs(repo, missing)
            return
        except GitKilledError as error:
            told = error.message
        _unlock(repo, (ref for ref in missing if ref not in foreign))
        missing = _missing(repo, refs)
        if not missing:
            return
    there = f" All of them are on {remote}." if remote else ""
    raise OnbookError(
        f"{told}, {KILLED} times, while the tags were written: {len(missing)} of {len(refs)} are not here.{there}",
        place=str(repo.kept / JOURNAL),
        hint="see what ends it (memory that runs out?), then run `onbook release` again: it first completes this one",
    )


def _missing(repo: Repository, refs: Mapping[str, str]) -> dict[str, str]:
    # Not by name: so many may be more than a command line takes.
    present = set(repo.text("for-each-ref", "--format=%(refname)", "refs/tags/").split("\n")) if refs else ()
    return {ref: oid for ref, oid in refs.items() if ref not in present}


def _unlock(repo: Repository, refs: Iterable[str]) -> None:
    for ref in refs:
        _lock(repo, ref).unlink(missing_ok=True)


def _lock(repo: Repository, ref: str) -> Path:
    return repo.git_dir / f"{ref}.lock"


def _publish(repo: Repository, remote: str, refs: Mapping[str, str], journal: Path, *, tries: int = 1) -> None:
    """Push, and where that fails find out what the remote has: an answer may be lost after everything arrived.

    Args:
        tries: a push of a killed run may still be at work at the remote, which then locks what is pushed again.

    Raises:
        IntegrityError: the remote refused; the journal is gone, for nothing of it is left to do.
        OnbookError: the remote cannot be asked, or what it was sent may still arrive; the journal stays.
    """
    number, advice = 0, f"look who may push tags to {remote} (protected tags, a hook); if somebody released meanwhile"
    while number < tries:
        if number:
            time.sleep(PAUSE * number)
        number += 1
        arriving = False
        try:
            push(repo, remote, refs)
            return
        except GitKilledError as error:
            # What it had started at the remote is still at work: as after a killed run.
            failed, arriving, tries = error.message, True, TRIES
        except GitTimeoutError as error:
            failed, arriving = error.message, True
        except GitError as error:
            failed = error.message
        try:
            there = remote_tags(repo, remote)
        except GitError:
            raise _unknown(remote, failed, journal) from None
        if all(there.get(ref) == oid for ref, oid in refs.items()):
            return
        if any(there.get(ref, oid) != oid for ref, oid in refs.items()):
            advice = "somebody released meanwhile"
            break  # somebody else's: waiting does not change that
    else:
        if arriving:
            raise _unknown(remote, failed, journal)
    journal.unlink()
    raise IntegrityError(
        f"no tag was written: {failed}",
        hint=f"{advice}: `git fetch {remote} --tags`, then release again",
    )


def _unknown(remote: str, failed: str, journal: Path) -> OnbookError:
    return OnbookError(
        f"whether the tags reached {remote} is not known: {failed}",
        place=str(journal),
        hint=f"run `onbook release` again when {remote} answers: it first completes this release",
    )


def _keep(journal: Path, data: bytes) -> None:
    # Always by one name, which the lock makes ours: what a killed run has left there the next one writes over.
    new = journal.with_suffix(".new")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(journal)


@contextmanager
def locked(repo: Repository) -> Iterator[None]:
    """Hold this repository's release lock; the system frees it when a process dies.

    Raises:
        OnbookError: another release runs here.
    """
    folder = repo.kept
    folder.mkdir(exist_ok=True)
    with (folder / "release.lock").open("w") as handle:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OnbookError("another release runs in this repository", hint="wait for it to end") from None
        except (ImportError, OSError):
            pass  # no such locks here (Windows): two releases at once are still kept apart by the ref transaction
        yield
