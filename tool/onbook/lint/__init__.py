"""Catalog -> findings. A rule that crashes is told as what could not be checked, never as nothing found.

What is found in a prompt depends on its files and on the rules alone: it is looked for by several processes, and kept
from one run to the next. Severities, waivers and the day come after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from onbook.lint.environments import environments_of
from onbook.lint.gathering import gather
from onbook.lint.judge import judge, of_configuration, of_environments
from onbook.lint.looking import MAX_TOLD, look
from onbook.lint.released import released
from onbook.project import Catalog, Config
from onbook.report import Check, Report, Severity
from onbook.rules import ReleaseRule, Rule, all_rules, find_rule

__all__ = ["MAX_TOLD", "lint", "look", "selected"]


def lint(
    catalog: Catalog, ids: Iterable[str] = (), *, today: date | None = None, jobs: int = 1, keep: bool = False
) -> Report:
    """Look at prompts with every rule that the configuration selects.

    Args:
        ids: the prompts to look at; none means all, and then the configuration's own waivers are looked at too.
        today: the day that waivers, and rules that look at dates, are measured against.
        jobs: how many processes may look. The report is the same for any number.
        keep: keep what is found in the git directory, and use what was kept, where nothing has changed since. The
            report is the same either way. Only where all prompts are looked at.

    Raises:
        UsageError: a prompt that is named does not exist, or the configuration names a rule that does not.
        OnbookError: a process that looked ended before it was done.
    """
    rules = {rule.id: (rule, severity) for rule, severity in selected(catalog.config)}
    day, named = today or date.today(), tuple(ids)
    looked = gather(catalog, named, [rule for rule, _ in rules.values()], day, jobs=jobs, keep=keep)
    since = [rule for rule, _ in rules.values() if isinstance(rule, ReleaseRule)]
    released(looked, since, catalog, day, jobs=jobs, keep=keep and not named)
    needed = set[int]()
    checks = [judge(id, found, rules, catalog.config.waivers, day, needed) for id, found in looked.items()]
    if not named:
        wrong, unknown = environments_of(catalog) if _ENVIRONMENTS & rules.keys() else ([], [])
        if wrong or unknown:
            checks.append(of_environments(wrong, unknown, rules, catalog.config.waivers, day, needed))
        complete = all(found.sound and not found.unchecked for found in looked.values())
        if found := of_configuration(catalog.config, rules, day, needed, complete=complete):
            checks.append(Check.of("lint/configuration", found))
    return Report("lint", tuple(checks), head=catalog.snapshot.name)


_ENVIRONMENTS = frozenset({"ON620", "ON621", "ON622"})


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
