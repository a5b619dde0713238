"""Text <-> data: YAML, JSON lines and CSV, with the place of everything. Knows nothing of prompts or of git."""

from __future__ import annotations

from onbook.formats.bounds import MAX_FILE_BYTES
from onbook.formats.comments import Comment, comments
from onbook.formats.document import Document, Mark, Within, read_yaml
from onbook.formats.edit import is_bare, set_entry, set_key
from onbook.formats.places import Pointer
from onbook.formats.rows import Row, read_rows, write_json_line

__all__ = [
    "MAX_FILE_BYTES",
    "Comment",
    "Document",
    "Mark",
    "Pointer",
    "Row",
    "Within",
    "comments",
    "is_bare",
    "read_rows",
    "read_yaml",
    "set_entry",
    "set_key",
    "write_json_line",
]
