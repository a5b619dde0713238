"""Releases as processes, and what they started: to end some of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from onbook.repo.journal import JOURNAL
from support import forks
from support.console import ONBOOK


def start_release(place: Path, *options: str, fresh: bool = False) -> subprocess.Popen[bytes] | forks.Run:
    """``onbook release`` in a process group of its own: a fork, or with ``fresh`` the script in a new interpreter."""
    if not fresh and forks.POSSIBLE:
        return forks.start(["release", *options], cwd=place, env=os.environ, asking=False)
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [ONBOOK, "release", *options], cwd=place, stdout=quiet, stderr=quiet, start_new_session=True
    )


def until_writing(process: subprocess.Popen[bytes] | forks.Run, place: Path) -> None:
    """Wait until a release has its journal, which it keeps while it writes, or has ended."""
    journal = place / ".git/onbook" / JOURNAL
    while process.poll() is None and not journal.exists():
        time.sleep(0.001)


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """All that a process has started, directly or not: its id and command line."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            children.setdefault(int(entry.read_text().rpartition(")")[2].split()[1]), []).append(int(entry.parent.name))
    todo = [pid]
    while todo:
        found = children.get(todo.pop(), [])
        for child in found:
            with contextlib.suppress(OSError):
                yield child, Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        todo += found
