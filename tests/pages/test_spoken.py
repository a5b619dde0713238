"""What judges and people said of answers, and each step of a chain, on the page of a report."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from onbook.contract import Contract
from onbook.pages.answers import Answer
from onbook.resources import schema
from support.browser import Visit
from support.console import Person, person
from support.openai_server import OpenAIServer, Received, Reply, answer
from support.paged import HOSTILE

pytestmark = pytest.mark.xdist_group("browser")

MODEL = "openai/gpt-4.1-2025-04-14"
PROMPT = 'model: {model}\nmessages: [{{role: user, content: "{text}"}}]\n'
CHAIN = 'chain: [intent, {prompt: reply, inputs: {intent: "{{intent}}"}}]\nassert: [{contains: Sorry}]\n'
LABELS = (("good", "Ada", "names the queue"), ("bad", "Grace", f"rude: {HOSTILE}"))


class Models(OpenAIServer):
    """A judge that gives its reason, and models that say what they were told in short."""

    def next(self, received: Received) -> Reply:
        super().next(received)
        asked = str(received.body["messages"])
        if received.body["model"] == "judge":
            verdict = "fail" if "politely" in asked else "pass"
            return answer(json.dumps({"reason": f"It says {verdict}. {HOSTILE}", "verdict": verdict}))
        if "Intent" in asked:
            return answer("refund, said politely" if "politely" in asked else "refund")
        return answer("Sorry, the queue is billing" + (", politely" if "politely" in asked else ""))


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A prompt with a judge and labels, and one that ends a chain; both were answered before and after a change."""
    made = person(tmp_path_factory.mktemp("spoken") / "r")
    for id, text in (("sort", "Sort {{ticket}}"), ("intent", "Intent of {{ticket}}"), ("reply", "Reply to {{intent}}")):
        made.write(f"prompts/{id}.prompt.yml", PROMPT.format(model=MODEL, text=text))
    made.write("prompts/sort.suite.yml", "assert: [{judge: {rubric: It names a queue., model: openai/judge}}]\n")
    made.write("prompts/reply.suite.yml", CHAIN)
    for id in ("sort", "reply"):
        made.write(f"prompts/{id}.cases.jsonl", json.dumps({"id": "late", "inputs": {"ticket": "It is late."}}) + "\n")
    with Models() as server:
        before = dict(os.environ)
        os.environ.update(OPENAI_API_BASE=server.url, OPENAI_API_KEY="sk-of-nobody")
        try:
            made.onbook("test", "--record")
            _label(made, "late")
            made.commit("A first version")
            made.git("tag", "before")
            for id in ("sort", "intent", "reply"):
                made.edit(f"prompts/{id}.prompt.yml", "{{", "politely {{")
            made.onbook("test", "--record")
            _label(made, "late")
            made.commit("Politely")
        finally:
            os.environ.clear()
            os.environ.update(before)
    return made


def _label(made: Person, case: str) -> None:
    for label, by, note in LABELS:
        made.onbook("label", "sort", "--case", case, "--as", label, "--by", by, "--note", note)


@pytest.fixture(scope="module")
def paged(author: Person) -> Path:
    author.onbook("report", "--html", "../page.html", "--base", "before")
    return author.cwd.parent / "page.html"


def open_case(visit: Visit, prompt: str) -> Any:
    visit.page.locator("#rows tr.row", has_text=prompt).get_by_role("button").click()
    return visit.page.locator("#rows tr.detail")


def test_what_judges_said_stands_folded_with_its_answer(visit: Visit) -> None:
    detail = open_case(visit, "sort")
    said = detail.locator(".answer details", has_text="What judges said (2)")
    assert not said.locator("pre").first.is_visible()
    said.locator("summary").click()
    now, before = said.locator("div").all()
    assert now.locator("h4").inner_text().startswith("Now: judge on ")
    assert before.locator("h4").inner_text().startswith("Before: judge on ")
    assert now.locator("pre").inner_text().startswith("reason: It says fail. </script><script>")
    assert now.locator("pre").inner_text().endswith("verdict: fail")
    assert "verdict: pass" in before.locator("pre").inner_text()
    assert visit.page.locator("html").get_attribute("data-owned") is None
    # They are searched as well.
    visit.page.locator("#search").fill("it says fail")
    visit.page.locator("#count", has_text="1 of 2 cases").wait_for()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_judges_said_is_there_without_javascript(browser: Any, paged: Path, dark: bool) -> None:
    with Visit(browser, paged, dark=dark, script=False) as visit:
        said = visit.page.locator("noscript tr", has_text="sort").locator("details")
        assert not said.locator("dd").is_visible()
        said.locator("summary").click()
        assert said.locator("dt").inner_text().startswith("judge on ")
        assert said.locator("dd").inner_text().startswith("reason: It says fail. </script><script>")
        visit.silent()


