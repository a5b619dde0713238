"""One prompt, or the notes of all -> what the rules say. It depends on files and rules alone, so it can be kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import TypeVar

from onbook.bases import Bases
from onbook.errors import OnbookError
from onbook.project import Catalog, Source
from onbook.report import Problem
from onbook.rules import AcrossRule, ReleaseRule, Rule
from onbook.rules.base import Hit, unreported
from onbook.rules.waivers import waivers_of
from onbook.waivers import Waiver

MAX_TOLD = 1_000
"""Places of one prompt that one rule tells: more say nothing new, and a hostile file could ask for any number."""


Item = TypeVar("Item")
Note = str | bytes
Told = tuple[str, str, int | None, int | None, str | None, str | None]
"""A :class:`Hit`, or what it becomes on the way from another process: a tuple of the same."""


@dataclass(slots=True)
class Looked:
    """What came of looking at one prompt, before waivers and severities: it depends on files and on rules alone.

    Attributes:
        path: of the prompt's file.
        sound: whether the file could be read at all.
        unread: other parts that could not be read: a partial, the suite, a row of the cases.
        hits: every place, with the id of the rule that it breaks.
        unchecked: what could not be looked at.
        notes: by rule id, what a rule that compares prompts keeps of this one: bytes, or JSON.
        waivers: those that stand as comments in the prompt's files.
    """

    path: str
    sound: bool
    hits: list[tuple[str, Told]] = field(default_factory=list)
    unchecked: list[Hit] = field(default_factory=list)
    notes: dict[str, Note] = field(default_factory=dict)
    waivers: list[Waiver] = field(default_factory=list)
    unread: list[Hit] = field(default_factory=list)


_NOTE = json.JSONEncoder(separators=(",", ":"))
# Problems of readers that leave nothing unread.
_READ = frozenset({"unknown-key", "duplicate-key", "duplicate-case", "bad-id", "invalid-schema"})


def look(sources: Sequence[Source], rules: Iterable[Rule]) -> list[Looked]:
    """Look at prompts with rules. A rule that crashes, or finds no end, hides nothing and is told.

    One rule looks at all of them before the next does: the code of all rules is more than a processor keeps at hand.
    """
    begun = [_begun(source) for source in sources]
    looked: Sequence[Looked] = [found for found, _ in begun]
    told = {problem.code for _, problems in begun for problem in problems}
    for rule, reports, looks, across in _kinds(tuple(rules)):
        some, found = sources, looked
        if reports:
            if told.isdisjoint(rule.codes):
                continue  # it reports what readers found, and they found nothing of the kind
            at = [n for n, (_, problems) in enumerate(begun) if any(each.code in rule.codes for each in problems)]
            some, found = [sources[n] for n in at], [looked[n] for n in at]
        if looks:
            some, found = _checked(rule, some, found)
        if across is not None:
            _noted(across, some, found)
    return list(looked)


def _checked(
    rule: Rule, sources: Sequence[Source], looked: Sequence[Looked]
) -> tuple[Sequence[Source], Sequence[Looked]]:
    """Add what a rule finds in prompts; those are returned in which it did not crash."""
    answers = _asked(rule.check, sources)
    if not any(answers):
        return sources, looked  # most rules find nothing in any of them, and say so at once
    crashed = set[int]()
    for number, (source, found, hits) in enumerate(zip(sources, looked, answers, strict=True)):
        if not hits:
            continue
        try:
            _add(rule, source, found, hits)
        except Exception as error:
            found.unchecked.append(_crashed(rule, source.path, error))
            crashed.add(number)
    if not crashed:
        return sources, looked
    sound = [number for number in range(len(sources)) if number not in crashed]
    return [sources[number] for number in sound], [looked[number] for number in sound]


def _add(rule: Rule, source: Source, looked: Looked, hits: Iterable[Hit] | Exception) -> None:
    if isinstance(hits, Exception):
        raise hits
    for number, hit in enumerate(hits):
        if number == MAX_TOLD:
            looked.unchecked.append(_more(rule, source.path))
            return
        looked.hits.append((rule.id, hit))


def _noted(rule: AcrossRule, sources: Sequence[Source], looked: Sequence[Looked]) -> None:
    """Add what a rule that compares prompts keeps of each."""
    for source, found, note in zip(sources, looked, _asked(rule.note, sources), strict=True):
        if note is None:
            continue
        try:
            if isinstance(note, Exception):
                raise note
            # As text it is the same whether it was kept in between or not, and quick to hand on.
            found.notes[rule.id] = note if isinstance(note, bytes) else _NOTE.encode(note)
        except Exception as error:
            found.unchecked.append(_crashed(rule, source.path, error))


def _asked(ask: Callable[[Source], Item], sources: Sequence[Source]) -> Sequence[Item | Exception]:
    """What a rule answers of each prompt, or what it crashed with.

    It may come from a plug-in: whatever it does, nothing else is hidden by it.
    """
    try:
        return list(map(ask, sources))
    except Exception:
        return [_answer(ask, source) for source in sources]


def _answer(ask: Callable[[Source], Item], source: Source) -> Item | Exception:
    try:
        return ask(source)
    except Exception as error:
        return error


def _begun(source: Source) -> tuple[Looked, tuple[Problem, ...]]:
    """What readers and comments say of a prompt, before any rule does; and all problems that readers found."""
    problems = (*source.problems, *source.tests.problems)
    looked = Looked(source.path, source.prompt is not None)
    if problems:
        looked.unchecked = [Rule.of(problem) for problem in unreported(problems)]
        looked.unread = [Rule.of(problem) for problem in problems if problem.code not in _READ]
    try:
        if waivers := waivers_of(source)[0]:
            looked.waivers = list(waivers)
    except Exception as error:  # a fault of a reader, as those of rules
        looked.unchecked.append(faulty(source.path, error))
    return looked, problems


def faulty(path: str, error: Exception) -> Hit:
    """What is told of a prompt that a reader failed at: what it could not read is not fine."""
    return Hit(f"this prompt could not be checked: {type(error).__name__}: {error}", path)


@lru_cache(maxsize=8)
def _kinds(rules: tuple[Rule, ...]) -> tuple[tuple[Rule, bool, bool, AcrossRule | None], ...]:
    """Of each rule, whether it only reports what readers found, whether it looks, and itself where it compares."""
    kinds = []
    for rule in rules:
        across = rule if isinstance(rule, AcrossRule) else None
        plain = type(rule).check is Rule.check
        kinds.append((rule, plain and across is None, not plain or bool(rule.codes), across))
    return tuple(kinds)


def across(
    looked: Mapping[str, Looked],
    rules: Iterable[AcrossRule],
    today: date,
    apart: Mapping[str, Mapping[str, Note]] | None = None,
) -> dict[str, Looked]:
    """What rules that compare prompts find in their notes, by id; of prompts in which they find nothing, nothing.

    Args:
        apart: notes by rule and id, where they do not stand with what was found.
    """
    told: dict[str, Looked] = {}

    def of(id: str) -> Looked:
        return told.setdefault(id, Looked(looked[id].path, looked[id].sound))

    for rule in rules:
        if isinstance(rule, ReleaseRule) and type(rule).across is ReleaseRule.across:
            continue
        others = apart.get(rule.id, {}) if apart else {}
        noted = {}
        for id, found in looked.items():
            note = found.notes.get(rule.id) or others.get(id)
            if note is not None:
                noted[id] = note if isinstance(note, bytes) else json.loads(note)
        hits: dict[str, list[Hit]] = {}
        try:
            for id, hit in rule.across(noted, today):
                hits.setdefault(id, []).append(hit)
            for id, some in hits.items():
                found = of(id)
                found.hits += [(rule.id, hit) for hit in _bounded(rule, found.path, some, found)]
        except Exception as error:
            # Which prompts it would have told of is not known: none of them is fine.
            for id in noted:
                of(id).unchecked.append(_crashed(rule, looked[id].path, error))
    return told


def since(rule: ReleaseRule, source: Source, catalog: Catalog, bases: Bases | None, looked: Looked) -> None:
    """Let a rule that compares with what was released look at one prompt, and add what it finds."""
    try:
        hits = _bounded(rule, source.path, rule.since(source, catalog, bases), looked)
        looked.hits += [(rule.id, hit) for hit in hits]
    except Exception as error:
        looked.unchecked.append(_crashed(rule, source.path, error))


def _bounded(rule: Rule, path: str, hits: Iterable[Hit], looked: Looked) -> Iterator[Hit]:
    for number, hit in enumerate(islice(hits, MAX_TOLD + 1)):
        if number == MAX_TOLD:
            looked.unchecked.append(_more(rule, path))
        else:
            yield hit


def _more(rule: Rule, path: str) -> Hit:
    return Hit(f"rule {rule.id} found more than {MAX_TOLD:,} places, and the rest was not looked at", path)


def _crashed(rule: Rule, path: str, error: Exception) -> Hit:
    told = f"{type(error).__name__}: {error}"
    if isinstance(error, OnbookError):
        told = f"{error.message}; {error.hint}" if error.hint else error.message
    return Hit(f"rule {rule.id} could not check this prompt: {told}", path)
