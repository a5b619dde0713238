"""Git as people really use it, each way through the installed console script."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from support.console import Person, person
from support.git import PROMPT, Repo, bare_remote, clone
from support.warm import onbook

ID = "support/triage"
PATH = "prompts/support/triage.prompt.yml"
CONFIG = "[gates]\nlint = false\n"


def author(folder: Path, path: str = PATH, config: str = CONFIG, *options: str) -> Person:
    """Someone with a repository of one prompt."""
    found = person(folder, repository=False)
    found.git("init", "--quiet", "--initial-branch=main", *options)
    found.write("onbook.toml", config)
    found.write(path, PROMPT)
    found.commit("Sort tickets")
    return found


def published(folder: Path) -> tuple[Person, Person]:
    """The same, with a remote, everything pushed, and 0.1.0 released."""
    found = author(folder / "author")
    remote = bare_remote(folder / "remote.git", of=Repo(found.cwd))
    found.git("push", "--quiet", "--set-upstream", "origin", "main")
    assert released(found, "--push") == ["support/triage/v0.1.0"]
    return found, Person(remote.path)


def released(who: Person, *args: str, exits: int = 0) -> list[str]:
    return [row["tag"] for row in who.report("release", *args, exits=exits)["data"]["tags"]]


def reword(who: Person, word: str, path: str = PATH) -> None:
    text = (who.cwd / path).read_text("utf-8")
    who.write(path, text.replace("You sort", f"You {word} sort"))
    who.commit(f"Sort {word}")


def cloned(remote: Person, folder: Path, *options: str) -> Person:
    return Person(clone(f"file://{remote.cwd}", folder, *options).path)


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


class TestPlaces:
    def test_a_monorepo(self, tmp_path: Path) -> None:
        folder = "services/ai/prompts"
        path = f"{folder}/support/triage.prompt.yml"
        who = author(tmp_path / "a", path, f'prompts = "{folder}"\n{CONFIG}')
        who.write("services/web/main.py", "print(1)\n")
        who.write("prompts/not/ours.prompt.yml", "messages: nonsense\n")
        who.commit("The rest of the company")
        assert released(who) == ["support/triage/v0.1.0"]
        assert f"100644 {who.git('rev-parse', f'HEAD:{path}').strip()}" in who.git(
            "cat-file", "tag", "support/triage/v0.1.0"
        )
        within = Person(who.cwd / "services/ai")
        reword(who, "gently", path)
        assert within.report("diff")["data"]["prompts"][0]["next_version"] == "0.1.1"
        assert released(within) == ["support/triage/v0.1.1"]
        within.onbook("deploy", "production", ID, "0.1.1", "--commit")
        assert (who.cwd / folder / "_environments/production.yml").exists()
        assert within.report("status")["data"]["deployments"][0]["id"] == ID
        reader = person(tmp_path / "reader", repository=False)
        found = reader.report("fetch", f"{ID}@^0.1", "--from", str(who.cwd), "--out", "got")
        assert found["data"]["version"] == "0.1.1"
        # Work elsewhere in the company releases nothing.
        who.write("services/web/main.py", "print(2)\n")
        who.commit("Web")
        assert released(who) == []

    def test_linked_work_trees(self, tmp_path: Path) -> None:
        who = author(tmp_path / "a")
        who.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
        linked = Person(tmp_path / "linked")
        assert released(linked) == ["support/triage/v0.1.0"]
        assert released(who) == []
        reword(linked, "gently")
        assert linked.report("diff")["data"]["prompts"][0]["next_version"] == "0.1.1"
        assert who.report("diff")["data"]["prompts"] == []
        assert released(who) == []
        assert released(linked) == ["support/triage/v0.1.1"]
        linked.onbook("deploy", "production", ID, "0.1.1", "--commit")
        assert not (who.cwd / "prompts/_environments").exists()
        assert linked.report("status")["data"]["deployments"][0]["id"] == ID

    def test_a_bare_repository(self, tmp_path: Path) -> None:
        who, remote = published(tmp_path)
        reword(who, "gently")
        who.git("push", "--quiet")
        assert ID in remote.onbook("list")
        remote.onbook("lint")
        assert remote.report("diff", "support/triage/v0.1.0..HEAD")["data"]["prompts"][0]["next_version"] == "0.1.1"
        assert released(remote) == ["support/triage/v0.1.1"]
        assert "0.1.1" in remote.onbook("log", ID)
        assert "has no file to edit" in remote.onbook("deploy", "production", ID, "0.1.1", exits=2)
        remote.onbook("status")

    def test_a_submodule_among_the_prompts(self, tmp_path: Path) -> None:
        other = author(tmp_path / "other", "x.prompt.yml")
        who = author(tmp_path / "a")
        who.git("submodule", "--quiet", "add", str(other.cwd), "prompts/vendored")
        who.commit("Vendor them")
        # Its files are another repository's: they are no prompts of this one, and in nobody's way.
        assert who.onbook("list").count(".prompt.yml") == 0
        assert [row["id"] for row in who.report("list")["data"]["prompts"]] == [ID]
        who.onbook("lint")
        assert released(who) == ["support/triage/v0.1.0"]
        (other.cwd / "x.prompt.yml").write_text(PROMPT + "# more\n")
        other.commit("More")
        who.git("-C", "prompts/vendored", "pull", "--quiet")
        who.commit("Follow")
        assert released(who) == []

    def test_a_repository_that_is_a_submodule(self, tmp_path: Path) -> None:
        _, remote = published(tmp_path)
        top = person(tmp_path / "top")
        top.git("submodule", "--quiet", "add", str(remote.cwd), "libs/prompts-repo")
        top.commit("Use them")
        inner = Person(top.cwd / "libs/prompts-repo")
        reword(inner, "gently")
        inner.git("push", "--quiet", "origin", "HEAD:main")
        assert released(inner, "--push") == ["support/triage/v0.1.1"]
        assert "support/triage/v0.1.1" in remote.git("tag")
        assert top.git("tag") == ""
        inner.onbook("deploy", "production", ID, "0.1.1", "--commit")
        inner.git("push", "--quiet", "origin", "HEAD:main")
        assert inner.report("status")["data"]["deployments"][0]["stable"]["version"] == "0.1.1"


class TestFormats:
    def test_sha256_repositories(self, tmp_path: Path) -> None:
        who = author(tmp_path / "a", PATH, CONFIG, "--object-format=sha256")
        who.onbook("lint")
        assert released(who) == ["support/triage/v0.1.0"]
        reword(who, "gently")
        assert who.report("diff")["data"]["prompts"][0]["next_version"] == "0.1.1"
        remote = person(tmp_path / "remote.git", repository=False)
        remote.git("init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main")
        who.git("remote", "add", "origin", str(remote.cwd))
        who.git("push", "--quiet", "--set-upstream", "origin", "main")
        assert released(who, "--push") == ["support/triage/v0.1.1"]
        assert len(remote.git("tag").split()) == 2
        rows = who.report("log", ID)["data"]["releases"]
        assert [len(row["commit"]) for row in rows] == [64, 64]
        who.onbook("deploy", "production", ID, "0.1.1", "--commit")
        who.git("push", "--quiet")
        assert who.report("status")["data"]["deployments"][0]["stable"]["version"] == "0.1.1"
        who.onbook("yank", ID, "0.1.0", "--reason", "too short", "--push")
        who.git("fsck", "--strict", "--no-dangling")

    @pytest.mark.parametrize("setting", ["core.autocrlf", "attributes"])
    def test_windows_line_ends(self, tmp_path: Path, setting: str) -> None:
        who, remote = published(tmp_path)
        if setting == "attributes":
            who.write(".gitattributes", "* text=auto eol=crlf\n")
            who.commit("For Windows")
            who.git("push", "--quiet")
            windows = cloned(remote, tmp_path / "windows")
        else:
            windows = cloned(remote, tmp_path / "windows", "--config", "core.autocrlf=true")
        assert b"\r\n" in (windows.cwd / PATH).read_bytes()
        windows.onbook("lint")
        assert windows.report("diff")["data"]["prompts"] == []
        assert released(windows, "--push") == []
        raw = (windows.cwd / PATH).read_bytes()
        (windows.cwd / PATH).write_bytes(raw.replace(b"You sort", b"You gently sort"))
        assert windows.report("diff")["data"]["prompts"][0]["next_version"] == "0.1.1"
        windows.commit("Gently")
        windows.git("push", "--quiet")
        assert released(windows, "--push") == ["support/triage/v0.1.1"]
        windows.onbook("deploy", "production", ID, "0.1.0", "--commit")
        windows.onbook("deploy", "production", ID, "0.1.1", "--commit")
        windows.onbook("rollback", "production", ID, "--commit")
        assert windows.git("status", "--porcelain") == ""
        # The same digest is found where line ends are others.
        who.git("pull", "--quiet", "--tags")
        assert released(who) == []
        ours, theirs = (each.report("log", ID)["data"]["releases"][0]["digest"] for each in (who, windows))
        assert ours == theirs
        reader = person(tmp_path / "reader", repository=False)
        reader.report("fetch", f"{ID}@0.1.1", "--from", str(remote.cwd))


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
