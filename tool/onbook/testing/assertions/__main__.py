"""``python -m onbook.testing.assertions docs/assertions.md``: write the page of the built-in assertions."""

from __future__ import annotations

import sys
from pathlib import Path

from onbook.files import write_atomic
from onbook.testing.assertions.page import page

if __name__ == "__main__":
    write_atomic(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/assertions.md"), page().encode())
