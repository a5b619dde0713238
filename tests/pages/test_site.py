"""The catalogue in a browser: search, keyboard, copying, hostile words, accessibility."""

from __future__ import annotations

import functools
import json
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support.browser import Visit
from support.console import Person, person
from support.git import PROMPT
from support.hooked import DECLARED, TRIAGE, released
from support.openai_server import OpenAIServer
from support.running import PROMPT as ASKED
from support.running import SUITE, case, desk

BAD = "<script>window.planted = 1</script><img src=x onerror='window.planted = 2'>"
LINK = "javascript:window.planted=3"
LABELS = "name: {name}\nmetadata: {{owner: {owner}, status: {status}, tags: [{tags}]}}\n"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of five prompts, one of which has releases and runs somewhere."""
    author = released(tmp_path_factory.mktemp("site") / "r")
    for id, name, owner, status, tags in (
        ("billing/refund", "Refund letter", "billing", "draft", "letters"),
        ("billing/dunning", "Dunning letter", "billing", "active", "letters, legal"),
        ("zoo/refund-note", "Animal note", "zoo", "deprecated", "animals"),
    ):
        author.write(
            f"prompts/{id}.prompt.yml", PROMPT + LABELS.format(name=name, owner=owner, status=status, tags=tags)
        )
    author.write("prompts/zoo/broken.prompt.yml", "messages: [\n")
    author.edit(TRIAGE, *DECLARED)
    author.commit("Take the channel")
    author.onbook("release", "support/triage")
    author.onbook("deploy", "production", "support/triage", "0.1.0", "--commit")
    author.onbook("deploy", "production", "support/triage", "0.1.1", "--canary", "10", "--commit")
    author.onbook("site", "--out", str(author.cwd / "out"), exits=3)
    return author.cwd / "out"


def shown(visit: Visit) -> list[str]:
    """The prompts that the list shows, by title, in order."""
    found: list[str] = visit.page.locator("#prompts tbody tr:visible .c-prompt a").all_inner_texts()
    return found


def quiet(visit: Visit) -> None:
    """Nothing was heard, nothing planted ran, and nothing was asked for but files of the site itself."""
    assert visit.heard == []
    assert visit.page.evaluate("window.planted") is None
    # Pages are where a link led to: their policy lets them load no other page.
    own = re.compile(r"file://[^?]*/out/(?:style\.css|site\.js|index\.html|p/[a-z0-9_/-]+\.html)(?:#.*)?")
    assert [address for address in visit.asked if not own.fullmatch(address)] == []


def test_search_as_you_type(browser: Any, out: Path) -> None:
    with Visit(browser, out / "index.html") as visit:
        page = visit.page
        everything = shown(visit)
        assert len(everything) == 5
        page.keyboard.press("/")
        page.keyboard.type("refund")
        assert shown(visit) == ["Refund letter", "Animal note"], "what is named so comes before what is not"
        assert page.inner_text("#told") == "2 of 5 prompts"
        page.keyboard.type(" zoo")
        assert shown(visit) == ["Animal note"]
        assert page.evaluate("location.hash") == "#q=refund+zoo"
        page.keyboard.type(" nothing of the kind")
        assert shown(visit) == []
        assert page.is_visible("#none")
        page.keyboard.press("Escape")
        assert shown(visit) == everything
        assert page.evaluate("location.hash") == ""
        page.keyboard.type("CHÁNNEL")
        assert shown(visit) == ["Support ticket triage"], "an input's name, whatever its case and accents"
        quiet(visit)


def test_facets_narrow_and_can_be_sent(browser: Any, out: Path) -> None:
    with Visit(browser, out / "index.html") as visit:
        page = visit.page
        page.select_option("#f-owner", "billing")
        assert shown(visit) == ["Dunning letter", "Refund letter"]
        page.select_option("#f-tag", "legal")
        assert shown(visit) == ["Dunning letter"]
        address = page.evaluate("location.hash")
        page.click("#clear")
        assert len(shown(visit)) == 5
        page.evaluate(f"location.hash = {json.dumps(address)}")
        page.wait_for_function("document.getElementById('f-tag').value === 'legal'")
        assert shown(visit) == ["Dunning letter"]
        page.evaluate("location.hash = 'tag=of+nobody&runs=production'")
        page.wait_for_function("document.getElementById('f-runs').value === 'production'")
        assert shown(visit) == ["Support ticket triage"], "a tag that is none is passed over"
        page.click("#clear")
        page.select_option("#f-status", "unreadable")
        assert shown(visit) == ["zoo/broken"]
        quiet(visit)


def test_everything_by_keyboard(browser: Any, out: Path) -> None:
    with Visit(browser, out / "index.html") as visit:
        page = visit.page
        focused = "document.activeElement.textContent"
        page.keyboard.press("/")
        page.keyboard.type("letter")
        page.keyboard.press("ArrowDown")
        assert page.evaluate(focused) == "Dunning letter"
        page.keyboard.press("ArrowDown")
        assert page.evaluate(focused) == "Refund letter"
        page.keyboard.press("ArrowDown")
        assert page.evaluate(focused) == "Refund letter"
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        assert page.evaluate("document.activeElement.id") == "q"
        page.keyboard.press("Enter")
        page.wait_for_url("**/p/billing/dunning.html")
        page.keyboard.press("/")
        page.wait_for_url("**/index.html**")
        page.wait_for_function("document.activeElement.id === 'q'")
        quiet(visit)


def test_tags_and_crumbs_lead_back(browser: Any, out: Path) -> None:
    with Visit(browser, out / "p/billing/dunning.html") as visit:
        visit.page.click("text=legal")
        visit.page.wait_for_url("**/index.html#tag=legal")
        assert shown(visit) == ["Dunning letter"]
        quiet(visit)


def test_code_is_copied(browser: Any, out: Path) -> None:
    with Visit(browser, out / "p/support/triage.html") as visit:
        visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
        visit.page.click("text=Copy >> nth=0")
        visit.page.wait_for_selector("text=Copied")
        copied = visit.page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("import onbook\n\nbook = onbook.open(")
        assert copied.endswith("messages = prompt.render(ticket=ticket)")
        quiet(visit)


def test_what_scrolls_is_reached_by_the_keyboard_and_nothing_else(browser: Any, out: Path) -> None:
    count = "document.querySelectorAll('.text[tabindex], .scroll[tabindex]').length"
    with Visit(browser, out / "p/support/triage.html") as visit:
        assert visit.page.evaluate(count) == 0
    with Visit(browser, out / "p/support/triage.html", width=360) as visit:
        assert visit.page.evaluate(count) > 0, "a line of code is wider than this"
        visit.page.set_viewport_size({"width": 1280, "height": 900})
        visit.page.wait_for_function(f"{count} === 0")


def test_without_scripts_all_is_there(browser: Any, out: Path) -> None:
    with Visit(browser, out / "index.html", script=False) as visit:
        assert len(shown(visit)) == 5
        assert not visit.page.is_visible("#q"), "what does nothing is not shown"
        visit.page.click("text=Support ticket triage")
        assert visit.page.is_visible(".step >> text=I was charged twice for the Team plan")
        assert visit.page.locator("button").count() == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", ["index.html", "p/support/triage.html", "p/zoo/broken.html"])
def test_no_fault_of_accessibility(browser: Any, out: Path, path: str, dark: bool) -> None:
    for width in (1280, 360):
        with Visit(browser, out / path, width=width, dark=dark) as visit:
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, (
                "nothing is wider than the page"
            )
            visit.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            assert visit.faults() == []
            quiet(visit)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site in which everything that somebody may write is hostile, an answer and a commit's message among it."""
    folder = tmp_path_factory.mktemp("hostile")
    quoted = json.dumps(BAD + LINK)
    with OpenAIServer(echo=True) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_BASE", server.url)
        patch.setenv("OPENAI_API_KEY", "sk-of-nobody-at-all")
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        author = Person(desk(folder / "r", 0, suite=SUITE).root)
        author.write(
            "prompts/a.prompt.yml",
            ASKED.replace("Sort this:", f"Sort this: {BAD.replace(chr(34), '')} {LINK}")
            + f"name: {quoted}\ndescription: {quoted}\n"
            + f"metadata: {{owner: {quoted}, tags: [{quoted}, {json.dumps(LINK)}], replacedBy: x}}\n"
            + f"inputs:\n  type: object\n  properties:\n    ticket: {{type: string, description: {quoted}}}\n"
            + f"    {json.dumps(BAD)}: {{enum: [{quoted}], default: {quoted}}}\n  required: [ticket]\n",
        )
        author.write("prompts/a.suite.yml", "assert: []\n")
        author.write("prompts/a.cases.jsonl", case(1).replace("ticket 1", BAD.replace('"', "'") + LINK))
        author.onbook("test", "--record")
    author.write(f"prompts/{BAD[:8]}.prompt.yml", PROMPT)
    author.write("prompts/broken.prompt.yml", f"messages: {{{quoted}: {quoted}}}\n")
    author.git("checkout", "--quiet", "-B", "main")
    author.commit("first")
    author.onbook("release", "a", "--force", BAD)
    author.edit("prompts/a.prompt.yml", "one word", "a single word")
    author.commit(f"{BAD} {LINK}")
    author.git("config", "user.name", "<b onclick=alert(1)>")
    author.onbook("release", "a", "--force", f"{BAD} {LINK}")
    author.onbook("yank", "a", "0.1.0", "--reason", f"{BAD} {LINK}")
    author.edit("prompts/a.prompt.yml", "a single word", "one word")
    author.onbook("site", "--out", str(folder / "out"), exits=3)
    return folder / "out"


