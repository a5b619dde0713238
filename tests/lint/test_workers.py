"""Several processes find what one finds; one that ends before its time is an error, never silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks import corpus
from onbook.lint import gathering, lint
from onbook.project import Catalog
from onbook.repo import Repository
from onbook.repo.worktree import WorkTree
from onbook.report import Report
from onbook.rules import GROUP
from support.warm import ONBOOK, onbook

COUNT = 260

SCRIPT = """\
import os, signal, sys
from onbook.errors import OnbookError
from onbook.lint.workers import shared_out


def square(number):
    if number == 777:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 888:
        raise OnbookError("told", place="there", hint="do")
    if number == 999:
        raise KeyError("a fault")
    return number * number


def squares(numbers):
    return [square(number) for number in numbers]


def shared(numbers, jobs):
    for some in shared_out(squares, numbers, jobs, method=sys.argv[1]):
        yield from some


if __name__ == "__main__":
    numbers = list(range(500))
    assert list(shared(numbers, 3)) == squares(numbers)
    assert list(shared([], 3)) == []
    for bad in (777, 888, 999):
        found = []
        try:
            for result in shared([*numbers[:300], bad, *numbers[300:]], 2):
                found.append(result)
        except OnbookError as error:
            assert found == [square(number) for number in numbers[:len(found)]]
            assert len(found) <= 300
            print(bad, error.message, error.place, error.hint)
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_results_come_in_order_and_none_is_missing(method: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(script), method], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    killed, told, crashed = done.stdout.splitlines()
    assert killed.startswith("777 a process that looked at prompts ended before it was done")
    assert told == "888 told there do"
    assert crashed.startswith("999 prompts could not be checked: KeyError: 'a fault'")


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    corpus.write(folder, COUNT, defects=True)
    return folder


@pytest.mark.parametrize("place", [[], ["--staged"], ["--at", "HEAD"]])
def test_one_core_and_all_cold_and_warm_say_the_same(repo: Path, place: list[str]) -> None:
    def told(*args: str, start: Callable[..., subprocess.CompletedProcess[str]] = onbook) -> str:
        done = start(["lint", "--format", "json", *place, *args], repo)
        assert (done.returncode, done.stderr) == (1, "")
        return done.stdout

    one = told("--no-cache", "--jobs", "1")
    assert one.count('"rule"') > COUNT / 8
    assert told("--no-cache", "--jobs", "3", start=fresh) == one  # with another order of hashes as well
    assert told("--jobs", "2") == one
    assert told() == one


def fresh(args: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ONBOOK, *args], cwd=cwd, capture_output=True, text=True, check=False)


def test_prompts_are_compared_by_several_processes_with_the_same_result(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(jobs: int) -> Report:
        return lint(Catalog(WorkTree(Repository.discover(repo))), jobs=jobs)

    for path in sorted(repo.glob("prompts/*/*.prompt.yml"))[:3]:
        for number in range(2):
            path.with_name(f"again-{number}-{path.name}").write_text(path.read_text())
    try:
        one = told(1)
        assert {"ON531", "ON532"} <= {finding.rule for finding in one.findings}
        monkeypatch.setattr(gathering, "MIN_COMPARED", 10)
        assert told(2) == one
    finally:
        for path in repo.glob("prompts/*/again-*"):
            path.unlink()


def test_other_processes_that_are_not_forked_say_the_same(repo: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import pathlib\n"
        "from onbook.lint import lint, workers\n"
        "from onbook.project import Catalog\n"
        "from onbook.repo import Repository\n"
        "from onbook.repo.snapshot import Commit, Index\n"
        "from onbook.repo.worktree import WorkTree\n"
        "import functools\n"
        "if __name__ == '__main__':\n"
        "    workers.shared_out = functools.partial(workers.shared_out, method='spawn')\n"
        "    found = Repository.discover(pathlib.Path.cwd())\n"
        "    for place in (WorkTree(found), Index(found), Commit(found, 'HEAD')):\n"
        "        one = lint(Catalog(place))\n"
        "        assert one.findings and lint(Catalog(place), jobs=2) == one\n"
    )
    done = subprocess.run([sys.executable, str(script)], cwd=repo, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


PLUGIN = """\
import multiprocessing, os, signal, time
from onbook.rules import Rule


class Fatal(Rule):
    id = "XX901"
    slug = "fatal"

    def check(self, source):
        yield from ()
        if multiprocessing.parent_process() is None:
            return
        if os.environ["FATAL"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        open(os.environ["FATAL"], "a").close()
        time.sleep(2)
"""


@pytest.fixture
def fatal(tmp_path: Path) -> dict[str, str]:
    """An environment with a rule that ends its process, or sleeps in it."""
    (tmp_path / "fatal_plugin.py").write_text(PLUGIN)
    info = tmp_path / "fatal-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fatal\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\none = fatal_plugin:Fatal\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path), "FATAL": "kill"}


def test_a_killed_process_is_an_error_and_not_nothing_found(repo: Path, fatal: dict[str, str]) -> None:
    command = [ONBOOK, "lint", "--jobs", "2", "--no-cache"]
    done = subprocess.run(command, cwd=repo, env=fatal, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "ended before it was done" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_whoever_ends_the_parent_ends_its_children(
    repo: Path, fatal: dict[str, str], tmp_path: Path, sent: signal.Signals
) -> None:
    started = tmp_path / "started"
    process = subprocess.Popen(
        [ONBOOK, "lint", "--jobs", "2", "--no-cache"],
        cwd=repo,
        env={**fatal, "FATAL": str(started)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _until(started.exists)
        if sent == signal.SIGINT:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            out, errors = process.communicate(timeout=30)
            assert (process.returncode, out, errors.strip()) == (130, "", "interrupted")
        else:
            process.kill()
            process.wait()
        _until(lambda: not _alive(process.pid))
    finally:
        if _alive(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
