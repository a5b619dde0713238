"""Statistics against figures that others published, against their own definitions, and against chance itself."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import yaml

from onbook.testing.statistics import (
    Pair,
    Verdict,
    compare,
    decide,
    holm,
    kappa,
    mcnemar,
    newcombe,
    tango,
    weighted_kappa,
    wilson,
)
from onbook.testing.statistics.paired import MAX_EXACT, Group, grouped, sign_flip, spread

np = pytest.importorskip("numpy")
if find_spec("scipy") is None:
    pytest.skip("scipy is not installed", allow_module_level=True)

TABLE: dict[str, list[dict[str, Any]]] = yaml.load(
    (Path(__file__).parent.parent / "cases" / "statistics" / "published.yml").read_text("utf-8"), yaml.CSafeLoader
)


@pytest.fixture
def stats() -> Any:
    """scipy.stats, which is slow to import, and so not imported before it is needed."""
    import scipy.stats

    return scipy.stats


def named(key: str) -> Any:
    return pytest.mark.parametrize("row", TABLE[key], ids=lambda row: row["source"])


def binary(old: str, new: str) -> list[Pair]:
    """One case a character: ``1`` passes."""
    return [
        Pair(f"case-{number}", (float(one),), (float(other),))
        for number, (one, other) in enumerate(zip(old, new, strict=True))
    ]


# --- published figures


@named("wilson")
def test_one_rate(row: dict[str, Any]) -> None:
    found = wilson(row["passed"], row["cases"])
    assert [round(end, row["to"]) for end in found] == row["interval"]


@named("newcombe")
def test_the_difference_of_two_rates(row: dict[str, Any]) -> None:
    found = newcombe(*row["first"], *row["second"])
    assert [round(end, row["to"]) for end in found] == row["interval"]


@named("mcnemar")
def test_one_answer_a_case(row: dict[str, Any]) -> None:
    assert mcnemar(row["gained"], row["lost"]) == pytest.approx(row["p"], rel=10 ** -row["digits"])


@named("sign_flip")
def test_flipped_signs(row: dict[str, Any], stats: Any) -> None:
    differences = row["differences"]
    found = sign_flip([Group(each / 8, 1) for each in differences])
    assert found * row["of"] == row["extreme"]
    # The table was copied rightly: the rank test of the same pairs is published as well.
    assert stats.wilcoxon(differences).statistic == row["wilcoxon"]


@named("holm")
def test_many_questions(row: dict[str, Any], stats: Any) -> None:
    assert sum(p <= 0.05 for p in holm(row["p"])) == row["rejected"]
    assert sum(p <= 0.05 for p in holm(row["p"][::-1])) == row["rejected"]
    assert sum(stats.false_discovery_control(row["p"]) <= 0.05) == row["benjamini_hochberg"]


@named("kappa")
def test_two_readers(row: dict[str, Any]) -> None:
    seen = [(one, other) for one, rest in row["table"].items() for other, times in rest.items() for _ in range(times)]
    ones, others = zip(*seen, strict=True)
    found = kappa(ones, others)
    assert found is not None
    assert round(found, row["to"]) == row["kappa"]


# --- definitions


@pytest.mark.parametrize(
    ("gained", "lost"), [(0, 0), (0, 6), (5, 5), (3, 19), (400, 460), (0, 2_000), (30_000, 29_500)]
)
def test_the_exact_test_is_that_of_scipy(gained: int, lost: int, stats: Any) -> None:
    wanted = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(wanted)


def test_rates_at_their_ends() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(20, 20) == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)
    assert newcombe(0, 0, 3, 3).low < 0 < newcombe(0, 0, 3, 3).high


@pytest.mark.parametrize(("gained", "lost", "cases"), [(3, 9, 40), (0, 5, 30), (12, 0, 12), (1, 1, 500), (0, 0, 20)])
def test_the_paired_interval_holds_what_its_score_does_not_refuse(gained: int, lost: int, cases: int) -> None:
    """Tango's interval turned round: the likelihood is maximised here by a grid, which needs none of his algebra."""

    def score(delta: float) -> float:
        losses = np.linspace(max(0.0, -delta), (1 - delta) / 2, 200_001)[1:-1]
        gains = losses + delta
        rest = 1 - losses - gains
        inside = (gains > 0) & (rest > 0)
        losses, gains, rest = losses[inside], gains[inside], rest[inside]
        likely = lost * np.log(losses) + gained * np.log(gains) + (cases - gained - lost) * np.log(rest)
        best = losses[np.argmax(likely)]
        return float((gained - lost - cases * delta) / math.sqrt(cases * (2 * best + delta * (1 - delta))))

    found = tango(gained, lost, cases)
    for end, sign in ((found.low, 1), (found.high, -1)):
        if -0.999 < end < 0.999:
            assert score(end) == pytest.approx(sign * 1.95996, abs=5e-3)
    assert found.low <= (gained - lost) / cases <= found.high


