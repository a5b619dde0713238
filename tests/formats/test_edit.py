"""Setting a key leaves every other line as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from onbook.errors import OnbookError
from onbook.formats import set_key

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
