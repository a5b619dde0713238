"""An application that fetches: over every transport, from honest and hostile remotes, with and without the network."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import onbook
from onbook import release
from onbook.client.loaded import LoadedPrompt
from onbook.client.remote import RemoteBook
from onbook.errors import InputError, IntegrityError, OnbookError, UsageError
from onbook.lockfile import Lock, LockedRequest
from onbook.manifest import ClosureFile, digest, sha256
from onbook.repo import Repository
from onbook.repo.access import Access
from onbook.repo.fetching import RemoteTags
from support.git import PROMPT, Repo, clone, daemon, manifest, new_repo, release_by_hand, silent_server

TRIAGE = "prompts/support/triage.prompt.yml"
ID = "support/triage"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Real releases of several prompts: 0.1.0, 0.1.1, 0.2.0 and 1.0.0 of triage, and neighbours with names like it."""
    repo = new_repo(tmp_path_factory.mktemp("released") / "repo")
    others = {f"prompts/{id}.prompt.yml": PROMPT for id in ("support/triage/sub", "support/triage-two", "support/very")}
    partial = "templateFormat: jinja2\nmessages:\n- {role: user, content: \"{% include '_shared/a.md' %}{{x}}\"}\n"
    repo.commit({TRIAGE: PROMPT, **others, "prompts/partial.prompt.yml": partial, "prompts/_shared/a.md": "Kind: "})
    texts = [
        PROMPT,
        PROMPT.replace("You sort", "Sort"),
        PROMPT.replace("[ticket]", "[ticket, tone]"),
        f"version: 1.0.0\n{PROMPT}",
    ]
    for text in texts:
        repo.commit({TRIAGE: text})
        found = Repository.discover(repo.path)
        plan = release.plan(found)
        release.apply(found, plan)
    repo.git("update-ref", f"refs/heads/{ID}/v1.0.0", "HEAD~3")
    assert len(repo.tags()) == 8
    return repo


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


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, to see that none stays."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def remote_book(source: str | Path, **options: object) -> RemoteBook:
    book = onbook.open(source, **options)  # type: ignore[arg-type]
    assert isinstance(book, RemoteBook)
    return book


def children() -> set[str]:
    listed = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return {line for line in listed.splitlines() if "onbook-fetch-" in line}


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
    with pytest.raises(UsageError, match="withdrawn ones are passed over"):
        remote_book(repo.path).get(ID, "^0.1")


def hostile(tmp_path: Path) -> Repo:
    repo = new_repo(tmp_path / "hostile")
    repo.commit({TRIAGE: PROMPT})
    return repo


def refused(repo: Repo, told: str, *, id: str = ID, request_: str = "*", cache: Path | None = None) -> str:
    with pytest.raises(IntegrityError, match=told) as caught:
        onbook.open(repo.path, cache=cache).get(id, request_)
    if cache:
        assert not list(cache.rglob("*.yml"))
    return str(caught.value)


def test_a_moved_tag(released: Repo, tmp_path: Path) -> None:
    repo = clone(released.path, tmp_path / "repo")
    lock = tmp_path / "onbook.lock"
    found = remote_book(repo.path).fetch(ID, "1.0.0")
    locked = Lock()
    locked.add(LockedRequest(str(repo.path), ID, "^1", "1.0.0"), found.release)
    locked.write(lock)
    onbook.open(repo.path, lock=lock).get(ID, "1.0.0")
    old = repo.git("rev-parse", f"refs/tags/{ID}/v1.0.0")
    new = release_by_hand(repo, ID, "1.0.0")
    # A cache that holds the new one must not pass it on either.
    remote_book(repo.path, cache=tmp_path / "other").fetch(ID, "1.0.0")
    for cache in (tmp_path / "fresh", tmp_path / "other"):
        for request_ in ("1.0.0", "^1"):
            with pytest.raises(IntegrityError, match=r"its tag moved") as caught:
                onbook.open(repo.path, lock=lock, cache=cache).get(ID, request_)
            assert old in str(caught.value)
            assert new in str(caught.value)
    assert not list((tmp_path / "fresh").rglob("*.yml"))


