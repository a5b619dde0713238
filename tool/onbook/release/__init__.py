"""Releases: plan which prompts need one, and write their tags all or none. Tags are the only state."""

from onbook.release.plan import Plan, Planned, plan
from onbook.release.write import apply, lacking, pending, recover, rows
from onbook.release.yank import yank

__all__ = [
    "Plan",
    "Planned",
    "apply",
    "lacking",
    "pending",
    "plan",
    "recover",
    "rows",
    "yank",
]
