"""Bundles: releases with all their files in one JSON file, for applications without git or network."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onbook.client.book import Book, require_one
from onbook.client.loaded import Confirmation, LoadedPrompt
from onbook.client.loading import load
from onbook.client.lockfile import LockedRelease
from onbook.client.releases import Fetched
from onbook.client.verify import Policy, prompt_file, same_tag, verify_files, verify_signature
from onbook.environments import Deployment, deployments
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.manifest import ClosureFile, TagObject, digest, sha256
from onbook.prompt import require_id
from onbook.versions import Range, Version

VERSION = 1
MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Packed:
    """One release of a bundle; ``raw`` is its tag object, empty where the bundle has none."""

    release: LockedRelease
    tag: str
    files: Mapping[str, bytes] = field(repr=False)
    raw: bytes = field(repr=False)
    listed: tuple[ClosureFile, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle, its files held against their digests.

    Attributes:
        made: when, in seconds since 1970, None where it does not say; place: where it stands.
    """

    releases: Mapping[str, Mapping[Version, Packed]]
    environments: Mapping[str, Mapping[str, Deployment]]
    made: float | None
    place: str

    @staticmethod
    def read(source: str | os.PathLike[str] | Mapping[str, Any]) -> Bundle:
        """Read a bundle.

        Raises:
            UsageError: it cannot be read, or is none.
            IntegrityError: its files are not what it says they are.
        """
        if isinstance(source, Mapping):
            return _bundle(source, "the bundle")
        path = Path(source)
        try:
            if path.stat().st_size > MAX_BYTES:
                raise UsageError(f"this bundle is larger than {MAX_BYTES // 1024 // 1024} MiB", place=str(path))
            data = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            told = error.strerror if isinstance(error, OSError) else "it is no JSON"
            raise UsageError(f"this bundle cannot be read: {told}", place=str(path), hint=_MAKE) from None
        return _bundle(data, str(path))

    @property
    def age(self) -> float:
        """Seconds since it was made; 0 where it does not say."""
        return max(0.0, datetime.now(UTC).timestamp() - self.made) if self.made is not None else 0.0

    def find(self, id: str, request: str) -> Packed | None:
        """The highest release in the bundle that fits."""
        wanted = Range.parse(request)
        fitting = [version for version in self.releases.get(id, ()) if version in wanted]
        return self.releases[id][max(fitting)] if fitting else None

    def load(self, packed: Packed, policy: Policy, signers: Path | None) -> LoadedPrompt:
        """A release as a prompt.

        Raises:
            IntegrityError: its tag object is another release's, or a signature is asked for and none counts.
        """
        if packed.raw and policy is not Policy.NONE:
            _require_own(packed, self.place)
        if policy is Policy.SIGNED:
            if not packed.raw:
                raise IntegrityError(
                    "a signature is asked for, and this bundle has no tag objects", place=self.place, hint=_MAKE
                )
            verify_signature(packed.raw, packed.tag, signers, _format(packed.release.tag_object))
        when = datetime.fromtimestamp(self.made, UTC).strftime("%Y-%m-%d") if self.made is not None else "some time"
        note = f"from the bundle that was made on {when}"
        path = prompt_file(packed.release.id, packed.listed)
        return load(packed.release, packed.tag, path, packed.files, (note,), Confirmation(self.age))


