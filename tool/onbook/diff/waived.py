"""Waivers of changes: somebody looked at what could not be proved, and says that it holds.

An *unproven* change that is waived counts as minor: behaviour may move, the contract is said to hold. What was proved
to be major stays major whatever is waived: a waiver only acknowledges it, so that it fails no gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from onbook.diff.changes import Change
from onbook.diff.compare import PromptDiff
from onbook.diff.report import finding_of
from onbook.project import Config, Source
from onbook.versions import Bump
from onbook.waivers import Waiver, comment_waivers


def waivers_of(config: Config, source: Source | None) -> list[Waiver]:
    """The waivers that may speak of a prompt's changes: the configuration's, and the comments of the prompt's file.

    On a pull request the new waivers are not believed: there, both are those of the base.
    """
    own = comment_waivers(source.document)[0] if source and source.document else []
    return [*config.waivers, *own]


def waive(found: PromptDiff, waivers: Sequence[Waiver], today: date | None = None) -> PromptDiff:
    """The same changes, those marked that a waiver in force speaks of, with its reason."""
    day = today or date.today()
    in_force = [waiver for waiver in waivers if waiver.until >= day]
    if not in_force:
        return found
    return replace(found, changes=tuple(_judged(found, change, in_force) for change in found.changes))


def _judged(found: PromptDiff, change: Change, waivers: Sequence[Waiver]) -> Change:
    finding = finding_of(found, change)
    if change.removed:
        # Its line is one of the old file; a comment speaks of lines of the new.
        finding = finding._replace(line=None)
    reason = next((waiver.reason for waiver in waivers if waiver.covers(finding)), None)
    if reason is None:
        return change
    return replace(change, waived=reason, bump=Bump.MINOR if change.rule.unproven else change.bump)