def test_of_what_judges_said_the_page_without_javascript_has_the_beginnings() -> None:
    judges = [{"assertion": "judge", "model": f"m{number}", "text": "x" * 8_000} for number in range(9)]
    spoken = Answer("failed", 0, "a", "m", {"case": "c", "judges": judges}).spoken
    assert [name for name, _ in spoken] == ["judge on m0", "judge on m1", "judge on m2", "judge on m3", "and 5 more"]
    assert sum(len(words) for _, words in spoken) < 2_100


def test_labels_that_were_given_earlier_stand_with_their_answer(visit: Visit) -> None:
    given = open_case(visit, "sort").locator(".answer details", has_text="Labels given earlier: 2 good, 2 bad")
    given.locator("summary").click()
    lines = given.locator("li").all_inner_texts()
    assert [line.partition(", ")[0] for line in lines] == [
        "Now: good by Ada", "Now: bad by Grace", "Before: good by Ada", "Before: bad by Grace",
    ]  # fmt: skip
    assert lines[0].endswith(": names the queue")
    assert "rude: </script><script>" in lines[1]
    assert visit.page.locator("html").get_attribute("data-owned") is None


def test_who_labels_without_verdicts_sees_neither(visit: Visit) -> None:
    visit.page.locator("#blind").check()
    told = open_case(visit, "sort").inner_text()
    assert "Sorry, the queue is billing" in told
    assert "judge" not in told.lower()
    assert "Labels given" not in told


def test_each_step_of_a_chain_is_shown(visit: Visit) -> None:
    detail = open_case(visit, "reply")
    assert "What the model was sent" not in detail.inner_text()
    chain = detail.locator(".answer details", has_text="The chain, step by step (2 steps)")
    chain.locator("summary").click()
    first, last = chain.locator("ol > li").all()
    assert "Intent of politely It is late." in first.inner_text()
    assert first.locator("ins").inner_text() == ", said politely"
    assert "Reply to politely refund, said politely" in last.inner_text()
    assert "the one that is graded" in last.inner_text()


def test_a_chain_that_ended_early_says_where(author: Person, browser: Any, tmp_path: Path) -> None:
    author.git("worktree", "add", "--detach", str(tmp_path / "w"))
    there = Person(tmp_path / "w")
    there.edit("prompts/intent.prompt.yml", "Intent of", "Intention of")
    there.onbook("report", "--html", "../early.html", "--base", "before", exits=3)
    with Visit(browser, tmp_path / "early.html") as visit:
        chain = open_case(visit, "reply").locator(".answer details", has_text="The chain, step by step (2 steps)")
        chain.locator("summary").click()
        first, last = chain.locator("ol > li").all_inner_texts()
        assert "Intention of politely It is late." in first
        assert "It is not recorded, so the chain ends here." in first
        assert last.split("\n")[0].split() == ["reply", "not", "asked"] or "not asked" in last
        visit.silent()


def test_the_report_that_carries_them_is_one(author: Person) -> None:
    report = author.report("check", "--base", "before", "--details")
    assert Contract(schema("report")).violations(report) == []
    sort, reply = (
        next(row["answers"][0] for row in report["data"]["test"]["prompts"] if row["id"] == id)
        for id in ("sort", "reply")
    )
    assert [each["assertion"] for each in sort["judges"]] == ["judge"]
    assert [each["by"] for each in sort["labels"]] == [each["by"] for each in sort["old"]["labels"]] == ["Ada", "Grace"]
    assert (reply["chain"], reply["step"]) == (["intent", "reply"], "reply")
    assert [each["answer"] for each in reply["steps"]] == ["refund, said politely"]
    assert [each["answer"] for each in reply["old"]["steps"]] == ["refund"]
    assert "steps" not in sort


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (360, False), (360, True)])
def test_everybody_can_read_them(browser: Any, paged: Path, width: int, dark: bool) -> None:
    with Visit(browser, paged, width=width, dark=dark) as visit:
        for prompt in ("sort", "reply"):
            detail = open_case(visit, prompt)
            for summary in detail.locator("summary").all():
                summary.click()
            assert visit.faults() == []
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        visit.silent()
