"""How much of a reference the answer shares: similarity, ROUGE, BLEU and chrF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, cast

from onbook.testing.assertions.base import (
    MAX_ANSWER,
    Plain,
    Wanted,
    as_list,
    as_number,
    fill_texts,
    is_count,
    is_open,
    is_share,
    is_text,
    is_texts,
    one_of,
    parts,
    require,
)
from onbook.testing.assertions.embeddings import best, request_of
from onbook.testing.assertions.words import words
from onbook.testing.local import is_local
from onbook.testing.models import Request
from onbook.testing.subject import AssertionUseError, Json, Outcome, Subject, shown

# What is longer is not compared: the longest common subsequence of two such texts takes about a second.
MAX_WORDS = 100_000


class _Overlap(Plain):
    """A score from 0 to 1 of the answer against one or more references, of which the best counts."""

    more: ClassVar[Mapping[str, Wanted]] = {}

    def check(self, argument: object) -> str | None:
        """A reference and the least score."""
        return parts(argument, {"to": _is_reference, "min": is_share}, self.more)

    def fill(self, argument: object, row: Json) -> object:
        """A column that is a list is a list of references."""
        if not isinstance(argument, dict) or not is_open(argument.get("to")):
            return fill_texts(argument, row)
        to = argument["to"]
        column = row.get(to[2:-2]) if to.startswith("{{") and to.endswith("}}") else None
        rest = cast(dict[str, object], fill_texts({**argument, "to": ""}, row))
        return {**rest, "to": column if isinstance(column, list) else fill_texts(to, row)}

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Compares with each reference."""
        asked = cast(Json, argument)
        references = as_list(asked["to"])
        for text in (subject.text, *references):
            if len(text) > MAX_ANSWER:
                raise AssertionUseError(f"a text of more than {MAX_ANSWER:,} characters is not compared")
        score = max(self.score(subject.text, reference, asked) for reference in references)
        least = as_number(asked["min"])
        told = shown(references[0] if len(references) == 1 else references)
        reason = f"expected at least {least:g} against {told}, got {score:.3f} for {shown(subject.text)}"
        return Outcome(score >= least, reason, score)

    def score(self, text: str, reference: str, asked: Json) -> float:
        raise NotImplementedError


def _is_reference(value: object) -> str | None:
    if wrong := is_texts(value):
        return wrong
    return None if all(words(text) for text in as_list(value) if "{{" not in text) else "a text with words is wanted"


