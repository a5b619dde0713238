"""Git as people really use it, each way through the installed console script: branches, CI, races."""

from __future__ import annotations

import threading
from pathlib import Path

from support.authors import ID, PATH, author, cloned, published, released, reword
from support.console import Person, person
from support.git import PROMPT, Repo
from support.warm import onbook


class TestBranches:
    def test_two_branches_that_changed_the_same_prompt(self, tmp_path: Path) -> None:
        who = author(tmp_path / "a")
        released(who)
        who.git("checkout", "--quiet", "-b", "side")
        who.edit(PATH, "Sort this ticket", "Please sort this ticket")
        who.edit(PATH, "required: [ticket]", "required: [ticket, tone]")
        who.commit("Ask for the tone")
        who.git("checkout", "--quiet", "main")
        reword(who, "quickly")
        assert released(who) == ["support/triage/v0.1.1"]
        who.git("merge", "--quiet", "--no-edit", "side")
        # Measured from the release on this side: what the other brought, and its own version.
        row = who.report("diff")["data"]["prompts"][0]
        assert (row["base_version"], row["next_version"]) == ("0.1.1", "0.2.0")
        assert released(who) == ["support/triage/v0.2.0"]
        assert "Ask for the tone" in who.git("cat-file", "tag", "support/triage/v0.2.0")

    def test_both_were_released_and_merge(self, tmp_path: Path) -> None:
        who = author(tmp_path / "a")
        released(who)
        who.git("checkout", "--quiet", "-b", "side")
        who.edit(PATH, "Sort this ticket", "Please sort this ticket")
        who.commit("Please")
        assert released(who) == ["support/triage/v0.1.1"]
        who.git("checkout", "--quiet", "main")
        reword(who, "quickly")
        said = who.onbook("release", exits=2)
        assert "tag support/triage/v0.1.1 is taken, by commit" in said
        assert "merge that history first" in said
        who.git("merge", "--quiet", "--no-edit", "side")
        assert released(who) == ["support/triage/v0.1.2"]
        assert released(who) == []

    def test_a_merge_conflict_in_a_prompt_is_told_where_it_stands(self, tmp_path: Path) -> None:
        who = author(tmp_path / "a")
        released(who)
        who.git("checkout", "--quiet", "-b", "side")
        reword(who, "slowly")
        who.git("checkout", "--quiet", "main")
        reword(who, "quickly")
        who.git("merge", "--quiet", "side", exits=1)
        assert f"{PATH}:3" in who.onbook("lint", exits=1)
        who.write(PATH, PROMPT.replace("You sort", "You quickly but not too slowly sort"))
        who.commit("Merge")
        assert released(who) == ["support/triage/v0.1.1"]

    def test_amended_and_rebased_after_a_tag(self, tmp_path: Path) -> None:
        who = author(tmp_path / "a")
        released(who)
        reword(who, "gently")
        assert released(who) == ["support/triage/v0.1.1"]
        who.edit(PATH, "gently", "very gently")
        who.git("commit", "--quiet", "--all", "--amend", "--no-edit")
        # The released commit is in nobody's history now, and its version stays taken.
        said = who.onbook("release", exits=2)
        assert "tag support/triage/v0.1.1 is taken" in said
        assert "which is not in this history" in said
        who.edit(PATH, "messages:", "version: 0.1.2\nmessages:")
        who.commit("Declare")
        assert released(who) == ["support/triage/v0.1.2"]
        who.git("checkout", "--quiet", "-b", "topic", "HEAD~2")
        who.write("README.md", "x")
        who.commit("Elsewhere")
        who.git("checkout", "--quiet", "main")
        who.git("rebase", "--quiet", "topic")
        said = who.onbook("release", exits=2)
        assert "is taken" in said

    def test_a_release_without_change_does_nothing(self, tmp_path: Path) -> None:
        who, remote = published(tmp_path)
        for _ in range(2):
            assert released(who, "--push") == []
            assert "nothing to release" in who.onbook("release")
        who.write("README.md", "x")
        who.commit("No prompt")
        who.git("push", "--quiet")
        assert released(who, "--push") == []
        fresh = cloned(remote, tmp_path / "fresh")
        assert released(fresh, "--push") == []
        assert remote.git("tag").split() == ["support/triage/v0.1.0"]


