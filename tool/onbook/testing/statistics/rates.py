"""Shares of cases, and how two of them differ."""

from __future__ import annotations

from math import sqrt

from onbook.testing.statistics.interval import LEVEL, Interval, z

_HALVINGS = 60  # of an interval of length 2: beyond the precision of a float


def wilson(passed: int, cases: int, level: float = LEVEL) -> Interval:
    """The score interval of one rate (Wilson 1927). Without cases the rate may be anything."""
    if cases == 0:
        return Interval(0.0, 1.0)
    q = z(level)
    rate, width = passed / cases, q * q / cases
    centre = (rate + width / 2) / (1 + width)
    half = q * sqrt(rate * (1 - rate) / cases + width / (4 * cases)) / (1 + width)
    return Interval(0.0 if passed == 0 else centre - half, 1.0 if passed == cases else centre + half)


def newcombe(passed: int, cases: int, other_passed: int, other_cases: int, level: float = LEVEL) -> Interval:
    """The interval of the difference of two independent rates, first minus second (Newcombe 1998, method 10)."""
    low, high = wilson(passed, cases, level)
    other_low, other_high = wilson(other_passed, other_cases, level)
    rate = passed / cases if cases else 0.5
    other = other_passed / other_cases if other_cases else 0.5
    difference = rate - other
    return Interval(
        difference - sqrt((rate - low) ** 2 + (other_high - other) ** 2),
        difference + sqrt((high - rate) ** 2 + (other - other_low) ** 2),
    )


def mcnemar(gained: int, lost: int) -> float:
    """The exact p-value, two-sided, that as many cases were gained as lost (McNemar 1947, by the binomial).

    In whole numbers: the one test that most suites need asks for no library.
    """
    flips = gained + lost
    # Each coefficient from the one before it: by itself, one of thousands of flips takes as long as all of these.
    tail = ways = 1
    for count in range(min(gained, lost)):
        ways = ways * (flips - count) // (count + 1)
        tail += ways
    return min(1.0, float(2 * tail / 2**flips))


def tango(gained: int, lost: int, cases: int, level: float = LEVEL) -> Interval:
    """The score interval of the difference of two paired rates, new minus old (Tango 1998).

    Args:
        gained: cases that failed before and pass now; lost: the other way round.
        cases: all of them, those that did not change included; at least one.
    """
    q = z(level)

    def score(delta: float) -> float:
        # Falls as delta rises; the rate of losses is the one that is likeliest where the difference is delta.
        b = -gained - lost + (2 * cases - gained + lost) * delta
        c = -lost * delta * (1 - delta)
        losses = (sqrt(max(b * b - 8 * cases * c, 0.0)) - b) / (4 * cases)
        variance = cases * (2 * losses + delta * (1 - delta))
        distance = gained - lost - cases * delta
        if variance <= 0:
            return 0.0 if distance == 0 else (q + 1 if distance > 0 else -q - 1)
        return distance / sqrt(variance)

    def root(target: float) -> float:
        low, high = -1.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if score(middle) > target else (low, middle)
        return (low + high) / 2

    return Interval(root(q), root(-q))
