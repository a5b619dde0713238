"""Recording from a real server on loopback: what is asked, what is kept, and what the next run asks."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from onbook import resources
from onbook.contract import Contract
from onbook.testing.recordings import Recordings
from support import record
from support.openai_server import HANG, OpenAIServer, Received, Reply, answer, failure
from support.projects import RECORDINGS, case, project
from support.sources import MODEL, PROMPT

OTHER = "openai/gpt-4.1-mini-2025-04-14"


class _Answering(OpenAIServer):
    """Answers by what it is asked, whatever the order is."""

    def __init__(self, replies: Mapping[str, Reply | Sequence[Reply]]) -> None:
        super().__init__()
        self._replies = {text: [it] if isinstance(it, Reply) else list(it) for text, it in replies.items()}

    def next(self, received: Received) -> Reply:
        super().next(received)
        asked = str(received.body["messages"])
        for text, replies in self._replies.items():
            if text in asked:
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return answer(f"about {asked[-40:]}")


JUDGE: dict[str, Any] = {
    "name": "j",
    "llm": {"modelId": "openai/judge", "prompt": "JUDGE {{completion}}", "choices": [{"choice": "yes", "score": 1}]},
}
POOR = {**JUDGE, "llm": {"modelId": "openai/poor", "prompt": "POOR {{completion}}", "choices": JUDGE["llm"]["choices"]}}


@contextmanager
def served(replies: Mapping[str, Reply | Sequence[Reply]]) -> Iterator[OpenAIServer]:
    with _Answering(replies) as server:
        yield server


def written(files: Mapping[str, str | bytes]) -> dict[str, object]:
    return {"write": files}


def slugs(outcome: Mapping[str, Any]) -> list[str]:
    return [finding["slug"] for check in outcome["report"]["checks"] for finding in check["findings"]]


def row(outcome: Mapping[str, Any]) -> dict[str, Any]:
    assert Contract(resources.schema("report")).violations(outcome["report"]) == []
    found: dict[str, Any] = outcome["report"]["data"]["prompts"][0]
    return found


def test_recording_from_end_to_end(tmp_path: Path) -> None:
    asked = [{"contains": "about"}]
    cases = [case(id, None, *asked) for id in ("delta", "alpha", "broken", "halved")]
    twin = case("twin", "alpha", *asked)
    first = project(*cases, twin)
    reworded = PROMPT.replace("Sort this", "Sort that")
    judged = project(case("alpha", None, {"evaluator": JUDGE}), prompt=reworded)
    again = project(case("alpha", "changed", {"evaluator": JUDGE}), prompt=reworded)
    moved = project(*cases[:2], twin)
    rounds: list[dict[str, object]] = [
        written(first),  # 0: two requests fail, the others are kept
        {},  # 1: only what is missing is asked for
        {},  # 2: nothing is missing
        {"record": False},  # 3: replay
        written(project(case("alpha", "another", *asked), *cases[:1], twin)),  # 4: the twin keeps what both had
        written(moved),  # 5
        written(project(*cases[:2], prompt=reworded)),  # 6: every request is another one
        written(judged),  # 7: a judge
        {"record": False},  # 8: replayed
        written(again),  # 9: another answer, another verdict
    ]
    replies: dict[str, Reply | Sequence[Reply]] = {
        "JUDGE": answer("Yes."),
        "broken": [failure(400, "context too long"), answer("about broken")],
        "halved": [answer("about \ud83d"), answer("about halved")],
    }
    # In a room of its own: a judge that cannot be asked, an answer that is cut, two models.
    two = f"models: [{MODEL}, {OTHER}]"
    poor = project(case("x", None, {"evaluator": POOR}), case("cut", None, {"evaluator": POOR}), suite=two)
    rounds.append({**written(poor), "below": "poor"})
    replies |= {"POOR": failure(400, "no such judge"), "cut": answer("abou", finish="length")}
    with served(replies) as server:
        outcomes = record.run(tmp_path, rounds, server.url)
    kept, before, last = (outcomes[number]["files"][RECORDINGS].encode() for number in (0, 2, 9))

    # 0: duplicated requests of two cases are asked once; a failure leaves the others recorded and is told.
    assert outcomes[0]["progress"][-1] == [2, 2, 4]
    assert (row(outcomes[0])["passed"], row(outcomes[0])["missing"]) == (3, 2)
    assert outcomes[0]["report"]["status"] == "unchecked"
    findings = outcomes[0]["report"]["checks"][0]["findings"]
    assert [finding["slug"] for finding in findings] == ["not-recorded", "not-recorded"]
    assert "the answer was not given" in findings[0]["message"]
    assert "context too long" in findings[0]["message"]
    assert findings[0]["line"] == 3
    assert "half a character" in findings[1]["message"]
    assert [line.case for line in Recordings.read(kept, RECORDINGS)] == ["alpha", "delta"]

    # 1, 2, 3: an unchanged key is never rewritten, and with nothing missing nothing is asked.
    assert outcomes[1]["progress"][-1] == [2, 0, 2]
    assert row(outcomes[1])["passed"] == 5
    assert outcomes[2]["progress"] == []
    assert row(outcomes[2]) == row(outcomes[3])
    assert set(kept.splitlines()) <= set(before.splitlines())

    # 4: alpha asks something else now; the answer that stands under its name is the twin's still.
    assert outcomes[4]["progress"][-1] == [1, 0, 1]
    assert row(outcomes[4])["passed"] == 3
    assert (outcomes[5]["progress"], row(outcomes[5])["passed"]) == ([], 3)

    # 6: a newer answer replaces the stale one of the same case; those of cases that are gone stay.
    assert row(outcomes[6])["passed"] == 2
    # 7, 8: a judge is recorded and replayed; 9: its verdict is replaced with the answer.
    assert outcomes[7]["progress"] == [[0, 0, 1], [1, 0, 1]]
    assert row(outcomes[7])["passed"] == row(outcomes[8])["passed"] == 1
    assert outcomes[9]["progress"] == [[0, 0, 1], [1, 0, 1], [1, 0, 2], [2, 0, 2]]
    left = [(line.case, line.assertion) for line in Recordings.read(last, RECORDINGS)]
    assert left == [
        ("alpha", None), ("alpha", "evaluator"), ("broken", None), ("delta", None), ("halved", None)
    ]  # fmt: skip
    # Nothing that was sent holds what must not be recorded, and no line holds the key.
    assert b"sk-of-nobody" not in last
    assert len(server.received) == 4 + 2 + 1 + 2 + 1 + 2 + 5

    poor_rows = outcomes[10]["report"]["data"]["prompts"]
    assert [(it["model"], it["missing"], it["errors"]) for it in poor_rows] == [(MODEL, 1, 1), (OTHER, 1, 1)]
    findings = [finding for check in outcomes[10]["report"]["checks"] for finding in check["findings"]]
    assert "a judge's verdict (evaluator) was not given: openai/poor: no such judge" in findings[0]["message"]
    # An answer that was cut is not judged, and so not paid for twice; equal answers of two models are judged once.
    assert sum("POOR" in str(received.body["messages"]) for received in server.received) == 1


def test_an_interruption_keeps_what_arrived(tmp_path: Path) -> None:
    files = project(*(case(id, None, {"contains": "about"}) for id in ("b", "a", "hang")))
    root, arrived = tmp_path / "r", tmp_path / "arrived"
    root.mkdir()
    arrived.write_text("")
    with served({"hang": HANG}) as server:
        process = record.start(root, [written(files)], server.url, announce=arrived)
        while arrived.read_text() != "2":
            assert process.poll() is None
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    (outcome,) = json.loads(out)
    assert (row(outcome)["passed"], row(outcome)["missing"], row(outcome)["not_run"]) == (2, 1, 1)
    assert outcome["report"]["status"] == "unchecked"
    (finding,) = outcome["report"]["checks"][0]["findings"]
    assert finding["slug"] == "not-run"
    assert finding["message"] == f"1 case was not run on {MODEL} ('hang'): the run was interrupted"
    found = Recordings.read((root / RECORDINGS).read_bytes(), RECORDINGS)
    assert found.problems == []
    assert [line.case for line in found] == ["a", "b"]
    assert sorted(path.name for path in (root / "prompts").iterdir()) == [
        "a.cases.jsonl", "a.prompt.yml", "a.recordings.jsonl"
    ]  # fmt: skip
