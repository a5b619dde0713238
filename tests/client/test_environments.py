"""Environments as clients see them: at the tip of a branch, never backwards, refused when a digest is another."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import onbook
from onbook.client.remote import RemoteBook
from onbook.errors import IntegrityError, OnbookError, UsageError
from support.console import Person
from support.copies import copied
from support.git import PROMPT, Repo, new_repo, release_by_hand
from support.http_git import GitServer, git_server

ID = "support/triage"
PATH = f"prompts/{ID}.prompt.yml"
FILE = "prompts/_environments/production.yml"


def text(version: str) -> str:
    return PROMPT.replace("You sort", f"{version} you sort")


def digest_of(repo: Repo, version: str, prefix: str = "") -> str:
    raw = repo.git("cat-file", "tag", f"refs/tags/{prefix}{ID}/v{version}")
    return next(line.split(" ")[1] for line in raw.splitlines() if line.startswith("Onbook-Digest: "))


def deploy(repo: Repo, version: str, canary: str = "", weight: float = 50, path: str = FILE) -> str:
    lines = f'{ID}:\n  stable: {{version: {version}, digest: "{digest_of(repo, version)}"}}\n'
    if canary:
        found = f'version: {canary}, digest: "{digest_of(repo, canary)}", weight: {weight}'
        lines += f"  canary: {{{found}, key: user_id, salt: a1}}\n"
    return repo.commit({path: lines})


def prepared(path: Path, *options: str, filters: bool = True) -> Repo:
    repo = new_repo(path, *options)
    repo.git("config", "uploadpack.allowFilter", str(filters).lower())
    for version in ("1.0.0", "1.1.0"):
        repo.commit({PATH: text(version)})
        release_by_hand(repo, ID, version, {PATH: text(version).encode()})
    deploy(repo, "1.0.0")
    return repo


@pytest.fixture
def remote(tmp_path: Path) -> Repo:
    return Repo(copied(prepared, tmp_path / "served" / "repo"))


@pytest.fixture
def server(remote: Repo) -> Iterator[GitServer]:
    with git_server(remote.path.parent) as found:
        yield found


def url(server: GitServer) -> str:
    return f"{server.url}/repo/.git"


def test_an_environment_says_which_release(server: GitServer, remote: Repo, tmp_path: Path) -> None:
    book = onbook.open(url(server), cache=tmp_path / "c", ttl=0.05)
    prompt = book.get(ID, env="production")
    assert (prompt.version, prompt.render(ticket="x")[0]["content"][:5]) == ("1.0.0", "1.0.0")
    assert book.get(ID, env="production") is prompt
    deploy(remote, "1.1.0")
    assert book.refresh() == {}
    assert book.get(ID, env="production").version == "1.1.0"
    # A rollback is one commit more, and the next refresh brings it.
    remote.git("revert", "--no-edit", "HEAD")
    time.sleep(0.1)
    book.get(ID, env="production")
    deadline = time.monotonic() + 20
    while book.get(ID, env="production").version != "1.0.0":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert book.failures == {}


def test_the_canary_is_sticky_and_without_a_key_it_is_stable(server: GitServer, remote: Repo) -> None:
    deploy(remote, "1.0.0", "1.1.0", 50)
    book = onbook.open(url(server))
    versions = [book.get(ID, env="production", key=number).version for number in range(200)]
    assert versions == [book.get(ID, env="production", key=str(number)).version for number in range(200)]
    assert 60 < versions.count("1.1.0") < 140
    assert book.get(ID, env="production").version == "1.0.0"
    # As docs/environments.md writes it out: bucket("a1", "support/triage", "1") is 5930.
    assert book.get(ID, env="production", key=1).version == "1.0.0"
    deploy(remote, "1.0.0", "1.1.0", 59.31)
    book.refresh()
    assert book.get(ID, env="production", key=1).version == "1.1.0"


@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("protocol", ["2", "0"])
def test_servers_of_every_kind(tmp_path: Path, filters: bool, protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = prepared(tmp_path / "repo", filters=filters)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.version")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", protocol)
    book = onbook.open(f"file://{repo.path}")
    prompt = book.get(ID, env="production")
    assert prompt.version == "1.0.0"
    deploy(repo, "1.1.0")
    assert book.refresh() == {}
    prompt = book.get(ID, env="production")
    assert prompt.version == "1.1.0"
    # What went otherwise than it should have is said.
    assert bool(prompt.notes) == (not filters or protocol == "0")


def test_only_what_is_needed_comes(server: GitServer, remote: Repo, tmp_path: Path) -> None:
    many = {f"prompts/many/p{number}.prompt.yml": f"{PROMPT}# {number}\n" for number in range(300)}
    remote.commit(many)
    server.sent = 0
    assert onbook.open(url(server), cache=tmp_path / "c").get(ID, env="production").version == "1.0.0"
    assert server.sent < 8_000


def test_a_tip_that_went_backwards_is_refused(server: GitServer, remote: Repo, tmp_path: Path) -> None:
    old = remote.git("rev-parse", "HEAD")
    new = deploy(remote, "1.1.0")
    book = onbook.open(url(server), cache=tmp_path / "c", ttl=0)
    assert book.get(ID, env="production").version == "1.1.0"
    remote.git("reset", "--quiet", "--hard", old)
    error = book.refresh()["production"].error
    assert isinstance(error, IntegrityError)
    assert "went backwards" in error.message
    assert new in error.message
    assert old in error.message
    assert book.get(ID, env="production").version == "1.1.0"
    # Nor is it believed by a process that starts now and shares the cache; one that has seen nothing cannot know.
    with pytest.raises(IntegrityError, match="went backwards"):
        RemoteBook.deployments(_remote(server, tmp_path / "c"), "production")
    assert onbook.open(url(server), cache=tmp_path / "new").get(ID, env="production").version == "1.0.0"
    # Another history of the same length.
    remote.commit({"README.md": "x"})
    assert "went backwards" in book.refresh()["production"].error.message
    remote.git("reset", "--quiet", "--hard", new)
    assert book.refresh() == {}


def _remote(server: GitServer, cache: Path) -> RemoteBook:
    book = onbook.open(url(server), cache=cache)
    assert isinstance(book, RemoteBook)
    return book


def test_a_tip_many_commits_and_a_merge_later_is_believed(server: GitServer, remote: Repo, tmp_path: Path) -> None:
    book = onbook.open(url(server), cache=tmp_path / "c")
    book.get(ID, env="production")
    seen = remote.git("rev-parse", "HEAD")
    for number in range(40):
        remote.git("commit", "--quiet", "--allow-empty", "-m", str(number))
    remote.git("checkout", "--quiet", "-b", "side", seen)
    remote.commit({"side": "x"})
    remote.git("checkout", "--quiet", "main")
    remote.git("merge", "--quiet", "--no-edit", "side")
    assert book.refresh() == {}
    assert book.failures == {}


def test_a_release_of_another_digest_is_refused(server: GitServer, remote: Repo) -> None:
    wrong = "sha256:" + "0" * 64
    found = digest_of(remote, "1.0.0")
    remote.commit({FILE: (remote.path / FILE).read_text().replace(found, wrong)})
    book = onbook.open(url(server))
    with pytest.raises(IntegrityError) as caught:
        book.get(ID, env="production")
    assert wrong in str(caught.value)
    assert found in str(caught.value)
    deploy(remote, "1.0.0")
    assert book.refresh() == {}
    assert book.get(ID, env="production").version == "1.0.0"


def test_one_prompt_that_is_refused_holds_back_no_other(server: GitServer, remote: Repo) -> None:
    other = "prompts/other.prompt.yml"
    remote.commit({other: PROMPT})
    release_by_hand(remote, "other", "1.0.0", {other: PROMPT.encode()})
    good = (remote.path / FILE).read_text()
    raw = remote.git("cat-file", "tag", "refs/tags/other/v1.0.0")
    stated = raw.partition("Onbook-Digest: ")[2].split("\n")[0]
    rows = good + f'other:\n  stable: {{version: 1.0.0, digest: "{stated}"}}\n'
    remote.commit({FILE: rows})
    book = onbook.open(url(server))
    book.get("other", env="production")
    book.get(ID, env="production")
    remote.commit(
        {
            FILE: rows.replace(stated, "sha256:" + "0" * 64)
            .replace("1.0.0", "1.1.0", 1)
            .replace(digest_of(remote, "1.0.0"), digest_of(remote, "1.1.0"))
        }
    )
    assert list(book.refresh()) == ["other@production"]
    assert book.get(ID, env="production").version == "1.1.0"
    with pytest.raises(IntegrityError):
        book.get("other", env="production")


@pytest.mark.parametrize(
    ("config", "moved"),
    [
        ({"onbook.toml": 'prompts = "llm/texts"\n'}, "llm/texts"),
        ({"pyproject.toml": '[tool.onbook]\nprompts = "texts"\n'}, "texts"),
    ],
)
def test_the_repository_says_where_prompts_are(
    server: GitServer, remote: Repo, config: Mapping[str, str], moved: str
) -> None:
    deploy(remote, "1.1.0", path=f"{moved}/_environments/production.yml")
    remote.commit(dict(config))
    assert onbook.open(url(server)).get(ID, env="production").version == "1.1.0"


def test_a_branch_and_a_prefix_of_its_own(server: GitServer, remote: Repo, tmp_path: Path) -> None:
    remote.commit({"onbook.toml": 'tagPrefix = "llm/"\nenvironments.ref = "deployed"\n'})
    tag = remote.write_tag(
        f"llm/{ID}/v1.1.0", remote.git("cat-file", "tag", f"refs/tags/{ID}/v1.1.0").partition("\n\n")[2]
    )
    assert tag
    remote.git("checkout", "--quiet", "-b", "deployed")
    deploy(remote, "1.1.0")
    remote.git("checkout", "--quiet", "main")
    book = onbook.open(url(server), cache=tmp_path / "c")
    prompt = book.get(ID, env="production")
    assert (prompt.version, prompt.tag) == ("1.1.0", f"llm/{ID}/v1.1.0")
    assert book.refresh() == {}
    # Without the tag that has no prefix, also frozen: the lock names the environment, whose repository says the prefix.
    remote.git("update-ref", "-d", f"refs/tags/{ID}/v1.1.0")
    there = Person(tmp_path)
    for frozen in ((), ("--frozen",)):
        fetched = there.report("fetch", f"{ID}@production", "--from", url(server), *frozen)["data"]
        assert (fetched["tag"], fetched["digest"]) == (prompt.tag, prompt.digest)
    remote.git("branch", "--quiet", "-D", "deployed")
    assert "no refs/heads/deployed" in book.refresh()["production"].error.message


@pytest.mark.parametrize("ref", ["--upload-pack=touch evil", "a:b", "a..b", "+x", "x y", "refs/heads/*"])
def test_a_ref_that_is_none(server: GitServer, remote: Repo, ref: str) -> None:
    remote.commit({"onbook.toml": f'environments.ref = "{ref}"\n'})
    with pytest.raises(OnbookError):
        onbook.open(url(server)).get(ID, env="production")
    assert not (remote.path / "evil").exists()


def test_what_is_not_there_and_what_is_no_file(server: GitServer, remote: Repo) -> None:
    book = onbook.open(url(server))
    with pytest.raises(UsageError, match="there is no environment staging"):
        book.get(ID, env="staging")
    with pytest.raises(UsageError, match=r"the newest release is \*, "):
        book.get(ID, env="latest")
    with pytest.raises(UsageError, match="does not run support/other"):
        book.get("support/other", env="production")
    with pytest.raises(UsageError, match="name of an environment"):
        book.get(ID, env="../production")
    (remote.path / "prompts/_environments/linked.yml").symlink_to("production.yml")
    remote.commit()
    with pytest.raises(IntegrityError, match=r"linked\.yml is a symbolic link"):
        book.get(ID, env="linked")
    remote.commit({"prompts/_environments/bad.yml": "a: b: c"})
    with pytest.raises(UsageError, match="the environment bad has a fault"):
        book.get(ID, env="bad")


def test_a_restart_without_the_network(server: GitServer, remote: Repo, tmp_path: Path) -> None:
    deploy(remote, "1.0.0", "1.1.0", 100)
    book = onbook.open(url(server), cache=tmp_path / "c")
    assert book.get(ID, env="production", key=7).version == "1.1.0"
    server.mode = "fail"
    again = onbook.open(url(server), cache=tmp_path / "c", ttl=0, timeout=20)
    prompt = again.get(ID, env="production", key=7)
    assert (prompt.version, prompt.render(ticket="x")[0]["content"][:5]) == ("1.1.0", "1.1.0")
    with pytest.raises(OnbookError):
        onbook.open(url(server), cache=tmp_path / "new").get(ID, env="production")


@pytest.mark.parametrize("way", ["file", "http"])
def test_a_sha256_remote(tmp_path: Path, way: str) -> None:
    repo = prepared(tmp_path / "served" / "repo", "--object-format=sha256")
    with git_server(repo.path.parent) as server:
        source = f"file://{repo.path}" if way == "file" else url(server)
        book = onbook.open(source, cache=tmp_path / "c")
        assert book.get(ID, env="production").version == "1.0.0"
        prompt = book.get(ID, "^1")
        assert (prompt.version, len(prompt.commit)) == ("1.1.0", 64)
        deploy(repo, "1.1.0")
        assert book.refresh() == {}
        assert book.get(ID, env="production").version == "1.1.0"
        assert onbook.open(source, cache=tmp_path / "c").get(ID, "1.1.0").digest == prompt.digest
        there = Person(tmp_path)
        for asked in (f"{ID}@^1", f"{ID}@production", f"{ID}@1.1.0"):
            done = there.report("fetch", asked, "--from", source, "--out", "out")["data"]
            assert (done["version"], len(done["tag_object"]), done["digest"]) == ("1.1.0", 64, prompt.digest)
        assert (tmp_path / "out" / PATH).read_text() == text("1.1.0")
        assert there.report("fetch", f"{ID}@^1", "--from", source, "--frozen")["data"]["version"] == "1.1.0"


def test_threads_that_meet_a_sha256_remote_together(tmp_path: Path) -> None:
    repo = prepared(tmp_path / "repo", "--object-format=sha256")
    book = onbook.open(f"file://{repo.path}", cache=tmp_path / "c")
    meeting = threading.Barrier(4)
    found: list[str] = []

    def ask(request: str) -> None:
        meeting.wait()
        found.append(book.get(ID, request).version)

    threads = [threading.Thread(target=ask, args=(request,)) for request in ("1.0.0", "1.1.0", "^1", "~1.0")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["1.0.0", "1.0.0", "1.1.0", "1.1.0"]


def test_a_failure_is_over_once_the_release_is_there(server: GitServer, remote: Repo, tmp_path: Path) -> None:
    """Deployed before its tag is pushed: told while it lasts, and no longer, whoever asks first."""
    tag = f"refs/tags/{ID}/v1.1.0"
    oid = remote.git("rev-parse", tag)
    deploy(remote, "1.1.0")
    deployed = remote.git("rev-parse", "HEAD")
    for asks in (True, False):
        remote.git("reset", "--quiet", "--hard", "HEAD~1")
        remote.git("update-ref", "-d", tag)
        book = onbook.open(url(server), cache=tmp_path / str(asks))
        assert book.get(ID, env="production").version == "1.0.0"
        remote.git("reset", "--quiet", "--hard", deployed)
        assert list(book.refresh()) == [f"{ID}@production"]
        assert book.refresh()[f"{ID}@production"].count == 2
        with pytest.raises(UsageError, match=r"no tag for version 1\.1\.0"):
            book.get(ID, env="production")
        remote.git("update-ref", tag, oid)
        if asks:
            assert book.get(ID, env="production").version == "1.1.0"
            assert book.failures == {}
        assert book.refresh() == {}
        assert book.get(ID, env="production").version == "1.1.0"
