"""How long diff and log take on many prompts and tags, beside what nobody can do faster in the same run.

    python tests/benchmarks/diff.py [--count 10000] [--tags 2000] [--history 52000] [--repeat 5] [--folder KEEP]

Prints a table in Markdown: medians of wall time of whole processes, and ratios, which say more than seconds do on a
shared machine. Ten files change, one of them a partial; the index of closures is cold once and then warm.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import corpus
from onbook.contract import covers
from onbook.manifest import Manifest
from onbook.project import Catalog
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.repo.tags import create_refs, write_objects

ONBOOK = str(Path(sys.executable).with_name("onbook"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
COVERS = Path(__file__).parents[1] / "cases" / "contract" / "covers.yml"
DEPENDANTS = 50  # prompts that include the partial that changes, or as near to it as there is one
IDENTITY = ("-c", "user.name=Corpus", "-c", "user.email=corpus@example.com")

# What a run imports, told by that run, and imported again by nothing else; the tokenizer's tables are read as well.
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


def say(line: str) -> None:
    """Print one line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed."""
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, text=True)


def median(work: Callable[[], object], repeat: int) -> float:
    """The median of some runs, in seconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def release(folder: Path, count: int) -> None:
    """Tag the first prompts as 1.0.0, as `onbook release` writes tags."""
    repo = Repository.discover(folder)
    catalog = Catalog(Commit(repo, "HEAD"))
    payloads, names = [], []
    for id in catalog.ids[:count]:
        source = catalog.find(id)
        message = f"{id} 1.0.0\n\n{Manifest(source.digest, 'initial', source.closure).trailers()}"
        head = f"object {repo.head}\ntype commit\ntag {id}/v1.0.0\ntagger C <c@example.com> 1700000000 +0000\n\n"
        payloads.append((head + message).encode())
        names.append(f"refs/tags/{id}/v1.0.0")
    create_refs(repo, dict(zip(names, write_objects(repo, payloads), strict=True)))
    repo.close()


def history(folder: Path, count: int) -> str:
    """Many more tags, 26 of each of many ids, and the id of one."""
    first = run(folder, "git", "for-each-ref", "--count=1", "--format=%(objectname) %(refname)", "refs/tags").stdout
    oid, ref = first.split()
    lines = [f"create refs/tags/old{n // 26}/p/v2.{n % 26}.0 {oid}\n" for n in range(count)]
    subprocess.run(["git", "update-ref", "--stdin"], cwd=folder, input="".join(lines).encode(), check=True)
    run(folder, "git", "pack-refs", "--all")
    return ref.removeprefix("refs/tags/").rpartition("/v")[0]


def change(folder: Path) -> int:
    """Change nine prompts and a partial, and commit; how many prompts include it."""
    prompts = sorted((folder / "prompts").rglob("*.prompt.yml"))
    texts = {path: path.read_text("utf-8") for path in prompts}
    uses = {f"part{n:02}.md": sum(f"part{n:02}.md" in text for text in texts.values()) for n in range(corpus.PARTIALS)}
    partial = min(uses, key=lambda name: (abs(uses[name] - DEPENDANTS), name))
    for path in prompts[:: max(1, len(prompts) // 9)][:9]:
        path.write_text(texts[path].replace("Work on what follows.", "Work on this with care."), "utf-8")
    target = folder / "prompts" / "_shared" / partial
    target.write_text(target.read_text("utf-8") + "Never guess.\n", "utf-8")
    run(folder, "git", *IDENTITY, "commit", "--quiet", "--all", "--message", "change")
    return uses[partial]


def bare_import(folder: Path, command: Sequence[str], repeat: int) -> float:
    """The median of importing what a command imports, and doing nothing."""
    asked = run(folder, sys.executable, "-c", MODULES, *command)
    modules = asked.stderr.strip().splitlines()[-1].split()
    return median(lambda: run(folder, sys.executable, "-c", IMPORT, *modules), repeat)


def measure(folder: Path, args: argparse.Namespace, count: int) -> None:
    """The rows of one repository."""
    corpus.write(folder, count)
    release(folder, min(args.tags, count))
    dependants = change(folder)
    command = (ONBOOK, "diff", "HEAD~1..HEAD")
    cold = median(lambda: run(folder, *command), 1)
    bare = bare_import(folder, command[1:], args.repeat)
    warm = median(lambda: run(folder, *command), args.repeat)
    tree = median(lambda: run(folder, ONBOOK, "diff", "HEAD~1"), args.repeat)
    same = median(lambda: run(folder, ONBOOK, "diff", "HEAD..HEAD"), args.repeat)
    told = f"{count:,} prompts, 10 files changed, the partial in {dependants}"
    rows = [
        ("bare import of what it needs", bare),
        ("diff of two commits, cold index", cold),
        ("diff of two commits", warm),
        ("diff of a commit and the work tree", tree),
        ("diff of a commit with itself", same),
    ]
    for name, seconds in rows:
        say(f"| {told} | {name} | {1000 * seconds:.0f} | {seconds / bare:.2f} |")


def measure_log(folder: Path, args: argparse.Namespace) -> None:
    """`onbook log` of one prompt among many tags, beside git's own listing and start-up."""
    id = history(folder, args.history)
    listing = median(lambda: run(folder, "git", "for-each-ref", f"refs/tags/{id}/"), args.repeat)
    start = bare_import(folder, ("log", id), args.repeat)
    log = median(lambda: run(folder, ONBOOK, "log", id), args.repeat)
    told = f"{args.history:,} more tags"
    say(f"| {told} | git for-each-ref of one prompt | {1000 * listing:.0f} | |")
    say(f"| {told} | bare import of what log needs | {1000 * start:.0f} | |")
    say(f"| {told} | onbook log ID | {1000 * log:.0f} | {1000 * (log - start):.0f} ms beyond start-up |")


def measure_covers() -> None:
    """One covering check: the median and the longest, over the table of tests/cases/contract."""
    times = []
    for row in yaml.safe_load(COVERS.read_text("utf-8")):
        start = time.perf_counter()
        covers(row["wide"], row["narrow"])
        times.append(time.perf_counter() - start)
    median_, longest = statistics.median(times), max(times)
    say(f"| {len(times)} pairs of schemas | covering check | {1000 * median_:.2f} | longest {1000 * longest:.1f} ms |")


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--tags", type=int, default=2_000)
    parser.add_argument("--history", type=int, default=52_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args(argv)
    say(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
    say("| what | run | ms | to the bare import |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        folder = args.folder or Path(made)
        for count in (args.count // 10, args.count):
            measure(folder / str(count), args, count)
        measure_log(folder / str(args.count), args)
    measure_covers()


if __name__ == "__main__":
    main()
