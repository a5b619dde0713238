"""Runs that would be in each other's way, chains whose earlier prompts move, recordings that nobody owns any more."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from onbook.testing.journal import Journal
from onbook.testing.locks import Locks
from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings
from onbook.testing.request import Request, Response
from support.openai_server import HANG, OpenAIServer, Reply, answer
from support.running import MODEL, RECORDINGS, Desk, desk

INTENT = f"""\
model: {MODEL}
messages:
  - role: user
    content: "Intent? {{{{ticket}}}}"
"""
SUITE = 'chain: [intent, {prompt: a, inputs: {ticket: "{{intent}}"}}]\nassert: [{contains: "o"}]\n'


def chained(root: Path, server: OpenAIServer) -> Desk:
    here = desk(root, 1, server.url, suite=SUITE)
    here.write("prompts/intent.prompt.yml", INTENT)
    here.write("prompts/other.prompt.yml", INTENT)
    return here


def test_two_runs_never_record_into_one_file_at_once(tmp_path: Path) -> None:
    with OpenAIServer([HANG]) as server:
        here = desk(tmp_path, 1, server.url)
        first = here.start("--record")
        try:
            while not server.received:
                assert first.poll() is None
            _, err = here.test("--record", exits=3)
            assert "another `onbook test --record` is writing these recordings; nothing was asked" in err
            assert RECORDINGS in err
            assert len(server.received) == 1
            # A prompt of its own is nobody else's.
            here.write("prompts/b.prompt.yml", INTENT)
            here.write("prompts/b.cases.jsonl", '{"id": "x", "inputs": {"ticket": "y"}, "assert": [{"regex": "."}]}\n')
            here.test("b", "--record")
            assert len(server.received) == 2
        finally:
            os.killpg(first.pid, signal.SIGKILL)
            first.communicate()
    with OpenAIServer(echo=True) as server:
        # A run that was killed holds nothing.
        assert Desk(here.root, server.url).row("a", "--record")["passed"] == 1


def test_a_run_takes_over_what_another_has_written_since_it_began(tmp_path: Path) -> None:
    def recording(id: str) -> Recording:
        said = Response(id, (), "stop", MODEL, {}, 1, None, "test")
        return Recording.of(id, Request(MODEL, ({"role": "user", "content": id},), {}), said)

    path = tmp_path / "a.recordings.jsonl"
    stale = Recordings()
    path.write_bytes(recording("theirs").line() + b"\n")
    with Locks(tmp_path / "lock") as locks, Journal(stale, path, locks) as journal:
        journal.keep(recording("ours"))
    assert [each.case for each in Recordings.read(path.read_bytes(), "a")] == ["ours", "theirs"]


def test_an_edit_of_an_earlier_prompt_of_a_chain_selects_those_that_ask_it(tmp_path: Path) -> None:
    with OpenAIServer(echo=True) as server:
        here = chained(tmp_path, server)
        here.test("a", "--record")
        here.commit()
        assert "no prompt changed" in here.test("--changed-since", "HEAD")[1]
        here.write("prompts/other.prompt.yml", INTENT.replace("Intent", "Other"))
        assert [row["id"] for row in here.report("--changed-since", "HEAD")["data"]["prompts"]] == ["other"]
        here.write("prompts/intent.prompt.yml", INTENT.replace("Intent", "Aim"))
        ids = [row["id"] for row in here.report("--changed-since", "HEAD", exits=3)["data"]["prompts"]]
        assert ids == ["a", "intent", "other"]


def test_a_live_run_compares_every_step_of_a_chain(tmp_path: Path) -> None:
    def drift(replies: Iterable[Reply], exits: int) -> tuple[dict[str, int], list[str]]:
        with OpenAIServer(replies) as server:
            out, _ = Desk(here.root, server.url).test("a", "--live", "--format", "json", exits=exits)
        report = json.loads(out)
        messages = [finding["message"] for check in report["checks"] for finding in check["findings"]]
        return {kind: count for kind, count in report["data"]["prompts"][0]["drift"].items() if count}, messages

    with OpenAIServer([answer("one"), answer("so")]) as server:
        here = chained(tmp_path, server)
        here.test("a", "--record")
    assert drift([answer("one"), answer("so")], 0) == ({"same": 1}, [])
    moved = "step 'intent' of the chain answers otherwise than recorded: 'case-00000'"
    # The second request is another one now: its answer is compared with the one that stands in its place.
    assert drift([answer("two"), answer("so")], 0) == ({"same": 1}, [moved])
    found, messages = drift([answer("two"), answer("x")], 1)
    assert (found, moved in messages) == ({"verdict": 1}, True)


def test_prune_tells_of_recordings_whose_prompt_is_gone(tmp_path: Path) -> None:
    with OpenAIServer(echo=True) as server:
        here = desk(tmp_path, 1, server.url)
        here.test("--record")
        assert "belongs to no prompt" not in here.test("--prune")[1]
        here.write("prompts/b.prompt.yml", INTENT)
        (here.root / "prompts/a.prompt.yml").unlink()
        assert f"{RECORDINGS} belongs to no prompt: delete it, or move it" in here.test("--prune")[1]
