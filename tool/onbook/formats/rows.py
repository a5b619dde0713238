"""Rows: one mapping each, from JSON lines, CSV or YAML; and how a line of JSON is written."""

from __future__ import annotations

import csv
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, cast

from onbook.formats.bounds import MAX_DEPTH, MAX_FLAWS
from onbook.formats.document import line_problems, not_utf8, read_yaml
from onbook.formats.faults import CONFLICT, json_fault
from onbook.formats.scalars import integer, real, short
from onbook.patterns import later
from onbook.records import record
from onbook.report import Problem

MAX_LINE_BYTES = 1024 * 1024
BOM = b"\xef\xbb\xbf"

_OWN_COLUMNS = ("id", "expected", "tags", "cluster", "xfail")

_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

# Editors and str.splitlines end a line at these; JSON does not, so they are written as escapes.
_LINE_ENDS = str.maketrans({"\x85": r"\u0085", "\u2028": r"\u2028", "\u2029": r"\u2029"})


@record
class Row:
    """One row and the line it starts at, 1-based."""

    line: int
    data: dict[str, object]


def read_rows(raw: bytes, path: str) -> tuple[list[Row], list[Problem]]:
    """Reads rows, by the suffix of the path.

    ``.jsonl``: an object a line, blank lines passed over. ``.csv``: a header, then RFC 4180; the columns
    ``id``, ``expected``, ``tags`` (separated by spaces), ``cluster`` and ``xfail`` are keys of the row where
    they are not empty, every other column is an input. ``.yml``, ``.yaml``: a list of mappings.

    Returns:
        The sound rows, and the problems, each at its line: those of ``read_yaml``, ``row-syntax``,
        ``row-duplicate-key``, ``row-not-object``. A row with a problem is left out; the others are not.
    """
    for suffix, read in _READERS.items():
        if path.endswith(suffix):
            rows, problems = read(raw, path)
            return rows, problems[:MAX_FLAWS]
    hint = "name it .jsonl, .csv, .yml or .yaml"
    return [], [Problem("row-syntax", "no rows can be read from a file of this kind", path, hint=hint)]


def write_json_line(data: object) -> str:
    """One line of a .jsonl file, without its line end: compact, keys in their order, characters as themselves.

    Raises:
        ValueError: NaN, an infinity or half a surrogate pair, which no JSON reader would take back.
    """
    line = _COMPACT.encode(data).translate(_LINE_ENDS)
    line.encode()
    return line


# --- JSON lines


class _RowError(Exception):
    """A line that is no row."""

    def __init__(self, message: str, column: int | None, hint: str, *, code: str = "row-syntax") -> None:
        super().__init__(message)
        self.column = column
        self.hint = hint
        self.code = code


class _NumberError(ValueError):
    """A number that Python's JSON reads and nobody else does. ``token``: as the text has it."""

    def __init__(self, message: str, token: str) -> None:
        super().__init__(message)
        self.token = token


_JSON_HINTS = {
    "Extra data": "put each object on a line of its own",
    "Expecting property name enclosed in double quotes": "write keys in double quotes",
    "Illegal trailing comma before end of array": "delete the comma",
    "Illegal trailing comma before end of object": "delete the comma",
    "Unterminated string starting at": r"close the string; a line break in it is written \n",
    "Invalid control character at": r"write it as an escape: \t, \n or \uXXXX",
    "Invalid \\escape": r"double the backslash",
}


def _read_jsonl(raw: bytes, path: str) -> tuple[list[Row], list[Problem]]:
    problems: list[Problem] = []
    lines = ((0, line) for line in raw.split(b"\n"))
    return [row for _, row in rows_of(lines, path, problems)], problems


def rows_of(lines: Iterable[tuple[int, bytes]], path: str, problems: list[Problem]) -> Iterator[tuple[int, Row]]:
    """The sound rows of JSON lines as they come, one at a time, each with the place where its line begins.

    Args:
        lines: from the file's beginning on, each with its place.
        problems: what is wrong is added here; after too much of it no more is read.
    """
    duplicates: list[str] = []
    decode = _decoder(duplicates)
    for number, (start, line) in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(BOM)  # noqa: PLW2901
        if not line or line.isspace():
            continue
        duplicates.clear()
        try:
            yield start, Row(number, _read_object(line, decode, duplicates))
        except UnicodeDecodeError as error:
            problems.append(replace(not_utf8(line, path, error.start), line=number))
        except _RowError as error:
            problems.append(Problem(error.code, str(error), path, number, error.column, error.hint))
        if len(problems) >= MAX_FLAWS:
            break


