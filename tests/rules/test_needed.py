"""What rules look for first stands in everything that they look for then: nothing is passed over by it."""

from __future__ import annotations

import random
import re

import pytest

from onbook.formats import shape
from onbook.lines import line_starts
from onbook.project import Source
from onbook.project.load import Loaded
from onbook.prompt import Message, Prompt
from onbook.render.template import pieces
from onbook.rules import hidden, injection, issuers, markup, names, outside, sent, signs
from onbook.rules import texts as texts_rules
from onbook.rules.kept import long_words
from support.snapshots import files

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
        shown = signs.signs(text)
        if numbers.search(text) or accounts.search(text):
            assert shown, text
            assert shown.number, text
            found += 1
    assert found > 200


def test_signs_of_files() -> None:
    for text, shown in (("a@b", "email"), ("+1", "plus"), ("in 2026 and 1234567", "number"), ("x" * 20, "secret")):
        assert signs.signs(text) == signs.Signs(**{name: name == shown for name in signs.Signs._fields})
    for text in ("in 2026-03-05 and 12 and AA0", "x" * 19, "", "a ~ b ://"):
        assert signs.signs(text) is None


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
    assert sent._IN_ANGLES.search(f"a{token}") or sent._IN_SQUARES.search(f"a{token}")


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
            assert markup._may_have_blank(text), text
            assert sent._IN_ANGLES.search(text) or sent._IN_SQUARES.search(text), text
    assert found > 500


def test_blanks_in_any_case_that_an_expression_knows() -> None:
    found = 0
    for word in ("insert", "paste", "add", "enter", "put", "type"):
        for point in [*range(0xD800), *range(0xE000, 0x11000)]:
            text = f"<{chr(point)}{word[1:]} text here>"
            if markup._BLANK.search(text):
                found += 1
                assert sent._IN_ANGLES.search(text), text
    assert found >= 14


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


def in_run(point: int) -> bool:
    return shape.shape_of(chr(point).encode()) in (shape.WORD, shape.DIGIT, shape.CAPITAL)


def runs(pattern: object) -> tuple[int, int, int, bool]:
    """Of what a parsed pattern matches: the characters of a secret's run that it surely begins with, ends with and has
    in a row, and whether it has nothing else."""
    first = last = most = 0
    whole = True
    for code, argument in pattern:  # type: ignore[attr-defined]
        name = str(code)
        match name:
            case "LITERAL":
                inside = in_run(argument)
                part = (1, 1, 1, True) if inside else (0, 0, 0, False)
            case "IN":
                inside = all(map(in_run, members(argument)))
                part = (1, 1, 1, True) if inside else (0, 0, 0, False)
            case "SUBPATTERN":
                part = runs(argument[-1])
            case "BRANCH":
                each = [runs(branch) for branch in argument[1]]
                part = (*(min(one[n] for one in each) for n in range(3)), all(one[3] for one in each))  # type: ignore[assignment]
            case "MAX_REPEAT" | "POSSESSIVE_REPEAT":
                least, _, inner = argument
                one = runs(inner)
                part = (least * one[0], least * one[1], least * one[2], True) if one[3] else (0, 0, 0, False)
                part = part if least else (0, 0, 0, one[3])
            case "AT" | "ASSERT" | "ASSERT_NOT":
                continue
            case _:
                part = (0, 0, 0, False)
        most = max(most, part[2], last + part[0])
        first = first + part[0] if whole else first
        last = last + part[1] if part[3] else part[1]
        whole = whole and part[3]
    return first, last, max(most, first, last), whole


def members(parts: list[tuple[object, object]]) -> list[int]:
    found: list[int] = []
    for code, argument in parts:
        if str(code) == "LITERAL":
            found.append(argument)  # type: ignore[arg-type]
        elif str(code) == "RANGE":
            found += range(argument[0], argument[1] + 1)  # type: ignore[index]
        else:
            found.append(0)  # classes and negations: more than letters
    return found


@pytest.mark.parametrize("issuer", issuers.ISSUERS, ids=lambda issuer: issuer.literals[0])
def test_every_secret_is_long_or_stands_with_what_is_looked_for(issuer: issuers.Issuer) -> None:
    longest = runs(re._parser.parse(issuer.pattern.pattern))[2]  # type: ignore[attr-defined]
    otherwise = {part for parts in signs._OTHERWISE for part in parts}
    assert longest >= signs.SHORTEST or otherwise & set(issuer.literals)


