"""``onbook check``: one report and one verdict, in a terminal and in GitHub Actions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onbook import resources
from onbook.contract import Contract
from onbook.gate.outputs import MARKER, output_lines
from onbook.project import Catalog
from onbook.repo import Repository
from onbook.repo.worktree import WorkTree
from onbook.testing.planning import plan, unit_of
from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings
from onbook.testing.request import Response
from onbook.testing.selection import Selection
from support import echo
from support.console import ONBOOK, Person, person
from support.git import Repo, clone, new_repo, release_by_hand
from support.pulls import (
    ROUTE,
    TRIAGE,
    actions,
    breaking,
    edit,
    failing,
    good,
    meant,
    published,
    pull_request,
    recorded,
    released,
)
from support.warm import onbook

PROMPTS = "prompts/support/triage.prompt.yml"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    found = published(tmp_path / "r")
    found.git("checkout", "--quiet", "-b", "change")
    return found


def check(repo: Repo, *args: str, exits: int = 0) -> dict[str, Any]:
    data = Person(repo.path).report("check", *args, exits=exits)
    assert Contract(resources.schema("report")).violations(data) == []
    return data


def in_actions(repo: Repo, env: dict[str, str], *args: str, exits: int) -> str:
    done = onbook(["check", *args], repo.path, env={**os.environ, **env})
    assert done.returncode == exits, done.stdout + done.stderr
    return done.stdout


def outputs(env: dict[str, str]) -> dict[str, str]:
    """As the runner reads the file: ``name<<word``, lines up to the word."""
    found, lines = {}, iter(Path(env["GITHUB_OUTPUT"]).read_text("utf-8").splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        found[name] = "\n".join(iter(lambda: next(lines), end))
    return found


def status(data: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in data["checks"]:
        found.setdefault(each["id"].partition("/")[0], set()).add(each["status"])
    return found


def rules(data: dict[str, Any], rule: str) -> list[str]:
    return [each["message"] for one in data["checks"] for each in one["findings"] if each["rule"] == rule]


def test_a_good_change(repo: Repo) -> None:
    good(repo)
    data = check(repo, "--base", "main")
    assert (data["status"], data["data"]["verdict"], data["data"]["bump"]) == ("passed", "passed", "minor")
    assert data["base"] == repo.git("rev-parse", "main")
    assert data["data"]["bumps"] == {"support/route": "minor"}
    assert data["data"]["changed"] == ["support/route"]
    # Only what the change touches is tested.
    assert [row["id"] for row in data["data"]["test"]["prompts"]] == ["support/route"]


def test_a_breaking_change_under_a_version_that_promises_otherwise(repo: Repo) -> None:
    assert Person(repo.path).onbook("release", "--dry-run", exits=0)
    edit(repo, ROUTE, "required: [ticket]", "required: [ticket]\nversion: 1.0.0")
    repo.git("branch", "--force", "main")
    released(repo)
    edit(repo, ROUTE, "required: [ticket]\nversion: 1.0.0", "required: [ticket, tone]\nversion: 1.1.0")
    data = check(repo, "--base", "main", exits=1)
    assert status(data)["diff"] == {"failed"}
    assert data["data"]["bumps"] == {"support/route": "major"}
    assert rules(data, "OD002")
    # A major change under a version that is large enough is for people to decide, unless it is asked to fail.
    edit(repo, ROUTE, "version: 1.1.0", "version: 2.0.0")
    assert status(check(repo, "--base", "main"))["diff"] == {"passed"}
    assert status(check(repo, "--base", "main", "--fail-on", "major", exits=1))["diff"] == {"failed"}


def test_a_major_change_is_told_first_and_with_a_gate_of_its_own_must_be_declared(repo: Repo) -> None:
    released(repo)
    edit(repo, ROUTE, "required: [ticket]", "required: [ticket, tone]")
    author = Person(repo.path)
    assert (
        author.onbook("check", "--base", "main")
        .splitlines()[-1]
        .startswith("check passed; major: callers break (compared with")
    )
    body = author.onbook("check", "--base", "main", "--format", "markdown").splitlines()
    assert body[0] == "### onbook check: ✅ passed; 🔴 major: callers break"
    headline = (
        "🔴 **Major: callers break** where they are not changed as well: <code>support/route</code> (1.0.0 → 2.0.0)."
    )
    assert body.index(headline) < body.index("#### What it means: 1 major")
    config = '[lint]\nignore = ["retired-model"]\n[gates]\nmajor = true\n'
    repo.commit({"onbook.toml": config})
    data = check(repo, "--base", "main", exits=1)
    (told,) = rules(data, "OD003")
    assert told.startswith("callers of support/route 1.0.0 break (OD102 a call that omits `tone` is now rejected), and")
    assert "OD003" in author.onbook("release", "--dry-run", exits=1)
    edit(repo, ROUTE, "required: [ticket, tone]", "required: [ticket, tone]\nversion: 1.1.0")
    assert not rules(check(repo, "--base", "main", exits=1), "OD003")  # OD002 says it already
    edit(repo, ROUTE, "version: 1.1.0", "version: 2.0.0")
    assert status(check(repo, "--base", "main"))["diff"] == {"passed"}
    assert "support/route/v2.0.0" in author.onbook("release", "--dry-run")
    # What is gone declares nothing: a waiver says that it is meant, and counts where the base has it.
    (repo.path / ROUTE).unlink()
    repo.commit({}, "gone")
    (found,) = [
        each
        for one in check(repo, "--base", "main", exits=1)["checks"]
        for each in one["findings"]
        if each["rule"] == "OD003"
    ]
    name, print_ = re.findall(r"(?:rule|fingerprint) = '([^']+)'", found["hint"])
    waiver = f'[[waivers]]\nrule = "{name}"\nfingerprint = "{print_}"\nuntil = 2999-01-01\nreason = "nobody calls it"\n'
    repo.commit({"onbook.toml": f"{config}{waiver}"})
    assert not rules(check(repo, "--base", "main", "--own-config"), "OD003")


def test_a_failing_test(repo: Repo) -> None:
    failing(repo)
    data = check(repo, "--base", "main", exits=1)
    assert status(data) == {"lint": {"passed"}, "diff": {"passed"}, "test": {"failed"}}
    assert data["data"]["test"]["prompts"][0]["failed"] > 3
    assert data["data"]["changed"] == ["support/triage"]


@pytest.mark.parametrize(
    ("gates", "edits", "code", "kept"),
    [
        # What one gate lets pass is no reason for another to look away.
        ("tests = false", "worse", 1, {"OT401"}),
        ("tests = false\nverdict = false", "worse", 0, set()),
        ("verdict = false", "worse", 1, {"OT101"}),
        ("tests = false", "missing", 3, {"OT201"}),
        ("tests = false\nunchecked = false", "missing", 0, set()),
        ("unchecked = false", "wrong", 3, {"OT301"}),
        ("tests = false\nunchecked = false", "wrong", 0, set()),
        ("tests = false\ninconclusive = true", "few", 1, {"OT402"}),
    ],
)
def test_every_gate_holds_its_own(tmp_path: Path, gates: str, edits: str, code: int, kept: set[str]) -> None:
    prompt = 'model: openai/gpt-4.1-2025-04-14\nmessages: [{role: user, content: "Sort {{ticket}} well"}]\n'
    repo = new_repo(tmp_path / "r", "--initial-branch=main")
    lines = [json.dumps({"id": f"c{n}", "inputs": {"ticket": f"ticket {n}"}}) + "\n" for n in range(12)]
    config = f"[gates]\nlint = false\n{gates}\n"
    files = {"onbook.toml": config, "prompts/a.cases.jsonl": "".join(lines)}
    suite = "assert: [{contains: well}]\n" if edits != "few" else "assert: [{contains: '1'}]\nthreshold: 0.1\n"
    for path, text in {**files, "prompts/a.prompt.yml": prompt, "prompts/a.suite.yml": suite}.items():
        repo.write(path, text)
    echo.record(repo.path)
    repo.commit(message="before")
    if edits == "wrong":
        repo.commit({"prompts/a.suite.yml": "assert: [{contians: well}]\n"})
    else:
        repo.write("prompts/a.prompt.yml", prompt.replace("well", "badly"))
        if edits == "few":
            repo.write("prompts/a.suite.yml", "assert: [{contains: '1'}, {not: {contains: ticket 1 badly}}]\n")
        echo.record(repo.path)
        if edits == "missing":
            recorded = (repo.path / "prompts/a.recordings.jsonl").read_text("utf-8").splitlines(keepends=True)
            repo.write("prompts/a.recordings.jsonl", "".join(recorded[1:]))
            repo.write("onbook.toml", f"{config}verdict = false\n")
        repo.commit(message="after")
    data = check(repo, "--base", "HEAD~1", "--own-config", exits=code)
    errors = {f["rule"] for c in data["checks"] for f in c["findings"] if f["severity"] == "error"}
    assert errors == kept


def test_a_partial_changes_all_that_include_it_and_unrecorded_answers_are_not_fine(repo: Repo) -> None:
    edit(
        repo, "prompts/_shared/untrusted.md", (repo.path / "prompts/_shared/untrusted.md").read_text(), "Be careful.\n"
    )
    data = check(repo, "--base", "main", exits=3)
    assert data["data"]["changed"] == ["support/triage"]
    assert status(data)["test"] == {"unchecked"}
    repo.commit({"onbook.toml": '[lint]\nignore = ["retired-model"]\n[gates]\nunchecked = false\n'})
    # The change's own configuration cannot let it pass; that of the base can.
    assert check(repo, "--base", "main", exits=3)["status"] == "unchecked"
    assert check(repo, "--base", "main", "--own-config")["status"] == "passed"


def test_recordings_that_changed_are_compared_with_the_old_ones(repo: Repo) -> None:
    recorded(repo)
    (row,) = check(repo, "--base", "main")["data"]["test"]["prompts"]
    assert row["verdict"] == "NOT WORSE"
    assert "testimony" not in row


def test_a_fork_testifies(repo: Repo, tmp_path: Path) -> None:
    recorded(repo)
    env = actions(tmp_path / "a", "pull_request", pull_request(repo, fork=True))
    printed = in_actions(repo, env, "--write", f"json={tmp_path}/r.json", exits=0)
    data = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert data["data"]["fork"] is True
    assert data["data"]["test"]["prompts"][0]["testimony"] is True
    assert "title=OC201 testimony::" in printed
    assert "**Testimony:** <code>support/triage</code>" in Path(env["GITHUB_STEP_SUMMARY"]).read_text("utf-8")
    assert outputs(env)["fork"] == "true"


def test_new_waivers_and_loosened_configuration_come_first_and_do_not_count(repo: Repo) -> None:
    edit(repo, ROUTE, 'content: "Sort this ticket: {{ticket}}"', 'content: "Sort this ticket: {{tickte}}"')
    wrong = check(repo, "--base", "main", exits=1)
    assert rules(wrong, "ON203")
    text = (repo.path / ROUTE).read_text("utf-8")
    repo.commit({ROUTE: f"# onbook: allow ON203 until 2999-01-01: it comes later\n{text}"})
    commented = check(repo, "--base", "main", exits=1)
    assert commented["checks"][0]["id"] == "check/configuration"
    assert rules(commented, "OC101") == ["a new waiver of ON203 until 2999-01-01: it comes later"]
    assert rules(commented, "ON203")
    waiver = '[[waivers]]\nrule = "ON203"\nuntil = 2999-01-01\nreason = "later"\n'
    toml = f'{waiver}[lint]\nignore = ["retired-model", "ON203"]\n[gates]\nlint = false\n'
    repo.commit({"onbook.toml": toml, ROUTE: text})
    configured = check(repo, "--base", "main", exits=1)
    assert rules(configured, "OC101") == ["a new waiver of ON203 until 2999-01-01: later"]
    assert rules(configured, "OC102") == [
        "ON203 (undeclared-variable) was error and is off",
        "gates.lint was on and is off",
    ]
    assert Person(repo.path).onbook("check", "--base", "main", exits=1).startswith("onbook.toml:1: OC101")
    # Once it is merged it counts.
    repo.git("branch", "--force", "main")
    edit(repo, ROUTE, "You sort support tickets.", "You sort the support tickets.")
    assert not rules(check(repo, "--base", "main", exits=1 if rules(configured, "ON201") else 0), "OC101")


def test_a_waiver_of_the_base_counts_wherever_it_stands_by_now(repo: Repo) -> None:
    edit(repo, ROUTE, 'content: "Sort this ticket: {{ticket}}"', 'content: "Sort this ticket: {{tickte}}"')
    waiver = "# onbook: allow undeclared-variable until 2999-01-01: it comes later\n"
    text = (repo.path / ROUTE).read_text("utf-8")
    repo.commit({ROUTE: waiver + text})
    repo.git("branch", "--force", "main")
    repo.commit({ROUTE: f"# A comment.\n{waiver}{text}"})
    data = check(repo, "--base", "main")
    assert rules(data, "ON203")
    assert not rules(data, "OC101")


def test_a_configuration_that_cannot_be_read_is_an_error(repo: Repo) -> None:
    repo.commit({"onbook.toml": "prompts = ["})
    data = check(repo, "--base", "main", exits=1)
    assert "this is not TOML" in rules(data, "OC103")[0]
    assert data["checks"][0]["id"] == "check/configuration"


def test_prompts_that_are_elsewhere_all_of_a_sudden(repo: Repo) -> None:
    repo.commit({"onbook.toml": 'prompts = "empty"\n[lint]\nignore = ["retired-model"]\n', "empty/x": ""})
    edit(repo, ROUTE, 'content: "Sort this ticket: {{ticket}}"', 'content: "Sort this ticket: {{tickte}}"')
    data = check(repo, "--base", "main", exits=1)
    assert rules(data, "OC102") == ["prompts was 'prompts' and is 'empty'"]
    assert rules(data, "ON203")


def test_staged_and_without_a_base(repo: Repo) -> None:
    edit(repo, ROUTE, "You sort support tickets.", "You sort tickets.")
    repo.write(ROUTE, (repo.path / ROUTE).read_text().replace("{{ticket}}", "{{tickte}}"))
    assert check(repo, "--staged", exits=0)["head"] == "index"
    data = check(repo, exits=1)
    assert (data["base"], data["head"]) == (None, "worktree")
    assert data["data"]["changed"] == ["support/route", "support/triage"]


KINDS = [(good, 0, "passed"), (meant, 0, "passed"), (breaking, 1, "failed"), (failing, 1, "failed")]


@pytest.mark.parametrize(("change", "code", "verdict"), KINDS)
def test_in_actions(repo: Repo, tmp_path: Path, change: Callable[[Repo], None], code: int, verdict: str) -> None:
    change(repo)
    env = actions(tmp_path / "a", "pull_request", pull_request(repo))
    repo.write("prompts/left.prompt.yml", "nothing that is committed: is looked at")
    comment = tmp_path / "made" / "comment.md"
    printed = in_actions(
        repo, env, "--write", f"comment={comment}", "--write", f"outputs={tmp_path}/o.json", exits=code
    )
    found = outputs(env)
    assert found["verdict"] == verdict
    assert json.loads(found["changed"]) == (["support/triage"] if change is failing else ["support/route"])
    bumps = {good: "minor", meant: "major", breaking: "major"}
    assert json.loads(found["bumps"]) == (
        {"support/route": bumps[change]} if change in bumps else {"support/triage": "none"}
    )
    assert found == json.loads((tmp_path / "o.json").read_text("utf-8"))
    assert printed.splitlines()[-1].startswith(f"onbook check: {verdict}, ")
    body = comment.read_text("utf-8")
    assert body.startswith(f"{MARKER}\n### onbook check: ")
    assert body.partition("\n")[2] == Path(env["GITHUB_STEP_SUMMARY"]).read_text("utf-8")
    assert ("::error file=prompts/support/route.prompt.yml,line=" in printed) == (change is breaking)
    assert ("🔴 major: callers break" in body) == (change in (meant, breaking))
    if change is failing:
        assert f"::error file={TRIAGE}.cases.jsonl,line=1," in printed


def test_what_cannot_begin_still_says_so_everywhere(repo: Repo, tmp_path: Path) -> None:
    good(repo)
    shallow = clone(f"file://{repo.path}", tmp_path / "s", "--depth=1", "--branch=change")
    env = actions(tmp_path / "a", "pull_request", pull_request(repo))
    printed = in_actions(shallow, env, "--write", f"json={tmp_path}/r.json", exits=3)
    assert printed.startswith("::error title=OC001 not-checked::the history of this clone is cut off")
    assert "fetch-depth%3A 0" in printed or "fetch-depth: 0" in printed
    assert outputs(env)["verdict"] == "unchecked"
    assert "could not be checked" in Path(env["GITHUB_STEP_SUMMARY"]).read_text("utf-8")
    assert Contract(resources.schema("report")).violations(json.loads((tmp_path / "r.json").read_text("utf-8"))) == []
    assert "history of this clone is cut off" in Person(shallow.path).onbook("check", exits=3)


@pytest.mark.parametrize("value", ["a\nverdict=forged", "x\nEOF\nverdict<<EOF\nforged\nEOF", "a\r\nb", ""])
def test_no_value_becomes_another_output(tmp_path: Path, value: str) -> None:
    path = tmp_path / "output"
    path.write_bytes(output_lines({"first": value, "verdict": "passed"}).encode())
    found = outputs({"GITHUB_OUTPUT": str(path)})
    assert list(found) == ["first", "verdict"]
    assert found["verdict"] == "passed"


@pytest.mark.parametrize("word", ["json", "=x", "json=", "htm=x", "nothing=x"])
def test_files_that_mean_nothing(repo: Repo, word: str) -> None:
    assert "--write takes FORMAT=FILE" in Person(repo.path).onbook("check", "--write", word, exits=2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are POSIX's")
def test_a_pipe_and_an_output_of_the_process_are_written_to_and_not_replaced(repo: Repo, tmp_path: Path) -> None:
    pipe, log = tmp_path / "pipe", tmp_path / "log"
    os.mkfifo(pipe)
    log.write_text("before\n")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    command = [ONBOOK, "check", "--base", "HEAD", "--write", f"outputs={pipe}", "--write", "outputs=/dev/fd/1"]
    with log.open("ab") as out:
        subprocess.run(command, cwd=repo.path, stdout=out, check=True, timeout=120)
    assert json.loads(os.read(reader, 65_536))["verdict"] == "passed"
    os.close(reader)
    assert pipe.is_fifo()
    told = log.read_text()
    assert told.startswith("before\n{")
    outputs, end = json.JSONDecoder().raw_decode(told, len("before\n"))
    assert outputs["verdict"] == "passed"
    assert "\ncheck passed" in told[end:]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="files in memory below /dev are Linux's")
def test_a_file_below_dev_is_replaced_as_any_other(repo: Repo) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "outputs.json"
        for _ in range(2):
            Person(repo.path).onbook("check", "--base", "HEAD", "--write", f"outputs={path}")
        assert json.loads(path.read_text())["verdict"] == "passed"


def test_before_the_first_commit_everything_is_new(tmp_path: Path) -> None:
    """The hook of a first commit judges what is staged, as that of any other."""
    author = person(tmp_path / "new")
    author.write("prompts/a.prompt.yml", "messages: [{role: user, content: Hello}]\n")
    author.git("add", "--all")
    found = check(Repo(author.cwd), "--staged")
    assert [row["base_version"] for row in found["data"]["diff"]["prompts"]] == [None]
    author.write("prompts/a.prompt.yml", "messages: [{role: user, content: Hello}]\nmodle: x\n")
    check(Repo(author.cwd), "--staged")
    author.git("add", "--all")
    assert status(check(Repo(author.cwd), "--staged", exits=1))["lint"] == {"failed"}
    assert "no commits yet" in author.onbook("check", "--base", "main", exits=2)


# --- chains


def chained(path: Path) -> Repo:
    """A prompt that is asked about another's answer, both recorded, and one that nobody asks."""
    model = "openai/gpt-4.1-2025-04-14"
    prompt = f"model: {model}\nmessages: [{{role: user, content: 'Intent? {{{{ticket}}}}'}}]\n"
    tests = {
        "prompts/answer.suite.yml": 'chain: [intent, {prompt: answer, inputs: {ticket: "{{intent}}"}}]\n',
        "prompts/answer.cases.jsonl": '{"id": "one", "inputs": {"ticket": "x"}, "assert": [{"contains": "so"}]}\n',
    }
    repo = new_repo(path, "--initial-branch=main")
    repo.commit({f"prompts/{name}.prompt.yml": prompt for name in ("answer", "intent", "other")} | tests)
    recordings = Recordings()
    source = Catalog(WorkTree(Repository.discover(path))).find("answer")
    for said in ("billing", "so"):
        (planned,) = plan(unit_of(source, source.usable(), model, recordings), Selection())
        (attempt,) = planned.attempts
        answer = Response(said, (), "stop", model, {}, 7, None, "test")
        recordings.add(Recording.of("one", attempt.request, answer, step=attempt.step))
    recordings.write(path / "prompts/answer.recordings.jsonl")
    repo.commit(message="recorded")
    repo.git("checkout", "--quiet", "-b", "change")
    return repo


