"""The files that a prompt keeps in the repository, as they are written: what stands in one of them is in history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from onbook.formats.document import Lines
from onbook.patterns import later
from onbook.project import Source
from onbook.project.cases import CASE_SUFFIXES, LABELS_SUFFIX, RECORDINGS_SUFFIX, SUITE_SUFFIX, stem
from onbook.repo import SnapshotError
from onbook.rules.base import Hit
from onbook.rules.signs import Signs, shared_signs, signs
from onbook.rules.texts import memo, messages, texts


def at_word(first: str) -> str:
    """A pattern of one character (or a class) that begins a word: it stands behind no letter, digit or underscore.

    JSON and YAML write a line end as ``\\n``, whose n touches the word and is no part of it. What is asked of the
    characters before stands behind the first one, because ``re`` skips quickly to a first character alone.
    """
    return rf"{first}(?:(?<=\\[nrt]{first})|(?<![A-Za-z0-9_\\]{first}))"


@dataclass(frozen=True, slots=True)
class Kept:
    """One file as text, without its byte order mark; bytes that are no UTF-8 are replaced.

    Attributes:
        shown: the signs of what it may hold.
        recorded: whether it holds recorded answers, which repeat the messages and the cases that they answer.
        shared: whether it is a text of SHARED characters or less that other prompts may include too.
    """

    path: str
    text: str
    shown: Signs
    recorded: bool = False
    shared: bool = False

    def hit_at(self, offset: int, message: str, *, hint: str | None = None) -> Hit:
        """The place of the character at ``offset``."""
        return Hit(message, self.path, *_lines(self.text).mark(offset), hint)


@lru_cache(maxsize=4)
def _lines(text: str) -> Lines:
    """One file may have many findings."""
    return Lines(text)


def suspects(source: Source) -> list[Kept]:
    """Of the files that a prompt keeps those that show signs of a secret or of personal data: of most prompts none.

    They stand in this order: the prompt's own file, its partials and the rest of its closure, cases, suite, labels,
    recordings. Read as text and not as data: a place is exact, comments count, and a file too broken to be read still
    tells. What cannot be read as a file at all, other rules report.
    """
    return memo(source, "suspects", _suspects)


def _suspects(source: Source) -> Iterator[Kept]:
    own = source.document
    if own is not None:
        if shown := signs(own.text, own.shape):
            yield Kept(source.path, own.text, shown)
    elif found := _read(source, source.path):
        yield found
    told = {source.path}
    for text in texts(source)[len(messages(source)) :]:  # the partials
        told.add(text.path)
        shared = len(text.text) <= SHARED
        if shown := (shared_signs if shared else signs)(text.text):
            yield Kept(text.path, text.text, shown, shared=shared)
    others = {file.path: True for file in source.files if file.path not in told}
    if not (standing := source.tests.beside).isdisjoint(_BESIDE):
        start = stem(source.path)
        for path in [start + suffix for suffix in _BESIDE if suffix in standing]:
            others.setdefault(path, False)
    for path, shared in others.items():
        if source.snapshot.entry(path) is not None and (found := _read(source, path, shared=shared)):
            yield found


_BESIDE = (*CASE_SUFFIXES, SUITE_SUFFIX, LABELS_SUFFIX, RECORDINGS_SUFFIX)


def _read(source: Source, path: str, *, shared: bool = False) -> Kept | None:
    try:
        raw = source.snapshot.read(path)
    except (SnapshotError, ValueError):
        return None
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
    shared = shared and len(text) <= SHARED
    shown = (shared_signs if shared else signs)(text)
    return Kept(path, text, shown, path.endswith(RECORDINGS_SUFFIX), shared) if shown else None


def long_words(text: str, shortest: int) -> str:
    """The words of a text that have so many bytes or more, a line each: few texts have many, and secrets are long.

    A word ends at a blank of ASCII, so it may be more than what people call one, and never less.
    """
    raw = text.encode("utf-8", "surrogatepass")
    shape, run = raw.translate(_SHAPE), b"w" * shortest
    found, end = [], 0
    while (start := shape.find(run, end)) >= 0:
        end = shape.find(b" ", start)
        end = len(shape) if end < 0 else end
        found.append(raw[start:end])
    return b"\n".join(found).decode("utf-8", "surrogatepass")


_BLANKS = b" \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"
_SHAPE = bytes(ord(" ") if byte in _BLANKS else ord("w") for byte in range(256))

SHARED = 32_768
"""Characters of a text for which what was found in it is remembered: others may belong to many prompts too."""


@dataclass(frozen=True, slots=True)
class Match:
    """Something that should not stand in a file.

    Attributes:
        start: its first character.
        value: what it is as itself, never to be told; equal values are the same thing.
        what: how it is told.
    """

    start: int
    value: str
    what: str


def told_once(file: Kept, matches: Iterable[Match], told: set[str]) -> Iterator[Match]:
    """Every place, but of recordings only what they hold beyond the other files, once."""
    for match in matches:
        if not (file.recorded and match.value in told):
            told.add(match.value)
            yield match


# What a person writes where a secret or an address is meant.
PLACEHOLDER = later(
    r"(.)\1{5}|[xX]{4}|\*{3}|\.{3}|0123456|123456789|abcdefgh|(?i:example|placeholder|your|redacted|dummy|"
    r"sample|fake|changeme|insert|replace|notreal|secret_?key|api_?key)"
)
