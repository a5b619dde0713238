"""Limits, interruptions and kills: what was answered is kept, and the next run asks for the rest."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from onbook.testing.recordings import Recordings
from support import ask
from support.openai_server import OpenAIServer, answer, failure
from support.running import KEY, PROMPT, RECORDINGS, desk, recorded_lines

INTERRUPTED = """
import asyncio, os, signal, threading
from onbook.testing.models import waited

given_up = threading.Event()

async def call():
    raise AssertionError("nobody awaits this")

def begin():
    os.kill(os.getpid(), signal.SIGINT)
    given_up.wait()
    return call()

async def asking():
    try:
        await asyncio.get_running_loop().run_in_executor(None, begin)
    finally:
        given_up.set()

try:
    waited(asking)
except KeyboardInterrupt:
    print("interrupted")
"""


UNBEGUN = """
import os, signal, sys
from onbook.testing.models import waited

class Import:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

async def asking():
    raise AssertionError("this has not begun")

sys.meta_path.insert(0, Import())
try:
    waited(asking)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    "script",
    [
        # As litellm begins a call: in a thread, which gives back what is to be awaited.
        pytest.param([INTERRUPTED], id="a call begins"),
        pytest.param([UNBEGUN, "asyncio"], id="asyncio is imported"),
        pytest.param([UNBEGUN, "asyncio.base_events"], id="asyncio is being imported"),
    ],
)
def test_what_ctrl_c_cuts_off_is_not_complained_of(script: list[str]) -> None:
    command = [sys.executable, "-W", "always", "-c", *script]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


