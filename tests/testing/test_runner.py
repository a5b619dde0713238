from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import onbook
from onbook import resources
from onbook.call import Caller
from onbook.contract import Contract
from onbook.project import Source
from onbook.report import Report
from onbook.reporters.json import write_json
from onbook.testing.judging import report_of
from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings
from onbook.testing.request import Request, Response
from onbook.testing.runner import record as ask_missing
from onbook.testing.runner import run, summary
from onbook.testing.unit import request_for
from support.projects import HERE, RECORDINGS, case, lines, project
from support.sources import MODEL, PROMPT, source

OTHER = "openai/gpt-4.1-mini-2025-04-14"

Answers = Callable[[Request], str]


def recorded(files: dict[str, str | bytes], *answers: str | Response, **by_case: str | Response) -> Source:
    """The prompt with an answer recorded for each case in order, or for the cases that are named."""
    found = source(files)
    assert found.prompt
    caller = Caller(found.prompt)
    given = by_case or dict(zip((one.id for one in found.cases), answers, strict=False))
    kept = [
        recording(found, one.id, request_for(found.prompt, caller.render(one.inputs), model=model, repeat=repeat), said)
        for one in found.cases
        for model in found.suite.models or (MODEL,)
        for repeat in range(found.suite.repeats)
        if (said := given.get(one.id)) is not None
    ]
    return source({**files, RECORDINGS: b"".join(line.line() + b"\n" for line in kept)})


def recording(found: Source, id: str, request: Request, said: str | Response, by: str | None = None) -> Recording:
    said = said if isinstance(said, Response) else Response(said, (), "stop", MODEL, {}, 1, None, "test")
    return Recording.of(id, request, said, by)


def one(report: Report) -> dict[str, Any]:
    """The only row, once the report has been held against its published schema."""
    data = json.loads(write_json(report))
    assert Contract(resources.schema("report")).violations(data) == []
    (row,) = data["data"]["prompts"]
    assert isinstance(row, dict)
    return row


def told(report: Report) -> list[tuple[str, str]]:
    return [(finding.slug, finding.message) for finding in report.findings]


def counts(report: Report) -> dict[str, int]:
    return row_of(report, "passed", "failed", "errors", "missing", "xfailed")


def row_of(report: Report, *names: str) -> dict[str, int]:
    row = one(report)
    return {key: row[key] for key in names if row[key]}


# --- replay: verdicts


def test_passed_and_failed() -> None:
    files = project(case("x", None, {"contains": "bill"}), case("y", None, {"contains": "bill"}, {"equals": "bug"}))
    report = run([recorded(files, "billing", "refund")])
    assert counts(report) == {"passed": 1, "failed": 1}
    assert (report.status, report.exit_code()) == ("failed", 1)
    assert summary(report) == "1 passed, 1 failed"
    (finding,) = report.findings
    assert (finding.path, finding.line, finding.slug) == (f"{HERE}.cases.jsonl", 2, "case-failed")
    assert finding.message == (
        f'case \'y\' on {MODEL}: expected "bill" in "refund"; expected exactly "bug", got "refund"'
    )


def test_assertions_of_the_suite_hold_for_all_cases() -> None:
    files = project(case("x"), case("y"), suite="assert: [{contains: '{{ticket}}'}]")
    assert counts(run([recorded(files, "about x", "about z")])) == {"passed": 1, "failed": 1}


def test_nothing_is_recorded() -> None:
    report = run([source(project(case("x", None, {"contains": "a"})))])
    assert counts(report) == {"missing": 1}
    assert (report.status, report.exit_code()) == ("unchecked", 3)
    assert told(report) == [("recording-missing", f"case 'x' on {MODEL}: there is no recording of its answer")]
    assert report.findings[0].hint == "run `onbook test a --record` and commit the recordings"


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("Sort this", "Sort that", 'message 1 ("Sort this: x" is now "Sort that: x")'),
        ("messages:", "modelParameters: {temperature: 0}\nmessages:", 'parameters (new: {"temperature": 0})'),
        (
            "messages:",
            "responseFormat: json_object\nmessages:",
            'response_format (new: {"type": "json_object"})',
        ),
    ],
)
def test_a_changed_request_misses_and_what_changed_is_told(old: str, new: str, part: str) -> None:
    files = project(case("x", None, {"contains": "a"}))
    kept = recorded(files, "a").snapshot.read(RECORDINGS)
    assert PROMPT.count(old) == 1
    report = run([source({**files, f"{HERE}.prompt.yml": PROMPT.replace(old, new), RECORDINGS: kept})])
    assert told(report) == [
        ("recording-missing", f"case 'x' on {MODEL}: the request changed since it was recorded: {part}")
    ]


