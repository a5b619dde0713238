"""Configuration: ``onbook.toml`` at the root of the repository, or ``[tool.onbook]`` in its pyproject.toml."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time

from onbook.errors import UsageError
from onbook.project.shapes import contract, meant
from onbook.repo import Snapshot

FILE = "onbook.toml"
PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Waiver:
    """A finding that is known and accepted until a day, for a reason.

    Attributes:
        rule: a rule's id or slug; fingerprint: of one finding. One of the two is set.
        path: only findings in this file, or None.
    """

    reason: str
    until: date
    rule: str | None = None
    fingerprint: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """What a repository decided for itself; every default is meant to be right.

    Attributes:
        prompts: the folder that holds them, from the repository's root.
        tag_prefix: put before every release tag.
        release_branch: only commits on it are released; None means the remote's HEAD branch.
        readers: ``tolerant`` or ``strict``: how the readers of an answer take a property they do not know.
        gates: which kinds of trouble block a release.
        severities: rule id or slug -> ``error``, ``warning``, ``info`` or ``off``.
    """

    prompts: str = "prompts"
    tag_prefix: str = ""
    release_branch: str | None = None
    environments_ref: str | None = None
    readers: str = "tolerant"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)
    gates: Mapping[str, bool] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()

    @staticmethod
    def load(snapshot: Snapshot) -> Config:
        """The configuration as it stands in a snapshot.

        Raises:
            UsageError: both files configure onbook, or one cannot be read, or holds a key that is not known.
        """
        own = _toml(snapshot, FILE)
        tool = (_toml(snapshot, PYPROJECT) or {}).get("tool")
        shared = tool.get("onbook") if isinstance(tool, Mapping) else None
        if own is not None and shared is not None:
            raise UsageError(
                f"onbook is configured twice, in {FILE} and in [tool.onbook] of {PYPROJECT}", hint="keep one of the two"
            )
        if own is not None:
            return _config(own, FILE)
        if shared is None:
            return Config()
        if not isinstance(shared, Mapping):
            raise UsageError("tool.onbook must be a table", place=PYPROJECT, hint="write [tool.onbook] on its own line")
        return _config(shared, f"{PYPROJECT} [tool.onbook]")

    def gate(self, name: str) -> bool:
        """Whether a kind of trouble blocks a release. Only what cannot be decided does not, unless asked to."""
        return self.gates.get(name, name != "inconclusive")


def _toml(snapshot: Snapshot, path: str) -> Mapping[str, object] | None:
    if snapshot.entry(path) is None:
        return None
    try:
        return tomllib.loads(snapshot.read(path).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(f"this is not TOML: byte {error.start} is no UTF-8", place=path, hint=_SAVE) from None
    except (ValueError, RecursionError) as error:
        message, line, column = str(error), "", ""
        if place := _PLACE.search(message):
            message, line, column = message[: place.start()], f":{place[1]}", f":{place[2]}"
        raise UsageError(f"this is not TOML: {message}", place=f"{path}{line}{column}") from None


_SAVE = "save the file as UTF-8"
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")


def _config(data: Mapping[str, object], place: str) -> Config:
    # TOML dates become texts, as JSON Schema knows them.
    plain = _plain(data)
    assert isinstance(plain, dict)
    schema = contract("config")
    for violation in schema.violations(plain):
        where = ".".join(map(str, violation.pointer))
        message, hint = violation.message, None
        if violation.keyword == "additionalProperties":
            message = f"unknown key {', '.join(map(repr, violation.names))}"
            hint = meant(schema, violation, violation.names[0])
        raise UsageError(message, place=f"{place}: {where}" if where else place, hint=hint)
    lint = _table(plain, "lint")
    return Config(
        prompts=str(plain.get("prompts", "prompts")).strip("/"),
        tag_prefix=str(plain.get("tagPrefix", "")),
        release_branch=_text(_table(plain, "release").get("branch")),
        environments_ref=_text(_table(plain, "environments").get("ref")),
        readers=str(plain.get("readers", "tolerant")),
        select=_texts(lint.get("select")),
        ignore=_texts(lint.get("ignore")),
        severities={key: str(value) for key, value in _table(lint, "severity").items()},
        gates={key: bool(value) for key, value in _table(plain, "gates").items()},
        waivers=tuple(_waiver(row) for row in _rows(plain.get("waivers"))),
    )


def _waiver(row: Mapping[str, object]) -> Waiver:
    return Waiver(
        reason=str(row["reason"]),
        until=date.fromisoformat(str(row["until"])),
        rule=_text(row.get("rule")),
        fingerprint=_text(row.get("fingerprint")),
        path=_text(row.get("path")),
    )


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, time) or (isinstance(value, float) and not math.isfinite(value)):
        return None  # which JSON does not have, and no key here takes
    return value.isoformat() if isinstance(value, date) else value


def _table(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}


def _rows(value: object) -> list[Mapping[str, object]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return None if value is None else str(value)
