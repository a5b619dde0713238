"""docs/assertions.md says what the assertions say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from onbook.testing.assertions import BUILT_IN
from onbook.testing.assertions.page import page

DOCS = Path(__file__).parents[2] / "docs" / "assertions.md"


def test_the_page_is_up_to_date() -> None:
    assert DOCS.read_text("utf-8") == page(), "write it again: python -m onbook.testing.assertions docs/assertions.md"


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_assertion_has_its_part(name: str) -> None:
    _, _, part = page().partition(f"\n### {name}\n")
    part = part.partition("\n### ")[0]
    for title in ("**Argument**", "**Holds**", "**Does not hold**"):
        assert part.count(title) == 1, title
