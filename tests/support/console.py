"""A person at a terminal: runs onbook, and git, in a folder."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.warm import ONBOOK, onbook

__all__ = ["ONBOOK", "Person", "person"]


@dataclass(frozen=True)
class Person:
    """Someone who stands in a folder and types commands."""

    cwd: Path

    def onbook(self, *args: str, exits: int = 0, stdin: str = "") -> str:
        """What ``onbook`` printed, both outputs together, once it has exited as expected."""
        return self._checked(onbook(args, self.cwd, stdin=stdin), exits)

    def git(self, *args: str, exits: int = 0) -> str:
        """What ``git`` printed."""
        return self._run(["git", *args], exits)

    def report(self, *args: str, exits: int = 0) -> dict[str, Any]:
        """The machine report of a command."""
        done = onbook([*args, "--format", "json"], self.cwd)
        assert done.returncode == exits, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def write(self, path: str, text: str) -> None:
        """Write a file below the folder."""
        target = self.cwd / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands in a file just once."""
        text = (self.cwd / path).read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        (self.cwd / path).write_text(text.replace(old, new), "utf-8")

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def _run(self, command: list[str], exits: int) -> str:
        done = subprocess.run(command, cwd=self.cwd, capture_output=True, text=True, check=False, timeout=300, input="")
        return self._checked(done, exits)

    def _checked(self, done: subprocess.CompletedProcess[str], exits: int) -> str:
        assert done.returncode == exits, f"{done.args} exited with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def person(folder: Path, *, repository: bool = True) -> Person:
    """Someone in a new folder, with an empty repository in it unless none is wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Person(folder)
    if repository:
        found.git("init", "--quiet", "--initial-branch=main")
    return found
