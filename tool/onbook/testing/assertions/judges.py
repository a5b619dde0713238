"""Assertions that a judge decides: a model that is asked by one of onbook's own prompts, in ``prompts/judges``.

A judge's verdict is a recording like any other answer. What cannot be read as a verdict, and a formula without a value
(0 of 0), is an error: it never passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import cast

from onbook import resources
from onbook.call import Caller, parameters_of, response_format_of
from onbook.testing.assertions.base import (
    Plain,
    as_number,
    fill_values,
    is_open,
    is_share,
    is_text,
    parts,
    read_json,
)
from onbook.testing.assertions.structured import compiled
from onbook.testing.request import Request
from onbook.testing.subject import AssertionUseError, Json, Outcome, Subject, shown, text_of

_FOLDER = "prompts"


class _Judged(Plain):
    """One judge's prompt, asked once or several times of one answer."""

    asks = True
    prompt = ""

    def judged_by(self, argument: object) -> str:
        """Who decides, for people: the judge's prompt and the model that it is asked on."""
        given = argument if isinstance(argument, Mapping) else {}
        name = "choices" if "choices" in given else self.prompt
        return f"{name} on {given.get('model') or judge(name).prompt.model}"

    def fill(self, argument: object, row: Json) -> object:
        """With the values themselves: contexts may be a list."""
        return fill_values(argument, row)

    def _request(self, argument: object, inputs: Json) -> Request:
        caller = judge(self.prompt)
        model = argument.get("model") if isinstance(argument, Mapping) else None
        prompt = caller.prompt
        return Request(
            model=str(model or prompt.model),
            messages=tuple(caller.render(inputs)),
            parameters=parameters_of(prompt),
            response_format=response_format_of(prompt),
        )

    def _verdict(self, request: Request, subject: Subject) -> Json:
        said = subject.judge[request.key()]
        schema = judge(self.prompt).prompt.output_schema
        try:
            value = read_json(said)
        except ValueError as error:
            raise AssertionUseError(f"the judge gave no verdict, but {error}") from None
        assert schema is not None
        if violations := compiled(schema).violations(value):
            where = "/".join(map(str, violations[0].pointer)) or "its root"
            raise AssertionUseError(f"the judge gave no verdict: {where}: {violations[0].message} in {shown(said)}")
        return cast(Json, value)


@cache
def judge(name: str) -> Caller:
    """One of onbook's own judges, ready to be rendered.

    Raises:
        OnbookError: this installation does not have it.
    """
    from onbook.project.load import load_prompt
    from onbook.repo import Files

    path = f"{_FOLDER}/judges/{name}.prompt.yml"
    shared = f"{_FOLDER}/_shared/one_line.schema.json"
    prompt = load_prompt(Files({each: resources.read(each) for each in (path, shared)}), path, _FOLDER).prompt
    assert prompt
    return Caller(prompt)


def question_of(argument: object, subject: Subject) -> str:
    """What was asked: as the assertion says, else the case's only text, else all of its inputs as JSON."""
    if isinstance(argument, Mapping) and "question" in argument:
        return text_of(argument["question"])
    inputs = subject.case.inputs
    found = [value for value in inputs.values() if isinstance(value, str)]
    return found[0] if len(found) == len(inputs) == 1 else text_of(dict(inputs))


