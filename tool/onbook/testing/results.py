"""What came of cases, as data: one result a case, with one for each of its repeats. Nothing here knows how a result
came about, so that the results of shards are put together as if one run had brought them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from onbook.prompt import JudgeGate
from onbook.report import Finding, Rows
from onbook.testing.agreement import Agreement
from onbook.testing.unit import STATES

NOTHING: Mapping[str, Any] = {}
"""Shared by all results that have nothing to say there: a dictionary of its own takes 64 bytes, thrice a case."""


@dataclass(frozen=True, slots=True)
class RepeatResult:
    """One repeat of one case.

    Attributes:
        repeat: from 0; key: of its request.
        state: see :data:`onbook.testing.unit.STATES`.
        score: the share of the weighted assertions that hold, 0 to 1.
        reasons: why it did not pass, one line each; hint: what to do, where a reason brings it.
        missed: of what is missing, ``unrecorded``, ``in-vain`` (asking brought nothing) or ``not-run``.
        doubts: the judges, none of which may gate, on whose word alone the state rests.
        labels: what the answer says for each metric of the suite; None where it says nothing readable.
        drift: of a live run, how it compares with the recording: ``same``, ``text``, ``verdict`` or ``new``; steps: the
            same of each earlier step of a chain, which has no verdict.
        undecided: of an error, whether an assertion could not say if it holds, of an answer that is one.
    """

    repeat: int
    key: str
    state: str
    score: float = 0.0
    reasons: tuple[str, ...] = ()
    hint: str | None = None
    missed: str | None = None
    drift: str | None = None
    doubts: tuple[str, ...] = ()
    labels: Mapping[str, str | None] = field(default_factory=lambda: NOTHING)
    steps: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case on one model. The unit of all counting: repeats are one case with a rate.

    Attributes:
        number: the case's place in the gold set, from 0.
        bare: nothing is asserted of its answer.
        faults: why it cannot be run at all; then there are no repeats.
        expected: the label that each metric of the suite expects.
    """

    id: str
    number: int
    path: str
    line: int | None
    cluster: str | None
    xfail: str | None
    bare: bool
    repeats: tuple[RepeatResult, ...] = ()
    faults: tuple[Finding, ...] = ()
    expected: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    @property
    def state(self) -> str:
        """That of the worst of its repeats."""
        return max((repeat.state for repeat in self.repeats), key=STATES.index, default="missing")

    @property
    def doubts(self) -> tuple[str, ...]:
        """The judges, none of which may gate, on whose word alone its state rests."""
        state = self.state
        deciding = [repeat for repeat in self.repeats if state == "passed" or repeat.state in ("failed", "error")]
        if state == "missing" or not all(repeat.doubts for repeat in deciding):
            return ()
        return tuple(sorted({judge for repeat in deciding for judge in repeat.doubts}))

    @property
    def undecided(self) -> bool:
        """Whether nobody can say if it fails, as what is known to fail must."""
        return self.state == "error" and any(repeat.undecided for repeat in self.repeats) and not self.doubts

    @property
    def rate(self) -> float:
        """The share of its repeats that passed."""
        return sum(repeat.state == "passed" for repeat in self.repeats) / max(len(self.repeats), 1)

    @property
    def score(self) -> float:
        """The mean of its repeats' scores."""
        return sum(repeat.score for repeat in self.repeats) / max(len(self.repeats), 1)


@dataclass(frozen=True, slots=True)
class UnitResult:
    """One prompt's cases on one model.

    Attributes:
        own: the model that the prompt names; named: whether the suite names its models.
        total: the cases of the gold set, before any selection.
        kind: ``run``; ``skipped`` (there are no cases); ``unusable`` (the prompt, its cases or its suite mean nothing).
        wrong: why it is unusable.
        metrics: those of the suite, with the least values that pass.
        judges: how well each judge that is asked agrees with people.
        cases: those that were selected, in the order of the gold set.
    """

    prompt: str
    path: str
    model: str | None
    own: str | None = None
    named: bool = False
    threshold: float = 1.0
    total: int = 0
    kind: str = "run"
    wrong: tuple[Finding, ...] = ()
    cases: Sequence[CaseResult] = ()
    metrics: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    judges: tuple[Agreement, ...] = ()

    @property
    def proxy(self) -> bool:
        """Whether the cases ran on another model than the prompt's own."""
        return self.kind == "run" and self.model != self.own


def to_json(result: UnitResult) -> dict[str, object]:
    """A result as JSON data, whose cases are made as they are read (:class:`onbook.report.Rows`)."""
    wrong = [finding.row for finding in result.wrong]
    return {**asdict(replace(result, cases=())), "wrong": wrong, "cases": Rows(_case, result.cases)}


def _case(case: CaseResult) -> dict[str, object]:
    return {**asdict(case), "faults": [finding.row for finding in case.faults]}


def from_json(data: Mapping[str, Any]) -> UnitResult:
    """The result that :func:`to_json` wrote.

    Raises:
        TypeError, KeyError, ValueError, AttributeError: it is no such data.
    """
    cases = tuple(
        CaseResult(
            **{
                **case,
                "repeats": tuple(
                    RepeatResult(
                        **{**repeat, "reasons": tuple(repeat["reasons"]), "doubts": tuple(repeat.get("doubts", ()))}
                    )
                    for repeat in case["repeats"]
                ),
                "faults": tuple(map(Finding.of_row, case["faults"])),
            }
        )
        for case in data["cases"]
    )
    judges = tuple(Agreement(**{**judge, "least": JudgeGate(**judge["least"])}) for judge in data.get("judges", ()))
    wrong = tuple(map(Finding.of_row, data["wrong"]))
    return UnitResult(**{**data, "wrong": wrong, "cases": cases, "judges": judges})