def test_the_paired_interval_of_no_flip_is_that_of_one_rate() -> None:
    assert tango(0, 0, 20).high == pytest.approx(wilson(0, 20).high)


def test_flipped_signs_are_sampled_where_they_are_too_many_to_try() -> None:
    random = np.random.default_rng(1)
    totals = [float(each) for each in random.normal(0.3, 1, MAX_EXACT)]
    exact = sign_flip([Group(each, 1) for each in totals])
    # Two more that all but vanish: too many for every choice, and no other answer.
    sampled = sign_flip([Group(each, 1) for each in (*totals, 1e-6, 1e-6)])
    assert sampled == pytest.approx(exact, abs=0.02)
    assert sampled == sign_flip([Group(each, 1) for each in (*totals, 1e-6, 1e-6)])


def test_agreement() -> None:
    assert kappa("aabb", "aabb") == 1
    assert kappa("aaaa", "aaaa") is None, "two who always say the same word agree by chance alone"
    order = ("bad", "fair", "good")
    near = weighted_kappa(("bad", "fair", "good", "good"), ("fair", "fair", "good", "bad"), order, "linear")
    far = weighted_kappa(("bad", "fair", "good", "good"), ("fair", "fair", "good", "bad"), order)
    plain = kappa(("bad", "fair", "good", "good"), ("fair", "fair", "good", "bad"))
    # By hand: costs (1 + 0 + 0 + 2) / 4 over the expected 14 / 16, and (1 + 0 + 0 + 4) / 4 over 20 / 16.
    assert near == pytest.approx(1 - 0.75 / (14 / 16))
    assert far == pytest.approx(1 - 1.25 / (20 / 16))
    assert plain == pytest.approx(1 - 0.5 / (11 / 16))
    with pytest.raises(ValueError, match="the scale does not have"):
        weighted_kappa(("bad",), ("good",), ("good",))
    with pytest.raises(ValueError, match="shorter"):
        kappa("aab", "aa")


# --- verdicts


def test_a_clear_loss_regressed() -> None:
    found = compare(binary("1" * 20, "0" * 8 + "1" * 12), 0.05)
    assert found.verdict is Verdict.REGRESSED
    assert (found.test, found.method) == ("exact McNemar", "Tango score")
    assert found.lost == tuple(f"case-{number}" for number in range(8))
    assert found.more == 0


def test_no_flip_in_twenty_cases_proves_little() -> None:
    found = compare(binary("1" * 20, "1" * 20), 0.05)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.interval == pytest.approx((-0.168, 0.168), abs=5e-4)
    assert found.p == 1
    # ... and so many more would be enough.
    assert found.more is not None
    enough = 20 + found.more
    assert compare(binary("1" * enough, "1" * enough), 0.05).verdict is Verdict.NOT_WORSE
    assert compare(binary("1" * (enough - 1), "1" * (enough - 1)), 0.05).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("margin", [0.0, 0.01, 0.2, 0.999, 1.0])