class Judge(_Judged):
    """A judge finds that the answer does what a rubric asks.

    The judge is `prompts/judges/rubric` (`choices` where there are choices), on the model that it declares unless
    ``model`` names another: the embedded one is small, so name one that you have measured. Its verdict is recorded.

    **Argument**

    The rubric, a text; or a mapping: ``rubric``; ``question`` (what was asked; default: the case's only text input,
    else all inputs as JSON); ``model``; ``choices``, a mapping of each word that the judge may choose to a score from 0
    to 1, with ``min``, the least score that passes. Without choices the judge says pass or fail.

    **Holds**

    ```yaml
    assert: [{judge: Names the opening time.}]
    inputs: {ticket: When do you open?}
    answer: We open at 9.
    said: '{"reason": "It says: at 9.", "verdict": "pass"}'
    ```

    **Does not hold**

    ```yaml
    assert: [{judge: {rubric: Is friendly., choices: {warm: 1, neutral: 0.5, cold: 0}, min: 0.6}}]
    answer: Wait your turn.
    said: cold
    ```
    """

    prompt = "rubric"

    def check(self, argument: object) -> str | None:
        """A rubric, perhaps with choices."""
        if not isinstance(argument, Mapping):
            return "it takes a rubric, a text that is not empty" if is_text(argument) else None
        more = {"question": is_text, "model": is_text, "choices": _is_choices, "min": is_share}
        if wrong := parts(argument, {"rubric": is_text}, more):
            return wrong
        return None if ("choices" in argument) == ("min" in argument) else "choices and min go together"

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """One."""
        asked: Json = argument if isinstance(argument, Mapping) else {"rubric": argument}
        inputs = {
            "question": question_of(asked, subject),
            "rubric": str(asked["rubric"]),
            "answer": subject.text.strip(),
        }
        if "choices" in asked:
            return [_chooser._request(asked, {**inputs, "choices": list(cast(Json, asked["choices"]))})]
        return [self._request(asked, inputs)]

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Reads the verdict."""
        (request,) = self.requests(argument, subject)
        asked: Json = argument if isinstance(argument, Mapping) else {"rubric": argument}
        if "choices" not in asked:
            verdict = self._verdict(request, subject)
            told = f"the judge says {verdict['verdict']}: {shown(verdict['reason'])}"
            return Outcome.of(verdict["verdict"] == "pass", f"{told} (rubric: {shown(asked['rubric'])})")
        said, choices = subject.judge[request.key()], cast(Json, asked["choices"])
        chosen = _chosen(said, list(choices))
        score = as_number(choices[chosen])
        least = as_number(asked["min"])
        return Outcome(score >= least, f"the judge chose {chosen!r} ({score:g}), at least {least:g} is wanted", score)


def _is_choices(value: object) -> str | None:
    sound = isinstance(value, Mapping) and len(value) > 1 and not any(map(is_share, value.values()))
    return None if sound else "a mapping of two or more choices to scores from 0 to 1 is wanted"


def _chosen(said: str, choices: Sequence[str]) -> str:
    text = said.strip().strip("\"'`*.").casefold()
    exact = [choice for choice in choices if choice.casefold() == text]
    named = exact or [one for one in choices if re.search(rf"(?<!\w){re.escape(one.casefold())}(?!\w)", text)]
    if len(named) != 1:
        raise AssertionUseError(f"the judge chose {len(named) or 'none'} of {', '.join(choices)}: {shown(said)}")
    return named[0]


class _Chooser(_Judged):
    prompt = "choices"


_chooser = _Chooser()


class _Share(_Judged):
    """The share of an answer's statements of which the judge says something."""

    said = ""

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Counts the statements."""
        (request,) = self.requests(argument, subject)
        statements = cast("list[Json]", self._verdict(request, subject)["statements"])
        if not statements:
            raise AssertionUseError("the judge found no statement in the answer, so there is no share of them")
        without = [statement for statement in statements if statement[self.said] is not True]
        score, least = 1 - len(without) / len(statements), as_number(cast(Json, argument)["min"])
        told = f"; not {self.said}: {shown(without[0]['statement'])}" if without else ""
        reason = f"{len(statements) - len(without)} of {len(statements)} statements are {self.said}"
        return Outcome(score >= least, f"{reason}, at least {least:g} is wanted{told}", score)


class Faithfulness(_Share):
    """What the answer states is supported by the given context.

    The judge `prompts/judges/faithfulness` takes the answer apart and says of each statement whether the context
    supports it. The score is the share of those that it does. An answer without any statement is an error: 0 of 0 is
    no share.

    **Argument**

    ``context``: a text or a list, as ``"{{passages}}"``; ``min``: the least score; ``question`` and ``model`` as for
    ``judge``.

    **Holds**

    ```yaml
    assert: [{faithfulness: {context: "{{ticket}}", min: 0.9}}]
    inputs: {ticket: Keys are rotated every 90 days.}
    answer: Every 90 days.
    said: '{"statements": [{"statement": "Keys are rotated every 90 days.", "supported": true}]}'
    ```

    **Does not hold**

    ```yaml
    assert: [{faithfulness: {context: "{{ticket}}", min: 0.9}}]
    inputs: {ticket: Keys are rotated every 90 days.}
    answer: Every 90 days, by hand.
    said: '{"statements": [{"statement": "a", "supported": true}, {"statement": "b", "supported": false}]}'
    ```

    **Source**

    S. Es et al., RAGAS: Automated Evaluation of Retrieval Augmented Generation, 2023 (arXiv 2309.15217), section 3:
    F = |V| / |S|. Statements and verdicts come from one call here, from two there.
    """

    prompt = "faithfulness"
    said = "supported"

    def check(self, argument: object) -> str | None:
        """A context and the least score."""
        needed = {"context": _is_contexts, "min": is_share}
        return parts(argument, needed, {"question": is_text, "model": is_text})

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """One."""
        context = "\n\n".join(_contexts(cast(Json, argument)["context"]))
        inputs = {"context": context, "question": question_of(argument, subject), "answer": subject.text.strip()}
        return [self._request(argument, inputs)]


class AnswerRelevance(_Share):
    """What the answer states is relevant to the question.

    The judge `prompts/judges/answer-relevance` takes the answer apart and says of each statement whether it helps to
    answer the question. The score is the share of those that do; whether they are true does not count. An answer
    without any statement is an error.

    **Argument**

    ``min``: the least score; ``question`` and ``model`` as for ``judge``.

    **Holds**

    ```yaml
    assert: [{answer-relevance: {min: 0.5}}]
    inputs: {ticket: When do you open?}
    answer: At nine. We love cats.
    said: '{"statements": [{"statement": "a", "relevant": true}, {"statement": "b", "relevant": false}]}'
    ```

    **Does not hold**

    ```yaml
    assert: [{answer-relevance: {min: 0.8}}]
    inputs: {ticket: When do you open?}
    answer: At nine. We love cats.
    said: '{"statements": [{"statement": "a", "relevant": true}, {"statement": "b", "relevant": false}]}'
    ```

    **Source**

    [DeepEval](https://deepeval.com/docs/metrics-answer-relevancy): relevant statements over all statements. RAGAS's
    measure of that name compares embeddings of generated questions, which no judge's verdict gives.
    """

    prompt = "answer-relevance"
    said = "relevant"

    def check(self, argument: object) -> str | None:
        """The least score."""
        return parts(argument, {"min": is_share}, {"question": is_text, "model": is_text})

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """One."""
        return [self._request(argument, {"question": question_of(argument, subject), "answer": subject.text.strip()})]


class ContextPrecision(_Judged):
    """The contexts that were of use stand before those that were not.

    The judge `prompts/judges/context-precision` is asked of each context whether it was of use for the answer. The
    score is the mean, over the useful ones, of the share of useful ones down to that place. No useful context gives 0;
    no context at all is an error.

    **Argument**

    ``contexts``: a list in its order, as ``"{{passages}}"``; ``min``: the least score; ``answer``: the reference to
    judge by (default: the answer itself); ``question`` and ``model`` as for ``judge``.

    **Holds**

    ```yaml
    assert: [{context-precision: {contexts: [a, b], min: 0.9}}]
    answer: x
    said: ['{"reason": "r", "useful": true}', '{"reason": "r", "useful": false}']
    ```

    **Does not hold**

    ```yaml
    assert: [{context-precision: {contexts: [a, b], min: 0.9}}]
    answer: x
    said: ['{"reason": "r", "useful": false}', '{"reason": "r", "useful": true}']
    ```

    **Source**

    [RAGAS](https://docs.ragas.io/en/stable/concepts/metrics/available_metrics/context_precision/): Context
    Precision@K = sum over k of (Precision@k times v_k), over the number of useful contexts among the K.
    """

    prompt = "context-precision"

    def check(self, argument: object) -> str | None:
        """Contexts and the least score."""
        more = {"answer": is_text, "question": is_text, "model": is_text}
        return parts(argument, {"contexts": _is_list, "min": is_share}, more)

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """One for each context."""
        asked = cast(Json, argument)
        question = question_of(argument, subject)
        answer = text_of(asked["answer"]) if "answer" in asked else subject.text.strip()
        return [
            self._request(argument, {"question": question, "context": context, "answer": answer})
            for context in _contexts(asked["contexts"])
        ]

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """The formula."""
        useful = [self._verdict(request, subject)["useful"] is True for request in self.requests(argument, subject)]
        if not useful:
            raise AssertionUseError("there is no context, so there is no precision of them")
        score, least = precision(useful), as_number(cast(Json, argument)["min"])
        told = " ".join("useful" if one else "not" for one in useful)
        return Outcome(score >= least, f"expected at least {least:g}, got {score:.3f} ({told})", score)


def precision(useful: Sequence[bool]) -> float:
    """RAGAS's Context Precision@K from its verdicts in order; 0 where none is useful."""
    hits = [at for at, one in enumerate(useful, 1) if one]
    return sum(rank / at for rank, at in enumerate(hits, 1)) / len(hits) if hits else 0.0


def _is_contexts(value: object) -> str | None:
    return None if isinstance(value, str | list) else "a text or a list is wanted"


def _is_list(value: object) -> str | None:
    return None if isinstance(value, list) or is_open(value) else "a list is wanted"


def _contexts(value: object) -> list[str]:
    return [text_of(one) for one in value] if isinstance(value, list) else [text_of(value)]
