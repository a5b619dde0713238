"""The helper's own ears: a page that does what it must not is heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from onbook.pages import policy, template
from support.browser import Visit


def test_what_a_page_must_not_do_is_heard(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(
        "<script>console.error('shout'); alert(1); nothing()</script><img src='http://127.0.0.1:9/x.png'>"
    )
    with Visit(browser, tmp_path / "bad.html") as visit:
        assert {each.split(":")[0] for each in visit.heard} == {"error", "dialog", "fault"}
        assert "http://127.0.0.1:9/x.png" in visit.asked
        with pytest.raises(AssertionError):
            visit.silent()


def test_the_policy_runs_our_script_and_no_other(browser: Any, tmp_path: Path) -> None:
    ours = "document.title = 'ours'"
    text = template("base.html").render(policy=policy(scripts=[ours]), styles=[], scripts=[Markup(ours)])
    planted = "<script>document.title = 'theirs'</script><img src=x onerror=\"document.title = 'theirs'\">"
    (tmp_path / "page.html").write_text(text.replace("</body>", planted + "</body>"))
    with Visit(browser, tmp_path / "page.html") as visit:
        assert visit.page.title() == "ours"
        assert any("Content Security Policy" in each for each in visit.heard)
