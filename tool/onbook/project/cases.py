"""What stands beside a prompt: its gold set, its suite and people's labels.

GitHub's ``testData`` and ``evaluators`` are cases too.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from onbook.formats import Document, Row, read_rows, read_yaml, write_json_line
from onbook.formats.rows import csv_rows, rows_of
from onbook.project.gold import Gold, Lines, repeated
from onbook.project.load import Loaded
from onbook.project.shapes import contract, row_problems, shape_problems
from onbook.prompt import SUFFIXES, Case, JudgeGate, Label, Prompt, Suite, id_of
from onbook.records import record
from onbook.repo import Snapshot, SnapshotError
from onbook.repo.stored import IN_MEMORY, Stored
from onbook.report import Problem

CASE_SUFFIXES = (".cases.jsonl", ".cases.csv", ".cases.yml")
SUITE_SUFFIX = ".suite.yml"
RECORDINGS_SUFFIX = ".recordings.jsonl"
LABELS_SUFFIX = ".labels.jsonl"
# A name that looks right and is read by nothing would leave cases out in silence.
_MISNAMED = {
    ".cases.yaml": ".cases.yml",
    ".cases.json": ".cases.jsonl",
    ".suite.yaml": SUITE_SUFFIX,
    ".labels.json": LABELS_SUFFIX,
    ".labels.csv": LABELS_SUFFIX,
}

_READ = (*CASE_SUFFIXES, *_MISNAMED, SUITE_SUFFIX, LABELS_SUFFIX)
_BESIDE = (*SUFFIXES, *_READ, RECORDINGS_SUFFIX)

# The name under which one of GitHub's evaluators is an assertion.
EVALUATOR = "evaluator"

Json = Mapping[str, object]


@record
class Tests:
    """The cases, the suite and the labels of one prompt, and what is wrong with their files.

    Attributes:
        beside: how the names of all files end that stand beside the prompt, its own among them.
    """

    cases: Sequence[Case]
    suite: Suite
    problems: tuple[Problem, ...]
    labels: tuple[Label, ...] = ()
    beside: frozenset[str] = frozenset()
    __test__ = False  # pytest collects what is called Test*


_PLAIN_SUITE = Suite()  # of every prompt that has none


def stem(path: str) -> str:
    """The part of a prompt's path that the files beside it share."""
    return id_of(path)


def load_tests(snapshot: Snapshot, loaded: Loaded) -> Tests:
    """Read what stands beside a prompt. A row that is wrong is a problem with its line, and is left out."""
    start, prompt = stem(loaded.path), loaded.prompt
    beside = frozenset(snapshot.standing(start, _BESIDE))
    if beside.isdisjoint(_READ) and not (prompt and (prompt.test_data or prompt.evaluators)):
        return Tests((), _PLAIN_SUITE, (), (), beside)  # as beside most prompts
    problems: list[Problem] = []
    parts: list[list[Case] | Lines] = []
    parts += [_cases(snapshot, start + suffix, problems) for suffix in CASE_SUFFIXES if suffix in beside]
    for suffix in () if beside.isdisjoint(_MISNAMED) else _MISNAMED:
        if suffix in beside:
            meant = _MISNAMED[suffix]
            message = f"a file of this name is not read: it must end in {meant}"
            problems.append(Problem("wrong-shape", message, start + suffix, hint=f"rename it to {start + meant}"))
    if prompt and prompt.test_data:
        parts.append(_test_data(loaded, prompt))
    if any(parts):
        _drop_repeated(parts, problems)
    many = any(isinstance(part, Lines) for part in parts)
    cases = Gold(parts) if many else tuple([case for part in parts for case in part])
    suite = _suite(snapshot, start + SUITE_SUFFIX, problems) if SUITE_SUFFIX in beside else _PLAIN_SUITE
    if prompt and prompt.evaluators:
        evaluators = tuple({EVALUATOR: evaluator} for evaluator in prompt.evaluators)
        suite = replace(suite, assertions=(*suite.assertions, *evaluators))
    labels = _labels(snapshot, start + LABELS_SUFFIX, problems) if LABELS_SUFFIX in beside else ()
    return Tests(cases, suite, tuple(problems), labels, beside)


def _rows(snapshot: Snapshot, path: str) -> tuple[list[Row], list[Problem]]:
    try:
        return read_rows(snapshot.read(path), path)
    except SnapshotError as error:
        return [], [Problem("not-a-file", error.message, path)]


def _cases(snapshot: Snapshot, path: str, problems: list[Problem]) -> list[Case] | Lines:
    """The sound cases of one file: in a list, or where there are many, only where they stand."""
    try:
        stored = snapshot.stored(path)
    except SnapshotError as error:
        problems.append(Problem("not-a-file", error.message, path))
        return []
    unsound: list[Problem] = []
    many = stored.size > (_MANY_ROWS if path.endswith(".csv") else IN_MEMORY) and not path.endswith(".yml")
    if many and path.endswith(".jsonl"):
        rows = rows_of(stored.lines(), path, unsound)
    elif many:
        stored, rows = _as_lines(csv_rows(stored.lines, path, unsound))
    else:
        read, unsound = read_rows(stored.whole(), path)
        rows = ((0, row) for row in read)
    found: list[Case] = []
    lines = Lines(path, stored, partial(_case, path=path)) if many else None
    wrong: list[Problem] = []
    shape = contract("case")
    for start, row in rows:
        if amiss := row_problems(shape, row.data, "this case is wrong", path, row.line):
            wrong += amiss
        elif lines is not None:
            lines.note(start, row.line)
        else:
            found.append(_case(row.data, row.line, path))
    problems += (*unsound, *wrong)
    return found if lines is None else lines


