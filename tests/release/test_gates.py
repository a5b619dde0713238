"""What holds a release back: gates, the branch, history that is not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from onbook import release
from onbook.errors import OnbookError, UsageError
from onbook.report import Status
from support.git import PROMPT, Repo, bare_remote, clone, release_by_hand
from support.releasing import REWORDED, TRIAGE, make, open_, tag, two_prompts


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return two_prompts(tmp_path / "repo")


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
    release_by_hand(repo, "support/triage", "0.1.0", target=bad)
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
    release_by_hand(repo, "support/triage", "1.0.0", target="HEAD^")
    repo.write_tag("support/triage/v1.1.0", "no release, so that it does not matter\n", target="HEAD^")
    shallow.git("fetch", "--quiet", "--depth=1", "origin", "refs/tags/*:refs/tags/*")
    with pytest.raises(OnbookError, match=r"support/triage/v1\.0\.0 may be one"):
        release.plan(open_(shallow), ["support/triage"])
