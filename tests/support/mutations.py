"""Random single edits of this repository's own prompts, and what diff makes of each.

As a script it prints the table: ``python tests/support/mutations.py``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from onbook.diff import PromptDiff, diff_sources
from onbook.formats import read_yaml
from onbook.project import Catalog
from onbook.repo import Files

ROOT = Path(__file__).parents[2] / "prompts"
EDITS = 500
WORDS = ("always", "never", "{{ticket}}", "at most", "JSON", "{% if x %}", "  ")


def edits(number: int = EDITS) -> Iterator[tuple[str, str, PromptDiff | None]]:
    """The id of the prompt, what was done to it, and what diff says; None where the result is no prompt any more."""
    held = {f"prompts/{path.relative_to(ROOT).as_posix()}": path.read_bytes() for path in ROOT.rglob("*")
            if path.is_file()}  # fmt: skip
    base = Catalog(Files(held))
    paths = sorted(path for path in held if path.endswith((".prompt.yml", ".md", ".schema.json", ".examples.jsonl")))
    paths = [path for path in paths if not path.endswith("README.md")]
    users = {path: [id for id in base.ids if path in _closure(base, id)] for path in paths}
    random = Random(500)
    done = 0
    while done < number:
        path = random.choice([path for path in paths if users[path]])
        told, raw = _edited(path, held[path], random)
        if raw == held[path]:
            continue
        done += 1
        new = Catalog(Files({**held, path: raw}))
        id = random.choice(users[path])
        after = new.get(id)
        yield id, told, diff_sources(id, base.get(id), after) if after is None or not after.problems else None


def _closure(catalog: Catalog, id: str) -> set[str]:
    return {file.path for file in catalog.find(id).closure}


def _edited(path: str, raw: bytes, random: Random) -> tuple[str, bytes]:
    """One edit: of the text as it stands, or, mostly, of what it means."""
    if path.endswith(".prompt.yml") and random.random() < 0.75:
        document, _ = read_yaml(raw, path)
        assert document
        data = json.loads(json.dumps(document.data))
        told = _change(data, random)
        return told, json.dumps(data, ensure_ascii=False, indent=1).encode()
    lines = raw.decode().split("\n")
    at = random.randrange(len(lines))
    match random.choice(["drop", "double", "word", "space", "swap"]):
        case "drop":
            del lines[at]
        case "double":
            lines.insert(at, lines[at])
        case "word":
            words = lines[at].split(" ")
            words.insert(random.randrange(len(words) + 1), random.choice(WORDS))
            lines[at] = " ".join(words)
        case "space":
            lines[at] += "  "
        case _:
            other = random.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
    return "text", "\n".join(lines).encode()


def _change(data: Any, random: Random) -> str:
    """Change, drop, add or move one value somewhere within; returns where."""
    places = list(_places(data, ()))
    weights = [3 if at[0] in ("inputs", "jsonSchema", "tools", "modelParameters", "model") else 1 for at in places]
    at = random.choices(places, weights)[0]
    parent = data
    for step in at[:-1]:
        parent = parent[step]
    value = parent[at[-1]]
    kind = random.random()
    if kind < 0.3:
        del parent[at[-1]]
    elif isinstance(value, bool):
        parent[at[-1]] = not value
    elif isinstance(value, int | float):
        parent[at[-1]] = value + random.choice([-1, 1])
    elif isinstance(value, str):
        words = value.split(" ")
        words[random.randrange(len(words))] = random.choice([*WORDS, "string", "integer", ""])
        parent[at[-1]] = " ".join(words)
    elif isinstance(value, list):
        random.shuffle(value) if kind < 0.6 else value.append(random.choice(["new", 7, None]))
    else:
        value["added"] = random.choice([{"type": "string"}, "text", True])
    return "/".join(map(str, at))


def _places(node: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, part in inner:
        yield (*at, key)
        yield from _places(part, (*at, key))


def table() -> Counter[tuple[str, str]]:
    """How often each rule was the weightiest of an edit, with its bump; by far the most edits have just one."""
    found: Counter[tuple[str, str]] = Counter()
    for _, _, diff in edits():
        if diff is None:
            found[("not a prompt any more (lint tells)", "-")] += 1
        elif not diff.changes:
            found[("no change", "none")] += 1
        else:
            first = diff.largest[0]
            found[(f"{first.rule.id} {first.rule.slug}", str(diff.bump))] += 1
    return found


if __name__ == "__main__":
    for (rule, bump), count in sorted(table().items()):
        print(f"| {rule} | {bump} | {count} |")  # noqa: T201