def test_xfail_is_strict() -> None:
    files = project(
        case("x", None, {"contains": "a"}, xfail="too small"), case("y", None, {"contains": "a"}, xfail="confused")
    )
    report = run([recorded(files, "a", "b")])
    assert counts(report) == {"failed": 1, "xfailed": 1}
    assert report.status == "failed"
    assert told(report) == [("unexpected-pass", "case 'x' passes, and is marked as known to fail (too small)")]
    assert run([recorded(files, "b", "b")]).status == "passed"


def test_xfail_does_not_hide_what_nobody_can_say() -> None:
    """An answer that is none fails as it is known to; an assertion that comes to no end says neither yes nor no."""
    endless = {"regex": "(a+)+$"}
    files = project(case("x", None, endless, xfail="known"), case("y", None, {"contains": "b"}, xfail="known"))
    report = run([recorded(files, "a" * 40 + "!", "")])
    assert (counts(report), report.status) == ({"errors": 1, "xfailed": 1}, "failed")
    ((slug, message),) = told(report)
    assert slug == "answer-unusable"
    assert "did not come to an end" in message


def test_xfail_does_not_hide_a_missing_recording() -> None:
    report = run([source(project(case("x", None, {"contains": "a"}, xfail="small")))])
    assert (counts(report), report.status) == ({"missing": 1}, "unchecked")


@pytest.mark.parametrize(
    ("threshold", "wrong", "status"),
    [(1, 0, "passed"), (1, 1, "failed"), (0.9, 1, "passed"), (0.9, 2, "failed"), (0.7, 3, "passed"), (0, 10, "passed")],
)
def test_threshold(threshold: float, wrong: int, status: str) -> None:
    cases = [case(f"c{number}", None, {"contains": "a"}) for number in range(10)]
    known = case("known", None, {"contains": "a"}, xfail="it counts for neither side")
    files = project(*cases, known, suite=f"threshold: {threshold}")
    report = run([recorded(files, *["b"] * wrong, *["a"] * (10 - wrong), "b")])
    assert report.status == status
    slugs = {"case-below-threshold" if status == "passed" else "case-failed"} if wrong else set()
    assert {slug for slug, _ in told(report)} == slugs
    assert one(report)["failed"] == wrong


def test_a_failure_is_a_failure_whatever_is_missing() -> None:
    files = project(*(case(id, None, {"contains": "a"}) for id in "xyz"), suite="threshold: 0.6")
    assert run([recorded(files, x="b", y="b")]).status == "failed"
    # One may fail; what the third will say is open.
    assert run([recorded(files, x="b", y="a")]).status == "unchecked"


def test_a_case_is_as_good_as_the_worst_of_its_repeats() -> None:
    files = project(
        case("x", None, {"contains": "a"}),
        case("y", None, {"contains": "a"}),
        case("z", None, {"contains": "a"}, xfail="q"),
        suite="repeats: 3",
    )
    found = recorded(files, "a", "a", "a")
    kept = Recordings.read(found.snapshot.read(RECORDINGS), RECORDINGS)
    rows = []
    for line in kept:
        row = line.row()
        if (line.case, line.repeat) in (("y", 1), ("z", 2)):
            row["response"] = {"text": "b"}
        rows.append(row)
    report = run([source({**files, RECORDINGS: lines(*rows)})])
    assert counts(report) == {"passed": 1, "failed": 1, "xfailed": 1}
    assert told(report) == [("case-failed", f'case \'y\' on {MODEL}, 1 of 3 repeats failed (2): expected "a" in "b"')]
    assert one(report)["cases"] == 3


