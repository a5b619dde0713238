from __future__ import annotations

import json
import os
import random
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from onbook import resources
from onbook.contract import Contract
from onbook.errors import OnbookError
from onbook.formats.rows import MAX_LINE_BYTES
from onbook.testing.journal import Journal
from onbook.testing.misses import how_changed, what_changed
from onbook.testing.recording import Recording, RecordingError
from onbook.testing.recordings import Recordings
from onbook.testing.request import Request, Response, key_of

GPT = "openai/gpt-4.1-2025-04-14"
PATH = "prompts/a.recordings.jsonl"


def request(text: str = "hello", **other: Any) -> Request:
    return Request(GPT, ({"role": "user", "content": text},), {"temperature": 0}, **other)


def response(text: str = "billing", **other: Any) -> Response:
    return replace(Response(text, (), "stop", GPT, {"prompt_tokens": 3}, 7, 0.25, "litellm 1"), **other)


def recording(case: str = "c", text: str = "hello", answer: str = "billing", **other: Any) -> Recording:
    return Recording.of(case, request(text, **other), response(answer))


def raw(*recordings: Recording) -> bytes:
    return b"".join(one.line() + b"\n" for one in recordings)


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


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (request("other"), "message 1"),
        (Request(GPT, ({"role": "user", "content": "hello"},) * 3, {"temperature": 0}), "message 2, 3"),
        (replace(request(), parameters={"temperature": 1, "seed": 2}), "parameters (seed, temperature)"),
        (replace(request(), parameters={}), "parameters"),
        (replace(request("x"), response_format={"type": "json_object"}), "message 1, response_format"),
        (replace(request(), model="openai/x"), "model"),
    ],
)
def test_what_changed_in_a_request(new: Request, told: str) -> None:
    assert what_changed(request().canonical(), new.canonical()) == told


LONG = " ".join(f"word{number}" for number in range(40))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a b c d e f g", "a b c d X f g", 'message 1 ("... b c d e f g" is now "... b c d X f g")'),
        (LONG, LONG.replace("word20 ", ""), "message 1 (\"... word17 word18 word19 word20 word21 word22 word23 ...\" "
         'is now "... word17 word18 word19 word21 word22 word23 ...")'),
        ("a b", "a  b", "message 1 (white space)"),
        ("x" * 100, "y", f'message 1 ("{"x" * 37}..." is now "y")'),
        ("same", "same", "nothing"),
    ],
)  # fmt: skip
def test_what_changed_is_shown_with_its_old_and_new_words(old: str, new: str, told: str) -> None:
    one, other = ({"messages": [{"role": "user", "content": text}]} for text in (old, new))
    assert how_changed(one, other) == told


def test_parameters_and_messages_that_came_or_went() -> None:
    one = {"parameters": {"temperature": 0, "seed": 1}, "messages": [{"role": "user", "content": "a"}]}
    other = {"parameters": {"temperature": 1}, "messages": []}
    assert how_changed(one, other) == (
        'message 1 (gone: {"role": "user", "content": "a"}), '
        "parameters: seed (gone: 1), parameters: temperature (0 is now 1)"
    )


# --- files


def test_each_answer_is_in_the_file_as_soon_as_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    kept = [recording(case, case) for case in "cab"]
    with Journal(Recordings(), path) as journal:
        for number, one in enumerate(kept, 1):
            journal.keep(one)
            # What a process that is killed now leaves behind is whole.
            left = Recordings.read(path.read_bytes(), PATH)
            assert left.problems == []
            assert len(left) == number
    assert path.read_bytes() == raw(kept[1], kept[2], kept[0])
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_without_a_last_line_end_is_not_run_into(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(raw(recording("z", "z")).rstrip(b"\n"))
    journal = Journal(Recordings.read(path.read_bytes(), PATH), path)
    with journal:
        journal.keep(recording("a", "a"))
        assert len(Recordings.read(path.read_bytes(), PATH)) == 2
    assert path.read_bytes() == raw(recording("a", "a"), recording("z", "z"))


def test_a_file_to_which_nothing_comes_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    unsorted = raw(recording("b", "b"), recording("a", "a"), recording("b", "b")) + b"\n\n"
    path.write_bytes(unsorted)
    before = path.stat()
    with Journal(Recordings.read(unsorted, PATH), path):
        pass
    assert path.read_bytes() == unsorted
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    with Journal(Recordings(), tmp_path / "new.jsonl"):
        pass
    assert not (tmp_path / "new.jsonl").exists()


def test_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"")
    path.chmod(0o640)
    with Journal(Recordings(), path) as journal:
        journal.keep(recording())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_an_interruption_leaves_a_sorted_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"

    def interrupted() -> None:
        with Journal(Recordings(), path) as journal:
            journal.keep(recording("b", "b"))
            journal.keep(recording("a", "a"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == raw(recording("a", "a"), recording("b", "b"))


def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").mkdir()
    with (
        pytest.raises(OnbookError, match="cannot be written: Is a directory") as told,
        Journal(Recordings(), tmp_path / "x.jsonl"),
    ):
        pytest.fail("entered")
    assert told.value.place == str(tmp_path / "x.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(OnbookError, match="No space left"), Journal(Recordings(), Path("/dev/full")) as journal:
        journal.keep(recording())


def test_what_five_hundred_answers_cost_grows_with_their_number_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        written.append(os.fstat(handle).st_size)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "x.jsonl"
    with Journal(Recordings(), path) as journal:
        for number in range(500):
            journal.keep(recording(f"case-{number:03}", f"question {number}"))
    # The whole is written once, at the end.
    assert written == [path.stat().st_size]
    assert len(Recordings.read(path.read_bytes(), PATH)) == 500


def test_the_key_is_that_of_the_request_that_stands_beside_it() -> None:
    one = recording()
    assert key_of(json.loads(one.line())["request"]) == one.key
