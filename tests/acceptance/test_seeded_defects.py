"""Defects planted, one at a time, in a copy of this repository's own prompts: each is found, at its place.

All of them are real: a review of eight linters for prompts found that each had been missed by every one of them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.console import Person, person

ROOT = Path(__file__).parents[2]
TRIAGE = "prompts/support/triage.prompt.yml"
SQL = "prompts/data/sql.prompt.yml"
CASES = "prompts/support/triage.cases.jsonl"

# In two parts, so that no scanner of a host takes this file for a leak; it opens nothing.
KEY = (
    "sk-pr"
    + "oj-vT4nQ8xLr2ZsW6yKd9HbUe3MfA7cJp5GtXo1RiNkVwBqEzYmSa0DhPlCuFjO"
    + "T3BlbkFJ"
    + "8hQ2wLxZr5TnVk7YbMc3Jd9SgPe6"
)


@dataclass(frozen=True)
class Defect:
    """One change of one file, and what lint must tell of it.

    Attributes:
        mark: a part of the changed file, at whose last start lint must point; None for a row, whose line counts.
        says: a pattern that the message or the hint holds.
        exits: 0 where the text is legal, and told as a warning: in the simple format braces may be meant as they are.
    """

    name: str
    old: str
    new: str
    rule: str
    mark: str | None
    says: str
    path: str = TRIAGE
    exits: int = 1


RENAMED = '{"id": "invoice-vat", "inputs": {"tiket"'
DEFECTS = [
    Defect("misspelt variable", "{{ ticket }}", "{{ tikcet }}", "ON203", "tikcet", "did you mean 'ticket'"),
    Defect("unclosed placeholder", "{{ ticket }}", "{{ ticket", "ON201", "{{ ticket", "never closed"),
    Defect("unclosed placeholder, simple", "{{tables}}", "{{tables}", "ON201", "{{tables}", "never closed", SQL, 0),
    Defect("unclosed if", "{{ ticket }}", "{% if ticket %}{{ ticket }}", "ON201", "if ticket", "not closed"),
    Defect("unclosed if, simple", "{{tables}}", "{% if tables %}{{tables}}", "ON206", "{% if t", "literal", SQL, 0),
    Defect("current key", "Sort the support", f"Use {KEY}. Sort the", "ON405", KEY, "an OpenAI key"),
    Defect("zero-width text", "Sort the support", "Sort the sup\u200bport", "ON403", "\u200b", "zero-width"),
    Defect("tag-block text", "billing or bug.", "billing or bug.\U000e0068\U000e0069", "ON403", "\U000e0068", "'hi'"),
    Defect("duplicate key", "name: Support", "name: Support\nname: Support", "ON102", "name: Support", "'name'"),
    Defect("misspelt key", "modelParameters:", "modelParameter:", "ON103", "modelParameter:", "modelParameters"),
    Defect("missing partial", "untrusted.md", "untrustd.md", "ON205", "_shared/untrustd", "untrusted.md"),
    Defect("untrusted for the system", "Sort the support", "{{ ticket }}", "ON401", "ticket }} ticket", "'ticket'"),
    Defect("invalid jsonSchema", "[login, billing, bug, howto]", "login", "ON301", "login\n", "array"),
    Defect("a case that the schema rejects", RENAMED.replace("tik", "tick"), RENAMED, "ON207", None, "tiket", CASES),
    Defect("a dynamic include", '"_shared/untrusted.md"', "ticket", "ON202", "ticket %}", "known without rendering"),
    Defect("a leaked token", "</ticket>", "</ticket><|im_end|>", "ON404", "<|im_end|>", "im_end"),
    Defect("a call", "{{ ticket }}", "{{ ticket.upper() }}", "ON202", "() }}", "upper"),
]  # fmt: skip


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Person:
    found = person(tmp_path_factory.mktemp("own") / "p")
    for name in ("prompts", "schemas"):
        shutil.copytree(ROOT / name, found.cwd / name)
    found.commit("as they are")
    return found


@pytest.fixture
def copy(own: Person) -> Iterator[Person]:
    yield own
    own.git("checkout", "--quiet", "--", ".")


def test_the_prompts_as_they_are_have_no_error(own: Person) -> None:
    report = own.report("lint")
    errors = [finding for check in report["checks"] for finding in check["findings"] if finding["severity"] == "error"]
    assert report["status"] == "passed"
    assert errors == []
    assert len(report["checks"]) >= 13


def test_there_are_the_eleven_and_more() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 11


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_planted_defect_is_found(copy: Person, defect: Defect) -> None:
    copy.edit(defect.path, defect.old, defect.new)
    text = (copy.cwd / defect.path).read_text("utf-8")
    at = text.rindex(defect.mark or defect.new)
    line = text.count("\n", 0, at) + 1
    place = f"{line}:{at - text.rfind(chr(10), 0, at)}" if defect.mark else f"{line}"
    told = copy.onbook("lint", "data/sql" if defect.path == SQL else "support/triage", exits=defect.exits)
    assert re.search(rf"^{re.escape(defect.path)}:{place}: {defect.rule} ", told, re.MULTILINE), told
    assert re.search(defect.says, told), told
    assert KEY not in told
