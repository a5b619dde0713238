"""``onbook explain``."""

from __future__ import annotations

import click

from onbook.cli.common import print_report
from onbook.cli.options import format_option
from onbook.diff import RULES
from onbook.docstring import markdown
from onbook.errors import UsageError
from onbook.findings import FINDINGS, Told, named
from onbook.nearest import nearest
from onbook.report import Report
from onbook.rules import all_rules, find_rule
from onbook.testing import assertions
from onbook.testing.assertions.page import text_of


@click.command()
@click.argument("rule", required=False)
@format_option
def command(rule: str | None, format: str) -> int:
    """Explain a rule or another finding by its id or name, or an assertion by its name; without one, list them all."""
    rows = _all() if rule is None else list(map(_told, named(rule))) or [_one(rule)]
    print_report(Report("explain", data={"rules": rows}), format)
    return 0


def _one(name: str) -> dict[str, object]:
    for change in RULES.values():
        if name.upper() == change.id or name == change.slug:
            text = f"{change.meaning}\n\nAsks for: {change.bump}. The whole table is in docs/versioning.md.\n"
            return {"id": change.id, "slug": change.slug, "severity": str(change.bump), "text": text}
    if name in assertions.names():
        return _assertion(name, text_of(name) + "\n")
    known = [*assertions.names(), *(row.slug for row in FINDINGS.values())]
    if near := nearest(name, known, 0.8):
        raise UsageError(f"there is no rule, finding or assertion {name!r}", hint=f"did you mean {near}?")
    found = find_rule(name)
    text = markdown(found) + "\n"
    return {"id": found.id, "slug": found.slug, "severity": str(found.severity), "text": text}


def _all() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for found in all_rules().values():
        first = markdown(found).partition("\n")[0]
        rows.append({"id": found.id, "slug": found.slug, "severity": str(found.severity), "text": f"  {first}"})
    for change in RULES.values():
        text = f"  {change.meaning}"
        rows.append({"id": change.id, "slug": change.slug, "severity": str(change.bump), "text": text})
    rows += [{**_told(told), "text": f"  {told.meaning}"} for told in FINDINGS.values()]
    rows += [_assertion(name, f"  {text_of(name).partition(chr(10))[0]}") for name in assertions.names()]
    return rows


def _told(row: Told) -> dict[str, object]:
    text = f"{row.meaning}\n\n{row.advice}\n\nThe whole table is in docs/findings.md.\n"
    return {"id": row.id, "slug": row.slug, "severity": str(row.severity), "text": text}


def _assertion(name: str, text: str) -> dict[str, object]:
    where = "built in" if name in assertions.BUILT_IN else "plug-in"
    return {"id": name, "slug": "assertion", "severity": where, "text": text}
