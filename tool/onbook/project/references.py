"""``$ref`` in schemas: bundled into one schema, from files of the same repository and nowhere else."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Mapping

from onbook.formats import Pointer, read_yaml
from onbook.repo import Snapshot, SnapshotError

# A schema within a schema within a schema: deeper than anyone writes, shallow enough to stop in time.
MAX_FILES = 64

_DATA = ("enum", "const", "default", "examples")
# An embedded schema with an identity of its own would change what its references are relative to.
_IDENTITY = ("$id", "$schema")

Complain = Callable[[str, str, Pointer], None]


class Bundler:
    """Inlines references to other files under ``$defs`` of the schema that makes them.

    Args:
        complain: called with a problem's code, its message, and the place of the reference in the prompt's file.

    Attributes:
        files: the paths that were read, in order.
    """

    def __init__(self, snapshot: Snapshot, complain: Complain) -> None:
        self.snapshot = snapshot
        self.complain = complain
        self.files: list[str] = []
        self._home = ""
        self._definitions: dict[str, object] = {}
        self._names: dict[str, str] = {}

    def bundle(self, schema: object, path: str, at: Pointer) -> object:
        """The schema of the file at ``path``, with every reference to another file made a local one."""
        self._home, self._definitions, self._names = path, {}, {}
        bundled = self._rewrite(schema, path, "", at)
        if self._definitions and isinstance(bundled, dict):
            own = bundled.get("$defs")
            return {**bundled, "$defs": {**(own if isinstance(own, dict) else {}), **self._definitions}}
        return bundled

    def _rewrite(self, node: object, path: str, base: str, at: Pointer) -> object:
        """Copy a part of the file at ``path``, whose schema will stand at ``base`` of the bundle."""
        if isinstance(node, list):
            return [self._rewrite(part, path, base, (*at, number)) for number, part in enumerate(node)]
        if not isinstance(node, Mapping):
            return node
        # What stands in an enum, const or default is data, even where it is spelt $ref.
        copied = {
            key: part if key in _DATA else self._rewrite(part, path, base, (*at, key))
            for key, part in node.items()
            if not (base and key in _IDENTITY)
        }
        reference = node.get("$ref")
        if isinstance(reference, str):
            local = self._local(reference, path, base, (*at, "$ref"))
            if local is None:
                del copied["$ref"]
            else:
                copied["$ref"] = local
        return copied

    def _local(self, reference: str, path: str, base: str, at: Pointer) -> str | None:
        """The reference within the bundle that stands for one in the file at ``path``."""
        target, _, fragment = reference.partition("#")
        if not target:
            return f"#{base}{fragment}"
        found = self._resolve(target, path, at)
        if found is None:
            return None
        if found == self._home:
            return f"#{fragment}"
        if found not in self._names:
            self._names[found] = name = _definition_name(found, set(self._names.values()))
            place = f"/$defs/{name}"
            self._definitions[name] = self._rewrite(self._read(found, at), found, place, at)
        return f"#/$defs/{self._names[found]}{fragment}"

    def _resolve(self, target: str, path: str, at: Pointer) -> str | None:
        if ":" in target or target.startswith("//"):
            self.complain("ref-url", f"$ref {target!r} is a URL, and a schema may only refer to files here", at)
            return None
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if target.startswith("/") or joined.startswith(".."):
            self.complain("ref-outside", f"$ref {target!r} leads out of the repository", at)
            return None
        if len(self.files) >= MAX_FILES:
            self.complain("ref-too-many", f"more than {MAX_FILES} schema files are referred to", at)
            return None
        return joined

    def _read(self, path: str, at: Pointer) -> object:
        try:
            raw = self.snapshot.read(path)
        except SnapshotError as error:
            self.complain("ref-missing", f"$ref to {path!r}: {error.message}", at)
            return True
        self.files.append(path)
        if path.endswith((".yml", ".yaml")):
            document, problems = read_yaml(raw, path)
            if document is not None and not problems:
                return document.data
            self.complain("ref-syntax", f"{path} is no readable YAML: {problems[0].message}", at)
            return True
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as error:
            self.complain("ref-syntax", f"{path} is no readable JSON: {error}", at)
            return True


def _definition_name(path: str, taken: set[str]) -> str:
    stem = posixpath.basename(path).split(".")[0] or "schema"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}{number}"
    return name
