"""Reporters: a Report becomes text. Each reads nothing but the Report, so every verb has every format."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from onbook.report import Report

Reporter = Callable[[Report, bool], str]

FORMATS = ("terminal", "json", "github", "sarif", "junit", "markdown")
"""The module of each format; its function is called ``write_<format>``."""


def reporter(format: str) -> Reporter:
    """The reporter of one of ``FORMATS``. Only its module is imported: most runs write one format."""
    found: Reporter = getattr(import_module(f"onbook.reporters.{format}"), f"write_{format}")
    return found


__all__ = ["FORMATS", "Reporter", "reporter"]
