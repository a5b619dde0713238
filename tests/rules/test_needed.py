"""What rules look for first stands in everything that they look for then: nothing is passed over by it."""

from __future__ import annotations

import random
import re

import pytest

from onbook.rules import hidden, injection, issuers, markup, personal
from onbook.rules import texts as texts_rules
from onbook.rules.kept import long_words

LETTERS = "aZ09-._@+ \n\t\r\x0b\x1c\x85\xa0\u2003\u2028é漢🙂\ud800"


def texts(letters: str, longest: int) -> list[str]:
    dice = random.Random(20261121)
    return ["".join(dice.choices(letters, k=dice.randint(0, longest))) for _ in range(4_000)]


def test_long_words() -> None:
    found = 0
    for text in texts(LETTERS + "abcdefghij" * 4, 60):
        words = long_words(text, 8)
        long = [word for word in text.split() if len(word) >= 8]
        found += len(long)
        assert all(word in words for word in long), text
    assert found > 1_000


def test_numbers_and_accounts() -> None:
    numbers, accounts = re.compile("[0-9]{3}[-. ]?[0-9]{4}"), re.compile("[A-Z][A-Z][0-9][0-9]")
    found = 0
    for text in texts("0189" * 6 + "AZa-. é\n\ud800", 24):
        shape = text.encode("utf-8", "surrogatepass").translate(personal._SHAPE)
        assert any(number in shape for number in personal._NUMBERS) == bool(numbers.search(text)), text
        assert (b"AA00" in shape) == bool(accounts.search(text)), text
        found += bool(numbers.search(text))
    assert found > 200


def test_secrets_with_blanks() -> None:
    looked_for = {literal for _, literals in issuers._BY_CHARACTER for literal in literals}
    for character, literals in issuers._BY_CHARACTER:
        assert literals, character
        assert all(character in literal for literal in literals)
    for issuer in issuers.ISSUERS:
        if issuer.anywhere:
            # A literal of two words is two literals: one of them stands with the other.
            assert set(issuer.literals) - looked_for in (set(), {"PRIVATE"}), issuer.name


@pytest.mark.parametrize(
    "token",
    [
        *(f"<|{name}|>" for name in hidden._PIPED.split("|")),
        *("<\uff5cbegin of sentence\uff5c>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<start_of_turn>"),
        *("<end_of_turn>", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]"),
        *("[/TOOL_RESULTS]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
    ],
)
def test_special_tokens(token: str) -> None:
    assert hidden._TOKEN.fullmatch(token)
    assert any(part in token for part in hidden._TOKEN_PARTS)


def test_blanks_to_be_filled_in() -> None:
    dice = random.Random(3)
    words, middles = (
        ("insert", "PASTE", "add", "Enter", "put", "type"),
        (" ", " the", " your", " text", " here", "here"),
    )
    found = 0
    for _ in range(5_000):
        middle = "".join(dice.choices(middles, k=dice.randint(0, 4)))
        text = dice.choice("[<x") + dice.choice(words) + middle + dice.choice("]>x")
        if markup._BLANK.search(text):
            found += 1
            assert markup._may_have_blank(text, text.lower()), text
    assert found > 500


def test_nouns_of_secrets() -> None:
    nouns = ("password", "passphrase", "passcode", "pass phrase", "code word", "codeword", "code", "key", "pin")
    for noun in (*nouns, "token", "word", "secret"):
        text = f"the {noun} is h7gq2xv9"
        assert injection._SECRET.search(text), noun
        assert injection._may_name(text), noun


def test_tags_without_other_code() -> None:
    found = 0
    for text in texts("{{{%%%}}} -a\n", 40):
        assert texts_rules._TAGS.findall(text) == [match[0] for match in texts_rules._CODE.finditer(text)], text
        found += "{%" in text and "%}" in text
    assert found > 200