def test_frozen(released: Repo, tmp_path: Path) -> None:
    url = str(released.path)
    locked = Lock()
    locked.add(LockedRequest(url, ID, "^0", "0.1.0"), remote_book(url).fetch(ID, "0.1.0").release)
    locked.write(tmp_path / "l")
    book = remote_book(url, lock=tmp_path / "l")
    assert book.fetch_locked(ID, "^0").release.version == "0.1.0"
    with pytest.raises(UsageError, match="holds no choice"):
        book.fetch_locked(ID, "^1")
    locked.releases.clear()
    locked.write(tmp_path / "l")
    with pytest.raises(UsageError, match="does not say what that is"):
        remote_book(url, lock=tmp_path / "l").fetch_locked(ID, "^0")


def test_tags_of_another_kind(tmp_path: Path) -> None:
    repo = hostile(tmp_path)
    repo.git("tag", f"{ID}/v1.0.0")
    assert "v1.0.0" in refused(repo, "lightweight")
    release_by_hand(repo, ID, "1.1.0")
    repo.git("update-ref", f"refs/tags/{ID}/v1.2.0", f"refs/tags/{ID}/v1.1.0")
    refused(repo, r"its name is 'support/triage/v1\.1\.0': it was copied", request_="1.2.0")
    assert onbook.open(repo.path).get(ID, "1.1.0").version == "1.1.0"
    repo.write_tag(f"{ID}/v1.3.0", "nothing of ours\n")
    refused(repo, "was not written by onbook", request_="1.3.0")
    repo.git("tag", f"{ID}/v1.4.0", "HEAD^{tree}")
    refused(repo, "lightweight", request_="1.4.0")


@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("kind", ["tree", "blob", "tag"])
def test_a_tag_of_something_else(tmp_path: Path, kind: str, filters: bool) -> None:
    repo = hostile(tmp_path)
    repo.git("config", "uploadpack.allowFilter", str(filters).lower())
    release_by_hand(repo, ID, "1.0.0")
    targets = {"tree": "HEAD^{tree}", "blob": f"HEAD:{TRIAGE}", "tag": f"refs/tags/{ID}/v1.0.0"}
    text = manifest(repo, {TRIAGE: PROMPT.encode()})
    repo.write_tag(f"{ID}/v2.0.0", f"x\n\n{text}", target=targets[kind], kind=kind)
    with pytest.raises(IntegrityError, match=f"points at a {kind}"):
        onbook.open(f"file://{repo.path}").get(ID)
    # One bad tag does not take the good ones away.
    assert onbook.open(f"file://{repo.path}").get(ID, "^1").version == "1.0.0"


def test_wrong_bytes(tmp_path: Path) -> None:
    repo = hostile(tmp_path)
    text = manifest(repo, {TRIAGE: PROMPT.encode()})
    good, bad = repo.git("rev-parse", f"HEAD:{TRIAGE}"), repo.blob(b"messages: [{role: user, content: evil}]")
    repo.write_tag(f"{ID}/v1.0.0", f"x\n\n{text.replace(good, bad)}")
    refused(repo, r"has sha256 [0-9a-f]{64}, and the tag says", cache=tmp_path / "c")
    stated = text.partition("sha256:")[2][:64]
    repo.write_tag(f"{ID}/v2.0.0", f"x\n\n{text.replace(stated, '0' * 64)}")
    refused(repo, "but its own file list has", cache=tmp_path / "c")
    repo.write_tag(f"{ID}/v3.0.0", f"x\n\n{text.replace(good, '1' * 40)}")
    with pytest.raises(OnbookError, match=f"does not have file {'1' * 40}"):
        onbook.open(repo.path, cache=tmp_path / "c").get(ID)
    assert not list((tmp_path / "c").rglob("*.yml"))


