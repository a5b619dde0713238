"""What was asked and what was answered, for those who want to read it: the answers of a run as data of its report.

Only where they are asked for: they are what makes a report large. Texts are bounded, and what was cut is named.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from onbook.repo.stored import Laid
from onbook.report import Report, Rows
from onbook.testing.assertions import AssertionUseError
from onbook.testing.baseline import Match
from onbook.testing.grading import grade
from onbook.testing.planning import Planned
from onbook.testing.recording import Recording
from onbook.testing.request import Request
from onbook.testing.results import CaseResult
from onbook.testing.unit import Attempt, Unit

MAX_TEXT = 8_000
"""Characters of one text; of the inputs of one case, as JSON."""

MAX_ALL = 24_000_000
"""Characters of all texts of a report. Answers that do not pass are given theirs first."""

_TEXTS = ("inputs", "messages", "answer", "expected", "steps", "judges", "labels")

Row = dict[str, Any]


class _Place(NamedTuple):
    """Where the row of an answer is laid, and what its report must know before it is read.

    Attributes:
        size: the characters of its texts.
    """

    place: int
    case: str
    repeat: int
    passed: bool
    size: int


_Pair = tuple[_Place, _Place | None]


class Details:
    """Collects the answers of a run while it is graded, and gives them to its report.

    Args:
        live: the answers were asked for just now and are recorded nowhere, so that nothing can be said of them later.
    """

    def __init__(self, *, live: bool = False, most: int = MAX_ALL) -> None:
        self._live, self._most = live, most
        self._laid = Laid()
        self._rows: dict[tuple[str, str], list[_Place]] = {}
        self._old: dict[tuple[str, str], dict[tuple[str, int], _Place]] = {}
        self._labels: dict[str, dict[str, list[Row]]] = {}

    def seen(self, unit: Unit, planned: Planned, result: CaseResult) -> None:
        """Take what came of one case, once it is graded."""
        rows = self._rows.setdefault((unit.source.id, unit.model), [])
        for attempt, repeat in zip(planned.attempts, result.repeats, strict=False):
            row = self._row(unit, attempt)
            drift = {"drift": repeat.drift} if repeat.drift else {}
            rows.append(self._lay({**row, "state": repeat.state, "reasons": list(repeat.reasons), **drift}))

    def compared(self, match: Match, *, new: bool = False) -> None:
        """Take the old answers of a comparison.

        Args:
            new: the new ones as well, where no run has shown them.
        """
        if match.old is None or match.new is None:
            return
        place = match.compared.prompt, match.compared.model
        old = self._old[place] = {}
        rows = self._rows[place] = [] if new else self._rows.get(place, [])
        for both in match.shared():
            for attempt in both.old:
                grade(match.old, attempt)
                cut = list[str]()
                row = {**self._answer(match.old, attempt), **_some("steps", _steps(match.old, attempt, cut))}
                row["long"] += cut
                old[_slot(attempt)] = self._lay({**row, "cut": row.pop("long")}, attempt.case.id)
            for attempt in both.new if new else ():
                grade(match.new, attempt)
                rows.append(self._lay(self._row(match.new, attempt)))

    def added(self, report: Report) -> Report:
        """The report with the answers in the rows of its prompts, as ``answers``."""
        rows: Any = report.data["prompts"]
        paired = [self._paired(row["id"], row["model"] or "") for row in rows]
        read = partial(self._read, _beyond([pair for pairs in paired for pair in pairs], self._most))
        told = [{**row, "answers": Rows(read, pairs)} for row, pairs in zip(rows, paired, strict=True)]
        return replace(report, data={**report.data, "prompts": told})

    def _paired(self, prompt: str, model: str) -> list[_Pair]:
        before = self._old.get((prompt, model), {})
        return [(row, before.get((row.case, row.repeat))) for row in self._rows.get((prompt, model), ())]

    def _lay(self, row: Row, case: str | None = None) -> _Place:
        """Lay a row aside: a run has as many as it has answers, and they are told one by one."""
        size = sum(_size(row.get(name)) for name in _TEXTS)
        place = self._laid.add(json.dumps(row).encode())
        return _Place(place, case or row["case"], row.get("repeat", 0), row["state"] == "passed", size)

    def _read(self, beyond: Collection[int], pair: _Pair) -> Row:
        """The row of an answer with the older one; without their texts where these are beyond what a report holds."""
        new, old = pair
        row: Row = json.loads(self._laid.line(new.place))
        row["old"] = json.loads(self._laid.line(old.place)) if old else None
        if new.place in beyond:
            for side in (row, row["old"]) if old else (row,):
                gone = [name for name in _TEXTS if side.get(name) is not None]
                side.update(dict.fromkeys(gone))
                row["cut"] = [*dict.fromkeys([*row["cut"], *gone])]
        return row

    def _row(self, unit: Unit, attempt: Attempt) -> Row:
        case, cut = attempt.case, list[str]()
        row = {
            "case": case.id,
            "repeat": attempt.request.repeat,
            **self._answer(unit, attempt),
            **_chain(unit, attempt, cut),
            "xfail": case.xfail,
            "inputs": _inputs(case.inputs, cut),
            "expected": _short(case.expected, cut, "expected"),
            "messages": _messages(attempt.request, cut),
        }
        return {**row, "cut": [*dict.fromkeys([*cut, *row.pop("long")])]}

    def _answer(self, unit: Unit, attempt: Attempt) -> Row:
        cut: list[str] = []
        held = None if attempt.step else unit.recordings.get(attempt.key)
        return {
            "key": None if self._live else attempt.key,
            "model": attempt.request.model,
            "state": attempt.state,
            "reasons": list(attempt.reasons),
            "doubts": list(attempt.doubts),
            "answer": None if held is None else _short(_text(held), cut, "answer"),
            "latency_ms": held.response.latency_ms if held else None,
            "cost": held.response.cost if held else None,
            "usage": dict(held.response.usage) if held else None,
            **_some("judges", [] if held is None else list(_judges(unit, attempt, cut))),
            **_some("labels", [] if held is None or self._live else self._labelled(unit, attempt.key, cut)),
            "long": cut,
        }

    def _labelled(self, unit: Unit, key: str, cut: list[str]) -> list[Row]:
        """What people have said of a recorded answer, in the order in which they said it."""
        source = unit.source
        if source.id not in self._labels:
            by_key = self._labels.setdefault(source.id, {})
            for label in source.labels:
                told = {"by": label.by, "note": label.note, "at": label.at}
                row: Row = {"label": "good" if label.good else "bad", **told}
                by_key.setdefault(label.key, []).append(row)
        found = self._labels[source.id].get(key, ())
        return [{**row, "note": _short(row["note"], cut, "labels")} for row in found]


def without(report: Report) -> Report:
    """The same report without what is only for pages; also of a check."""
    data = dict(report.data)
    if report.verb == "check":
        test = replace(report, verb="test", data=data.get("test"))  # type: ignore[arg-type]
        return replace(report, data={**data, "test": without(test).data})
    if isinstance(rows := data.get("prompts"), list):
        data["prompts"] = [{name: value for name, value in row.items() if name != "answers"} for row in rows]
    return replace(report, data=data)


def _some(name: str, found: list[Row]) -> Row:
    """Left out where there is nothing: most answers have no judge, no label and no chain."""
    return {name: found} if found else {}


def _judges(unit: Unit, attempt: Attempt, cut: list[str]) -> Iterator[Row]:
    """What each judge said of an answer, in its own words; embeddings say nothing that could be read."""
    with suppress(AssertionUseError):  # grading tells of it
        for name, request in unit.verdicts(attempt):
            verdict = None if request.texts else unit.recordings.get(request.key())
            if verdict is not None:
                yield {"assertion": name, "model": request.model, "text": _short(_text(verdict), cut, "judges")}


def _chain(unit: Unit, attempt: Attempt, cut: list[str]) -> Row:
    """The steps of a chain by name, the one that ``messages`` asks for, and what those before it asked and answered."""
    if len(attempt.links) < 2:
        return {}
    names = [link.name for link in attempt.links]
    return {"chain": names, "step": attempt.step or names[-1], "steps": _steps(unit, attempt, cut)}


def _steps(unit: Unit, attempt: Attempt, cut: list[str]) -> list[Row]:
    asked = list(attempt.earlier)
    if attempt.step is not None and all(name != attempt.step for name, _ in asked):
        asked.append((attempt.step, attempt.request))
    prompts = {link.name: link.caller.prompt.id for link in attempt.links}
    found = []
    for name, request in asked:
        held = unit.recordings.get(request.key())
        found.append(
            {
                "step": name,
                "prompt": prompts[name],
                "model": request.model,
                "messages": _messages(request, cut, "steps"),
                "answer": None if held is None else _short(_text(held), cut, "steps"),
                "latency_ms": held.response.latency_ms if held else None,
                "cost": held.response.cost if held else None,
            }
        )
    return found


def _messages(request: Request, cut: list[str], as_: str = "messages") -> list[object]:
    return [_short(message, cut, as_) for message in request.messages]


def _slot(attempt: Attempt) -> tuple[str, int]:
    return attempt.case.id, attempt.request.repeat


def _text(recording: Recording) -> str:
    """The answer as a person reads it: its text, then a line for each call of a tool."""
    answer = recording.response
    return "\n".join([*([answer.text] if answer.text else []), *map(_json, answer.tool_calls)])


def _inputs(inputs: Mapping[str, object], cut: list[str]) -> Mapping[str, object] | None:
    found = {name: _short(value, cut, "inputs") for name, value in inputs.items()}
    if len(_json(found)) <= 2 * MAX_TEXT:
        return found
    cut.append("inputs")
    return None


def _short(value: object, cut: list[str], name: str) -> object:
    """The value, its texts no longer than they may be."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            cut.append(name)
            return value[:MAX_TEXT]
        return value
    if isinstance(value, Mapping):
        return {key: _short(each, cut, name) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_short(each, cut, name) for each in value]
    return value


def _beyond(answers: Sequence[_Pair], most: int) -> frozenset[int]:
    """The places of the answers that are beyond ``most`` characters; those that do not pass are given theirs first."""
    left = most
    found = []
    for new, old in sorted(answers, key=lambda pair: pair[0].passed):
        size = new.size + (old.size if old else 0)
        if size <= left:
            left -= size
        else:
            found.append(new.place)
    return frozenset(found)


def _size(value: object) -> int:
    return 0 if value is None else len(value) if isinstance(value, str) else len(_json(value))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def with_details(report: Report, matches: Iterable[Match], *, live: bool = False) -> Report:
    """The report of a comparison with both sides' answers; ``live`` as in Details."""
    details = Details(live=live)
    for match in matches:
        details.compared(match, new=True)
    return details.added(report)
