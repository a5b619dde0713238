"""The same cases before and after: tests and intervals of the mean difference."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import overload

from onbook.testing.statistics.interval import LEVEL, Interval, scipy_stats, unmet
from onbook.testing.statistics.pairs import Pair

MAX_EXACT = 18
"""Groups up to which every choice of signs is tried (262,144 of them); beyond, a seeded sample stands for all."""

RESAMPLES = 9_999
SEED = 20_240_229  # any number; fixed, so that one comparison gives one answer on every machine
FEW = 12
"""Groups below which the bootstrap's interval is too narrow, and Student's t is asked."""

LEAST = 6
"""Groups that must differ for the exact test to say anything at 5 %. With fewer the spread that is seen is one of next
to nothing: three cases of which one differs by a hair would be called proof."""

_AT_ONCE = 1_000_000  # numbers that resampling holds at a time
_EQUAL = 1e-9  # sums of the same differences in another order differ by rounding


@dataclass(frozen=True, slots=True)
class Group:
    """What is resampled, and whose sign is flipped, as a whole: the cases of one cluster, or one case.

    Attributes:
        total: the sum of their differences; cases: how many they are.
    """

    total: float
    cases: int


class Groups(Sequence[Group]):
    """Groups in the order in which they are met, 16 bytes each."""

    def __init__(self) -> None:
        self._totals, self._cases = array("d"), array("Q")

    def add(self, total: float) -> None:
        """One more, of one case."""
        self._totals.append(total)
        self._cases.append(1)

    def join(self, index: int, total: float) -> None:
        """One more case of a group that there is."""
        self._totals[index] += total
        self._cases[index] += 1

    def __len__(self) -> int:
        return len(self._totals)

    @overload
    def __getitem__(self, index: int) -> Group: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Group]: ...
    def __getitem__(self, index: int | slice) -> Group | Sequence[Group]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        return Group(self._totals[index], self._cases[index])

    def __iter__(self) -> Iterator[Group]:
        return map(Group, self._totals, self._cases)


def grouped(pairs: Iterable[Pair]) -> Groups:
    """The independent groups of some pairs, in the order in which they are met."""
    found = Groups()
    clusters: dict[str, int] = {}
    for pair in pairs:
        known = None if pair.cluster is None else clusters.setdefault(pair.cluster, len(found))
        if known is None or known == len(found):
            found.add(pair.difference)
        else:
            found.join(known, pair.difference)
    return found


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


def sparse(groups: Sequence[Group]) -> bool:
    """Whether fewer groups than LEAST differ at all."""
    return sum(abs(group.total) > _EQUAL for group in groups) < LEAST


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
    random, each = np.random.default_rng(SEED), np.asarray(totals)
    # A multiple of four, so that some at a time draw what all at once would: numpy makes four such numbers of one.
    some = max(4, _AT_ONCE // len(totals) // 4 * 4)
    extreme = 0
    for done in range(0, RESAMPLES, some):
        signs = random.integers(0, 2, size=(min(some, RESAMPLES - done), len(totals)), dtype=np.int8) * 2 - 1
        extreme += int(np.count_nonzero(np.abs(signs @ each) >= observed))
    return (extreme + 1) / (RESAMPLES + 1)


def spread(groups: Sequence[Group], level: float = LEVEL) -> tuple[Interval, str]:
    """An interval of the mean difference, and the name of the method.

    Groups that all differ by the same bound only what was not met in so many of them; few groups take Student's t; else
    the bias-corrected and accelerated bootstrap over groups (Efron 1987). Where few groups differ, the interval is no
    narrower than if none did.

    Raises:
        OnbookError: scipy is not installed.
    """
    centre, rest = mean(groups), unmet(len(groups), level)
    bound = Interval(centre - rest * (1 + centre), centre + rest * (1 - centre))
    if degenerate(groups):
        return bound, "exact bound"
    found, method = _by_spread(groups, centre, level)
    if sparse(groups):
        return Interval(min(found.low, bound.low), max(found.high, bound.high)), f"{method}, exact bound"
    return found, method


def _by_spread(groups: Sequence[Group], centre: float, level: float) -> tuple[Interval, str]:
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
        batch=max(1, min(1_000, _AT_ONCE // len(groups))),  # bounds the memory of many cases
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Interval(float(found.low), float(found.high)), "BCa bootstrap"
