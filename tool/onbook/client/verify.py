"""Choosing a release among a prompt's tags, and holding what came against what the tag says."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.manifest import ClosureFile, TagObject, digest, sha256
from onbook.patterns import later
from onbook.prompt import SUFFIXES
from onbook.repo import GitError, Repository
from onbook.repo.git import GitTimeoutError
from onbook.repo.tags import TagRef
from onbook.versions import Range, Tag, Version

_SAMPLE = Version(1, 0, 0)


def choose(refs: Sequence[TagRef], wanted: Range, id: str, url: str, prefix: str = "") -> TagRef:
    """The highest release that fits. Ranges pass over what was withdrawn; an exact request does not.

    Raises:
        UsageError: there is none.
    """
    withdrawn = {ref.tag.version for ref in refs if ref.tag.yanked}
    releases = {ref.tag.version: ref for ref in refs if not ref.tag.yanked}
    fitting = [v for v in releases if v in wanted and (wanted.exact or v not in withdrawn)]
    if fitting:
        return releases[max(fitting)]
    if not releases:
        told = f"version {wanted}" if wanted.exact else "any release"
        hint = f"its tags would be named {Tag(id, _SAMPLE, prefix).name}"
        if not prefix:
            hint += "; where something stands before that, pass it as --tag-prefix (tag_prefix=)"
        raise UsageError(f"the remote has no tag for {told} of {id}", place=url, hint=hint)
    left = sorted(releases.keys() - withdrawn, reverse=True)[:5]
    newest = f"there are: {', '.join(map(str, left))}" if left else "all of them were withdrawn"
    gone = " (withdrawn ones are passed over)" if withdrawn else ""
    raise UsageError(f"no release of {id} fits {wanted}{gone}", place=url, hint=newest)


def warnings(refs: Sequence[TagRef], chosen: TagRef) -> list[str]:
    """What a person should know about a choice."""
    if any(ref.tag.yanked and ref.tag.version == chosen.tag.version for ref in refs):
        return [f"{chosen.tag.id} {chosen.tag.version} was withdrawn; its reason is in tag {chosen.tag.name}.yanked"]
    return []


class Policy(Enum):
    """How much is asked of a tag. That the files are those which the tag lists is asked always.

    NONE: nothing more: a mirror may have renamed the tag.
    TAG: the tag's object has the tag's own name: it was not copied from another release.
    SIGNED: and somebody who is allowed to has signed it.
    """

    NONE = "none"
    TAG = "tag"
    SIGNED = "signed"

    @staticmethod
    def parse(text: str) -> Policy:
        """Read a policy's name.

        Raises:
            UsageError: there is none of that name.
        """
        try:
            return Policy(text)
        except ValueError:
            raise UsageError(f"there is no verification {text!r}", hint="use none, tag or signed") from None


def verify_tag(ref: TagRef, raw: bytes, url: str, policy: Policy = Policy.TAG) -> TagObject:
    """The tag object, once it is one: annotated, under its own name, of a commit.

    Raises:
        IntegrityError: it is not; the message says what was expected and found.
    """
    place = f"{url} {ref.tag.name}"
    if not ref.annotated:
        raise IntegrityError("this is a lightweight tag; releases are annotated tags", place=place)
    found = TagObject.parse(raw, place)
    if found.name != ref.tag.name and policy is not Policy.NONE:
        raise IntegrityError(
            f"this tag says that its name is {found.name!r}: it was copied",
            place=place,
            hint=f"expected {ref.tag.name!r}; a release is never another one's tag object",
        )
    if found.type != "commit" or not ref.commit:
        raise IntegrityError(f"this tag points at a {found.type}, and a release points at a commit", place=place)
    return found


def verify_paths(files: Sequence[ClosureFile], tag: str) -> None:
    """Refuse what some file system takes for git's own folder: the list is a text, and anybody may write one.

    Raises:
        IntegrityError: a path leads there.
    """
    for path in (file.path for file in files):
        # As git does: dots and spaces at the end, streams and what is not seen are dropped; there are short names.
        for part in path.split("/"):
            seen = "".join(letter for letter in part if unicodedata.category(letter) != "Cf")
            if seen.partition(":")[0].rstrip(". ").lower() in (".git", "git~1"):
                raise IntegrityError(f"the release lists {path!r}, which no commit may hold", place=tag)


def verify_files(files: Mapping[str, bytes], listed: Sequence[ClosureFile], stated: str, tag: str) -> None:
    """Hold what was fetched against the tag's list.

    Raises:
        IntegrityError: a file, or all of them together, are not what the tag says.
    """
    for file in listed:
        if (found := sha256(files[file.path])) != file.sha256:
            raise IntegrityError(f"{file.path} has sha256 {found}, and the tag says {file.sha256}", place=tag)
    if digest(listed) != stated:
        raise IntegrityError(f"the files do not have the digest {stated} that the tag states", place=tag)


def prompt_file(id: str, files: Sequence[ClosureFile]) -> str:
    """The path of the prompt's own file among those of its release.

    Raises:
        IntegrityError: there is none, or more than one.
    """
    found = [file.path for file in files if any(f"/{file.path}".endswith(f"/{id}{suffix}") for suffix in SUFFIXES)]
    if len(found) != 1:
        hint = "if the id begins with what stands before release tags there, pass that as --tag-prefix (tag_prefix=)"
        raise IntegrityError(
            f"the release lists {len(found)} files for the prompt {id}, and needs just one",
            place=id,
            hint=None if found else hint,
        )
    return found[0]


def same_tag(raw: bytes, object_id: str) -> bool:
    """Whether a raw tag object is the one that an id names."""
    name = "sha1" if len(object_id) == 40 else "sha256"
    return hashlib.new(name, b"tag %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest() == object_id


def verify_signature(raw: bytes, tag: str, allowed_signers: Path | None, object_format: str = "sha1") -> None:
    """Have git check the signature of a tag object.

    Args:
        allowed_signers: the file that names who may sign, as ssh-keygen(1) has it: only ssh signatures count then.
            None leaves it to git's configuration: its own such file, or keys that the caller's keyring of gpg
            (GNUPGHOME) trusts fully. One that has expired or was revoked counts no more, whatever it signed before.

    Raises:
        IntegrityError: it is not signed, or not by somebody who may.
        UsageError: the file cannot be read.
        OnbookError: it could not be checked: the program that does is not installed, or did not end in time.
    """
    if b"\n-----BEGIN " not in raw:
        raise IntegrityError("this release is not signed", place=tag, hint=_SIGN)
    options = ["-c", "gpg.minTrustLevel=fully"]
    if allowed_signers is not None:
        if not allowed_signers.is_file():
            raise UsageError("there is no such file of allowed signers", place=str(allowed_signers))
        if not _is_ssh(raw):
            raise IntegrityError("this release is not signed with ssh", place=tag, hint=_SIGN)
        # Whatever git took for the signature, nobody's keyring is asked.
        for program in ("gpg.program", "gpg.openpgp.program", "gpg.x509.program"):
            options += ["-c", f"{program}={os.devnull}"]
        options += ["-c", f"gpg.ssh.allowedSignersFile={allowed_signers.resolve()}"]
    with tempfile.TemporaryDirectory(prefix="onbook-verify-") as name:
        repo = Repository.temporary(Path(name), object_format)
        oid = repo.git("hash-object", "-t", "tag", "-w", "--stdin", "--literally", stdin=raw).decode().strip()
        try:
            repo.git(*options, "verify-tag", oid, timeout=_CHECK)
        except GitTimeoutError:
            raise
        except GitError as error:
            told = error.message.partition(": ")[2]
            if "cannot run" in told:
                # What is not installed has said nothing of the signature.
                hint = "install it, or say where it is: gpg.program, gpg.ssh.program"
                raise OnbookError(f"the signature could not be checked: {told}", place=tag, hint=hint) from None
            hint = _SIGN if _is_ssh(raw) else _TRUST
            raise IntegrityError(
                f"this release is not signed by somebody who may: {told}", place=tag, hint=hint
            ) from None


def _is_ssh(raw: bytes) -> bool:
    """Whether a tag object is signed with ssh: the last that begins so is the signature, the rest is words."""
    begins = _BEGIN.findall(raw)
    return bool(begins) and begins[-1] == b"SSH SIGNATURE"


# As git takes a tag object apart; see onbook.manifest.
_BEGIN = later(rb"^-----BEGIN (PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE|SSH SIGNATURE)-----", re.MULTILINE)
_TRUST = (
    "expected a signature by a key that gpg trusts fully here: once you know whose key it is, `gpg --import` it,"
    ' then `echo "FINGERPRINT:6:" | gpg --import-ownertrust`'
)
_SIGN = 'expected a signature by an allowed signer; ask who made this release, or choose verify="tag"'
_CHECK = 30.0  # seconds
