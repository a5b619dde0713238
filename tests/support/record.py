"""Runs onbook.testing.runner.record in a process of its own: litellm leaves sockets behind at exit.

As a script it reads one JSON object from standard input: {"rounds": [...], "root": ..., "announce": path}. A round is
{"write": {path: text}, "record": bool, "below": folder}.
Each round writes files below the root, runs all prompts there, and brings {"report": ..., "files": {path: text},
"progress": [[arrived, failed, of], ...]}. With "announce" that file says how many answers have arrived, as they come.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onbook.testing import local

if TYPE_CHECKING:
    from support import forks


def run(root: Path, rounds: Sequence[Mapping[str, object]], url: str) -> list[dict[str, Any]]:
    """What every round brought. Fails if anything came to standard error."""
    process = start(root, rounds, url)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    outcomes: list[dict[str, Any]] = json.loads(out)
    return outcomes


def start(
    root: Path, rounds: Sequence[Mapping[str, object]], url: str, *, announce: Path | None = None
) -> subprocess.Popen[str] | forks.Run:
    """The running process, its input given."""
    from support import forks  # as a script, this module has no such neighbour

    asked = json.dumps({"rounds": rounds, "root": str(root), "announce": announce and str(announce)})
    if forks.POSSIBLE and local.available():
        return forks.start((), cwd=root, env=_environment(url), stdin=asked, script=__file__)
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(url),
    )
    assert process.stdin
    process.stdin.write(asked)
    process.stdin.close()
    process.stdin = None  # communicate() would write to it
    return process


def _environment(url: str) -> dict[str, str]:
    return {**os.environ, "OPENAI_API_BASE": url, "OPENAI_API_KEY": "sk-of-nobody"}


def _files(root: Path) -> Iterator[tuple[str, str]]:
    for path in root.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(root)), path.read_bytes().decode()


def _main() -> None:
    from onbook.project import Catalog
    from onbook.repo import Files
    from onbook.reporters.json import write_json
    from onbook.testing import models
    from onbook.testing.asking import Standing
    from onbook.testing.judging import report_of
    from onbook.testing.runner import record, replay

    models.BACKOFF_S = 0.01
    asked = json.load(sys.stdin)
    outcomes: list[dict[str, Any]] = []
    for one in asked["rounds"]:
        root = Path(asked["root"]) / one.get("below", "")
        for path, text in one.get("write", {}).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, "utf-8")
        catalog = Catalog(Files({path: text.encode() for path, text in _files(root)}))
        progress: list[tuple[int, ...]] = []

        def tell(standing: Standing, into: list[tuple[int, ...]] = progress) -> None:
            into.append((standing.arrived, standing.failed, standing.wanted))
            if asked["announce"]:
                Path(asked["announce"]).write_text(str(standing.arrived))

        sources = catalog.select(())
        report = report_of(record(sources, root, progress=tell) if one.get("record", True) else replay(sources))
        outcomes.append({"report": json.loads(write_json(report)), "progress": progress, "files": dict(_files(root))})
    print(json.dumps(outcomes))  # noqa: T201


if __name__ == "__main__":
    _main()