class Similarity(_Overlap):
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
    knows. What it says is recorded, as the two lengths and the inner product.

    By spelling it needs an extra: ``pip install 'onbook[similarity]'``. Without it the cases are not run, and that is
    told.

    **Holds**

    ```yaml
    assert: {similarity: {to: "{{expected}}", min: 0.85}}
    expected: Refunds take five days.
    answer: refunds take 5 days.
    ```

    ```yaml
    assert: {similarity: {to: You are refunded., min: 0.6, by: embedding, model: openai/text-embedding-3-small}}
    answer: Your money comes back.
    said: '{"dot": 0.71, "norms": [1.0, 1.0], "dimensions": 1536}'
    ```

    **Does not hold**

    ```yaml
    assert: {similarity: {to: Refunds take five days., min: 0.9}}
    answer: We never refund.
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
        if is_local(str(asked.get("model", ""))):
            return "the embedded model gives no embeddings: name another"
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


class Rouge1(_Overlap):
    """The answer shares single words with a reference: ROUGE-1.

    Words are found in any script: in those without spaces (Chinese, Japanese, Thai) each character is a word, so that
    equal texts score 1 in every language. Capitals do not count; there is no stemming.

    **Argument**

    ``to``: the reference, or a list of which the best counts; ``min``: the least score, 0 to 1; ``score``: ``f1``
    (default), ``precision`` (the share of the answer's words that are the reference's) or ``recall`` (of the
    reference's that are the answer's).

    **Holds**

    ```yaml
    assert: {rouge-1: {to: 猫在垫子上, min: 0.99}}
    answer: 猫在垫子上。
    ```

    **Does not hold**

    ```yaml
    assert: {rouge-1: {to: the cat sat on the mat, min: 0.8, score: recall}}
    answer: the cat
    ```

    **Source**

    C.-Y. Lin, ROUGE: A Package for Automatic Evaluation of Summaries, 2004, section 2: clipped counts of shared
    n-grams; f1 is their harmonic mean.
    """

    more: ClassVar[Mapping[str, Wanted]] = {"score": one_of("f1", "precision", "recall")}
    size = 1

    def score(self, text: str, reference: str, asked: Json) -> float:
        """Shared n-grams over all."""
        one, other = _words(text), _words(reference)
        answered, wanted = len(one) - self.size + 1, len(other) - self.size + 1
        if answered <= 0 or wanted <= 0:
            # A text of one word has no pairs: two that are equal are still equal.
            return float(one == other and bool(one))
        return _rate((_grams(one, self.size) & _grams(other, self.size)).total(), answered, wanted, asked)


class Rouge2(Rouge1):
    """The answer shares pairs of neighbouring words with a reference: ROUGE-2.

    As ``rouge-1``, for pairs: the order of words counts from one to the next.

    **Argument**

    As for ``rouge-1``.

    **Holds**

    ```yaml
    assert: {rouge-2: {to: the cat sat on the mat, min: 0.6}}
    answer: The cat sat on a mat.
    ```

    **Does not hold**

    ```yaml
    assert: {rouge-2: {to: the cat sat on the mat, min: 0.6}}
    answer: On a mat the cat lay.
    ```

    **Source**

    C.-Y. Lin, ROUGE: A Package for Automatic Evaluation of Summaries, 2004, section 2.
    """

    size = 2


class RougeL(Rouge1):
    """The answer shares a long run of words, in order and with gaps, with a reference: ROUGE-L.

    As ``rouge-1``, for the longest common subsequence of words, over the whole text as one sequence.

    **Argument**

    As for ``rouge-1``.

    **Holds**

    ```yaml
    assert: {rouge-l: {to: police killed the gunman, min: 0.7}}
    answer: police kill the gunman
    ```

    **Does not hold**

    ```yaml
    assert: {rouge-l: {to: police killed the gunman, min: 0.7}}
    answer: the gunman kill police
    ```

    **Source**

    C.-Y. Lin, ROUGE: A Package for Automatic Evaluation of Summaries, 2004, section 3.1 with beta 1, whose example
    this is (0.75 and 0.5); the length by H. Hyyrö's bit-parallel algorithm, 2004.
    """

    def score(self, text: str, reference: str, asked: Json) -> float:
        """The longest common subsequence over all."""
        one, other = _words(text), _words(reference)
        if not one or not other:
            return 0.0
        return _rate(common_length(one, other), len(one), len(other), asked)


def _rate(shared: int, answered: int, wanted: int, asked: Json) -> float:
    precision, recall = shared / answered, shared / wanted
    which = asked.get("score", "f1")
    if which != "f1":
        return precision if which == "precision" else recall
    return 2 * precision * recall / (precision + recall) if shared else 0.0


@lru_cache(maxsize=256)
def _words(text: str) -> tuple[str, ...]:
    found = words(text)
    if len(found) > MAX_WORDS:
        raise AssertionUseError(f"a text of {len(found):,} words is not compared; at most {MAX_WORDS:,} are")
    return tuple(found)


def _grams(found: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(found[at : at + size]) for at in range(len(found) - size + 1))


def common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence. One bit for each item of ``one``; a step for each of ``other``."""
    places: dict[str, int] = {}
    for number, item in enumerate(one):
        places[item] = places.get(item, 0) | 1 << number
    ones = (1 << len(one)) - 1
    rest = ones
    for item in other:
        shared = rest & places.get(item, 0)
        rest = ((rest + shared) | (rest - shared)) & ones
    return len(one) - rest.bit_count()


class Bleu(_Overlap):
    """The answer shares runs of up to four words with a reference translation: BLEU of one sentence.

    **Argument**

    ``to``: the reference, or a list, of which the best counts; ``min``: the least score, **0 to 1** (BLEU 35 is 0.35);
    ``tokenize``: ``13a`` (default), ``intl``, ``zh``, ``char`` or ``none``: ``zh`` for Chinese, ``char`` for other
    languages without spaces.

    Needs an extra: ``pip install 'onbook[bleu]'``. Without it the cases are not run, and that is told.

    **Holds**

    ```yaml
    assert: {bleu: {to: The cat sat on the mat., min: 0.4}}
    answer: The cat sat on a mat.
    ```

    **Does not hold**

    ```yaml
    assert: {bleu: {to: The cat sat on the mat., min: 0.5}}
    answer: A dog lay under the table.
    ```

    **Source**

    Papineni et al., BLEU, 2002, as [sacreBLEU](https://github.com/mjpost/sacrebleu) computes it for one sentence:
    exponential smoothing, effective order.
    """

    more: ClassVar[Mapping[str, Wanted]] = {"tokenize": one_of("13a", "intl", "zh", "char", "none")}

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """None; but the library must be there."""
        require("sacrebleu", "bleu", "bleu")
        return ()

    def score(self, text: str, reference: str, asked: Json) -> float:
        """By sacreBLEU."""
        return float(_bleu(str(asked.get("tokenize", "13a"))).sentence_score(text, [reference]).score) / 100


class Chrf(_Overlap):
    """The answer shares runs of characters with a reference translation: chrF, or chrF++ with words.

    **Argument**

    ``to``: the reference, or a list of which the best counts; ``min``: the least score, **0 to 1** (chrF 60 is 0.6);
    ``words``: the longest run of words that counts besides, 0 (default) or 2 for chrF++.

    Needs an extra: ``pip install 'onbook[bleu]'``. Without it the cases are not run, and that is told.

    **Holds**

    ```yaml
    assert: {chrf: {to: Der Hund bellt laut., min: 0.6}}
    answer: Der Hund bellte laut.
    ```

    **Does not hold**

    ```yaml
    assert: {chrf: {to: Der Hund bellt laut., min: 0.6}}
    answer: Die Katze schläft.
    ```

    **Source**

    M. Popović, chrF: character n-gram F-score, 2015, as [sacreBLEU](https://github.com/mjpost/sacrebleu) computes it:
    runs of up to six characters, beta 2.
    """

    more: ClassVar[Mapping[str, Wanted]] = {"words": is_count}

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """None; but the library must be there."""
        require("sacrebleu", "bleu", "chrf")
        return ()

    def score(self, text: str, reference: str, asked: Json) -> float:
        """By sacreBLEU."""
        return float(_chrf(int(as_number(asked.get("words", 0)))).sentence_score(text, [reference]).score) / 100


@lru_cache(maxsize=8)
def _bleu(tokenize: str) -> Any:
    return cast(Any, require("sacrebleu", "bleu", "bleu")).metrics.BLEU(tokenize=tokenize, effective_order=True)


@lru_cache(maxsize=8)
def _chrf(word_order: int) -> Any:
    return cast(Any, require("sacrebleu", "bleu", "chrf")).metrics.CHRF(word_order=word_order)
