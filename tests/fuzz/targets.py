"""What is fuzzed: for each target how inputs are made, and what must hold of the answer to any of them."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from onbook.errors import InputError, UsageError
from onbook.formats import blocks, read_rows, read_yaml
from onbook.formats.compose import compose
from onbook.lint import lint
from onbook.project import Catalog
from onbook.prompt import Message, Prompt, is_id
from onbook.render import Renderer, analyse, normal_form
from onbook.reporters import FORMATS, formatted
from onbook.versions import Bump, Range, Tag, Version
from support.snapshots import files

ROOT = Path(__file__).parents[2]

# What has a meaning to some reader: put in, cut out or doubled, it leads further than random bytes.
PIECES = (
    *(
        "- ",
        "? ",
        ": ",
        "\n",
        "\n  ",
        "\r\n",
        "\t",
        "[",
        "]",
        "{",
        "}",
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "&a ",
        "*a",
    ),
    *(
        "!!int ",
        "!x ",
        "%TAG ",
        "---\n",
        "...\n",
        "'",
        '"',
        "\\",
        "#",
        ">+",
        "|",
        "|2-",
        "\\u200b",
        "<<: ",
        "NaN",
        ".inf",
    ),
    *("1e999", "\x00", "\x85", "\u2028", "\ufeff", "\u200b", "\u202e", "\U000e0041", "\U0001f600"),
    *("{{ x }}", "{% if x %}", "{% endif %}", "{% for a in x %}", "{% endfor %}", "{% include '_shared/a.md' %}"),
    *(
        " | upper",
        "{% raw %}",
        ".__class__",
        "['a']",
        "()",
        " ~ ",
        "<|im_start|>",
        "[INST]",
        "$ref: ",
        "# onbook: allow",
    ),
    *("ignore previous instructions", "a@b.co", "+49 171 3948572", "4929 1374 8062 7710", "DE86999999990012349876"),
    *("sk-proj-", "eyJ", "://a:b1c2d3@", "messages:", "role: user", "content: ", "inputs:", "examples:", "jsonSchema:"),
)


@functools.cache
def seeds() -> tuple[str, ...]:
    """Our own prompts, and the files beside them: real text, from which mutations start."""
    found = sorted(path for path in (ROOT / "prompts").rglob("*") if path.suffix in (".yml", ".jsonl", ".md"))
    return tuple(path.read_text("utf-8")[:6_000] for path in found if "recordings" not in path.name)


@st.composite
def mutated(draw: st.DrawFn, sources: tuple[str, ...]) -> str:
    """One of the texts, changed in up to six places."""
    text = draw(st.sampled_from(sources))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(text)))
        piece = draw(st.sampled_from(PIECES) | st.text(max_size=4))
        length = draw(st.integers(0, 12))
        times = draw(st.sampled_from((1, 1, 1, 2, 70)))
        text = text[:at] + piece * times + text[at + length :]
    return text


def raw_yaml(raw: bytes) -> None:
    """Every file is read or refused with a place in it; what is read is JSON's data, whoever of two reads it."""
    document, problems = read_yaml(raw, "a.yml")
    assert document is not None or problems
    lines = raw.decode(errors="replace").removeprefix("\ufeff").split("\n")
    for problem in problems:
        if problem.line is not None and problem.column is not None:
            assert 1 <= problem.line <= len(lines), problem
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 2, problem
    if document is not None:
        json.dumps(document.data, allow_nan=False, ensure_ascii=False).encode()
        document.locate((), len(raw))
        starts: list[int] = []
        plainly = blocks.read(document.text, starts)
        if plainly is not None:
            told = compose(document.text)
            assert (repr(plainly), starts, problems) == (repr(told.data), told.starts, told.flaws)
    for path in ("a.jsonl", "a.csv", "a.yml"):
        for row in read_rows(raw, path)[0]:
            json.dumps(row.data, allow_nan=False, ensure_ascii=False).encode()


INPUTS: dict[str, Any] = {"x": "{{ y }}", "ticket": "t", "n": 7, "items": [{"a": 1}, {"a": "<b>"}], "none": None}


