"""What changed, as a page shows it: each prompt with its bump, each change with its old and new side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onbook.diff.words import shortened, words
from onbook.reporters.difference import behaviour, tokens

Row = Mapping[str, Any]
Pieces = list[tuple[str, str]]
"""Of one side: a kind (``=`` stays, ``-`` goes, ``+`` comes, ``~`` stays and is left out here) and a text."""

BUMPS = {"major": "bad", "minor": "warn", "patch": "plain", "none": "plain", "initial": "plain"}

_MAX_TEXT = 20_000
_MAX_CHANGES = 200


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        kind: how its bump is coloured.
        place: ``path:line``.
        title: what the two sides are; old, new: None where there is nothing to lay side by side.
        call: the inputs that the sides were rendered for.
        contract: the sides are parts of a contract, and not texts.
    """

    rule: str
    slug: str
    bump: str
    kind: str
    consequence: str
    place: str
    waived: str | None
    title: str
    old: Pieces | None
    new: Pieces | None
    call: str | None
    contract: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """One prompt that changed; ``more``: changes that are not shown."""

    id: str
    bump: str
    kind: str
    versions: str
    moved_from: str | None
    through: Sequence[str]
    changes: list[Change]
    more: int
    tokens: str | None
    behaviour: str | None


def changed(row: Row) -> Changed:
    """A row of diff's data."""
    before, after = row["base_version"] or "unreleased", row["next_version"]
    changes = row["changes"]
    return Changed(
        id=row["id"],
        bump=row["bump"],
        kind=BUMPS.get(row["bump"], "plain"),
        versions=f"{before} → {after}" if after else f"{before}, no release needed",
        moved_from=row.get("moved_from"),
        through=row.get("through") or (),
        changes=[_change(each) for each in changes[:_MAX_CHANGES]],
        more=max(len(changes) - _MAX_CHANGES, 0),
        tokens=tokens(row["tokens"]) if row.get("tokens") else None,
        behaviour=behaviour(row["behaviour"]) if row.get("behaviour") else None,
    )


def _change(row: Row) -> Change:
    old, new, title, call = _sides(row)
    place = row.get("path") or ""
    return Change(
        rule=row["rule"],
        slug=row.get("slug") or "",
        bump=row["bump"],
        kind=BUMPS.get(row["bump"], "plain"),
        consequence=row["consequence"],
        place=f"{place}:{row['line']}" if place and row.get("line") else place,
        waived=row.get("waived"),
        title=title,
        old=old,
        new=new,
        call=call,
        contract=title == "Contract",
    )


def _sides(row: Row) -> tuple[Pieces | None, Pieces | None, str, str | None]:
    rendered = row.get("rendered")
    if rendered and rendered.get("words"):
        parts = [(str(kind), str(text)) for kind, text in rendered["words"]]
        return *_split(parts), "Rendered text", _pretty(rendered.get("inputs"))
    if rendered and (rendered["old"] is None) != (rendered["new"] is None):
        texts = rendered["old"], rendered["new"]
        old, new = ([("=", text[:_MAX_TEXT])] if text is not None else [] for text in texts)
        return old, new, "Rendered text", _pretty(rendered.get("inputs"))
    was, now = row.get("old"), row.get("new")
    if was is None and now is None:
        return None, None, "", None
    before, after = ("" if each is None else _pretty(each)[:_MAX_TEXT] for each in (was, now))
    title = "Text" if isinstance(was, str) and isinstance(now, str) else "Contract"
    return *_split(shortened(words(before, after))), title, None


def _split(parts: Sequence[tuple[str, str]]) -> tuple[Pieces, Pieces]:
    """The old side and the new one. What is long and stays is told by its length alone."""
    short = [(kind, f" … {len(text):,} characters that stay … " if kind == "~" else text) for kind, text in parts]
    return [part for part in short if part[0] != "+"], [part for part in short if part[0] != "-"]


def _pretty(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