def _read_object(line: bytes, decode: Callable[[str], object], duplicates: list[str]) -> dict[str, object]:
    """Raises _RowError, UnicodeDecodeError."""
    if len(line) > MAX_LINE_BYTES:
        message = f"the line has {len(line):,} bytes; at most {MAX_LINE_BYTES:,} are read"
        raise _RowError(message, 1, "shorten the row", code="file-size")
    text = line.decode()
    try:
        data = decode(text)
    except json.JSONDecodeError as error:
        if text.startswith(("<<<<<<< ", "=======", ">>>>>>> ")):
            message, hint = CONFLICT
            raise _RowError(message, 1, hint) from None
        fault = json_fault(error)
        hint = _JSON_HINTS.get(fault.msg, "write one whole JSON object a line")
        message = f"not JSON: {fault.msg[0].lower()}{fault.msg[1:].removesuffix(' at')}"
        raise _RowError(message, fault.pos + 1, hint) from None
    except _NumberError as error:
        column = _column(text, error.token, 1)
        raise _RowError(str(error), column, "write it as a string, or a number that JSON has") from None
    except RecursionError:
        raise _RowError(f"nested more than {MAX_DEPTH} deep", 1, "flatten the row") from None
    if not isinstance(data, dict):
        column = len(text) - len(text.lstrip()) + 1
        raise _RowError("the row is no object", column, 'write an object: {"id": ...}', code="row-not-object")
    if duplicates:
        key = duplicates[0]
        column = _column(text, json.dumps(key, ensure_ascii=False), 2, key=True)
        message = f"the key {short(key)} stands twice in one object"
        raise _RowError(message, column, "delete one of the two, or rename it", code="row-duplicate-key")
    if text.count("{") + text.count("[") > MAX_DEPTH and not _is_shallow(data, MAX_DEPTH):
        raise _RowError(f"nested more than {MAX_DEPTH} deep", 1, "flatten the row")
    if "\\" in text and _SURROGATE.search(text) and not _is_unicode(data):
        half = _HALF.search(text)
        column = half.start() + 1 if half else None
        raise _RowError("an escape that is half a character", column, "delete it, or write both halves")
    return data


# Half of a surrogate pair: JSON's grammar lets it pass, and no UTF-8 can hold it.
_SURROGATE = later(r"\\u[dD][89a-fA-F]")
_HALF = later(r"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")


def _is_unicode(data: object) -> bool:
    try:
        write_json_line(data)
    except ValueError:
        return False
    return True


def _decoder(duplicates: list[str]) -> Callable[[str], object]:
    """A reader of JSON that adds repeated keys to the list, keeps the first of them, and refuses what is not JSON."""

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        data = dict(items)
        if len(data) < len(items):
            data.clear()
            for key, value in items:
                if key in data:
                    duplicates.append(key)
                else:
                    data[key] = value
        return data

    def refusing(read: Callable[[str], object]) -> Callable[[str], object]:
        def number(token: str) -> object:
            try:
                return read(token)
            except ValueError as error:
                raise _NumberError(str(error), token) from None

        return number

    def constant(token: str) -> object:
        raise _NumberError(f"{token} is a number that JSON does not have", token)

    decoder = json.JSONDecoder(
        object_pairs_hook=pairs,
        parse_constant=constant,
        parse_int=refusing(integer),
        parse_float=refusing(real),
    )
    scan = cast("Any", decoder).scan_once

    def decode(text: str) -> object:
        # Nearly every line is one object from end to end: no need to look for blanks around it, as the decoder does.
        if text.startswith("{"):
            try:
                data, end = scan(text, 0)
            except StopIteration:
                end = -1  # it says where, not what
            if end == len(text):
                return data
            duplicates.clear()
        return decoder.decode(text)

    return decode


def _column(text: str, token: str, count: int, *, key: bool = False) -> int | None:
    """Where the last of exactly ``count`` tokens (or keys) stands, 1-based; None if there are more or fewer."""
    found: list[int] = []
    at = text.find(token)
    while at >= 0 and len(found) <= count:
        if not key or _COLON.match(text, at + len(token)):
            found.append(at)
        at = text.find(token, at + 1)
    return found[-1] + 1 if len(found) == count else None


