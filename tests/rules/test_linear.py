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


OTHERS = r"""
from onbook.diff.evidence import trimmed
from onbook.manifest import TagObject
from support.hostile import UNITS, text_of
assert trimmed("a \t\r\nb  \n c  d \t") == "a\r\nb\n c  d"
for unit in (*UNITS, " ", "<", "< "):
    text = text_of(unit, 500_000)
    trimmed(text + "x")
    TagObject("0" * 40, "commit", "a/v1.0.0", text, "").tagged
"""


def test_texts_and_tags_of_others_are_answered_as_well() -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", OTHERS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=env)
    assert (done.stderr, done.returncode) == ("", 0)
