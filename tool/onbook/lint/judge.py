"""What was found in prompts -> checks: severities, waivers, and the day that they are measured against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from onbook.lint.looking import Looked, Told
from onbook.project import Config
from onbook.report import Check, Finding, Problem, Severity, Status
from onbook.rules import Rule, all_rules
from onbook.rules.base import Hit
from onbook.rules.waivers import unknown_rule
from onbook.waivers import NOT_CHECKED, Waiver, apply, expired, unused

_Rules = Mapping[str, tuple[Rule, Severity]]


def judge(id: str, looked: Looked, rules: _Rules, shared: Sequence[Waiver], today: date, needed: set[int]) -> Check:
    """The check of one prompt. The numbers of the shared waivers that it needs are added to ``needed``."""
    if looked.sound and not (looked.hits or looked.unchecked or looked.waivers or looked.unread):
        return Check(f"lint/{id}", Status.PASSED, id)
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


def of_configuration(config: Config, rules: _Rules, today: date, needed: set[int], *, complete: bool) -> list[Finding]:
    """What is wrong with the configuration's waivers, once every prompt was looked at."""
    unknown = {number: problem for number, waiver in enumerate(config.waivers) if (problem := unknown_rule(waiver))}
    known = {number: waiver for number, waiver in enumerate(config.waivers) if number not in unknown}
    problems = [*config.faults, *unknown.values(), *expired(known.values(), today)]
    if complete:
        idle = (waiver for number, waiver in known.items() if number not in needed and waiver.until >= today)
        problems += unused(waiver for waiver in idle if _looked_for(waiver, rules))
    return _sorted(_found(problems, rules))


def of_environments(
    problems: Iterable[Problem],
    unchecked: Sequence[Hit],
    rules: _Rules,
    shared: Sequence[Waiver],
    today: date,
    needed: set[int],
) -> Check:
    """The check of the files of environments, which belong to no prompt."""
    judged, used = apply(_found(problems, rules), shared, today)
    needed |= used
    open_ = [_unchecked(hit.message, hit.path, hit.line, hit.column) for hit in unchecked]
    check = Check.of("lint/environments", _sorted([*judged, *open_]))
    return Check(check.id, Status.UNCHECKED, None, check.findings) if open_ else check


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


def _finding(rule: Rule, severity: Severity, hit: Told) -> Finding:
    message, path, line, column, hint, own = hit
    return Finding(rule.id, rule.slug, Severity(own) if own else severity, message, path, line, column, hint)


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (f.path or "", f.line or 0, f.column or 0, f.rule, f.message))
