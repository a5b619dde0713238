"""The gate of a pull request: lint, diff and tests of what changed, as one report with one verdict."""

from __future__ import annotations

from onbook.gate.base import Base, find_base
from onbook.gate.check import check, not_checked
from onbook.gate.event import Event, read_event

__all__ = ["Base", "Event", "check", "find_base", "not_checked", "read_event"]