def test_models_and_proxies() -> None:
    files = project(case("x", None, {"contains": "a"}), suite=f"models: [{MODEL}, {OTHER}]")
    report = run([recorded(files, "a")])
    assert [check.id for check in report.checks] == [f"test/a@{MODEL}", f"test/a@{OTHER}"]
    rows: Any = report.data["prompts"]
    assert [(row["model"], row["proxy"], row["passed"]) for row in rows] == [(MODEL, False, 1), (OTHER, True, 1)]
    assert told(report) == [
        ("proxy-model", f"{OTHER} stands in for {MODEL}: a proxy's answers are not the prompt's own")
    ]
    unnamed = run(
        [source(project(case("x"), prompt=PROMPT.replace(f"model: {MODEL}\n", ""), suite=f"models: [{OTHER}]"))]
    )
    assert "stands in for a model that the prompt does not name" in told(unnamed)[0][1]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (Response("billing", (), "length", MODEL, {}, 1, None, ""), "cut at the limit of tokens"),
        (Response("billing", (), "content_filter", MODEL, {}, 1, None, ""), "content filter"),
        (" \n", "the answer is empty"),
    ],
)
def test_an_answer_that_is_none_is_an_error_and_no_failure(said: str | Response, says: str) -> None:
    report = run([recorded(project(case("x", None, {"contains": "bill"})), said)])
    assert (counts(report), report.status) == ({"errors": 1}, "failed")
    assert [slug for slug, _ in told(report)] == ["answer-unusable"]
    assert says in report.findings[0].message


def test_an_answer_that_only_calls_a_tool_is_one() -> None:
    called = Response("", ({"type": "function"},), "tool_calls", MODEL, {}, 1, None, "")
    assert run([recorded(project(case("x", None, {"not": {"contains": "a"}})), called)]).status == "passed"


def test_what_is_asserted_of_nothing_is_told() -> None:
    report = run(
        [recorded(project(*(case(f"c{n}") for n in range(7)), case("z", None, {"contains": "a"})), *["a"] * 8)]
    )
    assert report.status == "passed"
    assert told(report) == [
        (
            "nothing-asserted",
            "nothing is asserted of the answers to 'c0', 'c1', 'c2', 'c3', 'c4' and 2 more: "
            "they pass whatever the answer is",
        )
    ]


def test_a_judge_is_replayed_and_a_verdict_that_is_not_recorded_is_missing() -> None:
    llm = {"modelId": "openai/j", "prompt": "{{completion}}?", "choices": [{"choice": "y", "score": 1}]}
    evaluator = {"name": "j", "llm": llm}
    found = recorded(project(case("x", None, {"evaluator": evaluator})), "an answer")
    report = run([found])
    assert counts(report) == {"missing": 1}
    assert told(report)[0] == (
        "recording-missing",
        f"case 'x' on {MODEL}: a judge's verdict (evaluator) is not recorded",
    )
    asked = Request("openai/j", ({"role": "user", "content": "an answer?"},), {})
    # Nobody has measured the judge: what it would fail is told as doubted.
    for said, state in (("Y!", "passed"), ("no", "doubted")):
        verdict = recording(found, "x", asked, said, "evaluator")
        kept = found.snapshot.read(RECORDINGS) + verdict.line() + b"\n"
        files = project(case("x", None, {"evaluator": evaluator}))
        assert row_of(run([source({**files, RECORDINGS: kept})]), "passed", "doubted") == {state: 1}


def test_githubs_rows_and_evaluators_in_the_prompt_file() -> None:
    prompt = PROMPT + (
        "testData:\n- {ticket: a, expected: billing}\n- {ticket: b, expected: bug}\n"
        "evaluators:\n- name: as expected\n  string: {equals: '{{expected}}'}\n"
    )
    report = run([recorded({f"{HERE}.prompt.yml": prompt}, "billing", " Bug ")])
    assert counts(report) == {"passed": 1, "failed": 1}
    (finding,) = report.findings
    assert (finding.path, finding.line) == (f"{HERE}.prompt.yml", 7)
    assert "case 'row-2'" in finding.message
    assert 'as expected: expected equals "bug", got "Bug"' in finding.message


# --- what cannot be run is unchecked, before any call


