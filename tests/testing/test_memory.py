"""A run holds nothing of what cases, requests and answers say."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from onbook.project import Catalog
from onbook.repo import Repository
from onbook.repo.snapshot import Commit
from onbook.repo.worktree import WorkTree
from onbook.report import Finding, Severity
from onbook.testing.baseline import against, judge
from onbook.testing.packed import Packed
from onbook.testing.recording import Recording
from onbook.testing.recordings import Keys, Recordings
from onbook.testing.request import Request, Response
from onbook.testing.results import CaseResult, RepeatResult
from onbook.testing.runner import record, replay, report_of
from onbook.testing.statistics import Pair, Pairs, Verdict
from onbook.testing.statistics.paired import RESAMPLES, SEED, Group, sign_flip
from support.git import Repo, new_repo

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


def recorded(repo: Repo, cases: int, wording: str = "", suite: str = "assert: [{contains: x}]\n") -> None:
    """A prompt with so many cases, 12 KiB of text each, and their answers."""
    content = f"{wording}{{{{ticket}}}}"
    repo.write("prompts/a.prompt.yml", f"model: {MODEL}\nmessages: [{{role: user, content: '{content}'}}]\n")
    repo.write("prompts/a.suite.yml", suite)
    gold, answers = [], []
    for number in range(cases):
        ticket = f"{number} " + "x" * 4096
        gold.append(json.dumps({"id": f"case-{number:05}", "inputs": {"ticket": ticket}}))
        answers.append(answer(number, wording + ticket).line().decode())
    repo.write("prompts/a.cases.jsonl", "\n".join(gold))
    repo.write("prompts/a.recordings.jsonl", "\n".join([*answers, ""]))


def answer(number: int, asked: str) -> Recording:
    request = Request(MODEL, ({"role": "user", "content": asked},), {})
    said = Response(asked, (), "stop", MODEL, {"prompt_tokens": 3}, 9, 1e-4, "engine")
    return Recording.of(f"case-{number:05}", request, said)


def peak(work: Callable[[], None]) -> int:
    """Bytes that Python allocates at most meanwhile."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def replayed(root: Path, cases: int) -> int:
    repo = new_repo(root)
    recorded(repo, cases)
    catalog = Catalog(WorkTree(Repository.discover(repo.path)))

    def work() -> None:
        (row,) = report_of(list(replay(catalog.select(())))).data["prompts"]  # type: ignore[misc]
        assert row["passed"] == cases

    return peak(work)


def rerecorded(root: Path, cases: int) -> int:
    """Where nothing is missing, every case is looked at all the same."""
    repo = new_repo(root)
    recorded(repo, cases)
    catalog = Catalog(WorkTree(Repository.discover(repo.path)))

    def work() -> None:
        (row,) = report_of(record(catalog.select(()), repo.path)).data["prompts"]  # type: ignore[misc]
        assert row["passed"] == cases

    return peak(work)


def compared(root: Path, cases: int) -> int:
    repo = new_repo(root)
    recorded(repo, cases)
    repo.commit()
    recorded(repo, cases, "Say: ", "assert: [{contains: Say}]\n")
    here = Repository.discover(repo.path)
    old, new = Catalog(Commit(here, "HEAD")).find("a"), Catalog(WorkTree(here)).find("a")

    def work() -> None:
        (match,) = against(old, new, "HEAD")
        found = judge(match)
        assert found.verdict is Verdict.NOT_WORSE
        assert found.comparison
        assert (found.comparison.cases, found.comparison.old, found.comparison.new) == (cases, 0, 1)

    return peak(work)


def added(root: Path, cases: int) -> int:
    """Answers that arrive are kept, found, replaced, sorted and written."""
    repo = new_repo(root)
    recorded(repo, cases)
    path = repo.path / "prompts/a.recordings.jsonl"
    before = WorkTree(Repository.discover(repo.path)).stored("prompts/a.recordings.jsonl")

    def work() -> None:
        kept = Recordings.read(before, str(path))
        texts = [f"{number} now" for number in reversed(range(cases))]
        for number, text in zip(reversed(range(cases)), texts, strict=True):
            kept.add(answer(number, text + "y" * 4096))
        wanted = Keys(answer(int(text.split()[0]), text + "y" * 4096).key for text in texts)
        assert kept.drop_stale(wanted) == cases
        kept.write(path)

    found = peak(work)
    lines = [line.case for line in Recordings.read(path.read_bytes(), str(path))]
    assert lines == [f"case-{number:05}" for number in range(cases)]
    assert path.read_bytes().count(b" nowyyy") == 2 * cases
    return found


@pytest.mark.parametrize("measure", [replayed, rerecorded, compared, added])
def test_memory_does_not_grow_with_what_cases_say(tmp_path: Path, measure: Callable[[Path, int], int]) -> None:
    few, many = 200, 500
    small, large = measure(tmp_path / "few", few), measure(tmp_path / "many", many)
    # Each case takes some 12 KiB on disk, twice that where it is parsed; a result and two places take 150 bytes, and of
    # what is sorted or arrives some thousands at a time are held by their names.
    assert (large - small) / (many - few) < 700, (small, large)


def test_a_table_of_cases_is_read_as_a_stream(tmp_path: Path) -> None:
    def read(cases: int) -> int:
        repo = new_repo(tmp_path / str(cases))
        repo.write("prompts/a.prompt.yml", f"model: {MODEL}\nmessages: [{{role: user, content: '{{{{ticket}}}}'}}]\n")
        rows = (f'c{number},"{number}\n{"x" * 4096}"\n' for number in range(cases))
        repo.write("prompts/a.cases.csv", "id,ticket\n" + "".join(rows))
        catalog = Catalog(WorkTree(Repository.discover(repo.path)))

        def work() -> None:
            source = catalog.find("a")
            assert (len(source.cases), source.cases[cases - 1].line) == (cases, 2 * cases)
            assert source.cases[cases - 1].inputs["ticket"] == f"{cases - 1}\n" + "x" * 4096

        return peak(work)

    small, large = read(300), read(1_000)
    assert (large - small) / 700 < 400, (small, large)


def test_pairs_come_out_as_they_went_in() -> None:
    pairs = [Pair("a", (1.0,), (0.0,)), Pair("\ud800", (0.25, 1.0), (0.5,), "k"), Pair("c", (0.0,), (1.0,), "k")]
    packed = Pairs(pairs)
    assert [*packed] == [*packed[:]] == pairs
    assert packed[-1] == pairs[-1]


def test_many_signs_are_drawn_some_at_a_time() -> None:
    """The share is that of all of them drawn at once, as it was always drawn."""
    numpy = pytest.importorskip("numpy")
    totals = [((number * 7919) % 101 - 45) / 100 for number in range(700)]
    groups = [Group(total, 1) for total in totals if total]
    signs = numpy.random.default_rng(SEED).integers(0, 2, size=(RESAMPLES, len(groups)), dtype=numpy.int8) * 2 - 1
    each = numpy.asarray([group.total for group in groups])
    extreme = int(numpy.count_nonzero(abs(signs @ each) >= abs(sum(each)) - 1e-9))
    del signs
    assert sign_flip(groups) == (extreme + 1) / (RESAMPLES + 1)
    assert peak(lambda: assert_small(groups)) < 30 * 2**20


def assert_small(groups: list[Group]) -> None:
    assert 0 < sign_flip(groups) <= 1
