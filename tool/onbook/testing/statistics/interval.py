"""An interval of confidence, and the quantiles that make one."""

from __future__ import annotations

from statistics import NormalDist
from types import ModuleType
from typing import NamedTuple

from onbook.errors import OnbookError

LEVEL = 0.95
"""Of every interval that onbook prints: two-sided."""

POWER = 0.8
"""With which the smallest detectable effect would be seen."""


class Interval(NamedTuple):
    """From ``low`` to ``high``, in the units of what is estimated (a share of cases: 0 to 1)."""

    low: float
    high: float


def z(level: float = LEVEL) -> float:
    """The normal quantile that leaves half of what is outside ``level`` above it: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + level) / 2)


def reach(level: float = LEVEL, power: float = POWER) -> float:
    """How many standard errors an effect must measure to be told from none: 2.80 for 0.95 and 0.8."""
    return z(level) + NormalDist().inv_cdf(power)


def unmet(groups: int, level: float = LEVEL) -> float:
    """The largest share that something not met in ``groups`` independent cases may still have.

    Clopper and Pearson's exact bound (1934) for none of n: 0.168 for 20 cases.
    """
    return 1 - float(((1 - level) / 2) ** (1 / groups))


def scipy_stats() -> ModuleType:
    """``scipy.stats``, which takes most of a second to import: only a comparison with something to compare asks.

    Raises:
        OnbookError: it is not installed.
    """
    try:
        from scipy import stats
    except ImportError:
        message = "comparing answers needs scipy, which is not installed"
        raise OnbookError(message, hint="pip install 'onbook[stats]'") from None
    return stats  # type: ignore[no-any-return]
