"""Catalog -> findings. A rule that crashes is told as what could not be checked, never as nothing found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice

from onbook.project import Catalog, Config, Source
from onbook.project.config import Waiver
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.rules import Rule, all_rules, find_rule
from onbook.rules.base import Hit, unreported

MAX_TOLD = 1_000
"""Places of one prompt that one rule tells: more say nothing new, and a hostile file could ask for any number."""


def lint(catalog: Catalog, ids: Iterable[str] = (), *, today: date | None = None) -> Report:
    """Look at prompts with every rule that the configuration selects.

    Args:
        ids: the prompts to look at; none means all.
        today: the day that waivers are measured against.

    Raises:
        UsageError: a prompt that is named does not exist, or the configuration names a rule that does not.
    """
    rules = selected(catalog.config)
    day = today or date.today()
    checks = [_check(source, rules, catalog.config, day) for source in catalog.select(ids)]
    return Report("lint", tuple(checks), head=catalog.snapshot.name)


def selected(config: Config) -> list[tuple[Rule, Severity]]:
    """The rules that are on, each with its severity; ``select`` and ``ignore`` take ids and beginnings of ids."""
    for name in (*config.select, *config.ignore):
        if not any(_named(rule, (name,)) for rule in all_rules().values()):
            find_rule(name)
    for name in (*config.severities, *(waiver.rule for waiver in config.waivers if waiver.rule)):
        find_rule(name)
    found = []
    for rule in all_rules().values():
        severity = config.severities.get(rule.id, config.severities.get(rule.slug, rule.severity))
        wanted = _named(rule, config.select) if config.select else rule.default
        if wanted and not _named(rule, config.ignore) and severity != "off":
            found.append((rule, Severity(severity)))
    return found


def _named(rule: Rule, names: tuple[str, ...]) -> bool:
    return any(rule.id.startswith(name) or rule.slug == name for name in names)


def _check(source: Source, rules: list[tuple[Rule, Severity]], config: Config, today: date) -> Check:
    findings: list[Finding] = []
    unchecked: list[Finding] = []
    for rule, severity in rules:
        try:
            for number, hit in enumerate(islice(rule.check(source), MAX_TOLD + 1)):
                if number == MAX_TOLD:
                    message = f"rule {rule.id} found more than {MAX_TOLD:,} places, and the rest was not looked at"
                    unchecked.append(_unchecked(message, source.path))
                else:
                    findings.append(_finding(rule, severity, hit))
        except Exception as error:  # a rule may come from a plug-in; whatever it does, nothing else is hidden by it
            message = f"rule {rule.id} could not check this prompt: {type(error).__name__}: {error}"
            unchecked.append(_unchecked(message, source.path))
    unchecked += [
        _unchecked(problem.message, problem.path, problem.line, problem.column)
        for problem in unreported((*source.problems, *source.tests.problems))
    ]
    if source.prompt is None and not unchecked and not _failed(findings, config.waivers, today):
        # The rule that would tell why is off, waived or a warning: even so, nothing was looked at.
        unchecked.append(_unchecked("this prompt cannot be read, so no rule could look at it", source.path))
    findings += unchecked
    judged = [_waived(finding, config.waivers, today) for finding in _sorted(findings)]
    check = Check.of(f"lint/{source.id}", judged, prompt=source.id)
    return Check(check.id, Status.UNCHECKED, check.prompt, check.findings) if unchecked else check


def _unchecked(message: str, path: str, line: int | None = None, column: int | None = None) -> Finding:
    return Finding("ON000", "not-checked", Severity.ERROR, message, path, line, column)


def _failed(findings: Iterable[Finding], waivers: tuple[Waiver, ...], today: date) -> bool:
    judged = (_waived(finding, waivers, today) for finding in findings)
    return any(finding.severity is Severity.ERROR and not finding.waived for finding in judged)


def _finding(rule: Rule, severity: Severity, hit: Hit) -> Finding:
    return Finding(rule.id, rule.slug, hit.severity or severity, hit.message, hit.path, hit.line, hit.column, hit.hint)


def _sorted(findings: Iterable[Finding]) -> Iterator[Finding]:
    yield from sorted(findings, key=lambda f: (f.path or "", f.line or 0, f.column or 0, f.rule, f.message))


def _waived(finding: Finding, waivers: tuple[Waiver, ...], today: date) -> Finding:
    for waiver in waivers:
        named = waiver.fingerprint == finding.fingerprint or waiver.rule in (finding.rule, finding.slug)
        if named and waiver.path in (None, finding.path) and waiver.until >= today:
            return Finding(
                finding.rule, finding.slug, finding.severity, finding.message, finding.path, finding.line,
                finding.column, finding.hint, finding.fingerprint, waived=True,
            )  # fmt: skip
    return finding