class TestContinuousIntegration:
    """As actions/checkout makes a clone."""

    def test_depth_one(self, tmp_path: Path) -> None:
        who, remote = published(tmp_path)
        reword(who, "gently")
        who.git("push", "--quiet")
        runner = cloned(remote, tmp_path / "runner", "--depth=1", "--no-tags")
        for command in (["release"], ["release", "--dry-run"], ["diff"]):
            said = runner.onbook(*command, exits=3)
            assert "shallow clone" in said
            assert "git fetch --unshallow --tags" in said
            assert "fetch-depth: 0" in said
            assert "no file" not in said
        said = runner.onbook("diff", "HEAD~1..HEAD", exits=2)
        assert "git fetch --unshallow --tags" in said
        said = runner.onbook("diff", "support/triage/v0.1.0..HEAD", exits=2)
        assert "git fetch --unshallow --tags" in said
        said = runner.onbook("log", ID, exits=3)
        assert "no releases yet" not in said
        assert "git fetch --unshallow --tags" in said
        said = runner.onbook("deploy", "production", ID, "0.1.0", exits=2)
        assert "git fetch" in said
        runner.git("fetch", "--quiet", "--unshallow", "--tags")
        assert released(runner, "--push") == ["support/triage/v0.1.1"]

    def test_a_detached_head(self, tmp_path: Path) -> None:
        who, remote = published(tmp_path)
        reword(who, "gently")
        who.git("push", "--quiet")
        sha = who.git("rev-parse", "HEAD").strip()
        runner = person(tmp_path / "runner")
        runner.git("remote", "add", "origin", f"file://{remote.cwd}")
        runner.git("fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        runner.git("checkout", "--quiet", "--detach", sha)
        assert released(runner, "--push") == ["support/triage/v0.1.1"]
        # A job on the tag itself looks at what was released there.
        runner.git("checkout", "--quiet", "--detach", "refs/tags/support/triage/v0.1.0")
        assert released(runner, "--push") == []
        runner.onbook("lint")
        assert runner.report("diff")["data"]["prompts"] == []

    def test_a_pull_request_is_not_released(self, tmp_path: Path) -> None:
        who, remote = published(tmp_path)
        who.git("checkout", "--quiet", "-b", "topic")
        reword(who, "gently")
        who.git("push", "--quiet", "origin", "topic")
        runner = cloned(remote, tmp_path / "runner")
        runner.git("checkout", "--quiet", "--detach", "origin/topic")
        assert "is not on main, from which releases are made" in runner.onbook("release", exits=2)

    def test_tags_without_their_commits(self, tmp_path: Path) -> None:
        who, remote = published(tmp_path)
        reword(who, "gently")
        released(who)
        who.git("push", "--quiet", "--tags", "origin", "main")
        runner = cloned(remote, tmp_path / "runner", "--depth=1", "--no-tags")
        # Only the tag objects: their commits lie beyond the cut, or were left out.
        runner.git("fetch", "--quiet", "--depth=1", "--filter=tree:0", "origin", "+refs/tags/*:refs/tags/*")
        assert released(runner) == []
        runner.edit(PATH, "gently", "very gently")
        runner.commit("Very")
        assert released(runner) == ["support/triage/v0.1.2"]

    def test_tags_whose_objects_are_gone(self, tmp_path: Path) -> None:
        who = author(tmp_path / "a")
        released(who)
        (who.cwd / ".git/refs/tags/support/triage/v0.0.9").write_text("1" * 40 + "\n")
        said = who.onbook("release", "--dry-run", exits=3)
        assert "v0.0.9" in said
        assert "git fsck" in said


class TestRollback:
    def test_from_a_fresh_clone(self, tmp_path: Path) -> None:
        who, remote = published(tmp_path)
        who.onbook("deploy", "production", ID, "0.1.0", "--commit")
        reword(who, "gently")
        who.git("push", "--quiet")
        released(who, "--push")
        who.onbook("deploy", "production", ID, "0.1.1", "--commit")
        who.git("push", "--quiet")
        fresh = cloned(remote, tmp_path / "fresh")
        fresh.onbook("rollback", "production", ID, "--commit")
        fresh.git("push", "--quiet")
        row = fresh.report("status")["data"]["deployments"][0]
        assert row["stable"]["version"] == "0.1.0"
        assert row["by"] == "Onbook Tests"
        who.git("pull", "--quiet")
        who.write("README.md", "x")
        who.commit("Something else")
        who.git("push", "--quiet")
        shallow = cloned(remote, tmp_path / "shallow", "--depth=1", "--no-tags")
        row = shallow.report("status")["data"]["deployments"][0]
        assert (row["stable"]["version"], row["by"], row["at"]) == ("0.1.0", "", ""), "not the author of the cut"
        said = shallow.onbook("rollback", "production", ID, exits=2)
        assert "git fetch --unshallow --tags" in said


class TestRaces:
    def test_two_clones(self, tmp_path: Path) -> None:
        who, remote = published(tmp_path)
        for number in range(20):
            who.write(f"prompts/p{number}.prompt.yml", PROMPT)
        who.commit("More prompts")
        who.git("push", "--quiet")
        one, two = (cloned(remote, tmp_path / name) for name in ("one", "two"))
        two.git("config", "user.name", "Two")
        # Each would tag alike otherwise, byte for byte, and nobody would lose.
        two.write("README.md", "x")
        two.commit("Two was here")
        two.git("push", "--quiet")
        # Both have looked at what is there before either has written.
        hook = Repo(remote.cwd).write("hooks/pre-receive", "#!/bin/sh\nsleep 2\n")
        hook.chmod(0o755)
        done = together([one, "release", "--push"], [two, "release", "--push"])
        codes = sorted(code for code, _ in done)
        assert codes == [0, 1], done
        (lost,) = [told for code, told in done if code]
        assert "no tag was written" in lost
        assert "git fetch origin --tags" in lost
        hook.unlink()
        winner, loser = (one, two) if done[0][0] == 0 else (two, one)
        assert Repo(remote.cwd).tags() == Repo(winner.cwd).tags()
        assert len(Repo(winner.cwd).tags()) == 21
        assert Repo(loser.cwd).tags().keys() == {"support/triage/v0.1.0"}
        loser.git("fetch", "--quiet", "--tags", "origin")
        loser.git("merge", "--quiet", "--ff-only", "origin/main")
        assert released(loser, "--push") == []
        reword(loser, "gently")
        loser.git("push", "--quiet")
        assert released(loser, "--push") == ["support/triage/v0.1.1"]

    def test_two_in_one_clone(self, tmp_path: Path) -> None:
        who = author(tmp_path / "a")
        for number in range(20):
            who.write(f"prompts/p{number}.prompt.yml", PROMPT)
        who.commit("More prompts")
        done = together([who, "release"], [who, "release"])
        assert sorted(code for code, _ in done) in ([0, 0], [0, 1], [0, 3]), done
        for code, told in done:
            assert not code or "another release runs" in told or "no tag was written" in told
        assert len(Repo(who.cwd).tags()) == 21
        assert released(who) == []


def together(*commands: list[object]) -> list[tuple[int, str]]:
    """Exit codes and outputs of commands that run at the same time."""
    found: list[tuple[int, str]] = [(-1, "")] * len(commands)
    ready = threading.Barrier(len(commands))

    def start(number: int, who: Person, *args: str) -> None:
        ready.wait()
        done = onbook(args, who.cwd)
        found[number] = (done.returncode, done.stdout + done.stderr)

    threads = [threading.Thread(target=start, args=(number, *command)) for number, command in enumerate(commands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
