"""What a suite and a case say beyond assertions: history, scores, metrics of the whole set, and chains."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from onbook.project import Source
from onbook.report import Report, Status
from onbook.reporters.json import dump
from onbook.testing import metrics
from onbook.testing.planning import plan, read_recordings, unit_of
from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings
from onbook.testing.request import Response
from onbook.testing.results import from_json, to_json
from onbook.testing.runner import replay, report_of, run
from onbook.testing.selection import Selection
from support import record
from support.openai_server import OpenAIServer
from support.sources import MODEL, PROMPT, source

TALK = f"""\
model: {MODEL}
messages:
  - slot: history
  - role: user
    content: "{{{{ticket}}}}"
"""
INTENT = f"""\
model: {MODEL}
inputs: {{type: object, properties: {{ticket: {{type: string}}}}, required: [ticket]}}
messages:
  - role: user
    content: "Intent? {{{{ticket}}}}"
responseFormat: json_schema
jsonSchema:
  name: intent
  schema: {{type: object, properties: {{label: {{type: string}}}}, additionalProperties: false}}
"""
REPLY = f"""\
model: {MODEL}
inputs: {{type: object, properties: {{ticket: {{type: string}}, queue: {{type: string}}}}, required: [ticket, queue]}}
messages:
  - role: user
    content: "[{{{{queue}}}}] {{{{ticket}}}}"
