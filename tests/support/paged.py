"""A repository of which a page has all to show: two versions, two models, moved answers, failures, hostile texts."""

from __future__ import annotations

import json
import os
from pathlib import Path

from support.console import Person, person
from support.openai_server import OpenAIServer

MODELS = ("openai/gpt-4.1-2025-04-14", "openai/gpt-4.1-mini-2025-04-14")
OWNED = "document.documentElement.dataset.owned = 1"
HOSTILE = (
    f"</script><script>{OWNED}</script><img src=x onerror='{OWNED}'><svg onload='{OWNED}'></svg>"
    f"<a href='javascript:{OWNED}'>here</a> javascript:{OWNED} https://example.com/?leak=1 <!-- \u2028 \u202e"
)
"""What must do nothing on a page; the text of an input that our server says back as its answer."""

PROMPT = """\
name: Triage
model: openai/gpt-4.1-2025-04-14
modelParameters: {temperature: 0}
templateFormat: jinja2
inputs:
  type: object
  properties:
    ticket: {type: string, x-untrusted: true}
  required: [ticket]
messages:
  - role: system
    content: |
      You sort support tickets. Always answer in one short sentence.
      Never promise a refund, and name the queue at the end.
  - role: user
    content: "Sort this ticket: {{ ticket }}"
"""
CHANGED = (
    ("Never promise a refund, and name the queue at the end.", "Name the queue. <script>document.title = 1</script>"),
    ("Sort this ticket: {{", "Please sort this ticket of ours: {{"),
    ("ticket: {type: string, x-untrusted: true}", "ticket: {type: string, x-untrusted: true, maxLength: 900}"),
)
SUITE = f"models: {json.dumps(list(MODELS))}\nassert: [{{not: {{contains: late}}}}, {{contains: ticket}}]\n"


def rows(count: int) -> list[dict[str, object]]:
    """The gold set: some that fail, one that is known to fail, hostile texts and a hostile id."""
    found: list[dict[str, object]] = [
        {"id": "late-delivery", "inputs": {"ticket": "My parcel is late."}, "expected": "shipping"},
        {"id": "known-late", "inputs": {"ticket": "late again"}, "xfail": "the small model repeats the word"},
        {"id": "hostile-answer", "inputs": {"ticket": HOSTILE}},
        {"id": f"hostile-id {HOSTILE}", "inputs": {"ticket": "late, with an id that bites"}},
    ]
    return [
        *found,
        *({"id": f"ticket-{n:03}", "inputs": {"ticket": f"My invoice {n} is wrong."}} for n in range(count)),
    ]


def repository(root: Path, *, cases: int = 12) -> Person:
    """A change of a released prompt, with the answers to both recorded by a server that says what it was told."""
    author = person(root)
    stem = "prompts/support/triage"
    author.write(f"{stem}.prompt.yml", PROMPT)
    author.write(f"{stem}.suite.yml", SUITE)
    author.write(f"{stem}.cases.jsonl", "".join(json.dumps(row) + "\n" for row in rows(cases)))
    with OpenAIServer(echo=True) as server:
        before = dict(os.environ)
        os.environ.update(OPENAI_API_BASE=server.url, OPENAI_API_KEY="sk-of-nobody")
        try:
            author.onbook("test", "--record", exits=1)
            author.commit(f"A first prompt {HOSTILE[:60]}")
            author.git("tag", "before")
            text = (root / f"{stem}.prompt.yml").read_text("utf-8")
            for old, new in CHANGED:
                text = text.replace(old, new)
            author.write(f"{stem}.prompt.yml", text)
            author.onbook("test", "--record", exits=1)
        finally:
            os.environ.clear()
            os.environ.update(before)
    more = {"id": "not-recorded", "inputs": {"ticket": "What of this one?"}}
    with (root / f"{stem}.cases.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(more) + "\n")
    author.commit("Ask politely")
    return author
