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
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from onbook.errors import IntegrityError, UsageError
from onbook.patterns import later

REGULAR_MODES = ("100644", "100755")
MAX_PATH = 1_000  # characters

_FILE = later(r"([0-7]{6}) ([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{64}) (.+)")
_TRAILER = later(r"(Onbook-[A-Za-z]+): (.*)")
_TAGGER = later(r"([^<]*?) ?<[^<>]*> ([0-9]{1,12}) [-+][0-9]{4}")
_BUMPS = ("initial", "none", "patch", "minor", "major")
# The only trailers that may stand more than once.
_MANY = ("Onbook-File",)
# As git takes a signed object apart: everything from the last line that begins so is the signature.
_SIGNATURE = later(r"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE|SSH SIGNATURE)-----[^\n]*$", re.MULTILINE)
# A tag object's head, in the order that git asks for.
_HEAD = later(
    r"object ([0-9a-f]{40}|[0-9a-f]{64})\ntype (commit|tree|blob|tag)\ntag ([^\n]+)(?:\ntagger ([^\n]*))?(?:\n|\Z)"
)
_CONTROL = later(r"[\x00-\x1f\x7f]")


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
    # A path that is no UTF-8 still has a digest; it just cannot be released.
    return f"sha256:{sha256(''.join(lines).encode('utf-8', 'surrogateescape'))}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the trailers of a release tag say.

    Attributes:
        forced: why it was released although gates were shut; empty where none was.
    """

    digest: str
    bump: str
    files: tuple[ClosureFile, ...]
    previous: str | None = None
    rules: tuple[str, ...] = ()
    tests: str = ""
    forced: str = ""

    def trailers(self) -> str:
        """The trailers as they stand at the end of a tag's message, ended by a line feed.

        Raises:
            UsageError: a path cannot be written down, so that what is read again would be something else.
        """
        for file in self.files:
            _require_writable(file)
        lines = [f"Onbook-Digest: {self.digest}", f"Onbook-Bump: {self.bump}"]
        if self.previous:
            lines.append(f"Onbook-Previous: {self.previous}")
        if self.rules:
            lines.append(f"Onbook-Rules: {', '.join(self.rules)}")
        lines.append(f"Onbook-Tests: {' '.join(self.tests.split()) or 'none'}")
        if self.forced:
            lines.append(f"Onbook-Forced: {' '.join(self.forced.split())}")
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
        match = _HEAD.match(head)
        if not match:
            raise IntegrityError("this is not an annotated tag", place=place)
        target, type, name, tagger = match.groups()
        signatures = list(_SIGNATURE.finditer(body))
        message = body[: signatures[-1].start()] if signatures else body
        return TagObject(target, type, name, tagger or "", message)

    def raw(self) -> bytes:
        """The object as git keeps it, unsigned."""
        head = f"object {self.target}\ntype {self.type}\ntag {self.name}\ntagger {self.tagger}\n\n"
        # Whoever tags is named as git has it, which may be no UTF-8.
        return head.encode("utf-8", "surrogateescape") + self.message.encode()

    @property
    def tagged(self) -> tuple[str, str]:
        """Who wrote it, and on which day (ISO 8601, UTC); empty where it does not say, or nobody can read it."""
        from datetime import UTC, datetime

        match = _TAGGER.fullmatch(self.tagger)
        if not match:
            return "", ""
        try:
            day = datetime.fromtimestamp(int(match[2]), UTC).date().isoformat()
        except (ValueError, OverflowError, OSError):
            day = ""
        return one_line(match[1]), day

    @property
    def reason(self) -> str:
        """Of a tag that withdraws a release: why, on one line; empty where somebody else's tag does not say."""
        return one_line(self.message.partition("\n\n")[2])

    @property
    def notes(self) -> str:
        """The message without its trailers."""
        notes, trailers = _parts(self.message)
        return "\n".join([notes, *(line for line in trailers if not _TRAILER.fullmatch(line))]).strip()

    def manifest(self, place: str) -> Manifest:
        """The manifest in the message's last paragraph, checked against its own digest.

        Raises:
            IntegrityError: trailers are missing or malformed, or the digest is not that of the files listed.
        """
        fields = self._trailers(place)
        files = tuple(_file(text, place) for text in fields.get("Onbook-File", ()))
        stated, bump = (fields.get(key, [""])[0] for key in ("Onbook-Digest", "Onbook-Bump"))
        if not files or not stated or not bump:
            raise IntegrityError(
                f"tag {self.name} was not written by onbook: Onbook-Digest, Onbook-Bump or Onbook-File is missing",
                place=place,
                hint="releases are made with `onbook release`",
            )
        if bump not in _BUMPS:
            raise IntegrityError(f"tag {self.name} has an unknown Onbook-Bump: {bump[:40]!r}", place=place)
        _require_one_place_each(files, place)
        if (computed := digest(files)) != stated:
            raise IntegrityError(
                f"tag {self.name} states digest {stated[:80]}, but its own file list has {computed}", place=place
            )
        rules = [rule for text in fields.get("Onbook-Rules", ()) for rule in text.split(", ")]
        return Manifest(
            digest=stated,
            bump=bump,
            files=files,
            previous=fields.get("Onbook-Previous", [None])[0],
            rules=tuple(rules),
            tests=fields.get("Onbook-Tests", [""])[0],
            forced=fields.get("Onbook-Forced", [""])[0],
        )

    def _trailers(self, place: str) -> Mapping[str, list[str]]:
        # Only the last paragraph counts: a line of the notes that looks like a trailer is somebody's words.
        fields: dict[str, list[str]] = {}
        for line in _parts(self.message)[1]:
            match = _TRAILER.fullmatch(line)
            if match:
                fields.setdefault(match[1], []).append(match[2])
            elif line.startswith("Onbook-"):
                raise IntegrityError(f"malformed trailer: {line[:80]!r}", place=place)
        if twice := [key for key, values in fields.items() if len(values) > 1 and key not in _MANY]:
            raise IntegrityError(f"tag {self.name} has {twice[0]} more than once", place=place)
        return fields