"""
CHAIN = 'chain: [intent, {prompt: a, inputs: {queue: "{{intent.label}}"}}]\nassert: [{contains: "["}]\n'


def files(*cases: Mapping[str, object], prompt: str = PROMPT, suite: str = "") -> dict[str, str | bytes]:
    rows = "".join(json.dumps(case) + "\n" for case in cases)
    found: dict[str, str | bytes] = {"prompts/a.prompt.yml": prompt, "prompts/a.cases.jsonl": rows}
    return {**found, "prompts/a.suite.yml": suite} if suite else found


def answered(found: dict[str, str | bytes], *rounds: Mapping[str, str]) -> Source:
    """With an answer recorded for each case, by its id; each round for the step that the last has made known."""
    kept = b""
    for answers in rounds:
        here = source({**found, "prompts/a.recordings.jsonl": kept})
        assert here.prompt
        unit = unit_of(here, here.prompt, MODEL, read_recordings(here))
        for planned in plan(unit, Selection()):
            assert planned.faults == ()
            for attempt in planned.attempts:
                if planned.case.id in answers:
                    said = Response(answers[planned.case.id], (), "stop", MODEL, {}, 1, None, "test")
                    kept += Recording.of(planned.case.id, attempt.request, said, step=attempt.step).line() + b"\n"
    return source({**found, "prompts/a.recordings.jsonl": kept})


def row(report: Report) -> dict[str, Any]:
    (found,) = report.data["prompts"]  # type: ignore[misc, union-attr]
    return found  # type: ignore[no-any-return, has-type]


def told(report: Report) -> list[str]:
    return [finding.message for check in report.checks for finding in check.findings]


# --- history


def test_a_history_goes_where_the_prompt_has_its_slot() -> None:
    history = [{"role": "user", "content": "{{ticket}}"}, {"role": "assistant", "content": "Hello"}]
    here = source(files({"id": "a", "inputs": {"ticket": "x"}, "history": history}, prompt=TALK))
    assert here.prompt
    (planned,) = plan(unit_of(here, here.prompt, MODEL, Recordings()), Selection())
    assert [dict(each) for each in planned.attempts[0].request.messages] == [*history, {"role": "user", "content": "x"}]


def test_a_history_without_a_slot_is_told_before_any_call() -> None:
    history = [{"role": "user", "content": "Hi"}]
    report = run([source(files({"id": "a", "inputs": {"ticket": "x"}, "history": history}))])
    assert told(report) == ["case 'a': the prompt has no slot for a history"]
    assert report.status is Status.UNCHECKED


@pytest.mark.parametrize(
    "history", [[{"role": "system", "content": "x"}], [{"role": "user"}], ["x"], [{"role": "user", "content": 5}], "x"]
)
def test_a_wrong_history_is_a_finding_with_its_line(history: object) -> None:
    here = source(files({"id": "a", "inputs": {}}, {"id": "b", "inputs": {}, "history": history}, prompt=TALK))
    (problem,) = here.tests.problems
    assert (problem.code, problem.line) == ("row-shape", 2)
    assert "history" in problem.message


# --- score


@pytest.mark.parametrize(("least", "status"), [(0.74, "passed"), (0.75, "passed"), (0.76, "failed")])
def test_a_case_passes_by_its_weighted_score(least: float, status: str) -> None:
    suite = f"score: {least}\nassert: [{{contains: a, weight: 3}}, {{contains: b}}]\n"
    report = run([answered(files({"id": "a", "inputs": {"ticket": "x"}}, suite=suite), {"a": "a"})])
    assert row(report)["status"] == status
    assert told(report) == (
        [] if status == "passed" else
        [f"case 'a' on {MODEL}: scored 0.75, at least 0.76 is wanted; expected \"b\" in \"a\""]
    )  # fmt: skip


def test_without_a_score_every_assertion_must_hold() -> None:
    suite = "assert: [{contains: a, weight: 99}, {contains: b}]\n"
    report = run([answered(files({"id": "a", "inputs": {"ticket": "x"}}, suite=suite), {"a": "a"})])
    assert row(report)["status"] == "failed"


# --- metrics

# scikit-learn's own example of f1_score: y_true = [0, 1, 2, 0, 1, 2], y_pred = [0, 2, 1, 0, 0, 1], macro F1 0.26...
SKLEARN = list(zip("012012", "021001", strict=True))


def test_macro_f1_is_scikit_learns() -> None:
    found = metrics.measure([(expected, [given]) for expected, given in SKLEARN])
    assert found
    assert (found.cases, found.accuracy) == (6, pytest.approx(1 / 3))
    assert found.macro_f1 == pytest.approx(0.8 / 3)
    assert found.confusion == {"0": {"0": 2}, "1": {"0": 1, "2": 1}, "2": {"1": 2}}


def test_repeats_share_the_weight_of_their_case_and_no_label_is_wrong() -> None:
    found = metrics.measure([("a", ["a", "b"]), ("b", [None]), ("b", [])])
    assert found
    # a: TP 1/2, FN 1/2; b: FP 1/2, FN 1.
    assert (found.cases, found.accuracy, found.macro_f1) == (2, 0.25, pytest.approx((1 / 1.5 + 0) / 2))
    assert found.confusion == {"a": {"a": 0.5, "b": 0.5}, "b": {"": 1}}
    assert metrics.measure([("a", [])]) is None


def test_a_metric_below_its_least_value_fails_the_run() -> None:
    suite = "threshold: 0\nmetrics: {label: {path: $.label, accuracy: 0.6, macro-f1: 0.1}}\nassert: [{is-json: true}]\n"
    cases = [{"id": id, "inputs": {"ticket": id}, "expected": "bug"} for id in "abc"]
    here = answered(
        files(*cases, suite=suite), {"a": '{"label": "bug"}', "b": '{"label": "x"}', "c": 'bug, {"label": 1e999}'}
    )
    report = run([here])
    assert row(report)["status"] == "failed"
    assert row(report)["metrics"]["label"]["confusion"] == {"bug": {"": 1, "bug": 1, "x": 1}}
    assert f"accuracy of 'label' on {MODEL} is 0.333 over 3 cases; at least 0.6 is wanted" in told(report)
    # The results of shards are put together from JSON.
    again = report_of(from_json(json.loads(dump(to_json(result)))) for result in replay([here]))
    assert row(again) == row(report)


def test_a_label_that_is_a_number_is_one_however_it_is_written() -> None:
    suite = "metrics: {stars: {path: $.stars, accuracy: 1}}\nassert: [{is-json: true}]\n"
    cases = [
        {"id": id, "inputs": {"ticket": id}, "expected": wanted} for id, wanted in (("a", 4), ("b", 5.0), ("c", 2.5))
    ]
    said = {"a": '{"stars": 4.0}', "b": '{"stars": 5}', "c": '{"stars": 2.5}'}
    report = run([answered(files(*cases, suite=suite), said)])
    assert row(report)["metrics"]["stars"]["confusion"] == {"2.5": {"2.5": 1}, "4": {"4": 1}, "5": {"5": 1}}
    assert row(report)["status"] == "passed"


def test_a_metric_is_not_judged_while_answers_are_missing() -> None:
    suite = "metrics: {label: {accuracy: 1}}\nassert: [{contains: u}]\n"
    cases = [{"id": id, "inputs": {"ticket": id}, "expected": "bug"} for id in "ab"]
    report = run([answered(files(*cases, suite=suite), {"a": "mud"})])
    assert row(report)["status"] == "unchecked"
    assert row(report)["metrics"]["label"]["accuracy"] == 0


@pytest.mark.parametrize(
    ("suite", "expected", "message"),
    [
        ("metrics: {label: {path: label}}", "bug", "metrics: label: path: a path begins with $"),
        ("metrics: {label: {}}", None, "the metric 'label' wants one label as `expected`"),
        ("metrics: {label: {}}", ["bug"], "wants one label as `expected`"),
        ("metrics: {label: {expected-path: $.queue}}", {"label": "bug"}, "as `expected` at $.queue"),
        ("metrics: {label: {acuracy: 1}}", "bug", "acuracy"),
        ("metrics: {label: {accuracy: 90}}", "bug", "accuracy"),
    ],
)
def test_a_metric_that_means_nothing_is_told_before_any_call(suite: str, expected: object, message: str) -> None:
    case = {"id": "a", "inputs": {"ticket": "x"}, "expected": expected}
    report = run([source(files(case, suite=suite + "\n"))])
    assert report.status is Status.UNCHECKED
    assert message in told(report)[0]


# --- chains


def chained(suite: str = CHAIN, *more: Mapping[str, object]) -> dict[str, str | bytes]:
    case = {"id": "a", "inputs": {"ticket": "help"}}
    return {**files(case, *more, prompt=REPLY, suite=suite), "prompts/intent.prompt.yml": INTENT}


def test_a_chain_is_replayed_step_by_step() -> None:
    assert told(run([source(chained())])) == [f"case 'a' on {MODEL}: the answer of step 'intent' is not recorded"]
    half = answered(chained(), {"a": '{"label": "bug"}'})
    assert told(run([half])) == [f"case 'a' on {MODEL}: there is no recording of its answer"]
    whole = answered(chained(), {"a": '{"label": "bug"}'}, {"a": "[bug] done"})
    assert row(run([whole]))["passed"] == 1
    kept = read_recordings(whole)
    assert [(one.step, one.request["messages"]) for one in kept] == [
        (None, [{"role": "user", "content": "[bug] help"}]),
        ("intent", [{"role": "user", "content": "Intent? help"}]),
    ]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("bug", "step 'a' of the chain cannot be asked: no JSON: \"bug\""),
        ("{}", "step 'a' of the chain cannot be asked: {{intent.label}} names nothing in what 'intent' is"),
        ('{"label": 5}', "step 'a' of the chain cannot be asked: a does not accept these inputs: queue"),
        ("[1e999]", "step 'a' of the chain cannot be asked: JSON that cannot be read"),
        (" ", "step 'intent' of the chain: the answer is empty"),
    ],
)
def test_an_answer_that_the_next_step_cannot_take_is_an_error_of_the_case(said: str, message: str) -> None:
    report = run([answered(chained(), {"a": said})])
    assert row(report)["errors"] == 1
    assert message in told(report)[0]


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ("[intent, other]", "the chain ends with 'other'; its last step is the prompt that the case belongs to, 'a'"),
        ("[nothing, a]", "the chain names the prompt 'nothing', which does not exist"),
        ("[../../etc, a]", "the chain names the prompt '../../etc', which does not exist"),
        ("[intent, a]", "step 2 of the chain (a) has no value for its input 'queue'"),
        ("[{prompt: intent, as: ticket}, a]", "step 1 of the chain is named 'ticket', which is taken"),
        ('[intent, {prompt: a, inputs: {queue: "{{intnt}}"}}]', "step 2 of the chain (a) names 'intnt', which nothing"),
        (
            '[intent, {prompt: a, inputs: {queue: "{{intent.lable}}"}}]',
            "names {{intent.lable}}, which 'intent' does not",
        ),
        ('[intent, {prompt: a, inputs: {quee: "x"}}]', "has no value for its input 'queue'"),
    ],
)
def test_a_chain_that_means_nothing_is_told_before_any_call(chain: str, message: str) -> None:
    report = run([source(chained(f"chain: {chain}\nassert: [{{contains: x}}]\n"))])
    assert report.status is Status.UNCHECKED
    assert message in told(report)[0]


def test_a_step_given_by_name_and_a_chain_of_the_case_itself() -> None:
    case = {"id": "b", "inputs": {"ticket": "help"}, "chain": [{"prompt": "intent", "as": "queue"}, "a"]}
    found = chained("assert: [{contains: x}]\n", case)
    del found["prompts/a.suite.yml"]
    found["prompts/a.cases.jsonl"] = json.dumps(case) + "\n"
    found["prompts/intent.prompt.yml"] = INTENT.partition("responseFormat")[0]
    whole = answered(found, {"b": "a bug"}, {"b": "x"})
    first = next(iter(read_recordings(whole)))
    assert first.request["messages"] == [{"role": "user", "content": "[a bug] help"}]


def test_every_step_is_asked_recorded_and_found_again(tmp_path: Path) -> None:
    texts = {path: text if isinstance(text, str) else text.decode() for path, text in chained().items()}
    texts["prompts/intent.prompt.yml"] = texts["prompts/intent.prompt.yml"].partition("responseFormat")[0]
    texts["prompts/a.suite.yml"] = CHAIN.replace("intent.label", "intent")
    with OpenAIServer(echo=True) as server:
        first, second = record.run(tmp_path, [{"write": texts}, {"record": False}], server.url)
    assert [request.body["messages"][-1]["content"] for request in server.received] == [
        "Intent? help",
        "[Intent? help] help",
    ]
    assert first["report"]["data"]["prompts"][0]["passed"] == second["report"]["data"]["prompts"][0]["passed"] == 1
