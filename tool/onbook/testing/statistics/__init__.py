"""Whether a change made answers worse, or whether that cannot be known from so few cases.

The unit is the case, never the pooled repeat: repeats of one case say how steady it is, not how many cases there are.
"""

from onbook.testing.statistics.agreement import kappa, weighted_kappa
from onbook.testing.statistics.interval import Interval
from onbook.testing.statistics.multiplicity import holm
from onbook.testing.statistics.pairs import Pair, Pairs
from onbook.testing.statistics.rates import mcnemar, newcombe, tango, wilson
from onbook.testing.statistics.verdict import Comparison, Verdict, compare, decide

__all__ = [
    "Comparison",
    "Interval",
    "Pair",
    "Pairs",
    "Verdict",
    "compare",
    "decide",
    "holm",
    "kappa",
    "mcnemar",
    "newcombe",
    "tango",
    "weighted_kappa",
    "wilson",
]
