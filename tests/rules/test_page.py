"""docs/rules.md says what the rules say of themselves."""

from __future__ import annotations

import json
from pathlib import Path

from onbook.rules.base import builtin_rules
from onbook.rules.page import RATES, page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    rates = DOCS / RATES
    found = json.loads(rates.read_bytes()) if rates.exists() else None
    now = page(builtin_rules(), found)
    assert (DOCS / "rules.md").read_text("utf-8") == now, "write it again: python -m onbook.rules docs/rules.md"


def test_firing_rates_are_told_with_their_corpus() -> None:
    rates = {"prompts": 200, "corpus": "These were.", "rules": [{"id": "ON101", "rate": 0.025}]}
    text = page(builtin_rules()[:2], rates)
    assert "| [ON101](#on101-unreadable-file) | unreadable-file | error | on |  | 2.5% |" in text
    assert "the share of 200 prompts that a rule fires on. These were." in text
