"""The measured part of the README's comparison: how fast a tool starts, how large it is, what replaying costs.

    npm install --prefix FOLDER promptfoo
    python tests/benchmarks/readme.py [--promptfoo FOLDER] [--repeat 3]

Prints a table in Markdown. Seconds are medians, wall and processor time (of all processes); believe the ratios. onbook
replays recorded answers from a file; promptfoo runs its `echo` provider, which asks nothing. Both check one assertion a
case.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.test_runner import recorded
from support.console import ONBOOK
from support.running import desk

CASES = 1000
# Bytecode must be written and read, as where a tool is installed. promptfoo asks its maker for news unless told not to.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
}


def timed(command: list[str], cwd: Path, repeat: int) -> tuple[float, float]:
    """The medians of wall and processor seconds; the command must succeed."""
    walls, processors = [], []
    for _ in range(repeat):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, cwd=cwd, env=ENVIRONMENT, check=True, capture_output=True)
        walls.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(walls), statistics.median(processors)


def installed(roots: list[str]) -> int:
    """The bytes of these distributions and of all that they require here."""
    waiting, done, size = list(roots), set[str](), 0
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in done:
            continue
        done.add(name)
        found = distribution(name)
        needs = [Requirement(text) for text in found.requires or ()]
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
        paths = [Path(str(file.locate())) for file in found.files or ()]
        size += sum(path.stat().st_size for path in paths if path.is_file())
    # An editable install lists no source.
    package = Path(__file__).parents[2] / "tool/onbook"
    return size + sum(path.stat().st_size for path in package.rglob("*") if path.is_file())


def below(folder: Path) -> int:
    """The bytes of all files below a folder, links not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def onbook(folder: Path, repeat: int) -> list[str]:
    """onbook's column."""
    here = desk(folder / "onbook", CASES, suite="assert: [{contains: ticket}]\n")
    recorded(here, CASES)
    start = timed([ONBOOK, "--version"], folder, repeat)
    help_ = timed([ONBOOK, "--help"], folder, repeat)
    replay = timed([ONBOOK, "test"], here.root, repeat)
    return [f"{installed(['onbook']) / 1e6:.0f} MB", *map(_seconds, (start, help_, replay))]


def promptfoo(folder: Path, program: Path, repeat: int) -> list[str]:
    """promptfoo's column."""
    command = str(program / "node_modules/.bin/promptfoo")
    ENVIRONMENT["PROMPTFOO_CONFIG_DIR"] = str(folder / "state")
    tests = [
        {"vars": {"ticket": f"ticket {number}"}, "assert": [{"type": "contains", "value": "ticket"}]}
        for number in range(CASES)
    ]
    (folder / "promptfooconfig.json").write_text(
        json.dumps({"prompts": ["Sort this: {{ticket}}"], "providers": ["echo"], "tests": tests})
    )
    evaluate = [command, "eval", "-c", "promptfooconfig.json", "--no-write", "--no-table", "--no-progress-bar"]
    start = timed([command, "--version"], folder, repeat)
    help_ = timed([command, "--help"], folder, repeat)
    replay = timed(evaluate, folder, repeat)
    return [f"{below(program / 'node_modules') / 1e6:.0f} MB", *map(_seconds, (start, help_, replay))]


def _seconds(both: tuple[float, float]) -> str:
    return f"{both[0]:.2f} s ({both[1]:.2f} s)"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--promptfoo", type=Path, metavar="FOLDER", help="where npm has installed it")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    rows = ["installed, without extras", "`--version`", "`--help`", f"{CASES:,} cases, nothing asked of a model"]
    with tempfile.TemporaryDirectory() as folder:
        columns = {"onbook": onbook(Path(folder), asked.repeat)}
        if asked.promptfoo:
            program = asked.promptfoo.resolve()
            version = json.loads((program / "node_modules/promptfoo/package.json").read_text())["version"]
            columns[f"promptfoo {version}"] = promptfoo(Path(folder), program, asked.repeat)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [f"{machine}; wall time (processor time), medians of {asked.repeat}.", "", f"| | {' | '.join(columns)} |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for number, row in enumerate(rows):
        lines.append(f"| {row} | {' | '.join(column[number] for column in columns.values())} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
