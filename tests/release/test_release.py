"""Releases are tags: what is written, when nothing is, and what a killed run leaves to the next one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from onbook import release
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.manifest import TagObject, digest, sha256
from onbook.repo import Repository
from onbook.repo.journal import JOURNAL, locked
from onbook.report import Status
from support.git import PROMPT, Repo, bare_remote, clone, new_repo

TRIAGE = "prompts/support/triage.prompt.yml"
REWORDED = PROMPT.replace("You sort", "You carefully sort")
REFUSE = """#!/bin/sh
case "$1" in refs/tags/review/*) echo "not this one" >&2; exit 1;; esac
"""


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    found = new_repo(tmp_path / "repo")
    found.commit({TRIAGE: PROMPT, "prompts/review.prompt.yml": PROMPT})
    return found


def open_(repo: Repo) -> Repository:
    return Repository.discover(repo.path)


def make(repo: Repo, *ids: str, remote: str | None = None, revision: str = "HEAD") -> list[str]:
    """Release as the command does, and return the tags."""
    found = open_(repo)
    release.recover(found)
    plan = release.plan(found, ids, revision=revision)
    assert plan.report.status is Status.PASSED, plan.report.findings
    release.apply(found, plan, remote=remote)
    return [item.tag.name for item in plan.releases]


def tag(repo: Repo, name: str) -> TagObject:
    return TagObject.parse(repo.git("cat-file", "tag", name).encode() + b"\n", name)


def journal(repo: Repo) -> Path:
    return repo.path / ".git/onbook" / JOURNAL


def test_first_release_then_nothing_then_a_bump(repo: Repo) -> None:
    assert make(repo) == ["review/v0.1.0", "support/triage/v0.1.0"]
    first = repo.tags()
    assert make(repo) == []
    assert repo.tags() == first
    repo.commit({"README.md": "no prompt"})
    assert make(repo) == []
    repo.commit({TRIAGE: REWORDED})
    assert make(repo) == ["support/triage/v0.1.1"]
    repo.commit({TRIAGE: REWORDED.replace("[ticket]", "[ticket, tone]")})
    assert make(repo) == ["support/triage/v0.2.0"]
    manifests = [tag(repo, f"support/triage/v{version}").manifest("") for version in ("0.1.0", "0.1.1", "0.2.0")]
    assert [(found.bump, found.previous) for found in manifests] == [
        ("initial", None), ("minor", "0.1.0"), ("major", "0.1.1"),
    ]  # fmt: skip
    assert manifests[2].rules
    assert manifests[0].tests == "no cases"
    assert not journal(repo).exists()


def test_a_tag_is_what_git_and_we_say_it_is(repo: Repo) -> None:
    including = (
        "templateFormat: jinja2\nmessages:\n- {role: user, content: \"{% include '_shared/t\u00f6ne of.md' %}\"}\n"
    )
    repo.commit(
        {
            "prompts/a.prompt.yml": including,
            "prompts/_shared/t\u00f6ne of.md": "Be kind.\r\n",
        }
    )
    make(repo)
    for name, oid in repo.tags().items():
        assert repo.git("cat-file", "-t", oid) == "tag"
        found = tag(repo, name)
        assert (found.name, found.type, found.target) == (name, "commit", repo.git("rev-parse", "HEAD"))
        assert found.tagger == "Onbook Tests <tests@example.com> 1700000000 +0000"
        manifest = found.manifest(name)
        assert manifest.digest == digest(manifest.files)
        for file in manifest.files:
            mode, kind, blob = repo.git("ls-tree", "-z", "HEAD", "--", file.path).split("\t")[0].split(" ")
            assert (mode, kind, blob) == (file.mode, "blob", file.blob)
            raw = subprocess.run(
                ["git", "cat-file", "blob", blob], cwd=repo.path, capture_output=True, check=True
            ).stdout
            assert sha256(raw) == file.sha256
    assert len(tag(repo, "a/v0.1.0").manifest("").files) == 2
    repo.git("fsck", "--strict", "--no-dangling")
    # Git's own reading of the trailers is ours.
    printed = repo.git("for-each-ref", "--format=%(contents:trailers:key=Onbook-Digest,valueonly)", "refs/tags/a")
    assert printed.strip() == tag(repo, "a/v0.1.0").manifest("").digest


def test_line_ends_in_the_work_tree_change_no_release(repo: Repo) -> None:
    repo.git("config", "core.autocrlf", "true")
    make(repo)
    (repo.path / TRIAGE).write_bytes(PROMPT.replace("\n", "\r\n").encode())
    assert make(repo) == []


def test_a_dry_run_writes_nothing(repo: Repo) -> None:
    files = sorted((repo.path / ".git").rglob("*"))
    count = repo.objects()
    plan = release.plan(open_(repo))
    assert [item.tag.name for item in plan.releases] == ["review/v0.1.0", "support/triage/v0.1.0"]
    assert "Onbook-File: 100644" in plan.releases[0].message
    assert (sorted((repo.path / ".git").rglob("*")), repo.objects()) == (files, count)


def test_only_what_is_named(repo: Repo) -> None:
    assert make(repo, "review") == ["review/v0.1.0"]
    with pytest.raises(UsageError, match="there is no prompt 'reviw'"):
        make(repo, "reviw")


def test_a_declared_version(repo: Repo) -> None:
    repo.commit({TRIAGE: f"version: 1.0.0\n{PROMPT}"})
    assert make(repo, "support/triage") == ["support/triage/v1.0.0"]
    repo.commit({TRIAGE: f"version: 1.0.0\n{REWORDED}"})
    with pytest.raises(UsageError, match=r"version 1\.0\.0 is too small") as caught:
        make(repo, "support/triage")
    assert caught.value.place == f"{TRIAGE}:1:10"
    assert caught.value.hint == "set 1.1.0 or delete the key"
    repo.commit({TRIAGE: f"version: 2.0.0\n{REWORDED}"})
    assert make(repo, "support/triage") == ["support/triage/v2.0.0"]


def test_a_version_that_another_branch_took(repo: Repo) -> None:
    make(repo)
    repo.git("checkout", "--quiet", "-b", "side")
    other = repo.commit({TRIAGE: REWORDED})
    make(repo)
    repo.git("checkout", "--quiet", "main")
    repo.commit({TRIAGE: PROMPT.replace("You sort", "Sort")})
    with pytest.raises(UsageError, match=rf"v0\.1\.1 is taken, by commit {other[:12]}"):
        make(repo)
    repo.git("merge", "--quiet", "-s", "ours", "side")
    assert make(repo) == ["support/triage/v0.1.2"]


def test_drafts_are_passed_over(repo: Repo) -> None:
    repo.commit({TRIAGE: f"{PROMPT}metadata: {{status: draft}}\n"})
    plan = release.plan(open_(repo))
    assert [item.tag.id for item in plan.releases] == ["review"]
    assert [check.status for check in plan.report.checks if check.prompt == "support/triage"] == [Status.SKIPPED]


def test_tag_prefix(repo: Repo) -> None:
    repo.commit({"onbook.toml": 'tagPrefix = "prompts/"\n'})
    assert make(repo, "review") == ["prompts/review/v0.1.0"]
    assert tag(repo, "prompts/review/v0.1.0").name == "prompts/review/v0.1.0"
    assert make(repo, "review") == []


def test_odd_tags_of_others_are_in_nobodys_way(repo: Repo) -> None:
    tree = repo.git("rev-parse", "HEAD^{tree}")
    for name, target in (
        ("support/triage/v9.0.0", tree), ("v1.0.0", "HEAD"), ("a\u2028b", "HEAD"), ("x\u0085/v1.0.0", "HEAD"),
    ):  # fmt: skip
        repo.git("tag", name, target)
    assert make(repo) == ["review/v0.1.0", "support/triage/v0.1.0"]


def test_gate_lint_and_faults_that_hide_no_others(repo: Repo) -> None:
    repo.commit({TRIAGE: PROMPT.replace("{{ticket}}", "{{tickt}}")})
    plan = release.plan(open_(repo))
    assert plan.report.status is Status.FAILED
    repo.commit({TRIAGE: "messages: [\n"})
    plan = release.plan(open_(repo))
    assert plan.report.status is Status.FAILED
    assert [item.tag.id for item in plan.releases] == ["review"]
    (finding,) = [found for found in plan.report.findings if found.severity == "error"]
    assert finding.path == TRIAGE
    assert finding.line
    repo.commit({"onbook.toml": "[gates]\nlint = false\n"})
    assert release.plan(open_(repo)).report.status is not Status.PASSED


def test_gate_missing_recordings(repo: Repo) -> None:
    repo.commit({"prompts/support/triage.cases.jsonl": '{"id": "one", "inputs": {"ticket": "x"}}\n'})
    assert release.plan(open_(repo)).report.status is Status.UNCHECKED
    repo.commit({"onbook.toml": "[gates]\nunchecked = false\n"})
    make(repo, "support/triage")
    assert tag(repo, "support/triage/v0.1.0").manifest("").tests == "1 missing"


def test_gate_proxy(repo: Repo) -> None:
    repo.commit(
        {
            "prompts/support/triage.cases.jsonl": '{"id": "one", "inputs": {"ticket": "x"}}\n',
            "prompts/support/triage.suite.yml": "models: [other/model]\n",
        }
    )
    assert release.plan(open_(repo)).report.status is Status.UNCHECKED
    repo.commit({"onbook.toml": "[gates]\nunchecked = false\n"})
    assert release.plan(open_(repo), ["support/triage"]).report.status is Status.PASSED


def test_gate_unproven(repo: Repo) -> None:
    def patterned(pattern: str) -> str:
        return PROMPT.replace("tone: {type: string}", f"tone: {{type: string, pattern: '{pattern}'}}")

    repo.commit({TRIAGE: patterned("^(?!a)[a-z]*$")})
    make(repo)
    repo.commit({TRIAGE: patterned("^(?!a)[a-z]{0,400}$")})
    plan = release.plan(open_(repo))
    (found,) = plan.releases
    if found.found.proved:
        pytest.skip("the covering check decided this one")
    assert plan.report.status is Status.FAILED
    repo.commit({"onbook.toml": "[gates]\ndiff = false\n"})
    assert make(repo) == [found.tag.name]


def test_a_base_that_cannot_be_read_is_told(repo: Repo) -> None:
    repo.commit({"onbook.toml": "[gates]\nlint = false\n"})
    bad = repo.commit({TRIAGE: "messages: nonsense\n"})
    repo.write_tag("support/triage/v0.1.0", "by hand\n", target=bad)
    repo.commit({TRIAGE: PROMPT})
    plan = release.plan(open_(repo), ["support/triage"])
    assert plan.report.status is Status.UNCHECKED
    (finding,) = plan.report.findings
    assert finding.message.startswith("cannot be compared with 0.1.0: ")


def test_release_branch(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    main = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "-b", "side")
    side = repo.commit({TRIAGE: REWORDED})
    # Nothing here says which branch the remote's HEAD is: the remote is asked.
    assert not (repo.path / ".git/refs/remotes/origin/HEAD").exists()
    with pytest.raises(UsageError, match=f"{side[:12]} is not on main"):
        release.plan(open_(repo))
    repo.git("checkout", "--quiet", "--detach", main)
    release.plan(open_(repo))
    repo.git("checkout", "--quiet", "side")
    repo.commit({"onbook.toml": '[release]\nbranch = "release"\n'})
    repo.git("branch", "release/1.0")
    with pytest.raises(UsageError, match="is not on release, from"):
        release.plan(open_(repo))
    repo.git("branch", "-m", "release/1.0", "release")
    release.plan(open_(repo))
    (repo.path / "onbook.toml").unlink()
    repo.commit()
    remote.path.rename(tmp_path / "away")
    with pytest.raises(OnbookError, match=r"not known(.|\n)*set release\.branch"):
        release.plan(open_(repo))


def test_a_shallow_clone_is_told_what_to_fetch(repo: Repo, tmp_path: Path) -> None:
    make(repo)
    repo.commit({TRIAGE: REWORDED})
    for options in (["--depth=1"], ["--depth=1", "--no-tags"]):
        shallow = clone(f"file://{repo.path}", tmp_path / "-".join(["s", *options]), *options)
        with pytest.raises(OnbookError, match=r"shallow clone: none is seen\n  run `git fetch --unshallow --tags`"):
            release.plan(open_(shallow))
    shallow.git("fetch", "--quiet", "--depth=1", "origin", "refs/tags/*:refs/tags/*")
    with pytest.raises(OnbookError, match=r"none is seen|may be one"):
        release.plan(open_(shallow))
    shallow.git("fetch", "--quiet", "--unshallow", "--tags")
    assert make(shallow) == ["support/triage/v0.1.1"]


def test_a_shallow_clone_that_holds_the_base(repo: Repo, tmp_path: Path) -> None:
    make(repo)
    repo.commit({TRIAGE: REWORDED})
    make(repo)
    shallow = clone(f"file://{repo.path}", tmp_path / "shallow", "--depth=1")
    assert make(shallow, "support/triage") == []
    # A higher one that is here and not seen to be an ancestor: who knows.
    repo.write_tag("support/triage/v1.0.0", "x\n", target="HEAD^")
    shallow.git("fetch", "--quiet", "--depth=1", "origin", "refs/tags/*:refs/tags/*")
    with pytest.raises(OnbookError, match=r"support/triage/v1\.0\.0 may be one"):
        release.plan(open_(shallow), ["support/triage"])


def test_without_commits(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no commits yet"):
        release.plan(open_(new_repo(tmp_path / "empty")))


def test_push_and_earlier_tags(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    make(repo)
    assert remote.tags() == {}
    repo.git("tag", "-a", "-m", "mine", "private")
    repo.git("config", "push.followTags", "true")
    repo.commit({TRIAGE: REWORDED})
    assert make(repo, remote="origin") == ["support/triage/v0.1.1"]
    mine = {name: oid for name, oid in repo.tags().items() if name != "private"}
    assert remote.tags() == mine
    assert len(mine) == 3
    assert make(repo, remote="origin") == []
    # Nothing to release, and one was never pushed.
    remote.git("tag", "-d", "review/v0.1.0")
    assert make(repo, remote="origin") == []
    assert remote.tags() == mine


def test_a_refused_tag_takes_all_with_it(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    hook = remote.write("hooks/update", REFUSE)
    hook.chmod(0o755)
    with pytest.raises(IntegrityError, match=r"no tag was written(.|\n)*not this one"):
        make(repo, remote="origin")
    assert (remote.tags(), repo.tags(), journal(repo).exists()) == ({}, {}, False)
    hook.unlink()
    assert len(make(repo, remote="origin")) == 2
    assert remote.tags() == repo.tags()


def test_somebody_released_meanwhile(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    other = clone(remote.path, tmp_path / "other")
    other.git("config", "user.name", "Other")
    mine = release.plan(open_(repo))
    other.commit({"x": "x"})
    other.git("push", "--quiet", "origin", "main")
    make(other, "review", remote="origin")
    count = repo.objects()
    with pytest.raises(IntegrityError, match=r"origin holds another review/v0\.1\.0"):
        release.apply(open_(repo), mine, remote="origin")
    assert (repo.tags(), repo.objects(), len(remote.tags())) == ({}, count, 1)
    # The same here, without a remote.
    twice = release.plan(open_(repo))
    release.apply(open_(repo), mine)
    before = repo.tags()
    with pytest.raises(IntegrityError, match="no tag was written"):
        release.apply(open_(repo), twice)
    assert (repo.tags(), journal(repo).exists()) == (before, False)


def test_a_remote_that_is_away(repo: Repo, tmp_path: Path) -> None:
    repo.commit({"onbook.toml": '[release]\nbranch = "main"\n'})
    repo.git("remote", "add", "origin", str(tmp_path / "nowhere.git"))
    with pytest.raises(OnbookError, match="does not appear to be a git repository"):
        make(repo, remote="origin")
    # Nothing is left that would stand in the way of the next run.
    assert (repo.tags(), journal(repo).exists()) == ({}, False)
    assert len(make(repo)) == 2


def interrupted(repo: Repo, *, remote: str | None, tmp_path: Path) -> dict[str, str]:
    """Leave what a killed run leaves: the tag objects and the journal. Returns ref -> object."""
    scratch = clone(repo.path, tmp_path / "scratch", "--no-tags")
    make(scratch)
    refs = {}
    for name, oid in scratch.tags().items():
        raw = subprocess.run(["git", "cat-file", "tag", oid], cwd=scratch.path, capture_output=True, check=True).stdout
        refs[f"refs/tags/{name}"] = repo.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=raw)
    repo.write(f".git/onbook/{JOURNAL}", json.dumps({"version": 1, "remote": remote, "refs": refs}))
    return refs


@pytest.mark.parametrize("killed", ["after the journal", "after the push", "within the local refs"])
def test_a_killed_run_is_completed(repo: Repo, tmp_path: Path, killed: str) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    refs = interrupted(repo, remote="origin", tmp_path=tmp_path)
    if killed != "after the journal":
        repo.git("push", "--quiet", "origin", *(f"{oid}:{ref}" for ref, oid in refs.items()))
    if killed == "within the local refs":
        repo.git("update-ref", *next(iter(refs.items())))
        repo.write(f".git/{list(refs)[1]}.lock", "")
    foreign = repo.write(".git/refs/tags/other.lock", "")
    with pytest.raises(OnbookError, match="has to be completed first"):
        release.apply(open_(repo), release.plan(open_(repo)))
    done = release.recover(open_(repo))
    assert {f"refs/tags/{name}": oid for name, oid in done.items()} == refs
    assert {f"refs/tags/{name}": oid for name, oid in repo.tags().items()} == refs
    assert remote.tags() == repo.tags()
    assert not journal(repo).exists()
    assert foreign.exists()
    assert release.recover(open_(repo)) == {}
    assert make(repo, remote="origin") == []


def test_a_killed_run_that_somebody_overtook_is_given_up(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    interrupted(repo, remote="origin", tmp_path=tmp_path)
    other = clone(remote.path, tmp_path / "other")
    other.commit({"x": "x"})
    other.git("push", "--quiet", "origin", "main")
    make(other, remote="origin")
    with pytest.raises(IntegrityError, match=r"no tag was written(.|\n)*git fetch origin --tags"):
        release.recover(open_(repo))
    assert (repo.tags(), journal(repo).exists()) == ({}, False)
    repo.git("fetch", "--quiet", "--tags", "origin")
    repo.git("merge", "--quiet", "origin/main")
    assert make(repo, remote="origin") == []


def test_a_journal_waits_for_a_remote_that_is_away(repo: Repo, tmp_path: Path) -> None:
    remote = bare_remote(tmp_path / "remote.git", of=repo)
    repo.git("push", "--quiet", "origin", "main")
    refs = interrupted(repo, remote="origin", tmp_path=tmp_path)
    remote.path.rename(tmp_path / "away")
    with pytest.raises(OnbookError, match="whether the tags reached origin is not known"):
        release.recover(open_(repo))
    assert (repo.tags(), journal(repo).exists()) == ({}, True)
    (tmp_path / "away").rename(remote.path)
    assert len(release.recover(open_(repo))) == len(refs)
    assert remote.tags() == repo.tags()


def test_journals_that_cannot_be_completed(repo: Repo) -> None:
    repo.write(
        f".git/onbook/{JOURNAL}", '{"version": 1, "remote": null, "refs": {"refs/tags/a/v1.0.0": "%s"}}' % ("1" * 40)
    )
    assert release.recover(open_(repo)) == {}
    assert not journal(repo).exists()
    for text in ("{", "[]", '{"version": 1, "remote": null, "refs": 3}'):
        repo.write(f".git/onbook/{JOURNAL}", text)
        with pytest.raises(OnbookError, match="unreadable"):
            release.recover(open_(repo))


def test_one_release_at_a_time(repo: Repo) -> None:
    plan = release.plan(open_(repo))
    with locked(open_(repo)), pytest.raises(OnbookError, match="another release runs"):
        release.apply(open_(repo), plan)
    # Somebody else's lock on a ref is left, and nothing is written.
    foreign = repo.write(".git/refs/tags/review/v0.1.0.lock", "")
    with pytest.raises(IntegrityError, match="no tag was written"):
        release.apply(open_(repo), plan)
    assert (repo.tags(), foreign.exists(), journal(repo).exists()) == ({}, True, False)


def test_from_a_linked_work_tree(repo: Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    assert len(make(Repo(tmp_path / "linked"))) == 2
    assert len(repo.tags()) == 2


def test_a_bare_repository(repo: Repo, tmp_path: Path) -> None:
    bare = clone(repo.path, tmp_path / "bare.git", "--bare")
    bare.git("remote", "remove", "origin")
    assert len(make(bare)) == 2


def test_a_name_that_no_trailer_can_hold(repo: Repo) -> None:
    name = "prompts/two\nlines.jsonl"
    repo.commit(
        {name: '{"inputs": {"ticket": "x"}, "output": "y"}\n', TRIAGE: PROMPT + 'examples: "../two\\nlines.jsonl"\n'}
    )
    with pytest.raises(UsageError, match="cannot be released"):
        release.plan(open_(repo), ["support/triage"])


def test_no_name_for_the_tagger(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = release.plan(open_(repo))
    monkeypatch.delenv("GIT_COMMITTER_NAME")
    monkeypatch.delenv("GIT_COMMITTER_EMAIL")
    repo.git("config", "user.useConfigOnly", "true")
    with pytest.raises(OnbookError, match="does not know who you are"):
        release.apply(open_(repo), plan)
    assert repo.tags() == {}
