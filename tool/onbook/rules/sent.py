"""The data that is sent with the messages: few-shot examples, defaults, tools and the schema of the answer."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from onbook.formats import Pointer, Row, read_rows
from onbook.patterns import later
from onbook.project import Source
from onbook.repo import SnapshotError
from onbook.rules.base import Hit
from onbook.rules.texts import Text, joined, memo, texts


@dataclass(frozen=True, slots=True)
class RowText:
    """A string in a row of a file of examples. ``template_format``: always ``simple``, for it is data."""

    path: str
    line: int
    text: str
    template_format: str = "simple"

    def hit_at(self, offset: int, message: str, *, hint: str | None = None) -> Hit:
        """The row: where in it the character stands is not known."""
        return Hit(message, self.path, self.line, hint=hint)


def everything(source: Source) -> list[Text | RowText]:
    """Every text that is sent: messages and partials, then examples, defaults, tools and the answer's schema."""
    return memo(source, "everything", _everything)


def unescaped(source: Source) -> str | None:
    """A text in which everything that is sent stands as it is; None where there is none such.

    Where nothing but messages is sent, these are it. Else it is all the files that what is sent is read from: escapes
    need a backslash, and examples in a file of their own are JSON. Whatever has no blanks in it and does not stand in
    this text stands in nothing that is sent.
    """
    known = source.memo
    if "unescaped" not in known:
        known["unescaped"] = _unescaped(source)
    found: str | None = known["unescaped"]
    return found


_BEYOND = ("examples", "tools", "jsonSchema")
"""The keys of what is sent with the messages; defaults of inputs are sent too."""


def _unescaped(source: Source) -> str | None:
    document, prompt = source.document, source.prompt
    if document is None or prompt is None:
        return None
    data = document.data
    if isinstance(data, dict) and data.keys().isdisjoint(_BEYOND) and not defaults(source):
        return joined(source)
    if "\\" in document.text or isinstance(written(source, "examples"), str):
        return None
    return "\n".join((document.text, *prompt.partials.values()))


def may_be_marked(source: Source) -> bool:
    """Whether a bracket in what is sent may begin a special token or a blank to be filled in: in most none does.

    Two rules ask for it, each of one of the two: a text is looked through but once.
    """
    known = source.memo
    if "marked" not in known:
        raw = unescaped(source)
        known["marked"] = raw is None or bool(_IN_ANGLES.search(raw) or ("[" in raw and _IN_SQUARES.search(raw)))
    found: bool = known["marked"]
    return found


# Each begins with one character, which ``re`` finds quickly; and so do the words, in any case that ``re`` knows.
_BLANKS = "[iI\u0130\u0131](?i:nsert)|[pP](?i:aste|ut)|[aA](?i:dd)|[eE](?i:nter)|[tT](?i:ype)"
_IN_ANGLES = later(rf"<(?:\||\uff5c|/SYS>>|SYS>>|start_of_turn>|end_of_turn>|{_BLANKS})")
_IN_SQUARES = later(rf"\[(?:/?(?:INST|AVAILABLE_|TOOL_|SYSTEM_)|{_BLANKS})")


def _everything(source: Source) -> Iterator[Text | RowText]:
    yield from texts(source)
    for key in _BEYOND:
        for pointer, text in strings(written(source, key), (key,)):
            yield text_at(source, pointer, text)
    for pointer, text in defaults(source):
        yield text_at(source, pointer, text)
    path, rows = example_rows(source)
    for row in rows:
        for _, text in strings(row.data):
            yield RowText(path, row.line, text)


def strings(value: object, pointer: Pointer = ()) -> Iterator[tuple[Pointer, str]]:
    """Every string of a value with its pointer, in order. Files are nested at most 64 deep."""
    if isinstance(value, str):
        yield pointer, value
    elif type(value) is dict or isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings(item, (*pointer, key))
    elif type(value) is list or isinstance(value, Sequence):
        for number, item in enumerate(value):
            yield from strings(item, (*pointer, number))


def written(source: Source, *pointer: str) -> object:
    """What stands at a place of the prompt's own file; None where nothing does."""
    value = source.document.data if source.document else None
    for step in pointer:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def text_at(source: Source, pointer: Pointer, text: str) -> Text:
    """A string of the prompt's own file that is data: braces in it mean nothing."""
    return Text(source.path, text, "simple", pointer=pointer, document=source.document)


def defaults(source: Source) -> list[tuple[Pointer, str]]:
    """The strings in the defaults of inputs; those of a schema that is referred to stand in another file."""
    return memo(source, "defaults", _defaults)


def _defaults(source: Source) -> list[tuple[Pointer, str]]:
    properties = written(source, "inputs", "properties")
    if not isinstance(properties, dict):
        return []
    return [
        string
        for name, schema in properties.items()
        if type(schema) is dict and "default" in schema
        for string in strings(schema["default"], ("inputs", "properties", name, "default"))
    ]


def example_rows(source: Source) -> tuple[str, list[Row]]:
    """The examples that stand in a file of their own: its path and its rows; no rows where there is none."""
    declared = written(source, "examples")
    if not isinstance(declared, str):
        return "", []
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source.path), declared))
    if path not in {file.path for file in source.files}:
        return path, []
    try:
        return path, read_rows(source.snapshot.read(path), path)[0]
    except SnapshotError:
        return path, []
