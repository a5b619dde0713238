"""What the client costs: bytes on the wire, time, threads and processes, against a remote of many prompts and tags.

    python tests/benchmarks/client.py [PROMPTS TAGS]     (10000 52000)

Bytes are those that go through a loopback proxy, both ways, everything counted.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import onbook
from support.big_remote import big_remote, prompt_id
from support.git import daemon
from support.http_git import git_server

ID = prompt_id(0)


def say(text: str) -> None:
    """Print a line at once: a run takes minutes."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Wire:
    """A proxy that counts what goes through it."""

    def __init__(self, port: int) -> None:
        self.bytes = 0
        self.connections = 0
        self._to = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._socket.accept()
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self._to))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                self.bytes += len(data)
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


def measured(wire: Wire, work: Callable[[], object]) -> tuple[float, int]:
    """Milliseconds and bytes of one piece of work."""
    wire.bytes, began = 0, time.perf_counter()
    work()
    took = time.perf_counter() - began
    time.sleep(0.05)
    return took * 1000, wire.bytes


def git(*args: str) -> None:
    subprocess.run(["git", *args], check=True, capture_output=True)


def bare_fetch(url: str, folder: Path, tag: str, blob: str) -> None:
    """The same objects by git alone: the tag and its commit, then the file."""
    for number, (options, spec) in enumerate(((("--filter=tree:0",), f"refs/tags/{tag}:refs/tags/{tag}"), ((), blob))):
        repo = folder / str(number)
        git("init", "--quiet", "--bare", str(repo))
        git("-C", str(repo), "fetch", "--quiet", "--no-tags", "--depth=1", *options, url, spec)


@contextlib.contextmanager
def served(base: Path, way: str) -> Iterator[tuple[str, Wire]]:
    """A URL that leads through a counting proxy."""
    with git_server(base) if way == "http" else daemon(base) as server:
        url = server if isinstance(server, str) else server.url
        wire = Wire(int(url.rpartition(":")[2]))
        yield f"{url.rpartition(':')[0]}:{wire.port}/big.git", wire


def on_the_wire(base: Path, blob: str, version: str) -> None:
    for way in ("git", "http"):
        with served(base, way) as (url, wire), tempfile.TemporaryDirectory() as name:
            rows = _one_way(url, wire, Path(name), blob, version)
        for what, (took, size) in rows.items():
            say(f"{way:5} {what:32} {took:9.0f} ms {size:12,} bytes")
        ratio = rows["cold get, exact"][1] / rows["git fetch of the same objects"][1]
        say(f"{way:5} cold get / bare fetch: {ratio:.2f} times the bytes (at most 1.5, and 8,000 bytes)")


def _one_way(url: str, wire: Wire, folder: Path, blob: str, version: str) -> dict[str, tuple[float, int]]:
    def several(work: Callable[[Path], object], name: str) -> tuple[float, int]:
        return _median([measured(wire, lambda number=n: work(folder / f"{name}{number}")) for n in range(5)])

    return {
        "git fetch of the same objects": several(lambda at: bare_fetch(url, at, f"{ID}/v{version}", blob), "bare"),
        "cold get, exact": several(lambda at: _get(url, at, version), "exact"),
        "cold get, ^1": several(lambda at: _get(url, at, "^1"), "range"),
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
        blob = repo.git("rev-parse", f"refs/tags/{ID}/v{version}^{{commit}}:prompts/{ID}.prompt.yml")
        imports()
        with served(base / "served", "http") as (url, wire):
            warm(url, base / "warm", version)
            many(url, base, version, wire)
        on_the_wire(base / "served", blob, version)


if __name__ == "__main__":
    main()
