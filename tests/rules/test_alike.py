"""Cases that are surely taken: each is told what it would be told by being held against the contract and rendered."""

from __future__ import annotations

import json
import random

from onbook.call import Caller
from onbook.project import Catalog
from onbook.rules.taken import taken
from onbook.rules.values import CaseInputs, ExampleInputs
from support.snapshots import files

SCHEMAS = [
    {"type": "string"},
    {"type": "string", "description": "A text.", "x-untrusted": True, "maxLength": 20000},
    {"type": "string", "maxLength": 3},
    {"type": "string", "minLength": 2},
    {"type": "string", "x-aliases": ["old"]},
    {"enum": ["a", "bb"]},
    {"type": "array", "items": {"type": "string"}},
    {"type": "array", "items": {"type": "string"}, "maxItems": 2},
    {"type": "array", "items": {"enum": ["a", "bb"]}},
    {"type": ["string", "null"]},
    {"type": "object", "properties": {"k": {"type": "string"}}},
    {},
]  # fmt: skip
VALUES = ["", "a", "bb", "longer than three", "é", 1, True, None, [], ["a"], ["a", "bb", "c"], ["x", 1], {}, {"k": "v"}]
PARTS = [
    "{{ x }}", "{{ y }} and {{ x }}", "{% for i in x %}{{ i }}{% endfor %}", "{% if x %}{{ y }}{% endif %}",
    "{% if x == 'a' %}{{ y.gone }}{% endif %}", "{{ x.k }}", "{{ y | upper }}", "{% for i in x %}{{ i.k }}{% endfor %}",
    "{% if x %}yes{% else %}{{ y.gone }}{% endif %}", "{% for i in x %}{{ y }}{% else %}{{ y.gone }}{% endfor %}",
]  # fmt: skip


def findings(prompt: str, cases: list[dict[str, object]]) -> list[tuple[str, str | None]]:
    rows = "".join(json.dumps(case) + "\n" for case in cases)
    source = Catalog(files({"prompts/a.prompt.yml": prompt, "prompts/a.cases.jsonl": rows})).find("a")
    return [(hit.message, hit.hint) for hit in CaseInputs().check(source)]


def value(dice: random.Random) -> object:
    return dice.choice(VALUES) if dice.random() < 0.5 else dice.choice("abcdef") * dice.randint(1, 9)


def test_a_case_is_told_the_same_with_the_proof_and_without() -> None:
    dice = random.Random(7)
    surely = told = shown = 0
    for _ in range(250):
        jinja = dice.random() < 0.7
        text = " ".join(dice.choices(PARTS, k=dice.randint(1, 2))) if jinja else "{{x}} {{y}}"
        properties = {name: dice.choice(SCHEMAS) if dice.random() < 0.6 else SCHEMAS[0] for name in ("x", "y")}
        inputs = {"type": "object", "properties": properties, "required": dice.choice(([], ["x"]))}
        prompt = json.dumps(
            {
                "templateFormat": "jinja2" if jinja else "simple",
                "inputs": inputs,
                "messages": [{"role": "user", "content": text}],
            }
        )
        names = ("x", "y", "old") if dice.random() < 0.3 else ("x", "y")
        cases: list[dict[str, object]] = [
            {"id": f"case-{number}", "inputs": {name: value(dice) for name in names if dice.random() < 0.9}}
            for number in range(8)
        ]
        together = findings(prompt, cases)
        contents = {"prompts/a.prompt.yml": prompt, "prompts/a.cases.jsonl": "\n".join(map(json.dumps, cases))}
        source = Catalog(files(contents)).find("a")
        # Without the proof, each is held against the contract and rendered.
        source.memo["taken"] = None
        alone = [(hit.message, hit.hint) for hit in CaseInputs().check(source)]
        assert together == alone, prompt
        told += len(together)
        del source.memo["taken"]
        known = taken(source)
        for case in source.cases if known else ():
            if known and known.has(case.inputs):
                surely += 1
                Caller(source.usable()).render(case.inputs)
        shown += shown_alike(prompt, cases)
    assert told > 500
    assert surely > 100
    assert shown > 300


def shown_alike(prompt: str, cases: list[dict[str, object]]) -> int:
    """The findings in examples of the same inputs, all or one of them: the same with the proof and without."""
    told = 0
    for some in (cases, cases[:1]):
        examples = [{"inputs": case["inputs"], "output": "An answer."} for case in some]
        shown = json.dumps({**json.loads(prompt), "examples": examples})
        source = Catalog(files({"prompts/a.prompt.yml": shown})).find("a")
        together = list(ExampleInputs().check(source))
        source.memo["taken"] = None
        assert list(ExampleInputs().check(source)) == together, shown
        told += len(together)
    return told
