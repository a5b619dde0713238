"""BLEU, chrF and similarity against the libraries that define them; ROUGE-L's length against the plain algorithm."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import rapidfuzz
import sacrebleu

from onbook.prompt import Case, Prompt
from onbook.subsequence import common_length
from onbook.testing.assertions import AssertionUseError, Subject, check, decide, requests
from onbook.testing.assertions.words import words

PAIRS = [
    ("The cat sat on the mat.", "The cat sat on a mat."),
    ("It is raining.", "It rains, and it has rained all day."),
    ("Der Hund bellt laut in der Nacht.", "Der Hund bellte laut in dieser Nacht."),
    ("Мы вернём деньги за пять дней.", "Мы вернем вам деньги в течение пяти дней."),
    ("yes", "no"),
    ("", "no"),
]


def subject(text: str) -> Subject:
    return Subject(text, Prompt("a", "a.prompt.yml", ()), Case("c", {}), {})


def score(assertion: dict[str, object], text: str) -> float:
    assert check(assertion) is None
    assert requests([assertion], subject(text)) == []
    return decide(assertion, subject(text)).score


@pytest.mark.parametrize(("text", "reference"), PAIRS)
def test_bleu_and_chrf_are_sacrebleus(text: str, reference: str) -> None:
    expected = sacrebleu.sentence_bleu(text, [reference], use_effective_order=True).score
    assert score({"bleu": {"to": reference, "min": 0.5}}, text) == pytest.approx(expected / 100)
    expected = sacrebleu.sentence_chrf(text, [reference]).score
    assert score({"chrf": {"to": reference, "min": 0.5}}, text) == pytest.approx(expected / 100)
    expected = sacrebleu.sentence_chrf(text, [reference], word_order=2).score
    assert score({"chrf": {"to": reference, "min": 0.5, "words": 2}}, text) == pytest.approx(expected / 100)


@pytest.mark.parametrize(("text", "reference"), PAIRS)
def test_similarity_is_rapidfuzzs(text: str, reference: str) -> None:
    expected = rapidfuzz.fuzz.ratio(text.casefold(), reference.casefold())
    assert score({"similarity": {"to": reference, "min": 0.5}}, text) == pytest.approx(expected / 100)


def test_the_common_length_is_the_textbooks() -> None:
    chance = random.Random(4)
    for _ in range(300):
        one, other = ([chance.choice("abcd") for _ in range(chance.randrange(80))] for _ in range(2))
        assert common_length(one)(other) == _textbook(one, other)


def _textbook(one: Sequence[str], other: Sequence[str]) -> int:
    """Cormen et al., Introduction to Algorithms, 15.4."""
    above = [0] * (len(other) + 1)
    for item in one:
        row = [0]
        for number, each in enumerate(other):
            row.append(above[number] + 1 if item == each else max(above[number + 1], row[-1]))
        above = row
    return above[-1]


def test_words_of_every_script() -> None:
    assert words("Don't stop, x_y 3.5!") == ["don", "t", "stop", "x", "y", "3", "5"]
    assert words("Straße ÉTÉ") == ["strasse", "été"]
    assert words("किताब पढ़ो") == ["किताब", "पढ़ो"]
    assert words("我爱AI模型2号") == ["我", "爱", "ai", "模", "型", "2", "号"]
    assert words("ไทย 한국어 кот") == ["ไ", "ท", "ย", "한국어", "кот"]
    assert words("") == words(" \u0301.-") == []


@pytest.mark.parametrize(
    ("assertion", "module", "extra"),
    [
        ({"similarity": {"to": "a", "min": 0.5}}, "rapidfuzz.fuzz", "similarity"),
        ({"bleu": {"to": "a", "min": 0.5}}, "sacrebleu", "bleu"),
        ({"not": {"chrf": {"to": "a", "min": 0.5}}}, "sacrebleu", "bleu"),
    ],
)
def test_a_missing_extra_is_known_before_any_call_and_never_passes(
    assertion: dict[str, object], module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", without)
    assert check(assertion) is None  # what is written means something: lint has nothing to say
    with pytest.raises(AssertionUseError, match=f"could not be checked: it needs {module}") as told:
        requests([assertion], subject("a"))
    assert told.value.hint == f"pip install 'onbook[{extra}]'"
