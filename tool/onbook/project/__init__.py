"""A project: its configuration, and from a snapshot the catalog of its prompts with their closures and cases."""

from __future__ import annotations

from onbook.project.catalog import Catalog, Source
from onbook.project.config import Config

__all__ = ["Catalog", "Config", "Source"]
