"""Where the lines of a message stand in their file, however it is written."""

from __future__ import annotations

import json
import random

from onbook.project import Catalog
from onbook.rules.copies import _block_at, _places, _said
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
        for message in _said(source):
            places = _places(message, raw)
            lines = [row for row in message.rows if row]
            assert len(places) == len(lines) == len(message.sums)
            assert all(rows[place - 1] == row for place, row in zip(places, lines, strict=True) if place)
            if written[message.number].startswith("|"):
                assert all(places)
            first, end = _block_at(message, raw, end)
            if first:
                blocks += 1
                count = len(message.text.rstrip(b"\n").split(b"\n"))
                assert rows[first - 1 : first - 1 + count] == message.rows[:count]
                assert raw.count(b"\n", 0, end) == first - 1 + count
    assert blocks > 100
