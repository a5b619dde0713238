"""``$ref`` in schemas: bundled into one schema, from files of the same repository and nowhere else."""

from __future__ import annotations

import json
import marshal
import posixpath
import re
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from onbook.formats import MAX_FILE_BYTES, Pointer, read_yaml
from onbook.formats.faults import json_fault
from onbook.nearest import nearest
from onbook.prompt import SUFFIXES
from onbook.repo import Snapshot, SnapshotError

# More files than anyone refers to, and more levels than anyone nests: few enough to stop in time.
MAX_FILES = 64
MAX_DEPTH = 64

# What stands under these is data, even where it is spelt $ref; what stands under those is named by people.
_DATA = ("enum", "const", "default", "examples")
_NAMED = (
    *("properties", "patternProperties", "$defs", "definitions"),
    *("dependentSchemas", "dependentRequired", "dependencies"),
)
# What a schema has parts in.
_NESTED = (dict, list)
# An embedded schema with an identity of its own would change what its references are relative to.
_IDENTITY = ("$id", "$schema")


class Complain(Protocol):
    """Takes a problem's code and message, and the place of the reference in the prompt's file."""

    def __call__(self, code: str, message: str, at: Pointer, hint: str | None = None) -> None: ...


class _Where(NamedTuple):
    """A file, the place where its schema will stand in the bundle, and the reference that led there."""

    path: str
    base: str
    at: Pointer

    @property
    def told(self) -> str:
        return f" in {self.path}" if self.base else ""

    def within(self, steps: Pointer) -> _Where:
        """The place of a part. Within the prompt's own file it is known to the key, elsewhere as the reference's."""
        return self if self.base else _Where(self.path, self.base, self.at + steps)


class Bundler:
    """Inlines references to other files under ``$defs`` of the schema that makes them.

    Attributes:
        files: the paths that were read, in order.
    """

    def __init__(self, snapshot: Snapshot, complain: Complain) -> None:
        self.snapshot = snapshot
        self.complain = complain
        self.files: list[str] = []
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()
        self._waiting: deque[_Where] = deque()

    def bundle(self, schema: object, path: str, at: Pointer) -> object:
        """The schema of the file at ``path``, with every reference to another file made a local one."""
        own = schema.get("$defs") if isinstance(schema, Mapping) else None
        self._names, self._taken = {}, set(own) if own is not None and isinstance(own, Mapping) else set()
        bundled = self._rewrite(schema, _Where(path, "", at))
        definitions: dict[str, object] = {}
        # One file after another, not one within another: a long chain of files must not exhaust the stack.
        while self._waiting:
            where = self._waiting.popleft()
            schema, as_it_is = self._read(where)
            definitions[self._names[where.path]] = schema if as_it_is else self._rewrite(schema, where)
        if definitions and isinstance(bundled, dict):
            return {**bundled, "$defs": {**bundled.get("$defs", {}), **definitions}}
        return bundled

    def _rewrite(self, node: object, where: _Where, steps: Pointer = (), *, names: bool = False) -> object:
        """A copy of a part of the schema of ``where``, which stands below these steps."""
        depth = len(steps)
        if depth > MAX_DEPTH:
            message = f"the schema{where.told} is nested deeper than {MAX_DEPTH} levels"
            self.complain("ref-syntax", message, where.within(steps).at)
            return True
        if isinstance(node, list):
            return [
                self._rewrite(part, where, (*steps, key)) if isinstance(part, _NESTED) or depth == MAX_DEPTH else part
                for key, part in enumerate(node)
            ]
        if type(node) is not dict and not isinstance(node, Mapping):
            return node
        copied: dict[str, object] = {}
        for key, part in node.items():
            if not isinstance(part, _NESTED) and key != "$ref" and key not in _IDENTITY and depth < MAX_DEPTH:
                copied[key] = part
            elif names:
                copied[key] = self._rewrite(part, where, (*steps, key))
            elif key == "$ref" and isinstance(part, str):
                local = self._local(part, where.within((*steps, key)))
                if local is not None:
                    copied[key] = local
            elif key in _DATA:
                copied[key] = part
            elif not (where.base and key in _IDENTITY):
                copied[key] = self._rewrite(part, where, (*steps, key), names=key in _NAMED)
        return copied

    def _local(self, reference: str, where: _Where) -> str | None:
        """The reference within the bundle that stands for one in some file."""
        target, _, fragment = reference.partition("#")
        if fragment and not fragment.startswith("/") and (target or where.base):
            message = f"$ref {reference!r}{where.told} names an anchor of another file"
            self.complain("ref-syntax", message, where.at, f"write the path to it, as in {target}#/$defs/{fragment}")
            return None
        if not target:
            return f"#{where.base}{fragment}"
        found = self._resolve(target, where)
        if found is None:
            return None
        if found not in self._names:
            if found not in self.files and len(self.files) + len(self._waiting) >= MAX_FILES:
                self.complain("ref-too-many", f"more than {MAX_FILES} schema files are referred to", where.at)
                return None
            self._names[found] = name = self._name(found)
            self._waiting.append(_Where(found, f"/$defs/{name}", where.at))
        return f"#/$defs/{self._names[found]}{fragment}"

    def _resolve(self, target: str, where: _Where) -> str | None:
        if ":" in target or target.startswith("//"):
            message = f"$ref {target!r}{where.told} is a URL, and only files of this repository are read"
            hint = "copy the schema into this repository, and refer to the copy by its path"
            self.complain("ref-url", message, where.at, hint)
            return None
        joined = _joined(where.path.rpartition("/")[0], target)
        if joined is None:
            message = f"$ref {target!r}{where.told} leads out of the repository"
            self.complain("ref-outside", message, where.at, f"write the path from the folder of {where.path}")
            return None
        if joined.endswith(SUFFIXES):
            message = f"$ref {target!r}{where.told} leads into a prompt file, which is no schema"
            hint = "put the schema into a file of its own, and let both refer to it; #/$defs/... is this same schema"
            self.complain("ref-syntax", message, where.at, hint)
            return None
        return joined

    def _read(self, where: _Where) -> tuple[object, bool]:
        """A file's schema, and whether it can stand in the bundle as it is."""
        path = where.path
        try:
            raw = self.snapshot.read(path)
        except (SnapshotError, ValueError) as error:
            what = error.message if isinstance(error, SnapshotError) else str(error)
            self.complain("ref-missing", f"$ref to {path!r}: {what}", where.at, near_file(self.snapshot, path))
            return True, True
        if path not in self.files:
            self.files.append(path)
        wrong = f"the file has {len(raw):,} bytes; at most {MAX_FILE_BYTES:,} are read"
        if len(raw) <= MAX_FILE_BYTES:
            if path.endswith((".yml", ".yaml")):
                document, problems = read_yaml(raw, path)
                if document is not None and not problems:
                    return document.data, False
                wrong = f"no readable YAML at {problems[0].place}: {problems[0].message}"
            else:
                try:
                    return _shared_json(raw)
                except json.JSONDecodeError as error:
                    wrong = f"no readable JSON: {json_fault(error)}"
                except (ValueError, RecursionError) as error:
                    wrong = f"no readable JSON: {error}"
        self.complain("ref-syntax", f"$ref to {path!r}: {wrong}", where.at)
        return True, True

    def _name(self, path: str) -> str:
        """A name for a file's schema that stands in a URI fragment as it is, and that nothing else there has."""
        stem = _stem(path)
        name, number = stem, 1
        while name in self._taken:
            number += 1
            name = f"{stem}{number}"
        self._taken.add(name)
        return name