@pytest.mark.parametrize(
    ("files", "place", "says"),
    [
        (project(case("x", None, {"contain": "a"})), (f"{HERE}.cases.jsonl", 1), "did you mean 'contains'"),
        (project(case("x", None, {"equals": "{{tiket}}"})), (f"{HERE}.cases.jsonl", 1), "no value for {{tiket}}"),
        (project(case("x", None, {"json-schema": True})), (f"{HERE}.cases.jsonl", 1), "declares no output schema"),
        (project(case("x"), suite="assert: [{regex: '('}]"), (f"{HERE}.prompt.yml", None), "the suite's assertion"),
        (project(case("x"), suite="repeat: 2"), (f"{HERE}.suite.yml", 1), "unknown key 'repeat'"),
        (project({"id": "x", "inputs": {"tiket": "a"}}), (f"{HERE}.cases.jsonl", 1), "no value"),
        (project({"id": "x", "input": {}}), (f"{HERE}.cases.jsonl", 1), "this case is wrong"),
        (project(case("x"), case("x", "b")), (f"{HERE}.cases.jsonl", 2), "taken already, at prompts/a.cases.jsonl:1"),
        (project(case("x"), prompt=PROMPT.replace(MODEL, "local/other")), (f"{HERE}.cases.jsonl", 1), "local/other"),
        (project(case("x"), prompt=PROMPT.replace(f"model: {MODEL}\n", "")), (f"{HERE}.prompt.yml", None), "no model"),
        (project(case("x"), prompt="messages: [{slot: history}]\nmodel: m/m\n"), (f"{HERE}.cases.jsonl", 1), "no mess"),
        (project(case("x"), prompt=PROMPT.replace("role: user", "role: usr")), (f"{HERE}.prompt.yml", 3), "role"),
        (project(case("x"), **{RECORDINGS: "{}\n"}), (RECORDINGS, 1), "this recording is wrong"),
        (project(case("x"), **{f"{HERE}.cases.yaml": "[]"}), (f"{HERE}.cases.yaml", None), "must end in .cases.yml"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_unchecked_before_any_call(
    files: dict[str, str | bytes], place: tuple[str, int | None], says: str, tmp_path: Path
) -> None:
    # Recording would ask at once; a proof that it does not is that litellm is not even imported.
    report = report_of(ask_missing([source(files)], tmp_path))
    assert (report.status, report.exit_code()) == ("unchecked", 3)
    assert "litellm" not in sys.modules
    assert summary(report) == "not run"
    assert one(report)["status"] == "unchecked"
    finding = report.findings[0]
    assert (finding.path, finding.line) == place, finding.message
    assert says in finding.message


def test_inputs_that_the_contract_refuses() -> None:
    prompt = PROMPT + "inputs: {type: object, properties: {ticket: {type: string}}, required: [ticket]}\n"
    report = run([source(project({"id": "x", "inputs": {"ticket": "a", "tickets": "b"}}, prompt=prompt))])
    (finding,) = report.findings
    assert finding.message == "case 'x': a does not accept these inputs: 'tickets' is not expected here"
    assert finding.hint == "did you mean 'ticket'?"


def test_recordings_behind_a_link_are_not_read() -> None:
    report = run([source(project(case("x"), **{RECORDINGS: ""}), links={RECORDINGS})])
    assert report.status == "unchecked"
    assert "symbolic link" in report.findings[0].message


def test_one_broken_prompt_hides_no_other() -> None:
    good = recorded(project(case("x", None, {"contains": "a"})), "a")
    report = run([source({f"{HERE}.prompt.yml": "messages: ["}), good])
    assert [check.status for check in report.checks] == ["unchecked", "passed"]
    assert report.findings[0].slug == "prompt-unusable"
    assert report.findings[0].line == 1


def test_no_cases_is_skipped() -> None:
    report = run([source({f"{HERE}.prompt.yml": PROMPT.replace(f"model: {MODEL}\n", "")})])
    assert (report.checks[0].status, report.exit_code()) == ("skipped", 0)
    assert one(report)["model"] is None
    assert summary(report) == "no cases"


# --- replay opens nothing and imports nothing


REPLAY = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append((event, args)) if event.startswith("socket.") else None)
sys.path[:0] = [{tests!r}]
from pathlib import Path
from onbook.project import Catalog
from onbook.testing.runner import run
from support.snapshots import files
root = Path({root!r})
found = {{str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}}
report = run(Catalog(files(found)).select(()))
assert report.status == "passed", report
assert not opened, opened
heavy = {{"litellm", "asyncio", "ssl", "httpx", "jsonschema", "git", "xllamacpp"}} & set(sys.modules)
print(sorted(heavy))
"""


def test_replay_opens_no_socket_and_imports_no_model_library(tmp_path: Path) -> None:
    files = project(
        case("x", None, {"contains": "a"}, {"regex": "a+"}, {"equals": ["a"]}, {"json-schema": {"type": "array"}})
    )
    found = recorded(files, '["a"]')
    (tmp_path / "prompts").mkdir()
    for path in (*files, RECORDINGS):
        (tmp_path / path).write_bytes(found.snapshot.read(path))
    code = REPLAY.format(tests=str(Path(__file__).parents[1]), root=str(tmp_path))
    # The script lies outside of the checkout, so that nothing but the installed package is found.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[]\n"
    assert onbook.__version__
