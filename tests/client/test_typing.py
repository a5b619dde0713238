"""A user's application passes `mypy --strict`: the package is typed, and says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onbook

APPLICATION = """
import asyncio
from typing import Any

import onbook

book = onbook.open("https://example.com/team/prompts.git", ttl=60, max_stale=3600, verify="signed", token="t")


def label(ticket: str, user: int) -> str:
    prompt = book.get("support/triage", env="production", key=user)
    request: dict[str, Any] = prompt.request(ticket=ticket)
    age: float = prompt.age
    try:
        answer = prompt.parse(str(request))
    except onbook.TruncatedAnswerError as error:
        return error.text
    except onbook.AnswerContractError as error:
        return "/".join(map(str, error.pointer))
    return f"{answer['label']} {age} {prompt.version} {prompt.notes}"


async def later() -> list[dict[str, str]]:
    return (await book.aget("support/triage", "^1.4")).render(ticket="x")


def visible() -> list[str]:
    return [f"{what}: {failure.error} {failure.at} {failure.count}" for what, failure in book.refresh().items()]


asyncio.run(later())
"""


def test_an_application_is_typed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    (tmp_path / "wrong.py").write_text("import onbook\nonbook.open(1).get(b'x').age.upper()\n")
    package = Path(str(onbook.__file__)).parent
    assert (package / "py.typed").exists()
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent"]
    done = subprocess.run(
        [*command, "app.py", "wrong.py"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"MYPYPATH": str(package.parent), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert "app.py" not in done.stdout, done.stdout
    assert done.stdout.count("wrong.py") == 3, done.stdout + done.stderr
