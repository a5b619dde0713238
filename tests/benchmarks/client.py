"""What the client costs: bytes on the wire, time, threads and processes, against a remote of many prompts and tags.

    python tests/benchmarks/client.py [PROMPTS TAGS]     (10000 52000)

Bytes are those that go through a loopback proxy, both ways, everything counted.
"""

from __future__ import annotations

import os
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
from support.git import Repo
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
        runs = timeit.repeat(statement, globals=names, number=20_000, repeat=7)
        return min(runs) / 20_000 * 1e6

    look = micro("table[id, version]")
    say(f"dict look-up                  {look:6.2f} us")
    say(f"warm get, exact               {micro('book.get(id, version)'):6.2f} us  (at most {look:.2f} + 0.5)")
    say(f"warm get, range               {micro('book.get(id, chr(94) + str(1))'):6.2f} us")
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


def imports() -> None:
    def took(code: str) -> float:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        runs = []
        for _ in range(11):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, env=env)
            runs.append(time.perf_counter() - began)
        return min(runs) * 1000

    base = took("pass")
    say(f"python -c pass {base:.0f} ms; import onbook +{took('import onbook') - base:.0f} ms (at most 60);")
    say(f"with onbook.open(url) +{took('import onbook; onbook.open(chr(47))') - base:.0f} ms")


def main() -> None:
    prompts, tags = (int(word) for word in sys.argv[1:3]) if len(sys.argv) > 2 else (10_000, 52_000)
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
        on_the_wire(base / "served", repo, version)


if __name__ == "__main__":
    main()
