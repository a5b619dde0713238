"""YAML text -> plain data, and the place of every node, from libyaml's event stream.

Events and not nodes: libyaml's composer is quadratic on nested brackets and overflows the stack on deep nesting.
Nothing here asks for more than the next event, and reading stops at MAX_DEPTH.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from onbook.formats.bounds import MAX_DEPTH, MAX_FLAWS
from onbook.formats.explain import QUOTE_TEMPLATE, explain
from onbook.formats.scalars import NUMBER_STARTS, WORDS, plain, short, tagged

_CORE = "tag:yaml.org,2002:"
# libyaml compares each %TAG line with all before it: enough of them take seconds. No prompt has one.
_TAG_DIRECTIVE = re.compile(r"(?:\A|[\r\n\x85\u2028\u2029])(?=%TAG)")


class _SlowLoader(yaml.SafeLoader):
    """PyYAML's own reader, made to refuse what libyaml refuses: halves of surrogate pairs, what is beyond Unicode."""

    def get_event(self) -> Any:
        words = "found invalid Unicode character escape code"
        try:
            event: Any = super().get_event()  # type: ignore[no-untyped-call]
        except (OverflowError, ValueError) as error:
            if isinstance(error, ValueError) and "chr()" not in str(error):
                raise
            raise yaml.MarkedYAMLError(None, None, words, self.get_mark()) from None
        if type(event) is ScalarEvent and not event.value.isascii():
            try:
                event.value.encode()
            except UnicodeEncodeError:
                mark: Any = event.start_mark
                raise yaml.MarkedYAMLError(None, None, words, mark) from None
        return event


_Loader: Any = getattr(yaml, "CSafeLoader", _SlowLoader)


class Flaw(NamedTuple):
    """A problem before its path and line are known.

    Attributes:
        at: where, in characters from the start of the text.
        first: another place, whose line ends the message.
    """

    code: str
    at: int
    message: str
    hint: str | None = None
    first: int | None = None


class Composed(NamedTuple):
    """What came of a text.

    Attributes:
        data: the first document: of duplicate keys the first, None in place of a value that could not be read.
        starts: where every key and value of ``data`` starts, in the order of the text.
        sound: False where reading stopped, and ``data`` is None for that reason.
    """

    data: object
    starts: list[int]
    flaws: list[Flaw]
    sound: bool


class _StopError(Exception):
    """What follows cannot be read; the flaw is noted."""


def compose(text: str) -> Composed:
    """Reads one YAML document. Never raises."""
    composer = _Composer(text)
    data: object = None
    sound = False
    try:
        data = composer.document()
        sound = True
    except _StopError:
        pass
    except yaml.MarkedYAMLError as error:
        composer.flaws.append(Flaw("yaml-syntax", *explain(error, text)))
    except (yaml.YAMLError, ValueError) as error:
        # libyaml does not say where: a tag whose %-escapes are no UTF-8, for instance.
        words = " ".join(str(error).split())[:200]
        composer.flaws.append(Flaw("yaml-syntax", 0, f"not YAML: {words}"))
    return Composed(data, composer.starts, composer.flaws, sound)


def events(text: str) -> Iterator[Any]:
    """The parser's events of a text that was found sound.

    Raises:
        yaml.YAMLError: it is not sound.
    """
    found: Iterator[Any] = yaml.parse(text, Loader=_Loader)
    return found


