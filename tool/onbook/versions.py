"""Versions, the ranges that consumers pin, and the grammar of release tags.

Semantic Versioning 2.0.0 without build metadata: a tag is the identity of a release, so two tags may not differ in
something that has no precedence.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import IntEnum

from onbook.errors import UsageError
from onbook.patterns import later
from onbook.prompt import is_id

YANKED = ".yanked"

_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_PRE = r"(?:0|[1-9][0-9]{0,17}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
# Not as the last part: `.lock` is no name to git, and `.yanked` says that a release is withdrawn.
_LAST = r"(?!(?<=\.)(?:lock|yanked)\Z)"
_PRERELEASE = rf"(?:-({_PRE}(?:\.{_LAST}{_PRE})*))?"
_VERSION = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER}){_PRERELEASE}")
_RANGE = later(rf"([\^~])({_NUMBER})(?:\.({_NUMBER})(?:\.({_NUMBER}){_PRERELEASE})?)?")

# What may stand before the id in a tag's name, as schemas/config.schema.json has it: it ends in what sets it off.
_PREFIX = later(r"(?!.*\.\.)(?!.*\.lock/)([A-Za-z0-9_][A-Za-z0-9_.-]*/)*([A-Za-z0-9_][A-Za-z0-9_.-]*[_.-])?")

# The longest name of a file in most file systems, which is where git keeps a tag, less the rest of the name.
MAX_LENGTH = 100


class Bump(IntEnum):
    """What a change asks of the next version; ordered, so ``max`` of several is what a set of changes asks."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


