"""The fuzzer: tries random inputs on every target until its time is over. ``make fuzz``, FUZZ_SECONDS for longer.

Prints how many inputs each target was given. At the first that breaks what must hold it prints the smallest such input
that it can find and the seed of the round, and exits with 1; an input that takes longer than a minute counts as a hang.
"""

from __future__ import annotations

import faulthandler
import itertools
import os
import random
import sys
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from hypothesis import HealthCheck, given, seed, settings

from fuzz.targets import TARGETS, Target

ROUND = 100  # inputs of one target before the next has its turn
HANG = 60  # seconds


def one_round(target: Target, number: int, until: float) -> int:
    """Try some inputs; how many they were.

    Raises:
        Exception: what the smallest failing input raised.
    """
    tried = 0

    @seed(number)
    @settings(max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(target.inputs)
    def run(value: Any) -> None:
        nonlocal tried
        if time.monotonic() < until:
            tried += 1
            faulthandler.dump_traceback_later(HANG, exit=True)
            target.holds(value)
            faulthandler.cancel_dump_traceback_later()

    run()
    return tried


def main() -> int:
    """Fuzz until the time is over; the exit code."""
    seconds = float(os.environ.get("FUZZ_SECONDS", "60"))
    first = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(2**32)))
    until = time.monotonic() + seconds
    counts = dict.fromkeys((target.name for target in TARGETS), 0)
    for number in itertools.count(first):
        for target in TARGETS:
            try:
                counts[target.name] += one_round(target, number, until)
            except Exception:
                traceback.print_exc()
                print(f"target {target.name}, again with: FUZZ_SEED={number} make fuzz", file=sys.stderr)  # noqa: T201
                return 1
        if time.monotonic() >= until:
            break
    told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    print(f"fuzzed {seconds:.0f} s from seed {first}: {sum(counts.values()):,} inputs ({told}), none crashed or hung")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
