"""Whose configuration a change is judged by: its own only as far as it is no looser than that of the base.

Somebody who proposes a change could otherwise wave it through in the same breath. A rule counts with the heavier of its
two severities, a waiver where the base has it too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from onbook.errors import UsageError
from onbook.lint import selected
from onbook.project import Config, Source
from onbook.project.config import FILE
from onbook.report import Finding, Severity
from onbook.rules import all_rules
from onbook.rules.waivers import waivers_of
from onbook.waivers import Waiver

GATES = ("lint", "diff", "major", "tests", "verdict", "unchecked", "inconclusive")
_WEIGHT: dict[Severity | None, int] = {None: 0, Severity.INFO: 1, Severity.WARNING: 2, Severity.ERROR: 3}
_HINT = "it does not count here: a reviewer may merge it by itself first, or judge with --own-config"


@dataclass(frozen=True, slots=True)
class Trust:
    """What a change is judged by.

    Attributes:
        config: the stricter of both sides, with the waivers that both have.
        loosened: what the change's own configuration would have let pass, as findings.
    """

    config: Config
    loosened: tuple[Finding, ...] = ()


def judged_by(base: Config, head: Config, *, moved: bool) -> Trust:
    """The stricter of two configurations, and where the newer one is looser.

    Args:
        moved: no prompt is left in the base's folder, so that only the new folder can be looked at.

    Raises:
        UsageError: one of them names a rule that does not exist.
    """
    found = list(_waivers(base.waivers, head.waivers))
    before, after = ({rule.id: severity for rule, severity in selected(each)} for each in (base, head))
    severities = {}
    for id, rule in all_rules().items():
        was, now = before.get(id), after.get(id)
        severities[id] = str(max(was, now, key=_WEIGHT.__getitem__) or "off")
        if _WEIGHT[now] < _WEIGHT[was]:
            found.append(_loosened(f"{id} ({rule.slug}) was {was} and is {now or 'off'}"))
    gates = {name: base.gate(name) or head.gate(name) for name in GATES}
    found += [_loosened(f"gates.{name} was on and is off") for name in GATES if base.gate(name) and not head.gate(name)]
    if base.readers == "strict" and head.readers != "strict":
        found.append(_loosened("readers were strict and are tolerant"))
    changed = (
        ("prompts", base.prompts, head.prompts),
        ("tagPrefix", base.tag_prefix, head.tag_prefix),
        ("release.branch", base.release_branch, head.release_branch),
        ("environments.ref", base.environments_ref, head.environments_ref),
    )
    found += [_loosened(f"{key} was {was!r} and is {now!r}") for key, was, now in changed if was != now]
    config = replace(
        head,
        prompts=head.prompts if moved else base.prompts,
        tag_prefix=base.tag_prefix,
        readers="strict" if "strict" in (base.readers, head.readers) else "tolerant",
        select=(),
        ignore=(),
        severities=severities,
        gates=gates,
        waivers=tuple(waiver for waiver in head.waivers if waiver in base.waivers),
    )
    return Trust(config, tuple(found))


def believed(source: Source, before: Source | None) -> list[Waiver]:
    """The waivers in a prompt's files that the base has too, wherever they stand by now."""
    return [waiver for waiver, new in _comments(source, before) if not new]


def new_comments(source: Source, before: Source | None) -> list[Finding]:
    """The waivers in a prompt's files that the base does not have."""
    return [_new(waiver) for waiver, new in _comments(source, before) if new]


def _comments(source: Source, before: Source | None) -> Iterator[tuple[Waiver, bool]]:
    # Lines move, and so may a waiver with them; that there are more of them than before does not pass.
    left = Counter(map(_name, waivers_of(before)[0])) if before else Counter()
    for waiver in waivers_of(source)[0]:
        known = left[_name(waiver)] > 0
        left[_name(waiver)] -= 1
        yield waiver, not known


def _name(waiver: Waiver) -> tuple[object, ...]:
    return waiver.rule, waiver.fingerprint, waiver.until, waiver.reason, waiver.file, waiver.lines is None


def _waivers(base: Sequence[Waiver], head: Sequence[Waiver]) -> Iterable[Finding]:
    return [_new(waiver) for waiver in head if waiver not in base]


def _new(waiver: Waiver) -> Finding:
    where = f" in {waiver.path}" if waiver.path and waiver.path != waiver.file else ""
    message = f"a new waiver of {waiver.name}{where} until {waiver.until}: {waiver.reason}"
    place = (waiver.file or FILE, waiver.line, waiver.column)
    return Finding("OC101", "new-waiver", Severity.WARNING, message, *place, hint=_HINT)


def _loosened(message: str) -> Finding:
    return Finding("OC102", "loosened-configuration", Severity.WARNING, message, FILE, hint=_HINT)


def unreadable(error: UsageError) -> Finding:
    """A configuration that cannot be read is judged by that of the base, and told."""
    return Finding("OC103", "unreadable-configuration", Severity.ERROR, error.message, _file(error), hint=error.hint)


def _file(error: UsageError) -> str:
    return (error.place or FILE).partition(":")[0].partition(" ")[0]
