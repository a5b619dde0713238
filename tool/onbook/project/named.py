"""The files that a prompt names, told without making a prompt of it: for whoever asks that of thousands.

What is told may be too much (a reference within an example's data), never too little. Where that is not plain nothing
is told, and the loader has to say it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from onbook.formats import read_yaml
from onbook.patterns import later
from onbook.project.references import read_json
from onbook.prompt import SUFFIXES
from onbook.render import analyse

MAX_FILES = 64  # of one closure; the loader has the last word on longer ones

Read = Callable[[str], "bytes | None"]

# What the tag of an include begins with, and one that is whole and says its file plainly.
_BEGINNING = later(r"\{%[-+]?\s*include")
_INCLUDE = later(r"\{%[-+]?\s*include\s+(['\"])([A-Za-z0-9_./-]+)\1\s*[-+]?%\}")


# Without one of these no JSON has a key $ref: it may be escaped, or stand in UTF-16, which is read too.
_MARKS = (b"$ref", b"\\", b"\0")


class _UnclearError(Exception):
    """Only the loader can tell."""


def named_files(raw: bytes, path: str, folder: str, read: Read) -> list[str] | None:
    """The files that the closure of a prompt is made of, its own first; None where only the loader can tell.

    Args:
        raw: the bytes of the prompt's file at ``path``, below the prompts folder.
        read: the bytes of another file, None where they cannot be read.
    """
    # A word of the file stands in its bytes as it is, unless a backslash hides it.
    if b"\\" in raw:
        return None
    try:
        partials, others = _in_prompt(raw, path)
        found = dict.fromkeys([path])
        _follow(found, others, lambda each: _of_schema(each, read))
        _follow(found, [_below(folder, name) for name in partials], lambda each: _of_partial(each, folder, read))
    except (_UnclearError, UnicodeDecodeError):
        return None
    return list(found)


def _follow(found: dict[str, None], paths: Iterable[str], next_of: Callable[[str], Iterable[str]]) -> None:
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = None
            if len(found) > MAX_FILES:
                raise _UnclearError
            waiting += next_of(path)


def _in_prompt(raw: bytes, path: str) -> tuple[Iterable[str], list[str]]:
    """The partials that a prompt includes, by their names, and the paths of its schemas and examples."""
    text = raw.decode()
    if "$ref" not in text and "examples" not in text:
        literal = [found[2] for found in _INCLUDE.finditer(text)]
        if len(literal) != len(_BEGINNING.findall(text)):
            raise _UnclearError
        return literal, []
    document, problems = read_yaml(raw, path)
    if document is None or problems or not isinstance(document.data, dict):
        raise _UnclearError
    data = document.data
    if isinstance(data.get("jsonSchema"), str) and "$ref" in data["jsonSchema"]:
        raise _UnclearError
    others = [_beside(path, reference) for reference in _references(data)]
    if isinstance(data.get("examples"), str):
        others.append(_beside(path, data["examples"]))
    return _included(data), others


def _included(data: dict[str, object]) -> Iterator[str]:
    messages = data.get("messages")
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str) and "include" in content and data.get("templateFormat") == "jinja2":
            yield from _uses(content)


def _uses(text: str) -> Iterator[str]:
    analysed = analyse(text, "jinja2")
    if analysed.problems:
        raise _UnclearError
    return (use.name for use in analysed.includes)


def _of_partial(path: str, folder: str, read: Read) -> list[str]:
    raw = read(path)
    return [] if raw is None or b"include" not in raw else [_below(folder, name) for name in _uses(raw.decode())]


def _of_schema(path: str, read: Read) -> list[str]:
    raw = read(path)
    if raw is None or not any(mark in raw for mark in _MARKS):
        return []
    return [_beside(path, reference) for reference in _of_json(raw)]


@lru_cache(maxsize=256)
def _of_json(raw: bytes) -> tuple[str, ...]:
    try:
        return tuple(_references(read_json(raw)))
    except (ValueError, RecursionError):
        raise _UnclearError from None


def _references(data: object) -> Iterator[str]:
    """What stands under ``$ref`` anywhere, references within the same file left out."""
    waiting = [data]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                yield reference
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _beside(path: str, reference: str) -> str:
    """The file that a reference of the file at ``path`` leads to."""
    target = reference.partition("#")[0]
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if ":" in target or target.startswith("/") or joined.startswith("..") or joined.endswith(SUFFIXES):
        raise _UnclearError
    return joined


def _below(folder: str, name: str) -> str:
    """The partial of this name."""
    target = posixpath.normpath(f"{folder}/{name}")
    if name.startswith("/") or not target.startswith(f"{folder}/"):
        raise _UnclearError
    return target
