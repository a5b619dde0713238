"""Candidates, forced releases, notes and withdrawals, as a maintainer types them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from onbook.manifest import TagObject
from support import echo
from support.console import Person, person
from support.git import PROMPT, Repo, bare_remote, clone

PATH = "prompts/support/triage.prompt.yml"
ID = "support/triage"


def reword(who: Person, old: str, new: str, message: str) -> None:
    who.edit(PATH, old, new)
    who.commit(message)


def tags(who: Person) -> list[str]:
    return who.git("tag", "--sort=creatordate", "--sort=version:refname").split()


def tag(who: Person, version: str) -> TagObject:
    raw = who.git("cat-file", "tag", f"{ID}/v{version}").encode()
    return TagObject.parse(raw, version)


def release(who: Person, *args: str, exits: int = 0) -> list[str]:
    return [row["version"] for row in who.report("release", *args, exits=exits)["data"]["tags"]]


def test_candidates_lead_to_a_release(maintainer: Person) -> None:
    assert release(maintainer, "--pre", "rc") == ["0.1.0-rc.1"]
    assert release(maintainer, "--pre", "rc") == [], "nothing changed since"
    reword(maintainer, "You sort", "You gently sort", "Gently")
    assert release(maintainer, "--pre", "rc") == ["0.1.0-rc.2"]
    assert release(maintainer, "--pre", "beta") == ["0.1.0-beta.1"]
    assert release(maintainer) == ["0.1.0"]
    assert release(maintainer) == []
    # What a candidate brought is measured from the last release, not from the candidate.
    maintainer.edit(PATH, "required: [ticket]", "required: [ticket, tone]")
    maintainer.commit("Ask for the tone")
    assert release(maintainer, "--pre", "rc") == ["0.2.0-rc.1"]
    reword(maintainer, "You gently sort", "You sort", "Not so gently")
    assert maintainer.report("diff")["data"]["prompts"][0]["base_version"] == "0.1.0"
    assert release(maintainer, "--pre", "rc") == ["0.2.0-rc.2"]
    assert release(maintainer) == ["0.2.0"]
    assert tag(maintainer, "0.2.0").manifest("").bump == "major"
    assert tag(maintainer, "0.2.0").manifest("").previous == "0.1.0"


def test_a_declared_candidate(maintainer: Person) -> None:
    maintainer.edit(PATH, "messages:", "version: 1.0.0-rc.1\nmessages:")
    maintainer.commit("Declare")
    assert release(maintainer) == ["1.0.0-rc.1"]
    assert release(maintainer) == []
    said = maintainer.onbook("release", "--pre", "rc")
    assert "nothing to release" in said
    reword(maintainer, "You sort", "You gently sort", "Gently")
    said = maintainer.onbook("release", exits=2)
    assert "declare the next candidate in the file" in said
    said = maintainer.onbook("release", "--pre", "rc", exits=2)
    assert "leaves nothing to choose" in said
    reword(maintainer, "1.0.0-rc.1", "1.0.0", "For all")
    assert release(maintainer) == ["1.0.0"]


def test_a_candidate_of_another_branch_does_not_count_twice(maintainer: Person) -> None:
    release(maintainer)
    maintainer.git("checkout", "--quiet", "-b", "other")
    reword(maintainer, "You sort", "You gently sort", "Gently")
    assert release(maintainer, "--pre", "rc") == ["0.1.1-rc.1"]
    maintainer.git("checkout", "--quiet", "main")
    reword(maintainer, "You sort", "You quickly sort", "Quickly")
    assert release(maintainer, "--pre", "rc") == ["0.1.1-rc.2"]


@pytest.mark.parametrize("label", ["", "1", "rc.1", "r c", "-rc", "x" * 21, "rc/1"])
def test_names_of_candidates(maintainer: Person, label: str) -> None:
    assert "is no name of candidates" in maintainer.onbook("release", "--pre", label, exits=2)


def test_a_range_passes_over_candidates(maintainer: Person, tmp_path: Path) -> None:
    release(maintainer)
    reword(maintainer, "You sort", "You gently sort", "Gently")
    release(maintainer, "--pre", "rc")
    reader = person(tmp_path / "reader", repository=False)
    found = reader.report("fetch", f"{ID}@^0.1", "--from", str(maintainer.cwd))
    assert found["data"]["version"] == "0.1.0"
    found = reader.report("fetch", f"{ID}@0.1.1-rc.1", "--from", str(maintainer.cwd))
    assert found["data"]["version"] == "0.1.1-rc.1"


def test_a_shut_gate_is_passed_with_a_reason(maintainer: Person) -> None:
    maintainer.write(
        "prompts/support/triage.cases.jsonl", '{"id": "a", "inputs": {"ticket": "x"}, "assert": [{"contains": "a"}]}\n'
    )
    maintainer.commit("Test it")
    assert release(maintainer, exits=3) == ["0.1.0"], "what would be released is told"
    assert tags(maintainer) == []
    assert "with a reason" in maintainer.onbook("release", "--force", " ", exits=2)
    dry = maintainer.report("release", "--force", "the provider is\ndown", "--dry-run")
    assert "Onbook-Forced: the provider is down\n" in dry["data"]["tags"][0]["message"]
    assert release(maintainer, "--force", "the provider is\ndown") == ["0.1.0"]
    found = tag(maintainer, "0.1.0")
    assert found.manifest("").forced == "the provider is down"
    assert "Released although its gates were shut: the provider is down" in found.notes
    # A prompt whose gates were open says nothing of it, and another run needs the reason anew.
    maintainer.write("prompts/other.prompt.yml", PROMPT)
    maintainer.commit("Another")
    assert release(maintainer, "--force", "again") == ["0.1.0"]
    raw = maintainer.git("cat-file", "tag", "other/v0.1.0").encode()
    assert TagObject.parse(raw, "").manifest("").forced == ""


def test_what_cannot_be_read_cannot_be_forced(maintainer: Person) -> None:
    maintainer.write(PATH, "messages: [\n")
    maintainer.commit("Break it")
    maintainer.onbook("release", "--force", "hurry", exits=1)
    assert tags(maintainer) == []


def test_notes_name_the_changes_and_their_commits(maintainer: Person) -> None:
    release(maintainer)
    assert "Commits:" not in tag(maintainer, "0.1.0").notes
    maintainer.write("README.md", "x")
    maintainer.commit("Not a word of this")
    reword(maintainer, "You sort", "You gently sort", "Be gentle\n\nSince people asked.")
    maintainer.write("prompts/other.prompt.yml", PROMPT)
    maintainer.commit("Nor of this")
    reword(maintainer, "gently sort", "very gently sort", "Be very gentle \x1b[31m")
    release(maintainer, ID)
    lines = tag(maintainer, "0.1.1").notes.splitlines()
    at = lines.index("Commits:")
    assert [line.split(" ", 2)[2] for line in lines[at + 1 :]] == ["Be very gentle \ufffd[31m", "Be gentle"]
    assert lines[2].startswith("- minor OD3")
    # The commit's id is one that git knows.
    maintainer.git("cat-file", "-e", lines[at + 1].split(" ")[1])


def test_a_partial_outside_the_prompt_is_part_of_its_notes(maintainer: Person) -> None:
    maintainer.write("schemas/answer.schema.json", '{"type": "object"}')
    maintainer.edit(
        PATH,
        "model:",
        "responseFormat: json_schema\njsonSchema: {name: a, schema: {$ref: ../../schemas/answer.schema.json}}\nmodel:",
    )
    maintainer.commit("Answer in JSON")
    release(maintainer)
    maintainer.write("schemas/answer.schema.json", '{"type": "object", "required": ["a"]}')
    maintainer.commit("Always say a")
    release(maintainer)
    version = tags(maintainer)[-1].rpartition("/v")[2]
    assert "Always say a" in tag(maintainer, version).notes


def test_many_commits_are_counted(maintainer: Person) -> None:
    release(maintainer)
    for number in range(23):
        maintainer.write(PATH, PROMPT.replace("You sort", f"You sort {number} times"))
        maintainer.commit(f"change {number}")
    release(maintainer)
    notes = tag(maintainer, "0.1.1").notes
    assert "change 22" in notes
    assert "change 2\n" not in notes
    assert notes.endswith("- and 3 more")


def test_a_release_is_withdrawn(maintainer: Person, tmp_path: Path) -> None:
    bare_remote(tmp_path / "r.git", of=Repo(maintainer.cwd))
    maintainer.git("push", "--quiet", "origin", "main")
    release(maintainer)
    reword(maintainer, "You sort", "You gently sort", "Gently")
    maintainer.git("push", "--quiet", "origin", "main")
    release(maintainer)
    said = maintainer.onbook("yank", ID, "0.1.1", "--reason", "answers in\nFrench", "--push")
    assert "support/triage 0.1.1 is withdrawn by support/triage/v0.1.1.yanked" in said
    assert "answers in French" in maintainer.git("cat-file", "tag", f"{ID}/v0.1.1.yanked")
    remote = Person(tmp_path / "r.git")
    # The release itself went along, so that the remote knows what was withdrawn.
    assert remote.git("tag").split() == [f"{ID}/v0.1.1", f"{ID}/v0.1.1.yanked"]
    reader = person(tmp_path / "reader", repository=False)
    maintainer.git("push", "--quiet", "--tags")
    assert reader.report("fetch", f"{ID}@^0.1", "--from", str(tmp_path / "r.git"))["data"]["version"] == "0.1.0"
    assert "  withdrawn: answers in French\n" in maintainer.onbook("log", ID)
    rows = maintainer.report("log", ID)["data"]["releases"]
    assert [row["reason"] for row in rows] == ["answers in French", None]
    assert "was withdrawn" in reader.onbook("fetch", f"{ID}@0.1.1", "--from", str(tmp_path / "r.git"))
    # The next release takes no number twice.
    reword(maintainer, "gently", "very gently", "Very")
    maintainer.git("push", "--quiet", "origin", "main")
    assert maintainer.report("release", exits=0)["data"]["tags"][0]["version"] == "0.1.2"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((ID, "0.9.0", "--reason", "x"), "0.9.0 is not released here\n  there are: 0.1.0"),
        (("other", "0.1.0", "--reason", "x"), "is not released here"),
        ((ID, "0.1.0", "--reason", "  "), "withdrawn for a reason"),
        ((ID, "^0.1", "--reason", "x"), "is not a version"),
        (("Other", "0.1.0", "--reason", "x"), "no legal prompt id"),
        ((ID, "0.1.0"), "--reason"),
    ],
)
def test_what_cannot_be_withdrawn(maintainer: Person, args: tuple[str, ...], told: str) -> None:
    release(maintainer)
    assert told in maintainer.onbook("yank", *args, exits=2)
    assert tags(maintainer) == [f"{ID}/v0.1.0"]


def test_whoever_releases_may_have_a_name_that_is_no_utf_8(maintainer: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """As git has it, so does the tag."""
    monkeypatch.setenv("GIT_COMMITTER_NAME", "M\udcfcller")
    release(maintainer)
    raw = subprocess.run(
        ["git", "cat-file", "tag", f"{ID}/v0.1.0"], cwd=maintainer.cwd, capture_output=True, check=True
    ).stdout
    assert b"\ntagger M\xfcller <" in raw
    assert [row["version"] for row in maintainer.report("log", ID)["data"]["releases"]] == ["0.1.0"]


def test_what_is_no_release_is_not_withdrawn(maintainer: Person) -> None:
    release(maintainer)
    for version, target in {"1.0.0": "HEAD^{tree}", "2.0.0": f"{ID}/v0.1.0"}.items():
        maintainer.git("tag", "--annotate", "--message", "by hand", f"{ID}/v{version}", target)
        said = maintainer.onbook("yank", ID, version, "--reason", "x", exits=1)
        assert f"{ID}/v{version} does not point at a commit, and is no release\n  " in said


def test_twice_and_at_two_places(maintainer: Person, tmp_path: Path) -> None:
    bare_remote(tmp_path / "r.git", of=Repo(maintainer.cwd))
    maintainer.git("push", "--quiet", "origin", "main")
    release(maintainer, "--push")
    other = Person(clone(tmp_path / "r.git", tmp_path / "other").path)
    maintainer.onbook("yank", ID, "0.1.0", "--reason", "mine", "--push")
    assert "withdrawn already" in maintainer.onbook("yank", ID, "v0.1.0", "--reason", "x", exits=2)
    said = other.onbook("yank", ID, "0.1.0", "--reason", "theirs", "--push", exits=1)
    assert "origin has support/triage/v0.1.0.yanked already" in said
    assert other.git("tag").split() == [f"{ID}/v0.1.0"]
    row = json.loads(maintainer.onbook("log", ID, "--format", "json"))["data"]["releases"][0]
    assert row["yanked"] is True


CASES = """\
{"id": "failed", "inputs": {"ticket": "x"}, "assert": [{"contains": "z"}]}
{"id": "missing", "inputs": {"ticket": "y"}, "assert": [{"contains": "z"}]}
"""


def record(who: Person) -> None:
    """Two cases, and an answer to the first of them."""
    cases = "prompts/support/triage.cases.jsonl"
    who.write(cases, CASES.splitlines(keepends=True)[0])
    echo.record(who.cwd)
    who.write(cases, CASES)


@pytest.mark.parametrize(
    ("open_gates", "exits"), [((), 1), (("tests",), 3), (("unchecked",), 1), (("tests", "unchecked"), 0)]
)
def test_what_failed_and_what_is_missing_are_held_by_gates_of_their_own(
    maintainer: Person, open_gates: tuple[str, ...], exits: int
) -> None:
    record(maintainer)
    settings = ", ".join(f"{gate} = false" for gate in ("lint", *open_gates))
    maintainer.write("onbook.toml", f"gates = {{{settings}}}\n")
    maintainer.commit("Test it")
    row = maintainer.report("test", exits=1)["data"]["prompts"][0]
    assert (row["failed"], row["missing"]) == (1, 1)
    found = maintainer.report("release", exits=exits)
    slugs = {finding["slug"] for check in found["checks"] for finding in check["findings"]}
    assert slugs >= set({0: (), 1: ("case-failed", "recording-missing"), 3: ("recording-missing",)}[exits])
    assert exits != 3 or "case-failed" not in slugs
    assert bool(tags(maintainer)) == (exits == 0)


def test_a_wrong_case_is_held_by_either_gate(maintainer: Person) -> None:
    record(maintainer)
    maintainer.edit("prompts/support/triage.cases.jsonl", '{"contains": "z"}]}\n{', '{"contians": "z"}]}\n{')
    for gates, exits in (("unchecked = false", 3), ("tests = false", 3), ("tests = false, unchecked = false", 0)):
        maintainer.write("onbook.toml", f"gates = {{lint = false, {gates}}}\n")
        maintainer.commit("A misspelt assertion")
        maintainer.onbook("release", exits=exits)


def test_a_dry_run_tells_what_is_then_written_byte_for_byte(maintainer: Person, tmp_path: Path) -> None:
    bare_remote(tmp_path / "r.git", of=Repo(maintainer.cwd))
    maintainer.git("push", "--quiet", "origin", "main")
    release(maintainer)
    maintainer.write("prompts/other.prompt.yml", PROMPT)
    reword(maintainer, "You sort", "You gently sort", "Be gentle\u2028and kind")
    maintainer.git("push", "--quiet", "origin", "main")
    dry = maintainer.report("release", "--dry-run", "--push")
    assert len(dry["data"]["tags"]) == 2
    assert dry["data"]["push"]["refs"] == [
        f"refs/tags/{name}" for name in (f"{ID}/v0.1.0", "other/v0.1.0", f"{ID}/v0.1.1")
    ]
    told = {}
    who = maintainer.git("var", "GIT_COMMITTER_IDENT").strip()  # the tests' clock stands still
    for row in dry["data"]["tags"]:
        head = f"object {dry['head']}\ntype commit\ntag {row['tag']}\ntagger {who}\n\n"
        told[row["ref"]] = head + row["message"]
    printed = maintainer.onbook("release", "--dry-run")
    assert "dry run: nothing was written" in printed
    for row in dry["data"]["tags"]:
        for line in row["message"].splitlines():
            assert not line.isprintable() or line in printed
    made = maintainer.report("release", "--push")["data"]["tags"]
    assert [row["tag"] for row in made] == [row["tag"] for row in dry["data"]["tags"]]
    for ref, payload in told.items():
        assert maintainer.git("cat-file", "tag", ref) == payload
        assert Person(tmp_path / "r.git").git("cat-file", "tag", ref) == payload
    assert Repo(tmp_path / "r.git").tags() == Repo(maintainer.cwd).tags()


def test_a_dry_run_tells_what_an_interrupted_release_left(maintainer: Person) -> None:
    release(maintainer)
    found = Repo(maintainer.cwd).tags()
    oid = found[f"{ID}/v0.1.0"]
    maintainer.git("tag", "--delete", f"{ID}/v0.1.0")
    (maintainer.cwd / ".git/onbook/release.json").write_text(
        json.dumps({"version": 1, "remote": None, "refs": {f"refs/tags/{ID}/v0.1.0": oid}})
    )
    told = maintainer.onbook("release", "--dry-run")
    assert f"the next release first completes {ID}/v0.1.0, which an interrupted release had left" in told
    # What that one releases is nothing that this one would release again.
    planned = maintainer.report("release", "--dry-run")["data"]
    assert (planned["tags"], [row["tag"] for row in planned["completed"]]) == ([], [f"{ID}/v0.1.0"])
    assert Repo(maintainer.cwd).tags() == {}
    done = maintainer.report("release")["data"]
    assert [(row["tag"], row["version"], row["bump"]) for row in done["completed"]] == [
        (f"{ID}/v0.1.0", "0.1.0", "initial")
    ]
    assert done["tags"] == []
    assert Repo(maintainer.cwd).tags() == found


def test_a_dry_run_goes_on_from_what_an_interrupted_release_left(maintainer: Person) -> None:
    release(maintainer)
    oid = Repo(maintainer.cwd).tags()[f"{ID}/v0.1.0"]
    maintainer.git("tag", "--delete", f"{ID}/v0.1.0")
    journal = maintainer.cwd / ".git/onbook/release.json"
    left = json.dumps({"version": 1, "remote": None, "refs": {f"refs/tags/{ID}/v0.1.0": oid}})
    journal.write_text(left)
    reword(maintainer, "You sort", "You carefully sort", "Sort carefully")
    planned = maintainer.report("release", "--dry-run")["data"]["tags"]
    assert [(row["tag"], row["bump"]) for row in planned] == [(f"{ID}/v0.1.1", "minor")]
    # An object that git has cleaned up meanwhile cannot be completed, and is not counted on.
    journal.write_text(left.replace(oid, "1" * 40))
    told = maintainer.report("release", "--dry-run")["data"]
    assert ([row["tag"] for row in told["tags"]], told["completed"]) == ([f"{ID}/v0.1.0"], [])
    journal.write_text(left)
    done = maintainer.report("release")["data"]
    assert [row["tag"] for row in done["tags"]] == [row["tag"] for row in planned]
    made = maintainer.git("cat-file", "tag", f"{ID}/v0.1.1").partition("\n\n")[2]
    assert made.strip() == planned[0]["message"].strip()


def test_lint_tells_an_environment_that_runs_what_was_withdrawn(maintainer: Person, tmp_path: Path) -> None:
    release(maintainer)
    maintainer.onbook("deploy", "production", ID, "0.1.0", "--commit")
    for _ in range(2):  # the second remembers what the prompts are
        assert "ON62" not in maintainer.onbook("lint")
    maintainer.onbook("yank", ID, "0.1.0", "--reason", "answers in French")
    told = maintainer.onbook("lint", exits=1)
    assert f"ON621 {ID} 0.1.0 was withdrawn" in told
    assert "prompts/_environments/production.yml:" in told
    assert "ON621" not in maintainer.onbook("lint", ID), "only this prompt was asked for"
    shallow = Person(clone(f"file://{maintainer.cwd}", tmp_path / "shallow", "--depth=1", "--no-tags").path)
    assert "cannot be told in a shallow clone" in shallow.onbook("lint", exits=3)
    waiver = '[[waivers]]\nrule = "ON621"\nuntil = 2999-01-01\nreason = "0.1.1 comes on Monday"\n'
    maintainer.write("onbook.toml", f"gates = {{lint = false}}\n{waiver}")
    maintainer.onbook("lint")
