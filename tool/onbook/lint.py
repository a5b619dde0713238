"""Catalog -> findings. A rule that crashes is told as what could not be checked, never as nothing found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from onbook.project import Catalog, Config, Source
from onbook.project.config import Waiver
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.rules import AcrossRule, Rule, all_rules, find_rule
from onbook.rules.base import Hit, unreported

MAX_TOLD = 1_000
"""Places of one prompt that one rule tells: more say nothing new, and a hostile file could ask for any number."""


@dataclass(slots=True)
class Looked:
    """What came of looking at one prompt, before waivers and severities: it depends on files and on rules alone.

    Attributes:
        path: of the prompt's file.
        sound: whether the file could be read at all.
        hits: every place, with the id of the rule that it breaks.
        unchecked: what could not be looked at.
        notes: by rule id, what a rule that compares prompts keeps of this one.
    """

    path: str
    sound: bool
    hits: list[tuple[str, Hit]] = field(default_factory=list)
    unchecked: list[Hit] = field(default_factory=list)
    notes: dict[str, object] = field(default_factory=dict)


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
    looked = {source.id: look(source, [rule for rule, _ in rules]) for source in catalog.select(ids)}
    _across(looked, [rule for rule, _ in rules if isinstance(rule, AcrossRule)])
    by_id = {rule.id: (rule, severity) for rule, severity in rules}
    checks = [_judge(id, found, by_id, catalog.config, day) for id, found in looked.items()]
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


def look(source: Source, rules: Iterable[Rule]) -> Looked:
    """Look at one prompt with rules. A rule that crashes, or finds no end, hides nothing and is told."""
    looked = Looked(source.path, source.prompt is not None)
    for rule in rules:
        try:
            for hit in _bounded(rule, source.path, rule.check(source), looked):
                looked.hits.append((rule.id, hit))
            if isinstance(rule, AcrossRule) and (note := rule.note(source)) is not None:
                looked.notes[rule.id] = note
        except Exception as error:  # a rule may come from a plug-in; whatever it does, nothing else is hidden by it
            looked.unchecked.append(_crashed(rule, source.path, error))
    looked.unchecked += [Rule.of(problem) for problem in unreported((*source.problems, *source.tests.problems))]
    return looked


def _across(looked: Mapping[str, Looked], rules: Iterable[AcrossRule]) -> None:
    """Let rules that compare prompts look at their notes, and add what they found to the prompts."""
    for rule in rules:
        noted = {id: found.notes[rule.id] for id, found in looked.items() if rule.id in found.notes}
        told: dict[str, list[Hit]] = {}
        try:
            for id, hit in rule.across(noted):
                told.setdefault(id, []).append(hit)
            for id, hits in told.items():
                found = looked[id]
                found.hits += [(rule.id, hit) for hit in _bounded(rule, found.path, hits, found)]
        except Exception as error:
            # Which prompts it would have told of is not known: none of them is fine.
            for id in noted:
                looked[id].unchecked.append(_crashed(rule, looked[id].path, error))


def _bounded(rule: Rule, path: str, hits: Iterable[Hit], looked: Looked) -> Iterator[Hit]:
    for number, hit in enumerate(islice(hits, MAX_TOLD + 1)):
        if number == MAX_TOLD:
            message = f"rule {rule.id} found more than {MAX_TOLD:,} places, and the rest was not looked at"
            looked.unchecked.append(Hit(message, path))
        else:
            yield hit


def _crashed(rule: Rule, path: str, error: Exception) -> Hit:
    return Hit(f"rule {rule.id} could not check this prompt: {type(error).__name__}: {error}", path)


def _judge(id: str, looked: Looked, rules: Mapping[str, tuple[Rule, Severity]], config: Config, today: date) -> Check:
    findings = [_finding(*rules[rule], hit) for rule, hit in looked.hits]
    unchecked = [_unchecked(hit.message, hit.path, hit.line, hit.column) for hit in looked.unchecked]
    if not looked.sound and not unchecked and not _failed(findings, config.waivers, today):
        # The rule that would tell why is off, waived or a warning: even so, nothing was looked at.
        unchecked.append(_unchecked("this prompt cannot be read, so no rule could look at it", looked.path))
    findings += unchecked
    judged = [_waived(finding, config.waivers, today) for finding in _sorted(findings)]
    check = Check.of(f"lint/{id}", judged, prompt=id)
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
