"""How many words an answer shares with a reference: ROUGE, over words of any script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

from onbook.subsequence import common_length
from onbook.testing.assertions.base import Wanted, one_of
from onbook.testing.assertions.overlap import Overlap
from onbook.testing.assertions.words import words
from onbook.testing.subject import AssertionUseError, Json

# What is longer is not compared: the longest common subsequence of two such texts takes about a second.
MAX_WORDS = 100_000


class Rouge1(Overlap):
    """The answer shares single words with a reference: ROUGE-1.

    Words are found in any script: in those without spaces (Chinese, Japanese, Thai) each character is a word, so that
    equal texts score 1 in every language. Capitals do not count; there is no stemming.

    **Argument**

    ``to``: the reference, or a list of which the best counts; ``min``: the least score, 0 to 1; ``score``: ``f1``
    (default), ``precision`` (the share of the answer's words that are the reference's) or ``recall`` (of the
    reference's that are the answer's).

    **Holds**

    ```yaml
    assert: [{rouge-1: {to: 猫在垫子上, min: 0.99}}]
    answer: 猫在垫子上。
    ```

    **Does not hold**

    ```yaml
    assert: [{rouge-1: {to: the cat sat on the mat, min: 0.8, score: recall}}]
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
    assert: [{rouge-2: {to: the cat sat on the mat, min: 0.6}}]
    answer: The cat sat on a mat.
    ```

    **Does not hold**

    ```yaml
    assert: [{rouge-2: {to: the cat sat on the mat, min: 0.6}}]
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
    assert: [{rouge-l: {to: police killed the gunman, min: 0.7}}]
    answer: police kill the gunman
    ```

    **Does not hold**

    ```yaml
    assert: [{rouge-l: {to: police killed the gunman, min: 0.7}}]
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
        return _rate(common_length(one)(other), len(one), len(other), asked)


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
