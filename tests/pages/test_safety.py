"""What a page is made of lets nothing in: data, links, policy, templates."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from onbook.pages import asset, embedded, page, safe_link
from onbook.pages.charts import distribution, interval, sparkline
from onbook.pages.templating import template, with_code

HOSTILE = "</script><!--<script>alert(1)</script>&amp;\u2028\u2029'\"\ud800"


def test_embedded_data_cannot_end_their_element() -> None:
    text = str(embedded({"a": HOSTILE, HOSTILE: [HOSTILE]}, "data"))
    inner = text.removeprefix('<script type="application/json" id="data">').removesuffix("</script>")
    assert not set("<>&\u2028\u2029") & set(inner)
    assert json.loads(inner) == {"a": HOSTILE, HOSTILE: [HOSTILE]}
    text.encode()


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a?b=c#d", "http://localhost:8000/", "HTTPS://EXAMPLE.ORG"],
)
def test_a_link_to_the_web_is_one(url: str) -> None:
    assert str(safe_link(url)) == f'<a href="{url}" rel="noopener noreferrer">{url}</a>'


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd", "//example.org/x",
        "/x", "x", "",
        "https://user:word@example.org/", "https://user@example.org/", "https:///x",
        "https:\\\\example.org", "https://[",
        "https://example.org/\nx", "https://example.org/" + "x" * 3000, "blob:https://example.org/1",
    ],
)  # fmt: skip
def test_any_other_address_is_text(url: str) -> None:
    shown = str(safe_link(url))
    assert "<" not in shown
    assert "href" not in str(safe_link(url, "here"))


def test_the_policy_runs_what_is_inlined_and_nothing_else() -> None:
    text = page("base.html")
    found = re.search(r'content="(default-src[^"]*)"', text)
    assert found
    rules = dict(rule.split(" ", 1) for rule in found[1].replace("&#39;", "'").split("; "))
    assert rules["default-src"] == rules["script-src"] == rules["form-action"] == rules["base-uri"] == "'none'"
    digest = base64.b64encode(hashlib.sha256(asset("style.css").encode()).digest()).decode()
    assert rules["style-src"] == f"'sha256-{digest}'"
    assert "unsafe" not in found[1]


def test_a_value_of_a_template_is_escaped_and_a_missing_one_is_an_error() -> None:
    from jinja2 import UndefinedError

    made = template("base.html").environment.from_string("{{ value }}|{{ url|link }}")
    assert made.render(value=HOSTILE, url="javascript:x<b>") == (
        "&lt;/script&gt;&lt;!--&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;\u2028\u2029&#39;&#34;\ud800|javascript:x&lt;b&gt;"
    )
    with pytest.raises(UndefinedError):
        made.render(value="")


def test_what_stands_between_backticks_is_code_and_still_escaped() -> None:
    assert with_code("run `onbook lint`, then <b>") == "run <code>onbook lint</code>, then &lt;b&gt;"
    assert with_code("`</code><script>` and `") == "<code>&lt;/code&gt;&lt;script&gt;</code> and `"
    assert with_code("``` no code") == "``` no code"


def test_drawings_have_words_and_stay_within_their_frame() -> None:
    drawn = [
        interval(0.9, 0.7, 1.4, 'pass "rate" <b>', mark=0.9),
        sparkline([0.5, None, 1.0, 1.0], "rates"),
        sparkline([], "none"),
        distribution([1, 2, 3, 10], "latency"),
        distribution([], "none"),
        distribution([0, 0], "free"),
    ]
    for svg in map(str, drawn):
        assert 'role="img" aria-label="' in svg
        assert "<b>" not in svg
        assert "style=" not in svg
        assert all(-1 <= float(x) <= 241 for x in re.findall(r'\b(?:x|cx|x1|x2)="([-\d.]+)"', svg))
    assert str(drawn[1]).count("<polyline") == 1
    assert str(drawn[3]).count("<rect") == 4
