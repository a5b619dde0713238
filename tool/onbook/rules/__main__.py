"""``python -m onbook.rules docs/rules.md``: write the page of the built-in rules.

Firing rates are taken from ``rule-rates.json`` beside the page, where there is one: what ``onbook lint --stats DIR
--format json`` printed as ``data`` for a real corpus, with ``corpus``, a sentence that says which it was.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from onbook.files import write_atomic
from onbook.rules.base import builtin_rules
from onbook.rules.page import RATES, page


def main(target: Path) -> None:
    """Write the page."""
    rates = target.with_name(RATES)
    found = json.loads(rates.read_bytes()) if rates.exists() else None
    write_atomic(target, page(builtin_rules(), found).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/rules.md"))
