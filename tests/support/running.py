"""A repository with one prompt of many cases, and `onbook test` in it against a server on loopback."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.console import ONBOOK

MODEL = "openai/gpt-4.1-2025-04-14"
PROMPT = f"""\
model: {MODEL}
modelParameters: {{temperature: 0}}
messages:
  - role: system
    content: You sort support tickets into billing, bug or question. Answer with one word.
  - role: user
    content: "Sort this: {{{{ticket}}}}"
"""
SUITE = 'assert: [{contains: ticket}, {regex: "^Sort this: [a-z]+ [0-9]+"}, {not: {equals: bug}}]\n'
RECORDINGS = "prompts/a.recordings.jsonl"
KEY = "sk-of-nobody-at-all"


@dataclass(frozen=True)
class Desk:
    """A repository, and where its models are asked."""

    root: Path
    url: str = "http://127.0.0.1:9/v1"

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, "utf-8")

    def git(self, *args: str) -> str:
        done = subprocess.run(["git", *args], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "change")

    def start(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """``onbook test`` as it runs, in a process group of its own."""
        return subprocess.Popen(
            [ONBOOK, "test", *args],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENAI_API_BASE": self.url, "OPENAI_API_KEY": KEY, **(env or {})},
            start_new_session=True,
        )

    def test(self, *args: str, exits: int = 0) -> tuple[str, str]:
        """What ``onbook test`` wrote to its two outputs, once it has exited as expected."""
        process = self.start(*args)
        out, err = process.communicate(timeout=600)
        assert process.returncode == exits, (process.returncode, out, err)
        return out, err

    def report(self, *args: str, exits: int = 0) -> dict[str, Any]:
        """The JSON report of ``onbook test``."""
        data: dict[str, Any] = json.loads(self.test(*args, "--format", "json", exits=exits)[0])
        return data

    def row(self, *args: str, exits: int = 0) -> dict[str, Any]:
        """The only row of it."""
        (row,) = self.report(*args, exits=exits)["data"]["prompts"]
        assert isinstance(row, dict)
        return row


def desk(root: Path, cases: int, url: str = "http://127.0.0.1:9/v1", *, suite: str = SUITE) -> Desk:
    """A new repository whose prompt ``a`` has so many cases; the server must echo for them to pass."""
    root.mkdir(parents=True, exist_ok=True)
    made = Desk(root, url)
    made.git("init", "-q")
    made.write("prompts/a.prompt.yml", PROMPT)
    made.write("prompts/a.suite.yml", suite)
    made.write("prompts/a.cases.jsonl", "".join(case(number) for number in range(cases)))
    return made


def case(number: int, **other: object) -> str:
    """A line of a gold set."""
    return json.dumps({"id": f"case-{number:05}", "inputs": {"ticket": f"ticket {number}"}, **other}) + "\n"
