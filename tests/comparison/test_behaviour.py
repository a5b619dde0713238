"""How recorded answers moved between two versions, both graded by the new assertions."""

from __future__ import annotations

import json

from onbook.call import Caller
from onbook.comparison.behaviour import Behaviour, behaviour
from onbook.project import Source
from onbook.testing.planning import plan, unit_of
from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings
from onbook.testing.request import Response
from onbook.testing.selection import Selection
from onbook.testing.unit import request_for
from support.sources import MODEL, PROMPT, source

CASES = {"refund": "money", "login": "password", "bug": "crash"}


def rows(word: str) -> str:
    lines = [
        {"id": id, "inputs": {"ticket": ticket}, "assert": [{"contains": id if id != "bug" else word}]}
        for id, ticket in CASES.items()
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def version(text: str, answers: dict[str, str], *, word: str = "bug", finish: str = "stop") -> Source:
    """A version of the prompt with recordings of its answers, each under the key of its real request."""
    bare = {"prompts/a.prompt.yml": text, "prompts/a.cases.jsonl": rows(word)}
    prompt = source(bare).usable()
    lines = b""
    for case, answer in answers.items():
        request = request_for(prompt, Caller(prompt).render({"ticket": CASES[case]}), model=prompt.model or MODEL)
        response = Response(answer, (), finish, MODEL, {}, 1, None, "test")
        lines += Recording.of(case, request, response).line() + b"\n"
    return source({**bare, "prompts/a.recordings.jsonl": lines})


NEW = PROMPT.replace("Sort", "Please sort")


def moved(old: Source, new: Source) -> Behaviour:
    found = behaviour(old, new)
    assert found
    return found


def test_verdicts_and_texts_that_moved() -> None:
    old = version(PROMPT, {"refund": "refund", "login": "a login", "bug": "nothing"})
    new = version(NEW, {"refund": "billing", "login": "the login", "bug": "a bug"})
    found = moved(old, new)
    assert (found.shared, found.unseen) == (3, 0)
    assert [(each.case, each.before, each.after) for each in found.moved] == [
        ("bug", "failed", "passed"),
        ("refund", "passed", "failed"),
        ("login", "passed", "passed"),
    ]
    row = found.row()
    assert (row["worse"], row["better"], row["moved"]) == (1, 1, 3)
    assert "refund" in found.moved[1].why


def test_answers_that_are_the_same_did_not_move() -> None:
    answers = {"refund": "refund", "login": "login", "bug": "bug"}
    assert moved(version(PROMPT, answers), version(NEW, answers)) == Behaviour(3, 0, ())


def test_both_are_graded_by_the_new_assertions() -> None:
    answers = {"bug": "a crash"}
    found = moved(version(PROMPT, answers, word="bug"), version(NEW, answers, word="crash"))
    assert found.moved == ()
    assert found.shared == 1


def test_what_is_recorded_on_one_side_only_is_not_compared() -> None:
    found = moved(version(PROMPT, {"refund": "refund", "login": "login"}), version(NEW, {"refund": "refund"}))
    assert (found.shared, found.unseen) == (1, 2)


def test_an_answer_that_was_cut_is_an_error() -> None:
    found = moved(version(PROMPT, {"bug": "bug"}), version(NEW, {"bug": "bug"}, finish="length"))
    assert [(each.before, each.after) for each in found.moved] == [("passed", "error")]


def test_another_model_is_compared_with_the_one_before() -> None:
    other = NEW.replace(MODEL, "openai/gpt-4o-2024-08-06")
    assert moved(version(PROMPT, {"bug": "bug"}), version(other, {"bug": "BUG!"})).shared == 1


def echoed(prompt: str, case: dict[str, object], **files: str) -> Source:
    """A version whose model said its last message again, to each step of a chain."""
    bare = {"prompts/a.prompt.yml": prompt, "prompts/a.cases.jsonl": json.dumps(case) + "\n"}
    bare |= {f"prompts/{name.replace('_', '.')}": text for name, text in files.items()}
    here, found = source(bare), Recordings()
    unit = unit_of(here, here.usable(), MODEL, found)
    for _ in range(2):
        for planned in plan(unit, Selection()):
            for attempt in planned.attempts:
                said = Response(attempt.request.messages[-1]["content"], (), "stop", MODEL, {}, 1, None, "test")
                found.add(Recording.of(planned.case.id, attempt.request, said, step=attempt.step))
    lines = b"".join(each.line() + b"\n" for each in found)
    return source({**bare, "prompts/a.recordings.jsonl": lines})


def test_a_case_with_a_history_is_asked_with_it() -> None:
    prompt = PROMPT.replace("  - role: user\n", "  - {slot: history}\n  - role: user\n")
    said = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "how can I help?"}]
    case = {"id": "a", "inputs": {"ticket": "x"}, "history": said, "assert": [{"contains": "Sort"}]}
    found = moved(echoed(prompt, case), echoed(prompt.replace("Sort", "Please sort"), case))
    assert (found.shared, found.unseen) == (1, 0)
    assert [(each.before, each.after) for each in found.moved] == [("passed", "failed")]


def test_a_chain_is_followed_on_both_sides() -> None:
    first = f'model: {MODEL}\nmessages: [{{role: user, content: "Shorten {{{{ticket}}}}"}}]\n'
    prompt = PROMPT.replace("{{ticket}}", "{{short}}")
    case: dict[str, object] = {"id": "a", "inputs": {"ticket": "x"}, "assert": [{"contains": "Sort this: Shorten x"}]}
    files = {"short_prompt_yml": first, "a_suite_yml": "chain: [short, a]\n"}
    old = echoed(prompt, case, **files)
    found = moved(old, echoed(prompt.replace("Sort", "Please sort"), case, **files))
    assert (found.shared, found.unseen) == (1, 0)
    assert [(each.old, each.new) for each in found.moved] == [("Sort this: Shorten x", "Please sort this: Shorten x")]
    # The prompt is as it was, and the one that it is asked after is not.
    other = echoed(prompt, case, **{**files, "short_prompt_yml": first.replace("Shorten", "Cut")})
    assert [each.new for each in moved(old, other).moved] == ["Sort this: Cut x"]


def test_nothing_to_compare() -> None:
    bare = source({"prompts/a.prompt.yml": PROMPT})
    recorded = version(PROMPT, {"bug": "bug"})
    assert behaviour(bare, recorded) is None
    assert behaviour(recorded, bare) is None
    narrowed = version(NEW, {"bug": "bug"})
    strict = f"inputs: {{type: object, properties: {{ticket: {{maxLength: 1}}}}}}\n{NEW}"
    assert behaviour(recorded, source({
        "prompts/a.prompt.yml": strict, "prompts/a.cases.jsonl": rows("bug"),
        "prompts/a.recordings.jsonl": narrowed.snapshot.read("prompts/a.recordings.jsonl"),
    })) is None  # fmt: skip
