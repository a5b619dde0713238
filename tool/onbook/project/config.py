"""Configuration: ``onbook.toml`` at the root of the repository, or ``[tool.onbook]`` in its pyproject.toml."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time

from onbook.errors import UsageError
from onbook.patterns import later
from onbook.project.shapes import contract, meant, wanted
from onbook.prompt import PROMPTS
from onbook.repo import Snapshot
from onbook.report import Problem
from onbook.waivers import Waiver

FILE = "onbook.toml"
PYPROJECT = "pyproject.toml"


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
        faults: waivers that are none (``bad-waiver``): lint tells them, and they waive nothing.
    """

    prompts: str = PROMPTS
    tag_prefix: str = ""
    release_branch: str | None = None
    environments_ref: str | None = None
    readers: str = "tolerant"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)
    gates: Mapping[str, bool] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    faults: tuple[Problem, ...] = ()

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
            return _config(own, FILE, snapshot)
        if shared is None:
            return Config()
        if not isinstance(shared, Mapping):
            raise UsageError("tool.onbook must be a table", place=PYPROJECT, hint="write [tool.onbook] on its own line")
        return _config(shared, PYPROJECT, snapshot)

    def gate(self, name: str) -> bool:
        """Whether a kind of trouble blocks a release.

        Unless asked to, what cannot be decided does not, nor a major change: its version keeps callers from it.
        """
        return self.gates.get(name, name not in {"inconclusive", "major"})


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
_WAIVER = 'write rule = "ON203", until = 2027-03-01 and reason = "..."'
_PLACE = later(r" \(at line (\d+), column (\d+)\)$")


def _config(data: Mapping[str, object], file: str, snapshot: Snapshot) -> Config:
    place = file if file == FILE else f"{file} [tool.onbook]"
    # TOML dates become texts, as JSON Schema knows them.
    plain = _plain(data)
    assert isinstance(plain, dict)
    schema = contract("config")
    lines, bad = _waiver_lines(snapshot, file), dict[int, Problem]()
    for violation in schema.violations(plain):
        where = ".".join(map(str, violation.pointer))
        message, hint = violation.message, None if violation.keyword == "type" else wanted(schema, violation)
        if violation.keyword == "pattern":
            # The pattern is ours, and says to people less than the schema's words of it.
            message = f"{violation.message.partition(' does not match ')[0]} cannot stand here"
        if violation.keyword == "additionalProperties":
            message = f"unknown key {', '.join(map(repr, violation.names))}"
            hint = meant(schema, violation, violation.names[0])
        number = violation.pointer[1] if violation.pointer[:1] == ("waivers",) and len(violation.pointer) > 1 else None
        if isinstance(number, int):
            # A waiver that is none waives nothing: lint tells it, and no other verb need stop for it.
            inner = "".join(f"{key}: " for key in violation.pointer[2:])
            message = f"this waiver is none: {inner}{message}"
            if violation.keyword != "additionalProperties":
                hint = _WAIVER
            bad.setdefault(number, Problem("bad-waiver", message, file, lines.get(number), hint=hint))
            continue
        raise UsageError(message, place=f"{place}: {where}" if where else place, hint=hint)
    waivers = []
    for number, row in enumerate(_rows(plain.get("waivers"))):
        if number not in bad:
            try:
                waivers.append(_waiver(row, file, lines.get(number)))
            except ValueError:  # a day to JSON Schema, but to no calendar: there was no year 0
                message = f"this waiver is none: until: {row['until']} is no day"
                bad[number] = Problem("bad-waiver", message, file, lines.get(number), hint=_WAIVER)
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
        waivers=tuple(waivers),
        faults=tuple(bad.values()),
    )


_TABLE = later(r"[ \t]*\[\[[ \t]*(?:tool[ \t]*\.[ \t]*onbook[ \t]*\.[ \t]*)?waivers[ \t]*\]\]")


def _waiver_lines(snapshot: Snapshot, file: str) -> dict[int, int]:
    """The line of each waiver, where each is a table of its own; TOML's reader does not tell."""
    lines = snapshot.read(file).decode("utf-8-sig", "replace").split("\n")
    return dict(enumerate(number for number, line in enumerate(lines, 1) if _TABLE.match(line)))


def _waiver(row: Mapping[str, object], file: str, line: int | None) -> Waiver:
    path = _text(row.get("path"))
    return Waiver(
        reason=str(row["reason"]),
        until=date.fromisoformat(str(row["until"])),
        rule=_text(row.get("rule")),
        fingerprint=_text(row.get("fingerprint")),
        path=path.rstrip("/") if path else None,
        file=file,
        line=line,
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
    return [row if isinstance(row, Mapping) else {} for row in value] if isinstance(value, list) else []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return None if value is None else str(value)
