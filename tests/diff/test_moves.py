"""A prompt under a new id is told as moved, and nothing else is."""

from __future__ import annotations

from onbook.diff import PromptDiff, diff_catalogs
from onbook.diff.moves import paired
from onbook.project import Catalog
from support.snapshots import files

LONG = "messages:\n  - role: user\n    content: |\n" + "".join(f"      Line {n} of a longer text.\n" for n in range(12))
OTHER = "messages:\n  - role: system\n    content: You are a pirate.\n  - role: user\n    content: '{{question}}'\n"


def moved(old: dict[str, str], new: dict[str, str]) -> list[PromptDiff]:
    sides = [Catalog(files({f"prompts/{id}.prompt.yml": text for id, text in side.items()})) for side in (old, new)]
    return paired(diff_catalogs(*sides))


def told(found: list[PromptDiff]) -> list[tuple[str, str | None, list[str]]]:
    return [(each.id, each.moved_from, [change.rule.id for change in each.changes]) for each in found]


def test_the_same_file_under_another_name() -> None:
    found = moved({"a": LONG}, {"b/c": LONG})
    assert told(found) == [("b/c", "a", ["OD607"])]
    assert str(found[0].bump) == "major"
    assert str(found[0].required) == "0.1.0"


def test_nearly_the_same_file_tells_what_else_changed() -> None:
    assert told(moved({"a": LONG}, {"b": LONG.replace("Line 3", "Row 3")})) == [("b", "a", ["OD607", "OD301"])]


def test_another_text_is_a_new_prompt() -> None:
    found = told(moved({"a": LONG}, {"b": OTHER}))
    assert found == [("a", None, ["OD602"]), ("b", None, ["OD601"])]


def test_each_prompt_moves_once() -> None:
    near = LONG.replace("Line 3", "Row 3")
    found = told(moved({"a": LONG, "x/near": near}, {"b": LONG, "c": near, "d": LONG.replace("Line 4", "Row 4")}))
    assert found == [("b", "a", ["OD607"]), ("c", "x/near", ["OD607"]), ("d", None, ["OD601"])]


def test_of_two_that_are_equally_near_the_one_that_kept_its_name() -> None:
    near = LONG.replace("Line 3", "Row 3")
    found = told(moved({"a/one": LONG, "a/two": LONG + "      more\n"}, {"b/two": near}))
    assert [row[:2] for row in found if row[1]] == [("b/two", "a/one")]
    found = told(moved({"a/one": LONG, "a/two": f"{LONG}# x\n"}, {"b/two": f"{near}# y\n"}))
    assert [row[1] for row in found if row[1]] == ["a/one"]


def test_a_copy_is_no_move() -> None:
    assert told(moved({"a": LONG}, {"a": LONG, "b": LONG})) == [("b", None, ["OD601"])]


def test_what_was_before_and_cannot_be_read_is_still_where_it_came_from() -> None:
    broken = LONG + "unknown: 1\n"
    assert told(moved({"a": broken}, {"b": LONG})) == [("b", "a", ["OD607"])]
