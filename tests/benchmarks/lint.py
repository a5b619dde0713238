"""How long lint takes on many prompts, beside what nobody can do faster on the same machine in the same run.

    python tests/benchmarks/lint.py [--count 10000] [--repeat 3] [--folder KEEP]

Prints a table in Markdown: medians of wall time and of processor time (of all processes, in user and system mode), and
ratios, which say more than seconds do. Everything is run once before anything is run again, and a ratio is the median
of those of each round: a shared machine is faster in one minute than in the next. Where it has other work to do,
believe the processor time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import corpus
from onbook.lint.workers import cores

ONBOOK = str(Path(sys.executable).with_name("onbook"))
FINDINGS = 10

# Bytecode must be written and read, as where onbook is installed.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

FLOOR = """\
import subprocess
for path in subprocess.run(["git", "ls-files", "-z"], stdout=subprocess.PIPE).stdout.split(b"\\0")[:-1]:
    with open(path, "rb", buffering=0) as file:
        file.read()
"""
# What a run of lint imports, in the order of the import.
MODULES = """\
import sys
before = set(sys.modules)
sys.argv = ["onbook", *sys.argv[1:]]
from onbook.cli import main
try:
    main()
except SystemExit:
    pass
print("\\n" + " ".join(name for name in sys.modules if name not in before), file=sys.stderr)
"""
IMPORT = """\
import sys
for name in sys.argv[1:]:
    __import__(name)
"""


class Bench:
    """Runs commands in one folder and remembers how long each takes.

    Attributes:
        seconds, cpu: by name, of each round, of the wall and of the processor.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.cpu: defaultdict[str, list[float]] = defaultdict(list)

    def time(self, name: str, command: Sequence[str]) -> None:
        """Run a command once more."""
        start, used = time.perf_counter(), _used()
        self.run(command)
        self.seconds[name].append(time.perf_counter() - start)
        self.cpu[name].append(_used() - used)

    def run(self, command: Sequence[str]) -> str:
        """What a command prints as errors; what it prints else goes through a pipe, as into a log."""
        done = subprocess.run(command, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(f"{command} exited with {done.returncode}: {done.stderr}")
        return done.stderr

    def forget(self) -> None:
        """Delete what lint remembers."""
        shutil.rmtree(self.folder / ".git/onbook", ignore_errors=True)


def _used() -> float:
    """Processor seconds of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak(bench: Bench, command: Sequence[str]) -> float | None:
    """The most memory that a command and all its children hold at once, in MB; None where this cannot be told.

    Pages that processes share are counted once (PSS), sampled every 20 ms.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        return None
    process = subprocess.Popen(command, cwd=bench.folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, sum(_pss(pid) for pid in _tree(process.pid)))
        time.sleep(0.02)
    return most / 1024


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _tree(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return [pid, *(member for child in children for member in _tree(child))]


def measure(folder: Path, count: int, repeat: int) -> None:
    """Measure everything and print the table."""
    clean, full = Bench(folder / "clean"), Bench(folder / "findings")
    for bench, findings in ((clean, 0), (full, FINDINGS)):
        if not (bench.folder / ".git").exists():
            bench.folder.mkdir(parents=True)
            corpus.write(bench.folder, count, findings=findings)
    lint = [ONBOOK, "lint"]
    one = sorted((clean.folder / "prompts").glob("*/*.prompt.yml"))[count // 2]
    id = one.relative_to(clean.folder / "prompts").as_posix().removesuffix(".prompt.yml")
    one.write_text(one.read_text("utf-8") + "# touched\n", "utf-8")
    corpus.git(clean.folder, "add", "--all")
    staged = [*lint, "--staged", id]
    modules = clean.run([sys.executable, "-c", MODULES, *staged[1:]]).strip().splitlines()[-1].split()

    for _ in range(repeat):
        clean.time("pass", [sys.executable, "-c", "pass"])
        clean.time("version", [ONBOOK, "--version"])
        clean.time("import", [sys.executable, "-c", IMPORT, *modules])
        clean.time("staged", staged)
        clean.time("floor", [sys.executable, "-c", FLOOR])
        clean.time("one core", [*lint, "--no-cache", "--jobs", "1"])
        clean.forget()
        clean.time("all cores", lint)
        clean.time("warm", lint)
        clean.run([*lint, "--staged"])
        clean.time("staged all", [*lint, "--staged"])
        full.forget()
        full.time("findings", lint)
    for name, taken in (clean.seconds | full.seconds).items():
        sys.stderr.write(f"{name}: {', '.join(f'{second:.3f}' for second in taken)}\n")
    clean.forget()
    memory = peak(clean, lint)
    rows = [
        ("`python -c pass`", "pass", "", ""),
        ("`onbook --version`", "version", "pass", "5 x `python -c pass`"),
        ("the floor: `git ls-files`, and reading the bytes", "floor", "", ""),
        ("the bare import of what lint needs", "import", "", ""),
        ("one staged file, named", "staged", "import", "2 x the import"),
        ("cold, one core", "one core", "floor", ""),
        (f"cold, {cores()} cores", "all cores", "floor", "15 x the floor, on two cores"),
        ("warm", "warm", "floor", "2.5 x the floor, and the import"),
        ("warm, the index (`--staged`)", "staged all", "floor", ""),
    ]
    told = [f"{count:,} prompts, {_machine()}; medians of {repeat}.", ""]
    told += ["| what | seconds | ratio | processor | ratio | at most |", "|---|---|---|---|---|---|"]
    for what, name, base, most in rows:
        cells = [_cells(taken[name], taken[base] if base else None) for taken in (clean.seconds, clean.cpu)]
        told.append(f"| {what} | {' | '.join(cells)} | {most} |")
    cells = []
    for plain, more in (
        (clean.seconds["all cores"], full.seconds["findings"]),
        (clean.cpu["all cores"], full.cpu["findings"]),
    ):
        added = median(one - other for one, other in zip(more, plain, strict=True))
        cells.append(f"{median(more):.2f} | +{added:.1f} s")
    told.append(f"| cold, {FINDINGS} findings in every prompt | {' | '.join(cells)} | +3 s |")
    told.append(f"| peak memory, all processes | {'?' if memory is None else f'{memory:.0f} MB'} | | | | 300 MB |")
    sys.stdout.write("\n".join([*told, ""]))


def _cells(taken: Sequence[float], base: Sequence[float] | None) -> str:
    ratio = f"{median(one / other for one, other in zip(taken, base, strict=True)):.1f}" if base else ""
    return f"{median(taken):.2f} | {ratio}"


def _machine() -> str:
    git = subprocess.run(["git", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[2]
    return f"{platform.system()} {platform.machine()}, {cores()} cores, Python {platform.python_version()}, git {git}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="Where the corpus is kept, and used again; a temporary one if not.")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onbook-bench-")))
        measure(folder, given.count, given.repeat)


if __name__ == "__main__":
    main()