_COLON = later(r"\s*:")


def _is_shallow(value: object, depth: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None:
        return True
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in inner)


# --- CSV

_CSV_ERRORS = {
    "unexpected end of data": ("a quote that is never closed", "close the quote; a quote inside a cell is doubled"),
    "',' expected after '\"'": ("text after a closing quote", "double the quotes inside a cell"),
}


def _read_csv(raw: bytes, path: str) -> tuple[list[Row], list[Problem]]:
    problems: list[Problem] = []
    return list(csv_rows(lambda: ((0, line) for line in raw.split(b"\n")), path, problems)), problems


def csv_rows(read: Callable[[], Iterable[tuple[int, bytes]]], path: str, problems: list[Problem]) -> Iterator[Row]:
    """The sound rows of CSV as they come, one at a time.

    Args:
        read: gives the file's lines from its beginning on, each with its place; called twice, as a file that is no text
            has no rows.
        problems: what is wrong is added here; after too much of it no more is read.
    """
    problems += line_problems(read(), path)
    if problems:
        return
    header: list[str] | None = None
    # strict: a broken quote is an error, not a guess. Only \n ends a line, as everywhere in onbook.
    reader = csv.reader(_texts(read()), strict=True)
    while len(problems) < MAX_FLAWS:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            message, hint = _CSV_ERRORS.get(str(error), (str(error), "quote the cell"))
            problems.append(Problem("row-syntax", message, path, line, hint=hint))
            if header is None:
                break
            continue
        if cells is None:
            break
        if not cells:
            continue
        if header is None:
            header = [name.strip() for name in cells]
            problems += _check_header(header, path, line)
            if problems:
                break
        elif len(cells) == len(header):
            yield Row(line, _row(dict(zip(header, cells, strict=True))))
        else:
            message = f"{len(cells)} cells where the header has {len(header)}"
            hint = "quote cells that have a comma in them; an empty cell keeps its comma"
            problems.append(Problem("row-syntax", message, path, line, 1, hint))


def _texts(lines: Iterable[tuple[int, bytes]]) -> Iterator[str]:
    """Lines as text, each but the last with its line feed."""
    before: bytes | None = None
    for _, line in lines:
        if before is None:
            before = line.removeprefix(BOM)
            continue
        yield before.decode() + "\n"
        before = line
    if before:
        yield before.decode()


def _check_header(header: list[str], path: str, line: int) -> Iterator[Problem]:
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        yield Problem("row-syntax", "the columns are not separated by commas", path, line, 1, "save it with commas")
    seen: set[str] = set()
    for number, name in enumerate(header, 1):
        if not name:
            message = f"column {number} has no name"
            yield Problem("row-syntax", message, path, line, hint="name the column, or delete it")
        elif name in seen:
            message = f"the column {short(name)} stands twice"
            yield Problem("row-duplicate-key", message, path, line, hint="rename one of the two, or delete it")
        seen.add(name)


def _row(cells: dict[str, str]) -> dict[str, object]:
    data: dict[str, object] = {name: cells[name] for name in _OWN_COLUMNS if cells.get(name)}
    if "tags" in data:
        data["tags"] = cells["tags"].split()
    data["inputs"] = {name: cell for name, cell in cells.items() if name not in _OWN_COLUMNS}
    return data


# --- YAML


def _read_yaml(raw: bytes, path: str) -> tuple[list[Row], list[Problem]]:
    document, problems = read_yaml(raw, path)
    if document is None:
        return [], problems
    if not isinstance(document.data, list):
        if not problems:
            line, column = document.place(())
            problems.append(
                Problem("row-not-object", "a list of rows is wanted", path, line, column, 'begin rows with "- "')
            )
        return [], problems
    starts = [document.place((number,)) for number in range(len(document.data))]
    lines = [start.line for start in starts]
    unsound = {bisect_right(lines, problem.line or 0) - 1 for problem in problems}
    rows: list[Row] = []
    for number, (start, data) in enumerate(zip(starts, document.data, strict=True)):
        if number in unsound:
            continue
        if isinstance(data, dict):
            rows.append(Row(start.line, data))
        else:
            problems.append(Problem("row-not-object", "the row is no mapping", path, *start, 'write "- id: ..."'))
    return rows, sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))


_READERS = {".jsonl": _read_jsonl, ".csv": _read_csv, ".yml": _read_yaml, ".yaml": _read_yaml}
