"""The reports of shards, and one report of them: the same that one run of all cases would have brought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from onbook.errors import UsageError
from onbook.report import Report
from onbook.testing.judging import report_of
from onbook.testing.results import CaseResult, UnitResult, from_json, to_json
from onbook.testing.selection import Shard

_VERSION = 1
_WRITE = "write it with `onbook test --shard i/n --format json`"
_TOGETHER = "merge the JSON reports of all shards of one run, each once"


def sharded(report: Report, results: Iterable[UnitResult], shard: Shard) -> Report:
    """A report that can be merged: it also carries every result of its shard."""
    units = [to_json(result) for result in results]
    part = {"version": _VERSION, "index": shard.index, "of": shard.of, "units": units}
    return replace(report, data={**report.data, "shard": part})


def merge(reports: Mapping[str, Any]) -> Report:
    """Put the JSON reports of all shards together.

    Args:
        reports: the parsed reports, by the name that a person knows each of them by.

    Raises:
        UsageError: one is no report of a shard, or they are not the shards of one run, each once.
    """
    parts: dict[int, tuple[str, list[UnitResult]]] = {}
    of: int | None = None
    head: object = None
    for name, data in reports.items():
        shard, units = _part(name, data)
        if of is None:
            of, head = shard.of, data.get("head")
        if shard.of != of:
            raise UsageError(f"this is a shard of {shard.of}, the first one of {of}", place=name, hint=_TOGETHER)
        if data.get("head") != head:
            raise UsageError(f"this shard ran at {data.get('head')}, the first one at {head}", place=name)
        if shard.index in parts:
            message = f"shard {shard.index}/{of} is there twice, also as {parts[shard.index][0]}"
            raise UsageError(message, place=name, hint=_TOGETHER)
        parts[shard.index] = name, units
    if of is None:
        raise UsageError("there is nothing to merge", hint=_TOGETHER)
    if missing := [f"{index}/{of}" for index in range(1, of + 1) if index not in parts]:
        names = ", ".join(missing[:10]) + (" ..." if len(missing) > 10 else "")
        raise UsageError(f"shards are missing: {names}", hint=_TOGETHER)
    merged = _together([parts[index] for index in sorted(parts)])
    try:
        return report_of(merged, head=None if head is None else str(head), detail=True)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # Each had the shape of a shard, and something in one of them has another type than onbook writes.
        raise UsageError(
            "these reports cannot be counted: one of them is not as onbook wrote it", hint=_WRITE
        ) from None


def _part(name: str, data: Any) -> tuple[Shard, list[UnitResult]]:
    try:
        part = data["data"]["shard"]
        if data["verb"] != "test" or part["version"] != _VERSION:
            raise ValueError
        shard = Shard.parse(f"{part['index']}/{part['of']}")
        units = [from_json(unit) for unit in part["units"]]
        # A case that another shard should have run would be counted, and one of ours left out.
        if not all(shard.takes(unit.prompt, case.id) for unit in units for case in unit.cases):
            raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError, UsageError):
        raise UsageError("this is no report of a shard", place=name, hint=_WRITE) from None
    return shard, units


def _together(parts: Sequence[tuple[str, list[UnitResult]]]) -> list[UnitResult]:
    first_name, first = parts[0]
    cases: list[dict[int, CaseResult]] = [{} for _ in first]
    for name, units in parts:
        if [_frame(unit) for unit in units] != [_frame(unit) for unit in first]:
            message = f"this shard saw other prompts, suites or recordings than {first_name} did"
            raise UsageError(message, place=name, hint="run all shards on the same commit, with the same options")
        for unit, found in zip(units, cases, strict=True):
            for case in unit.cases:
                if case.number in found or not 0 <= case.number < unit.total:
                    message = f"case {case.id!r} of {unit.prompt} is not where the other shards have it"
                    raise UsageError(message, place=name, hint="run all shards on the same commit")
                found[case.number] = case
    merged = []
    for unit, found in zip(first, cases, strict=True):
        if not unit.wrong and unit.kind == "run" and len(found) != unit.total:
            message = f"{unit.total - len(found)} of {unit.total} cases of {unit.prompt} are in none of the shards"
            raise UsageError(message, hint="run all shards with the same options, and none that selects cases")
        merged.append(replace(unit, cases=tuple(found[number] for number in sorted(found))))
    return merged


def _frame(unit: UnitResult) -> UnitResult:
    """What all shards of a run must agree about."""
    return replace(unit, cases=())
