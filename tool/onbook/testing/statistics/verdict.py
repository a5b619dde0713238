"""Worse, not worse, or not to be known from so few cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, comb, log, sqrt
from statistics import fmean

from onbook.testing.statistics.interval import LEVEL, POWER, Interval, reach, unmet
from onbook.testing.statistics.multiplicity import holm
from onbook.testing.statistics.paired import degenerate, grouped, mean, sign_flip, sparse, spread, standard_error
from onbook.testing.statistics.pairs import Pair
from onbook.testing.statistics.rates import mcnemar, tango


class Verdict(StrEnum):
    """What a comparison says.

    ``NOT_WORSE``: the interval's lower end lies above minus the margin. ``REGRESSED``: the test, adjusted for how many
    were made, says worse, and the margin does not cover it. ``INCONCLUSIVE``: neither can be said of so few cases.
    """

    REGRESSED = "REGRESSED"
    NOT_WORSE = "NOT WORSE"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides of the same cases, in scores from 0 to 1.

    Attributes:
        cases, repeats: how many of each were compared; groups: independent clusters among the cases.
        old, new: mean scores; difference: new minus old; interval: of it, at 95 %.
        p: two-sided; adjusted: the same after Holm over all comparisons of a run; test, method: what gave them.
        gained, lost: cases whose mean score rose or fell; flaky: cases whose repeats disagree.
        margin: the drop that is accepted.
        detectable: the smallest drop that so many cases show with 80 % power; None where none would.
        more: how many more cases like these would decide it with 80 % power; None where no number would.
    """

    cases: int
    groups: int
    repeats: int
    old: float
    new: float
    difference: float
    interval: Interval
    method: str
    p: float
    adjusted: float
    test: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    flaky: tuple[str, ...]
    margin: float
    detectable: float | None
    more: int | None
    verdict: Verdict


def compare(pairs: Sequence[Pair], margin: float) -> Comparison:
    """Compare two sides on the cases that they share.

    One yes or no a case: McNemar's exact test and Tango's interval. Otherwise, or with clusters: flipped signs of the
    case means, and an interval over cases or clusters. Where nothing differs, or next to nothing, the interval is
    no narrower than the exact bound of what was not met, so that a handful of cases is never called proof.

    Args:
        pairs: at least one.
        margin: the drop that is accepted, 0 to 1.

    Raises:
        OnbookError: scipy is not installed.
    """
    groups = grouped(pairs)
    gained = tuple(pair.case for pair in pairs if pair.difference > 0)
    lost = tuple(pair.case for pair in pairs if pair.difference < 0)
    binary = len(groups) == len(pairs) and all(pair.binary for pair in pairs)
    if binary:
        p, test = mcnemar(len(gained), len(lost)), "exact McNemar"
        if degenerate(groups):
            interval, method = spread(groups)
        else:
            interval, method = tango(len(gained), len(lost), len(pairs)), "Tango score"
    else:
        p, test = sign_flip(groups), "sign-flip permutation"
        interval, method = spread(groups)
    found = Comparison(
        cases=len(pairs),
        groups=len(groups),
        repeats=max(max(len(pair.old), len(pair.new)) for pair in pairs),
        old=fmean(fmean(pair.old) for pair in pairs),
        new=fmean(fmean(pair.new) for pair in pairs),
        difference=mean(groups),
        interval=interval,
        method=method,
        p=p,
        adjusted=p,
        test=test,
        gained=gained,
        lost=lost,
        flaky=tuple(pair.case for pair in pairs if pair.flaky),
        margin=margin,
        detectable=_detectable(len(groups), standard_error(groups)),
        more=None,
        verdict=Verdict.INCONCLUSIVE,
    )
    few = not binary and sparse(groups)
    return _judged(replace(found, more=_more(found, standard_error(groups), few=few)))


def decide(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons, their p-values adjusted for each other, and judged so."""
    adjusted = holm([each.p for each in comparisons])
    return [_judged(replace(each, adjusted=p)) for each, p in zip(comparisons, adjusted, strict=True)]


def _judged(found: Comparison) -> Comparison:
    if found.interval.low > -found.margin:
        return replace(found, verdict=Verdict.NOT_WORSE, more=0)
    if found.difference < 0 and found.adjusted <= 1 - LEVEL:
        return replace(found, verdict=Verdict.REGRESSED, more=0)
    return replace(found, verdict=Verdict.INCONCLUSIVE)


def _detectable(groups: int, error: float) -> float | None:
    """By the noise that was seen, and never less than what the exact test asks for where there is none."""
    needed = _needed()
    if groups < needed:
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if _at_least(needed, groups, middle) >= POWER else (middle, high)
    found = max(high, reach() * error)
    return found if found <= 1 else None


def _needed() -> int:
    """How many cases must fall, and none rise, before the exact test says worse: six."""
    count = 1
    while 2 * 0.5**count > 1 - LEVEL:
        count += 1
    return count


def _at_least(wanted: int, groups: int, rate: float) -> float:
    return 1 - sum(comb(groups, k) * rate**k * (1 - rate) ** (groups - k) for k in range(wanted))


def _more(found: Comparison, error: float, *, few: bool) -> int | None:
    """By the noise that was seen: so many that the interval would leave the margin, or zero, behind.

    Args:
        few: the interval is no narrower than the bound of what was not met.
    """
    if error == 0:
        if found.difference < 0:
            needed = _needed() if found.margin < -found.difference else None
        elif found.margin <= 0:
            needed = None
        else:
            needed = _unmet_below(found.margin)
        return None if needed is None else max(1, needed - found.groups)
    noise = error * sqrt(found.groups)
    targets = [found.difference + found.margin, -found.difference]
    sizes = [ceil((reach() * noise / target) ** 2) if target > 1e-9 else None for target in targets]
    if few and sizes[0] is not None:
        sizes[0] = max(sizes[0], _unmet_below(targets[0] / (1 + found.difference)))
    known = [size for size in sizes if size is not None]
    return max(1, min(known) - found.groups) if known else None


def _unmet_below(share: float) -> int:
    """How many cases leave less than a share open to what was not met in them."""
    # Just above the bound, not at it.
    needed = ceil(log((1 - LEVEL) / 2) / log(1 - share)) if share < 1 else 1
    return needed + (unmet(needed) >= share)
