"""The same cases before and after: tests and intervals of the mean difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

from onbook.testing.statistics.interval import LEVEL, Interval, scipy_stats, unmet

MAX_EXACT = 18
"""Groups up to which every choice of signs is tried (262,144 of them); beyond, a seeded sample stands for all."""

RESAMPLES = 9_999
SEED = 20_240_229  # any number; fixed, so that one comparison gives one answer on every machine
FEW = 12
"""Groups below which the bootstrap's interval is too narrow, and Student's t is asked."""

_EQUAL = 1e-9  # sums of the same differences in another order differ by rounding


@dataclass(frozen=True, slots=True)
class Pair:
    """One case on both sides.

    Attributes:
        old, new: a score for each repeat, 0 to 1; at least one.
        cluster: cases that rise and fall together (one customer, one document) share it; None stands alone.
    """

    case: str
    old: tuple[float, ...]
    new: tuple[float, ...]
    cluster: str | None = None

    @property
    def difference(self) -> float:
        """The mean of the new scores minus the mean of the old ones."""
        return fmean(self.new) - fmean(self.old)

    @property
    def binary(self) -> bool:
        """Whether each side is a single yes or no."""
        return len(self.old) == len(self.new) == 1 and {*self.old, *self.new} <= {0.0, 1.0}

    @property
    def flaky(self) -> bool:
        """Whether repeats of one side disagree."""
        return len(set(self.old)) > 1 or len(set(self.new)) > 1


@dataclass(frozen=True, slots=True)
class Group:
    """What is resampled, and whose sign is flipped, as a whole: the cases of one cluster, or one case.

    Attributes:
        total: the sum of their differences; cases: how many they are.
    """

    total: float
    cases: int


def grouped(pairs: Sequence[Pair]) -> list[Group]:
    """The independent groups of some pairs, in the order in which they are met."""
    found: dict[tuple[bool, str], list[float]] = {}
    for pair in pairs:
        key = (False, pair.case) if pair.cluster is None else (True, pair.cluster)
        found.setdefault(key, []).append(pair.difference)
    return [Group(sum(differences), len(differences)) for differences in found.values()]


def mean(groups: Sequence[Group]) -> float:
    """The mean difference of all cases, each counted once."""
    return sum(group.total for group in groups) / sum(group.cases for group in groups)


def standard_error(groups: Sequence[Group]) -> float:
    """Of the mean difference, clusters taken whole (the ratio estimator's, linearised; Cochran 1977, 2.11)."""
    count, cases, centre = len(groups), sum(group.cases for group in groups), mean(groups)
    if count < 2:
        return 0.0
    squares = sum((group.total - centre * group.cases) ** 2 for group in groups)
    return sqrt(count / (count - 1) * squares) / cases


def degenerate(groups: Sequence[Group]) -> bool:
    """Whether all groups differ by the same, so that the data itself says nothing of chance."""
    centre = mean(groups)
    return all(abs(group.total - centre * group.cases) < _EQUAL for group in groups)


def sign_flip(groups: Sequence[Group]) -> float:
    """The two-sided p-value that the differences are as likely up as down (Fisher 1935).

    Exact up to ``MAX_EXACT`` groups, else from a seeded sample that counts what was observed as one more.

    Raises:
        OnbookError: numpy, which comes with scipy, is not installed.
    """
    totals = [group.total for group in groups if abs(group.total) > _EQUAL]
    if not totals:
        return 1.0
    scipy_stats()
    import numpy as np

    observed = abs(sum(totals)) - _EQUAL
    if len(totals) <= MAX_EXACT:
        sums = np.zeros(1)
        for total in totals:
            sums = np.concatenate([sums + total, sums - total])
        return float(np.mean(np.abs(sums) >= observed))
    random = np.random.default_rng(SEED)
    signs = random.integers(0, 2, size=(RESAMPLES, len(totals)), dtype=np.int8) * 2 - 1
    extreme = int(np.count_nonzero(np.abs(signs @ np.asarray(totals)) >= observed))
    return (extreme + 1) / (RESAMPLES + 1)


def spread(groups: Sequence[Group], level: float = LEVEL) -> tuple[Interval, str]:
    """An interval of the mean difference, and the name of the method.

    Groups that all differ by the same bound only what was not met in so many of them; few groups take Student's t; else
    the bias-corrected and accelerated bootstrap over groups (Efron 1987).

    Raises:
        OnbookError: scipy is not installed.
    """
    centre = mean(groups)
    if degenerate(groups):
        rest = unmet(len(groups), level)
        return Interval(centre - rest * (1 + centre), centre + rest * (1 - centre)), "exact bound"
    stats = scipy_stats()
    if len(groups) < FEW:
        half = float(stats.t.ppf((1 + level) / 2, len(groups) - 1)) * standard_error(groups)
        return Interval(max(centre - half, -1.0), min(centre + half, 1.0)), "t"
    import numpy as np

    totals = np.asarray([group.total for group in groups])
    cases = np.asarray([group.cases for group in groups])
    found = stats.bootstrap(
        (totals, cases),
        lambda total, count, axis: total.sum(axis=axis) / count.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=1_000,  # bounds the memory of many cases
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Interval(float(found.low), float(found.high)), "BCa bootstrap"
