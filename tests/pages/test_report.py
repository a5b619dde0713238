"""`onbook report --html` in a real browser: what stands there, filters, keyboard, labels, and what hostile texts do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onbook.contract import Contract
from onbook.resources import schema
from support.browser import Visit
from support.console import Person
from support.paged import HOSTILE, MODELS

KINDS = {"All": 17, "Not passing": 3, "Failed": 2, "Not recorded": 1, "Passed": 13, "Known failure": 1}


@pytest.fixture(scope="module")
def paged(author: Person) -> Path:
    told = author.onbook("report", "--html", "../page.html", "--base", "before", exits=1)
    assert told == "failed: ../page.html\n"
    return author.cwd.parent / "page.html"


def chips(visit: Visit) -> dict[str, int]:
    found = (text.rpartition(" ") for text in visit.page.locator("#kinds button").all_inner_texts())
    return {name: int(count) for name, _, count in found}


def names(visit: Visit) -> list[str]:
    return [text.strip() for text in visit.page.locator("#rows .open-row").all_inner_texts()]


def open_case(visit: Visit, name: str) -> Any:
    visit.page.get_by_role("button", name=name, exact=True).click()
    return visit.page.locator("#rows tr.detail")


def test_the_verdict_what_changed_and_failures_come_first(visit: Visit) -> None:
    page = visit.page
    assert page.title() == "The check failed · onbook check"
    assert page.locator("h1").inner_text() == "The check failed"
    assert "major: callers break support/triage" in page.locator(".verdict").inner_text()
    assert "3 cases do not pass (2 failed, 1 not recorded)" in page.locator("#stops + ul").inner_text()
    changed = page.locator(".changed").first
    assert "major" in changed.locator("h3").inner_text()
    # What a terminal shows between backticks is code here.
    assert "ticket" in changed.locator(".said code").all_inner_texts()
    assert "`" not in "".join(page.locator(".changed .said").all_inner_texts())
    assert '"maxLength": 900' in changed.inner_text()
    sides = changed.locator(".sides", has_text="You sort support tickets").first
    assert "Never promise a refund" in sides.locator("del").first.inner_text()
    assert "<script>" in "".join(sides.locator("ins").all_inner_texts())
    assert chips(visit) == KINDS
    assert names(visit)[1:4] == ["late-delivery", "not-recorded", "hostile-answer"]
    assert page.locator("#head th").all_inner_texts()[1:3] == list(MODELS)
    assert "onbook test support/triage --record" in page.locator("#stops + ul code").all_inner_texts()
    assert page.locator(".unit").count() == len(MODELS)
    assert "13 of 15 pass: 86.7 %" in page.locator(".unit").first.inner_text()
    assert page.locator(".unit svg").count() == 3 * len(MODELS)
    assert page.locator("#known ~ ul li").count() == len(MODELS)


def test_an_open_case_has_its_inputs_and_both_answers_side_by_side(visit: Visit) -> None:
    detail = open_case(visit, "late-delivery")
    assert "My parcel is late." in detail.inner_text()
    assert "shipping" in detail.inner_text()
    answers = detail.locator(".answer")
    assert answers.count() == len(MODELS)
    first = answers.first
    assert first.locator("del").all_inner_texts() == ["Sort"]
    assert " ".join(first.locator("ins").all_inner_texts()).split() == ["Please", "sort", "of", "ours"]
    detail.locator("summary").click()
    assert "Name the queue. <script>" in detail.locator("details").inner_text()
    open_case(visit, "not-recorded")
    assert visit.page.locator("tr.detail").count() == 1
    assert "there is no recording" in visit.page.locator("tr.detail").inner_text()


def test_filters_leave_what_they_say(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Not passing").click()
    assert len(names(visit)) == 3
    page.get_by_role("button", name="Failed 2").click()
    assert len(names(visit)) == 2
    page.get_by_role("button", name="All").click()
    page.locator("#search").fill("Invoice 7 is")
    page.locator("#count", has_text="1 of 17 cases").wait_for()
    assert names(visit) == ["ticket-007"]
    page.locator("#search").fill("nothing says this")
    page.locator("#count", has_text="0 of 17 cases").wait_for()
    assert chips(visit) == dict.fromkeys(KINDS, 0)
    page.locator("#search").fill("")
    page.locator("#count", has_text="17 of 17 cases").wait_for()
    page.locator("#model").select_option(MODELS[1])
    assert page.locator("#head th").all_inner_texts()[1] == "State"
    assert open_case(visit, "late-delivery").locator(".answer").count() == 1
    page.locator("#changed").check()
    assert "not-recorded" not in names(visit)
    assert page.locator("#count").inner_text() == "16 of 17 cases"


def test_it_is_used_by_the_keyboard_alone(visit: Visit) -> None:
    page, press = visit.page, visit.page.keyboard.press

    def focused() -> str:
        return str(page.evaluate("document.activeElement.textContent"))

    press("Tab")
    assert focused() == "Skip to the content"
    press("j")
    press("j")
    assert focused() == "late-delivery"
    press("g")  # nobody labels what is not open
    assert page.locator("tr.detail").count() == 1
    assert page.locator('[aria-pressed="true"][data-label]').count() == 0
    press("g")
    assert page.locator("dialog").is_visible()
    page.keyboard.type("Ann")
    press("Enter")
    assert page.locator("dialog").count() == 0
    press("b")  # the next answer of the same case
    assert page.locator('[aria-pressed="true"][data-label]').all_inner_texts() == ["Good", "Bad"]
    press("n")
    page.keyboard.type("jk says nothing of the queue")
    press("Escape")
    assert focused() == "late-delivery"
    press("j")
    assert focused() == "not-recorded"
    assert "there is no recording" in page.locator("tr.detail").inner_text()
    press("k")
    press("Enter")
    assert page.locator("tr.detail").count() == 0
    press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.locator(".keys summary").click()
    page.locator("#shortcuts").uncheck()
    press("j")
    assert page.evaluate("document.activeElement.id") == "shortcuts"
    assert "2 answers are labelled" in page.locator("#labels").inner_text()


def test_labels_are_kept_saved_and_read_by_the_prompt(
    browser: Any, visit: Visit, author: Person, tmp_path: Path
) -> None:
    page = visit.page
    page.locator("#by").fill("Bob")
    for name, label, note in (("late-delivery", "bad", 'says "late"'), ("ticket-001", "good", "")):
        first = open_case(visit, name).locator(".answer").first
        first.get_by_role("button", name=label.capitalize()).click()
        first.locator(".note-field").fill(note)
    hostile = open_case(visit, names(visit)[0]).locator(".answer").first
    hostile.get_by_role("button", name="Bad").click()
    hostile.locator(".note-field").fill(HOSTILE)
    twice = open_case(visit, "ticket-002").locator(".answer").first.get_by_role("button", name="Good")
    twice.click()
    twice.click()  # taken back
    page.reload()
    visit.asked.clear()
    assert page.locator("#by").input_value() == "Bob"
    page.locator("#unlabelled").check()
    assert "ticket-001" in names(visit)  # the other model's answer is not labelled yet
    page.locator("#model").select_option(MODELS[0])
    assert "ticket-001" not in names(visit)
    with page.expect_download() as waited:
        page.get_by_role("button", name="Save 3 labels of support/triage").click()
    assert waited.value.suggested_filename == "support-triage.labels.jsonl"
    saved = tmp_path / "saved.jsonl"
    waited.value.save_as(saved)
    lines = [json.loads(line) for line in saved.read_text("utf-8").splitlines()]
    contract = Contract(schema("label"))
    assert [contract.violations(line) for line in lines] == [[], [], []]
    assert {(line["case"][:13], line["label"], line["by"]) for line in lines} == {
        ("late-delivery", "bad", "Bob"), ("ticket-001", "good", "Bob"), ("hostile-id </", "bad", "Bob"),
    }  # fmt: skip

    assert "3 added to prompts/support/triage.labels.jsonl" in author.onbook(
        "label", "support/triage", "--from", str(saved)
    )
    assert "0 added, 3 known already" in author.onbook("label", "support/triage", "--from", str(saved))
    labels = author.cwd / "prompts/support/triage.labels.jsonl"
    assert [json.loads(line) for line in labels.read_text("utf-8").splitlines()] == lines
    assert (
        author.report("test", exits=1)["status"] == "failed"
    )  # as before: the file is read, and nothing in it is wrong
    labels.unlink()


def test_hostile_texts_do_nothing(visit: Visit) -> None:
    page = visit.page
    page.locator("#by").fill(HOSTILE)
    for number in range(4):
        row = page.locator("#rows .open-row").nth(number)
        row.click()
        for summary in page.locator("tr.detail summary").all():
            summary.click()
        for button in page.locator("tr.detail button[data-label=good]").all():
            button.click()
    page.locator("#search").fill(HOSTILE[:60])
    page.locator("#count", has_text="2 of 17").wait_for()
    assert page.evaluate("document.documentElement.dataset.owned") is None
    assert page.title() == "The check failed · onbook check"
    assert page.locator("img, iframe, object, embed, form, base, link, [onerror], [onload], [onclick]").count() == 0
    assert page.locator("script").count() == 2  # our data and our script
    assert page.locator("svg:not(.chart)").count() == 0
    assert [link for link in page.locator("a").all() if not (link.get_attribute("href") or "").startswith("#")] == []
    assert "<img src=x onerror=" in page.locator("#rows").inner_text()


def test_it_says_what_matters_without_javascript(browser: Any, paged: Path) -> None:
    with Visit(browser, paged, script=False) as visit:
        page = visit.page
        assert page.locator("h1").inner_text() == "The check failed"
        assert page.locator("#browser").is_hidden()
        table = page.locator("noscript table")
        assert "late-delivery" in table.inner_text()
        assert "Sort this ticket: My parcel is late." in table.inner_text()
        assert page.locator(".changed ins").count() > 0
        assert page.locator("[onerror], noscript img").count() == 0
        visit.silent()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_no_fault_of_accessibility_is_serious(browser: Any, paged: Path, width: int, dark: bool) -> None:
    with Visit(browser, paged, width=width, dark=dark) as visit:
        page = visit.page
        for summary in page.locator("main summary").all():
            summary.click()
        detail = open_case(visit, "late-delivery")
        detail.locator("summary").click()
        detail.get_by_role("button", name="Good").first.click()
        assert visit.faults() == []  # with the dialog that asks for a name
        page.get_by_role("button", name="Without a name").click()
        assert visit.faults() == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
        visit.silent()


def test_printed_it_shows_texts_and_no_buttons(visit: Visit) -> None:
    page = visit.page
    open_case(visit, "late-delivery")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("#search").is_hidden()
    assert page.locator("#labels").is_hidden()
    assert page.locator(".labelling").first.is_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#rows .open-row").first.is_visible()
    assert page.locator(".changed ins").first.is_visible()


def test_verdicts_can_be_hidden_while_labelling(visit: Visit) -> None:
    page = visit.page
    page.locator("#blind").check()
    assert page.locator("#kinds").is_hidden()
    assert names(visit)[0] == "hostile-answer"  # by name, and not the worst first
    detail = open_case(visit, "late-delivery")
    assert detail.locator(".badge").count() == 0
    assert "expected not" not in detail.inner_text()
    assert "failed" not in page.locator("#rows").inner_text().replace(HOSTILE, "")