# A table names its columns once, so that as many bytes are more cases.
_MANY_ROWS = IN_MEMORY // 4


def _as_lines(rows: Iterable[Row]) -> tuple[Stored, Iterator[tuple[int, Row]]]:
    """The rows of another format as JSON lines, each with the place where it begins."""
    numbers = array("L")

    def written() -> Iterator[bytes]:
        for row in rows:
            numbers.append(row.line)
            yield (write_json_line(row.data) + "\n").encode()

    stored = Stored.of_chunks(written())
    # After the last line follows an empty one.
    return stored, ((start, Row(number, json.loads(line))) for number, (start, line) in zip(numbers, stored.lines()))  # noqa: B905


def _drop_repeated(parts: Sequence[list[Case] | Lines], problems: list[Problem]) -> None:
    """Of two cases with one id the first counts."""
    twice = repeated(parts)
    if not twice:
        return
    seen: dict[str, Case] = {}
    for part in parts:
        again = []
        for index, case in enumerate(part):
            if hash(case.id) not in twice:
                continue
            first = seen.setdefault(case.id, case)
            if first is not case:
                where = f"{first.path}:{first.line}" if first.line else first.path
                message = f"case id {case.id!r} is taken already, at {where}"
                hint = "give each case its own id"
                problems.append(Problem("duplicate-case", message, case.path, case.line, hint=hint))
                again.append(index)
        for index in reversed(again):
            part.drop(index) if isinstance(part, Lines) else part.pop(index)


def _case(data: Json, line: int | None, path: str) -> Case:
    inputs, asserted, tags = data.get("inputs"), data.get("assert"), data.get("tags")
    history, chain = data.get("history"), data.get("chain")
    return Case(
        id=str(data["id"]),
        inputs=inputs if type(inputs) is dict or isinstance(inputs, Mapping) else {},
        expected=data.get("expected"),
        assertions=tuple(asserted) if isinstance(asserted, list) else (),
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        cluster=None if data.get("cluster") is None else str(data["cluster"]),
        xfail=None if data.get("xfail") is None else str(data["xfail"]),
        path=path,
        line=line,
        history=tuple(history) if isinstance(history, list) else (),
        chain=tuple(chain) if isinstance(chain, list) else (),
    )


def _labels(snapshot: Snapshot, path: str, problems: list[Problem]) -> tuple[Label, ...]:
    rows, found = _rows(snapshot, path)
    problems += found
    labels = []
    for row in rows:
        wrong = row_problems(contract("label"), row.data, "this label is wrong", path, row.line)
        problems += wrong
        if not wrong:
            data, good = row.data, row.data["label"] == "good"
            by, note, at = (None if (it := data.get(name)) is None else str(it) for name in ("by", "note", "at"))
            labels.append(Label(str(data["case"]), str(data["key"]), good, by, row.line, note, at))
    return tuple(labels)


def _test_data(loaded: Loaded, prompt: Prompt) -> list[Case]:
    """GitHub's rows: every column is an input. ``expected`` is the expected answer, and an input where it is declared
    as one, or where nothing is."""
    taken = prompt.inputs is None or "expected" in prompt.input_properties
    cases = []
    for number, row in enumerate(prompt.test_data):
        line = loaded.document.place(("testData", number)).line if loaded.document else None
        inputs = {key: value for key, value in row.items() if taken or key != "expected"}
        cases.append(
            Case(id=f"row-{number + 1}", inputs=inputs, expected=row.get("expected"), path=loaded.path, line=line)
        )
    return cases


def _suite(snapshot: Snapshot, path: str, problems: list[Problem]) -> Suite:
    document = _yaml(snapshot, path, problems)
    if document is None:
        return Suite()
    wrong = shape_problems(contract("suite"), document)
    problems += wrong
    data = document.data
    if wrong or not isinstance(data, dict):
        return Suite()
    return Suite(
        models=tuple(data.get("models", ())),
        repeats=int(data.get("repeats", 1)),  # 3.0 is an integer in JSON Schema
        assertions=tuple(data.get("assert", ())),
        threshold=data.get("threshold", 1.0),
        margin=data.get("margin", 0.05),
        primary=data.get("primary"),
        gate=data.get("gate", "own"),
        score=data.get("score"),
        metrics=data.get("metrics", {}),
        chain=tuple(data.get("chain", ())),
        judges=JudgeGate(**data.get("judges", {})),
    )


def _yaml(snapshot: Snapshot, path: str, problems: list[Problem]) -> Document | None:
    try:
        document, found = read_yaml(snapshot.read(path), path)
    except SnapshotError as error:
        problems.append(Problem("not-a-file", error.message, path))
        return None
    problems += found
    return None if found else document
