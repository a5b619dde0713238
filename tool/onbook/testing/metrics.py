"""Measures of a whole set of cases: labels against expected labels, as the suite's ``metrics`` name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onbook.prompt import Case, Json
from onbook.testing.assertions.base import read_json
from onbook.testing.assertions.structured import select, steps
from onbook.testing.subject import text_of

# What is found where an answer holds no label.
NONE = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric over the answers that there are.

    Attributes:
        cases: how many have an answer.
        accuracy: the share of right labels; the unit is the case, its repeats share its weight.
        macro_f1: the mean of F1 over the labels that are expected or given.
        confusion: expected label -> given label -> cases; an answer without a label counts under the empty text.
    """

    cases: int
    accuracy: float
    macro_f1: float
    confusion: Mapping[str, Mapping[str, float]]

    def row(self) -> dict[str, object]:
        """As the report has it."""
        return {
            "cases": self.cases,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "confusion": {label: dict(found) for label, found in self.confusion.items()},
        }


def wrong(metrics: Mapping[str, Json]) -> str | None:
    """What is wrong with the paths of a suite's metrics, or None."""
    for name, asked in metrics.items():
        for key in ("path", "expected-path"):
            try:
                steps(str(asked.get(key, "$")))
            except ValueError as error:
                return f"metrics: {name}: {key}: {error}"
    return None


def expected_labels(metrics: Mapping[str, Json], case: Case) -> dict[str, str]:
    """The label that each metric expects of a case.

    Raises:
        ValueError: the case expects none.
    """
    found = {}
    for name, asked in metrics.items():
        path = str(asked.get("expected-path", "$"))
        values = select(case.expected, path)
        if len(values) != 1 or values[0] is None or isinstance(values[0], dict | list):
            where = "" if path == "$" else f" at {path}"
            raise ValueError(f"the metric {name!r} wants one label as `expected`{where}, and the case has none")
        found[name] = _label(values[0])
    return found


def given_labels(metrics: Mapping[str, Json], text: str) -> dict[str, str | None]:
    """The label that an answer gives for each metric, None where it gives none."""
    found: dict[str, str | None] = {}
    for name, asked in metrics.items():
        if "path" not in asked:
            found[name] = text.strip() or NONE
            continue
        try:
            values = select(read_json(text), str(asked["path"]))
        except ValueError:
            values = []
        sound = len(values) == 1 and values[0] is not None and not isinstance(values[0], dict | list)
        found[name] = _label(values[0]) if sound else NONE
    return found


def measure(labels: Iterable[tuple[str, list[str | None]]]) -> Measured | None:
    """A metric from each case's expected label and the labels of its repeats; None where there is no answer.

    F1 = 2TP / (2TP + FP + FN), its mean over labels, and accuracy are scikit-learn's ``f1_score(average="macro")`` and
    ``accuracy_score``, with a case's repeats weighing one case together; "no label" is no class of its own.
    """
    pairs: Counter[tuple[str, str | None]] = Counter()
    cases = 0
    for expected, given in labels:
        cases += bool(given)
        for one in given:
            pairs[expected, one] += 1 / len(given)  # type: ignore[assignment]
    if not cases:
        return None
    classes = sorted({label for pair in pairs for label in pair if label is not None})
    scores = []
    for label in classes:
        right = pairs[label, label]
        others = sum(count for (expected, given), count in pairs.items() if (expected == label) != (given == label))
        scores.append(2 * right / (2 * right + others))
    confusion: dict[str, dict[str, float]] = {}
    for (label, found), count in sorted(pairs.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        confusion.setdefault(label, {})[found or ""] = round(count, 9)
    accuracy = sum(pairs[label, label] for label in classes) / cases
    return Measured(cases, accuracy, sum(scores) / len(scores), confusion)


def _label(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as assertions have it, 1.0 is 1
    return text_of(value).strip()
