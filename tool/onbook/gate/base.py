"""What a pull request is compared with. Nothing here is guessed: what cannot be known is an error with a remedy."""

from __future__ import annotations

from dataclasses import dataclass

from onbook.errors import OnbookError, UsageError
from onbook.gate.event import Event
from onbook.repo import Repository

_DEEPEN = (
    "in GitHub Actions give actions/checkout `fetch-depth: 0`; elsewhere run `git fetch --unshallow --tags` "
    "(GitLab: `GIT_DEPTH: 0`)"
)


@dataclass(frozen=True, slots=True)
class Base:
    """What is compared with.

    Attributes:
        commit: its id; None means each prompt's latest release.
        by: how it was found, for people.
    """

    commit: str | None
    by: str


def find_base(repo: Repository, *, named: str | None = None, event: Event | None = None) -> Base:
    """The base: the one that is named, else that of the event, else each prompt's latest release.

    A revision or an event names a place on another branch, and what is compared with is where the two branches parted.

    Raises:
        UsageError: the revision that is named does not exist.
        OnbookError: the clone is shallow, lacks the base, or what is checked out is not what the event is about.
    """
    if repo.shallow:
        raise OnbookError("the history of this clone is cut off, so that the base cannot be told", hint=_DEEPEN)
    head = repo.head
    if head is None:
        if named is None and (event is None or event.base is None):
            # What is staged for the first commit is judged as well: all of it is new.
            return Base(None, "nothing: this repository has no commits yet")
        raise UsageError("this repository has no commits yet", hint="commit first, then try again")
    if named is not None:
        return Base(_parted(repo, repo.resolve(named), head, named), f"the merge base with {named}")
    if event is None or event.base is None:
        return Base(None, "the latest release of each prompt")
    if event.name == "pull_request":
        return _of_pull_request(repo, event, head)
    base = _parted(repo, _here(repo, event.base), head, event.base[:12])
    told = {"merge_group": "the base of the merge queue", "push": "what stood before the push"}
    return Base(base, told[event.name])


def _of_pull_request(repo: Repository, event: Event, head: str) -> Base:
    assert event.base
    assert event.head
    parents = repo.text("rev-list", "--parents", "--max-count=1", head).split()[1:]
    if len(parents) == 2 and parents[1] == event.head:
        # GitHub's own test merge: its first parent is the target branch as it stands now, and nothing else differs.
        return Base(parents[0], "the target branch, of which this is the test merge")
    if not _descends(repo, _here(repo, event.head), head):
        raise OnbookError(
            f"what is checked out ({head[:12]}) does not have the pull request's head ({event.head[:12]})",
            hint="check out the pull request: actions/checkout does so if it is given no `ref`",
        )
    return Base(_parted(repo, _here(repo, event.base), head, event.base[:12]), "where the pull request branched off")


def _here(repo: Repository, commit: str) -> str:
    try:
        return repo.resolve(commit)
    except UsageError:
        raise OnbookError(f"commit {commit[:12]}, which the event names, is not in this clone", hint=_DEEPEN) from None


def _parted(repo: Repository, commit: str, head: str, name: str) -> str:
    found = repo.text("merge-base", commit, head, accept=(0, 1)).strip()
    if not found:
        raise OnbookError(
            f"{name} and what is checked out have no history in common", hint="pass --base with a revision that has"
        )
    return found


def _descends(repo: Repository, ancestor: str, commit: str) -> bool:
    return repo.text("merge-base", ancestor, commit, accept=(0, 1)).strip() == ancestor
