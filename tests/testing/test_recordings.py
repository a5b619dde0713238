from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from onbook import resources
from onbook.contract import Contract
from onbook.formats.rows import MAX_LINE_BYTES
from onbook.testing.journal import Journal
from onbook.testing.planning import unit_of
from onbook.testing.recording import Recording, RecordingError
from onbook.testing.recordings import Recordings
from onbook.testing.request import Request, Response, key_of
from onbook.testing.selection import Selection
from onbook.testing.wanted import Cases, Memory
from support.answers import GPT, PATH, raw, recording, request, response
from support.sources import PROMPT as SORT
from support.sources import source


def changed(one: Recording, **fields: object) -> bytes:
    return json.dumps({**one.row(), **fields}, ensure_ascii=False).encode() + b"\n"


def problems(data: bytes) -> list[tuple[str, int | None, str]]:
    return [(problem.code, problem.line, problem.message) for problem in Recordings.read(data, PATH).problems]


# --- there and back


@pytest.mark.parametrize(
    "answer",
    [
        response(),
        response("a\nb\u2028c\x85\0🙂"),
        response("", tool_calls=({"type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},)),
        response(cost=None, finish="", model="", engine="", usage={}),
        response(cost=1e-9, latency_ms=0),
    ],
)
def test_what_is_written_is_read(answer: Response) -> None:
    one = Recording.of("c", request("señor"), answer)
    assert Contract(resources.schema("recording")).violations(one.row()) == []
    found = Recordings.read(raw(one), PATH)
    assert found.problems == []
    assert list(found) == [one]
    assert found.get(one.key) == one
    assert one.line().count(b"\n") == 0


def test_a_verdict_names_its_assertion_and_an_answer_does_not() -> None:
    verdict = Recording.of("c", request("judge"), response(), "evaluator")
    assert verdict.row()["assertion"] == "evaluator"
    assert "assertion" not in recording().row()
    assert list(Recordings.read(raw(verdict), PATH)) == [verdict]


def test_what_other_versions_write_is_read() -> None:
    one = recording()
    old = {**one.row(), "latency_ms": 12.5, "cost": 1, "usage": None, "engine": None, "repeat": 0.0}
    old["response"] = {"text": None, "tool_calls": None, "finish": None, "model": None, "later": 1}
    (found,) = Recordings.read(json.dumps(old).encode(), PATH)
    assert (found.response.text, found.response.tool_calls, found.response.latency_ms) == ("", (), 12)
    assert (found.repeat, found.response.cost, found.response.usage) == (0, 1.0, {})


# --- sorting, and what is never rewritten


def test_sorted_by_case_then_model_then_repeat_with_the_answer_before_its_verdicts(tmp_path: Path) -> None:
    ordered = [
        recording("a"),
        recording("a", repeat=1),
        Recording.of("a", request("verdict"), response(), "any"),
        Recording.of("a", request("verdict 2"), response(), "evaluator"),
        recording("b", "b"),
    ]
    shuffled = list(ordered)
    random.Random(1).shuffle(shuffled)
    found = Recordings.read(raw(*shuffled), PATH)
    assert list(found) == ordered
    found.write(tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").read_bytes() == raw(*ordered)


def test_a_line_that_was_read_is_written_back_byte_by_byte(tmp_path: Path) -> None:
    one = recording()
    # Another order, other spacing, keys of a later version: all of it is somebody's testimony.
    row = {"later": {"x": [1.0, 1e2]}, **dict(reversed(one.row().items()))}
    line = json.dumps(row, indent=None).encode()
    found = Recordings.read(b"\xef\xbb\xbf" + line + b"\r\n", PATH)
    assert found.problems == []
    found.add(recording("a", "other"))
    found.add(replace(one, response=response("something else")))
    found.write(tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").read_bytes() == raw(recording("a", "other")) + line + b"\n"


# --- what a merge leaves


def test_unsorted_and_repeated_lines_are_no_problem() -> None:
    one, other = recording("b"), recording("a", "x")
    found = Recordings.read(raw(one, other, one), PATH)
    assert found.problems == []
    assert list(found) == [other, one]


@pytest.mark.parametrize("second", [response("bug"), response(finish="length"), response(tool_calls=({"a": 1},))])
def test_one_key_with_two_answers_is_a_problem_and_neither_counts(second: Response) -> None:
    one, other = recording("a"), recording("b", "x")
    clash = replace(one, response=second)
    found = Recordings.read(raw(one, other, clash, one), PATH)
    assert [(problem.code, problem.line) for problem in found.problems] == [("recording-clash", 3)]
    assert found.get(one.key) is None
    assert list(found) == [other]


def test_the_same_answer_measured_twice_is_no_clash() -> None:
    one = recording()
    found = Recordings.read(raw(one, replace(one, response=response(latency_ms=900, cost=None))), PATH)
    assert found.problems == []
    assert found.get(one.key) == one


def test_conflict_markers_are_problems_at_their_lines() -> None:
    text = b"<<<<<<< ours\n" + raw(recording()) + b"=======\n" + raw(recording("d", "x")) + b">>>>>>> theirs\n"
    assert [line for _, line, _ in problems(text)] == [1, 3, 5]
    assert len(Recordings.read(text, PATH)) == 2


# --- hostile lines


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"key": "sha256:" + "0" * 64}, "does not belong to the request"),
        ({"request": {"model": GPT, "messages": []}}, "does not belong"),
        ({"model": "openai/gpt-5"}, "does not belong"),
        ({"repeat": 3}, "does not belong"),
        ({"key": "x"}, "wrong: key"),
        ({"case": ""}, "wrong: case"),
        ({"response": "billing"}, "wrong: response"),
        ({"repeat": -1}, "wrong: repeat"),
        ({"usage": {"prompt_tokens": "3"}}, "wrong: usage/prompt_tokens"),
    ],
)
def test_a_line_that_is_not_what_it_says_counts_for_nothing(fields: dict[str, object], says: str) -> None:
    data = raw(recording("a", "x")) + changed(recording(), **fields)
    ((code, line, message),) = problems(data)
    assert (code, line) == ("recording-forged" if "belong" in says else "row-shape", 2)
    assert says in message
    assert len(Recordings.read(data, PATH)) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"null",
        b"[]",
        b"{",
        b"{}",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b"[" * 5000,
        b'{"case": 1' + b"0" * 5000,
    ],
)
def test_a_hostile_line_hides_no_other(line: bytes) -> None:
    found = Recordings.read(line + b"\n" + raw(recording()), PATH)
    assert len(found.problems) == 1
    assert found.problems[0].line == 1
    assert len(found) == 1


