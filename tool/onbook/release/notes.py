"""The notes of a release: what changed for those who call the prompt, and the commits that did it, as markdown."""

from __future__ import annotations

from collections.abc import Iterable

from onbook.diff import Change, PromptDiff
from onbook.manifest import one_line
from onbook.repo import Repository

MAX_COMMITS = 20
"""Commits that the notes name; of more they give the number."""

MAX_HISTORY = 5_000
"""Commits that are looked at, however old a base is."""


class Commits:
    """The commits that touched files since a base: git is asked once for each base, not once for each prompt."""

    def __init__(self, repo: Repository, head: str, prompts: str) -> None:
        self._repo = repo
        self._head = head
        self._prompts = prompts
        self._known: dict[str, dict[str, list[str]]] = {}

    def of(self, found: PromptDiff, base: str | None) -> list[str]:
        """``<short id> <subject>`` of each commit since ``base`` that touched the closure, newest first.

        A first release has all of its history behind it, and names none of it.
        """
        if base is None or found.new is None:
            return []
        if base not in self._known:
            self._known[base] = self._since(base)
        touched = self._known[base]
        closure = {file.path for side in (found.old, found.new) if side for file in side.closure}
        outside = sorted(path for path in closure if not path.startswith(f"{self._prompts}/"))
        wanted = [line for path in closure for line in touched.get(path, ())]
        if outside:
            wanted += [line for lines in self._since(base, *outside).values() for line in lines]
        # Each line begins with its place in history.
        return [line.split(" ", 1)[1] for line in sorted(dict.fromkeys(wanted))]

    def _since(self, base: str, *paths: str) -> dict[str, list[str]]:
        command = ["-z", "--name-only", "--no-renames", f"--max-count={MAX_HISTORY}", "--format=%x01%h %s"]
        out = self._repo.log(*command, f"{base}..{self._head}", "--", *(paths or (self._prompts,)))
        found: dict[str, list[str]] = {}
        number = 0
        line = ""
        for part in out.decode("utf-8", "surrogateescape").split("\0"):
            text = part.removeprefix("\n")
            if text.startswith("\x01"):
                number += 1
                line = f"{number:05} {one_line(text[1:])}"
            elif text:
                found.setdefault(text, []).append(line)
        return found


def notes(found: PromptDiff, commits: list[str], forced: str = "") -> list[str]:
    """The paragraphs of a tag's message between its title and its trailers."""
    paragraphs = [_listed(map(_told, found.changes))]
    if commits:
        more = len(commits) - MAX_COMMITS
        told = commits[:MAX_COMMITS] + ([f"and {more} more"] if more > 0 else [])
        paragraphs.append(f"Commits:\n{_listed(told)}")
    if forced:
        paragraphs.append(f"Released although its gates were shut: {forced}")
    return paragraphs


def _told(change: Change) -> str:
    waived = f" (waived: {change.waived})" if change.waived else ""
    return f"{change.bump} {change.rule.id} {one_line(change.consequence + waived)}"


def _listed(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
