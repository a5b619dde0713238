"""The table of models: found by the names that litellm takes, small, and of one source with litellm's own."""

from __future__ import annotations

import json
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from onbook import tokens
from onbook.testing import local
from onbook.tokens.data import load

CASES = Path(__file__).parents[1] / "cases" / "tokens"


@pytest.mark.parametrize(
    "case", yaml.load((CASES / "models.yml").read_text("utf-8"), yaml.CSafeLoader), ids=lambda c: c["name"]
)
def test_a_name_finds_its_model(case: dict[str, Any]) -> None:
    found = tokens.model(case["name"])
    assert (found and found.provider) == case["provider"]
    if found:
        assert found.floating is case["floating"]
        if "snapshot" in case:
            assert case["snapshot"] in found.snapshots


def test_what_the_table_knows() -> None:
    found = tokens.model("openai/gpt-4o-2024-08-06")
    assert found
    assert (found.context, found.max_output, found.input_price, found.output_price) == (128_000, 16_384, 2.5, 10)
    assert tokens.cost("openai/gpt-4o-2024-08-06", 1_000, 500) == pytest.approx(0.0075)
    assert tokens.cost("local/smollm2-135m", 1_000, 500) == 0
    assert tokens.cost("azure/our-own-deployment", 1_000) is None
    assert tokens.cost(None, 1) is None


def test_the_embedded_model_is_as_it_is_started() -> None:
    found = tokens.model(local.PREFIX + local.NAME)
    assert found
    assert found.context == local.CONTEXT_TOKENS


def test_the_table_says_where_it_is_from_and_is_small() -> None:
    name, day = tokens.source()
    assert name.startswith("litellm 1.")
    assert date(2026, 1, 1) < day
    assert len(load("models.json")) < 300_000
    assert {"openai", "anthropic", "gemini"} <= tokens.COMPLETE
    assert all(len(tokens.names(provider)) >= 8 for provider in tokens.COMPLETE)


def test_prices_are_litellms() -> None:
    """Replay and run tell the cost that litellm computed from its map; the table was made from the same one."""
    spec = find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("litellm is not installed")
    folder = Path(spec.submodule_search_locations[0])
    prices = json.loads((folder / "model_prices_and_context_window_backup.json").read_bytes())
    for name in ("gpt-4o", "gpt-4.1-2025-04-14", "gpt-5-mini", "claude-opus-5", "gemini/gemini-2.5-pro"):
        row = prices[name]
        wanted = 1_200 * row["input_cost_per_token"] + 34 * row["output_cost_per_token"]
        assert tokens.cost(name, 1_200, 34) == pytest.approx(wanted)


def test_missing_data_is_told_and_never_a_count() -> None:
    with pytest.raises(Exception, match="install it again") as caught:
        load("p50k_base.bin")
    assert "p50k_base" in str(caught.value)