@pytest.mark.parametrize(
    "path",
    [
        "../evil", "/etc/evil", "a/../../evil", "a//b", "./a", "a\\b", ".git/hooks/post-checkout", "x/.GIT/config",
        ".git ./x", "GIT~1/config", ".git::$INDEX_ALLOCATION/config", ".g\u200cit/config", "a\x1b[2Jb",
        f"{TRIAGE}/below", TRIAGE,
    ],
)  # fmt: skip
def test_hostile_paths(tmp_path: Path, path: str) -> None:
    repo = hostile(tmp_path)
    files = [
        ClosureFile(name, "100644", repo.blob(PROMPT.encode()), sha256(PROMPT.encode())) for name in (TRIAGE, path)
    ]
    lines = "\n".join(f"Onbook-File: {file}" for file in files)
    repo.write_tag(f"{ID}/v1.0.0", f"x\n\nOnbook-Digest: {digest(files)}\nOnbook-Bump: major\n{lines}\n")
    with pytest.raises(IntegrityError):
        remote_book(repo.path, cache=tmp_path / "c").fetch(ID)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("mode", ["120000", "160000", "040000"])
def test_hostile_modes(tmp_path: Path, mode: str) -> None:
    repo = hostile(tmp_path)
    text = manifest(repo, {TRIAGE: PROMPT.encode()}).replace("100644", mode)
    repo.write_tag(f"{ID}/v1.0.0", f"x\n\n{text}")
    refused(repo, "only regular files are read", cache=tmp_path / "c")


def test_a_release_of_another_prompt_or_one_that_cannot_be_read(tmp_path: Path) -> None:
    repo = hostile(tmp_path)
    release_by_hand(repo, ID, "1.0.0", {"prompts/other.prompt.yml": PROMPT.encode()})
    refused(repo, "lists 0 files for the prompt", cache=tmp_path / "c")
    release_by_hand(repo, ID, "2.0.0", {TRIAGE: b"messages: later\n"})
    with pytest.raises(OnbookError, match="cannot be read by this onbook"):
        onbook.open(repo.path).get(ID)


