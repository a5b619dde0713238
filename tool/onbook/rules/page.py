"""docs/rules.md, from the docstrings of the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from onbook.docstring import markdown
from onbook.report import Severity
from onbook.rules.base import Rule

RATES = "rule-rates.json"

THEMES = {
    "1": "Files, messages and waivers",
    "2": "Templates, variables and values",
    "3": "Contracts",
    "4": "Safety",
    "5": "Cost and determinism",
    "6": "Release hygiene",
}
_INTRO = """\
# Lint rules

`onbook lint` runs every rule that is on; `onbook explain ON203` prints one of these texts. Rules are selected by id, by
name or by the beginning of ids, with `--select` and `--ignore` or in the configuration:

```toml
[lint]
ignore = ["ON204"]
severity = {description-missing = "error", ON302 = "off"}

[[waivers]]
rule = "ON402"
path = "prompts/legacy"
until = 2027-03-01
reason = "the old prompts are rewritten one by one"
```

A severity turns on a rule that is off by default. A **waiver** accepts findings until a day, for a reason; they stay
told and do not count. It stands in the configuration, or as a comment in a prompt's file, in its `.cases.yml` or in its
`.suite.yml`:

```yaml
messages:
  # onbook: allow ON402 until 2027-03-01: the model is told of the tags by the caller
  - role: user
    content: "Summarise: {{ticket}}"
```

A comment speaks of the line that it ends, or, alone on its line, of the next line with something on it; where a message
(any item of a list) or a text begins on that line, of all of it. Before everything else in the file it speaks of the
whole file. JSON lines, CSV and partials have no comments: waive there by `path` in the configuration.

`onbook lint --fix` mends what is marked so in the table, in the work tree: one word for another, kept only if the files
read well after it. `onbook lint --stats DIR` counts how many prompts below a folder each rule fires on.

This page is generated: `python -m onbook.rules docs/rules.md`.
"""


def page(rules: Iterable[Rule], rates: Mapping[str, object] | None = None) -> str:
    """The page, in Markdown.

    Args:
        rates: what ``onbook lint --stats DIR --format json`` printed as ``data`` for a real corpus, with ``corpus``: a
            sentence that says which it was.
    """
    rules = list(rules)
    fired = _fired(rates)
    parts = [_INTRO, _table(rules, fired)]
    if rates and fired:
        parts.append(
            f"Firing rates are the share of {rates['prompts']} prompts that a rule fires on. {rates['corpus']}\n"
        )
    theme = ""
    for rule in rules:
        if rule.id[2:3] != theme:
            theme = rule.id[2:3]
            parts.append(f"## {THEMES.get(theme, 'Others')}\n")
        parts.append(_section(rule))
    return "\n".join(parts)


def _fired(rates: Mapping[str, object] | None) -> dict[str, float]:
    rows = rates.get("rules") if rates else None
    return {str(row["id"]): float(row["rate"]) for row in rows} if isinstance(rows, list) else {}


def _table(rules: list[Rule], fired: Mapping[str, float]) -> str:
    head = ["rule", "name", "severity", "default", "fix", *(["fires on"] if fired else [])]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for rule in rules:
        cells = [
            f"[{rule.id}](#{_anchor(rule)})", rule.slug, str(Severity(rule.severity)), "on" if rule.default else "off",
            "yes" if type(rule).fixes is not Rule.fixes else "",
        ]  # fmt: skip
        if fired:
            cells.append(f"{fired[rule.id]:.1%}" if rule.id in fired else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _section(rule: Rule) -> str:
    return f"### {rule.id} {rule.slug}\n\n{markdown(rule)}\n"


def _anchor(rule: Rule) -> str:
    return f"{rule.id} {rule.slug}".lower().replace(" ", "-")
