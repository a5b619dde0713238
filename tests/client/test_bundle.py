"""Bundles: made by the command, opened without git, and the last resort of a book whose remote is away."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import pytest

import onbook
from onbook import resources
from onbook.errors import IntegrityError, OnbookError, UsageError
from support.console import person
from support.copies import copied
from support.git import PROMPT, Repo, new_repo, release_by_hand, silent_server
from support.http_git import GitServer, git_server

ID = "support/triage"
PATH = f"prompts/{ID}.prompt.yml"


def digest_of(repo: Repo, version: str) -> str:
    return repo.git("cat-file", "tag", f"{ID}/v{version}").partition("Onbook-Digest: ")[2].split("\n")[0]


@pytest.fixture
def remote(tmp_path: Path) -> Repo:
    return Repo(copied(_published, tmp_path / "served" / "repo"))


def _published(path: Path) -> None:
    repo = new_repo(path)
    repo.git("config", "uploadpack.allowFilter", "true")
    for version in ("1.0.0", "1.1.0"):
        text = PROMPT.replace("You sort", f"{version} sort")
        repo.commit({PATH: text})
        release_by_hand(repo, ID, version, {PATH: text.encode()})
    rows = f'{ID}:\n  stable: {{version: 1.0.0, digest: "{digest_of(repo, "1.0.0")}"}}\n'
    rows += f'  canary: {{version: 1.1.0, digest: "{digest_of(repo, "1.1.0")}", weight: 100, key: u, salt: s}}\n'
    repo.commit({"prompts/_environments/production.yml": rows})


@pytest.fixture
def server(remote: Repo) -> Iterator[GitServer]:
    with git_server(remote.path.parent) as found:
        yield found


@pytest.fixture
def bundle(remote: Repo, tmp_path: Path) -> Path:
    someone = person(tmp_path / "app", repository=False)
    said = someone.onbook("bundle", "--from", str(remote.path), "--env", "production", "--out", "bundle.json")
    assert "bundle.json: 2 releases" in said
    return someone.cwd / "bundle.json"


def test_what_the_command_writes_fits_the_published_schema(bundle: Path) -> None:
    data = json.loads(bundle.read_bytes())
    jsonschema_rs.validator_for(resources.schema("bundle"), offline=True).validate(data)
    assert [row["version"] for row in data["releases"]] == ["1.0.0", "1.1.0"]
    assert data["environments"]["production"][ID]["canary"]["weight"] == 100
    # Another language needs no YAML for it.
    definition = data["releases"][0]["definition"]
    assert definition["messages"][0] == {"role": "system", "content": "1.0.0 sort support tickets."}
    assert definition["model"] == "openai/gpt-4.1-2025-04-14"


NO_GIT = """
import os, sys
os.environ["PATH"] = ""
import onbook
book = onbook.open(bundle=sys.argv[1])
for prompt in (book.get("support/triage", "^1"), book.get("support/triage", "1.0.0"),
               book.get("support/triage", env="production"), book.get("support/triage", env="production", key="7")):
    print(prompt.version, prompt.render(ticket="x")[0]["content"][:5], prompt.notes[0][:27])