@pytest.mark.parametrize(
    ("old", "new"), [("1", "1"), ("1", "0"), ("0", "1"), ("11", "00"), ("111", "110"), ("0" * 30, "1" * 30)]
)
def test_nothing_is_ever_no_number(old: str, new: str, margin: float) -> None:
    found = compare(binary(old, new), margin)
    numbers = [found.old, found.new, found.difference, *found.interval, found.p, found.adjusted]
    numbers += [value for value in (found.detectable, found.more) if value is not None]
    assert all(math.isfinite(number) for number in numbers)
    assert found.interval.low <= found.difference <= found.interval.high
    assert found.interval.low >= -1
    assert found.interval.high <= 1
    assert 0 < found.p <= 1
    if len(old) < 4 and margin < 0.5:
        assert found.verdict is Verdict.INCONCLUSIVE, "so few cases decide nothing"


def test_a_gain_is_not_worse() -> None:
    assert compare(binary("0" * 10 + "1" * 30, "1" * 40), 0.05).verdict is Verdict.NOT_WORSE


def test_the_margin_covers_a_small_loss_that_is_surely_there() -> None:
    old = [Pair(str(number), (0.90 + number % 7 / 1000,), (0.89,)) for number in range(60)]
    assert compare(old, 0.05).verdict is Verdict.NOT_WORSE
    assert compare(old, 0.0).verdict is Verdict.REGRESSED


def test_repeats_are_no_cases() -> None:
    """Ten repeats of six cases are six cases: pooled, the same answers would look like sixty."""
    pairs = [Pair(str(number), (1.0,) * 10, (1.0,) * 7 + (0.0,) * 3) for number in range(3)]
    pairs += [Pair(str(number), (1.0,) * 10, (1.0,) * 10) for number in range(3, 6)]
    found = compare(pairs, 0.05)
    assert (found.cases, found.repeats) == (6, 10)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert mcnemar(0, 9) < 0.01, "which is what pooling would have said"
    assert found.flaky == ("0", "1", "2")


