"""`onbook label`, and what `onbook test --record` and `--prune` do with answers that people have labelled."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from onbook.project import Catalog
from onbook.repo import Repository
from onbook.repo.worktree import WorkTree
from onbook.testing.labels import add, unlabelled
from onbook.testing.selection import Selection
from support.openai_server import OpenAIServer
from support.running import RECORDINGS, Desk, desk
from support.warm import onbook

JUDGE = {"modelId": "openai/judge", "prompt": "Is this kind: {{completion}}", "choices": [{"choice": "k", "score": 1}]}
SUITE = f"judges: {{labels: 2}}\nassert: [{json.dumps({'evaluator': {'name': 'kind', 'llm': JUDGE}})}]\n"
LABELS = "prompts/a.labels.jsonl"


def label(here: Desk, *args: str, said: str = "", exits: int = 0) -> str:
    done = onbook(["label", "a", *args], here.root, stdin=said)
    assert done.returncode == exits, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows(here: Desk) -> list[dict[str, str]]:
    return [json.loads(line) for line in (here.root / LABELS).read_text("utf-8").splitlines()]


def test_labels_are_asked_for_kept_and_measured(tmp_path: Path) -> None:
    with OpenAIServer(echo=True) as server:
        here = desk(tmp_path, 4, server.url, suite=SUITE)
        here.git("config", "user.name", "Ann")
        assert "no recorded answer" in label(here)
        # A script that says of a certain answer that it is good hears that there is none.
        told = label(here, "--case", "case-00000", "--as", "good", exits=2)
        assert "no answer of a to 'case-00000' is recorded as it is asked today\n  `onbook test a --record`" in told
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
        again = label(here, "--case", "case-00003", "--as", "bad", "--by", "Bob")
        assert again == "there is no recorded answer that you have not labelled\n"
        assert "--case" in label(here, "--as", "good", exits=2)

        # The wording changes: new answers, and the judge is still measured by the old ones.
        sent = len(server.received)
        text = (here.root / "prompts/a.prompt.yml").read_text("utf-8")
        here.write("prompts/a.prompt.yml", text.replace("one word", "a word"))
        # What is recorded now are answers to another question.
        assert "as it is asked today" in label(here, "--case", "case-00000", "--as", "good", exits=2)
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


def test_saved_labels_are_merged(tmp_path: Path) -> None:
    with OpenAIServer(echo=True) as server:
        here = desk(tmp_path / "here", 3, server.url)
        here.git("config", "user.name", "Ann")
        here.test("--record")
    keys = [json.loads(line)["key"] for line in (here.root / RECORDINGS).read_text("utf-8").splitlines()]
    saved = tmp_path / "saved.jsonl"

    def save(*labels: dict[str, str]) -> str:
        saved.write_text("".join(json.dumps(each) + "\n" for each in labels), "utf-8")
        return str(saved)

    def said(number: int, label: str, at: str, **more: str) -> dict[str, str]:
        return {"case": f"case-{number:05}", "key": keys[number], "label": label, "at": at, **more}

    early, late = "2026-11-21T09:00:00Z", "2026-11-21T11:00:00+01:00"
    told = label(here, "--from", save(said(0, "good", late, by="Bob"), said(1, "bad", late)))
    assert told == f"2 added to {LABELS}\n"
    assert [row.get("by") for row in rows(here)] == ["Bob", "Ann"]  # who does not say who they are is you
    # The same again, an older word, another word at a later time, and another person.
    now = "2026-11-21T12:00:00Z"
    again = (said(0, "good", late, by="Bob"), said(1, "good", early))
    told = label(here, "--from", save(*again, said(0, "bad", now, by="Bob"), said(0, "bad", early, by="Cy")))
    assert told == f"2 added to {LABELS}, 2 known already\n"
    assert [(row["label"], row["by"]) for row in rows(here)[2:]] == [("bad", "Bob"), ("bad", "Cy")]

    # Labels of answers that are not recorded here; a file of another prompt; lines that are no labels.
    strange = {"case": "x", "key": f"sha256:{'0' * 64}", "label": "good"}
    assert "1 left out" in label(here, "--from", save(strange, said(2, "good", now)))
    before = (here.root / LABELS).read_bytes()
    assert "none of its 1 labels" in label(here, "--from", save(strange), exits=2)
    for wrong in ({**strange, "label": "fine"}, {**strange, "more": "x"}):
        assert f"{saved}:2" in label(here, "--from", save(said(2, "bad", now), wrong), exits=3)
    saved.write_bytes(b"{\n")
    assert f"{saved}:1" in label(here, "--from", str(saved), exits=3)
    assert "cannot be read" in label(here, "--from", "absent.jsonl", exits=2)
    assert "--from takes" in label(here, "--from", str(saved), "--case", "case-00000", exits=2)
    assert (here.root / LABELS).read_bytes() == before


def test_labels_of_several_at_once_are_all_kept(tmp_path: Path) -> None:
    with OpenAIServer(echo=True) as server:
        here = desk(tmp_path, 1, server.url)
        here.test("--record")
    source = Catalog(WorkTree(Repository.discover(here.root))).find("a")
    ((_, recording),) = unlabelled(source, None, Selection())
    here.write(LABELS, '{"case": "case-00000", "key": "sha256:0", "label": "good"}')  # a last line that nobody ended
    with ThreadPoolExecutor(8) as people:
        said = [people.submit(add, source, here.root, recording, good=True, by=f"P{n}", note=None) for n in range(64)]
    assert {each.result() for each in said} == {here.root / LABELS}
    assert sorted(row.get("by", "") for row in rows(here)) == sorted(["", *(f"P{n}" for n in range(64))])