class BundleBook(Book):
    """The releases of a bundle and nothing else: no git, no network, no cache."""

    def __init__(self, bundle: Bundle, policy: Policy, signers: Path | None) -> None:
        self._bundle, self._policy, self._signers = bundle, policy, signers
        self._loaded: dict[tuple[str, str], LoadedPrompt] = {}

    def get(self, id: str, request: str = "*", *, env: str | None = None, key: str | int | None = None) -> LoadedPrompt:
        """A prompt of the bundle; see :meth:`Book.get`."""
        if env is None and key is None and (found := self._loaded.get((id, request))):
            return found
        require_one(request, env, key)
        require_id(id)
        stated = None
        if env is not None:
            target = deployed(self._bundle.environments.get(env), id, env, self._bundle.place).choose(id, _text(key))
            request, stated = str(target.version), target.digest
        known = self._loaded.get((id, request))
        if known is None:
            packed = self._bundle.find(id, request)
            if packed is None:
                there = ", ".join(map(str, sorted(self._bundle.releases.get(id, ()), reverse=True)[:5]))
                hint = f"it has: {there}" if there else _MAKE
                raise UsageError(
                    f"the bundle has no release of {id} that fits {request}", place=self._bundle.place, hint=hint
                )
            known = self._bundle.load(packed, self._policy, self._signers)
            self._loaded[id, request] = known
        if stated is not None:
            require_digest(known, stated, str(env))
        return known


def deployed(found: Mapping[str, Deployment] | None, id: str, env: str, place: str) -> Deployment:
    """What an environment runs of a prompt.

    Raises:
        UsageError: there is no such environment, or it does not run the prompt.
    """
    if found is None:
        raise UsageError(
            f"there is no environment {env}", place=place, hint=f"`onbook deploy {env} {id} VERSION` makes it"
        )
    if id not in found:
        hint = f"`onbook deploy {env} {id} VERSION` says which release it runs"
        raise UsageError(f"the environment {env} does not run {id}", place=place, hint=hint)
    return found[id]


def require_digest(prompt: LoadedPrompt, stated: str, env: str) -> None:
    """Refuse a release that is not the one that an environment means.

    Raises:
        IntegrityError: its digest is another.
    """
    if prompt.digest != stated:
        raise IntegrityError(
            f"{prompt.id} {prompt.version} is not what the environment {env} says\n"
            f"  expected: {stated}\n  found:    {prompt.digest}",
            place=prompt.tag,
            hint="a release is never changed; ask who moved the tag or edited the environment",
        )


def pack(releases: Sequence[Fetched], environments: Mapping[str, Mapping[str, Deployment]], url: str) -> dict[str, Any]:
    """A bundle as data, as schemas/bundle.schema.json has it.

    Raises:
        OnbookError: a file is no UTF-8.
    """
    from onbook.environments import data_of

    return {
        "version": VERSION,
        "made": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "url": url,
        "releases": [_release_data(each) for each in releases],
        "environments": {name: data_of(found) for name, found in sorted(environments.items())},
    }


def _release_data(fetched: Fetched) -> dict[str, Any]:
    release = fetched.release
    definition = load(release, fetched.tag, fetched.prompt_file, fetched.data).definition
    return {
        "id": release.id,
        "version": release.version,
        "tag": fetched.tag,
        "commit": release.commit,
        "digest": release.digest,
        "tag_object": release.tag_object,
        "raw": fetched.raw.decode("latin-1"),
        "files": [{"path": path, "text": _utf8(data, path)} for path, data in sorted(fetched.data.items())],
        "definition": _definition(definition),
    }


def _definition(prompt: Any) -> dict[str, Any]:
    """The prompt as data for those who would read neither YAML nor references."""
    from onbook.call import parameters_of, response_format_of, tools_of
    from onbook.prompt import Message

    return {
        "model": prompt.model,
        "parameters": parameters_of(prompt),
        "templateFormat": prompt.template_format,
        "messages": [
            {"role": each.role, "content": each.content} if isinstance(each, Message) else {"slot": each.name}
            for each in prompt.messages
        ],
        "partials": dict(prompt.partials),
        "inputs": prompt.inputs,
        "examples": [{"inputs": dict(each.inputs), "output": each.output} for each in prompt.examples],
        "response_format": response_format_of(prompt),
        "tools": list(tools_of(prompt)),
    }


_MAKE = "make it with `onbook bundle ID --from URL --out bundle.json`"