def test_of_many_prompts_a_hundred_are_shown_and_all_are_searched(browser: Any, tmp_path: Path) -> None:
    author = person(tmp_path / "r")
    for number in range(130):
        author.write(f"prompts/team/p{number:03}.prompt.yml", "messages: [{role: user, content: x}]\n")
    author.commit("Many")
    author.onbook("site", "--out", str(tmp_path / "out"))
    with Visit(browser, tmp_path / "out/index.html", script=False) as visit:
        assert len(shown(visit)) == 130
    with Visit(browser, tmp_path / "out/index.html") as visit:
        page = visit.page
        assert shown(visit) == [f"team/p{number:03}" for number in range(100)]
        assert page.inner_text("#told") == "130 prompts, the first 100 shown"
        page.fill("#q", "p12")
        assert shown(visit) == [f"team/p{number}" for number in range(120, 130)]
        assert not page.is_visible("#more")
        page.fill("#q", "")
        assert len(shown(visit)) == 100
        page.click("text=Show all 130")
        assert shown(visit) == [f"team/p{number:03}" for number in range(130)]
        assert page.evaluate("document.activeElement.textContent") == "team/p100"
        quiet(visit)


def test_hostile_words_are_words(browser: Any, hostile: Path) -> None:
    text = (hostile / "p/a.html").read_text("utf-8")
    # All of them are there: the prompt's, the answer's, the commit's.
    assert text.count("window.planted") >= 10
    assert "the recorded answer of" in text
    pages = sorted(hostile.rglob("*.html"))
    assert len(pages) == 4
    for path in pages:
        with Visit(browser, path) as visit:
            page = visit.page
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            links = page.eval_on_selector_all("[href], [src]", "all => all.map((each) => each.href || each.src)")
            assert links
            assert all(link.startswith("file:") for link in links), links
            assert page.locator("script:not([src])").count() == 0
            assert page.locator("main img, main script, main [onerror], main [onclick], main [style]").count() == 0
            for element in page.locator("main a, main summary, main button").all()[:30]:
                if element.is_visible() and not (element.get_attribute("href") or "").endswith(".html"):
                    element.click()
            quiet(visit)


