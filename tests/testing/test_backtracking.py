from __future__ import annotations

import re

import pytest

from onbook.testing.backtracking import cheap


@pytest.mark.parametrize(
    ("pattern", "length"),
    [
        ("billing", 100_000),
        ("^billing$", 100_000),
        ("(?i)refund|billing", 100_000),
        ("^#[0-9]+$", 100_000),
        ("[0-9]+", 500),
        ("^[a-z ]+[0-9]*$", 500),
        ("^(billing|bug): .*$", 10_000),
        (r"^\d{4}-\d{2}-\d{2}$", 100_000),
        ("colou?r", 10_000),
    ],
)
def test_what_ends_at_once_is_known_to(pattern: str, length: int) -> None:
    assert cheap(pattern, length)


@pytest.mark.parametrize(
    ("pattern", "length"),
    [
        ("(a+)+$", 30),
        ("(a|aa)*b", 40),
        ("(a*)*b", 30),
        ("(?:a?){30}a{30}", 30),
        ("a?" * 30 + "a" * 30, 30),
        (r"(a)\1*b", 30),
        ("(?=(a+))a*b", 100),
        ("a*" * 8 + "b", 60),
        (".*.*.*=.*", 1_000),
        ("[0-9]+", 100_000),
        ("(?m)^a+b", 1_000),
        ("(", 3),
    ],
)
def test_what_may_take_long_is_not_taken_for_cheap(pattern: str, length: int) -> None:
    assert not cheap(pattern, length)


def test_the_worst_that_is_cheap_is_searched_at_once() -> None:
    # Each is searched to its bitter end; had a bound been wrong, this test would not end.
    for pattern in ("[a ]+[ab]*c", "^a*a*b", "a{0,60}a{0,60}b", "(a|b)(a|b)(a|b)a*c", "a??a??a??a+?b"):
        length = max(length for length in range(1, 3_000, 10) if cheap(pattern, length))
        assert re.search(pattern, "a" * length) is None
