"""How well judges agree with people: Cohen's kappa over the answers that people have labelled.

A judge may fail a check only once that is known, for this prompt's answers: a judge that is right of one prompt's
answers may be wrong of another's. Until then its verdicts are shown, and the state of a case is what they say.
"""

from __future__ import annotations

from dataclasses import dataclass

from onbook.prompt import JudgeGate


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well one judge agrees with people.

    Attributes:
        judge: its prompt and model, for people.
        labelled: answers with people's label and the judge's verdict; good: those that people call good.
        agreed: those of which both say the same.
        kappa: Cohen's, of pass or fail against good or bad; None where there is none (0 of 0), as where everybody
            calls everything good.
        weighted: linearly weighted kappa of the judge's scores, with good as the highest and bad as the lowest; None
            where the judge only passes and fails.
        unheard: labelled answers without a readable verdict; gone: labels whose answer is not recorded.
        split: answers on which as many people say good as bad; they count for nothing.
        least: what the suite asks of a judge.
    """

    judge: str
    labelled: int
    good: int
    agreed: int
    kappa: float | None
    weighted: float | None
    unheard: int
    gone: int
    split: int
    least: JudgeGate

    @property
    def gates(self) -> bool:
        """Whether its verdicts may fail a check."""
        return self.labelled >= self.least.labels and self.kappa is not None and self.kappa >= self.least.kappa

    @property
    def sentence(self) -> str:
        """For people."""
        answers = "1 labelled answer" if self.labelled == 1 else f"{self.labelled} labelled answers"
        who = f"judge {self.judge}"
        if not self.labelled:
            told = f"{who} is not measured, so its verdicts fail no check: no answer that it judges is labelled"
        elif self.kappa is None:
            what = "good" if self.good else "bad"
            told = f"{who} is not measured, so its verdicts fail no check: with people it calls all of {answers} {what}"
        else:
            told = f"{who} agrees with people: kappa {self.kappa:.2f} on {answers}"
            if self.weighted is not None:
                told += f" ({self.weighted:.2f} weighted by its scores)"
            if not self.gates:
                told += f"; its verdicts fail no check before it is {self.least.kappa:g} on {self.least.labels}"
        return told + self._left_out

    @property
    def _left_out(self) -> str:
        counts = (
            (self.unheard, "without its verdict"),
            (self.gone, "of answers that are not recorded any more"),
            (self.split, "on which people differ"),
        )
        told = ", ".join(f"{count} {what}" for count, what in counts if count)
        return f" (not counted: {told})" if told else ""

    def advice(self, prompt: str) -> str | None:
        """What to do for it to gate, where it judges the answers of a prompt."""
        if self.gates:
            return None
        if self.unheard:
            return f"run `onbook test {prompt} --record`: it asks the judge about the labelled answers too"
        if self.labelled < self.least.labels:
            return f"label more answers: `onbook label {prompt}` shows them one by one"
        if self.kappa is None:
            return "label answers of both kinds, good ones and bad ones"
        return "mend its rubric, or name a larger model, and measure it again; or do without the judge"

    def row(self) -> dict[str, object]:
        """As the report has it."""
        return {
            "judge": self.judge,
            "gates": self.gates,
            "labelled": self.labelled,
            "good": self.good,
            "agreed": self.agreed,
            "kappa": self.kappa,
            "weighted_kappa": self.weighted,
            "unheard": self.unheard,
            "gone": self.gone,
            "split": self.split,
            "least": {"labels": self.least.labels, "kappa": self.least.kappa},
        }
