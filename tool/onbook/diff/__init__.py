"""What a change means: the changes between two prompts, and the bump that they ask for.

The rules are the table of docs/versioning.md: MAJOR where a call that was valid or a response that was
handled may now fail, MINOR where behaviour may move, PATCH where no change of behaviour is intended, none where nothing
that a caller, a reader or a model sees has changed.
"""

from __future__ import annotations

from onbook.diff.changes import RULES, Change, DiffRule
from onbook.diff.compare import PromptDiff, compare, diff_catalogs, diff_sources, next_version
from onbook.diff.waived import waive, waivers_of

__all__ = [
    "RULES",
    "Change",
    "DiffRule",
    "PromptDiff",
    "compare",
    "diff_catalogs",
    "diff_sources",
    "next_version",
    "waive",
    "waivers_of",
]
