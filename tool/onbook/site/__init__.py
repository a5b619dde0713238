"""The catalogue of a repository's prompts as a folder of static pages."""

from __future__ import annotations

from onbook.site.build import Built, build
from onbook.site.gather import Site, gather

__all__ = ["Built", "Site", "build", "gather"]
