"""How often each rule fires on a folder of prompt files: what says whether a rule is precise, or a matter of taste."""

from __future__ import annotations

import os
import stat
from datetime import date
from pathlib import Path

from onbook.errors import OnbookError, UsageError
from onbook.lint import look
from onbook.lint.looking import across
from onbook.project import Catalog, Config
from onbook.prompt import SUFFIXES
from onbook.repo.snapshot import Files
from onbook.report import Check, Finding, Report, Severity, Status
from onbook.rules import AcrossRule, all_rules
from onbook.waivers import NOT_CHECKED

MAX_FILES = 100_000
MAX_BYTES = 16 * 1024 * 1024
"""Of a file beside the prompts: no reader takes more."""


def survey(folder: Path) -> Report:
    """Every rule, those that are off by default too, on every prompt below a folder; no configuration, no waivers.

    Returns:
        A Report of the verb ``stats``. ``data`` has ``prompts``, their number, and ``rules``: of each the ``id``,
        ``slug``, ``severity``, whether it is on by ``default``, the ``prompts`` that it fires on, its ``findings``,
        and the ``rate``: the prompts that it fires on of all prompts, 0 to 1.

    Raises:
        UsageError: there is no such folder, or no prompt file in it.
    """
    if not folder.is_dir():
        raise UsageError("there is no such folder", place=str(folder))
    snapshot = Files(_read(folder), str(folder))
    catalog = Catalog(snapshot, Config(prompts="prompts"))
    if not catalog.ids:
        raise UsageError(f"there are no prompt files (*{SUFFIXES[0]}) below this folder", place=str(folder))
    fired: dict[str, list[int]] = {}
    checks = []
    rules = list(all_rules().values())
    found = {source.id: look([source], rules)[0] for source in catalog.select(())}
    compared = across(found, [rule for rule in rules if isinstance(rule, AcrossRule)], date.today())
    for id, told in compared.items():
        found[id].hits += told.hits
        found[id].unchecked += told.unchecked
    for id, looked in found.items():
        for rule in {rule for rule, _ in looked.hits}:
            fired.setdefault(rule, []).append(sum(rule == other for other, _ in looked.hits))
        if looked.unchecked:
            findings = tuple(
                Finding(NOT_CHECKED, "not-checked", Severity.ERROR, hit.message, hit.path, hit.line, hit.column)
                for hit in looked.unchecked
            )
            checks.append(Check(f"stats/{id}", Status.UNCHECKED, id, findings))
    rows = [
        {
            "id": rule.id,
            "slug": rule.slug,
            "severity": str(rule.severity),
            "default": rule.default,
            "prompts": len(fired.get(rule.id, ())),
            "findings": sum(fired.get(rule.id, ())),
            "rate": round(len(fired.get(rule.id, ())) / len(catalog.ids), 4),
        }
        for rule in rules
    ]
    return Report("stats", tuple(checks), data={"prompts": len(catalog.ids), "rules": rows})


def _read(folder: Path) -> dict[str, bytes]:
    """The regular files below a folder, as if it were the prompts folder; links are not followed."""
    found: dict[str, bytes] = {}
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            path = Path(place, name)
            try:
                known = path.lstat()
                large = known.st_size > MAX_BYTES and not name.endswith(SUFFIXES)
                if large or not stat.S_ISREG(known.st_mode):
                    continue
                found[f"prompts/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
            except OSError as error:
                raise OnbookError(f"this file cannot be read: {error.strerror}", place=str(path)) from None
            if len(found) > MAX_FILES:
                raise UsageError(f"more than {MAX_FILES:,} files stand below this folder", place=str(folder))
    return found
