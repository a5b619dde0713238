"""How the work of the safety rules grows with the text: 2 is linear, 4 would be quadratic.

Run it alone: ``python tests/benchmarks/regexes.py``. Each number is the time of a text over that of its half, the best
of three each, side by side in one process; the worst of all hostile texts is told, and what a megabyte of it takes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.hostile import FINDERS, UNITS, text_of

SIZE = 100_000
NOISE = 0.005  # seconds: below, nothing is measured


def cost(find: Callable[[str], Iterable[object]], text: str) -> float:
    """Seconds of this process's own time."""
    start = time.process_time()
    for _ in find(text):
        pass
    return time.process_time() - start


def main() -> None:
    """Print the table."""
    print(f"{'':16}{'worst ratio':>12}{'s/MB':>8}  of the slowest text")  # noqa: T201
    for name, find in FINDERS.items():
        ratio, slowest, unit = 0.0, 0.0, ""
        for one in UNITS:
            whole = min(cost(find, text_of(one, SIZE)) for _ in range(3))
            if whole > NOISE:
                half = min(cost(find, text_of(one, SIZE // 2)) for _ in range(3))
                ratio = max(ratio, whole / half)
            if whole > slowest:
                slowest, unit = whole, one
        print(f"{name:16}{ratio or 2:12.2f}{slowest * 1_000_000 / SIZE:8.2f}  {unit!r}")  # noqa: T201


if __name__ == "__main__":
    main()
