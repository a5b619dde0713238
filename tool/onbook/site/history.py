"""The releases of one prompt, as their tags tell them: nothing is diffed or tested again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from onbook.errors import OnbookError
from onbook.manifest import TagObject, one_line
from onbook.repo import Repository
from onbook.repo.tags import TagRef, read_release, read_tag
from onbook.versions import Version

MAX_RELEASES = 100
"""Releases that a page tells; of more it gives the number."""

MAX_LINES = 60  # of one release's notes
MAX_TEXT = 600  # characters of one line of them

# As release/notes.py writes a change, and a commit.
_CHANGE = re.compile(r"- (none|patch|minor|major) ([A-Z]{2}[0-9]{3}) (.*)")
_COMMIT = re.compile(r"- ([0-9a-f]{7,64}) (.*)")
# As testing/runner.py sums up a run.
_COUNT = re.compile(r"([0-9]{1,9}) ([a-z]+)")


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a release's notes.

    Attributes:
        kind: ``change``, ``commit`` or ``text``.
        mark: the bump of a change, or the short id of a commit; rule: the rule of diff that saw the change.
    """

    kind: str
    text: str
    mark: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of the tests when a version was released. Known failures count neither way.

    Attributes:
        total: cases that had to pass; failed: those that were seen not to; told: the trailer's own words.
    """

    passed: int
    total: int
    failed: int
    told: str

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.passed / self.total

    @property
    def verdict(self) -> str:
        """``good``, ``bad``, or ``warn`` where some were not run and none is known to fail."""
        return "good" if self.passed == self.total else "bad" if self.failed else "warn"


@dataclass(frozen=True, slots=True)
class Release:
    """One release, by its tag.

    Attributes:
        on: the day, ``2026-11-21`` in UTC; by: who tagged it; both empty where the tag does not say.
        tests: None where the tag gives no numbers.
        withdrawn: None, or the reason (which may be empty).
        fault: why the tag is no release that a client would take; empty where it is one.
    """

    version: Version
    tag: str
    on: str = ""
    by: str = ""
    bump: str = ""
    digest: str = ""
    notes: tuple[Note, ...] = ()
    tests: Counts | None = None
    withdrawn: str | None = None
    fault: str = ""


Objects = Mapping[str, TagObject]
"""Tag objects by id that were read together; one that is not among them is read by itself."""


def releases(repo: Repository, refs: Iterable[TagRef], objects: Objects) -> tuple[Release, ...]:
    """The releases of one prompt, newest first, at most ``MAX_RELEASES``."""
    known = list(refs)
    withdrawn = {ref.tag.version: ref for ref in known if ref.tag.yanked}
    shown = sorted((ref for ref in known if not ref.tag.yanked), key=lambda ref: ref.tag.version, reverse=True)
    return tuple(_release(repo, ref, withdrawn.get(ref.tag.version), objects) for ref in shown[:MAX_RELEASES])


def standing(refs: Iterable[TagRef]) -> list[TagRef]:
    """The releases that were not withdrawn, those first that a range would rather choose; candidates come last."""
    known = list(refs)
    withdrawn = {ref.tag.version for ref in known if ref.tag.yanked}
    left = [ref for ref in known if not ref.tag.yanked and ref.tag.version not in withdrawn]
    return sorted(left, key=lambda ref: (not ref.tag.version.pre, ref.tag.version), reverse=True)


def latest(repo: Repository, refs: Iterable[TagRef], objects: Objects) -> Release | None:
    """The release that a range would choose; the newest candidate or none where there is no such release."""
    found = (_release(repo, ref, None, objects) for ref in standing(refs))
    return next((release for release in found if not release.fault), None)


def counts_of(told: str) -> Counts | None:
    """The numbers of an ``Onbook-Tests`` trailer; None where it has none, as in ``no cases`` and ``not run``."""
    counts = {name: int(number) for number, name in _COUNT.findall(told[:MAX_TEXT])}
    passed = counts.get("passed", 0)
    failed = counts.get("failed", 0) + counts.get("errors", 0)
    total = passed + failed + counts.get("missing", 0)
    return Counts(passed, total, failed, told[:MAX_TEXT]) if total else None


def _release(repo: Repository, ref: TagRef, withdrawn: TagRef | None, objects: Objects) -> Release:
    reason = None if withdrawn is None else _reason(repo, withdrawn, objects)
    version, name = ref.tag.version, ref.tag.name
    try:
        found, manifest = read_release(repo, ref, objects.get(ref.object))
    except OnbookError as error:
        return Release(version, name, withdrawn=reason, fault=error.message)
    by, on = found.tagged
    return Release(
        version,
        name,
        on=on,
        by=by[:MAX_TEXT],
        bump=manifest.bump,
        digest=manifest.digest,
        notes=tuple(_notes(found)),
        tests=counts_of(manifest.tests),
        withdrawn=reason,
    )


def _notes(found: TagObject) -> Iterator[Note]:
    # The first line is the title: the prompt and the version, which the page has already.
    lines = [line for line in found.notes.split("\n")[1:] if line.strip() and line.strip() != "Commits:"]
    for line in lines[:MAX_LINES]:
        text = one_line(line)[:MAX_TEXT]
        if change := _CHANGE.fullmatch(text):
            yield Note("change", change[3], change[1], change[2])
        elif commit := _COMMIT.fullmatch(text):
            yield Note("commit", commit[2], commit[1])
        else:
            yield Note("text", text.removeprefix("- "))
    if len(lines) > MAX_LINES:
        yield Note("text", f"and {len(lines) - MAX_LINES} lines more, in the tag's message")


def _reason(repo: Repository, ref: TagRef, objects: Objects) -> str:
    """Why a release was withdrawn: what follows the title of the tag; empty where it does not say."""
    try:
        return (objects.get(ref.object) or read_tag(repo, ref)).reason[:MAX_TEXT]
    except OnbookError:
        return ""