@functools.total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version. ``pre`` is the pre-release part as dot-separated identifiers, empty for a release."""

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()

    @staticmethod
    def parse(text: str) -> Version:
        """Read ``1.4.0`` or ``1.4.0-rc.1``.

        Raises:
            UsageError: anything else: a leading ``v``, missing parts, leading zeros, build metadata.
        """
        match = _VERSION.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if not match:
            raise UsageError(
                f"{text[:MAX_LENGTH]!r} is not a version", hint="write all three numbers, as in 1.4.0 or 1.4.0-rc.1"
            )
        major, minor, patch, pre = match.groups()
        return Version(int(major), int(minor), int(patch), tuple(pre.split(".")) if pre else ())

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{'.'.join(self.pre)}" if self.pre else "")

    def __lt__(self, other: Version) -> bool:
        return self._precedence() < other._precedence()

    def _precedence(self) -> tuple[object, ...]:
        # SemVer 2.0.0 section 11: numbers below words, fewer identifiers below more, a pre-release below its release.
        pre = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return self.core, not self.pre, pre

    @property
    def core(self) -> tuple[int, int, int]:
        """Major, minor and patch."""
        return self.major, self.minor, self.patch

    def bump(self, by: Bump) -> Version:
        """The next version. Below 1.0.0 major asks for a minor, minor for a patch (SemVer section 4)."""
        if by is Bump.NONE:
            return self
        if self.major == 0:
            by = {Bump.MAJOR: Bump.MINOR, Bump.MINOR: Bump.PATCH}.get(by, by)
        if self.pre:
            # 1.4.0-rc.1 is on its way to 1.4.0, which is large enough unless more is asked than it promised.
            release = Version(*self.core)
            promised = Bump.PATCH if self.patch else Bump.MINOR if self.minor else Bump.MAJOR
            if by <= promised:
                return release
            return release.bump(by) if release.major else Version(0, release.minor + 1, 0)
        if by is Bump.MAJOR:
            return Version(self.major + 1, 0, 0)
        if by is Bump.MINOR:
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)


FIRST = Version(0, 1, 0)


@dataclass(frozen=True, slots=True)
class Range:
    """What a consumer asks for: from ``low`` up to, but without, ``high``; ``exact`` asks for ``low`` alone."""

    text: str
    low: Version
    high: tuple[int, int, int] | None
    exact: bool = False

    @staticmethod
    def parse(text: str) -> Range:
        """Read ``1.4.0`` (exact), ``^1.4`` (same contract), ``~1.4`` (same behaviour) or ``*`` (any release).

        Below 1.0.0 a caret holds the first number that is not zero, as npm's does: ``^0.3`` is below 0.4.0.

        Raises:
            UsageError: anything else.
        """
        if text == "*":
            return Range(text, Version(0, 0, 0), None)
        if not isinstance(text, str):
            # As 1.4 is read from YAML and None from a key that is not there.
            raise UsageError(f"{text!r} is not a version or a range", hint="it is a text: '1.4.0', '^1.4'")
        match = _RANGE.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if not match:
            if len(text) <= MAX_LENGTH and _VERSION.fullmatch(text):
                return Range(text, Version.parse(text), None, exact=True)
            raise UsageError(f"{text[:MAX_LENGTH]!r} is not a version or a range", hint=_meant(text[:MAX_LENGTH]))
        sign, major, minor, patch, pre = match.groups()
        low = Version(int(major), int(minor or 0), int(patch or 0), tuple(pre.split(".")) if pre else ())
        if sign == "~":
            high = (low.major + 1, 0, 0) if minor is None else (low.major, low.minor + 1, 0)
        elif low.major or minor is None:
            high = (low.major + 1, 0, 0)
        elif low.minor or patch is None:
            high = (0, low.minor + 1, 0)
        else:
            high = (0, 0, low.patch + 1)
        return Range(text, low, high)

    def __contains__(self, version: Version) -> bool:
        if self.exact:
            return version == self.low
        # As npm does: a pre-release is only for those who ask for one of the very same release.
        if version.pre and not (self.low.pre and version.core == self.low.core):
            return False
        return version >= self.low and (self.high is None or version.core < self.high)

    def __str__(self) -> str:
        return self.text


def _meant(text: str) -> str:
    """What somebody may have meant by what is no range."""
    plain = text.removeprefix("v")
    if _VERSION.fullmatch(plain):
        return f"write {plain}, as it stands after the v of a tag"
    if _RANGE.fullmatch(f"^{plain}"):
        return (
            f"ask for ^{plain} (same contract), ~{plain} (same behaviour), or an exact version with all three numbers"
        )
    if text == "latest":
        return "the newest release is *, which is what is asked for where nothing is"
    forms = "ask for 1.4.0 (exact), ^1.4 (same contract), ~1.4 (same behaviour) or * (any release)"
    return f"{forms}; an environment is asked for with env={text!r}" if text.isidentifier() else forms


def require_prefix(prefix: str) -> str:
    """What a repository puts before its release tags, once it may: ``prompts/``, or nothing.

    Raises:
        UsageError: git would not take it, or it would run into the id.
    """
    if _PREFIX.fullmatch(prefix):
        return prefix
    if _PREFIX.fullmatch(f"{prefix}/"):
        told = f"{prefix[:80]!r} would run into the id: {prefix[:80]}support/triage/v1.4.0"
        raise UsageError(told, hint=f"a prefix of tags ends with / or -: {prefix[:80]}/")
    hint = "letters, digits, . _ - and / may stand there, and / or - at its end: prompts/"
    raise UsageError(f"{prefix[:80]!r} is no prefix of tags", hint=hint)


@dataclass(frozen=True, slots=True)
class Tag:
    """A release tag taken apart: ``[prefix]<id>/v<version>``, or the tag that withdraws that release."""

    id: str
    version: Version
    prefix: str = ""
    yanked: bool = False

    @staticmethod
    def parse(name: str, prefix: str = "") -> Tag | None:
        """The release that a tag's name (without ``refs/tags/``) stands for, or None if it is no release tag."""
        if not name.startswith(prefix):
            return None
        id, slash, version = name.removeprefix(prefix).rpartition("/v")
        version_text = version.removesuffix(YANKED)
        match = _VERSION.fullmatch(version_text) if len(version_text) <= MAX_LENGTH else None
        if not slash or not match or not is_id(id):
            return None
        return Tag(id, Version.parse(match.group()), prefix, version.endswith(YANKED))

    @property
    def name(self) -> str:
        """The tag's name: ``support/triage/v1.4.0``."""
        return f"{self.prefix}{self.id}/v{self.version}{YANKED if self.yanked else ''}"

    @property
    def ref(self) -> str:
        """The full ref: ``refs/tags/support/triage/v1.4.0``."""
        return f"refs/tags/{self.name}"
