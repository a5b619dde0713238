"""The safety rules answer hostile texts in bounded work; tests/benchmarks/regexes.py prints how it grows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHILD = """
from support.hostile import FINDERS, UNITS, text_of
for name, find in FINDERS.items():
    for unit in UNITS:
        for _ in find(text_of(unit, 20_000)):
            pass
    print(name, flush=True)
"""


def test_hostile_texts_are_answered() -> None:
    # In a child, for an expression cannot be interrupted. The limit is ten times what is needed; one quadratic
    # expression takes it by itself.
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-c", CHILD]
    env = {**os.environ, "PYTHONPATH": str(tests)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=env)
    assert (done.stderr, done.returncode) == ("", 0)
    assert len(done.stdout.splitlines()) >= 9
