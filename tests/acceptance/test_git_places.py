"""Where git lets a repository stand and how it stores one, each way through the installed console script."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.authors import CONFIG, ID, PATH, author, cloned, published, released, reword
from support.console import Person, person
from support.git import PROMPT


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