class _Composer:
    """The state of one reading. Its methods raise _StopError and yaml.YAMLError."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts: list[int] = []
        self.flaws: list[Flaw] = []
        self.next: Callable[[], Any]

    def note(self, code: str, index: int, message: str, hint: str | None = None, first: int | None = None) -> None:
        if len(self.flaws) < MAX_FLAWS:
            self.flaws.append(Flaw(code, index, message, hint, first))

    def document(self) -> object:
        if "%TAG" in self.text and (directive := _TAG_DIRECTIVE.search(self.text)):
            hint = "delete the directive, and the tags that use it"
            self.note("yaml-tag", directive.end(), "a %TAG directive is not read", hint)
            raise _StopError
        loader = _Loader(self.text)
        try:
            self.next = loader.get_event
            self.next()  # the start of the stream
            first = self.next()
            root = first if type(first) is StreamEndEvent else self.next()
            if root is first or (
                type(root) is ScalarEvent and not (root.value or root.style or root.tag or root.anchor)
            ):
                self.note("empty-file", 0, "the file is empty", "write a YAML mapping, or delete the file")
                raise _StopError
            data = self.value(root, 0)
            self.next()  # the end of the document
            after = self.next()
            if type(after) is not StreamEndEvent:
                hint = 'keep one document a file: delete this line ("---") and what follows, or move it to another file'
                self.note("yaml-documents", after.start_mark.index, "a second document begins here", hint)
            return data
        finally:
            loader.dispose()

    def value(self, event: Any, depth: int) -> object:
        """The value that begins with this event; its start is added to ``starts``."""
        self.starts.append(event.start_mark.index)
        kind = type(event)
        if kind is ScalarEvent and event.tag is None and event.anchor is None:
            text = event.value
            if event.style or (text not in WORDS and text[0] not in NUMBER_STARTS):
                return text
        if kind is AliasEvent:
            hint = "write the value again here: aliases and anchors are refused"
            self.note("yaml-alias", event.start_mark.index, f"the alias {short('*' + event.anchor)} is not read", hint)
            return None
        if event.anchor is not None:
            hint = "delete the anchor, and write the value again where an alias stands for it"
            self.note("yaml-alias", event.start_mark.index, f"the anchor {short('&' + event.anchor)} is not read", hint)
        if kind is ScalarEvent:
            return event.value if event.tag is None and event.style else self.scalar(event)
        if depth >= MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} deep"
            self.note("yaml-depth", event.start_mark.index, message, "flatten the structure from here on")
            raise _StopError
        if event.tag is not None:
            self.tag(event, "map" if kind is MappingStartEvent else "seq")
        return self.mapping(depth + 1) if kind is MappingStartEvent else self.sequence(depth + 1)

    def scalar(self, event: Any) -> object:
        tag: str | None = event.tag
        text: str = event.value
        try:
            if tag is None:
                return plain(text)
            if tag == "!":
                return text
            if tag.startswith(_CORE):
                return tagged(tag.removeprefix(_CORE), text)
            raise ValueError(f"the tag {short(tag)} is not read")
        except ValueError as error:
            code = "yaml-number" if tag is None else "yaml-tag"
            hint = (
                "quote it if a string is meant"
                if tag is None
                else "delete the tag; quote the value if a string is meant"
            )
            self.note(code, event.start_mark.index, str(error), hint)
            return None if tag is None else text

    def tag(self, event: Any, own: str) -> None:
        """Notes the tag of a mapping or a list if it is another than its own."""
        if event.tag not in (_CORE + own, "!"):
            name = event.tag.replace(_CORE, "!!")
            self.note("yaml-tag", event.start_mark.index, f"the tag {short(name)} is not read", "delete the tag")

    def sequence(self, depth: int) -> list[object]:
        items = []
        while type(event := self.next()) is not SequenceEndEvent:
            items.append(self.value(event, depth))
        return items

    def mapping(self, depth: int) -> dict[str, object]:
        data: dict[str, object] = {}
        seen: dict[str, int] = {}
        starts = self.starts
        following = self.next
        while type(event := following()) is not MappingEndEvent:
            index = event.start_mark.index
            before = len(starts)
            key = self.key(event, depth)
            starts.append(index)
            value = self.value(following(), depth)
            if key is not None and key not in seen:
                seen[key] = index
                data[key] = value
                continue
            # A pair that is left out of the data is left out of the starts too.
            del starts[before:]
            if key is not None:
                hint = "delete one of the two, or rename it"
                self.note("duplicate-key", index, f"the key {short(key)} is already at", hint, seen[key])
        return data

    def key(self, event: Any, depth: int) -> str | None:
        """The key that begins with this event; None if it cannot stand for one, and the pair is to be left out."""
        if type(event) is ScalarEvent and event.tag is None and event.anchor is None:
            text = event.value
            if event.style or (text not in WORDS and text[0] not in NUMBER_STARTS):
                return text
        index = event.start_mark.index
        before = len(self.starts)
        told = len(self.flaws)
        value = self.value(event, depth)
        del self.starts[before:]
        if type(event) is not ScalarEvent:
            if len(self.flaws) == told:
                template = index and self.text.startswith("{{", index - 1)
                hint = QUOTE_TEMPLATE if template else "write the key as a string"
                self.note("yaml-key", index, "a mapping or a list is no key", hint)
            return None
        text = event.value
        if len(self.flaws) > told and self.flaws[-1].code == "yaml-number":
            self.flaws.pop()  # of a key, it matters only that it is no string
        if not isinstance(value, str) and len(self.flaws) == told:
            message = f"unquoted, the key {short(text)} is no string" if text else "a key is missing before the colon"
            self.note("yaml-key", index, message, "put it in quotes" if text else "write a key, or quote the text")
        return text