def replayed(data: dict[str, Any]) -> dict[str, str]:
    return {row["id"]: row["status"] for row in data["data"]["test"]["prompts"]}


@pytest.mark.parametrize("base", [("--base", "main"), ()])
def test_prompts_whose_chains_ask_what_changed_are_tested(tmp_path: Path, base: tuple[str, ...]) -> None:
    repo = chained(tmp_path / "r")
    for id in ("answer", "intent", "other") if not base else ():
        release_by_hand(
            repo, id, "1.0.0", {f"prompts/{id}.prompt.yml": (repo.path / f"prompts/{id}.prompt.yml").read_bytes()}
        )
    edit(repo, "prompts/other.prompt.yml", "Intent?", "Other?")
    data = check(repo, *base)
    assert "answer" not in replayed(data)
    edit(repo, "prompts/intent.prompt.yml", "Intent?", "Aim?")
    data = check(repo, *base, exits=3)
    assert replayed(data) == {"answer": "unchecked", "intent": "skipped", "other": "skipped"}
    assert data["data"]["changed"] == ["intent", "other"]
    (missing,) = rules(data, "OT201")
    assert "the answer of step 'intent' is not recorded" in missing
    # One that is gone, too.
    repo.git("rm", "--quiet", "prompts/intent.prompt.yml")
    repo.commit(message="gone")
    assert replayed(check(repo, *base, exits=3))["answer"] == "unchecked"
