"""A repository with one prompt of many cases, and `onbook test` in it against a server on loopback."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onbook.testing import local
from onbook.testing.recordings import Recordings
from support import forks
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

    def start(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        fresh: bool = False,
        constants: Mapping[str, float] | None = None,
    ) -> subprocess.Popen[str] | forks.Run:
        """``onbook test`` as it runs, in a process group of its own.

        Args:
            fresh: the console script itself, in a new interpreter; else one that has imported litellm already.
            constants: of onbook.testing.models, where it is not fresh.
        """
        environment = {**os.environ, "OPENAI_API_BASE": self.url, "OPENAI_API_KEY": KEY, **(env or {})}
        if not fresh and local.available():
            return forks.start(["test", *args], cwd=self.root, env=environment, constants=constants)
        return subprocess.Popen(
            [ONBOOK, "test", *args],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )

    def test(
        self, *args: str, exits: int = 0, fresh: bool = False, constants: Mapping[str, float] | None = None
    ) -> tuple[str, str]:
        """What ``onbook test`` wrote to its two outputs, once it has exited as expected."""
        process = self.start(*args, fresh=fresh, constants=constants)
        out, err = process.communicate(timeout=600)
        assert process.returncode == exits, (process.returncode, out, err)
        return out, err

    def report(self, *args: str, exits: int = 0, constants: Mapping[str, float] | None = None) -> dict[str, Any]:
        """The JSON report of ``onbook test``."""
        data: dict[str, Any] = json.loads(self.test(*args, "--format", "json", exits=exits, constants=constants)[0])
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


def recorded_desk(root: Path, url: str) -> Desk:
    """Two prompts that share a partial, 24 cases recorded, one that fails; committed."""
    made = desk(root, 0, url)
    tagged = [case(n, tags=["even" if n % 2 == 0 else "odd"]) for n in range(20)]
    made.write("prompts/a.cases.jsonl", "".join(tagged))
    text = "{% include '_shared/x.md' %} {{ ticket }}"
    shared = f'templateFormat: jinja2\nmessages: [{{role: user, content: "{text}"}}]'
    made.write("prompts/_shared/x.md", "Sort this:")
    for id in "bc":
        made.write(f"prompts/{id}.prompt.yml", f"model: openai/gpt-4.1-mini-2025-04-14\n{shared}\n")
        made.write(f"prompts/{id}.cases.jsonl", case(1) + case(2, **{"assert": [{"contains": "nothing of it"}]}))
        made.write(f"prompts/{id}.suite.yml", "repeats: 2\nassert: [{contains: ticket}]\n")
    made.test("--record", exits=1)
    made.commit()
    return made


def copy(of: Desk, to: Path) -> Desk:
    subprocess.run(["git", "clone", "-q", str(of.root), str(to)], check=True)
    return Desk(to)


def recorded_lines(here: Desk) -> Recordings:
    """What is recorded of the prompt ``a``; its file must be whole."""
    found = Recordings.read((here.root / RECORDINGS).read_bytes(), RECORDINGS)
    assert found.problems == []
    assert found.torn is None
    return found


class _Any(int):
    """An exit code of a run that ended by itself."""

    def __eq__(self, other: object) -> bool:
        return other in (0, 1, 3)

    __hash__ = int.__hash__


ANY = _Any()
