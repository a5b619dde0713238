"""5,000 cases in one page: what stands in it is bounded, and filters look at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from onbook.pages.report import report_page
from onbook.report import Check, Report, Status
from support.browser import Visit

MANY = 5_000
MODEL = "openai/gpt-4.1-2025-04-14"


def answer(number: int) -> dict[str, Any]:
    """One in ten fails, one in three says something else than before."""
    text = f"Answer {number}: " + "the parcel is on its way, " * 12
    side = {
        "key": f"sha256:{number:064x}", "model": MODEL, "state": "failed" if number % 10 == 0 else "passed",
        "reasons": ["it names no queue"] if number % 10 == 0 else [], "doubts": [], "answer": text,
        "latency_ms": 200 + number % 700, "cost": 0.0001 * (number % 5), "usage": {}, "cut": [],
    }  # fmt: skip
    old = {**side, "answer": text.replace("way", "road") if number % 3 == 0 else text}
    inputs = {"ticket": f"Where is parcel {number}?"}
    messages = [
        {"role": "system", "content": "You sort tickets. " * 100},
        {"role": "user", "content": inputs["ticket"]},
    ]
    case = {"case": f"case-{number:05}", "repeat": 0, "xfail": None, "inputs": inputs, "expected": None}
    return {**case, **side, "messages": messages, "old": old}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    answers = [answer(number) for number in range(MANY)]
    row = {
        "id": "support/triage", "model": MODEL, "proxy": False, "cases": MANY, "passed": MANY * 9 // 10,
        "failed": MANY // 10, "errors": 0, "missing": 0, "xfailed": 0, "verdict": None, "answers": answers,
    }  # fmt: skip
    report = Report("test", (Check("test/support/triage", Status.FAILED, "support/triage"),), data={"prompts": [row]})
    path = tmp_path_factory.mktemp("many") / "many.html"
    path.write_text(report_page(report), "utf-8")
    return path


def test_what_is_said_often_is_there_once(page: Path) -> None:
    size = page.stat().st_size
    assert page.read_text("utf-8").count("You sort tickets. " * 100) == 1
    assert size < MANY * 1_200  # both answers of a case, and little more


def test_the_page_draws_what_is_looked_at(browser: Any, page: Path) -> None:
    with Visit(browser, page) as visit:
        count = visit.page.locator("#count")

        def drawn() -> int:
            return int(visit.page.evaluate("document.querySelectorAll('*').length"))

        assert count.inner_text() == "5,000 of 5,000 cases"
        assert visit.page.locator("#rows tr").count() <= 200
        assert drawn() < 4_000
        assert visit.page.locator("#rows .open-row").first.inner_text().strip() == "case-00000"
        visit.page.get_by_role("button", name="Failed 500").click()
        assert count.inner_text() == "500 of 5,000 cases"
        visit.page.locator("#changed").check()
        assert count.inner_text() == "167 of 5,000 cases"
        visit.page.get_by_role("button", name="All 1,667").click()
        assert count.inner_text() == "1,667 of 5,000 cases"
        visit.page.locator("#changed").uncheck()
        visit.page.locator("#search").fill("parcel 4321?")
        visit.page.locator("#count", has_text="1 of 5,000").wait_for()
        visit.page.locator("#search").fill("parcel 43")
        visit.page.locator("#count", has_text="111 of 5,000").wait_for()
        assert drawn() < 4_000
        # To the very last one by the keyboard's own way of scrolling: rows come as they are wanted.
        visit.page.locator("#search").fill("")
        visit.page.locator("#count", has_text="5,000 of").wait_for()
        before = visit.page.locator("#rows tr").count()
        visit.page.locator("#more").scroll_into_view_if_needed()
        visit.page.locator("#rows tr").nth(before).wait_for()
        visit.silent()
