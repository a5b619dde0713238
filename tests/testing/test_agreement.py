"""Judges beside people's labels: what is measured, and what a judge may fail only then."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from onbook import resources
from onbook.call import Caller
from onbook.contract import Contract
from onbook.project import Source
from onbook.report import Report, Status
from onbook.reporters.json import dump, write_json
from onbook.testing.assertions import judges
from onbook.testing.assertions.judges import judge as judge_prompt
from onbook.testing.baseline import Side, judge, lay_out, settle
from onbook.testing.measuring import agreements, labelled_requests
from onbook.testing.planning import read_recordings
from onbook.testing.recording import Recording
from onbook.testing.request import Request, Response
from onbook.testing.results import from_json, to_json
from onbook.testing.runner import replay, report_of, run, summary
from onbook.testing.statistics import Verdict
from onbook.testing.unit import request_for
from support.sources import MODEL, PROMPT, source

LABELS, RECORDINGS = "prompts/a.labels.jsonl", "prompts/a.recordings.jsonl"
CHOICES = [{"choice": "yes", "score": 1}, {"choice": "half", "score": 0.5}, {"choice": "no", "score": 0}]
LLM = {"modelId": "openai/judge", "prompt": "JUDGE {{completion}}", "choices": CHOICES}
EVALUATOR = {"evaluator": {"name": "kind", "llm": LLM}}
SUITE = "judges: {labels: 4, kappa: 0.61}\n"

Rows = Sequence[Mapping[str, object]]


def files(*cases: Mapping[str, object], suite: str = SUITE) -> dict[str, str | bytes]:
    rows = "".join(json.dumps({"inputs": {"ticket": case["id"]}, **case}) + "\n" for case in cases)
    suite += f"assert: [{json.dumps(EVALUATOR)}]\n"
    return {"prompts/a.prompt.yml": PROMPT, "prompts/a.cases.jsonl": rows, "prompts/a.suite.yml": suite}


def answered(
    found: dict[str, str | bytes], verdicts: Mapping[str, str | None], labels: Mapping[str, str], *rows: str
) -> Source:
    """Each case answered by its own id, with the judge's verdict of that, and a person's label of some."""
    here = source(found)
    assert here.prompt
    caller, kept, said = Caller(here.prompt), b"", ""
    for case in here.cases:
        request = request_for(here.prompt, caller.render(case.inputs), model=MODEL)
        kept += line(case.id, request, case.id)
        if (verdict := verdicts.get(case.id)) is not None:
            asked = Request("openai/judge", ({"role": "user", "content": f"JUDGE {case.id}"},), {})
            kept += line(case.id, asked, verdict, "evaluator")
        if case.id in labels:
            said += json.dumps({"case": case.id, "key": request.key(), "label": labels[case.id], "by": "ann"}) + "\n"
    return source({**found, RECORDINGS: kept, LABELS: said + "".join(rows)})


def line(case: str, request: Request, said: str, by: str | None = None) -> bytes:
    return Recording.of(case, request, Response(said, (), "stop", MODEL, {}, 1, None, "test"), by).line() + b"\n"


def row(report: Report) -> dict[str, Any]:
    data = json.loads(write_json(report))
    assert Contract(resources.schema("report")).violations(data) == []
    (found,) = data["data"]["prompts"]
    assert isinstance(found, dict)
    return found


def told(report: Report, slug: str) -> list[str]:
    return [finding.message for finding in report.findings if finding.slug == slug]


IDS = ["a", "b", "c", "d"]
CASES = [{"id": id} for id in IDS]
PEOPLE = {"a": "good", "b": "good", "c": "bad", "d": "bad"}
RIGHT = {"a": "yes", "b": "yes", "c": "no", "d": "no"}


def test_a_judge_that_nobody_measured_fails_no_check() -> None:
    report = run([answered(files(*CASES), RIGHT, {})])
    assert (report.status, report.exit_code()) == (Status.PASSED, 0)
    assert {key: row(report)[key] for key in ("passed", "failed", "doubted")} == {
        "passed": 2, "failed": 0, "doubted": 2
    }  # fmt: skip
    assert summary(report) == "2 passed, 2 doubted"
    first, _ = [finding for finding in report.findings if finding.slug == "judge-doubted"]
    assert (first.path, first.line, str(first.severity)) == ("prompts/a.cases.jsonl", 3, "warning")
    assert first.message == f"case 'c' on {MODEL}: kind: the judge chose 'no' (score 0)"
    (measured,) = told(report, "judge-unmeasured")
    assert measured == (
        "judge kind on openai/judge is not measured, so its verdicts fail no check: "
        "no answer that it judges is labelled"
    )


def test_a_judge_that_agrees_with_people_fails_a_check() -> None:
    report = run([answered(files(*CASES), RIGHT, PEOPLE)])
    assert report.status is Status.FAILED
    assert (row(report)["failed"], row(report)["doubted"]) == (2, 0)
    assert told(report, "judge-measured") == [
        "judge kind on openai/judge agrees with people: kappa 1.00 on 4 labelled answers"
    ]
    (judged,) = row(report)["judges"]
    assert (judged["gates"], judged["labelled"], judged["good"], judged["agreed"]) == (True, 4, 2, 4)
    assert (judged["kappa"], judged["weighted_kappa"]) == (1, None)


@pytest.mark.parametrize(
    ("verdicts", "labels", "words"),
    [
        # 3 of 4 agree, and 2 of 4 by chance: kappa is (3/4 - 1/2) / (1 - 1/2).
        (
            {**RIGHT, "c": "yes"},
            PEOPLE,
            "kappa 0.50 on 4 labelled answers; its verdicts fail no check before it is",
        ),
        (RIGHT, {"a": "good", "c": "bad"}, "kappa 1.00 on 2 labelled answers; its verdicts fail no check before"),
        (dict.fromkeys(IDS, "yes"), dict.fromkeys(IDS, "good"), "calls all of 4 labelled answers good"),
    ],
)
def test_a_judge_that_is_measured_too_little_or_agrees_too_little(
    verdicts: dict[str, str | None], labels: dict[str, str], words: str
) -> None:
    report = run([answered(files(*CASES), verdicts, labels)])
    assert report.status is Status.PASSED
    assert words in told(report, "judge-unmeasured")[0]


def test_scores_between_pass_and_fail_are_weighted() -> None:
    verdicts = {**RIGHT, "b": "half"}
    (judged,) = row(run([answered(files(*CASES), verdicts, PEOPLE)]))["judges"]
    # Costs by rank, 0 to 2: 1 observed; by chance (2 + 2 + 1 + 1) + ... over 4: 4. 1 - 1/4.
    assert (judged["kappa"], judged["weighted_kappa"]) == (1, 0.75)


def test_labels_that_do_not_count_are_told() -> None:
    found = answered(files(*CASES), {**RIGHT, "d": None}, PEOPLE)
    keys = [label.key for label in found.labels]
    more = [
        {"case": "a", "key": f"sha256:{'0' * 64}", "label": "good", "by": "ann"},  # an answer that is gone
        {"case": "b", "key": keys[1], "label": "bad", "by": "bob"},  # bob differs from ann
        {"case": "c", "key": keys[2], "label": "good", "by": "eve"},
        {"case": "c", "key": keys[2], "label": "bad", "by": "eve"},  # eve has changed her mind
    ]
    again = answered(files(*CASES), {**RIGHT, "d": None}, PEOPLE, *(json.dumps(each) + "\n" for each in more))
    (measured,) = agreements(again, read_recordings(again))
    assert (measured.labelled, measured.unheard, measured.gone, measured.split) == (2, 1, 1, 1)
    assert measured.advice("a/b") == "run `onbook test a/b --record`: it asks the judge about the labelled answers too"
    assert measured.sentence.endswith(
        "(not counted: 1 without its verdict, 1 of answers that are not recorded any more, 1 on which people differ)"
    )


def test_what_was_measured_outlives_the_wording_that_brought_it() -> None:
    before = answered(files(*CASES), RIGHT, PEOPLE)
    reworded = {**files(*CASES), "prompts/a.prompt.yml": PROMPT.replace("Sort this", "Sort that")}
    old = {path: before.snapshot.read(path) for path in (RECORDINGS, LABELS)}
    after = source({**reworded, **old})
    (measured,) = agreements(after, read_recordings(after))
    assert measured.gates
    asked = [(case, name) for case, name, _ in labelled_requests(after, read_recordings(after))]
    assert asked == [(id, "evaluator") for id in IDS]


def test_other_assertions_fail_beside_a_judge_that_may_not() -> None:
    cases = [{"id": "a", "assert": [{"equals": "b"}]}, {"id": "b", "assert": [{"equals": "b"}]}]
    report = run([answered(files(*cases), {"a": "no", "b": "no"}, {})])
    assert (row(report)["failed"], row(report)["doubted"]) == (1, 1)
    assert report.status is Status.FAILED


@pytest.mark.parametrize(("equals", "failed", "doubted"), [("a", 0, 1), ("x", 1, 0)])
def test_a_weighted_score_is_taken_without_the_judge(equals: str, failed: int, doubted: int) -> None:
    cases = [{"id": "a", "assert": [{"equals": equals}]}]
    report = run([answered(files(*cases, suite=f"{SUITE}score: 0.9\n"), {"a": "no"}, {})])
    assert (row(report)["failed"], row(report)["doubted"]) == (failed, doubted)


def test_an_expected_failure_that_passes_by_the_word_of_a_judge() -> None:
    cases = [{"id": "a", "xfail": "too curt"}, *CASES[1:]]
    doubted = run([answered(files(*cases), RIGHT, {})])
    assert "case 'a' passes by the word of kind on openai/judge" in told(doubted, "judge-doubted")[0]
    assert doubted.status is Status.PASSED
    trusted = run([answered(files(*cases), {**RIGHT, "c": "no"}, PEOPLE)])
    assert told(trusted, "unexpected-pass") != []


def test_the_threshold_counts_no_doubt() -> None:
    found = answered(files(*CASES, suite="threshold: 1\n"), {**RIGHT, "a": "no"}, {})
    assert run([found]).status is Status.PASSED


def test_results_with_judges_survive_a_shard() -> None:
    results = list(replay([answered(files(*CASES), RIGHT, PEOPLE)]))
    again = [from_json(json.loads(dump(to_json(result)))) for result in results]
    assert again == results
    assert report_of(again) == report_of(results)


@pytest.mark.parametrize(("labels", "verdict"), [({}, Verdict.NOT_WORSE), (PEOPLE, Verdict.REGRESSED)])
def test_a_verdict_rests_on_judges_that_may_gate(labels: dict[str, str], verdict: Verdict) -> None:
    """Twelve answers of which the judge liked all before, and likes half of now."""
    ids = [f"{id}{number}" for number in range(3) for id in IDS]
    cases, people = [{"id": id} for id in ids], {id: labels[id[0]] for id in ids if labels}
    before = answered(files(*cases), dict.fromkeys(ids, "yes"), {})
    now = answered(files(*cases, suite=SUITE), {id: RIGHT[id[0]] for id in ids}, people)
    match = lay_out(Side(before, MODEL, read_recordings(before)), Side(now, MODEL, read_recordings(now)), "1.0.0")
    (found,) = settle([judge(match)])
    assert found.verdict is verdict


def test_wrong_labels_are_findings_with_a_line() -> None:
    rows = '{"case": "a", "key": "sha256:00", "label": "good"}\n{"case": "a", "label": "fine"}\n{'
    found = source({**files(*CASES), LABELS: rows})
    problems = [(problem.code, problem.path, problem.line) for problem in found.tests.problems]
    assert {line for _, path, line in problems if path == LABELS} == {1, 2, 3}
    report = run([found])
    assert report.status is Status.UNCHECKED
    assert any("this label is wrong" in finding.message for finding in report.findings)
    assert any("key: " in message for message in told(report, "case-wrong"))


@pytest.mark.parametrize(
    ("assertion", "names"),
    [
        ({"contains": "a"}, set()),
        ({"judge": "Is kind."}, {f"rubric on {judge_prompt('rubric').prompt.model}"}),
        ({"judge": {"rubric": "r", "model": "m", "choices": {"a": 1, "b": 0}, "min": 1}}, {"choices on m"}),
        ({"not": {"faithfulness": {"context": "c", "min": 1, "model": "m"}}}, {"faithfulness on m"}),
        ({"any": [{"contains": "a"}, {"judge": {"rubric": "r", "model": "m"}}, EVALUATOR]},
         {"rubric on m", "kind on openai/judge"}),
        ({"evaluator": {"name": "x", "uses": "github/fluency"}},
         {f"github/fluency on {judge_prompt('fluency').prompt.model}"}),
        ({"evaluator": {"name": "x", "string": {"equals": "a"}}}, set()),
    ],
)  # fmt: skip
def test_who_decides_an_assertion(assertion: Mapping[str, object], names: set[str]) -> None:
    assert judges(assertion) == names
