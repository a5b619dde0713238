"""Reporters: a Report becomes text. Each reads nothing but the Report, so every verb has every format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from onbook.report import Report
from onbook.reporters.json import write_json
from onbook.reporters.terminal import write_terminal

Reporter = Callable[[Report, bool], str]

REPORTERS: Mapping[str, Reporter] = {"terminal": write_terminal, "json": write_json}

__all__ = ["REPORTERS", "Reporter"]
