"""The tokenizers against tiktoken: the same ranks by its own hashes, the same count of every text."""

from __future__ import annotations

import base64
import hashlib
import random
import zlib
from pathlib import Path

import pytest
import tiktoken
from tiktoken_ext import openai_public

from onbook.tokens.bpe import Encoding, _merge, _merge_long, encoding
from onbook.tokens.data import load

NAMES = ("cl100k_base", "o200k_base")
ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
PIECES = [
    "a", "B", "é", "Ж", "中", "あ", "한", "1", "\uff12", " ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "'\u017f", "-",
    "/", "//\n", "<|im_start|>", "{{x}}", "\u0301", "ǅ", "😀", "\u00a0", "\u2028", "\x1c", "\x85", "the", " quick",
    "f(){", "ﬁ", "\u0661", "ß", "İ", "Ǆ", "\U000e0041",
]  # fmt: skip


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tiktoken.Encoding]:
    """tiktoken with our ranks in its cache: it refuses a file that has not the hash which it publishes."""
    cache = tmp_path_factory.mktemp("ranks")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(cache))
        for name in NAMES:
            (cache / hashlib.sha1(ADDRESS.format(name).encode()).hexdigest()).write_bytes(unpacked(name))
            found[name] = tiktoken.Encoding(**getattr(openai_public, name)())
    return found


def unpacked(name: str) -> bytes:
    raw = zlib.decompress(load(f"{name}.bin"))
    count = int.from_bytes(raw[:4], "big")
    lines, at = [], 4 + count
    for rank, length in enumerate(raw[4:at]):
        lines.append(b"%s %d\n" % (base64.b64encode(raw[at : at + length]), rank))
        at += length
    assert at == len(raw)
    return b"".join(lines)


def differing(ours: Encoding, theirs: tiktoken.Encoding, texts: list[str]) -> list[str]:
    return [text for text in texts if ours.count(text) != len(theirs.encode_ordinary(text))]


@pytest.mark.parametrize("name", NAMES)
def test_every_character_is_of_the_same_class(name: str, theirs: dict[str, tiktoken.Encoding]) -> None:
    rng = random.Random(7)
    codes = [*range(0xD800), *range(0xE000, 0x3400), *rng.sample(range(0xE000, 0x110000), 8_000)]
    texts = [f"a{c}b {c}'s'{c} 1{c}2 {c}\n{c}{c} " for c in map(chr, codes)]
    assert not differing(encoding(name), theirs[name], rng.sample(texts, 12_000))


@pytest.mark.parametrize("name", NAMES)
def test_mixed_text_counts_the_same(name: str, theirs: dict[str, tiktoken.Encoding]) -> None:
    rng = random.Random(1)
    texts = ["".join(rng.choices(PIECES, k=rng.randrange(1, 40))) for _ in range(6_000)]
    texts += ["".join(rng.choices("abcABC", k=rng.randrange(90, 400))) for _ in range(100)]
    texts += [rng.choice("aA=- \n1中é") * rng.randrange(90, 3_000) for _ in range(60)]
    texts += [path.read_text("utf-8") for path in Path(__file__).parents[2].glob("prompts/**/*.yml")]
    assert not differing(encoding(name), theirs[name], texts)


@pytest.mark.parametrize("text", ["a" * 100_000, " " * 100_000 + "a", "\n" * 50_000, "=" * 100_000, "中" * 30_000])
def test_one_endless_word_is_counted_in_linear_work(text: str, theirs: dict[str, tiktoken.Encoding]) -> None:
    for name in NAMES:
        assert encoding(name).count(text) == len(theirs[name].encode_ordinary(text))


def test_the_heap_joins_as_the_plain_loop_does() -> None:
    ranks = encoding("o200k_base")._ranks
    rng = random.Random(3)
    for _ in range(400):
        piece = bytes(rng.choices(b"abcdeEIN \xc3\xa9\xe4", k=rng.randrange(1, 120)))
        assert _merge(piece, ranks) == _merge_long(piece, ranks)


def test_a_lone_surrogate_is_counted_as_some_character() -> None:
    assert encoding("o200k_base").count("a\ud800b") == 3
