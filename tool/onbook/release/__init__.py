"""Releases: plan which prompts need one, and write their tags all or none. Tags are the only state."""

from onbook.release.bases import Bases, base_releases
from onbook.release.plan import Plan, Planned, plan
from onbook.release.write import apply, lacking, pending, recover, rows
from onbook.release.yank import yank

__all__ = [
    "Bases",
    "Plan",
    "Planned",
    "apply",
    "base_releases",
    "lacking",
    "pending",
    "plan",
    "recover",
    "rows",
    "yank",
]
