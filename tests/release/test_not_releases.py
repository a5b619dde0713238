"""Tags that have the name of a release and are none: nothing is measured from them, and that is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onbook.bases import Bases
from onbook.project import Config
from onbook.repo import Repository
from onbook.repo.objects import Objects
from support.console import Person
from support.git import Repo, release_by_hand

ID = "support/triage"
BASE = f"{ID}/v0.1.0"
HIGHER = f"{ID}/v1.0.0"


def _annotated(repo: Repo) -> None:
    repo.git("tag", "--annotate", "--message", "the first version", HIGHER)


def _lightweight(repo: Repo) -> None:
    repo.git("tag", HIGHER)


def _copied(repo: Repo) -> None:
    repo.git("update-ref", f"refs/tags/{HIGHER}", f"refs/tags/{BASE}")


def _contradicting(repo: Repo) -> None:
    message = repo.git("cat-file", "tag", BASE).partition("\n\n")[2]
    repo.write_tag(HIGHER, message.replace("Onbook-Digest: sha256:", "Onbook-Digest: sha256:0") + "\n")


WAYS = {
    "was not written by onbook": _annotated,
    "this is a lightweight tag": _lightweight,
    f"this tag says that its name is '{BASE}': it was copied": _copied,
    "but its own file list has": _contradicting,
}


@pytest.mark.parametrize(("why", "write"), WAYS.items(), ids=[each.__name__.strip("_") for each in WAYS.values()])
def test_the_next_that_is_one_is_the_base(maintainer: Person, why: str, write: Callable[[Repo], None]) -> None:
    maintainer.onbook("release")
    write(Repo(maintainer.cwd))
    assert maintainer.report("list")["data"]["prompts"][0]["version"] == "0.1.0"
    for verb in ("list", "diff", "release"):
        report = maintainer.report(verb)
        (finding,) = [each for check in report["checks"] for each in check["findings"] if each["rule"] == "OR101"]
        assert finding["severity"] == "warning"
        assert finding["message"].startswith(f"{HIGHER} is passed over: ")
        assert why in finding["message"]
        assert HIGHER in maintainer.onbook(verb)
    assert f"warning: {HIGHER} is passed over: " in maintainer.onbook("test", "--against", "release")
    assert "no prompt changed" in maintainer.onbook("diff")
    assert "onbook diff: no prompt changed" in maintainer.onbook("diff", "--format", "markdown")
    assert "nothing to release" in maintainer.onbook("release")
    maintainer.edit("prompts/support/triage.prompt.yml", "Sort this", "Please sort this")
    maintainer.commit("Ask politely")
    (row,) = maintainer.report("diff")["data"]["prompts"]
    assert (row["base_version"], row["next_version"], row["bump"]) == ("0.1.0", "0.1.1", "minor")
    log = maintainer.report("log", ID)
    assert [each["version"] for each in log["data"]["releases"]] == ["0.1.0"]
    assert log["data"]["unreleased"]["base_version"] == "0.1.0"
    assert why in log["checks"][0]["findings"][0]["message"]
    assert [each["version"] for each in maintainer.report("release")["data"]["tags"]] == ["0.1.1"]


def test_its_version_is_taken_all_the_same(maintainer: Person) -> None:
    maintainer.git("tag", "--annotate", "--message", "by hand", BASE)
    told = maintainer.onbook("release", exits=2)
    assert f"tag {BASE} is taken, and is no release: " in told
    assert f"git tag -d {BASE}" in told
    maintainer.git("tag", "--delete", BASE)
    maintainer.onbook("release")


def test_numbers_go_on_above_it_where_the_file_says_so(maintainer: Person) -> None:
    maintainer.git("tag", "--annotate", "--message", "by hand", HIGHER)
    maintainer.write("prompts/support/triage.prompt.yml", "version: 1.1.0\nmessages: [{role: user, content: hello}]\n")
    maintainer.commit("Declare")
    assert [each["version"] for each in maintainer.report("release")["data"]["tags"]] == ["1.1.0"]
    # From then on it is below the base, and says nothing to anybody.
    assert HIGHER not in maintainer.onbook("diff")


def test_a_prompt_of_no_release_that_is_deleted_is_no_change(maintainer: Person) -> None:
    maintainer.git("tag", "--annotate", "--message", "by hand", BASE)
    maintainer.git("rm", "--quiet", "prompts/support/triage.prompt.yml")
    maintainer.write("prompts/other.prompt.yml", "messages: [{role: user, content: hello}]\n")
    assert [row["id"] for row in maintainer.report("diff")["data"]["prompts"]] == ["other"]


def test_only_what_may_be_the_base_is_read(maintainer: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo(maintainer.cwd)
    for number in range(20):
        release_by_hand(repo, ID, f"1.{number}.0")
        release_by_hand(repo, f"other/n{number}", "1.0.0")
    repo.git("tag", "--annotate", "--message", "by hand", f"{ID}/v2.0.0")
    read: list[str] = []
    real = Objects.read

    def counted(objects: Objects, name: str) -> tuple[str, bytes] | None:
        read.append(name)
        return real(objects, name)

    monkeypatch.setattr(Objects, "read", counted)
    found = Repository.discover(maintainer.cwd)
    bases = Bases(found, Config(), found.head)
    assert len(bases.named) == 21
    assert read == []
    assert str(bases.version(ID)) == str(bases.version(ID)) == "1.19.0"
    assert read == [repo.tags()[f"{ID}/v2.0.0"], repo.tags()[f"{ID}/v1.19.0"]]
    # Of many at once those on top are read together, and the next only where one of them is none.
    read.clear()
    bases = Bases(found, Config(), found.head)
    bases.look_at([ID, "other/n1", "other/n2", "never/released"])
    assert read == []
    assert [str(bases.version(id)) for id in (ID, "other/n1", "other/n2")] == ["1.19.0", "1.0.0", "1.0.0"]
    assert bases.version("never/released") is None
    assert read == [repo.tags()[f"{ID}/v1.19.0"]]
