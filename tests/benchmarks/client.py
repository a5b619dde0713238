"""What the client costs: bytes on the wire, time, threads and processes, against a remote of many prompts and tags.

    python tests/benchmarks/client.py [--count 10000] [--tags 52000]

Bytes are those that go through a loopback proxy, both ways, everything counted. Times of what memory serves are
processor time of a tight loop. The soak, which is the other half, is tests/benchmarks/soak.py.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import onbook
from support.big_remote import big_remote, prompt_id
from support.console import person
from support.git import PROMPT, Repo
from support.http_git import git_server
from support.wire import Fetch, Wire, bare_fetch, one_environment, one_release, served

ID = prompt_id(0)


def say(text: str) -> None:
    """Print a line at once: a run takes minutes."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def measured(wire: Wire, work: Callable[[], object]) -> tuple[float, int]:
    """Milliseconds and bytes of one piece of work."""
    wire.settled()
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    return took * 1000, wire.settled()


def git(*args: str) -> None:
    subprocess.run(["git", *args], check=True, capture_output=True)


def on_the_wire(base: Path, repo: Repo, version: str) -> None:
    tag = f"{ID}/v{version}"
    blob = repo.git("rev-parse", f"refs/tags/{tag}^{{commit}}:prompts/{ID}.prompt.yml")
    asked = one_release(tag, blob), one_environment(repo, "prompts/_environments/production.yml", tag, blob)
    for way in ("git", "http"):
        with served(base, way) as (url, wire), tempfile.TemporaryDirectory() as name:
            rows = _one_way(url, wire, Path(name), asked, version)
        for what, (took, size) in rows.items():
            say(f"{way:5} {what:32} {took:9.0f} ms {size:12,} bytes")
        for what, bare, bound in (
            ("exact", "git fetch of the same objects", "at most 1.5, and 8,000 bytes"),
            ("environment", "git fetch of what it runs", "at most 1.5"),
        ):
            ratio = rows[f"cold get, {what}"][1] / rows[bare][1]
            say(f"{way:5} cold get, {what} / {bare}: {ratio:.2f} times the bytes ({bound})")


def _one_way(
    url: str, wire: Wire, folder: Path, asked: tuple[list[Fetch], list[Fetch]], version: str
) -> dict[str, tuple[float, int]]:
    def several(work: Callable[[Path], object], name: str) -> tuple[float, int]:
        return _median([measured(wire, lambda number=n: work(folder / f"{name}{number}")) for n in range(5)])

    return {
        "git fetch of the same objects": several(lambda at: bare_fetch(url, at, asked[0]), "bare"),
        "cold get, exact": several(lambda at: _get(url, at, version), "exact"),
        "cold get, ^1": several(lambda at: _get(url, at, "^1"), "range"),
        "git fetch of what it runs": several(lambda at: bare_fetch(url, at, asked[1]), "runs"),
        "cold get, environment": several(lambda at: _get(url, at, None), "environment"),
        "clone --depth 1": measured(
            wire, lambda: git("clone", "--quiet", "--bare", "--depth=1", url, str(folder / "shallow"))
        ),
        "clone": measured(wire, lambda: git("clone", "--quiet", "--bare", url, str(folder / "full"))),
    }


def _get(url: str, cache: Path, version: str | None) -> onbook.LoadedPrompt:
    book = onbook.open(url, cache=cache)
    return book.get(ID, version) if version else book.get(ID, env="production", key="7")


def _median(rows: list[tuple[float, int]]) -> tuple[float, int]:
    return statistics.median(row[0] for row in rows), int(statistics.median(row[1] for row in rows))


def warm(url: str, cache: Path, version: str) -> None:
    book = onbook.open(url, cache=cache)
    prompt = book.get(ID, version)
    book.get(ID, "^1")
    book.get(ID, env="production", key="7")
    table = {(ID, version): prompt}

    def micro(statement: str) -> float:
        names = {"book": book, "prompt": prompt, "table": table, "id": ID, "version": version}
        runs = timeit.repeat(statement, timer=time.process_time, globals=names, number=20_000, repeat=15)
        return min(runs) / 20_000 * 1e6

    look = micro("table[id, version]")
    say(f"dict look-up                  {look:6.2f} us")
    say(f"warm get, exact               {micro('book.get(id, version)'):6.2f} us  (at most {look:.2f} + 0.5)")
    ranged = micro('book.get(id, "^1")')
    say(f"warm get, range               {ranged:6.2f} us")
    env = micro('book.get(id, env="production", key="7")')
    say(f"warm get, environment, canary {env:6.2f} us  (at most 3)")
    say(f"render                        {micro('prompt.render(ticket=str(1))'):6.2f} us")


