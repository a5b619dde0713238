"""The nearest name is the one that difflib finds."""

from __future__ import annotations

import random
from difflib import get_close_matches

import pytest

from onbook.nearest import nearest


def close(word: str, names: list[str], cutoff: float) -> str | None:
    return next(iter(get_close_matches(word, names, 1, cutoff)), None)


@pytest.mark.parametrize("letters", ["ab", "abcde", "abcdefghijklmnopqrstuvwxyz_0", "aé\U0001f600"])
def test_as_difflib_does(letters: str) -> None:
    dice = random.Random(7)
    found = 0
    for _ in range(3_000):
        names = ["".join(dice.choices(letters, k=dice.randint(0, 12))) for _ in range(dice.randint(0, 6))]
        word = list(dice.choice(names)) if names and dice.random() < 0.7 else dice.choices(letters, k=6)
        for _ in range(dice.randint(0, 4)):
            at = dice.randrange(len(word) + 1)
            word[at : at + dice.randint(0, 2)] = dice.choices(letters, k=dice.randint(0, 2))
        cutoff = dice.choice((0.6, 0.75, 0.85))
        near = nearest("".join(word), names, cutoff)
        found += near is not None
        assert near == close("".join(word), names, cutoff), (word, names, cutoff)
    assert found > 300


def test_long_texts() -> None:
    # From 200 characters on, difflib passes over letters that stand often.
    word, names = "ab" * 150 + "c", ["ab" * 149 + "d", "c" * 250, "ba" * 150]
    assert nearest(word, names) == close(word, names, 0.6)
