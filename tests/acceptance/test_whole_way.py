"""The whole way, as a user goes it: from an empty repository to an application that fetches a release by its tag."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from support.ask import need_local_model
from support.console import Person, person
from support.git import daemon

PROMPT = "prompts/support/triage.prompt.yml"
RECORDINGS = "prompts/support/triage.recordings.jsonl"


@pytest.mark.local_model
def test_from_an_empty_repository_to_an_application(tmp_path: Path) -> None:
    need_local_model()
    author = person(tmp_path / "prompts")

    # A repository is set up, and a prompt is written for the model that is installed here.
    assert "prompts/" in author.onbook("init")
    author.onbook("new", "support/triage")
    assert "model: local/smollm2-135m" in (author.cwd / PROMPT).read_text()
    author.onbook("lint")

    # An edit goes wrong, and lint says where; then it is mended.
    author.edit(PROMPT, "{{ text }}", "{{ txet }}")
    told = author.onbook("lint", exits=1)
    assert re.search(rf"^{PROMPT}:26:10: ON203 .*txet", told, re.MULTILINE), told
    assert "text" in told
    author.edit(PROMPT, "{{ txet }}", "{{ text }}")
    author.onbook("lint")
    author.commit("A first prompt")

    # Without an answer on record nothing is released; the embedded model gives one.
    assert "no recording" in author.onbook("test", exits=3)
    assert "nothing was released" in author.onbook("release", exits=3)
    author.onbook("test", "--record")
    recorded = [json.loads(line) for line in (author.cwd / RECORDINGS).read_text().splitlines()]
    assert [row["model"] for row in recorded] == ["local/smollm2-135m"]
    assert recorded[0]["response"]["text"]
    author.onbook("test")
    author.commit("Record its answers")
    assert "support/triage/v0.1.0" in author.onbook("release")
    assert "nothing to release" in author.onbook("release")

    # An input becomes required: major, which below 1.0 asks for a minor, and the rule is named.
    author.edit(PROMPT, "required: [text]", "required: [text, tone]")
    author.edit(PROMPT, "      x-untrusted: true\n", "      x-untrusted: true\n    tone:\n      type: string\n")
    told = author.onbook("diff")
    assert "0.1.0 -> 0.2.0" in told
    assert re.search(r"major +OD101 .*`tone`", told)
    found = author.report("diff")["data"]["prompts"][0]
    assert (found["bump"], found["next_version"]) == ("major", "0.2.0")
    assert author.onbook("diff", "--bump", "support/triage").strip() == "major"
    author.onbook("diff", "--fail-on", "major", exits=1)
    author.git("checkout", "--", ".")

    # A change of wording asks the model something else: the recording does not answer that, and test says so.
    author.edit(PROMPT, "in one short sentence", "in one plain sentence")
    told = author.onbook("test", exits=3)
    assert "the request changed since it was recorded: message 1" in told
    author.onbook("test", "--record")
    author.onbook("test")
    author.commit("Ask for plain words")
    assert author.git("show", "--stat", "HEAD").count("recordings.jsonl") == 1
    assert "support/triage/v0.1.1" in author.onbook("release", "--dry-run")
    assert "v0.1.1" not in author.git("tag")

    # Released again, and pushed with the release before it.
    author.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    author.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    author.git("push", "--quiet", "origin", "main")
    author.onbook("release", "--push")
    pushed = author.git("ls-remote", "--tags", "--refs", "origin")
    assert sorted(re.findall("v[0-9.]+$", pushed, re.MULTILINE)) == ["v0.1.0", "v0.1.1"]
    assert "OD301" in author.onbook("log", "support/triage")

    fetch_and_lock(tmp_path, author)


def fetch_and_lock(tmp_path: Path, author: Person) -> None:
    """An application, in another folder that is no repository, fetches over a file and over the network."""
    application = person(tmp_path / "application", repository=False)
    near = f"file://{tmp_path}/remote.git"
    fetched = application.report("fetch", "support/triage@^0.1", "--from", near)["data"]
    assert fetched["version"] == "0.1.1"
    assert Path(fetched["path"]).read_bytes() == (author.cwd / PROMPT).read_bytes()

    with daemon(tmp_path) as url:
        far = f"{url}/remote.git"
        again = application.report("fetch", "support/triage@0.1.0", "--from", far, "--out", "vendored")["data"]
        assert (again["version"], again["path"]) == ("0.1.0", f"vendored/{PROMPT}")

        # The lock holds both, and the library takes its word.
        lock = json.loads((application.cwd / "onbook.lock").read_text())
        assert [(row["url"], row["request"], row["version"]) for row in lock["requests"]] == sorted(
            [(near, "^0.1", "0.1.1"), (far, "0.1.0", "0.1.0")]
        )
        assert application.report("fetch", "support/triage@^0.1", "--from", near, "--frozen")["data"] == fetched
        application.write(
            "app.py",
            f"""
import onbook

prompt = onbook.open({near!r}, lock="onbook.lock").get("support/triage", "^0.1")
print(prompt.version, prompt.render(text="It came late.")[-1]["content"])
""",
        )
        assert "0.1.1 Summarise" in application._run([sys.executable, "app.py"], 0)

        # Somebody moves a tag: refused, with what was locked and what was found.
        author.git("tag", "--force", "--annotate", "--message", "moved", "support/triage/v0.1.0", "HEAD")
        author.git("push", "--quiet", "--force", "origin", "support/triage/v0.1.0")
        told = application.onbook("fetch", "support/triage@0.1.0", "--from", far, exits=1)
        assert "not written by onbook" in told or "tag moved" in told

        # Also where the moved tag is a release in every respect.
        raw = author.git("cat-file", "tag", "support/triage/v0.1.1").replace("plain", "PLAIN", 1)
        author.write("moved", raw.replace("tagger ", "tagger Somebody Else, formerly ", 1))
        moved = author.git("hash-object", "-t", "tag", "-w", "moved").strip()
        author.git("push", "--quiet", "--force", "origin", f"{moved}:refs/tags/support/triage/v0.1.1")
        told = application.onbook("fetch", "support/triage@0.1.1", "--from", near, exits=1)
        assert "its tag moved" in told
        assert moved in told
        locked = next(row for row in lock["releases"] if row["url"] == near)
        assert locked["tag_object"] in told
