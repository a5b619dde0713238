"""How much of a file is read, and how much is told of it."""

from __future__ import annotations

MAX_FILE_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_FLAWS = 100
"""Of a file that has more, the first are told."""
