"""`onbook label`, and what `onbook test --record` and `--prune` do with answers that people have labelled."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.console import ONBOOK
from support.openai_server import OpenAIServer
from support.running import RECORDINGS, Desk, desk

JUDGE = {"modelId": "openai/judge", "prompt": "Is this kind: {{completion}}", "choices": [{"choice": "k", "score": 1}]}
SUITE = f"judges: {{labels: 2}}\nassert: [{json.dumps({'evaluator': {'name': 'kind', 'llm': JUDGE}})}]\n"
LABELS = "prompts/a.labels.jsonl"


def label(here: Desk, *args: str, said: str = "", exits: int = 0) -> str:
    done = subprocess.run(
        [ONBOOK, "label", "a", *args], cwd=here.root, input=said, capture_output=True, text=True, check=False
    )
    assert done.returncode == exits, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows(here: Desk) -> list[dict[str, str]]:
    return [json.loads(line) for line in (here.root / LABELS).read_text("utf-8").splitlines()]


def test_labels_are_asked_for_kept_and_measured(tmp_path: Path) -> None:
    with OpenAIServer(echo=True) as server:
        here = desk(tmp_path, 4, server.url, suite=SUITE)
        here.git("config", "user.name", "Ann")
        assert "no recorded answer" in label(here)
        here.test("--record")
        told = label(here, said="g\nb\ns\nq\n")
        assert "1 of 4: case 'case-00000'" in told
        assert "Sort this: ticket 0" in told
        assert f"2 labelled in {LABELS}" in told
        assert "Is this kind" not in told  # who labels does not hear the judge
        assert [(row["case"], row["label"], row["by"]) for row in rows(here)] == [
            ("case-00000", "good", "Ann"), ("case-00001", "bad", "Ann")
        ]  # fmt: skip
        assert "1 of 2: case 'case-00002'" in label(here, said="q\n")
        (listed,) = json.loads(label(here, "--format", "json"))["data"]["prompts"]
        assert listed["labels"] == [{name: row[name] for name in ("case", "key", "label", "by")} for row in rows(here)]
        assert [(row["case"], row["answer"]) for row in listed["unlabelled"]] == [
            (f"case-0000{number}", f"Sort this: ticket {number}") for number in (2, 3)
        ]
        assert len(json.loads(label(here, "--format", "json", "--by", "Bob"))["data"]["prompts"][0]["unlabelled"]) == 4
        assert "--as" in label(here, "--case", "case-00003", "--as", "bad", "--format", "json", exits=2)
        label(here, "--case", "case-00003", "--as", "bad", "--note", "too short", "--by", "Bob")
        assert (rows(here)[2]["note"], rows(here)[2]["by"]) == ("too short", "Bob")
        assert "--case" in label(here, "--as", "good", exits=2)

        # The wording changes: new answers, and the judge is still measured by the old ones.
        sent = len(server.received)
        text = (here.root / "prompts/a.prompt.yml").read_text("utf-8")
        here.write("prompts/a.prompt.yml", text.replace("one word", "a word"))
        row = here.row("--record")
        (judged,) = row["judges"]
        assert (judged["labelled"], judged["gone"]) == (3, 0)
        held = [json.loads(line)["key"] for line in (here.root / RECORDINGS).read_text("utf-8").splitlines()]
        assert {row["key"] for row in rows(here)} <= set(held)
        # Four answers to the new wording; what they say is what was said before, so the judge is not asked again.
        assert len(server.received) - sent == 4
        here.test("--prune")
        assert here.row()["judges"] == row["judges"]
        # Another question to the judge is asked of labelled answers too, those of the old wording included.
        suite = (here.root / "prompts/a.suite.yml").read_text("utf-8")
        here.write("prompts/a.suite.yml", suite.replace("Is this kind", "Is that kind"))
        assert here.row(exits=3)["judges"][0]["unheard"] == 3
        assert here.row("--record")["judges"][0]["labelled"] == 3