def _bundle(data: object, place: str) -> Bundle:
    from onbook.project.shapes import contract

    if isinstance(data, Mapping) and data.get("version") not in (VERSION, None):
        raise UsageError(f"this is no bundle of version {VERSION}", place=place, hint=_MAKE)
    if violations := contract("bundle").violations(data):
        first = violations[0]
        where = "/".join(map(str, first.pointer))
        raise UsageError(f"this is no bundle: {where}: {first.message}"[:500], place=place, hint=_MAKE)
    assert isinstance(data, Mapping)
    found: dict[str, dict[Version, Packed]] = {}
    for row in data["releases"]:
        packed = _packed(row, str(data.get("url", "")), place)
        versions = found.setdefault(packed.release.id, {})
        if versions.setdefault(Version.parse(packed.release.version), packed) is not packed:
            raise UsageError(f"this bundle has {packed.release.id} {packed.release.version} twice", place=place)
    environments = {name: deployments(rows) for name, rows in data.get("environments", {}).items()}
    return Bundle(found, environments, _when(data.get("made")), place)


def _packed(row: Mapping[str, Any], url: str, place: str) -> Packed:
    files = {file["path"]: file["text"].encode("utf-8", "surrogatepass") for file in row["files"]}
    listed = tuple(ClosureFile(path, "100644", "", sha256(data)) for path, data in files.items())
    name = f"{row['id']} {row['version']}"
    if (found := digest(listed)) != row["digest"] or len(files) != len(row["files"]):
        raise IntegrityError(
            f"the files of {name} are not what this bundle says\n  expected: {row['digest']}\n  found:    {found}",
            place=place,
            hint=_MAKE,
        )
    raw, tag_object = str(row.get("raw", "")).encode("latin-1", "replace"), str(row.get("tag_object", ""))
    if raw:
        if not same_tag(raw, tag_object):
            raise IntegrityError(f"the tag object of {name} is not {tag_object}", place=place, hint=_MAKE)
        tag = TagObject.parse(raw, place)
        if tag.target != row["commit"]:
            raise IntegrityError(
                f"the tag object of {name} points at {tag.target}, and this bundle says {row['commit']}",
                place=place,
                hint=_MAKE,
            )
        manifest = tag.manifest(place)
        verify_files(files, [file for file in manifest.files if file.path in files], row["digest"], place)
        if manifest.digest != row["digest"]:
            raise IntegrityError(f"the tag object of {name} states {manifest.digest}", place=place, hint=_MAKE)
    release = LockedRelease(url, row["id"], row["version"], tag_object, row["commit"], row["digest"])
    prompt_file(row["id"], listed)
    return Packed(release, row["tag"], files, raw, listed)


def _require_own(packed: Packed, place: str) -> None:
    """Refuse a release that shows the tag of another one: the files and the signature of an old one would be right."""
    tag, release = TagObject.parse(packed.raw, place), packed.release
    own, title = tag.name, tag.message.partition("\n")[0]
    # What stands before the id is the repository's prefix, which nobody told here, so that triage may as well be
    # support/triage with a prefix: the title has the id alone.
    if own.endswith(f"{release.id}/v{release.version}") and title != f"{release.id} {release.version}":
        raise IntegrityError(
            f"the tag of {release.id} {release.version} is titled {title[:200]!r}: it is another prompt's",
            place=place,
            hint="a release is never another one's tag object; make the bundle anew, or choose verify='none'",
        )
    if own != packed.tag or not own.endswith(f"{release.id}/v{release.version}"):
        raise IntegrityError(
            f"the tag of {release.id} {release.version} says that its name is {own!r}: it was copied",
            place=place,
            hint="a release is never another one's tag object; make the bundle anew, or choose verify='none'",
        )


def _when(made: object) -> float | None:
    if made is None:
        return None
    try:
        # A time zone may carry it beyond the years that there are.
        return datetime.fromisoformat(str(made)).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _format(object_id: str) -> str:
    return "sha256" if len(object_id) == 64 else "sha1"


def _text(key: str | int | None) -> str | None:
    return None if key is None else str(key)


def _utf8(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise OnbookError("a bundle holds texts, and this file is no UTF-8", place=path) from None
