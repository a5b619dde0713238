"""The bases of releases, which lint looks at as well: see :mod:`onbook.bases`."""

from __future__ import annotations

from onbook.bases import Bases, base_releases

__all__ = ["Bases", "base_releases"]