def test_the_run_of_a_pattern() -> None:
    for pattern, longest in (("ab-[0-9]{4}", 7), ("a b{3}", 3), ("(?:ab|c)d{2}", 3), ("a?b{3,9}", 3), ("a[.]b", 1)):
        assert runs(re._parser.parse(pattern))[2] == longest, pattern  # type: ignore[attr-defined]


def test_secrets_among_keywords() -> None:
    key = "sk-" + "".join(random.Random(9).choices("abcdefghijkmnpqrstuvwxyz23456789", k=40))
    for text in ("additionalProperties: false\n", "unevaluatedProperties additionalProperties"):
        assert signs.signs(text) is None
        assert signs.signs(f"{text} {key}") == (True, False, False, False)
        assert len(issuers.secrets(f"{text} {key} {text}")) == 1


def test_hidden_characters() -> None:
    dice = random.Random(5)
    found = 0
    for point in [*range(0x20, 0x3000), *range(0xFE00, 0x10000), *range(0x1D100, 0x1D200), *range(0xE0000, 0xE0200)]:
        text = "a" + chr(point) * dice.choice((1, 2)) + "b"
        if any(hidden._hidden(match) for match in hidden._HIDDEN.finditer(text)):
            found += 1
            assert hidden._ANY.search(hidden._beyond_ascii(text)), hex(point)
    assert found > 100


def test_placeholders_of_other_syntaxes() -> None:
    found = 0
    for text in texts("{{{}}}%%%$$(s)<>a` \n", 24):
        matches = [match for match in names._OTHER.finditer(texts_rules.blank_code(text)) if not match["angle"]]
        found += bool(matches)
        assert not matches or names._may_have_other(text), text
        source = spoken(text)
        apart = names._may_have_brace(texts_rules.braced(source)) or names._may_have_percent(text)
        assert not matches or apart, text
    assert found > 200


def spoken(text: str) -> Source:
    prompt = Prompt("a", "prompts/a.prompt.yml", (Message("user", text),))
    return Source(Loaded("a", prompt.path, prompt, None, (), ()), files({}))


def test_every_pair_of_braces_stands_from_the_first_to_the_last() -> None:
    for text in texts("{{{}}}%% a\n", 24):
        stretch = texts_rules.braced(spoken(text))
        for opening, closing in (("{", "}"), ("{{", "}}"), ("{%", "%}")):
            pair = re.escape(opening) + ".*?" + re.escape(closing)
            assert re.findall(pair, text, re.DOTALL) == re.findall(pair, stretch, re.DOTALL), text


def test_what_stands_between_a_tag_and_its_closing_tag() -> None:
    dice = random.Random(17)
    parts = (
        "<a>",
        "{{v}}",
        "</a>",
        "<b x='1'>",
        "</b >",
        "<a/>",
        "<a.b>",
        "text",
        "<",
        "```",
        ">",
        "{{v}}</a>",
        "</a.b>",
    )
    found = 0
    for _ in range(9_000):
        text = "".join(dice.choices(parts, k=dice.randint(2, 9)))
        enclosed = outside._enclosed(text)
        for place in re.finditer(r"\{\{", text):
            at = place.start() + 2
            if outside._PAIR.match(text, max(0, text.rfind("<", 0, at))):
                found += 1
                assert any(start <= at < end for start, end in enclosed), (text, at)
    assert found > 300


@pytest.mark.parametrize("template_format", ["simple", "jinja2"])
def test_names_that_a_template_can_write(template_format: str) -> None:
    found = 0
    for name in (*texts("aZ_09-. é漢{}ªµ", 6), "not", "loop", "self", "", "\u2118", "x\u0301"):
        if names._are_writable([name], template_format):
            found += 1
            prompt = Prompt("a", "prompts/a.prompt.yml", (), template_format=template_format)
            assert names._unwritable(name, prompt) is None, name
    assert found > 100


@pytest.mark.parametrize("template_format", ["simple", "jinja2"])
def test_variables_that_stand_by_themselves(template_format: str) -> None:
    found = 0
    tainted = {name: outside.Taint(name, frozenset({()})) for name in ("a", "b", "ab")}
    for text in [
        "".join(random.Random(n).choices(("{{a}}", "{{ ab }}", "{{b }}", "a{", "b\n", "}"), k=6)) for n in range(900)
    ]:
        plain = pieces(text, template_format) or ()
        starts = line_starts(text)
        uses = [(starts[use.line - 1] + use.column - 1, use.name) for use in plain if not isinstance(use, str)]
        assert [(at, name) for at, name, _ in outside._named(text, plain, tainted)] == uses, text
        found += len(uses)
    assert found > 500
