"""How far two raters, such as a judge and a person, agree beyond chance."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Literal, TypeVar

Label = TypeVar("Label", bound=Hashable)


def kappa(one: Sequence[Label], other: Sequence[Label]) -> float | None:
    """Cohen's kappa (1960): 1 is full agreement, 0 what chance gives. None where chance alone agrees always.

    Raises:
        ValueError: the two have not the same length.
    """
    return _kappa(one, other, lambda a, b: float(a != b))


def weighted_kappa(
    one: Sequence[Label],
    other: Sequence[Label],
    order: Sequence[Label],
    weights: Literal["linear", "quadratic"] = "quadratic",
) -> float | None:
    """Cohen's weighted kappa (1968) of ordered labels: a near miss costs less than a far one.

    Args:
        order: every label, from one end of the scale to the other.

    Raises:
        ValueError: the two have not the same length, or a label is not in ``order``.
    """
    place = {label: index for index, label in enumerate(order)}
    if strange := {*one, *other} - place.keys():
        raise ValueError(f"labels that the scale does not have: {sorted(map(str, strange))}")
    power = 1 if weights == "linear" else 2
    return _kappa(one, other, lambda a, b: float(abs(place[a] - place[b]) ** power))


def _kappa(one: Sequence[Label], other: Sequence[Label], cost: Callable[[Label, Label], float]) -> float | None:
    count = len(one)
    observed = sum(cost(a, b) for a, b in zip(one, other, strict=True))
    ones, others = _shares(one), _shares(other)
    expected = sum(share * rest * cost(a, b) for a, share in ones.items() for b, rest in others.items())
    return 1 - observed / (expected * count) if expected else None


def _shares(labels: Sequence[Label]) -> dict[Label, float]:
    return {label: labels.count(label) / len(labels) for label in set(labels)}
