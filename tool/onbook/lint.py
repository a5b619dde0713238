"""Catalog -> findings. A rule that crashes is told as what could not be checked, never as nothing found.

What :func:`look` says depends on files and rules alone. Severities, waivers and the day come after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from onbook.project import Catalog, Config, Source
from onbook.report import Check, Finding, Problem, Report, Severity, Status
from onbook.rules import AcrossRule, Rule, all_rules, find_rule
from onbook.rules.base import Hit, unreported
from onbook.rules.waivers import unknown_rule, waivers_of
from onbook.waivers import NOT_CHECKED, Waiver, apply, expired, unused

MAX_TOLD = 1_000
"""Places of one prompt that one rule tells: more say nothing new, and a hostile file could ask for any number."""


@dataclass(slots=True)
class Looked:
    """What came of looking at one prompt, before waivers and severities: it depends on files and on rules alone.

    Attributes:
        path: of the prompt's file.
        sound: whether the file could be read at all.
        unread: other parts that could not be read: a partial, the suite, a row of the cases.
        hits: every place, with the id of the rule that it breaks.
        unchecked: what could not be looked at.
        notes: by rule id, what a rule that compares prompts keeps of this one.
        waivers: those that stand as comments in the prompt's files.
    """

    path: str
    sound: bool
    hits: list[tuple[str, Hit]] = field(default_factory=list)
    unchecked: list[Hit] = field(default_factory=list)
    notes: dict[str, object] = field(default_factory=dict)
    waivers: list[Waiver] = field(default_factory=list)
    unread: list[Hit] = field(default_factory=list)


_Rules = Mapping[str, tuple[Rule, Severity]]


def lint(catalog: Catalog, ids: Iterable[str] = (), *, today: date | None = None) -> Report:
    """Look at prompts with every rule that the configuration selects.

    Args:
        ids: the prompts to look at; none means all, and then the configuration's own waivers are looked at too.
        today: the day that waivers, and rules that look at dates, are measured against.

    Raises:
        UsageError: a prompt that is named does not exist, or the configuration names a rule that does not.
    """
    rules = selected(catalog.config)
    day, named = today or date.today(), tuple(ids)
    looked = {source.id: look(source, [rule for rule, _ in rules]) for source in catalog.select(named)}
    _across(looked, [rule for rule, _ in rules if isinstance(rule, AcrossRule)], day)
    by_id = {rule.id: (rule, severity) for rule, severity in rules}
    needed = set[int]()
    checks = [_judge(id, found, by_id, catalog.config.waivers, day, needed) for id, found in looked.items()]
    if not named:
        complete = all(found.sound and not found.unchecked for found in looked.values())
        if found := list(_of_configuration(catalog.config, by_id, day, needed, complete=complete)):
            checks.append(Check.of("lint/configuration", _sorted(found)))
    return Report("lint", tuple(checks), head=catalog.snapshot.name)


def selected(config: Config) -> list[tuple[Rule, Severity]]:
    """The rules that are on, each with its severity.

    ``select`` and ``ignore`` take ids, names, and beginnings of ids: a beginning selects the rules that are on by
    default. A severity other than ``off`` also turns a rule on, unless ``select`` says which are.

    Raises:
        UsageError: a rule is named that does not exist.
    """
    for name in (*config.select, *config.ignore):
        if not any(_begun(rule, (name,)) or rule.slug == name for rule in all_rules().values()):
            find_rule(name)
    for name in config.severities:
        find_rule(name)
    found = []
    for rule in all_rules().values():
        set_to = config.severities.get(rule.id, config.severities.get(rule.slug))
        wanted = rule.default or set_to is not None
        if config.select:
            wanted = _named(rule, config.select) or (rule.default and _begun(rule, config.select))
        if wanted and not _begun(rule, config.ignore) and not _named(rule, config.ignore) and set_to != "off":
            found.append((rule, Severity(set_to or rule.severity)))
    return found


def _named(rule: Rule, names: tuple[str, ...]) -> bool:
    return any(name in (rule.slug, rule.id, rule.id.lower()) for name in names)


def _begun(rule: Rule, names: tuple[str, ...]) -> bool:
    return any(rule.id.startswith(name.upper()) for name in names)


# Problems of readers that leave nothing unread.
_READ = frozenset({"unknown-key", "duplicate-key", "duplicate-case", "bad-id", "invalid-schema"})


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
    problems = (*source.problems, *source.tests.problems)
    looked.unchecked += [Rule.of(problem) for problem in unreported(problems)]
    looked.unread = [Rule.of(problem) for problem in problems if problem.code not in _READ]
    looked.waivers = waivers_of(source)[0]
    return looked


def _across(looked: Mapping[str, Looked], rules: Iterable[AcrossRule], today: date) -> None:
    """Let rules that compare prompts look at their notes, and add what they found to the prompts."""
    for rule in rules:
        noted = {id: found.notes[rule.id] for id, found in looked.items() if rule.id in found.notes}
        told: dict[str, list[Hit]] = {}
        try:
            for id, hit in rule.across(noted, today):
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


def _judge(id: str, looked: Looked, rules: _Rules, shared: Sequence[Waiver], today: date, needed: set[int]) -> Check:
    """The check of one prompt. The numbers of the shared waivers that it needs are added to ``needed``."""
    own = [waiver for waiver in looked.waivers if unknown_rule(waiver) is None]
    judged, used = apply((_finding(*rules[rule], hit) for rule, hit in looked.hits), (*shared, *own), today)
    needed |= {number for number in used if number < len(shared)}
    problems = expired(own, today)
    if looked.sound and not looked.unchecked:
        idle = (waiver for number, waiver in enumerate(own, len(shared)) if number not in used)
        problems += unused(waiver for waiver in idle if waiver.until >= today and _looked_for(waiver, rules))
    judged += _found(problems, rules)
    unchecked = [_unchecked(hit.message, hit.path, hit.line, hit.column) for hit in looked.unchecked]
    failed = any(finding.severity is Severity.ERROR and not finding.waived for finding in judged)
    if not unchecked and not failed:
        # The rule that would tell why is off, waived or a warning: even so, this was not looked at.
        if not looked.sound:
            unchecked.append(_unchecked("this prompt cannot be read, so no rule could look at it", looked.path))
        else:
            unchecked += [_unchecked(f"not read: {h.message}", h.path, h.line, h.column) for h in looked.unread]
    check = Check.of(f"lint/{id}", _sorted([*judged, *unchecked]), prompt=id)
    return Check(check.id, Status.UNCHECKED, check.prompt, check.findings) if unchecked else check


def _of_configuration(
    config: Config, rules: _Rules, today: date, needed: set[int], *, complete: bool
) -> Iterator[Finding]:
    """What is wrong with the configuration's waivers, once every prompt was looked at."""
    unknown = {number: problem for number, waiver in enumerate(config.waivers) if (problem := unknown_rule(waiver))}
    known = {number: waiver for number, waiver in enumerate(config.waivers) if number not in unknown}
    problems = [*config.faults, *unknown.values(), *expired(known.values(), today)]
    if complete:
        idle = (waiver for number, waiver in known.items() if number not in needed and waiver.until >= today)
        problems += unused(waiver for waiver in idle if _looked_for(waiver, rules))
    return _found(problems, rules)


def _looked_for(waiver: Waiver, rules: _Rules) -> bool:
    """Whether every rule that a waiver could speak of is on; the rules of diff never are, here."""
    if waiver.rule is not None:
        return any(waiver.rule in (rule.id, rule.slug) for rule, _ in rules.values())
    return all(rule.id in rules for rule in all_rules().values() if rule.default)


def _found(problems: Iterable[Problem], rules: _Rules) -> Iterator[Finding]:
    """Problems as findings of the rules that name them, as far as these are on."""
    for problem in problems:
        for rule, severity in rules.values():
            if problem.code in rule.codes:
                yield _finding(rule, severity, Rule.of(problem))


def _unchecked(message: str, path: str, line: int | None = None, column: int | None = None) -> Finding:
    return Finding(NOT_CHECKED, "not-checked", Severity.ERROR, message, path, line, column)


def _finding(rule: Rule, severity: Severity, hit: Hit) -> Finding:
    return Finding(rule.id, rule.slug, hit.severity or severity, hit.message, hit.path, hit.line, hit.column, hit.hint)


def _sorted(findings: Iterable[Finding]) -> Iterator[Finding]:
    yield from sorted(findings, key=lambda f: (f.path or "", f.line or 0, f.column or 0, f.rule, f.message))