def test_a_huge_line_hides_no_other() -> None:
    huge = changed(recording(), later="x" * MAX_LINE_BYTES)
    found = Recordings.read(huge + raw(recording("d", "x")), PATH)
    assert [(problem.code, problem.line) for problem in found.problems] == [("file-size", 1)]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (response("half \ud83d"), "half a character"),
        (response(tool_calls=({"function": {"arguments": "\udc00"}},)), "half a character"),
        (response(cost=float("nan")), "(?i)out of range|nan"),
        (response(cost=float("inf")), "(?i)out of range|inf"),
        (response(cost=-1.0), "cost"),
        (response("x" * MAX_LINE_BYTES), "bytes; at most"),
    ],
)
def test_what_could_not_be_read_again_is_refused_and_nothing_is_lost(
    answer: Response, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(raw(recording("z", "z")))
    found = Recordings.read(path.read_bytes(), PATH)
    bad = Recording.of("c", request(), answer)
    with Journal(found, path) as journal:
        journal.keep(recording("y", "y"))
        with pytest.raises(RecordingError, match=says):
            journal.keep(bad)
        journal.keep(recording("a", "a"))
    assert found.get(bad.key) is None
    assert path.read_bytes() == raw(recording("a", "a"), recording("y", "y"), recording("z", "z"))


# --- what a newer answer replaces


def test_a_newer_answer_replaces_the_stale_one_of_the_same_case_model_and_repeat() -> None:
    old = [recording("a", "old"), recording("a", "old", repeat=1), recording("b", "old b"), recording("gone", "g")]
    found = Recordings.read(raw(*old), PATH)
    new = recording("a", "new")
    found.add(new)
    found.drop_stale({new.key, request("new", repeat=1).key(), request("new b").key()})
    # The repeat and case b have no newer answer yet; nobody asks for what belongs to a case that is gone.
    assert list(found) == [new, old[1], old[2], old[3]]


def test_an_answer_that_another_case_still_needs_stays() -> None:
    shared = recording("a", "shared")
    found = Recordings.read(raw(shared), PATH)
    new = recording("a", "new")
    found.add(new)
    found.drop_stale({new.key, shared.key})
    assert len(found) == 2


@pytest.mark.parametrize("broken", [False, True])
def test_a_case_that_is_not_selected_still_needs_its_answer(broken: bool) -> None:
    """``--record --case a``: the answer stands under a, and b asks for it too."""
    rows = [{"id": id, "inputs": {"ticket": text}} for id, text in (("a", "new"), ("b", "shared"))]
    if broken:  # nobody knows what it asks for
        rows[1]["assert"] = [{"contians": "x"}]
    cases = "".join(json.dumps(row) + "\n" for row in rows)
    here = source({"prompts/a.prompt.yml": SORT, "prompts/a.cases.jsonl": cases})
    assert here.prompt
    found = Recordings()
    unit = unit_of(here, here.prompt, GPT, found)
    for text in ("shared", "new"):
        asked = ({"role": "user", "content": f"Sort this: {text}"},)
        found.add(Recording.of("a", Request(GPT, asked, {}), response()))
    Cases([unit], Selection(cases={"a"}), Memory(found)).finish()
    assert len(found) == 2


def test_verdicts_on_an_answer_that_moved_are_dropped() -> None:
    old = Recording.of("a", request("judge old"), response(), "evaluator")
    other = Recording.of("a", request("judge any"), response(), "any")
    new = Recording.of("a", request("judge new"), response(), "evaluator")
    found = Recordings.read(raw(old, other, new), PATH)
    found.drop_stale({new.key})
    assert list(found) == [other, new]


def test_the_nearest_older_answer() -> None:
    verdict = Recording.of("a", request("judge"), response(), "evaluator")
    old, repeated = recording("a", "old"), recording("a", "old", repeat=1)
    found = Recordings.read(raw(verdict, old, repeated, recording("b", "b")), PATH)
    assert found.nearest("a", request("new")) == old
    assert found.nearest("a", request("new", repeat=1)) == repeated
    assert found.nearest("x", request("new")) is None
    assert found.nearest("a", replace(request("new"), model="openai/other")) is None


def test_the_key_is_that_of_the_request_that_stands_beside_it() -> None:
    one = recording()
    assert key_of(json.loads(one.line())["request"]) == one.key
