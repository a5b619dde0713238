"""How near an answer is to a reference translation: BLEU and chrF, by sacreBLEU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, cast

from onbook.testing.assertions.base import Wanted, as_number, is_count, one_of, require
from onbook.testing.assertions.overlap import Overlap
from onbook.testing.request import Request
from onbook.testing.subject import Json, Subject


class Bleu(Overlap):
    """The answer shares runs of up to four words with a reference translation: BLEU of one sentence.

    **Argument**

    ``to``: the reference, or a list, of which the best counts; ``min``: the least score, **0 to 1** (BLEU 35 is 0.35);
    ``tokenize``: ``13a`` (default), ``intl``, ``zh``, ``char`` or ``none``: ``zh`` for Chinese, ``char`` for other
    languages without spaces.

    Needs an extra: ``pip install 'onbook[bleu]'``. Without it the cases are not run, and that is told.

    **Holds**

    ```yaml
    assert: [{bleu: {to: The cat sat on the mat., min: 0.4}}]
    answer: The cat sat on a mat.
    ```

    **Does not hold**

    ```yaml
    assert: [{bleu: {to: The cat sat on the mat., min: 0.5}}]
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


class Chrf(Overlap):
    """The answer shares runs of characters with a reference translation: chrF, or chrF++ with words.

    **Argument**

    ``to``: the reference, or a list of which the best counts; ``min``: the least score, **0 to 1** (chrF 60 is 0.6);
    ``words``: the longest run of words that counts besides, 0 (default) or 2 for chrF++.

    Needs an extra: ``pip install 'onbook[bleu]'``. Without it the cases are not run, and that is told.

    **Holds**

    ```yaml
    assert: [{chrf: {to: Der Hund bellt laut., min: 0.6}}]
    answer: Der Hund bellte laut.
    ```

    **Does not hold**

    ```yaml
    assert: [{chrf: {to: Der Hund bellt laut., min: 0.6}}]
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
