from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from onbook.formats import read_yaml
from onbook.project.cases import EVALUATOR
from onbook.prompt import Case, Message, Prompt
from onbook.testing import assertions, patterns
from onbook.testing.assertions import (
    AssertionUseError,
    Outcome,
    Subject,
    check,
    decide,
    requests,
    weight,
)
from onbook.testing.assertions import (
    table as registry,
)
from onbook.testing.request import Response

TABLES = Path(__file__).parents[1] / "cases" / "assertions"


def rows() -> list[Any]:
    found: list[Any] = []
    for path in sorted(TABLES.glob("*.yml")):
        document, problems = read_yaml(path.read_bytes(), path.name)
        assert document, problems
        assert not problems, problems
        data: Any = document.data
        found += [pytest.param(row, id=f"{path.stem}: {row['name']}") for row in data]
    return found


def subject(row: Mapping[str, Any], said: Mapping[str, str] | None = None) -> Subject:
    tools = tuple({"type": "function", "function": {"name": name}} for name in row.get("tools", ()))
    prompt = Prompt("a", "a.prompt.yml", (Message("user", "{{ticket}}"),), output_schema=row.get("schema"), tools=tools)
    case = Case("c", row.get("inputs", {"ticket": "x"}), row.get("expected"))
    text, times = row.get("answer-times", (row.get("answer", ""), 1))
    calls = tuple({"type": "function", "function": call} for call in row.get("calls", ()))
    measured = row.get("usage", {}), row.get("latency", 0), row.get("cost")
    return Subject(text * times, prompt, case, said or {}, Response(text * times, calls, "stop", "m", *measured, "e"))


def pages() -> list[Any]:
    """The examples of every assertion's page: each is a row of the table."""
    found = []
    for name, kind in assertions.BUILT_IN.items():
        for title, state in (("Holds", "passed"), ("Does not hold", "failed")):
            (block,) = re.findall(rf"\*\*{title}\*\*\n\n```yaml\n(.*?)```", inspect.getdoc(kind) or "", re.DOTALL)
            document, problems = read_yaml(block.encode(), name)
            assert document, problems
            assert not problems, problems
            row: Any = document.data
            # As a case or a suite has it, so that it can be copied: a list.
            (assertion,) = row["assert"]
            assert name in str(assertion)
            found.append(pytest.param({**row, "assert": assertion, "is": state}, id=f"page of {name}: {title}"))
    return found


@pytest.mark.parametrize("row", [*rows(), *pages()])
def test_table(row: dict[str, Any]) -> None:
    assertion = row["assert"]
    state, message, score = "wrong", check(assertion) or "", None
    if not message:
        looked_at = subject(row)
        try:
            # What is wrong with the row is known without the answer.
            assert requests([assertion], subject({**row, "answer": "", "answer-times": ("", 1)})) is not None
            told = row.get("said", "")
            asked = requests([assertion], looked_at)
            answers = told if isinstance(told, list) else [told] * len(asked)
            said = {request.key(): text for request, text in zip(asked, answers, strict=True)}
        except AssertionUseError as error:
            message = error.message
        else:
            try:
                outcome = decide(assertion, subject(row, said))
                state, message, score = "passed" if outcome.passed else "failed", outcome.message, outcome.score
            except AssertionUseError as error:
                state, message = "error", error.message
    assert state == row["is"], message
    assert re.search(row.get("says", ""), message, re.DOTALL), message
    assert "\n" not in message
    if "score" in row:
        assert score == row["score"]


def test_weights() -> None:
    assert weight({"contains": "x"}) == 1
    assert weight({"contains": "x", "weight": 0.5}) == 0.5