def one_line(text: str) -> str:
    """A text on one line, without what cannot be seen: a message of a commit is somebody's words."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split()))


def _parts(message: str) -> tuple[str, list[str]]:
    """The notes of a message, and the lines of its last paragraph."""
    notes, _, last = message.rstrip("\n").rpartition("\n\n")
    return notes, last.split("\n")


def _file(text: str, place: str) -> ClosureFile:
    match = _FILE.fullmatch(text)
    if not match or not _is_safe(match[4]):
        raise IntegrityError(f"malformed Onbook-File trailer: {text[:300]!r}", place=place)
    path = match[4]
    if match[1] not in REGULAR_MODES:
        raise IntegrityError(f"{path} has mode {match[1]}, and only regular files are read", place=place)
    return ClosureFile(path, match[1], match[2], match[3])


def _is_safe(path: str) -> bool:
    """Whether a path stays below the folder it is put in, on any system, and outside of git's own."""
    parts = path.split("/")
    return not (
        len(path) > MAX_PATH
        or _CONTROL.search(path)
        or "\\" in path
        or re.match(r"[A-Za-z]:", path)
        or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
    )


def _require_one_place_each(files: Sequence[ClosureFile], place: str) -> None:
    """Refuse a path that is listed twice, or that is a file and a folder at once."""
    known = Counter(file.path for file in files)
    twice = sorted(path for path, count in known.items() if count > 1)
    folders = {path[:end] for path in known for end, letter in enumerate(path) if letter == "/"}
    if wrong := twice or sorted(known.keys() & folders):
        raise IntegrityError(f"the manifest lists {wrong[0]} more than once", place=place)


def _require_writable(file: ClosureFile) -> None:
    line = str(file)
    try:
        line.encode()
    except UnicodeEncodeError:
        line = ""
    if not _is_safe(file.path) or not _FILE.fullmatch(line) or file.mode not in REGULAR_MODES:
        raise UsageError(
            f"{file.path!r} cannot be released: a tag lists plain files of a commit, by names in UTF-8 without"
            " control characters, backslashes and parts named .git",
            hint="rename the file",
        )
