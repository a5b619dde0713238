"""A replay holds nothing of what cases, requests and answers say."""

from __future__ import annotations

import gc
import json
import tracemalloc
from pathlib import Path

import pytest

from onbook.project import Catalog
from onbook.repo import Repository
from onbook.repo.worktree import WorkTree
from onbook.report import Finding, Severity
from onbook.testing.models import Request, Response
from onbook.testing.packed import Packed
from onbook.testing.recordings import Recording
from onbook.testing.results import CaseResult, RepeatResult
from onbook.testing.runner import replay, report_of
from support.git import new_repo

MODEL = "openai/gpt-4.1-2025-04-14"
KEY = "sha256:" + 32 * "0f"
FINDING = Finding("OT301", "case-wrong", Severity.ERROR, "nothing means anything", "p", 7)
RESULTS = [
    CaseResult("a", 0, "p", 1, None, None, bare=False, repeats=(RepeatResult(0, KEY, "passed", 1.0),)),
    CaseResult("b", 1, "p", 2, None, None, bare=False, repeats=(RepeatResult(0, KEY, "passed", 0.25),)),
    CaseResult("\ud800", 70_000, "q", None, "k", "known", bare=True, faults=(FINDING,)),
    CaseResult(
        "c", 2, "p", 3, "k", None, bare=False, expected={"m": "yes"},
        repeats=(
            RepeatResult(0, KEY, "failed", 0.5, ("why",), "do", None, "text", ("j",), {"m": None}, {"s": "same"}),
            RepeatResult(1, "no hash", "missing", missed="not-run"),
        ),
    ),
]  # fmt: skip


def test_results_come_out_as_they_went_in() -> None:
    packed = Packed(RESULTS)
    assert list(packed) == RESULTS
    assert packed == RESULTS
    assert packed != RESULTS[:2]
    assert packed[-1] == RESULTS[-1]
    assert packed[1:3] == RESULTS[1:3]
    assert len(packed) == len(RESULTS)


def peak(root: Path, cases: int) -> int:
    """Bytes that Python allocates at most while so many cases are replayed and judged, with 12 KiB of text each."""
    repo = new_repo(root)
    repo.write("prompts/a.prompt.yml", f"model: {MODEL}\nmessages: [{{role: user, content: '{{{{ticket}}}}'}}]\n")
    repo.write("prompts/a.suite.yml", "assert: [{contains: x}]\n")
    gold, recorded = [], []
    for number in range(cases):
        ticket = f"{number} " + "x" * 4096
        gold.append(json.dumps({"id": f"case-{number:05}", "inputs": {"ticket": ticket}}))
        request = Request(MODEL, ({"role": "user", "content": ticket},), {})
        answer = Response(ticket, (), "stop", MODEL, {"prompt_tokens": 3}, 9, 1e-4, "engine")
        recorded.append(Recording.of(f"case-{number:05}", request, answer).line().decode())
    repo.write("prompts/a.cases.jsonl", "\n".join(gold))
    repo.write("prompts/a.recordings.jsonl", "\n".join(recorded))
    del gold, recorded
    catalog = Catalog(WorkTree(Repository.discover(repo.path)))
    gc.collect()
    tracemalloc.start()
    try:
        report = report_of(list(replay(catalog.select(()))))
        found = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (row,) = report.data["prompts"]  # type: ignore[misc]
    assert row["passed"] == cases
    return found


@pytest.mark.parametrize(("few", "many"), [(300, 800)])
def test_memory_does_not_grow_with_what_cases_say(tmp_path: Path, few: int, many: int) -> None:
    small, large = peak(tmp_path / "few", few), peak(tmp_path / "many", many)
    # Each case takes some 12 KiB on disk, twice that where it is parsed; a result and two places take 150 bytes.
    assert (large - small) / (many - few) < 400, (small, large)
