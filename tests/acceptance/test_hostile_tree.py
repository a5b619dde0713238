"""Trees that nobody would make on purpose, or somebody would: findings and errors, never a traceback or a hang."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from onbook.lint import lint
from onbook.project import Catalog
from onbook.repo import Repository
from onbook.repo.worktree import WorkTree
from support.console import ONBOOK, Person, person

GOOD = """\
templateFormat: jinja2
messages:
  - role: user
    content: "Sort this: {{ ticket }}"
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes, sockets and links of POSIX")


@pytest.fixture
def author(tmp_path: Path) -> Person:
    found = person(tmp_path / "p")
    found.write("prompts/good.prompt.yml", GOOD)
    found.commit("one")
    return found


def found_in(author: Person, *args: str, exits: int = 1) -> dict[str, tuple[str, str]]:
    """Path -> rule and message of the findings of `onbook lint`."""
    report = author.report("lint", *args, exits=exits)
    findings = [finding for check in report["checks"] for finding in check["findings"]]
    return {finding["path"]: (finding["rule"], finding["message"]) for finding in findings}


def test_what_is_no_file_is_told(author: Person) -> None:
    folder = author.cwd / "prompts"
    os.mkfifo(folder / "pipe.prompt.yml")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket.prompt.yml"))
    (folder / "zero.prompt.yml").symlink_to("/dev/zero")
    (folder / "loop.prompt.yml").symlink_to("loop.prompt.yml")
    (folder / "gone.prompt.yml").symlink_to("nowhere")
    (folder / "up.prompt.yml").symlink_to("..")
    author.write("prompts/folder.prompt.yml/inside.txt", "x")
    (folder / "deep").mkdir()
    os.mkfifo(folder / "deep" / "pipe.prompt.yml")
    told = found_in(author)
    names = ("pipe", "socket", "zero", "loop", "gone", "up", "folder", "deep/pipe")
    assert set(told) == {f"prompts/{name}.prompt.yml" for name in names}
    assert {rule for rule, _ in told.values()} == {"ON106"}
    assert "a symbolic link" in told["prompts/zero.prompt.yml"][1]
    assert "a folder" in told["prompts/folder.prompt.yml"][1]
    assert "no regular file" in told["prompts/pipe.prompt.yml"][1]
    assert "no regular file" in author.onbook("render", "pipe", exits=2)


def test_what_stands_beside_a_prompt_is_not_waited_for(author: Person) -> None:
    folder = author.cwd / "prompts"
    for name in ("good.cases.jsonl", "good.suite.yml", "good.recordings.jsonl"):
        os.mkfifo(folder / name)
    told = found_in(author)
    assert {path: rule for path, (rule, _) in told.items()} == {
        "prompts/good.cases.jsonl": "ON106",
        "prompts/good.suite.yml": "ON106",
        "prompts/good.recordings.jsonl": "ON113",
    }


def test_a_partial_that_is_a_pipe(author: Person) -> None:
    (author.cwd / "prompts/_shared").mkdir()
    os.mkfifo(author.cwd / "prompts/_shared/tone.md")
    author.edit("prompts/good.prompt.yml", "Sort this: {{ ticket }}", "{% include '_shared/tone.md' %}")
    told = found_in(author)
    assert told["prompts/good.prompt.yml"][0] == "ON205"
    assert "no regular file" in told["prompts/good.prompt.yml"][1]


def test_a_configuration_that_is_a_pipe_is_not_passed_over(author: Person) -> None:
    os.mkfifo(author.cwd / "onbook.toml")
    assert "no regular file" in author.onbook("lint", exits=3)


def test_what_git_ignores_is_nobody_s_business(author: Person) -> None:
    os.mkfifo(author.cwd / "prompts/pipe.prompt.yml")
    author.write(".gitignore", "pipe*\n")
    assert found_in(author, exits=0) == {}


def test_names_that_are_hostile(author: Person) -> None:
    for name in ("a\nb", "-rf", "a b", "ü", "a'b", "a;b", "con", ":(top)x", "*"):
        author.write(f"prompts/{name}.prompt.yml", GOOD)
    raw = os.fsencode(author.cwd / "prompts") + b"/\xff\xfe.prompt.yml"
    Path(os.fsdecode(raw)).write_text(GOOD)
    told = author.onbook("lint", exits=1)
    assert "Traceback" not in told
    assert told.count("ON105") >= 8
    assert "not UTF-8" in told


def test_a_file_that_vanishes_in_mid_run(author: Person) -> None:
    author.write("prompts/other.prompt.yml", GOOD)
    catalog = Catalog(WorkTree(Repository.discover(author.cwd)))
    assert catalog.ids == ["good", "other"]
    (author.cwd / "prompts/good.prompt.yml").unlink()
    (author.cwd / "prompts/other.prompt.yml").unlink()
    os.mkfifo(author.cwd / "prompts/other.prompt.yml")
    report = lint(catalog)
    assert [(finding.path, finding.rule) for finding in report.findings] == [
        ("prompts/good.prompt.yml", "ON106"),
        ("prompts/other.prompt.yml", "ON106"),
    ]
    assert report.exit_code() == 1


def as_anybody(author: Person, *args: str) -> subprocess.CompletedProcess[str]:
    """The command as somebody whom permissions hold: of root's powers, those to read everything are taken away."""
    command = [ONBOOK, *args]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("permissions do not hold root, and there is no setpriv to change that")
        powers = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}", *command]
    return subprocess.run(command, cwd=author.cwd, capture_output=True, text=True, check=False, timeout=120)


def test_a_file_that_may_not_be_read(author: Person) -> None:
    (author.cwd / "prompts/good.prompt.yml").chmod(0)
    done = as_anybody(author, "lint", "--no-cache")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "prompts/good.prompt.yml: ON106 cannot be read: Permission denied" in done.stdout


def test_a_folder_that_may_not_be_read_is_not_taken_for_empty(author: Person) -> None:
    author.write("prompts/closed/secret.prompt.yml", "messages: [")
    (author.cwd / "prompts/closed").chmod(0)
    done = as_anybody(author, "lint", "--no-cache")
    (author.cwd / "prompts/closed").chmod(0o755)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "prompts/closed: the folder cannot be read" in done.stderr


@pytest.mark.parametrize(
    ("command", "closed"),
    [
        (["release"], ".git/onbook"),
        (["init", "--hooks"], ".git/hooks"),
        (["init", "--github"], "."),
        (["new", "other", "--model", "openai/x"], "prompts"),
    ],
)
def test_a_folder_that_may_not_be_written(author: Person, command: list[str], closed: str) -> None:
    author.onbook("init")
    author.commit("one")
    folder = author.cwd / closed
    folder.mkdir(exist_ok=True)
    folder.chmod(0o555)
    done = as_anybody(author, *command)
    folder.chmod(0o755)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stderr.startswith(f"error: {folder}"), done.stderr
    assert "Permission denied\n  you must be allowed to read and write there\n" in done.stderr
    assert ".onbook-" not in done.stderr
