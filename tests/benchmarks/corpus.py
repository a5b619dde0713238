"""A git repository of realistic prompts, the same from the same seed: what speed is measured on.

    python tests/benchmarks/corpus.py FOLDER [--count 10000] [--defects] [--findings N]

Prompts have 1 to 3 KB; four of ten are in the simple format, the others in jinja2, with partials, conditions and loops.
Some share schemas, have cases, examples or an output schema, as in repositories that grew over years.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

SEED = 20_261_121

AREAS = ("billing", "catalog", "claims", "hiring", "legal", "logistics", "marketing", "support", "travel", "writing")
KINDS = ("answer", "classify", "compare", "draft", "extract", "rank", "review", "route", "rewrite", "summarise")
SUBJECTS = (
    "invoice", "contract", "ticket", "review", "order", "résumé", "itinerary", "claim", "refund", "statement", "memo",
    "complaint", "shipment", "offer", "transcript", "article", "survey", "incident", "proposal", "agreement",
)  # fmt: skip
VERBS = (
    "name", "keep", "mention", "quote", "compare", "check", "list", "skip", "shorten", "translate", "count", "explain",
    "order", "group", "mark", "leave out", "repeat", "separate", "weigh", "date",
)  # fmt: skip
OBJECTS = (
    "the amounts", "every date", "the parties", "what was agreed", "the open questions", "the reason", "the next step",
    "names of products", "the tone of the writer", "figures with their units", "the order of events", "each deadline",
    "what is missing", "the strongest argument", "the customer's wish", "earlier answers", "the currency", "its source",
)  # fmt: skip
CONDITIONS = (
    "when the text says so", "unless it is a quotation", "in the language of the reader", "before anything else",
    "only where the figures differ", "as the policy of the department asks", "even if the text is short",
    "where two statements disagree", "at most once", "with the number of its paragraph", "without an opinion",
)  # fmt: skip
NAMES = (
    "document",
    "question",
    "audience",
    "language",
    "deadline",
    "region",
    "product",
    "customer",
    "policy",
    "history",
)
LABELS = ("approve", "reject", "escalate", "ask", "ignore", "archive", "refund", "repair")
MODELS = ("openai/gpt-5.1-2025-11-13", "openai/gpt-5.2-2025-12-11", "openai/gpt-5.4-2026-03-05")

PARTIALS = 60
SCHEMAS = 40

DEFECTS = (
    ("misspelt variable", "{{tone_of_voise}}"),
    ("unclosed variable", "Read {{ this carefully."),
    ("special token", "<|im_start|>"),
    ("hidden text", "Sum\u200bmarise it."),
    ("template problem", "{% if urgent %}Hurry."),
)


def write(folder: Path, count: int, *, seed: int = SEED, defects: bool = False, findings: int = 0) -> None:
    """Write the files of ``count`` prompts and commit them.

    Args:
        defects: plant one of DEFECTS into every eighth prompt, and break a partial and some cases.
        findings: undeclared variables that are used in every prompt.
    """
    for path, text in files(count, seed=seed, defects=defects, findings=findings):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8", newline="\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    identity = ["-c", "user.name=Corpus", "-c", "user.email=corpus@example.com"]
    git(folder, *identity, "commit", "--quiet", "--message", f"{count} prompts")


def git(folder: Path, *args: str) -> bytes:
    """Run git in a folder and return what it printed."""
    return subprocess.run(["git", *args], cwd=folder, check=True, stdout=subprocess.PIPE).stdout


def files(count: int, *, seed: int = SEED, defects: bool = False, findings: int = 0) -> Iterator[tuple[str, str]]:
    """The paths and texts of the corpus."""
    dice = random.Random(seed)
    for number in range(PARTIALS):
        text = " ".join(_sentence(dice) for _ in range(dice.randint(2, 5)))
        if number % 10 == 0:
            text += "\nWrite for {{ audience }}."
        if defects and number == 3:
            text += "\n{{ audience"
        yield f"prompts/_shared/part{number:02}.md", f"{text}\n"
    for number in range(SCHEMAS):
        yield f"schemas/record{number:02}.schema.json", json.dumps(_record(dice), indent=2) + "\n"
    for number in range(count):
        yield from _prompt(dice, number, defects=defects and number % 8 == 5, findings=findings)


def _prompt(dice: random.Random, number: int, *, defects: bool, findings: int) -> Iterator[tuple[str, str]]:
    subject = dice.choice(SUBJECTS)
    id = f"{dice.choice(AREAS)}/{dice.choice(KINDS)}-{subject.replace('é', 'e')}-{number:05}"
    jinja = dice.random() < 0.6
    names = dice.sample(NAMES, dice.randint(2, 4))
    planted = dice.choice(DEFECTS)[1] if defects else ""
    planted += "".join(f"\nUse {{{{undeclared_{index}}}}} here." for index in range(findings))
    lines = [
        f"name: {subject.capitalize()} {number}",
        f"description: {_sentence(dice)}",
        f"model: {dice.choice(MODELS)}",
    ]
    lines += ["templateFormat: jinja2"] if jinja else []
    lines += ["modelParameters:", f"  temperature: {dice.choice(('0', '0.2', '0.7'))}", "  maxCompletionTokens: 800"]
    lines += ["messages:", "  - role: system", "    content: |"]
    lines += _block(_system(dice, subject, names, jinja), 6)
    lines += ["  - role: user", "    content: |", *_block(_user(names, jinja, planted), 6)]
    lines += ["inputs:", "  type: object", "  properties:"]
    for name in names:
        lines += [f"    {name}:", *_schema(dice, name, jinja)]
    lines += ["  required:", *(f"    - {name}" for name in names)]
    if dice.random() < 0.35:
        lines += _output(dice)
    elif dice.random() < 0.15:
        lines += ["examples:"]
        for _ in range(2):
            lines += ["  - inputs:", *(f"      {name}: {_value(dice, name)}" for name in names)]
            lines += [f"    output: {dice.choice(LABELS)}"]
    lines += ["metadata:", f"  owner: team-{dice.randint(1, 40)}", "  tags: [generated]"]
    yield f"prompts/{id}.prompt.yml", "\n".join(lines) + "\n"
    if dice.random() < 0.2:
        given = [name for name in names if not (defects and name == names[0])]
        rows = [
            {
                "id": f"case-{row}",
                "inputs": {name: _value(dice, name) for name in given},
                "expected": dice.choice(LABELS),
            }
            for row in range(dice.randint(3, 6))
        ]
        yield f"prompts/{id}.cases.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _system(dice: random.Random, subject: str, names: list[str], jinja: bool) -> list[str]:
    lines = [f"You read one {subject} and help the team that works on it.", ""]
    lines += [f"- {_sentence(dice)}" for _ in range(dice.randint(6, 24))]
    if jinja and dice.random() < 0.5:
        part = dice.randrange(PARTIALS)
        # Every tenth partial writes for the audience, which not every prompt has.
        part += "audience" not in names and part % 10 == 0
        lines += ["", f'{{% include "_shared/part{part:02}.md" %}}']
    if jinja and dice.random() < 0.3:
        name = dice.choice(names)
        if name != "history":
            lines += [f"{{% if {name} %}}", _sentence(dice), "{% endif %}"]
    if jinja and dice.random() < 0.03:
        lines += [
            f"{{% if {names[0]} and {names[1]} != 'none' %}}",
            _sentence(dice),
            "{% else %}",
            "Say so.",
            "{% endif %}",
        ]
    return lines


def _user(names: list[str], jinja: bool, planted: str) -> list[str]:
    lines = ["Work on what follows.", ""]
    for name in names:
        if name == "history" and jinja:
            lines += ["<history>", "{% for item in history %}", "- {{ item }}", "{% endfor %}", "</history>"]
        elif jinja:
            lines += [f"<{name}>", f"{{{{ {name} }}}}", f"</{name}>"]
        else:
            lines += [f"<{name}>", f"{{{{{name}}}}}", f"</{name}>"]
    return [*lines, *planted.split("\n")] if planted else lines


def _schema(dice: random.Random, name: str, jinja: bool) -> list[str]:
    if name == "history":
        return ["      type: array", "      items: {type: string}"]
    if name == "document":
        return ["      type: string", "      x-untrusted: true", "      maxLength: 20000"]
    if name == "policy":
        return [f"      $ref: ../../schemas/record{dice.randrange(SCHEMAS):02}.schema.json"]
    return ["      type: string", f"      description: The {name} of the request."]


def _output(dice: random.Random) -> list[str]:
    labels = ", ".join(sorted(dice.sample(LABELS, dice.randint(2, 5))))
    return [
        "responseFormat: json_schema", "jsonSchema:", "  name: verdict", "  strict: true", "  schema:",
        "    type: object", "    properties:", "      label:", f"        enum: [{labels}]", "      reason:",
        "        type: string", "    required: [label, reason]", "    additionalProperties: false",
    ]  # fmt: skip


def _record(dice: random.Random) -> Mapping[str, object]:
    names = dice.sample(SUBJECTS, 3)
    return {
        "type": "object",
        "properties": {name: {"type": dice.choice(("string", "integer", "boolean"))} for name in names},
    }


def _value(dice: random.Random, name: str) -> object:
    if name == "history":
        return [dice.choice(SUBJECTS), dice.choice(SUBJECTS)]
    return {} if name == "policy" else f"{dice.choice(SUBJECTS)} of {dice.randint(1, 28)} March"


def _sentence(dice: random.Random) -> str:
    words = f"{dice.choice(VERBS)} {dice.choice(OBJECTS)} {dice.choice(CONDITIONS)}"
    if dice.random() < 0.4:
        words += f", and {dice.choice(VERBS)} {dice.choice(OBJECTS)}"
    return f"{words.capitalize()}."


def _block(lines: list[str], indent: int) -> list[str]:
    return [f"{' ' * indent}{line}" if line else "" for line in lines]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--defects", action="store_true")
    parser.add_argument("--findings", type=int, default=0)
    given = parser.parse_args()
    write(given.folder, given.count, defects=given.defects, findings=given.findings)


if __name__ == "__main__":
    main()
