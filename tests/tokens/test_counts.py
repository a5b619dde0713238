"""Counts of texts and calls: exact where the model's tokenizer is ours, else a stated estimate between bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from onbook import tokens

CASES = Path(__file__).parents[1] / "cases" / "tokens"
PROMPTS = Path(__file__).parents[2] / "prompts"
FAMILIES = yaml.load((CASES / "families.yml").read_text("utf-8"), yaml.CSafeLoader)
TEXT = "Sort this ticket: I was charged twice für Mai, bitte prüfen. 请退款。\n"


@pytest.mark.parametrize("case", FAMILIES, ids=lambda case: str(case["model"]))
def test_a_model_is_counted_by_its_family(case: dict[str, Any]) -> None:
    found = tokens.count(TEXT, case["model"])
    assert found.exact is case["exact"]
    assert case["method"] in found.method
    assert ("estimate" in found.method) is not case["exact"]
    assert found.at_least <= found.tokens <= found.at_most <= tokens.at_most(TEXT) + 1
    if found.exact:
        assert found.at_least == found.tokens == found.at_most


@pytest.mark.parametrize(
    ("text", "model", "count"),
    [("", "gpt-4o", 0), ("tiktoken is great!", "gpt-4", 6), ("antidisestablishmentarianism", "gpt-4", 6),
     ("2 + 2 = 4", "gpt-4", 7), ("お誕生日おめでとう", "gpt-4", 9), ("お誕生日おめでとう", "gpt-4o", 8)],
)  # fmt: skip
def test_published_counts(text: str, model: str, count: int) -> None:
    """The examples of OpenAI's Cookbook, "How to count tokens with tiktoken"."""
    assert tokens.count(text, model).tokens == count


# The example of the same page: role, name, content. The API confirmed 129 tokens for gpt-4 and 124 for gpt-4o.
CALL = [
    ("system", "", "You are a helpful, pattern-following assistant that translates corporate jargon into "
     "plain English."),
    ("system", "example_user", "New synergies will help drive top-line growth."),
    ("system", "example_assistant", "Things working well together will increase revenue."),
    ("system", "example_user", "Let's circle back when we have more bandwidth to touch base on opportunities for "
     "increased leverage."),
    ("system", "example_assistant", "Let's talk later when we're less busy about how to do better."),
    ("user", "", "This late pivot means we don't have time to boil the ocean for the client deliverable."),
]  # fmt: skip


@pytest.mark.parametrize(("model", "confirmed"), [("gpt-4", 129), ("openai/gpt-4o", 124)])
def test_the_published_chat_overhead(model: str, confirmed: int) -> None:
    found = tokens.count_messages([{"role": role, "content": content} for role, _, content in CALL], model)
    # onbook sends no names; there, a name costs a token beside its own text.
    names = sum(tokens.count(name, model).tokens + 1 for _, name, _ in CALL if name)
    assert found.exact
    assert found.tokens + names == confirmed


def test_a_reasoning_family_has_an_exact_text_and_a_bounded_overhead() -> None:
    messages = [{"role": "user", "content": TEXT}]
    found, plain = tokens.count_messages(messages, "openai/gpt-5"), tokens.count(TEXT, "openai/gpt-5")
    assert plain.exact
    assert not found.exact
    assert plain.tokens == found.at_least < found.tokens < found.at_most
    assert "estimated" in found.method


def test_the_estimate_holds_for_every_recorded_call_of_the_local_model() -> None:
    """Recordings carry what the model's own tokenizer counted."""
    seen = 0
    for path in sorted(PROMPTS.rglob("*.recordings.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            recording = json.loads(line)
            request, usage = recording["request"], recording["usage"]
            if request["model"] != "local/smollm2-135m":
                continue
            found = tokens.count_messages(request["messages"], request["model"])
            assert found.at_least <= usage["prompt_tokens"] <= found.at_most
            assert usage["prompt_tokens"] * 0.9 <= found.tokens <= usage["prompt_tokens"] * 1.4
            seen += 1
    assert seen >= 100


def test_bytes_bound_tokens() -> None:
    for text in ("", "a", "é中😀", "\ud800", "\u0378" * 50):
        assert tokens.count(text, "gpt-4o").tokens <= tokens.at_most(text)
