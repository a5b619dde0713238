"""Catalog -> findings. A rule that crashes is told as what could not be checked, never as nothing found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from onbook.project import Catalog, Config, Source
from onbook.project.config import Waiver
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.rules import Rule, all_rules
from onbook.rules.base import Hit, unreported


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
    broken = False
    for rule, severity in rules:
        try:
            findings += [_finding(rule, severity, hit) for hit in rule.check(source)]
        except Exception as error:  # a rule may come from a plug-in; whatever it does, nothing else is hidden by it
            broken = True
            message = f"rule {rule.id} could not check this prompt: {type(error).__name__}: {error}"
            findings.append(Finding("ON000", "not-checked", Severity.ERROR, message, source.path))
    for problem in unreported((*source.problems, *source.tests.problems)):
        broken = True
        findings.append(
            Finding("ON000", "not-checked", Severity.ERROR, problem.message, problem.path, problem.line, problem.column)
        )
    judged = [_waived(finding, config.waivers, today) for finding in _sorted(findings)]
    check = Check.of(f"lint/{source.id}", judged, prompt=source.id)
    return Check(check.id, Status.UNCHECKED, check.prompt, check.findings) if broken else check


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
