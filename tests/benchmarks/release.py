"""How long a release of many changed prompts takes, beside the bare plumbing for the same tags in the same run.

    python tests/benchmarks/release.py [--count 1000] [--repeat 3] [--profile]

Prints a table in Markdown: medians of wall time of whole processes, and ratios to `git hash-object` and
`git update-ref` of the same tag objects (signed: and to `ssh-keygen -Y sign` of them), which say more than seconds do
on a shared machine. The prompts have no cases; each had a release before, and one word of each changed since.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from onbook.manifest import TagObject
from support.git import PROMPT

ONBOOK = str(Path(sys.executable).with_name("onbook"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
TEAMS = 20


def git(folder: Path, *args: str, stdin: bytes = b"") -> bytes:
    """What git printed."""
    done = subprocess.run(["git", *args], cwd=folder, input=stdin, capture_output=True, check=True, env=ENVIRONMENT)
    return done.stdout


def repository(folder: Path, count: int, key: Path) -> None:
    """A repository of so many prompts, each released once, and each changed since."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for name, value in {"user.name": "Benchmark", "user.email": "benchmark@example.com", "gc.auto": "0"}.items():
        git(folder, "config", name, value)
    git(folder, "config", "gpg.format", "ssh")
    git(folder, "config", "user.signingKey", str(key))
    for word in ("You sort", "You carefully sort"):
        for number in range(count):
            path = folder / f"prompts/team{number % TEAMS}/p{number}.prompt.yml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(PROMPT.replace("You sort", word).replace("this ticket", f"ticket {number}"))
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", word)
        if word == "You sort":
            subprocess.run([ONBOOK, "release"], cwd=folder, check=True, capture_output=True, env=ENVIRONMENT)


def timed(work: Callable[[], object]) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def release(folder: Path) -> None:
    """The whole process."""
    subprocess.run([ONBOOK, "release"], cwd=folder, check=True, capture_output=True, env=ENVIRONMENT)


def new_tags(folder: Path, before: set[str]) -> dict[str, bytes]:
    """The refs that a release made, with their objects' bytes."""
    refs = git(folder, "for-each-ref", "--format=%(refname)", "refs/tags").decode().split()
    return {ref: git(folder, "cat-file", "tag", ref) for ref in refs if ref not in before}


def plumbing(folder: Path, tags: dict[str, bytes], key: Path | None) -> None:
    """The same tags by git alone, and ssh-keygen where they are signed."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = []
        for number, (ref, raw) in enumerate(tags.items()):
            tag = TagObject.parse(raw, ref)
            payload = raw[: raw.index(tag.message.encode()) + len(tag.message.encode())]
            path = Path(scratch) / str(number)
            path.write_bytes(payload)
            paths.append(path)
        if key:
            command = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(key), *map(str, paths)]
            subprocess.run(command, check=True, capture_output=True)
            for path in paths:
                path.write_bytes(path.read_bytes() + path.with_name(f"{path.name}.sig").read_bytes())
        listed = "".join(f"{path}\n" for path in paths).encode()
        objects = git(folder, "hash-object", "-t", "tag", "-w", "--stdin-paths", stdin=listed).decode().split()
    lines = [f"create {ref} {oid}\n" for ref, oid in zip(tags, objects, strict=True)]
    git(folder, "update-ref", "--stdin", stdin="".join(["start\n", *lines, "prepare\n", "commit\n"]).encode())


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="say where the time of an unsigned release goes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onbook-benchmark-") as scratch:
        top = Path(scratch)
        key = top / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        repository(top / "base", asked.count, key)
        before = set(git(top / "base", "for-each-ref", "--format=%(refname)", "refs/tags").decode().split())
        rows = []
        for signed in (False, True):
            git(top / "base", "config", "tag.gpgSign", str(signed).lower())
            ours, bare, nothing = [], [], []
            for _ in range(asked.repeat):
                for name in ("one", "two"):
                    shutil.rmtree(top / name, ignore_errors=True)
                    shutil.copytree(top / "base", top / name)
                ours.append(timed(lambda: release(top / "one")))
                tags = new_tags(top / "one", before)
                assert len(tags) == asked.count, len(tags)
                bare.append(timed(lambda t=tags, s=signed: plumbing(top / "two", t, key if s else None)))
                nothing.append(timed(lambda: release(top / "one")))
            rows.append(("ssh-signed" if signed else "unsigned", *map(statistics.median, (ours, bare, nothing))))
        sys.stdout.write(f"release of {asked.count:,} changed prompts without cases, medians of {asked.repeat}\n\n")
        sys.stdout.write(
            "| tags | onbook release | plumbing alone | ratio | run again: nothing to do |\n|---|---|---|---|---|\n"
        )
        for name, ours_s, bare_s, nothing_s in rows:
            ratio = f"{ours_s / bare_s:.1f}"
            sys.stdout.write(f"| {name} | {ours_s:.2f} s | {bare_s:.2f} s | {ratio} | {nothing_s:.2f} s |\n")
        if asked.profile:
            git(top / "base", "config", "tag.gpgSign", "false")
            command = [sys.executable, "-m", "cProfile"]
            done = subprocess.run(
                [*command, "-s", "cumulative", "-m", "onbook", "release"],
                cwd=top / "base", capture_output=True, text=True, check=False, env=ENVIRONMENT,
            )  # fmt: skip
            told = done.stdout
            sys.stdout.write(told[told.find("function calls") - 40 :][:9000])


if __name__ == "__main__":
    main()