def many(url: str, folder: Path, version: str, wire: Wire) -> None:
    wire.connections = 0
    book = onbook.open(url, cache=folder / "threads")
    began = time.perf_counter()
    threads = [threading.Thread(target=book.get, args=(ID, version)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(f"50 threads: {1000 * (time.perf_counter() - began):.0f} ms, {wire.connections} connections (a get takes 2)")
    wire.connections = 0
    code = f"import onbook; onbook.open({url!r}, cache={str(folder / 'processes')!r}).get({ID!r}, {version!r})"
    began = time.perf_counter()
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(8)]
    failed = sum(process.wait() != 0 for process in started)
    took = 1000 * (time.perf_counter() - began)
    say(f"8 processes: {took:.0f} ms, {wire.connections} connections, {failed} failed")


def rollback(folder: Path, ttl: float = 2.0) -> None:
    """From `onbook rollback` to a client that serves the old version, over HTTP."""
    someone = person(folder / "repo")
    someone.write(f"prompts/{ID}.prompt.yml", PROMPT)
    for word in ("You", "You carefully"):
        someone.edit(f"prompts/{ID}.prompt.yml", "You", word)
        someone.commit(word)
        someone.onbook("release")
    for version in ("0.1.0", "0.1.1"):
        someone.onbook("deploy", "production", ID, version, "--commit")
    someone.git("config", "uploadpack.allowFilter", "true")
    with git_server(folder) as server:
        book = onbook.open(f"{server.url}/repo/.git", cache=folder / "cache", ttl=ttl)
        rows = []
        for _ in range(5):
            book.refresh()
            assert book.get(ID, env="production").version == "0.1.1"
            began = time.perf_counter()
            someone.onbook("rollback", "production", ID, "--commit")
            commanded = time.perf_counter()
            while book.get(ID, env="production").version != "0.1.0":
                time.sleep(0.002)
            ended = time.perf_counter()
            asked = time.perf_counter()
            book.refresh()
            rows.append((commanded - began, ended - commanded, time.perf_counter() - asked))
            someone.onbook("deploy", "production", ID, "0.1.1", "--commit")
        command, waited, fetch = (statistics.median(column) for column in zip(*rows, strict=True))
    say(f"rollback: the command {command:.2f} s, then {waited:.2f} s until a client serves the old version")
    say(f"  (ttl {ttl:.0f} s and one fetch, which took {fetch:.2f} s; medians of {len(rows)})")


def imports() -> None:
    def took(code: str) -> tuple[float, float]:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        runs = []
        for _ in range(11):
            before, began = _spent(), time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, env=env)
            runs.append(((time.perf_counter() - began) * 1000, (_spent() - before) * 1000))
        return min(run[0] for run in runs), min(run[1] for run in runs)

    base = took("pass")
    say(f"python -c pass {base[0]:.0f} ms, {base[1]:.0f} ms of processor time")
    for code, bound in (("import onbook", " (at most 60)"), ("import onbook; onbook.open('/')", "")):
        wall, spent = took(code)
        say(f"{code:32} +{wall - base[0]:.0f} ms, +{spent - base[1]:.0f} ms of processor time{bound}")


def _spent() -> float:
    """Processor time of all children so far, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="how many prompts")
    parser.add_argument("--tags", type=int, default=52_000, help="how many release tags, in all")
    asked = parser.parse_args()
    prompts, tags = asked.count, asked.tags
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        os.environ["ONBOOK_CACHE"] = str(base / "cache")
        began = time.perf_counter()
        repo = big_remote(base / "served" / "big.git", prompts, tags)
        say(f"{prompts:,} prompts and {tags:,} tags, made in {time.perf_counter() - began:.0f} s")
        version = f"1.{-(-tags // prompts) - 1}.0"
        imports()
        with served(base / "served", "http") as (url, wire):
            warm(url, base / "warm", version)
            many(url, base, version, wire)
        rollback(base / "rollback")
        on_the_wire(base / "served", repo, version)


if __name__ == "__main__":
    main()
