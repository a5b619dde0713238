"""The manifest: which bytes a release is, as its tag's message records them.

The message of a release tag is notes for people, then trailers for machines::

    support/triage 1.4.0

    - minor OD301 the wording of message 2 changed

    Onbook-Digest: sha256:3b0c...
    Onbook-Bump: minor
    Onbook-Previous: 1.3.2
    Onbook-Rules: OD301
    Onbook-Tests: 12 passed, 1 xfailed
    Onbook-File: 100644 <blob id> <sha256 of the bytes> prompts/support/triage.prompt.yml

Trailers are read from the raw tag object: git's own formatting prints none for tags that are signed with ssh.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onbook.errors import IntegrityError

REGULAR_MODES = ("100644", "100755")

_FILE = re.compile(r"(\d{6}) ([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{64}) (.+)")
_TRAILER = re.compile(r"(Onbook-[A-Za-z]+): (.*)")
_SIGNATURE = re.compile(r"^-----BEGIN (?:PGP|SSH) (?:SIGNATURE|MESSAGE)-----$", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class ClosureFile:
    """One file of a closure.

    Attributes:
        path: from the repository's root.
        mode: git's, six digits; only regular files are read.
        blob: git's object id, empty where the file has none yet (the work tree).
        sha256: of the bytes as git stores them, hexadecimal.
    """

    path: str
    mode: str
    blob: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.mode} {self.blob} {self.sha256} {self.path}"


def sha256(data: bytes) -> str:
    """Hexadecimal sha256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def digest(files: Iterable[ClosureFile]) -> str:
    """``sha256:<hex>`` over the sorted lines ``<path> <sha256>`` of a closure, each ended by a line feed.

    It proves bytes and depends on no parser. Whether a release is needed is never read off it: that is diff's verdict.
    """
    lines = sorted(f"{file.path} {file.sha256}\n" for file in files)
    return f"sha256:{sha256(''.join(lines).encode())}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the trailers of a release tag say."""

    digest: str
    bump: str
    files: tuple[ClosureFile, ...]
    previous: str | None = None
    rules: tuple[str, ...] = ()
    tests: str = ""

    def trailers(self) -> str:
        """The trailers as they stand at the end of a tag's message."""
        lines = [f"Onbook-Digest: {self.digest}", f"Onbook-Bump: {self.bump}"]
        if self.previous:
            lines.append(f"Onbook-Previous: {self.previous}")
        if self.rules:
            lines.append(f"Onbook-Rules: {', '.join(self.rules)}")
        lines.append(f"Onbook-Tests: {self.tests}")
        lines += [f"Onbook-File: {file}" for file in sorted(self.files)]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class TagObject:
    """An annotated tag taken apart: what it points at, the name it gives itself, who wrote it when, and its message."""

    target: str
    type: str
    name: str
    tagger: str
    message: str

    @staticmethod
    def parse(raw: bytes, place: str) -> TagObject:
        """Read a raw tag object; the signature is left out of the message.

        Raises:
            IntegrityError: the object is no annotated tag.
        """
        head, _, body = raw.decode("utf-8", "replace").partition("\n\n")
        fields = dict(line.split(" ", 1) for line in head.split("\n") if " " in line and line[0] != " ")
        if not {"object", "type", "tag"} <= fields.keys():
            raise IntegrityError("this is not an annotated tag", place=place)
        message = _SIGNATURE.split(body, maxsplit=1)[0]
        return TagObject(fields["object"], fields["type"], fields["tag"], fields.get("tagger", ""), message)

    @property
    def notes(self) -> str:
        """The message without its trailers."""
        return "\n".join(line for line in self.message.split("\n") if not _TRAILER.fullmatch(line)).strip()

    def manifest(self, place: str) -> Manifest:
        """The manifest in the message's last paragraph, checked against its own digest.

        Raises:
            IntegrityError: trailers are missing or malformed, or the digest is not that of the files listed.
        """
        fields = _trailers(self.message)
        files = tuple(_file(text, place) for text in fields.get("Onbook-File", ()))
        stated = fields.get("Onbook-Digest", [""])[0]
        if not files or not stated:
            raise IntegrityError(
                f"tag {self.name} was not written by onbook: it has no Onbook-Digest and Onbook-File trailers",
                place=place,
                hint="releases are made with `onbook release`",
            )
        if (computed := digest(files)) != stated:
            raise IntegrityError(
                f"tag {self.name} states digest {stated}, but its own file list has {computed}", place=place
            )
        rules = [rule for text in fields.get("Onbook-Rules", ()) for rule in text.split(", ")]
        return Manifest(
            digest=stated,
            bump=fields.get("Onbook-Bump", [""])[0],
            files=files,
            previous=fields.get("Onbook-Previous", [None])[0],
            rules=tuple(rules),
            tests=fields.get("Onbook-Tests", [""])[0],
        )


def _trailers(message: str) -> Mapping[str, list[str]]:
    # Only the last paragraph counts: a line of the notes that looks like a trailer is somebody's words.
    fields: dict[str, list[str]] = {}
    for line in message.rstrip("\n").rpartition("\n\n")[2].split("\n"):
        if match := _TRAILER.fullmatch(line):
            fields.setdefault(match[1], []).append(match[2])
    return fields


def _file(text: str, place: str) -> ClosureFile:
    match = _FILE.fullmatch(text)
    path = match[4] if match else ""
    if not match or path.startswith("/") or "\\" in path or {"", ".", ".."} & set(path.split("/")):
        raise IntegrityError(f"malformed Onbook-File trailer: {text!r}", place=place)
    if match[1] not in REGULAR_MODES:
        raise IntegrityError(f"{path} has mode {match[1]}, and only regular files are read", place=place)
    return ClosureFile(path, match[1], match[2], match[3])
