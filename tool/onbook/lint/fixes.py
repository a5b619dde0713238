"""Mending what has exactly one right answer, in the files of the work tree.

A fix replaces one word at one place and touches nothing else, so comments and layout stay. It counts only once the
files were read again, what it was for is gone, and no error is there that was not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from onbook.lint import lint, selected
from onbook.project import Catalog, Config
from onbook.repo import Snapshot
from onbook.repo.snapshot import Entry
from onbook.report import Finding, Severity
from onbook.rules.base import Edit

_ROUNDS = 5
_EDITS = 100
"""Fixes of one prompt in one round: each is tried by itself, and a file that needs more is not mended by a tool."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """What was changed in one file.

    Attributes:
        raw: the file's new bytes, with the line ends and the byte order mark that it had.
        edits: the changes, in the order in which they were made.
    """

    path: str
    raw: bytes
    edits: tuple[Edit, ...]


def fixes(catalog: Catalog, ids: Iterable[str] = (), *, today: date | None = None) -> list[Fixed]:
    """What can be mended in prompts. Nothing is written.

    Args:
        ids: the prompts to look at; none means all.

    Raises:
        UsageError: as :func:`onbook.lint.lint` does.
    """
    rules = [rule for rule, _ in selected(catalog.config)]
    changed: dict[str, Fixed] = {}
    for source in catalog.select(ids):
        for _ in range(_ROUNDS):
            # What is mended lets rules see what they could not: a misspelt key hides what it holds.
            over = _Overlay(source.snapshot, {path: fixed.raw for path, fixed in changed.items()})
            again = Catalog(over, catalog.config).find(source.id)
            edits = [edit for rule in rules for edit in rule.fixes(again)][:_EDITS]
            if not edits or not _mend(over, source.id, edits, catalog.config, today, changed):
                break
    return list(changed.values())


def _mend(
    over: _Overlay, id: str, edits: list[Edit], config: Config, today: date | None, changed: dict[str, Fixed]
) -> bool:
    """Try each edit of one prompt, and keep those that mend it; whether there was one."""
    found = _found(over, id, config, today)
    some = False
    # From the end of the file to its beginning, so that the places of the rest stay true.
    for edit in sorted(edits, key=lambda edit: (edit.path, edit.line, edit.column), reverse=True):
        here = (edit.rule, edit.path, edit.line, edit.column)
        if not any((f.rule, f.path, f.line, f.column) == here and not f.waived for f in found):
            continue
        raw = _applied(over.read(edit.path), edit)
        if raw is None:
            continue
        tried = over.holding(edit.path, raw)
        after = _found(tried, id, config, today)
        if _better(found, after, edit.rule):
            before = changed[edit.path].edits if edit.path in changed else ()
            changed[edit.path] = Fixed(edit.path, raw, (*before, edit))
            over, found, some = tried, after, True
    return some


def _found(snapshot: Snapshot, id: str, config: Config, today: date | None) -> list[Finding]:
    return lint(Catalog(snapshot, config), [id], today=today).findings


def _better(before: list[Finding], after: list[Finding], rule: str) -> bool:
    """Whether one finding of the rule is gone, and no error is there that was not, but of the same rule.

    What was misspelt was not looked into: mended, it may show a misspelt key within.
    """
    known = [(finding.rule, finding.message) for finding in before]
    for finding in after:
        if (finding.rule, finding.message) in known:
            known.remove((finding.rule, finding.message))
        elif finding.severity is Severity.ERROR and finding.rule != rule:
            return False
    return any(gone == rule for gone, _ in known)


def _applied(raw: bytes, edit: Edit) -> bytes | None:
    """The file with one edit made; None where its place does not hold the old text."""
    mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    lines = raw[len(mark) :].decode().split("\n")
    if edit.line > len(lines) or not lines[edit.line - 1].startswith(edit.old, edit.column - 1):
        return None
    line = lines[edit.line - 1]
    lines[edit.line - 1] = line[: edit.column - 1] + edit.new + line[edit.column - 1 + len(edit.old) :]
    return mark + "\n".join(lines).encode()


def rewritten(disk: bytes, fixed: Fixed) -> bytes | None:
    """The bytes of a file on disk with the edits made, where git stores others than those (line ends).

    None where the file is not what was looked at.
    """
    result: bytes | None = disk
    for edit in fixed.edits:
        result = _applied(result, edit) if result is not None else None
    if result is None or result.replace(b"\r\n", b"\n") != fixed.raw.replace(b"\r\n", b"\n"):
        return None
    return result


class _Overlay(Snapshot):
    """A snapshot in which some files hold something else."""

    def __init__(self, base: Snapshot, files: Mapping[str, bytes]) -> None:
        self.name = base.name
        self.files = dict(files)
        self._base = base

    def holding(self, path: str, raw: bytes) -> _Overlay:
        """The same, with one more file that holds something else."""
        return _Overlay(self._base, {**self.files, path: raw})

    def entries(self, folder: str) -> Mapping[str, Entry]:
        return self._base.entries(folder)

    def entry(self, path: str) -> Entry | None:
        found = self._base.entry(path)
        # What is remembered by blob must not be taken for what stands here.
        return found._replace(blob="") if found and path in self.files else found

    def _read(self, entry: Entry) -> bytes:
        return self.files[entry.path] if entry.path in self.files else self._base.read(entry.path)
