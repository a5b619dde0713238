"""How long the catalogue of many prompts takes, beside reading the same files and tags in the same run.

    python tests/benchmarks/site.py [--count 2000] [--releases 3] [--repeat 3] [--folder KEEP] [--profile]

Prints a table in Markdown: medians of processor and wall seconds of whole processes, children included. The floor is
`git ls-files`, reading the bytes of every file, and `git cat-file --batch` of every tag. Processor time is what to look
at on a machine that has other work to do. The prompts are those of corpus.py, each with some releases.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import corpus
from onbook.manifest import Manifest
from onbook.project import Catalog
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.repo.tags import create_refs, write_objects

ONBOOK = str(Path(sys.executable).with_name("onbook"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

FLOOR = """\
import subprocess, sys
paths = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout.split(b"\\0")
for path in paths[:-1]:
    open(path, "rb").read()
tags = subprocess.run(["git", "for-each-ref", "--format=%(objectname)", "refs/tags"], capture_output=True, check=True)
subprocess.run(["git", "cat-file", "--batch"], input=tags.stdout, stdout=subprocess.PIPE, check=True)
"""


def timed(command: list[str], cwd: Path) -> tuple[float, float]:
    """Processor and wall seconds of one process and its children; it must succeed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=cwd, env=ENVIRONMENT, check=True, capture_output=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def prepare(folder: Path, count: int, releases: int) -> str:
    """The corpus with release tags; returns the path of the first prompt."""
    corpus.write(folder, count)
    repo = Repository.discover(folder)
    catalog = Catalog(Commit(repo, "HEAD"))
    refs, payloads = [], []
    for source in catalog.select(()):
        for number in range(releases):
            bump = "minor" if number else "initial"
            passed = 12 - (number % 3 == 1)
            tests = f"{passed} passed, {12 - passed} failed"
            manifest = Manifest(source.digest, bump, source.closure, rules=("OD301",), tests=tests)
            name = f"{source.id}/v0.{number + 1}.0"
            notes = "- minor OD301 the wording of message 2 changed\n\nCommits:\n- 0123abcd Say it better\n"
            head = f"object {repo.head}\ntype commit\ntag {name}\ntagger Corpus <corpus@example.com> 1760000000 +0000\n"
            payloads.append(f"{head}\n{source.id} 0.{number + 1}.0\n\n{notes}\n{manifest.trailers()}".encode())
            refs.append(f"refs/tags/{name}")
    create_refs(repo, dict(zip(refs, write_objects(repo, payloads), strict=True)))
    subprocess.run(["git", "gc", "--quiet"], cwd=folder, check=True)
    return next(iter(catalog.paths.values()))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--releases", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the repository is written and kept")
    parser.add_argument("--profile", action="store_true", help="say where the time of a whole build goes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onbook-benchmark-") as scratch:
        folder = asked.folder or Path(scratch) / "repository"
        folder.mkdir(parents=True, exist_ok=True)
        path = prepare(folder, asked.count, asked.releases)
        out = Path(scratch) / "out"
        build = [ONBOOK, "site", "--out", str(out)]
        rows: dict[str, list[tuple[float, float]]] = {}

        def run(name: str, command: list[str]) -> None:
            rows.setdefault(name, []).append(timed(command, folder))

        for turn in range(asked.repeat):
            shutil.rmtree(out, ignore_errors=True)
            run("the floor: reading files and tags", [sys.executable, "-c", FLOOR])
            run("all pages", build)
            run("again, nothing changed", build)
            with (folder / path).open("a", encoding="utf-8") as file:
                file.write(f"# {turn}\n")
            run("again, one prompt changed", build)
        size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
        machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
        sys.stdout.write(
            f"{asked.count:,} prompts, {asked.releases} releases each, medians of {asked.repeat}, {machine};"
        )
        sys.stdout.write(f" {size / 1e6:.0f} MB of pages\n\n| what | processor | ratio | wall |\n|---|---|---|---|\n")
        medians = {name: [statistics.median(each) for each in zip(*runs, strict=True)] for name, runs in rows.items()}
        floor = next(iter(medians.values()))[0]
        for name, (processor, wall) in medians.items():
            sys.stdout.write(f"| {name} | {processor:.2f} s | {processor / floor:.1f} | {wall:.2f} s |\n")
        if asked.profile:
            shutil.rmtree(out)
            command = [sys.executable, "-m", "cProfile", "-s", "tottime", "-m", "onbook", "site", "--out", str(out)]
            done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, text=True)
            sys.stdout.write("\n" + done.stdout[:6000])


if __name__ == "__main__":
    main()