# --- regular expressions that do not end


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(patterns, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(patterns, "_endless", set())
    patterns._found.cache_clear()
    yield
    patterns._found.cache_clear()


@pytest.mark.usefixtures("impatient")
def test_a_pattern_that_does_not_end_is_an_error_and_holds_up_nothing() -> None:
    long = {"answer": "a" * 5000 + "!"}
    endless = {"regex": "^(a+)+$"}
    assert check(endless) is None
    for assertion in (endless, {"not": endless}, {"any": [endless, {"contains": "a"}]}):
        with pytest.raises(AssertionUseError, match=r"'\^\(a\+\)\+\$' did not come to an end") as told:
            decide(assertion, subject(long))
        assert "repetition inside a repetition" in str(told.value.hint)
    assert patterns._endless == {"^(a+)+$"}
    # The process that had to be ended is replaced.
    assert decide({"regex": "^a+!$"}, subject(long)).passed
    assert not decide({"regex": "^b"}, subject(long)).passed


@pytest.mark.usefixtures("impatient")
def test_a_pattern_that_has_hung_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(patterns.PatternError):
        patterns.found("^(a+)+$", "a" * 40 + "!")
    monkeypatch.setattr(patterns, "TIMEOUT_S", 3600.0)
    with pytest.raises(patterns.PatternError):
        patterns.found("^(a+)+$", "a" * 41 + "!")


def test_half_a_character_and_line_ends_reach_the_search() -> None:
    assert patterns.found("\ud800", "x\ud800")
    assert patterns.found("^b$", "b")
    assert not patterns.found("^b$", "a\nb\n")
    assert patterns.found("(?m)^b$", "a\nb\nc")


def test_only_the_beginning_of_a_huge_answer_is_searched() -> None:
    assert not patterns.found("b", "a" * patterns.MAX_TEXT + "b")


def test_an_interrupted_search_leaves_no_answer_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    # A repetition inside a repetition: what may take long is searched by a process of its own.
    assert patterns.found("(a+)+", "a-before")
    process = patterns._searcher._process
    assert process

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(process.stdout, "readline", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        patterns.found("(a+)+", "a-amid")
    monkeypatch.undo()
    assert not patterns.found("(b+)+", "a-after")
    assert patterns._searcher._process is not process
    assert process.poll() is not None


# --- GitHub's evaluators: what a judge is sent

LLM = {
    EVALUATOR: {
        "name": "j",
        "llm": {
            "modelId": "openai/gpt-4o",
            "systemPrompt": "Judge {{ticket}}.",
            "prompt": "{{ticket}} -> {{completion}} ({{expected}})",
            "choices": [{"choice": "yes", "score": 1}],
        },
    }
}


def test_a_judge_is_sent_the_row_and_the_trimmed_answer_and_its_system_prompt_as_it_is() -> None:
    row = {"inputs": {"ticket": "{{completion}}"}, "expected": {"a": 1}, "answer": " said {{ticket}} \n"}
    (request,) = requests([LLM], subject(row))
    assert request.model == "openai/gpt-4o"
    assert request.parameters == {}
    assert request.messages == (
        {"role": "system", "content": "Judge {{ticket}}."},
        {"role": "user", "content": '{{completion}} -> said {{ticket}} ({"a": 1})'},
    )


@pytest.mark.parametrize("name", ["similarity", "coherence", "fluency", "relevance", "groundedness"])
def test_our_own_judges(name: str) -> None:
    row = {"inputs": {"input": "the question"}, "expected": "the model answer", "answer": "the reply"}
    (request,) = requests([{EVALUATOR: {"name": name, "uses": f"github/{name}"}}], subject(row))
    assert request.parameters["temperature"] == 0
    assert [message["role"] for message in request.messages] == ["system", "user"]
    assert "the reply" in request.messages[1]["content"]
    assert "{{" not in request.messages[1]["content"]


def test_judges_within_other_assertions_are_asked() -> None:
    nested = {"any": [{"not": LLM}, {"all": [LLM, {"contains": "x"}]}]}
    asked = requests([nested], subject({"expected": "e"}))
    assert len({request.key() for request in asked}) == 1


# --- plug-ins

PLUG_IN = """
class Shouts:
    def check(self, argument):
        if argument == "crash":
            raise RuntimeError("check crashed")
        return None if isinstance(argument, str) else "it takes a text"
    def requests(self, argument, subject):
        return ()
    def decide(self, argument, subject):
        from onbook.testing.assertions import Outcome
        if argument == "raise":
            raise KeyError("decide crashed")
        return Outcome.of(subject.text == argument.upper(), "expected it louder")

class Broken:
    def __init__(self):
        raise ImportError("no such library")
"""


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "onbook_shouts.py").write_text(PLUG_IN)
    info = tmp_path / "onbook_shouts-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: onbook-shouts\nVersion: 1\n")
    names = ("shouts = onbook_shouts:Shouts", "broken = onbook_shouts:Broken", "contains = onbook_shouts:Shouts")
    (info / "entry_points.txt").write_text("\n".join([f"[{assertions.GROUP}]", *names]))
    monkeypatch.syspath_prepend(str(tmp_path))
    _forget()
    yield
    monkeypatch.undo()
    sys.modules.pop("onbook_shouts", None)
    _forget()


def _forget() -> None:
    importlib.invalidate_caches()
    registry._plugged.cache_clear()
    registry.known.cache_clear()


@pytest.mark.usefixtures("plugged")
def test_an_installed_package_adds_assertions() -> None:
    assert metadata.entry_points(group=assertions.GROUP)
    assert check({"shouts": "hey"}) is None
    assert check({"shouts": 1}) == "shouts: it takes a text"
    assert decide({"not": {"shouts": "{{ticket}}"}}, subject({"answer": "x"})).passed
    assert decide({"shouts": "{{ticket}}"}, subject({"answer": "X"})) == Outcome.of(True, "expected it louder")
    assert "did you mean 'shouts'?" in str(check({"shout": "x"}))


@pytest.mark.usefixtures("plugged")
def test_a_plug_in_that_fails_is_told_and_the_built_in_ones_stay_theirs() -> None:
    assert check({"shouts": "crash"}) == "shouts: its argument could not be looked at: RuntimeError: check crashed"
    with pytest.raises(AssertionUseError, match="shouts could not look at the answer: KeyError: 'decide crashed'"):
        decide({"shouts": "raise"}, subject({}))
    assert check({"broken": 1}) == (
        "broken: the plug-in onbook_shouts:Broken cannot be loaded: ImportError: no such library"
    )
    assert decide({"contains": "x"}, subject({"answer": "axb"})).passed


def test_an_answer_nested_without_end_is_no_crash() -> None:
    deep = {"answer": "[" * 100_000}
    assert not decide({"json-schema": {}}, subject(deep)).passed
    assert not decide({"equals": [1]}, subject(deep)).passed
    nested: Any = ["x"]
    for _ in range(60):
        nested = [nested]
    assert decide({"equals": nested}, subject({"answer": json.dumps(nested)})).passed
