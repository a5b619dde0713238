"""Deploying, promoting, rolling back and telling what runs, as an operator types them, in real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from onbook.environments import deploy, parse
from onbook.environments.deploy import Deployer
from onbook.errors import OnbookError
from onbook.repo import Repository
from support.console import Person, person
from support.copies import copied
from support.git import Repo, bare_remote, clone
from support.samples import TRIAGE

PATH = "prompts/support/triage.prompt.yml"
PRODUCTION = "prompts/_environments/production.yml"
ID = "support/triage"


@pytest.fixture
def operator(tmp_path: Path) -> Person:
    """Three releases: 0.1.0, 0.1.1 says it in other words, 0.2.0 wants another input."""
    return Person(copied(_released, tmp_path / "p"))


def _released(folder: Path) -> None:
    found = person(folder)
    found.write("onbook.toml", "gates = {unchecked = false, lint = false}\n")
    found.write(PATH, TRIAGE)
    found.commit("one")
    found.onbook("release")
    found.edit(PATH, "Sort it.", "Sort this ticket.")
    found.commit("two")
    found.onbook("release")
    found.edit(PATH, "required: [ticket]", "required: [ticket, tone]")
    found.edit(PATH, "ticket: {type: string}", "ticket: {type: string}\n    tone: {type: string}")
    found.edit(PATH, "{{ ticket }}", "{{ ticket }} {{ tone }}")
    found.commit("three")
    found.onbook("release")
    assert found.git("tag").split() == [f"{ID}/v0.1.0", f"{ID}/v0.1.1", f"{ID}/v0.2.0"]


def running(who: Person) -> dict[str, Any]:
    found, problems = parse((who.cwd / PRODUCTION).read_bytes(), PRODUCTION)
    assert not problems
    return found[ID].data()


def test_from_the_first_deployment_to_the_way_back(operator: Person) -> None:
    said = operator.onbook("deploy", "production", ID, "0.1.0")
    assert "support/triage 0.1.0 runs in production" in said
    assert f"next: commit {PRODUCTION}" in said
    text = (operator.cwd / PRODUCTION).read_text()
    assert text.startswith("# Which release")
    # A person adds a comment, and keeps it.
    operator.edit(PRODUCTION, f"{ID}:\n", f"{ID}: # ask support first\n")
    operator.commit("deploy")

    operator.onbook("deploy", "production", ID, "0.1.1", "--canary", "10", "--commit")
    canary = running(operator)["canary"]
    assert (canary["version"], canary["weight"], canary["key"]) == ("0.1.1", 10, "user_id")
    assert running(operator)["stable"]["version"] == "0.1.0"
    # Ramping keeps the salt: who has the canary keeps it.
    operator.onbook("deploy", "production", ID, "0.1.1", "--canary", "50", "--commit")
    assert running(operator)["canary"] == {**canary, "weight": 50}
    operator.onbook("promote", "production", ID, "--commit")
    assert running(operator) == {"stable": {"version": "0.1.1", "digest": canary["digest"]}}
    operator.onbook("rollback", "production", ID, "--commit")
    assert running(operator)["stable"]["version"] == "0.1.0"
    assert "# ask support first" in (operator.cwd / PRODUCTION).read_text()
    assert operator.git("log", "--format=%s", "--", PRODUCTION).splitlines() == [
        "support/triage goes back to 0.1.0 in production",
        "support/triage 0.1.1 is promoted in production",
        "support/triage 0.1.1 is a canary for 50 % in production",
        "support/triage 0.1.1 is a canary for 10 % in production",
        "deploy",
    ]


def test_a_rollback_ends_the_canary_first(operator: Person) -> None:
    operator.onbook("deploy", "production", ID, "0.1.0", "--commit")
    operator.onbook("deploy", "production", ID, "0.1.1", "--canary", "5", "--commit")
    assert "0.1.0 stays" in operator.onbook("rollback", "production", ID, "--commit")
    assert "canary" not in running(operator)
    said = operator.onbook("rollback", "production", ID, exits=2)
    assert "no version of support/triage that production ran before 0.1.0" in said
    operator.onbook("rollback", "production", ID, "--to", "0.2.0")
    assert running(operator)["stable"]["version"] == "0.2.0"


@pytest.mark.parametrize("commit", [("--commit",), ()], ids=["committed", "not committed"])
def test_going_back_twice_goes_further_back_and_never_forth(operator: Person, commit: tuple[str, ...]) -> None:
    for version in ("0.1.0", "0.1.1", "0.2.0"):
        operator.onbook("deploy", "production", ID, version, "--commit")
    for version in ("0.1.1", "0.1.0"):
        operator.onbook("rollback", "production", ID, *commit)
        assert running(operator)["stable"]["version"] == version
    said = operator.onbook("rollback", "production", ID, *commit, exits=2)
    assert "no version of support/triage that production ran before 0.1.0" in said
    # What was left is deployed again by its name, and from there the way back is the same.
    operator.onbook("deploy", "production", ID, "0.2.0", "--commit")
    operator.onbook("rollback", "production", ID)
    assert running(operator)["stable"]["version"] == ("0.1.0" if commit else "0.1.1")


def test_a_withdrawn_version_is_no_way_back(operator: Person) -> None:
    for version in ("0.1.0", "0.1.1", "0.2.0"):
        operator.onbook("deploy", "production", ID, version, "--commit")
    operator.git("tag", "-a", f"{ID}/v0.1.1.yanked", "-m", "answers in French")
    operator.onbook("rollback", "production", ID)
    assert running(operator)["stable"]["version"] == "0.1.0"
    said = operator.onbook("deploy", "production", ID, "0.1.1", exits=2)
    assert "0.1.1 was withdrawn" in said


def test_another_canary_deals_the_callers_anew(operator: Person) -> None:
    operator.edit(PATH, "Sort this ticket.", "Sort.")
    operator.commit("four")
    operator.onbook("release")
    operator.onbook("deploy", "production", ID, "0.2.0")
    operator.onbook("deploy", "production", ID, "0.2.1", "--canary", "1", "--key", "tenant")
    one = running(operator)["canary"]
    operator.onbook("deploy", "production", ID, "0.1.1")
    operator.onbook("deploy", "production", ID, "0.1.0", "--canary", "1")
    other = running(operator)["canary"]
    assert one["salt"] != other["salt"]
    assert (one["key"], other["key"]) == ("tenant", "user_id")


@pytest.mark.parametrize(
    ("args", "exits", "told"),
    [
        (("deploy", "production", ID, "0.9.0"), 2, "0.9.0 is not released here\n  there are: 0.2.0, 0.1.1, 0.1.0"),
        (("deploy", "production", "support/other", "0.1.0"), 2, "is not released here"),
        (("deploy", "production", ID, "^0.1"), 2, "is not a version"),
        (("deploy", "../x", ID, "0.1.0"), 2, "no name of an environment"),
        (("deploy", "production", "Support", "0.1.0"), 2, "no legal prompt id"),
        (("deploy", "production", ID, "0.1.1", "--canary", "101"), 2, "0 to 100 per cent, not 101"),
        (("deploy", "production", ID, "0.1.1", "--canary", "-1"), 2, "0 to 100 per cent, not -1"),
        (("deploy", "production", ID, "0.1.1", "--canary", "nan"), 2, "0 to 100 per cent, not nan"),
        (("deploy", "production", ID, "0.1.0", "--canary", "5"), 2, "what production runs already"),
        (("deploy", "production", ID, "0.2.0", "--canary", "5"), 2, "0.2.0 changes the contract of 0.1.0"),
        (("deploy", "staging", ID, "0.1.1", "--canary", "5"), 2, "staging runs no support/triage yet"),
        (("deploy", "production", ID, "0.1.1", "--key", "x"), 2, "a key deals a canary"),
        (("promote", "production", ID), 2, "runs no canary"),
        (("promote", "staging", ID), 2, "staging runs no support/triage"),
        (("rollback", "production", "x"), 2, "production runs no x"),
        (("status", "staging"), 2, "no environment 'staging'"),
    ],
)
def test_what_is_refused(operator: Person, args: tuple[str, ...], exits: int, told: str) -> None:
    operator.onbook("deploy", "production", ID, "0.1.0", "--commit")
    before = (operator.cwd / PRODUCTION).read_bytes()
    assert told in operator.onbook(*args, exits=exits)
    assert (operator.cwd / PRODUCTION).read_bytes() == before
    assert not operator.git("status", "--porcelain")


def test_a_rollback_that_is_only_to_be_committed_is_told_so(operator: Person) -> None:
    for version in ("0.1.0", "0.1.1"):
        operator.onbook("deploy", "production", ID, version, "--commit")
    operator.onbook("rollback", "production", ID)
    told = operator.onbook("rollback", "production", ID, "--commit", exits=2)
    assert f"{PRODUCTION} goes from 0.1.1 to 0.1.0 already, and is not committed: commit it; or say which:" in told
    operator.git("commit", "--quiet", "--all", "--message", "back")
    told = operator.onbook("rollback", "production", ID, exits=2)
    assert "already" not in told
    assert "say which: onbook rollback production" in told


def test_what_runs_already_asks_for_no_commit(operator: Person) -> None:
    assert "next: commit" in operator.onbook("deploy", "production", ID, "0.1.0")
    # It is written, and still has to be committed.
    assert "next: commit" in operator.onbook("deploy", "production", ID, "0.1.0")
    told = operator.onbook("status")
    assert "nothing is deployed" in told
    assert f"not committed, and nothing runs before it is: {PRODUCTION}" in told
    operator.onbook("deploy", "production", ID, "0.1.0", "--commit")
    assert "not committed" not in operator.onbook("status")
    for more in ((), ("--commit",)):
        told = operator.onbook("deploy", "production", ID, "0.1.0", *more)
        assert f"nothing changes: {PRODUCTION} says so already" in told
        assert "next:" not in told


def test_a_tag_that_clients_refuse_is_not_deployed(operator: Person) -> None:
    operator.git("update-ref", f"refs/tags/{ID}/v0.3.0", f"refs/tags/{ID}/v0.1.1")
    told = operator.onbook("deploy", "production", ID, "0.3.0", exits=1)
    assert f"its name is '{ID}/v0.1.1': it was copied, and clients refuse it" in told
    operator.git("tag", f"{ID}/v0.4.0")
    assert "annotated" in operator.onbook("deploy", "production", ID, "0.4.0", exits=1)
    assert not (operator.cwd / PRODUCTION).exists()


def test_a_larger_step_is_told(operator: Person) -> None:
    operator.onbook("deploy", "production", ID, "0.1.1", "--commit")
    said = operator.onbook("deploy", "production", ID, "0.2.0")
    assert "note: 0.1.1 to 0.2.0 changes the contract" in said


def test_a_dry_run_writes_nothing(operator: Person) -> None:
    data = operator.report("deploy", "production", ID, "0.1.0", "--dry-run")["data"]
    assert data["new"]["stable"]["version"] == "0.1.0"
    assert data["old"] is None
    assert not (operator.cwd / PRODUCTION).exists()


def test_a_commit_holds_the_file_and_nothing_else(operator: Person) -> None:
    operator.write("staged.txt", "mine")
    operator.git("add", "staged.txt")
    operator.write(PATH, TRIAGE)
    operator.onbook("deploy", "production", ID, "0.1.0", "--commit")
    assert operator.git("show", "--name-only", "--format=").split() == [PRODUCTION]
    assert operator.git("status", "--porcelain").splitlines() == [f" M {PATH}", "A  staged.txt"]


def test_the_commit_that_is_told_is_the_one_that_was_made(operator: Person) -> None:
    for version in ("0.1.0", "0.1.1"):
        made = operator.report("deploy", "production", ID, version, "--commit")
        assert made["head"] == made["data"]["commit"] == operator.git("rev-parse", "HEAD").strip()


def test_git_refuses_to_commit(operator: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = operator.cwd / ".git/hooks/pre-commit"
    operator.write(".git/hooks/pre-commit", "#!/bin/sh\necho 'not today' >&2; exit 1\n")
    hook.chmod(0o755)
    said = operator.onbook("deploy", "production", ID, "0.1.0", "--commit", exits=3)
    assert "not today" in said
    assert f"{PRODUCTION} is written and not committed" in said
    hook.unlink()
    assert operator.report("deploy", "production", ID, "0.1.0", "--commit")["data"]["commit"]
    # Without a name nothing is written at all.
    for name in ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    said = operator.onbook("deploy", "production", ID, "0.1.1", "--commit", exits=3)
    assert "git does not know who you are, and a commit names its author" in said
    assert operator.git("status", "--porcelain") == ""


def test_what_runs_where_since_when_by_whom(operator: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nothing is deployed" in operator.onbook("status")
    operator.onbook("deploy", "production", ID, "0.1.0", "--commit")
    made = operator.git("rev-parse", "HEAD").strip()
    # Later commits of the same file that say the same of this prompt do not count.
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Another")
    operator.edit(PRODUCTION, "# Which", "# Note: which")
    operator.commit("a comment")
    operator.onbook("deploy", "staging", ID, "0.2.0", "--commit")
    rows = operator.report("status")["data"]["deployments"]
    assert [(row["environment"], row["stable"]["version"], row["by"]) for row in rows] == [
        ("production", "0.1.0", "Onbook Tests"),
        ("staging", "0.2.0", "Another"),
    ]
    assert rows[0]["commit"] == made
    assert rows[0]["at"].startswith("2023-11-14T22:13:20")
    assert len(operator.report("status", "staging")["data"]["deployments"]) == 1
    shown = operator.onbook("status")
    assert "production   support/triage  0.1.0   -       2023-11-14T22:13  Onbook Tests" in shown


def test_history_reads_the_same_however_a_person_has_it_shown(
    operator: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    shown = {"log.showSignature": "true", "i18n.logOutputEncoding": "ISO-8859-1"}
    for name, value in {"gpg.format": "ssh", "user.signingKey": str(key), "commit.gpgSign": "true", **shown}.items():
        operator.git("config", name, value)
    monkeypatch.setenv("GIT_AUTHOR_NAME", "José")
    operator.onbook("deploy", "production", ID, "0.1.0", "--commit")
    operator.onbook("deploy", "production", ID, "0.1.1", "--commit")
    assert [row["by"] for row in operator.report("status")["data"]["deployments"]] == ["José"]
    operator.onbook("rollback", "production", ID, "--commit")
    assert running(operator)["stable"]["version"] == "0.1.0"
    operator.edit(PATH, "Sort this ticket.", "Sort the ticket.")
    operator.commit("Sort the café's tickets")
    assert "Sort the café's tickets" in operator.onbook("release", "--dry-run")
    operator.onbook("site", "--out", str(tmp_path / "site"))


def test_an_edit_that_would_take_back_anothers_is_refused(operator: Person, tmp_path: Path) -> None:
    bare_remote(tmp_path / "r.git", of=Repo(operator.cwd))
    operator.onbook("deploy", "production", ID, "0.1.0", "--commit")
    operator.git("push", "--quiet", "--follow-tags", "-u", "origin", "main")
    operator.git("remote", "set-head", "origin", "main")
    other = Person(clone(tmp_path / "r.git", tmp_path / "other").path)
    other.onbook("deploy", "production", ID, "0.1.1", "--commit")
    other.git("push", "--quiet")
    operator.git("fetch", "--quiet")
    said = operator.onbook("deploy", "production", ID, "0.2.0", exits=3)
    assert "origin/main has a change of this file that is not here" in said
    assert "git pull" in said
    # What clients read is the remote's.
    assert operator.report("status")["data"]["deployments"][0]["stable"]["version"] == "0.1.1"
    assert operator.report("status")["head"] == "origin/main"
    operator.git("pull", "--quiet")
    operator.onbook("deploy", "production", ID, "0.2.0", "--commit")


def test_a_file_that_another_process_made_or_deleted_meanwhile_stays_so(operator: Person) -> None:
    repo = Repository.discover(operator.cwd)
    first = Deployer(repo, "production").deploy(ID, "0.1.0")
    operator.onbook("deploy", "production", ID, "0.1.1", "--commit")
    there = (operator.cwd / PRODUCTION).read_bytes()
    with pytest.raises(OnbookError, match="changed meanwhile"):
        deploy.apply(repo, first)
    assert (operator.cwd / PRODUCTION).read_bytes() == there
    second = Deployer(repo, "production").deploy(ID, "0.1.0")
    (operator.cwd / PRODUCTION).unlink()
    with pytest.raises(OnbookError, match="changed meanwhile"):
        deploy.apply(repo, second)
    assert not (operator.cwd / PRODUCTION).exists()


def test_environments_may_live_on_a_branch_of_their_own(operator: Person) -> None:
    operator.write("onbook.toml", "environments = {ref = 'deployments'}\n")
    operator.commit("configure")
    operator.git("branch", "deployments")
    operator.git("checkout", "--quiet", "deployments")
    operator.onbook("deploy", "production", ID, "0.1.0", "--commit")
    operator.git("checkout", "--quiet", "main")
    assert operator.report("status")["data"]["deployments"][0]["stable"]["version"] == "0.1.0"
    said = operator.onbook("deploy", "production", ID, "0.1.1", exits=3)
    assert "deployments has a change of this file that is not here" in said


@pytest.mark.parametrize("ref", ["live", "refs/heads/live"])
def test_a_tag_of_the_same_name_is_not_read(operator: Person, ref: str) -> None:
    operator.write("onbook.toml", f'gates = {{unchecked = false, lint = false}}\nenvironments.ref = "{ref}"\n')
    operator.onbook("deploy", "production", ID, "0.1.0")
    operator.commit("deploy")
    operator.git("tag", "live")
    operator.onbook("deploy", "production", ID, "0.1.1", "--commit")
    operator.git("branch", "live")
    operator.onbook("deploy", "production", ID, "0.1.0", "--commit")
    found = operator.report("status")
    assert (found["head"], found["data"]["deployments"][0]["stable"]["version"]) == ("live", "0.1.1")


def test_a_file_with_faults_is_told_with_its_place(operator: Person) -> None:
    operator.write(PRODUCTION, f"{ID}:\n  stabel: {{version: 0.1.0}}\n")
    said = operator.onbook("deploy", "production", ID, "0.1.0", exits=2)
    assert f"{PRODUCTION}:2:3: unknown key 'stabel'" in said
    assert "did you mean 'stable'?" in said


def test_a_bare_repository_has_no_file_to_edit(operator: Person, tmp_path: Path) -> None:
    operator.onbook("deploy", "production", ID, "0.1.0", "--commit")
    bare = Person(clone(operator.cwd, tmp_path / "b.git", "--bare").path)
    assert "a bare repository has no file to edit" in bare.onbook("deploy", "production", ID, "0.1.0", exits=2)
    assert bare.report("status")["data"]["deployments"][0]["stable"]["version"] == "0.1.0"


def test_another_prompts_comments_and_line_ends_stay(operator: Person) -> None:
    other = "other/one: {stable: {version: 1.0.0, digest: 'sha256:" + "b" * 64 + "'}} # theirs\r\n"
    (operator.cwd / "prompts/_environments").mkdir()
    (operator.cwd / PRODUCTION).write_bytes(other.encode())
    operator.onbook("deploy", "production", ID, "0.1.0")
    after = (operator.cwd / PRODUCTION).read_bytes()
    assert after.startswith(other.encode())
    assert after.count(b"\n") == after.count(b"\r\n")
