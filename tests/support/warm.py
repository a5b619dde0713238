"""Command lines that need not start anew, where a fork shows the same as a new interpreter (:mod:`support.forks`).

done = onbook(["lint", "--strict"], folder)
assert done.returncode == 0, done.stdout
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from onbook.testing import local
from support import forks

ONBOOK = str(Path(sys.executable).with_name("onbook"))
# Commands that ask models, and so load litellm.
_ASKING = frozenset({"--record", "--live", "--fresh", "run"})
# What Python reads once, when it starts.
_AT_START = ("PYTHON", "LC_", "LANG")
_STARTED = {name: value for name, value in os.environ.items() if name.startswith(_AT_START)}


def onbook(
    args: Sequence[str], cwd: Path, *, stdin: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``onbook`` with these arguments, in a folder.

    Args:
        env: the whole environment; None means that of the tests.
    """
    command, given = [ONBOOK, *args], os.environ if env is None else env
    wanted = {name: value for name, value in given.items() if name.startswith(_AT_START)}
    if not forks.POSSIBLE or wanted != _STARTED:
        return subprocess.run(
            command, cwd=cwd, env=given, capture_output=True, text=True, check=False, timeout=300, input=stdin
        )
    run = forks.start(args, cwd=cwd, env=given, stdin=stdin, asking=is_asking(args))
    out, err = run.communicate(timeout=300)
    assert run.returncode is not None
    return subprocess.CompletedProcess(command, run.returncode, out, err)


def is_asking(args: Sequence[str]) -> bool:
    """Whether this command asks models, and litellm is there."""
    return bool(_ASKING & set(args)) and local.available()


def started_alike() -> tuple[tuple[str, ...], Mapping[str, str]]:
    """How the names of variables begin which Python reads when it starts, and those that it has read here."""
    return _AT_START, _STARTED
