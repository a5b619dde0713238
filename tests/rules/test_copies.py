"""Where the lines of a message stand in their file, however it is written."""

from __future__ import annotations

import json
import random
from datetime import date

from onbook.project import Catalog
from onbook.rules.copies import KEYS, MOST_COMPARED, SAME, NearDuplicate
from onbook.rules.said import block_at, places_of, said_in, sentences
from support.snapshots import files

LINES = [
    "Be brief.",
    "- a point",
    "  deeper",
    "",
    "Be brief.",
    "x",
    "    ",
    "trailing  ",
    "é and 中",
    "|",
    "content: |",
]


def literal(text: str, indent: int) -> str:
    return "|\n" + "\n".join(" " * indent + line if line else "" for line in text.split("\n"))


def test_every_line_is_found_where_it_stands() -> None:
    dice = random.Random(11)
    blocks = 0
    for _ in range(400):
        texts = ["\n".join(["Begin.", *dice.choices(LINES, k=dice.randint(1, 9)), "End."]) for _ in range(2)]
        width = dice.choice((5, 6, 9))
        written = [
            dice.choice((literal(text, width), literal(text, width), json.dumps(text), literal(text, width)))
            for text in texts
        ]
        head = f"description: {literal(dice.choice(texts), 4)}\n" if dice.random() < 0.3 else "name: Begin.\n"
        body = "".join(f"  - role: user\n    content: {each}\n" for each in written)
        source = Catalog(files({"prompts/a.prompt.yml": f"{head}messages:\n{body}"})).find("a")
        assert source.document
        raw = source.document.text.encode()
        rows = [row.strip() for row in raw.split(b"\n")]
        end = 0
        for message in said_in(source):
            places = places_of(message, raw)
            lines = [row for row in message.rows if row]
            assert len(places) == len(lines) == len(message.sums)
            assert all(rows[place - 1] == row for place, row in zip(places, lines, strict=True) if place)
            if written[message.number].startswith("|"):
                assert all(places)
            first, end = block_at(message, raw, end)
            if first:
                blocks += 1
                count = len(message.text.rstrip(b"\n").split(b"\n"))
                assert rows[first - 1 : first - 1 + count] == message.rows[:count]
                assert raw.count(b"\n", 0, end) == first - 1 + count
    assert blocks > 100


def test_what_is_not_compared_is_not_alike() -> None:
    """Held against the rule as it is meant: whoever shares a key is compared, sentence by sentence."""
    dice = random.Random(3)
    told = 0
    for _ in range(60):
        lines = [f"A sentence of its own, number {number}." for number in range(40)] + ["<text>", "</text>"]
        texts = [dice.choices(lines, k=dice.randint(12, 30))]
        for _ in range(25):
            text = dice.choice(texts).copy()
            for _ in range(dice.randint(0, 6)):
                text[dice.randrange(len(text))] = dice.choice(lines)
            texts.append(text)
        prompts = {
            f"prompts/p{number:02}.prompt.yml": json.dumps({"messages": [{"role": "user", "content": "\n".join(text)}]})
            for number, text in enumerate(texts)
        }
        sources = [source for source in Catalog(files(prompts)).select(()) if NearDuplicate().note(source)]
        seen: dict[int, list[tuple[str, set[int]]]] = {}
        wanted = {}
        for source in sources:
            mine = sentences(said_in(source))
            keys = sorted(mine)[:KEYS]
            shares = [(len(mine & other) / len(mine | other), id) for key in keys for id, other in seen.get(key, ())]
            share = max((share for share, _ in shares), default=0)
            if share >= SAME:
                wanted[source.id] = next(id for each, id in shares if each == share)
                continue
            for key in keys:
                if len(seen.setdefault(key, [])) < MOST_COMPARED:
                    seen[key].append((source.id, mine))
        notes = {source.id: NearDuplicate().note(source) for source in sources}
        found = {id: hit.message.split()[-1] for id, hit in NearDuplicate().across(notes, date(2026, 11, 22))}
        assert found == wanted
        told += len(found)
    assert told > 100