"""


def test_a_bundle_needs_no_git_at_all(bundle: Path) -> None:
    done = subprocess.run([sys.executable, "-c", NO_GIT, str(bundle)], capture_output=True, text=True, check=False)
    note = "from the bundle that was ma"
    versions = ("1.1.0", "1.0.0", "1.0.0", "1.1.0")
    assert (done.stdout, done.stderr) == ("".join(f"{v} {v} {note}\n" for v in versions), "")


def test_what_a_bundle_does_not_have(bundle: Path) -> None:
    book = onbook.open(bundle=bundle)
    with pytest.raises(UsageError, match=r"no release of support/triage that fits \^2(.|\n)*it has: 1\.1\.0, 1\.0\.0"):
        book.get(ID, "^2")
    with pytest.raises(UsageError, match="no environment staging"):
        book.get(ID, env="staging")
    with pytest.raises(IntegrityError, match="not signed"):
        onbook.open(bundle=bundle, verify="signed").get(ID, "1.0.0")


def test_the_last_resort_where_the_remote_is_away(bundle: Path, server: GitServer, tmp_path: Path) -> None:
    server.mode = "fail"
    url = f"{server.url}/repo/.git"
    book = onbook.open(url, cache=tmp_path / "c", bundle=bundle)
    assert [book.get(ID, each).version for each in ("1.0.0", "^1")] == ["1.0.0", "1.1.0"]
    assert book.get(ID, env="production", key="7").version == "1.1.0"
    assert book.get(ID, "^1").notes[0].startswith("from the bundle")
    assert "500" in book.failures[f"{ID}@^1"].error.message
    with pytest.raises(OnbookError, match="500"):
        book.get("support/other")
    server.mode = "serve"
    assert book.refresh() == {}
    assert book.get(ID, "^1").notes == ()
    with silent_server() as silent:
        hanging = onbook.open(silent, cache=tmp_path / "d", bundle=bundle, timeout=0.5)
        assert hanging.get(ID, env="production").version == "1.0.0"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data["releases"][0]["files"][0].update(text="messages: []"), "are not what this bundle says"),
        (
            lambda data: data["releases"][0].update(commit="0" * 40),
            "points at [0-9a-f]{40}, and this bundle says 0{40}",
        ),
        (lambda data: data["releases"][0].update(raw="x"), "tag object of support/triage 1.0.0 is not"),
        (lambda data: data["releases"].append(data["releases"][0]), "twice"),
        (lambda data: data.update(version=2), "no bundle of version 1"),
        (lambda data: data.pop("releases"), "no bundle"),
        (lambda data: data["releases"][0].update(commit="\ud800"), "releases/0/commit: this holds half a character"),
        (lambda data: data["releases"][0].update(version="^1"), "no bundle"),
        (lambda data: data["releases"][0]["files"][0].update(path="../x"), "no bundle"),
    ],
)
def test_a_bundle_that_was_tampered_with(bundle: Path, change: object, told: str) -> None:
    data = json.loads(bundle.read_bytes())
    assert callable(change)
    change(data)
    with pytest.raises(OnbookError, match=told):
        onbook.open(bundle=data)


@pytest.mark.parametrize("verify", ["tag", "signed"])
def test_a_prompt_is_not_served_as_another_whose_id_is_the_end_of_its_own(bundle: Path, verify: str) -> None:
    data = json.loads(bundle.read_bytes())
    data["releases"][0]["id"] = ID.rpartition("/")[2]
    with pytest.raises(IntegrityError, match=r"the tag of triage 1\.0\.0 is titled 'support/triage 1\.0\.0'"):
        onbook.open(bundle=data, verify=verify).get("triage")


@pytest.mark.parametrize("tag", [f"{ID}/v1.0.0", f"{ID}/v1.9.0"])
def test_an_old_release_is_not_served_as_a_newer_one(bundle: Path, tag: str) -> None:
    data = json.loads(bundle.read_bytes())
    data["releases"][0].update(version="1.9.0", tag=tag)
    for verify in ("tag", "signed"):
        with pytest.raises(IntegrityError, match=r"says that its name is 'support/triage/v1\.0\.0': it was copied"):
            onbook.open(bundle=data, verify=verify).get(ID, "^1")
    # A mirror may have renamed its tags.
    assert onbook.open(bundle=data, verify="none").get(ID, "^1").version == "1.9.0"


@pytest.mark.parametrize("made", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "0000-01-01T00:00:00Z"])
def test_a_time_beyond_the_calendar_is_none(bundle: Path, made: str) -> None:
    data = {**json.loads(bundle.read_bytes()), "made": made}
    assert "made on some time" in onbook.open(bundle=data).get(ID, "1.0.0").notes[0]


def test_what_is_no_bundle(tmp_path: Path) -> None:
    for text in ("", "[", "[]", "null", "[" * 100_000):
        (tmp_path / "b").write_text(text)
        with pytest.raises(UsageError):
            onbook.open(bundle=tmp_path / "b")
    with pytest.raises(UsageError, match="cannot be read"):
        onbook.open(bundle=tmp_path / "none")


def test_fetch_by_environment(remote: Repo, tmp_path: Path) -> None:
    someone = person(tmp_path / "app2", repository=False)
    found = someone.report("fetch", f"{ID}@production", "--from", str(remote.path))
    assert found["data"]["version"] == "1.0.0"
    frozen = someone.report("fetch", f"{ID}@production", "--from", str(remote.path), "--frozen")
    assert frozen["data"]["tag_object"] == found["data"]["tag_object"]
    lock = json.loads((someone.cwd / "onbook.lock").read_text())
    jsonschema_rs.validator_for(resources.schema("lock"), offline=True).validate(lock)
    assert "there is no environment staging" in someone.onbook(
        "fetch", f"{ID}@staging", "--from", str(remote.path), exits=2
    )
    assert "added with --env" in someone.onbook(
        "bundle", f"{ID}@production", "--from", str(remote.path), "--out", "b", exits=2
    )
