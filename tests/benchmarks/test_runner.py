"""How fast `onbook test` is. Prints figures and asserts none of them: times are the machine's as much as ours.

    RUN_BENCHMARKS=1 .venv/bin/python -m pytest tests/benchmarks/test_runner.py -s

What is asserted holds on every machine: that all answers arrive, none twice.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings
from onbook.testing.request import Request, Response
from support import ask
from support.console import ONBOOK
from support.openai_server import Faults, OpenAIServer
from support.running import MODEL, RECORDINGS, Desk, desk

pytestmark = pytest.mark.skipif("RUN_BENCHMARKS" not in os.environ, reason="prints times: set RUN_BENCHMARKS=1")

CONCURRENCY = 50


def recorded(here: Desk, cases: int) -> None:
    """Recordings of all cases, as a model that echoes would have given them."""
    system = "You sort support tickets into billing, bug or question. Answer with one word."
    with (here.root / RECORDINGS).open("wb") as file:
        for number in range(cases):
            asked = f"Sort this: ticket {number}"
            messages = ({"role": "system", "content": system}, {"role": "user", "content": asked})
            request = Request(MODEL, messages, {"temperature": 0})
            answer = Response(asked, (), "stop", MODEL, {"prompt_tokens": 11, "completion_tokens": 5}, 9, 1e-4, "bench")
            file.write(Recording.of(f"case-{number:05}", request, answer).line() + b"\n")


def timed(here: Desk, *args: str, exits: tuple[int, ...] = (0,)) -> tuple[float, float, int]:
    """Wall and processor seconds, and the peak resident memory in MiB, of one whole process."""
    code = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, ONBOOK, "test", *args],
        cwd=here.root,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENAI_API_BASE": here.url, "OPENAI_API_KEY": "sk-of-nobody-at-all"},
    )
    wall = time.perf_counter() - started
    returned, cpu, peak = done.stdout.split()
    assert int(returned) in exits, done.stderr
    return wall, float(cpu), int(peak) // 1024


def tell(text: str) -> None:
    print(f"\n  {text}", end="", flush=True)  # noqa: T201


def test_replay_of_5000_cases_with_three_assertions_each(tmp_path: Path) -> None:
    here = desk(tmp_path / "r", 5_000)
    recorded(here, 5_000)
    here.commit()
    runs = [timed(here) for _ in range(5)]
    wall, cpu, peak = sorted(runs)[len(runs) // 2]
    tell(f"replay of 5,000 cases, 3 assertions each: {wall:.2f} s ({cpu:.2f} s of CPU), {peak} MiB; target 2 s")


@pytest.mark.parametrize(("latency_s", "target"), [(0.2, 2), (0.05, 7)])
def test_live_1000_cases_against_the_ideal(tmp_path: Path, latency_s: float, target: int) -> None:
    ask.need_local_model()
    with OpenAIServer(echo=True) as server:
        here = desk(tmp_path / "one", 1, server.url)
        start_up, _, _ = timed(here, "--record")
    with OpenAIServer(echo=True, delay_s=latency_s) as server:
        here = desk(tmp_path / "r", 1_000, server.url)
        wall, cpu, _ = timed(here, "--record", "--concurrency", str(CONCURRENCY))
        assert len(server.received) == 1_000
    assert len(Recordings.read((here.root / RECORDINGS).read_bytes(), RECORDINGS)) == 1_000
    ideal = math.ceil(1_000 / CONCURRENCY) * latency_s
    tell(
        f"live, 1,000 cases at {latency_s * 1000:.0f} ms, {CONCURRENCY} at once: {wall:.1f} s, without start-up and "
        f"import ({start_up:.1f} s) {(wall - start_up) / ideal:.1f} times the ideal {ideal:.1f} s; target {target}; "
        f"{cpu:.1f} s of CPU"
    )


def test_memory_at_50000_cases(tmp_path: Path) -> None:
    """Peak resident memory of a replay, its files as they stand and in a commit; target: flat."""
    peaks = {}
    for cases in (50, 5_000, 20_000, 50_000):
        here = desk(tmp_path / str(cases), cases)
        recorded(here, cases)
        wall, cpu, peaks[cases] = timed(here)
        here.commit()
        _, _, committed = timed(here, "--at", "HEAD")
        size = sum((here.root / path).stat().st_size for path in (RECORDINGS, "prompts/a.cases.jsonl"))
        tell(
            f"{cases:,} cases: {peaks[cases]} MiB, in a commit {committed} MiB; files of {size / 2**20:.1f} MiB; "
            f"{wall:.1f} s ({cpu:.1f} s of CPU)"
        )
    tell(f"from 5,000 cases on, one more takes {(peaks[50_000] - peaks[5_000]) * 2**20 / 45_000:.0f} bytes")


def test_memory_of_comparing_and_of_recording(tmp_path: Path) -> None:
    """Peak resident memory where both sides are recorded, where nothing is missing, and where all is; target: flat."""
    for cases in (5_000, 20_000):
        here = desk(tmp_path / str(cases), cases)
        recorded(here, cases)
        here.commit()
        _, compared_s, compared = timed(here, "--against", "HEAD")
        _, looked_s, looked = timed(here, "--record")
        tell(
            f"{cases:,} cases: --against {compared} MiB ({compared_s:.1f} s of CPU), --record with nothing missing "
            f"{looked} MiB ({looked_s:.1f} s of CPU)"
        )
    ask.need_local_model()
    for cases in (2_000, 4_000):
        with OpenAIServer(echo=True) as server:
            _, _, asked = timed(desk(tmp_path / f"asked-{cases}", cases, server.url), "--record")
        tell(f"{cases:,} answers recorded: {asked} MiB")


def test_under_faults_all_1000_answers_arrive_and_none_twice(tmp_path: Path) -> None:
    ask.need_local_model()
    faults = Faults(rate_limited=0.1, failing=0.1, reset=0.03, malformed=0.03, trickle=0.0)
    with OpenAIServer(faults=faults, echo=True, delay_s=0.05) as server:
        here = desk(tmp_path / "r", 1_000, server.url)
        wall, _, _ = timed(here, "--record", "--concurrency", str(CONCURRENCY), exits=(0, 3))
        sends = len(server.received)
    kept = [line.case for line in Recordings.read((here.root / RECORDINGS).read_bytes(), RECORDINGS)]
    assert len(set(kept)) == len(kept)
    row = here.row(exits=0 if len(kept) == 1_000 else 3)
    assert row["passed"] == len(kept)
    assert row["passed"] + row["missing"] == 1_000
    tell(f"under faults: {len(kept)} of 1,000 answers, none twice, {sends} sends, {wall:.1f} s")


def test_the_server_serves_more_than_is_asked_of_it() -> None:
    """The loopback server alone, asked by a client that does nothing else: target 2,000 requests a second."""
    code = """
import asyncio, sys, time
host, port, each, width = sys.argv[1], int(sys.argv[2]), 1000, 8
body = b'{"messages": [{"role": "user", "content": "x"}], "model": "m"}'
asked = (b"POST /v1/chat/completions HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)) + body
async def one():
    reader, writer = await asyncio.open_connection(host, port)
    for _ in range(each):
        writer.write(asked)
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\\r\\n")[0]))
    writer.close()
async def main():
    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(width)))
    print(each * width / (time.perf_counter() - started))
asyncio.run(main())
"""
    with OpenAIServer(echo=True) as server:
        host, port = server.url.removeprefix("http://").removesuffix("/v1").split(":")
        done = subprocess.run([sys.executable, "-c", code, host, port], capture_output=True, text=True, check=True)
        assert len(server.received) == 8_000
    tell(f"the loopback server: {float(done.stdout):.0f} requests/s; target 2,000")
