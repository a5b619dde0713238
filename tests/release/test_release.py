"""Releases are tags: what is written, and when nothing is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from onbook import release
from onbook.errors import OnbookError, UsageError
from onbook.manifest import digest, sha256
from onbook.report import Status
from support.git import PROMPT, Repo, clone, new_repo
from support.releasing import REWORDED, TRIAGE, journal, make, open_, tag, two_prompts


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return two_prompts(tmp_path / "repo")


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


def test_without_commits(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no commits yet"):
        release.plan(open_(new_repo(tmp_path / "empty")))


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
