"""lint --stats: how often each rule fires on a folder that need be no repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from onbook.errors import UsageError
from onbook.lint.survey import survey
from onbook.rules import AcrossRule, all_rules


def test_every_rule_is_counted_on_every_prompt(tmp_path: Path) -> None:
    (tmp_path / "Deep er").mkdir()
    (tmp_path / "a.prompt.yml").write_text("messages: [{role: user, content: ''}, {role: user, content: ''}]\n")
    (tmp_path / "Deep er" / "b.prompt.yml").write_text("description: x\nmessages: [{role: user, content: ''}]\n")
    (tmp_path / "c.prompt.yml").write_text("messages: [\n")
    (tmp_path / "d.prompt.yml").symlink_to("a.prompt.yml")
    report = survey(tmp_path)
    assert report.data["prompts"] == 3
    assert report.exit_code() == 0
    rows = report.data["rules"]
    assert isinstance(rows, list)
    assert [row["id"] for row in rows] == list(all_rules())
    by_id = {row["id"]: row for row in rows}
    assert (by_id["ON110"]["prompts"], by_id["ON110"]["findings"], by_id["ON110"]["rate"]) == (2, 3, 0.6667)
    assert (by_id["ON116"]["prompts"], by_id["ON116"]["default"]) == (1, False)
    assert (by_id["ON101"]["prompts"], by_id["ON105"]["prompts"], by_id["ON203"]["prompts"]) == (1, 1, 0)


def test_prompts_are_compared_with_each_other_too(tmp_path: Path) -> None:
    text = " ".join(f"This is sentence number {number} of a text that was copied." for number in range(60))
    for name in "abc":
        (tmp_path / f"{name}.prompt.yml").write_text(f"messages: [{{role: user, content: {text}}}]\n")
    rows = survey(tmp_path).data["rules"]
    assert isinstance(rows, list)
    comparing = {rule.id for rule in all_rules().values() if isinstance(rule, AcrossRule)}
    assert sum(row["prompts"] for row in rows if row["id"] in comparing) > 0


def test_a_folder_without_prompts_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no prompt files"):
        survey(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        survey(tmp_path / "nowhere")
