"""What is served while the remote is there, away, silent, or says something else than before."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import onbook
from onbook.client.remote import RemoteBook
from onbook.errors import IntegrityError, OnbookError, StaleError, UsageError
from support.console import Person
from support.copies import copied
from support.git import PROMPT, Repo, daemon, new_repo, release_by_hand
from support.http_git import GitServer, git_server

ID = "support/triage"
PATH = f"prompts/{ID}.prompt.yml"


@pytest.fixture
def remote(tmp_path: Path) -> Repo:
    """Releases 1.0.0 and 1.1.0, whose texts say which they are."""
    return Repo(copied(_published, tmp_path / "served" / "repo"))


def _published(path: Path) -> None:
    repo = new_repo(path)
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("config", "http.receivepack", "false")
    for version in ("1.0.0", "1.1.0"):
        publish(repo, version)


@pytest.fixture
def server(remote: Repo) -> Iterator[GitServer]:
    with git_server(remote.path.parent) as found:
        yield found


def text(version: str) -> str:
    return PROMPT.replace("You sort", f"{version} you sort")


def publish(repo: Repo, version: str) -> str:
    repo.commit({PATH: text(version)})
    release_by_hand(repo, ID, version, {PATH: text(version).encode()})
    return repo.git("rev-parse", f"refs/tags/{ID}/v{version}")


def url(server: GitServer) -> str:
    return f"{server.url}/repo/.git"


def said(prompt: onbook.LoadedPrompt) -> str:
    return prompt.render(ticket="x")[0]["content"].split(" ")[0]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def age_cache(cache: Path, seconds: float) -> None:
    """Make what the cache knows of ranges and environments older, as waiting would."""
    from onbook.manifest import sha256

    for path in (cache / "state").glob("*.json"):
        state = json.loads(json.loads(path.read_text())["state"])
        if "at" in state:
            state["at"] -= seconds
            inner = json.dumps(state)
            path.write_text(json.dumps({"sha256": sha256(inner.encode()), "state": inner}))


def test_an_exact_version_is_asked_for_once_for_ever(server: GitServer, tmp_path: Path) -> None:
    for _ in range(2):
        book = onbook.open(url(server), cache=tmp_path / "c", ttl=0)
        assert {id(book.get(ID, "1.0.0")) for _ in range(3)} == {id(book.get(ID, "1.0.0"))}
        assert said(book.get(ID, "1.0.0")) == "1.0.0"
    assert server.packs() == 2  # the tag, and the file


def test_a_range_within_ttl_is_served_from_memory_and_by_the_next_process(server: GitServer, tmp_path: Path) -> None:
    book = onbook.open(url(server), cache=tmp_path / "c")
    assert book.get(ID, "^1").version == "1.1.0"
    asked = len(server.fetches)
    server.mode = "fail"
    assert book.get(ID, "^1").version == "1.1.0"
    again = onbook.open(url(server), cache=tmp_path / "c").get(ID, "^1")
    assert (again.version, len(server.fetches)) == ("1.1.0", asked)
    assert 0 <= again.age < 60


def test_stale_is_served_while_one_asks_again(server: GitServer, remote: Repo, tmp_path: Path) -> None:
    book = onbook.open(url(server), cache=tmp_path / "c", ttl=0.05)
    old = book.get(ID, "^1")
    publish(remote, "1.2.0")
    time.sleep(0.1)
    assert book.get(ID, "^1") is old
    until(lambda: book.get(ID, "^1").version == "1.2.0")
    assert said(book.get(ID, "^1")) == "1.2.0"
    assert book.failures == {}
    # The prompt that somebody still holds does not look younger because another was asked for.
    assert old.age > book.get(ID, "^1").age


def test_many_threads_ask_again_once(server: GitServer, tmp_path: Path) -> None:
    book = onbook.open(url(server), cache=tmp_path / "c", ttl=1_000)
    held = book.get(ID, "^1")
    # An hour later, for the memory and for what the cache knows.
    held._confirmed.at -= 3_600
    age_cache(tmp_path / "c", 3_600)
    asked = server.packs()
    threads = [threading.Thread(target=book.get, args=(ID, "^1")) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: book.get(ID, "^1").age < 1_000)
    assert server.packs() - asked == 1


def test_a_remote_that_fails_is_told_and_what_is_known_served(
    server: GitServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = onbook.open(url(server), cache=tmp_path / "c", ttl=0.05)
    book.get(ID, "^1")
    server.mode = "fail"
    time.sleep(0.1)
    with caplog.at_level(logging.WARNING, "onbook"):
        assert book.get(ID, "^1").version == "1.1.0"
        until(lambda: bool(book.failures))
    failure = book.failures[f"{ID}@^1"]
    assert "500" in failure.error.message
    assert "500" in caplog.text
    assert book.get(ID, "^1").age >= 0.1
    server.mode = "serve"
    assert book.refresh() == {}
    assert book.get(ID, "^1").age < 5


def test_beyond_max_stale_is_an_error(server: GitServer, tmp_path: Path) -> None:
    cache = tmp_path / "c"
    onbook.open(url(server), cache=cache).get(ID, "^1")
    server.mode = "fail"
    age_cache(cache, 1_000)
    assert onbook.open(url(server), cache=cache, max_stale=2_000).get(ID, "^1").age >= 1_000
    with pytest.raises(StaleError, match=r"1,00\d seconds old, more than max_stale \(500\)(.|\n)*500") as caught:
        onbook.open(url(server), cache=cache, max_stale=500).get(ID, "^1")
    assert isinstance(caught.value.__cause__, OnbookError)
    book = onbook.open(url(server), cache=cache, ttl=0, max_stale=0.05)
    with pytest.raises(StaleError):
        book.get(ID, "^1")
    server.mode = "serve"
    book.get(ID, "^1")
    server.mode = "fail"
    time.sleep(0.1)
    with pytest.raises(StaleError):
        book.get(ID, "^1")


def test_an_age_that_lies_in_the_future_is_not_believed(server: GitServer, tmp_path: Path) -> None:
    cache = tmp_path / "c"
    onbook.open(url(server), cache=cache).get(ID, "^1")
    age_cache(cache, -10_000)
    server.mode = "fail"
    with pytest.raises(OnbookError, match="500"):
        onbook.open(url(server), cache=cache).get(ID, "^1")


def test_a_remote_that_hangs_at_the_start(server: GitServer, tmp_path: Path) -> None:
    cache = tmp_path / "c"
    onbook.open(url(server), cache=cache).get(ID, "^1")
    age_cache(cache, 1_000)
    server.mode = "hang"
    book = onbook.open(url(server), cache=cache, ttl=1, timeout=1)
    assert book.get(ID, "^1").version == "1.1.0"
    with pytest.raises(OnbookError, match="did not end within 1 seconds"):
        book.get(ID, "~1.0")
    # The others do not wait in vain as well: nothing more is asked, but for what a refresh in the background asks.
    asked = len(server.heads)
    for request in ("~1.1", "^1.0", "*"):
        with pytest.raises(OnbookError, match="did not end within 1 seconds"):
            book.get(ID, request)
    assert len(server.heads) <= asked + 1
    until(lambda: f"{ID}@^1" in book.failures)


def test_an_emptied_or_force_moved_remote_moves_nothing(server: GitServer, remote: Repo, tmp_path: Path) -> None:
    book = onbook.open(url(server), cache=tmp_path / "c", ttl=0.05)
    assert said(book.get(ID, "^1")) == "1.1.0"
    old = remote.git("rev-parse", f"refs/tags/{ID}/v1.1.0")
    release_by_hand(remote, ID, "1.1.0", {PATH: text("evil").encode()})
    failures = book.refresh()
    error = failures[f"{ID}@^1"].error
    assert isinstance(error, IntegrityError)
    assert old in error.message
    assert remote.git("rev-parse", f"refs/tags/{ID}/v1.1.0") in error.message
    assert said(book.get(ID, "^1")) == "1.1.0"
    # Neither does another process that shares the cache believe it.
    with pytest.raises(IntegrityError, match="its tag moved"):
        onbook.open(url(server), cache=tmp_path / "c", ttl=0, max_stale=0).get(ID, "^1")
    for name in remote.tags():
        remote.git("tag", "-d", name)
    assert isinstance(book.refresh()[f"{ID}@^1"].error, UsageError)
    assert said(book.get(ID, "^1")) == "1.1.0"
    remote.git("update-ref", f"refs/tags/{ID}/v1.1.0", old)
    assert book.refresh() == {}


def test_withdrawn_is_told_of_exact_pins_after_a_refresh(server: GitServer, remote: Repo, tmp_path: Path) -> None:
    book = onbook.open(url(server), cache=tmp_path / "c")
    assert book.get(ID, "1.1.0").notes == ()
    remote.write_tag(f"{ID}/v1.1.0.yanked", "It insulted people.\n")
    assert book.get(ID, "1.1.0").notes == ()
    assert book.refresh() == {}
    assert "was withdrawn" in book.get(ID, "1.1.0").notes[0]
    server.mode = "fail"
    assert "was withdrawn" in onbook.open(url(server), cache=tmp_path / "c").get(ID, "1.1.0").notes[0]


def test_deprecated_is_told(remote: Repo, server: GitServer) -> None:
    old = text("2.0.0") + "metadata: {status: deprecated, replacedBy: support/sort}\n"
    release_by_hand(remote, ID, "2.0.0", {PATH: old.encode()})
    prompt = onbook.open(url(server)).get(ID)
    assert prompt.notes == (f"{ID} is deprecated; support/sort replaces it",)


@pytest.mark.parametrize("request_", ["1.0.0", "^1"])
def test_fifty_threads_and_a_cold_cache(server: GitServer, tmp_path: Path, request_: str) -> None:
    book = onbook.open(url(server), cache=tmp_path / "c")
    found: list[onbook.LoadedPrompt] = []
    threads = [threading.Thread(target=lambda: found.append(book.get(ID, request_))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 50
    assert len({id(prompt) for prompt in found}) == 1
    assert server.packs() == 2


WORKER = """
import sys, onbook
prompt = onbook.open(sys.argv[1], cache=sys.argv[2]).get("support/triage", sys.argv[3])
print(prompt.version, prompt.render(ticket="x")[0]["content"][:5])
"""


@pytest.mark.parametrize(("request_", "version"), [("1.0.0", "1.0.0"), ("^1", "1.1.0")])
def test_eight_processes_and_a_cold_cache(server: GitServer, tmp_path: Path, request_: str, version: str) -> None:
    command = [sys.executable, "-W", "error", "-c", WORKER, url(server), str(tmp_path / "c"), request_]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    assert [process.communicate() for process in started] == [(f"{version} {version}\n", "")] * 8
    assert server.packs() == 2


def test_who_waits_for_others_needs_no_turn_once_they_have_found_it(server: GitServer, tmp_path: Path) -> None:
    """Others that ask without a pause would keep it waiting until its time is over."""
    here, there = (onbook.open(url(server), cache=tmp_path / "c", ttl=0, max_stale=0, timeout=20) for _ in range(2))
    assert said(here.get(ID, "^1")) == "1.1.0"
    packs, found = server.packs(), list[str]()
    assert isinstance(here, RemoteBook)
    releases = here._releases
    with releases.alone("range", ID, "^1", until=lambda: False):
        waiting = threading.Thread(target=lambda: found.append(said(there.get(ID, "^1"))))
        waiting.start()
        while waiting.is_alive():
            state = {"version": "1.1.0", "at": time.time(), "notes": []}
            releases.cache.keep_state(releases._key(ID, "^1"), state)
            waiting.join(0.05)
    assert found == ["1.1.0"]
    assert server.packs() == packs


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_while_others_ask(remote: Repo, tmp_path: Path) -> None:
    with daemon(remote.path.parent) as base:
        _fork_while_others_ask(onbook.open(f"{base}/repo/.git", cache=tmp_path / "c", ttl=0.2, timeout=30))


def _fork_while_others_ask(book: onbook.Book) -> None:
    book.get(ID, "1.0.0")
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.001):
            book.get(ID, "^1")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    fine = book.get(ID, "1.0.0").version == "1.0.0" and book.get(ID, "^1").version == "1.1.0"
                    fine = fine and book.get(ID, "~1.0").version == "1.0.0"
                    failures = book.refresh()
                    sys.stderr.writelines(f"{what}: {failure}\n" for what, failure in failures.items())
                    status = 0 if fine and failures == {} else 2
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(status)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert book.refresh() == {}


def test_async(server: GitServer) -> None:
    book = onbook.open(url(server))

    async def main() -> list[str]:
        found = await asyncio.gather(*(book.aget(ID, "^1") for _ in range(5)))
        assert await book.arefresh() == {}
        return [prompt.version for prompt in (*found, await book.aget(ID, "1.0.0"), await book.aget(ID, "1.0.0"))]

    assert asyncio.run(main()) == ["1.1.0"] * 5 + ["1.0.0"] * 2


def test_what_does_not_go_together(server: GitServer) -> None:
    book = onbook.open(url(server))
    with pytest.raises(UsageError, match="exclude each other"):
        book.get(ID, "^1", env="production")
    with pytest.raises(UsageError, match="needs env="):
        book.get(ID, "^1", key="7")
    for options in ({"ttl": -1}, {"timeout": 0}, {"verify": "maybe"}, {"tag_prefix": "a:b"}):
        with pytest.raises(UsageError):
            onbook.open(url(server), **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="nothing to open"):
        onbook.open()


def test_a_token_goes_to_its_server_and_nowhere_else(server: GitServer, tmp_path: Path) -> None:
    server.password = "Basic " + base64.b64encode(b"x-access-token:s3cret").decode()
    book = onbook.open(url(server), token="s3cret", cache=tmp_path / "c")
    assert book.get(ID).version == "1.1.0"
    assert server.password in server.heads
    assert not [path for path in (tmp_path / "c").rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    assert "s3cret" not in repr(book.get(ID)) + repr(vars(book))
    with pytest.raises(OnbookError) as caught:
        onbook.open(url(server), token="wr0ng", cache=tmp_path / "d").get(ID)
    assert "wr0ng" not in str(caught.value)
    # Without one nobody is asked on a terminal either.
    with pytest.raises(OnbookError):
        onbook.open(url(server), cache=tmp_path / "e", timeout=20).get(ID)
    for source in ("http://example.com/x.git", "git://127.0.0.1/x.git", "ssh://git@example.com/x"):
        with pytest.raises(UsageError, match="https only"):
            onbook.open(source, token="s3cret")
    with pytest.raises(UsageError, match="control characters"):
        onbook.open("https://example.com/x.git", token="a\nb")


def test_the_command_line_takes_a_token_from_the_environment(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.password = "Basic " + base64.b64encode(b"x-access-token:s3cret").decode()
    there = Person(tmp_path)
    command = ("fetch", f"{ID}@1.0.0", "--from", url(server), "--out", "out")
    assert "s3cret" not in there.onbook(*command, exits=3)
    monkeypatch.setenv("ONBOOK_TOKEN", "s3cret")
    assert "s3cret" not in there.onbook(*command)
    there.onbook("bundle", f"{ID}@1.0.0", "--from", url(server), "--out", "prompts.json")
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"s3cret" in data for data in written)
    # Over http beyond this machine it would be there for all to read; a path needs none.
    told = there.onbook("fetch", f"{ID}@1.0.0", "--from", "http://example.com/x.git", exits=2)
    assert "a token is sent over https only" in told
    there.onbook("fetch", f"{ID}@1.0.0", "--from", f"file://{server.base}/repo", "--out", "other")


SHORT = """
import sys, onbook
print(onbook.open(sys.argv[1], cache=sys.argv[2], ttl=0).get("support/triage", "^1").version)
"""


def test_a_process_that_ends_at_once_leaves_the_next_what_is_new(
    server: GitServer, remote: Repo, tmp_path: Path
) -> None:
    """A job that runs now and then is stale once, not until max_stale; and what its end breaks off is no failure."""

    def run() -> str:
        command = [sys.executable, "-W", "error", "-c", SHORT, url(server), str(tmp_path / "c")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr == ""
        return done.stdout.strip()

    assert run() == "1.1.0"
    publish(remote, "1.2.0")
    assert [run(), run()] == ["1.1.0", "1.2.0"]
    server.mode = "hang"
    assert run() == "1.2.0"
