"""An application that fetches: over every transport, ranges and exact versions, and from a work tree."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import onbook
from onbook.client.loaded import LoadedPrompt
from onbook.client.lockfile import Lock
from onbook.errors import InputError, UsageError
from onbook.repo.access import Access
from onbook.repo.fetching import RemoteTags
from support.console import ONBOOK, Person, person
from support.git import PROMPT, Repo, clone, daemon, new_repo
from support.remotes import ID, TRIAGE, remote_book


@pytest.fixture(scope="module")
def served(released: Repo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The same repository by every way there is here."""
    base = tmp_path_factory.mktemp("served")
    repos = {name: clone(released.path, base / f"{name}.git", "--mirror") for name in ("plain", "filters", "old")}
    repos["filters"].git("config", "uploadpack.allowFilter", "true")
    repos["filters"].git("config", "uploadpack.allowAnySHA1InWant", "true")
    with daemon(base) as url:
        yield {
            "path": str(released.path),
            "bare path": str(base / "plain.git"),
            "file": f"file://{released.path}",
            "file with filters": f"file://{base}/filters.git",
            "daemon": f"{url}/plain.git",
            "daemon with filters": f"{url}/filters.git",
        }


WAYS = ["path", "bare path", "file", "file with filters", "daemon", "daemon with filters"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", ["0", "2"])
def test_every_way(
    way: str, version: str, served: dict[str, str], temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.version")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", version)
    prompt = onbook.open(served[way]).get(ID, "^0.1")
    assert (prompt.id, prompt.version, prompt.tag) == (ID, "0.1.1", f"{ID}/v0.1.1")
    assert prompt.render(ticket="Twice charged") == [
        {"role": "system", "content": "Sort support tickets."},
        {"role": "user", "content": "Sort this ticket: Twice charged"},
    ]
    fetched = remote_book(served[way]).fetch("partial")
    assert sorted(file.path for file in fetched.files) == ["prompts/_shared/a.md", "prompts/partial.prompt.yml"]
    # Where more came than was asked for, it is said.
    assert bool(fetched.notes) == ("filters" not in way)
    assert not list(temporary.iterdir())


def test_a_server_that_filters_and_gives_no_single_files(
    served: dict[str, str], released: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = clone(released.path, tmp_path / "server.git", "--mirror")
    server.git("config", "uploadpack.allowFilter", "true")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.version")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "0")
    fetched = remote_book(f"file://{server.path}").fetch(ID, "~0.2")
    assert fetched.release.version == "0.2.0"
    assert fetched.notes == ("this server gives no single files, so the whole commit was fetched (depth 1)",)


@pytest.mark.parametrize(
    ("request_", "version"),
    [("*", "1.0.0"), ("^0.1", "0.1.1"), ("~0.1.0", "0.1.1"), ("0.1.0", "0.1.0"), ("^0", "0.2.0"), ("^1", "1.0.0")],
)
def test_ranges(released: Repo, request_: str, version: str) -> None:
    assert onbook.open(released.path).get(ID, request_).version == version


@pytest.mark.parametrize(
    ("id", "request_", "told"),
    [
        (ID, "^2", "no release of support/triage fits .* there are: 1.0.0, 0.2.0, 0.1.1, 0.1.0"),
        (ID, "0.1.7", "the remote has no tag for version 0.1.7"),
        ("support/none", "*", "no tag for any release of support/none"),
        ("support", "*", "no tag for any release"),
        ("support/trage", "1.0.0", "no tag"),
        ("../x", "*", "no legal prompt id"),
        ("support/*", "*", "no legal prompt id"),
        (ID, ">=1", "is not a version or a range"),
    ],
)  # fmt: skip
def test_what_is_not_there(released: Repo, id: str, request_: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        onbook.open(released.path).get(id, request_)
    assert re.search(told, str(caught.value).replace("\n", " "))


def test_only_the_tags_of_the_one_prompt_come(released: Repo) -> None:
    with RemoteTags(Access(str(released.path))) as remote:
        remote.seek([f"{ID}/v*"])
        names = remote._repos[0].text("for-each-ref", "--format=%(refname)").split()
        assert set(names) == {f"refs/tags/{ID}/v{version}" for version in ("0.1.0", "0.1.1", "0.2.0", "1.0.0")}
    with RemoteTags(Access(str(released.path))) as remote:
        remote.seek([f"{ID}/v0.1.0*"])
        assert [ref.tag.name for ref in remote.tags("", ID)] == [f"{ID}/v0.1.0"]
    assert onbook.open(released.path).get("support/triage/sub").version == "0.1.0"


def test_a_branch_of_the_same_name_is_harmless(released: Repo) -> None:
    prompt = onbook.open(released.path).get(ID, "1.0.0")
    assert prompt.commit == released.git("rev-parse", f"refs/tags/{ID}/v1.0.0^{{commit}}")
    assert prompt.commit != released.git("rev-parse", f"refs/heads/{ID}/v1.0.0")


def test_what_stands_before_the_tags_is_asked_for(tmp_path: Path) -> None:
    author, reader = person(tmp_path / "p"), person(tmp_path / "q", repository=False)
    author.write("onbook.toml", 'tagPrefix = "ai/"\ngates = {lint = false}\n')
    author.write(f"prompts/{ID}.prompt.yml", PROMPT)
    author.commit("one")
    author.onbook("release")
    where = ("--from", str(author.cwd))
    told = reader.onbook("fetch", ID, *where, exits=2)
    assert f"named {ID}/v1.0.0; where something stands before that, pass it as --tag-prefix" in told
    told = reader.onbook("fetch", ID, *where, "--tag-prefix", "as/", exits=2)
    assert f"its tags would be named as/{ID}/v1.0.0\n" in told
    assert "pass that as --tag-prefix" in reader.onbook("fetch", f"ai/{ID}", *where, exits=1)
    assert reader.report("fetch", ID, *where, "--tag-prefix", "ai/")["data"]["tag"] == f"ai/{ID}/v0.1.0"


@pytest.mark.parametrize("prefix", ["ai/", "ai-", "team/ai_"])
def test_a_prefix_counts_from_the_release_to_the_lock(tmp_path: Path, prefix: str) -> None:
    author, reader = person(tmp_path / "p"), person(tmp_path / "q", repository=False)
    author.write("onbook.toml", f'tagPrefix = "{prefix}"\ngates = {{lint = false}}\n')
    author.write(f"prompts/{ID}.prompt.yml", PROMPT)
    author.commit("one")
    author.git("tag", "--annotate", "--message", "not of ours", f"{ID}/v7.0.0")
    assert author.report("release")["data"]["tags"][0]["tag"] == f"{prefix}{ID}/v0.1.0"
    assert [row["tag"] for row in author.report("log", ID)["data"]["releases"]] == [f"{prefix}{ID}/v0.1.0"]
    assert author.report("list")["data"]["prompts"][0]["version"] == "0.1.0"
    assert author.report("diff")["data"]["prompts"] == []
    where = ("--from", str(author.cwd), "--tag-prefix", prefix)
    assert reader.report("fetch", ID, *where)["data"]["tag"] == f"{prefix}{ID}/v0.1.0"
    author.onbook("yank", ID, "0.1.0", "--reason", "wrong")
    assert "was withdrawn" in reader.onbook("fetch", ID, *where, "--frozen")
    reader.onbook("bundle", f"{ID}@0.1.0", *where, "--out", "b.json")
    assert onbook.open(bundle=reader.cwd / "b.json").get(ID).tag == f"{prefix}{ID}/v0.1.0"


def test_a_prefix_that_runs_into_the_id_is_refused(tmp_path: Path) -> None:
    author = person(tmp_path / "p")
    author.write("onbook.toml", 'tagPrefix = "prompts"\n')
    author.write(f"prompts/{ID}.prompt.yml", PROMPT)
    author.commit("one")
    for verb in ("release", "list", "diff", "lint"):
        told = author.onbook(verb, exits=2)
        assert 'onbook.toml: tagPrefix: "prompts" cannot stand here' in told
        assert "It ends with / or -" in told
    told = author.onbook("fetch", ID, "--from", str(author.cwd), "--tag-prefix", "prompts", exits=2)
    assert "a prefix of tags ends with / or -: prompts/" in told


def test_fetches_at_once_lose_no_row_of_the_lock(released: Repo, tmp_path: Path) -> None:
    ids = [ID, f"{ID}/sub", f"{ID}-two", "support/very", "partial"]
    started = [
        subprocess.Popen([ONBOOK, "fetch", id, "--from", released.path], cwd=tmp_path, stdout=subprocess.DEVNULL)
        for id in ids
    ]
    assert [each.wait(120) for each in started] == [0] * len(ids)
    assert {request.id for request in Lock.read(tmp_path / "onbook.lock").requests.values()} == set(ids)
    assert [path.name for path in tmp_path.iterdir()] == ["onbook.lock"]


def test_yanked(released: Repo, tmp_path: Path) -> None:
    repo = clone(released.path, tmp_path / "repo")
    repo.write_tag(f"{ID}/v0.1.1.yanked", "It insulted people.\n")
    repo.git("config", "uploadpack.allowFilter", "true")
    book = remote_book(f"file://{repo.path}")
    assert book.get(ID, "^0.1").version == "0.1.0"
    assert book.get(ID, "^0.1").notes == ()
    exact = book.get(ID, "0.1.1")
    assert exact.notes == (f"{ID} 0.1.1 was withdrawn; its reason is in tag {ID}/v0.1.1.yanked",)
    repo.write_tag(f"{ID}/v0.1.0.yanked", "So did this.\n")
    with pytest.raises(UsageError, match=r"withdrawn ones are passed over\)\n  there are: 1\.0\.0, 0\.2\.0$"):
        remote_book(repo.path).get(ID, "^0.1")
    for version in ("0.2.0", "1.0.0"):
        repo.write_tag(f"{ID}/v{version}.yanked", "All of them did.\n")
    with pytest.raises(UsageError, match=r"passed over\)\n  all of them were withdrawn$"):
        remote_book(repo.path).get(ID, "*")


def test_the_work_tree_is_seen_at_once(tmp_path: Path) -> None:
    repo = new_repo(tmp_path / "repo")
    repo.commit({TRIAGE: PROMPT})
    books = {at: onbook.open(repo.path / "prompts", at=at) for at in ("worktree", "index", "HEAD")}
    repo.write(TRIAGE, PROMPT.replace("You sort", "Now sort"))
    said = {at: book.get(ID).render(ticket="x")[0]["content"][:3] for at, book in books.items()}
    assert said == {"worktree": "Now", "index": "You", "HEAD": "You"}
    repo.git("add", "--all")
    assert books["index"].get(ID).render(ticket="x")[0]["content"][:3] == "Now"
    assert books["HEAD"].get(ID).commit == repo.git("rev-parse", "HEAD")
    repo.write(TRIAGE, "messages: [")
    with pytest.raises(UsageError) as caught:
        books["worktree"].get(ID)
    assert caught.value.place
    assert caught.value.place.startswith(f"{TRIAGE}:")
    with pytest.raises(UsageError, match="no such folder"):
        onbook.open("https://127.0.0.1/x.git", at="worktree")


@pytest.mark.parametrize("at", [None, "worktree"])
def test_an_empty_url_is_not_this_folder(released: Repo, monkeypatch: pytest.MonkeyPatch, at: str | None) -> None:
    """As of a variable that nobody set: whatever lies here would be served for it."""
    monkeypatch.chdir(released.path)
    with pytest.raises(UsageError, match="URL to open is empty"):
        onbook.open("", at=at)
    assert "URL to open is empty" in Person(released.path).onbook("fetch", ID, "--from", "", exits=2)
    assert onbook.open(".", at=at).get(ID).id == ID


def test_render_through_the_client(released: Repo) -> None:
    prompt: LoadedPrompt = onbook.open(released.path).get(ID, "1.0.0")
    assert prompt.render(text="by its old name")[1]["content"] == "Sort this ticket: by its old name"
    with pytest.raises(InputError, match="'tickt'") as caught:
        prompt.render(tickt="x")
    assert "did you mean 'ticket'?" in str(caught.value)
    with pytest.raises(InputError, match="'ticket'"):
        prompt.render()
    with pytest.raises(InputError, match="ticket: "):
        prompt.render(ticket=3)


def test_a_relative_path_means_the_same_repository(released: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(released.path.parent)
    assert remote_book("repo").fetch(ID).release.url == str(released.path)
