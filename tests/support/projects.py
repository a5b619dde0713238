"""A prompt ``a`` with its cases, as the files of a project in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping

from support.sources import PROMPT

HERE = "prompts/a"
RECORDINGS = f"{HERE}.recordings.jsonl"


def case(id: str, ticket: str | None = None, *asserted: Mapping[str, object], **other: object) -> dict[str, object]:
    return {"id": id, "inputs": {"ticket": ticket or id}, "assert": list(asserted), **other}


def lines(*rows: Mapping[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def project(*cases: Mapping[str, object], prompt: str = PROMPT, suite: str = "", **more: str) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {f"{HERE}.prompt.yml": prompt, f"{HERE}.cases.jsonl": lines(*cases), **more}
    return {**files, f"{HERE}.suite.yml": suite} if suite else files