@pytest.mark.parametrize(
    ("groups", "differing", "by"),
    [(3, 1, -0.01), (3, 1, 0.01), (5, 5, -0.001), (12, 1, -0.1), (40, 1, -0.2), (40, 5, 0.05)],
)
def test_next_to_no_difference_proves_no_more_than_none(groups: int, differing: int, by: float) -> None:
    """A spread of a few hairs is none to trust: with no difference at all so many cases would prove nothing either."""

    def pairs(count: int) -> list[Pair]:
        # All but the last a little apart, so that not all of them differ by the same.
        drops = [by - n / 1e6 for n in range(differing)] + [0.0] * (count - differing)
        return [Pair(str(n), (0.6,), (0.6 + drop,)) for n, drop in enumerate(drops)]

    none = compare([Pair(str(n), (0.6,), (0.6,)) for n in range(groups)], 0.05)
    found = compare(pairs(groups), 0.05)
    assert (none.verdict, found.verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert found.method.endswith("exact bound")
    assert found.interval.high - found.interval.low == pytest.approx(none.interval.high - none.interval.low, abs=0.05)
    assert found.more
    assert compare(pairs(200), 0.05).verdict is Verdict.NOT_WORSE


def test_clusters_are_taken_whole() -> None:
    """Twelve cases of one customer that fall together are one sign to flip, not twelve."""
    alone = [Pair(str(number), (1.0,), (float(number >= 12),)) for number in range(30)]
    assert compare(alone, 0.05).verdict is Verdict.REGRESSED
    together = [Pair(each.case, each.old, each.new, "acme" if each.difference else None) for each in alone]
    found = compare(together, 0.05)
    assert found.groups == 19
    assert found.test == "sign-flip permutation"
    assert found.verdict is Verdict.INCONCLUSIVE


def test_few_cases_take_t_and_many_the_bootstrap(stats: Any) -> None:
    random = np.random.default_rng(7)
    few = [Group(float(each), 1) for each in random.normal(0.1, 0.1, 8)]
    values = [group.total for group in few]
    half = stats.t.ppf(0.975, 7) * np.std(values, ddof=1) / math.sqrt(8)
    assert spread(few)[0] == pytest.approx((fmean(values) - half, fmean(values) + half))
    many = [Group(float(each), 1) for each in random.normal(0.1, 0.1, 200)]
    found, method = spread(many)
    assert method == "BCa bootstrap"
    values = [group.total for group in many]
    half = 1.96 * np.std(values, ddof=1) / math.sqrt(200)
    assert found == pytest.approx((fmean(values) - half, fmean(values) + half), abs=0.005)


def test_many_prompts_at_once_are_adjusted_for_each_other() -> None:
    # Seven of twenty lost, p = 0.0156: a regression alone, one of six by chance.
    suspect = compare(binary("1" * 20, "0" * 7 + "1" * 13), 0.05)
    assert suspect.verdict is Verdict.REGRESSED
    same = compare(binary("1" * 20, "1" * 20), 0.05)
    found = decide([same, suspect, same, same, same, same])
    assert found[1].adjusted == pytest.approx(6 * suspect.p)
    assert found[1].verdict is Verdict.INCONCLUSIVE
    assert decide([suspect])[0].verdict is Verdict.REGRESSED


def test_the_smallest_detectable_drop() -> None:
    assert compare(binary("11111", "11111"), 0.05).detectable is None, "six must fall before the test says anything"
    found = compare(binary("1" * 50, "1" * 50), 0.05).detectable
    assert found is not None
    # By simulation: of so large a drop in steady cases, the test sees eight in ten.
    random = np.random.default_rng(3)
    alarm = [mcnemar(0, lost) <= 0.05 for lost in range(51)]
    lost = random.binomial(50, found, 4_000)
    assert np.mean([alarm[int(each)] for each in lost]) == pytest.approx(0.8, abs=0.02)


def test_how_many_more_cases_decide_it() -> None:
    few = compare(binary("1" * 17 + "000", "1" * 15 + "00" + "010"), 0.05)
    assert few.verdict is Verdict.INCONCLUSIVE
    assert few.more is not None
    # As noisy as these, eight in ten sets of that size decide.
    random = np.random.default_rng(5)
    size = 20 + few.more
    decided = 0
    for _ in range(200):
        drawn = random.choice([-1.0, 0.0, 1.0], p=[2 / 20, 17 / 20, 1 / 20], size=size)
        pairs = [Pair(str(n), (float(each < 1),), (float(each >= 0),)) for n, each in enumerate(drawn)]
        decided += compare(pairs, 0.05).verdict is not Verdict.INCONCLUSIVE
    assert decided / 200 > 0.7


@pytest.mark.parametrize("clusters", [False, True], ids=["cases", "clusters"])
def test_the_rate_of_false_alarms(clusters: bool) -> None:
    """Cases with effects of their own that cancel out, ten repeats each: five in a hundred look different, no more."""
    random = np.random.default_rng(11)
    runs, cases, alarms, pooled = 600, 24, 0, 0
    for _ in range(runs):
        ease = random.uniform(0.3, 0.7, cases)
        effect = random.choice([-0.25, 0.25], cases // 3).repeat(3) if clusters else random.choice([-0.25, 0.25], cases)
        old = random.random((cases, 10)) < ease[:, None]
        new = random.random((cases, 10)) < (ease + effect)[:, None]
        pairs = [
            Pair(str(n), tuple(map(float, old[n])), tuple(map(float, new[n])), str(n // 3) if clusters else None)
            for n in range(cases)
        ]
        alarms += sign_flip(grouped(pairs)) <= 0.05
        pooled += mcnemar(int((new & ~old).sum()), int((old & ~new).sum())) <= 0.05
    # 5 % of 600, and three standard errors.
    assert alarms / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert pooled / runs > 0.1, "pooled repeats raise it far more often"
