"""Report: what every verb returns and the only thing that a reporter reads.

A verb looks at things (one *check* each), and each check has *findings*. Readers of files and templates do not
know the linter's rules: they return *problems*, which lint turns into findings by giving them a rule's id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, overload


class Severity(StrEnum):
    """How much a finding weighs: an unwaived ``error`` fails the check."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Status(StrEnum):
    """What came of a check. ``unchecked`` is never fine: it says that nobody looked."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in one file, as its reader saw it.

    Attributes:
        code: a slug such as ``duplicate-key``; the lint rule of that slug reports it.
        line: 1-based, or None where the whole file is meant.
        column: 1-based, in characters.
    """

    code: str
    message: str
    path: str
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    @property
    def place(self) -> str:
        """``path:line:column``, as far as it is known."""
        return _place(self.path, self.line, self.column)


class Finding(NamedTuple):
    """One thing found, with the rule that found it and its place.

    There may be hundreds of thousands, and a tuple is made in a quarter of the time that a frozen dataclass takes.

    Attributes:
        rule: the rule's id (``ON203``); slug: its name (``undeclared-variable``).
        line, column: 1-based; None where a whole file or no file is meant.
        waived: found, told, and not counted.
        stated: the fingerprint, where it is made of something else than the message.
    """

    rule: str
    slug: str
    severity: Severity
    message: str
    path: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None
    waived: bool = False
    stated: str | None = None

    @property
    def place(self) -> str:
        """``path:line:column``, as far as it is known; nothing where no file is meant."""
        return _place(self.path, self.line, self.column)

    @property
    def fingerprint(self) -> str:
        """Stable while lines move; see :func:`fingerprint`. Worked out when it is asked for, which is seldom."""
        return self.stated or fingerprint(self.rule, self.path or "", self.message)

    @property
    def row(self) -> dict[str, object]:
        """As JSON data, every key always there."""
        return {
            "rule": self.rule,
            "slug": self.slug,
            "severity": self.severity,
            "message": self.message,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "hint": self.hint,
            "fingerprint": self.fingerprint,
            "waived": self.waived,
        }

    @staticmethod
    def of_row(row: Mapping[str, Any]) -> Finding:
        """The finding of a row, whose fingerprint is worked out again.

        Raises:
            KeyError, ValueError: it is no such row.
        """
        place = row.get("path"), row.get("line"), row.get("column")
        told = row["rule"], row["slug"], Severity(row["severity"]), row["message"]
        return Finding(*told, *place, row.get("hint"), bool(row.get("waived")))


def _place(path: str | None, line: int | None, column: int | None) -> str:
    if path is not None and line is not None and column is not None:
        return f"{path}:{line}:{column}"
    return ":".join(str(part) for part in (path, line, column) if part is not None)


def parted(place: str | None) -> tuple[str | None, int | None, int | None]:
    """The path, line and column of a place as errors tell it: ``a.yml:7:3``, ``a.yml:7`` or ``a.yml``."""
    path, numbers = place or "", list[int]()
    while len(numbers) < 2:
        before, _, last = path.rpartition(":")
        if not (before and last.isascii() and last.isdigit() and len(last) < 10 and int(last)):
            break
        path, numbers = before, [int(last), *numbers]
    line, column = [*numbers, None, None][:2]
    return path or None, line, column


def fingerprint(rule: str, path: str, message: str) -> str:
    """16 hex digits that name a finding: its rule, file and message, never its line."""
    return hashlib.sha256("\0".join((rule, path, message)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Rows(Sequence[Any]):
    """JSON data that is made when it is read: what is made of it takes many times the place of what it is made of.

    Args:
        make: the row of an item, the same at every call.
        items: whatever the rows are made of.
    """

    def __init__(self, make: Callable[[Any], object], items: Sequence[Any]) -> None:
        self._make, self._items = make, items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return map(self._make, self._items)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        found = self._items[index]
        return list(map(self._make, found)) if isinstance(index, slice) else self._make(found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows | list) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: most often one prompt."""

    id: str
    status: Status
    prompt: str | None = None
    findings: tuple[Finding, ...] = ()

    @staticmethod
    def of(id: str, findings: Iterable[Finding], *, prompt: str | None = None) -> Check:
        """A check that failed if any finding is an unwaived error, and passed otherwise."""
        kept = tuple(findings)
        failed = any(f.severity is Severity.ERROR and not f.waived for f in kept)
        return Check(id, Status.FAILED if failed else Status.PASSED, prompt, kept)


@dataclass(frozen=True, slots=True)
class Report:
    """What a verb found.

    Attributes:
        verb: ``lint``, ``diff``, ``test``, ``release``, ``fetch`` ...
        base, head: the revisions that were looked at, or None.
        data: the verb's own result, in the shape that schemas/report.schema.json publishes.
    """

    verb: str
    checks: tuple[Check, ...] = ()
    base: str | None = None
    head: str | None = None
    data: Mapping[str, object] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """``failed`` if any check failed, else ``unchecked`` if any could not be made, else ``passed``."""
        found = {check.status for check in self.checks}
        for status in (Status.FAILED, Status.UNCHECKED):
            if status in found:
                return status
        return Status.PASSED

    @property
    def findings(self) -> list[Finding]:
        """All findings of all checks, in order."""
        return [finding for check in self.checks for finding in check.findings]

    def exit_code(self, *, strict: bool = False) -> int:
        """0 fine, 1 an unwaived error (``strict``: or warning), 3 something could not be checked."""
        if self.status is Status.FAILED:
            return 1
        if strict and any(f.severity is Severity.WARNING and not f.waived for f in self.findings):
            return 1
        return 3 if self.status is Status.UNCHECKED else 0
