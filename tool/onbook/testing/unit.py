"""One prompt's cases on one model: what is asked, and what is known of each answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from onbook.call import Caller, parameters_of, response_format_of, tools_of
from onbook.project import Source
from onbook.prompt import Case, Json, Prompt
from onbook.report import Finding
from onbook.testing.agreement import Agreement
from onbook.testing.assertions import Subject, may_ask, name_of, requests
from onbook.testing.recordings import Recordings
from onbook.testing.request import ModelError, Request, Response

# From the best to the worst: a case is as good as the worst of its repeats.
STATES = ("passed", "failed", "error", "missing")

# Why an answer is no answer, by the reason for which it ended.
_CUT = {
    "length": "the answer was cut at the limit of tokens",
    "content_filter": "the provider's content filter withheld the answer",
}


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a chain. ``inputs``: what the step says of its inputs, by name, before anything is filled in."""

    name: str
    caller: Caller
    inputs: Mapping[str, object]


@dataclass(slots=True)
class Attempt:
    """One case on one model, one repeat.

    Attributes:
        key: of the request.
        state: ``passed``, ``failed``, ``error`` (no usable answer, or nobody can say), ``missing`` (no recording).
        reasons: why not, one line each; hint: what to do, where a reason brings it.
        undecided: an assertion could not say whether it holds, of an answer that is one.
        in_vain: it is missing because asking brought nothing that could be recorded.
        score: the share of the weighted assertions that hold.
        doubts: the judges, none of which may gate, on whose word alone the state rests.
        sure_score: the score without what such judges decide.
        labels: what the answer says for the suite's metrics.
        links: the steps of its chain, if it has one. ``step`` is then the one that ``request`` asks for, None where it
            is the last; ``earlier`` those before it, ``answers`` what they said; ``broken``: why no further step can be
            asked.
    """

    case: Case
    request: Request
    key: str
    state: str = "missing"
    reasons: list[str] = field(default_factory=list)
    hint: str | None = None
    undecided: bool = False
    in_vain: bool = False
    score: float = 0.0
    doubts: tuple[str, ...] = ()
    sure_score: float = 0.0
    labels: Mapping[str, str | None] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    step: str | None = None
    earlier: list[tuple[str, Request]] = field(default_factory=list)
    answers: dict[str, object] = field(default_factory=dict)
    broken: str | None = None

    def settle(self, state: str, reason: str, hint: str | None = None) -> None:
        """Say why this attempt brought nothing that could be graded."""
        self.state, self.reasons, self.hint = state, [reason], hint

    def miss(self, what: str, failure: ModelError | None) -> None:
        """Say why there is nothing recorded."""
        self.in_vain = failure is not None
        why = f"was not given: {failure.message}" if failure else "is not recorded"
        self.settle("missing", f"{what} {why}", failure.hint if failure else None)


@dataclass(slots=True)
class Unit:
    """One prompt's run on one model.

    Attributes:
        recordings: shared by the units of one prompt.
        wrong: what keeps the unit from being run at all.
        failures: why a request brought no recording, by its key; not_asked: why nothing else was asked any more.
        callers: the prompts of chains by their id, compiled.
        agreements: how well each judge agrees with people.
    """

    source: Source
    prompt: Prompt
    model: str
    recordings: Recordings
    wrong: list[Finding] = field(default_factory=list)
    failures: dict[str, ModelError] = field(default_factory=dict)
    not_asked: ModelError | None = None
    callers: dict[str, Caller] = field(default_factory=dict)
    agreements: tuple[Agreement, ...] = ()

    @property
    def doubted(self) -> frozenset[str]:
        """The judges that may not gate."""
        return frozenset(each.judge for each in self.agreements if not each.gates)

    @property
    def proxy(self) -> bool:
        """Whether this is another model than the prompt's own."""
        return self.model != self.prompt.model

    def assertions(self, case: Case) -> list[Json]:
        """What must hold of the answer to a case: what the suite says of all, then its own."""
        return [*self.source.suite.assertions, *case.assertions]

    def verdicts(self, attempt: Attempt) -> Iterator[tuple[str, Request]]:
        """The calls to judges that one recorded answer needs, each with its assertion's name.

        Raises:
            AssertionUseError: an assertion means nothing for this case; planning finds that out.
        """
        recording = None if attempt.step else self.recordings.get(attempt.key)
        if recording is None or unusable(recording.response):
            return
        subject = Subject(recording.response.text, self.prompt, attempt.case, {}, recording.response)
        for assertion in self.assertions(attempt.case):
            if not may_ask(assertion):
                continue
            for request in requests([assertion], subject):
                yield name_of(assertion), request


def request_for(prompt: Prompt, messages: Sequence[Mapping[str, str]], *, model: str, repeat: int = 0) -> Request:
    """The request for one rendering of a prompt on one model."""
    return Request(
        model=model,
        messages=tuple(messages),
        parameters=parameters_of(prompt),
        response_format=response_format_of(prompt),
        tools=tools_of(prompt),
        repeat=repeat,
    )


def unusable(answer: Response) -> str | None:
    """Why an answer is not one that can be graded, or None."""
    if answer.finish in _CUT:
        return _CUT[answer.finish]
    return None if answer.text.strip() or answer.tool_calls else "the answer is empty"
