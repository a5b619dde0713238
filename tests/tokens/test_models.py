"""The table of models: found by the names that litellm takes, small, and of one source with litellm's own."""

from __future__ import annotations

import json
import subprocess
import sys
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


@pytest.mark.parametrize(
    ("name", "untold", "told_none", "told_low"),
    [
        ("openai/gpt-4o-2024-08-06", True, True, True),
        ("openai/gpt-5.5-2026-04-23", False, True, False),
        ("openai/gpt-5.4-mini-2026-03-17", True, True, False),
        ("openai/gpt-5.5-pro-2026-04-23", False, False, False),
        ("openai/gpt-5.2-chat-latest", True, True, True),  # nobody says
        ("anthropic/claude-opus-4-5", True, True, True),
        ("anthropic/claude-opus-4-7", False, False, False),
        ("bedrock/anthropic.claude-opus-5", False, False, False),
        ("gemini/gemini-3.8-flash", True, True, True),  # advised against, and taken
    ],
)
def test_which_models_take_a_temperature(name: str, untold: bool, told_none: bool, told_low: bool) -> None:
    found = tokens.model(name)
    assert found, name
    told = tuple(found.takes_sampling(effort) for effort in (None, "none", "low"))
    assert told == (untold, told_none, told_low)


def test_the_tables_are_what_the_script_makes(tmp_path: Path) -> None:
    if find_spec("litellm") is None:
        pytest.skip("litellm is not installed")
    root = Path(__file__).parents[2]
    script = tmp_path / "refresh_tokens.py"
    script.write_text((root / "tool/refresh_tokens.py").read_text("utf-8"), "utf-8")
    (tmp_path / "onbook/tokens/data").mkdir(parents=True)
    subprocess.run([sys.executable, script, "--date", tokens.source()[1].isoformat()], check=True, capture_output=True)
    made = {path.name: path.read_bytes() for path in (tmp_path / "onbook/tokens/data").iterdir()}
    assert len(made) == 4
    assert [name for name, data in made.items() if data != load(name)] == [], "python tool/refresh_tokens.py"


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
