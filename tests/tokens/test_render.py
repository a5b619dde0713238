"""`onbook render --tokens`: what a call has before anybody pays for it."""

from __future__ import annotations

from pathlib import Path

from onbook import tokens
from support.console import person

PROMPT = "model: openai/gpt-4o-2024-08-06\nmessages: [{role: user, content: 'Sort: {{ticket}}'}]\n"


def test_render_counts_tokens_and_their_cost(tmp_path: Path) -> None:
    author = person(tmp_path / "p")
    author.onbook("init")
    (author.cwd / "prompts" / "a.prompt.yml").write_text(PROMPT)
    report = author.report("render", "a", "--var", "ticket=Where is my money?", "--tokens")
    message = [{"role": "user", "content": "Sort: Where is my money?"}]
    count = tokens.count_messages(message, "openai/gpt-4o-2024-08-06")
    assert count.exact
    assert report["data"]["tokens"] == {
        "count": count.tokens,
        "exact": True,
        "method": count.method,
        "cost": count.tokens * 2.5 / 1_000_000,
    }
    assert "tokens" not in author.onbook("render", "a", "--var", "ticket=x")
    assert f"{count.tokens} tokens, $" in author.onbook("render", "a", "--var", "ticket=Where is my money?", "--tokens")


def test_an_estimate_says_so(tmp_path: Path) -> None:
    author = person(tmp_path / "p")
    author.onbook("init")
    (author.cwd / "prompts" / "a.prompt.yml").write_text("messages: [{role: user, content: Hello there}]\n")
    told = author.onbook("render", "a", "--tokens")
    assert "about" in told
    assert "estimate for other models" in told
    assert "price unknown" in told
