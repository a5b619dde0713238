"""Waivers: findings that are known and accepted until a day, for a reason. They stay told, and do not count.

A waiver stands in the configuration, or as a comment in a prompt file, in ``.cases.yml`` or in ``.suite.yml``::

    # onbook: allow ON203 until 2027-03-01: the new input comes with the next release

Such a comment speaks of the line that it ends, or, alone on its line, of the next line with something on it; where a
message (any item of a list) or a text begins on that line, of all of it. Before everything else in the file it speaks
of the whole file. JSON lines, CSV and partials have no comments: a waiver for them stands in the configuration, with
``path``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from onbook.formats import Document, comments
from onbook.formats.comments import MAX_COMMENTS
from onbook.patterns import later
from onbook.report import Finding, Problem

NOT_CHECKED = "ON000"
"""The rule of what could not be checked, which nobody can waive."""

FORM = "# onbook: allow ON203 until 2027-03-01: the reason"


@dataclass(frozen=True, slots=True)
class Waiver:
    """A finding that is known and accepted until a day, for a reason.

    Attributes:
        until: the last day of the waiver.
        rule: a rule's id or slug; fingerprint: of one finding. One of the two is set, or both.
        path: only findings in this file, or below this folder; None for anywhere.
        lines: only findings on these lines, the first and the last; None for any.
        file, line, column: where the waiver itself stands.
    """

    reason: str
    until: date
    rule: str | None = None
    fingerprint: str | None = None
    path: str | None = None
    lines: tuple[int, int] | None = None
    file: str = field(default="", compare=False)
    line: int | None = field(default=None, compare=False)
    column: int | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """What it waives, in the words of the waiver."""
        return self.rule or self.fingerprint or ""

    def covers(self, finding: Finding) -> bool:
        """Whether it speaks of a finding, whatever the day."""
        if self.fingerprint is not None and self.fingerprint != finding.fingerprint:
            return False
        if self.rule is not None and self.rule not in (finding.rule, finding.slug):
            return False
        if finding.rule == NOT_CHECKED:
            return False
        if self.path is not None:
            path = finding.path or ""
            if path != self.path and not path.startswith(f"{self.path}/"):
                return False
        return self.lines is None or (finding.line is not None and self.lines[0] <= finding.line <= self.lines[1])

    def problem(self, code: str, message: str, hint: str | None = None) -> Problem:
        """Something wrong with the waiver, where it stands."""
        return Problem(code, message, self.file, self.line, self.column, hint)


def apply(findings: Iterable[Finding], waivers: Sequence[Waiver], today: date) -> tuple[list[Finding], set[int]]:
    """Mark the findings that a waiver in force covers. A pure stage: what was found can be kept and judged another day.

    Returns:
        The findings in their order, and the numbers of the waivers that cover one, in force or not.
    """
    used = set[int]()
    if not waivers:
        return list(findings), used
    of_rules = [(number, waiver) for number, waiver in enumerate(waivers) if waiver.fingerprint is None]
    of_one: dict[str, list[tuple[int, Waiver]]] = {}
    for number, waiver in enumerate(waivers):
        if waiver.fingerprint is not None:
            of_one.setdefault(waiver.fingerprint, []).append((number, waiver))
    by_rule: dict[str, list[tuple[int, Waiver]]] = {}
    judged = []
    for finding in findings:
        rule, slug = finding.rule, finding.slug
        if (speaking := by_rule.get(rule)) is None:
            speaking = by_rule[rule] = [each for each in of_rules if each[1].rule in (rule, slug)]
        if of_one:
            speaking = [*speaking, *of_one.get(finding.fingerprint, ())]
        covering = [number for number, waiver in speaking if waiver.covers(finding)]
        used.update(covering)
        waived = any(waivers[number].until >= today for number in covering)
        judged.append(finding._replace(waived=True) if waived else finding)
    return judged, used


def expired(waivers: Iterable[Waiver], today: date) -> list[Problem]:
    """The waivers whose last day has passed."""
    return [
        waiver.problem(
            "expired-waiver",
            f"the waiver of {waiver.name} ended on {waiver.until}: its findings count again",
            "mend what it waived, then delete the waiver; or give it a new day, and say why in the reason",
        )
        for waiver in waivers
        if waiver.until < today
    ]


def unused(waivers: Iterable[Waiver]) -> list[Problem]:
    """What is said of waivers that cover nothing, by a caller who has looked at everything that they could cover."""
    found = []
    for waiver in waivers:
        hint = "delete it"
        if waiver.rule is None:
            hint += "; where it is meant for a finding of diff, name that rule beside the fingerprint"
        found.append(waiver.problem("unused-waiver", f"the waiver of {waiver.name} waives nothing", hint))
    return found


# --- comments

_WORDS = later(r"onbook(?::\s*|\s+)(allow|ignore|disable|waive|skip|noqa|off)\b")
_FINGERPRINT = later(r"[0-9a-f]{16}")
_NAME = later(r"[A-Za-z]+[0-9]+|[a-z0-9]+(?:-[a-z0-9]+)+")


def comment_waivers(document: Document) -> tuple[list[Waiver], list[Problem]]:
    """The waivers that stand as comments in a file, and the comments that were meant as one (``bad-waiver``)."""
    waivers: list[Waiver] = []
    problems: list[Problem] = []
    for number, comment in enumerate(comments(document.text, "onbook")):
        if not _WORDS.match(comment.text):
            continue
        place = (document.path, comment.line, comment.column)
        if number == MAX_COMMENTS:
            message = f"more than {MAX_COMMENTS} comments for onbook: those from here on are not read"
            problems.append(Problem("bad-waiver", message, *place, "waive the rule for the whole file, at its head"))
            break
        try:
            names, until, reason = _parsed(comment.text)
        except ValueError as error:
            problems.append(Problem("bad-waiver", str(error), *place, f"write it as in: {FORM}"))
            continue
        for name in names:
            finger = _FINGERPRINT.fullmatch(name)
            rule = None if finger else name.upper() if name[-1].isdigit() and "-" not in name else name
            waiver = Waiver(reason, until, rule, finger and finger[0], document.path, comment.lines, *place)
            waivers.append(waiver)
    return waivers, problems


def _parsed(text: str) -> tuple[list[str], date, str]:
    """Raises ValueError: what keeps the comment from being a waiver."""
    head, _, rest = text.partition("allow")
    if head.replace(" ", "") != "onbook:":
        raise ValueError("this comment is no waiver: it does not begin with 'onbook: allow'")
    named, until, rest = f" {rest} ".partition(" until ")
    names = [name for name in re.split(r"[\s,]+", named.partition(": ")[0]) if name]
    if not names:
        raise ValueError("this waiver names no rule")
    for name in names:
        if not _NAME.fullmatch(name) and not _FINGERPRINT.fullmatch(name):
            raise ValueError(f"{name!r} is neither a rule's id or name, nor a fingerprint")
    if not until:
        raise ValueError(f"this waiver of {', '.join(names)} has no last day")
    day, colon, reason = rest.strip().partition(":")
    try:
        last = date.fromisoformat(day.strip())
    except ValueError:
        raise ValueError(f"{day.strip()!r} is no day, as in 2027-03-01") from None
    if not colon or not reason.strip():
        raise ValueError(f"this waiver of {', '.join(names)} has no reason")
    return names, last, reason.strip()
