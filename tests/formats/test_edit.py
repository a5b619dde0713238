"""Setting a key leaves every other line as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from onbook.errors import OnbookError
from onbook.formats import set_entry, set_key

CASES = YAML(typ="safe", pure=True).load(Path(__file__).parents[1] / "cases" / "formats" / "edit.yml")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"].replace(" ", "-")) for case in CASES])
def test_set_key(case: dict[str, Any]) -> None:
    source = case["source"].encode()
    if "result" in case:
        assert set_key(source, case["key"], case["value"]).decode() == case["result"]
    else:
        with pytest.raises(OnbookError) as caught:
            set_key(source, case["key"], case["value"])
        assert caught.value.hint


TABLE = """\
# Production.

# The sorter.
support/triage: # ours
  stable: # since May
    version: 1.4.0 # good
    digest: sha256:aa
  canary: {version: 1.5.0, weight: 10}

# Another.
x: {stable: {version: 1.0.0, digest: d}}
# The end.
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        (
            "support/triage",
            {"stable": {"version": "1.5.0", "digest": "sha256:aa"}},
            "1.4.0 # good\n    digest: sha256:aa\n  canary: {version: 1.5.0, weight: 10}\n",
            "1.5.0 # good\n    digest: sha256:aa\n",
        ),
        ("x", {"stable": {"version": "2.0.0", "digest": "d"}}, "{version: 1.0.0,", "{version: 2.0.0,"),
        ("y", {"salt": "1e5", "w": 2.5}, "# The end.", "y:\n  salt: '1e5'\n  w: 2.5\n# The end."),
    ],
    ids=["comments-stay", "flow-stays-flow", "a-new-one-comes-last"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_set_entry(key: str, value: dict[str, object], old: str, new: str, end: str) -> None:
    raw, wanted = (text.replace("\n", end).encode() for text in (TABLE, TABLE.replace(old, new)))
    assert set_entry(raw, key, value) == wanted


@pytest.mark.parametrize("raw", ["", "# Nothing yet.\n", "# Nothing yet."])
def test_the_first_entry_of_a_table(raw: str) -> None:
    assert set_entry(raw.encode(), "x", {"a": "1"}).decode() == (raw and "# Nothing yet.\n") + "x:\n  a: '1'\n"


@pytest.mark.parametrize("raw", ["- a\n", "a: b: c\n", "a: 1\na: 2\n", "x\n"])
def test_no_table_is_edited_by_guess(raw: str) -> None:
    with pytest.raises(OnbookError):
        set_entry(raw.encode(), "x", {"a": 1})
