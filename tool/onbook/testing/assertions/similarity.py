"""How much an answer is like a reference, in spelling or in meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from onbook.testing.assertions.base import Wanted, as_list, as_number, is_text, one_of, require
from onbook.testing.assertions.embeddings import best, request_of
from onbook.testing.assertions.overlap import Overlap
from onbook.testing.local import CHAT, EMBEDDER, PREFIX
from onbook.testing.request import Request
from onbook.testing.subject import Json, Outcome, Subject, shown


class Similarity(Overlap):
    """The answer is much like a reference: in spelling, or in meaning as an embedding model has it.

    By spelling, capitals and the kind and amount of white space do not count, nor does meaning: "not refunded" is very
    similar to "refunded". By ``embedding`` a model is asked where both texts lie, and the cosine of the angle between
    them is the score: it knows that "your money comes back" is near to "you are refunded", and is not good at "not"
    either. What model and what ``min`` tell right from wrong is for you to try; a cosine of 0.6 means something else
    with each model.

    **Argument**

    ``to``: the reference, or a list of which the best counts; ``min``: the least score, 0 to 1; ``by``: ``characters``
    (default: twice the longest common subsequence over the sum of the lengths), ``words`` (the same of the sorted
    words, so that their order does not count) or ``embedding``, with ``model``: any embedding model that litellm
    knows, or ``local/wordllama-256``, which runs here without a key and a network (``pip install
    'onbook[embeddings]'``). What it says is recorded, as the two lengths and the inner product.

    By spelling it needs an extra: ``pip install 'onbook[similarity]'``. Without it the cases are not run, and that is
    told.

    **Holds**

    ```yaml
    assert: [{similarity: {to: "{{expected}}", min: 0.85}}]
    expected: Refunds take five days.
    answer: refunds take 5 days.
    ```

    ```yaml
    assert: [{similarity: {to: You are refunded., min: 0.4, by: embedding, model: local/wordllama-256}}]
    answer: Your money comes back.
    said: '{"dot": 5.79581533, "norms": [3.65346884, 3.20097085], "dimensions": 256}'
    ```

    **Does not hold**

    ```yaml
    assert: [{similarity: {to: Refunds take five days., min: 0.9}}]
    answer: We never refund.
    ```

    ```yaml
    assert: [{similarity: {to: You are refunded., min: 0.4, by: embedding, model: local/wordllama-256}}]
    answer: Our shop opens at nine.
    said: '{"dot": -0.110461406, "norms": [3.80852472, 3.20097085], "dimensions": 256}'
    ```

    **Source**

    ``fuzz.ratio`` and ``fuzz.token_sort_ratio`` of [RapidFuzz](https://rapidfuzz.github.io/RapidFuzz/), divided by 100.
    The cosine of two vectors: Salton and McGill, Introduction to Modern Information Retrieval, 1983; of embeddings of
    sentences: [Reimers and Gurevych 2019](https://aclanthology.org/D19-1410/). A negative one scores 0, and one that is
    no number is an error.
    """

    more: ClassVar[Mapping[str, Wanted]] = {"by": one_of("characters", "words", "embedding"), "model": is_text}

    def check(self, argument: object) -> str | None:
        """A model where one is asked."""
        if wrong := super().check(argument):
            return wrong
        asked = cast(Json, argument)
        if (asked.get("by") == "embedding") != ("model" in asked):
            return "by: embedding and model go together: name the model that gives the embeddings"
        if asked.get("model") == CHAT:
            return f"{CHAT} gives no embeddings, and {EMBEDDER} does"
        if str(asked.get("model", "")).startswith(PREFIX) and asked["model"] != EMBEDDER:
            return f"there is no local model {asked['model']!r}: {EMBEDDER} gives embeddings"
        return None

    def asks_of(self, argument: object) -> bool:
        """Whether a model is asked."""
        return isinstance(argument, Mapping) and argument.get("by") == "embedding"

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """Embeddings of the answer and each reference; by spelling none, but the library must be there."""
        if self.asks_of(argument):
            asked = cast(Json, argument)
            return [request_of(str(asked["model"]), subject.text, each) for each in as_list(asked["to"])]
        require("rapidfuzz.fuzz", "similarity", "similarity")
        return ()

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """By what the model said, or by RapidFuzz."""
        if not self.asks_of(argument):
            return super().decide(argument, subject)
        asked = cast(Json, argument)
        score = best([subject.judge[request.key()] for request in self.requests(argument, subject)])
        least, told = as_number(asked["min"]), shown(asked["to"])
        reason = f"expected a cosine of at least {least:g} to {told}, got {score:.3f} for {shown(subject.text)}"
        return Outcome(score >= least, reason, score)

    def score(self, text: str, reference: str, asked: Json) -> float:
        """By RapidFuzz."""
        fuzz = cast(Any, require("rapidfuzz.fuzz", "similarity", "similarity"))
        one, other = (" ".join(each.casefold().split()) for each in (text, reference))
        compare = fuzz.token_sort_ratio if asked.get("by") == "words" else fuzz.ratio
        return float(compare(one, other)) / 100
