"""A short run of every fuzz target, the same inputs each time; `make fuzz` tries others, for as long as it is told."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from fuzz.targets import TARGETS, Target


@pytest.fixture(autouse=True, scope="module")
def _thawed() -> Iterator[None]:
    # Hypothesis asks the collector who holds its random numbers, and warns where nobody does. Of what tests/conftest.py
    # has frozen it is told nothing.
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_short_run(target: Target) -> None:
    tried = 0

    @settings(
        max_examples=target.quick,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def run(value: Any) -> None:
        nonlocal tried
        tried += 1
        target.holds(value)

    run()
    assert tried >= target.quick // 2
