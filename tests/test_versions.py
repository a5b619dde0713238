from __future__ import annotations

import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from onbook.errors import UsageError
from onbook.versions import Bump, Range, Tag, Version, require_prefix

TABLE: dict[str, Any] = yaml.load(
    (Path(__file__).parent / "cases" / "versions.yml").read_text(encoding="utf-8"), yaml.BaseLoader
)


@pytest.mark.parametrize("row", TABLE["precedence"], ids=lambda row: row[0])
def test_precedence(row: list[str]) -> None:
    versions = [Version.parse(text) for text in row]
    for low, high in combinations(versions, 2):
        assert low < high
        assert high > low
        assert low != high
    shuffled = versions[1::2] + versions[::2]
    assert sorted(shuffled) == versions


@pytest.mark.parametrize("text", TABLE["versions"]["good"])
def test_a_version_reads_as_it_is_written(text: str) -> None:
    assert str(Version.parse(text)) == text
    # What is a version is the name of a tag as well, for git too.
    tag = Tag("support/triage", Version.parse(text))
    assert Tag.parse(tag.name) == tag
    assert subprocess.run(["git", "check-ref-format", tag.ref], check=False).returncode == 0


@pytest.mark.parametrize("text", [*TABLE["versions"]["bad"], "1.0.0-" + "a" * 5_000, "1.0.0-" + "9" * 5_000])
def test_no_version(text: str) -> None:
    with pytest.raises(UsageError, match="not a version") as caught:
        Version.parse(text)
    assert caught.value.hint
    assert len(caught.value.message) < 200
    assert Tag.parse(f"support/triage/v{text}") is None or ".yanked" in text


@pytest.mark.parametrize(("start", "by", "end"), TABLE["bumps"])
def test_bump(start: str, by: str, end: str) -> None:
    version = Version.parse(start)
    following = version.bump(Bump[by.upper()])
    assert str(following) == end
    assert following > version or by == "none"
    assert str(Bump[by.upper()]) == by


@pytest.mark.parametrize("row", TABLE["ranges"], ids=lambda row: row["range"])
def test_range(row: dict[str, Any]) -> None:
    asked = Range.parse(row["range"])
    assert str(asked) == row["range"]
    assert [text for text in row["in"] if Version.parse(text) not in asked] == []
    assert [text for text in row["out"] if Version.parse(text) in asked] == []


@pytest.mark.parametrize("text", [*TABLE["badRanges"], "^1.0.0-" + "a" * 5_000])
def test_no_range(text: str) -> None:
    with pytest.raises(UsageError, match="not a version or a range") as caught:
        Range.parse(text)
    assert caught.value.hint
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("text", "hint"),
    [("v1.4.0", "write 1.4.0,"), ("v1.4.0-rc.1", "write 1.4.0-rc.1,"), ("1.4", "ask for ^1.4 (same contract), ~1.4 "),
     ("v1", "ask for ^1 "), ("latest", "the newest release is *"), ("production", "ask for 1.4.0 (exact)"),
     (1.4, "it is a text: '1.4.0'"), (None, "it is a text")],
)  # fmt: skip
def test_what_is_no_range_and_was_meant_as_one(text: Any, hint: str) -> None:
    with pytest.raises(UsageError, match="is not a version or a range") as caught:
        Range.parse(text)
    assert ("env='production'" in str(caught.value.hint)) == (text == "production")
    assert str(caught.value.hint).startswith(hint)


@pytest.mark.parametrize("row", TABLE["tags"], ids=lambda row: row["name"])
def test_tag(row: dict[str, Any]) -> None:
    prefix = row.get("prefix", "")
    tag = Tag.parse(row["name"], prefix)
    assert tag == Tag(row["id"], Version.parse(row["version"]), prefix, row.get("yanked") == "true")
    assert tag
    assert tag.name == row["name"]
    assert tag.ref == f"refs/tags/{row['name']}"


@pytest.mark.parametrize("prefix", TABLE["prefixes"]["good"])
def test_a_prefix_is_one_to_git_and_comes_off_again(prefix: str) -> None:
    assert require_prefix(prefix) == prefix
    tag = Tag("support/triage", Version(1, 4, 0), prefix)
    assert Tag.parse(tag.name, prefix) == tag
    assert subprocess.run(["git", "check-ref-format", tag.ref], check=False).returncode == 0


@pytest.mark.parametrize(
    "prefix", [*TABLE["prefixes"]["bad"], "a" * 100_000, "a-" * 50_000 + "!"], ids=lambda t: t[:20]
)
def test_no_prefix(prefix: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_prefix(prefix)
    assert len(str(caught.value)) < 400


def test_a_prefix_without_its_end_is_told_where_it_belongs() -> None:
    with pytest.raises(
        UsageError, match=r"promptssupport/triage/v1\.4\.0\n  a prefix of tags ends with / or -: prompts/$"
    ):
        require_prefix("prompts")


@pytest.mark.parametrize("row", TABLE["noTags"], ids=lambda row: repr(row["name"]))
def test_no_tag(row: dict[str, Any]) -> None:
    assert Tag.parse(row["name"], row.get("prefix", "")) is None