def test_hostile_words_are_searched(browser: Any, hostile: Path) -> None:
    with Visit(browser, hostile / "index.html") as visit:
        visit.page.fill("#q", "<script>window.planted")
        assert len(shown(visit)) == 1
        visit.page.select_option("#f-tag", LINK)
        assert len(shown(visit)) == 1
        visit.page.evaluate(f"location.hash = 'q=' + encodeURIComponent({json.dumps(BAD)})")
        visit.page.wait_for_function("document.getElementById('q').value.startsWith('<script>')")
        visit.page.evaluate("location.hash = '%E0%A4%A&tag=%'")
        quiet(visit)


def test_below_any_path_of_a_web_server(browser: Any, out: Path) -> None:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(out.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}/out/"
        context = browser.new_context()
        try:
            page = context.new_page()
            heard: list[str] = []
            asked: list[str] = []
            page.on("console", lambda message: heard.append(message.text))
            page.on("pageerror", lambda error: heard.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(f"{base}index.html#q=triage")
            page.click("text=Support ticket triage")
            page.wait_for_url("**/p/support/triage.html")
            page.click("#home")
            page.wait_for_url("**/index.html")
            assert page.locator("#prompts tbody tr:visible").count() == 5
        finally:
            context.close()
            server.shutdown()
    assert heard == []
    assert len(asked) > 5
    assert all(address.startswith(base) for address in asked), asked