@pytest.mark.local_model
class TestEndings:
    def test_max_calls_stops_cleanly_and_the_next_run_asks_for_the_rest(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True) as server:
            here = desk(tmp_path / "r", 12, server.url)
            report = here.report("--record", "--max-calls", "5", exits=3)
            (row,) = report["data"]["prompts"]
            assert (row["passed"], row["missing"], row["not_run"]) == (5, 7, 7)
            (finding,) = report["checks"][0]["findings"]
            assert finding["slug"] == "not-run"
            assert "7 cases were not run" in finding["message"]
            assert "--max-calls 5 was reached" in finding["message"]
            assert "only the rest" in finding["hint"]
            assert len(server.received) == len(recorded_lines(here)) == 5
            before = set((here.root / RECORDINGS).read_bytes().splitlines())
            assert here.row("--record")["passed"] == 12
            assert len(server.received) == 12
            assert before <= set((here.root / RECORDINGS).read_bytes().splitlines())
            asked = [str(it.body["messages"]) for it in server.received]
            assert len(set(asked)) == 12

    def test_max_cost_stops_and_a_model_without_a_price_is_not_asked(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True) as server:
            here = desk(tmp_path / "r", 12, server.url)
            # One answer costs 11 * 2 + 5 * 8 millionths of a dollar.
            row = here.row("--record", "--max-cost", "0.0002", "--concurrency", "1", exits=3)
            assert (row["passed"], row["not_run"]) == (4, 8)
            assert "nan is no amount" in here.test("--record", "--max-cost", "nan", exits=2)[1]
            here.write("prompts/a.prompt.yml", PROMPT.replace("gpt-4.1-2025-04-14", "our-own"))
            out, _ = here.test("--record", "--max-cost", "1", exits=3)
            assert "no price is known, so --max-cost cannot be held" in out
            assert len(server.received) == 4

    def test_an_interrupted_run_exits_130_and_resumes_with_exactly_the_rest(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True, delay_s=0.05) as server:
            here = desk(tmp_path / "r", 60, server.url)
            process = here.start("--record", "--concurrency", "2")
            wait_for(lambda: len(server.received) > 10, process)
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=60)
            assert process.returncode == 130
            assert "interrupted: what was answered is kept" in err
            kept = len(recorded_lines(here))
            assert f"{60 - kept} cases were not run" in out
            assert 8 <= kept < 60
            asked = len(server.received)
            assert here.row("--record")["passed"] == 60
            assert len(server.received) - asked == 60 - kept

    @pytest.mark.parametrize("command", ["--record", "--live"])
    def test_ctrl_c_while_asking_begins_is_told_in_one_line(self, tmp_path: Path, command: str) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True, delay_s=30) as server:
            for number, delay_s in enumerate((0.0, 0.01, 0.03, 0.1)):
                here = desk(tmp_path / str(number), 30, server.url)
                process = here.start(command)
                # From the first request on others are still being made.
                asked = len(server.received)
                wait_for(lambda asked=asked: len(server.received) > asked, process)  # type: ignore[misc]
                time.sleep(delay_s)
                os.kill(process.pid, signal.SIGINT)
                _, err = process.communicate(timeout=60)
                assert process.returncode == 130
                last = err.replace("\r", "\n").strip().splitlines()[-1]
                assert last == "interrupted: what was answered is kept; run the same command again for the rest"
                assert "Warning" not in err
                assert "Traceback" not in err

    def test_killed_at_random_moments_every_recording_parses_and_the_run_completes(self, tmp_path: Path) -> None:
        ask.need_local_model()
        kill_and_resume(tmp_path, kills=4, cases=120)

    @pytest.mark.slow
    def test_killed_at_twenty_random_moments(self, tmp_path: Path) -> None:
        ask.need_local_model()
        kill_and_resume(tmp_path, kills=20, cases=1_000)

    def test_the_key_is_in_no_recording_and_no_output(self, tmp_path: Path) -> None:
        ask.need_local_model()
        script = [
            failure(401, f"Authorization: Bearer {KEY} is refused"),
            answer(f"your key is {KEY}"),
            failure(400, f"https://u:{KEY}@host/?api_key={KEY}"),
            answer("Sort this: ticket 3"),
        ]
        with OpenAIServer(script) as server:
            here = desk(tmp_path / "r", 4, server.url)
            out, err = here.test("--record", "--concurrency", "1", exits=3)
        assert KEY not in out + err
        assert "holds the value of the environment variable OPENAI_API_KEY" in out
        assert len(recorded_lines(here)) == 1
        for path in here.root.rglob("*"):
            assert not path.is_file() or KEY.encode() not in path.read_bytes()

    def test_an_answer_above_the_cap_is_an_error_and_never_cut(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer([answer("x" * 300_000)]) as server:
            here = desk(tmp_path / "r", 1, server.url)
            out, _ = here.test("--record", exits=3)
        assert "the answer has 300,002 bytes; at most 262,144 are kept" in out
        assert not (here.root / RECORDINGS).exists()

    def test_progress_counts_failed_requests_apart(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer([failure(400, "no"), failure(400, "no")], echo=True) as server:
            here = desk(tmp_path / "r", 5, server.url)
            _, err = here.test("--record", exits=3)
        # A machine that is busy for ten seconds also tells how far it is.
        *_, last = err.splitlines()
        assert last.startswith("  recorded 3 answers, 2 brought none; 5 calls, $0.0002, ")

    def test_concurrency_is_by_provider(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True, delay_s=0.1) as server:
            here = desk(tmp_path / "r", 30, server.url)
            here.test("--record", "--concurrency", "7")
        assert server.peak == 7


def wait_for(condition: Any, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_and_resume(tmp_path: Path, *, kills: int, cases: int) -> None:
    chance = random.Random(7)
    with OpenAIServer(echo=True, delay_s=0.02) as server:
        here = desk(tmp_path / "r", cases, server.url)
        path = here.root / RECORDINGS
        for number in range(kills):
            process = here.start("--record", "--concurrency", "4")
            enough = len(server.received) + chance.randint(1, max(cases // (kills + 1), 2))
            while len(server.received) < enough and process.poll() is None:
                time.sleep(0.005)
            time.sleep(chance.random() * 0.02)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if path.exists():
                left = Recordings.read(path.read_bytes(), RECORDINGS)
                assert left.problems == [], number
        kept = len(Recordings.read(path.read_bytes(), RECORDINGS))
        asked = len(server.received)
        assert here.row("--record")["passed"] == cases
        assert len(server.received) - asked == cases - kept
    assert len(recorded_lines(here)) == cases