@lru_cache(maxsize=512)
def _joined(folder: str, target: str) -> str | None:
    """The path that a reference leads to from a folder; None where that is outside of the repository."""
    joined = posixpath.normpath(posixpath.join(folder, target))
    return None if target.startswith("/") or joined == ".." or joined.startswith("../") else joined


@lru_cache(maxsize=512)
def _stem(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", posixpath.basename(path).split(".")[0]) or "schema"


def may_refer(schema: Any) -> bool:
    """Whether a schema of YAML's data may have a key ``$ref``, told without walking through it."""
    try:
        return b"$ref" in marshal.dumps(schema, 2)  # where texts stand as they are, however often they come
    except ValueError:  # nested too deep for it
        return True


@lru_cache(maxsize=256)
def _shared_json(raw: bytes) -> tuple[object, bool]:
    """What many prompts refer to is read once, and nobody changes it.

    It can stand in a bundle as it is where no key of it can be ``$ref`` or an identity, and it has too few brackets to
    be nested too deep.
    """
    brackets = raw.count(b"{") + raw.count(b"[")
    return read_json(raw), b"$" not in raw and b"\\" not in raw and brackets <= MAX_DEPTH


def read_json(text: str | bytes) -> object:
    """JSON by its grammar, which Python's reader stretches.

    Raises:
        ValueError: NaN, an infinity, or no JSON at all (``json.JSONDecodeError`` then, with its position).
        RecursionError: nested far too deep.
    """

    def refuse(token: str) -> object:
        raise ValueError(f"{token} is a number that JSON does not have")

    return json.loads(text, parse_constant=refuse)


def near_file(snapshot: Snapshot, path: str) -> str:
    """What to say of a file that is not there: the nearest one beside it."""
    folder, name = posixpath.split(path)
    beside = [posixpath.basename(other) for other in snapshot.entries(folder) if posixpath.dirname(other) == folder]
    near = nearest(name, beside)
    found = posixpath.join(folder, near) if near else None
    return f"did you mean {found}?" if found else "paths begin at the folder of the file that holds them"
