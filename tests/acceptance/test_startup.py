"""Start-up is what people feel in a hook: what must not be imported is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.console import ONBOOK, person

HEAVY = {"litellm", "git", "jsonschema", "click", "jinja2", "yaml", "ruamel", "asyncio", "xllamacpp"}


def imported(code: str, cwd: Path) -> set[str]:
    """The top-level packages that a process imports, as Python itself tells them."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names = (line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {name.partition(".")[0] for name in names}


def test_importing_the_library_loads_none_of_its_libraries(tmp_path: Path) -> None:
    assert not imported("import onbook", tmp_path) & HEAVY


def test_the_version_needs_no_library_at_all(tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['onbook', '--version']; from onbook.cli import main; main()"
    assert not imported(code, tmp_path) & HEAVY


@pytest.mark.parametrize("command", ["lint", "diff", "test", "list", "release --dry-run"])
def test_no_command_loads_what_only_models_or_remotes_need(tmp_path: Path, command: str) -> None:
    author = person(tmp_path / "p")
    author.onbook("init")
    author.onbook("new", "support/triage", "--model", "openai/gpt-5.4-mini-2026-03-17")
    (author.cwd / "prompts/support/triage.cases.jsonl").unlink()
    author.commit("A prompt")
    words = ["onbook", *command.split()]
    code = f"import sys; sys.argv = {words!r}; from onbook.cli import main\n"
    code += "try: main()\nexcept SystemExit as end: assert end.code == 0"
    # jsonschema is only for tests, GitPython only talks to remotes, asyncio only asks models.
    found = imported(code, author.cwd) & {"litellm", "git", "jsonschema", "asyncio", "ruamel", "xllamacpp"}
    assert not found


def test_the_console_script_is_installed() -> None:
    done = subprocess.run([ONBOOK, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("onbook 0.")