def test_an_exact_version_needs_its_remote_once(released: Repo, tmp_path: Path) -> None:
    repo = clone(released.path, tmp_path / "repo")
    first = onbook.open(repo.path).get("partial", "0.1.0")
    repo.path.rename(tmp_path / "away")
    again = onbook.open(repo.path).get("partial", "0.1.0")
    assert (again.digest, again.commit, again.tag) == (first.digest, first.commit, first.tag)
    assert again.render(x="x") == [{"role": "user", "content": "Kind: x"}]
    with pytest.raises(OnbookError, match="does not appear to be a git repository"):
        onbook.open(repo.path).get("partial", "^0.1")


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "folder", "index", "index of another kind"])
def test_a_damaged_cache_is_mended(released: Repo, tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "c"
    first = remote_book(released.path, cache=cache).fetch("partial", "0.1.0")
    file, index = first.folder / "prompts/_shared/a.md", next(cache.rglob("*.json"))
    if damage == "changed":
        file.write_text("Rude: ")
    elif damage == "cut":
        file.write_text("")
    elif damage == "gone":
        file.unlink()
    elif damage == "folder":
        for path in sorted(first.folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    elif damage == "index":
        index.write_text(index.read_text()[:50])
    else:
        index.write_text('{"release": {"url": 1}, "tag": [], "files": [{"path": 3}]}')
    assert onbook.open(released.path, cache=cache).get("partial", "0.1.0").render(x="")[0]["content"] == "Kind: "
    assert file.read_text() == "Kind: "


def test_a_cache_that_cannot_be_written(released: Repo, tmp_path: Path) -> None:
    """An application on a read-only file system is served all the same, and told; a command that keeps is not."""
    (tmp_path / "file").write_text("")
    prompt = onbook.open(released.path, cache=tmp_path / "file").get(ID)
    assert prompt.version == "1.0.0"
    assert any("not kept for the next start: the cache cannot be written" in note for note in prompt.notes)
    book = remote_book(released.path, cache=tmp_path / "file")
    with pytest.raises(OnbookError, match="the cache cannot be written"):
        book.kept(book.fetch(ID))


WORKER = """
import sys, onbook
print(onbook.open(sys.argv[1], cache=sys.argv[2]).get("partial", "0.1.0").render(x="x")[0]["content"])
"""


def test_processes_share_a_cache(released: Repo, tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WORKER, str(released.path), str(tmp_path / "c")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert [process.communicate() for process in started] == [("Kind: x\n", "")] * 4
    assert not [path for path in (tmp_path / "c").rglob("*") if path.name.startswith(".")]


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


@pytest.mark.parametrize(
    "url", ["ext::sh -c 'touch evil'", "fd::7", "ext://x", "--upload-pack=touch evil", "-c", "transport::x"]
)
def test_urls_that_would_run_something(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext:fd:file:git")
    with pytest.raises(UsageError):
        onbook.open(url).get(ID)
    assert not (tmp_path / "evil").exists()
    assert not list(temporary.iterdir())


def test_secrets_of_a_url_are_written_nowhere(tmp_path: Path) -> None:
    with pytest.raises(OnbookError) as caught:
        onbook.open("http://me:s3cret@127.0.0.1:1/x.git", timeout=20).get(ID)
    assert "127.0.0.1:1" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_relative_path_means_the_same_repository(released: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(released.path.parent)
    assert remote_book("repo").fetch(ID).release.url == str(released.path)


def test_whatever_hook_this_runs_in(released: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = new_repo(tmp_path / "other")
    other.commit({"f": "f"})
    hooks = tmp_path / "hooks"
    for name in ("reference-transaction", "post-checkout", "post-merge"):
        other.write(f"../hooks/{name}", f"#!/bin/sh\ntouch {tmp_path}/ran\n").chmod(0o755)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(hooks))
    monkeypatch.setenv("GIT_CONFIG_KEY_1", "transfer.fsckObjects")
    monkeypatch.setenv("GIT_CONFIG_VALUE_1", "true")
    for name in ("GIT_DIR", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git/index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.path / ".git/objects"))
    monkeypatch.setenv("GIT_QUARANTINE_PATH", str(other.path / ".git/objects"))
    before = sorted((other.path / ".git").rglob("*"))
    assert onbook.open(released.path).get(ID, "^0.1").version == "0.1.1"
    assert sorted((other.path / ".git").rglob("*")) == before
    assert not (tmp_path / "ran").exists()


def test_a_remote_that_says_nothing(temporary: Path) -> None:
    with silent_server() as url:
        started = time.monotonic()
        with pytest.raises(OnbookError, match=r"git fetch did not end within 0\.5 seconds"):
            onbook.open(url, timeout=0.5).get(ID)
        # Not how fast it is, but that it is the timeout of ours that ended it.
        assert time.monotonic() - started >= 0.5
    assert not list(temporary.iterdir())
    assert not children()


def test_what_is_written_out(released: Repo, tmp_path: Path) -> None:
    book = remote_book(released.path)
    fetched = book.fetch("partial")
    out = book.export(fetched, tmp_path / "out")
    assert (out / fetched.prompt_file).read_bytes() == (released.path / fetched.prompt_file).read_bytes()
    (tmp_path / "linked/prompts").mkdir(parents=True)
    (tmp_path / "linked/prompts/_shared").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="symbolic link"):
        book.export(fetched, tmp_path / "linked")
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked/prompts").write_text("")
    with pytest.raises(OnbookError, match="cannot be written"):
        book.export(fetched, tmp_path / "blocked")