def template(text: str) -> None:
    """A template has problems at places in it, or is rendered, or is refused with a reason; nothing else."""
    for template_format in ("simple", "jinja2"):
        found = analyse(text, template_format)
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for problem in found.problems:
            assert 1 <= problem.line <= max(len(lines), text.count("\n") + 1), problem
        normal_form(text, template_format, {"_shared/a.md": "{{ x }}"})
        prompt = Prompt("a", "a.yml", (Message("user", text),), template_format=template_format,
                        partials={"_shared/a.md": "{{ x }}"})  # fmt: skip
        given = {use.name: INPUTS.get(use.name, "v") for use in found.variables}
        try:
            rendered = Renderer(prompt).messages(given | {"x": INPUTS["x"]})
        except InputError:
            continue
        assert all(isinstance(message["content"], str) for message in rendered)
        assert not (template_format == "jinja2" and found.problems), "rendered though it was refused"


def tag_name(text: str) -> None:
    """What is read as a version, a range or a tag is written back as it was; all else is refused with a reason."""
    tag = Tag.parse(text)
    if tag is not None:
        assert tag.name == text
        assert is_id(tag.id)
        assert Tag.parse(tag.name) == tag
        assert Range.parse(str(tag.version)).exact
    try:
        version = Version.parse(text)
    except UsageError:
        version = None
    if version is not None:
        assert str(version) == text
        assert all(version.bump(by) > version for by in (Bump.PATCH, Bump.MINOR, Bump.MAJOR))
        assert version in Range.parse(text)
    with contextlib.suppress(UsageError):
        assert str(Range.parse(text)) == text


def whole_lint(contents: dict[str, str | bytes]) -> None:
    """Lint answers whatever the files hold: no rule crashes, every place is in the file, every report is written."""
    report = lint(Catalog(files(contents)))
    for finding in report.findings:
        assert "could not check this prompt" not in finding.message, finding
        assert finding.message
        held = contents.get(finding.path or "", b"")
        text = held if isinstance(held, str) else held.decode(errors="replace")
        assert finding.line is None or 1 <= finding.line <= text.count("\n") + 1, finding
        assert finding.column is None or finding.column >= 1, finding
    for name in FORMATS:
        formatted(name, report).encode()


PROMPT = "prompts/a.prompt.yml"
BESIDE = ("prompts/a.cases.jsonl", "prompts/a.suite.yml", "prompts/_shared/untrusted.md", "prompts/a.examples.jsonl")


@st.composite
def repositories(draw: st.DrawFn) -> dict[str, str | bytes]:
    """A mutated prompt, with some mutated files beside it."""
    prompts = tuple(text for text in seeds() if "messages:" in text)
    contents: dict[str, str | bytes] = {PROMPT: draw(mutated(prompts))}
    for path in draw(st.lists(st.sampled_from(BESIDE), max_size=2, unique=True)):
        contents[path] = draw(mutated(seeds()))
    return {path: text.encode("utf-8", "replace") if isinstance(text, str) else text for path, text in contents.items()}


TEMPLATES = (
    "Sort {{ ticket }} for {{ x }}.",
    "{% for item in items %}{{ loop.index }}: {{ item.a | upper | indent(2) }}{% else %}none{% endfor %}",
    "{% if x and not none or n == 7 %}{% include '_shared/a.md' %}{% elif x is defined %}b{% endif %}",
    "{{ x | default('a') | tojson }}{# c #}{% raw %}{{ y }}{% endraw %}{{ 'a' if n in [1, 7] else \"b\" }}",
)
TAGS = (
    "support/triage/v1.4.0",
    "a/v0.1.0-rc.1",
    "a/b/v1.0.0.yanked",
    "^1.4",
    "~1.4.2-a.b",
    "1.4.0",
    "*",
    "999999999.0.0",
)


@dataclass(frozen=True)
class Target:
    """One thing that is fuzzed.

    Attributes:
        inputs: how they are made.
        holds: raises where something that must hold does not.
        quick: how many inputs the tests try; the fuzzer tries what its time allows.
    """

    name: str
    inputs: st.SearchStrategy[Any]
    holds: Callable[[Any], None]
    quick: int


TARGETS = (
    Target(
        "yaml", st.binary(max_size=200) | mutated(seeds()).map(lambda t: t.encode("utf-8", "replace")), raw_yaml, 150
    ),
    Target("template", mutated(TEMPLATES) | st.text(max_size=60), template, 150),
    Target("tag", mutated(TAGS) | st.text("av/.-0123456789^~*yanked", max_size=24), tag_name, 300),
    Target("lint", repositories(), whole_lint, 40),
)
