"""The reader of plain block style against libyaml: on what it takes it says the same, places included."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import corpus
from onbook.formats import Document, Pointer, blocks, read_yaml
from onbook.formats.compose import compose
from onbook.formats.document import Lines

OWN = sorted((Path(__file__).parents[2] / "prompts").rglob("*.yml"))
CORPUS = [text for path, text in corpus.files(60, defects=True) if path.endswith(".prompt.yml")]
PIECES = (
    *(
        "\n",
        " ",
        "  ",
        "\n\n",
        "- ",
        ": ",
        ":",
        "#",
        " # why",
        "|",
        "|-",
        "|+",
        ">",
        "|2",
        "|2-",
        "|4+\n",
        "|\n\n    f\n",
        "'",
        '"',
        "''",
        "[",
        "]",
        "{",
    ),
    *("}", ", ", "~", "null", "true", "1e5", "0x1F", ".5", "-", "&a ", "*a", "!!str ", "? ", "---\n", "...\n", "%"),
    *(
        "@",
        "`",
        "é",
        "\u2028",
        "\x85",
        "\t",
        "\r\n",
        "\\n",
        "a: b\n",
        "- c\n",
        "  d: |\n    e\n\n",
        "[f, g]\n",
        "['a, b', \"c\", d]\n",
        "{h: i, j: 2}\n",
    ),
    *("\nname:", "<<: x\n", "k:\n  - l\n", "k:\n- l\n", "=\n", "0\n", "  # alone\n", "\ufeff"),
)


def same(text: str) -> bool:
    """Whether the reader takes the text; that it then reads it as libyaml does."""
    starts: list[int] = []
    found = blocks.read(text, starts)
    if found is None:
        return False
    told = compose(text)
    assert told.sound, text
    assert not told.flaws, text
    # As it is written, for 1 equals true and 1.0.
    assert (repr(found), starts) == (repr(told.data), told.starts), text
    placed(text, list(walked(told.data, iter(starts))))
    return True


def walked(data: object, starts: Iterator[int], pointer: Pointer = ()) -> Iterator[tuple[Pointer, int, int]]:
    """Every pointer of a document, with where its key and its value start."""
    if not pointer:
        start = next(starts)
        yield (), start, start
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in parts:
        key = next(starts)
        yield (*pointer, step), key, next(starts) if isinstance(data, dict) else key
        yield from walked(value, starts, (*pointer, step))


def placed(text: str, places: list[tuple[Pointer, int, int]]) -> None:
    """A document that is asked from the end on, and one that is asked only once, tell the right places."""
    lines = Lines(text)
    asked = sound(text)
    for number, (pointer, key, value) in enumerate(reversed(places)):
        for document in (asked, *([sound(text)] if number % 9 == 0 else [])):
            told = document.place(pointer, key=True), document.place(pointer)
            assert told == (lines.mark(key), lines.mark(value)), (pointer, text)
            nowhere = document.place((*pointer, "nowhere", 0))
            assert nowhere == lines.mark(value), (pointer, text)


def sound(text: str) -> Document:
    document, _ = read_yaml(text.encode(), "p.yml")
    assert document
    return document


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_own_prompts(path: Path) -> None:
    same(path.read_text("utf-8"))


def test_nearly_every_file_is_taken() -> None:
    assert sum(map(same, CORPUS)) > 0.9 * len(CORPUS)


def test_broken_files() -> None:
    dice = random.Random(20261121)
    texts = [*(path.read_text("utf-8") for path in OWN), *CORPUS[:20]]
    taken = 0
    for _ in range(3_000):
        text = dice.choice(texts)
        begin = dice.randrange(len(text))
        text = text[begin if dice.random() < 0.2 else 0 : begin + dice.randrange(400)]
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(text) + 1)
            text = text[:at] + dice.choice(PIECES) + text[at + dice.choice((0, 0, 1, 5)) :]
        taken += same(text if dice.random() < 0.2 else f"{text.rstrip()}\n")
    assert taken > 200


def test_made_of_pieces() -> None:
    dice = random.Random(2)
    pieces = (*PIECES, "a", "b: ", "c:\n", "\n  ", "\n    ")
    taken = sum(same("".join(dice.choices(pieces, k=dice.randint(1, 9))) + "\n") for _ in range(10_000))
    assert taken > 50


KEYS = ("a: b\n", "c:\n", "- d: e\n", "k:\n- m: n\n", "# o: p\n")
WORDS = (
    "words after a key", "true  ", "null ", "~", "a | b", "a # comment", "a#b", "a: b", "a:b", "c:", "'q: r'", '"q: r"',
    "{s: t}", "[u, v]", "|", "é", "1", "yes", "- w", "x:  y",
)  # fmt: skip


@pytest.mark.parametrize(
    "start", ["a: ", "c: ", "- d: ", "- ", "k:\n  - m: ", "# o: ", "z: ", "'a: ", "- 'a: ", "- {a: "]
)
def test_words_after_a_key_that_was_seen_before(start: str) -> None:
    for key in KEYS:
        blocks.read(key)
    taken = [words for words in WORDS if same(f"{start}{words}\n") | same(f"l:\n{start}{words}\n")]
    assert taken or start in ("'a: ", "- 'a: ", "- {a: ", "# o: ")


@pytest.mark.parametrize("indent", [1, 2, 7, 64, 65, 200])
def test_literal_blocks_however_far_they_are_indented(indent: int) -> None:
    within = " " * indent
    lines = (f"{within}one|two", "", f"{within}  three", f"{within}four: five", "", "")
    text = "\n".join(["a: x | y", "b: |", *lines, "c:", "  - d: |+", f"     {within}six", "", "e: 7", ""])
    assert same(text) is (indent + 5 <= 64)
    assert sound(text).data == compose(text).data
