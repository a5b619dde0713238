"""One prompt file -> Prompt, with the closure of files that its rendering and its contract read.

Nothing here raises for what a file holds: every fault is a problem with a place, so that one bad file hides no other.
What brings another file into a closure is known to ``named`` too: a new way has to be told there as well.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial

from onbook.contract import Contract, ContractError
from onbook.formats import Document, Pointer, read_rows, read_yaml
from onbook.formats.faults import json_fault
from onbook.manifest import sha256
from onbook.nearest import nearest
from onbook.project.references import Bundler, may_refer, near_file, read_json
from onbook.project.shapes import contract, is_bare_schema, row_problems, shape_problems, with_known_parameters
from onbook.prompt import HISTORY, SUFFIXES, Example, Message, Prompt, Slot, id_of, is_id, is_prompt_path, near_id
from onbook.records import record
from onbook.render import analyse
from onbook.render.types import Use
from onbook.repo import Entry, Snapshot, SnapshotError
from onbook.report import Problem

MAX_INCLUDE_DEPTH = 16
MAX_ADVICE = 10  # includes of nothing for which the nearest name is looked up

Json = Mapping[str, object]
_Find = Callable[[], tuple[str, int, int]]


@record
class Loaded:
    """What came of reading one prompt file.

    Attributes:
        prompt: None where the file is too broken to mean anything.
        document: the parsed file with its places, None where it is no YAML.
        files: those that were read, the prompt's own first.
        hashes: sha256 of what was read, by path; empty where the snapshot can be asked again.
    """

    id: str
    path: str
    prompt: Prompt | None
    document: Document | None
    problems: tuple[Problem, ...]
    files: tuple[Entry, ...]
    hashes: Mapping[str, str] = field(default_factory=dict)


def load_prompt(snapshot: Snapshot, path: str, folder: str) -> Loaded:
    """Read the prompt at ``path``, which stands below the prompts folder."""
    reading = Reading(snapshot, path, folder)
    reading.read()
    reading.parse()
    reading.check()
    reading.load()
    return reading.include()


@dataclass(slots=True)
class Reading:
    """The reading of one prompt file in five steps, which many take together: each step's code stays at hand.

    Attributes:
        raw: the file's bytes after the first step, None where they cannot be read.
        document: what they say after the second, None where they are no YAML.
        data: that as a mapping of the shape that a prompt has after the third, None where it has another.
        prompt: what it means after the fourth, None where it is too broken to mean anything.
    """

    snapshot: Snapshot
    path: str
    folder: str
    problems: list[Problem] = field(default_factory=list)
    files: dict[str, Entry] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    partials: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    document: Document | None = None
    data: Json | None = None
    prompt: Prompt | None = None
    _id: str = ""
    _messages: tuple[Message | Slot, ...] = ()
    _template_format: str = ""
    _bundler: Bundler | None = None  # there once something refers

    def read(self) -> None:
        """The first: the file itself."""
        self._id = id = id_of(self.path.removeprefix(f"{self.folder}/"))
        if not is_id(id):
            near = near_id(id)
            suffix = self.path[len(self.folder) + 1 + len(id) :]
            rename = f"rename the file, as in {near}{suffix}" if near else "rename the file"
            hint = f"{rename}; ids are parts of a-z, 0-9, _ and -, joined by /, none beginning v<digit>"
            self._report("bad-id", f"{id!r} is no legal id", hint=hint)
        self.raw = self._take(self.path, "not-a-file", ())

    def parse(self) -> None:
        """The second: what it says."""
        if self.raw is not None:
            self.document, problems = read_yaml(self.raw, self.path)
            self.problems += problems

    def check(self) -> None:
        """The third: whether it has the shape of a prompt."""
        self.data = self._checked(self.document) if self.document is not None else None

    def load(self) -> None:
        """The fourth: what it means, with the schemas and examples that it refers to."""
        self.prompt = self._prompt(self.data) if self.data is not None else None

    def include(self) -> Loaded:
        """The last: what its messages include; and what came of all steps."""
        self._includes(self._messages, self._template_format)
        files, problems = tuple(self.files.values()), tuple(self.problems)
        return Loaded(self._id, self.path, self.prompt, self.document, problems, files, self.hashes)

    def _checked(self, document: Document) -> Json | None:
        if not isinstance(document.data, dict):
            hint = "begin it with a line 'messages:', and below it items '- role: user' with a 'content'"
            self._report("wrong-shape", "a prompt file is a mapping with the key 'messages'", (), hint)
            return None
        data = with_known_parameters(document.data)
        if is_bare_schema(data.get("jsonSchema")):
            message = "jsonSchema holds a schema itself, not its name and the schema"
            self._report("wrong-shape", message, ("jsonSchema",), "indent it below a key 'schema', beside a key 'name'")
            return None
        self.problems += shape_problems(contract("prompt"), document, value=data)
        if self.problems and any(problem.code not in _READABLE for problem in self.problems):
            return None
        return data

    def _prompt(self, data: Json) -> Prompt | None:
        before = len(self.problems)
        self._messages = tuple(map(_message, _list(data, "messages")))
        self._template_format = str(data.get("templateFormat", "simple"))
        inputs = self._schema(data.get("inputs"), ("inputs",))
        output = self._output(data.get("jsonSchema"))
        tools = _rows(data, "tools")
        if tools:
            tools = tuple([self._tool(tool, ("tools", number)) for number, tool in enumerate(tools)])
        bundler, self._bundler = self._bundler, None  # it holds this reading: together they would be garbage
        for path in bundler.files if bundler else ():
            self._take(path, "ref-missing", ())
        examples = self._examples(data.get("examples"))
        found = self.problems[before:]
        if found and any(problem.code not in _HARMLESS for problem in found):
            return None
        return Prompt(
            id=self._id,
            path=self.path,
            messages=self._messages,
            name=_text(data.get("name")),
            description=_text(data.get("description")),
            model=_text(data.get("model")),
            parameters=_mapping(data.get("modelParameters")),
            response_format=_text(data.get("responseFormat")) or ("json_schema" if output else None),
            output_name=_text(output.get("name")),
            output_strict=bool(output["strict"]) if "strict" in output else None,
            output_schema=output.get("schema"),  # type: ignore[arg-type]
            template_format=self._template_format,
            inputs=inputs,
            examples=examples,
            tools=tools,
            version=_text(data.get("version")),
            metadata=_mapping(data.get("metadata")),
            test_data=_rows(data, "testData"),
            evaluators=_rows(data, "evaluators"),
            partials=self.partials,
        )

    def _schema(self, schema: object, at: Pointer) -> Json | None:
        if schema is None:
            return None
        return _mapping(self._bundled(schema, at))

    def _output(self, declared: object) -> dict[str, object]:
        """``jsonSchema`` as a mapping {name, strict, schema}; GitHub writes it as a text of JSON."""
        if declared is None:
            return {}
        at: Pointer = ("jsonSchema",)
        if isinstance(declared, str):
            declared = self._json_text(declared, at)
            if declared is None:
                return {}
        return {**_mapping(declared), "schema": self._bundled(_mapping(declared)["schema"], (*at, "schema"))}

    def _json_text(self, text: str, at: Pointer) -> object:
        """What the text of ``jsonSchema`` says, or None where it does not say a name and a schema."""
        assert self.document
        try:
            declared = read_json(text)
        except json.JSONDecodeError as error:
            fault = json_fault(error)
            mark = self.document.locate(at, fault.pos)
            message = f"jsonSchema is no readable JSON: {fault.msg[0].lower()}{fault.msg[1:]}"
            hint = "write it as a mapping, without the |, and it is checked like the rest of the file"
            self.problems.append(Problem("invalid-schema", message, self.path, mark.line, mark.column, hint))
            return None
        except (ValueError, RecursionError) as error:
            self._report("invalid-schema", f"jsonSchema is no readable JSON: {error}", at)
            return None
        if not isinstance(declared, dict) or not {"name", "schema"} <= declared.keys():
            hint = 'wrap the schema: {"name": "answer", "schema": {...}}'
            self._report("invalid-schema", "jsonSchema needs the keys 'name' and 'schema'", at, hint)
            return None
        wrong = shape_problems(contract("prompt", "outputSchema"), self.document, at=at, value=declared)
        self.problems += wrong
        return None if any(problem.code != "unknown-key" for problem in wrong) else declared

    @property
    def _is_json_text(self) -> bool:
        data = self.document.data if self.document else None
        return isinstance(data, dict) and isinstance(data.get("jsonSchema"), str)

    def _tool(self, tool: Json, at: Pointer) -> Json:
        # The arguments are a schema of their own: #/$defs within them is theirs, and so is what is bundled.
        function = _mapping(tool.get("function"))
        if "parameters" not in function:
            return tool
        bundled = self._joined(function["parameters"], (*at, "function", "parameters"))
        return {**tool, "function": {**function, "parameters": bundled}}

    def _bundled(self, schema: object, at: Pointer) -> object:
        """A schema with its references in it, known to be one; faults are reported once."""
        before = len(self.problems)
        bundled = self._joined(schema, at)
        if len(self.problems) == before:
            self._compile(bundled, at)
        return bundled

    def _joined(self, schema: object, at: Pointer) -> object:
        # A key of the file cannot be $ref where neither these letters nor an escape for them stand in its text. What
        # stands in it as a text of JSON may be nested deeper than the file, so it is always walked.
        text = self.document.text if self.document else "$ref"
        if not (at[0] == "jsonSchema" and self._is_json_text):
            if "$ref" not in text and "\\" not in text:
                return schema
            if not may_refer(schema):
                return schema
        self._bundler = self._bundler or Bundler(self.snapshot, self._report)
        return self._bundler.bundle(schema, self.path, at)

    def _compile(self, schema: object, at: Pointer) -> None:
        try:
            Contract(schema)  # type: ignore[arg-type]
        except ContractError as error:
            hint = None
            if error.pointer[-1:] == ("type",):
                hint = "types are string, number, integer, boolean, array, object and null, or a list of them"
            elif "Pointer" in error.message or "Anchor" in error.message:
                hint = "a $ref that begins with # starts at the top of this schema, as in #/$defs/name"
            self._report(
                "invalid-schema", f"this is no valid JSON Schema: {error.message}", (*at, *error.pointer), hint
            )

    def _examples(self, declared: object) -> tuple[Example, ...]:
        if declared is None:
            return ()
        rows: list[object] = []
        if isinstance(declared, str):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), declared))
            if declared.startswith("/") or path.startswith("../"):
                hint = f"write the path from the folder of {self.path}"
                self._report("ref-outside", f"examples {declared!r} leads out of the repository", ("examples",), hint)
                return ()
            raw = self._take(path, "ref-missing", ("examples",))
            if raw is None:
                return ()
            found, problems = read_rows(raw, path)
            self.problems += problems
            for row in found:
                told = "an example is one object with inputs and output"
                wrong = row_problems(contract("prompt", "example"), row.data, told, path, row.line)
                self.problems += wrong
                if not wrong:
                    rows.append(row.data)
        elif isinstance(declared, list):
            rows = declared
        return tuple(Example(_mapping(_mapping(row).get("inputs")), _mapping(row).get("output")) for row in rows)

    def _includes(self, messages: tuple[Message | Slot, ...], template_format: str) -> None:
        for number, message in enumerate(messages):
            if not isinstance(message, Message):
                continue
            at: Pointer = ("messages", number, "content")
            for use in analyse(message.content, template_format).includes:
                where = partial(self._place_in, message.content, at, use)
                self._include(use.name, template_format, where, ())

    def _include(self, name: str, template_format: str, where: _Find, chain: tuple[str, ...]) -> None:
        """Take in one partial and what it includes; ``where`` finds the place of the include, if it must be told."""
        if name in chain:
            circle = " -> ".join((*chain[chain.index(name) :], name))
            message, advice = f"includes go in a circle: {circle}", "take one of these includes out"
            self.problems.append(Problem("include-cycle", message, *where(), advice))
            return
        if len(chain) >= MAX_INCLUDE_DEPTH:
            message = f"includes are nested deeper than {MAX_INCLUDE_DEPTH}"
            self.problems.append(Problem("include-cycle", message, *where(), "include fewer levels"))
            return
        if name in self.partials:
            return
        target = _normal(f"{self.folder}/{name}")
        if not target.startswith(f"{self.folder}/") or name.startswith("/"):
            message = f"include of {name!r} leads out of the prompts folder {self.folder!r}"
            hint = f"partials stand below {self.folder}/, most often in {self.folder}/_shared/"
            self.problems.append(Problem("partial-outside", message, *where(), hint))
            return
        try:
            raw = self.snapshot.read(target)
            text = raw.decode()
        except UnicodeDecodeError:
            self.problems.append(Problem("not-utf8", "this partial is not UTF-8 text", target))
            return
        except (SnapshotError, ValueError) as error:
            others = [path for path in self.snapshot.entries(self.folder) if path != target]
            # Each search compares with every file: a text of a thousand wrong includes is not worth a thousand of them.
            missing = sum(problem.code == "missing-partial" for problem in self.problems[-MAX_ADVICE:])
            near = nearest(target, others) if missing < MAX_ADVICE else None
            found = f"did you mean {near.removeprefix(self.folder + '/')!r}?" if near else None
            advice = found or f"includes are written from {self.folder}/, as in _shared/tone.md"
            what = error.message if isinstance(error, SnapshotError) else str(error)
            message = f"partial {name!r} cannot be read: {what} ({target})"
            self.problems.append(Problem("missing-partial", message, *where(), advice))
            return
        self._close(target, raw)
        self.partials[name] = text
        for use in analyse(text, template_format).includes:
            where = partial(_place, target, use)
            self._include(use.name, template_format, where, (*chain, name))

    def _place_in(self, text: str, at: Pointer, use: Use) -> tuple[str, int, int]:
        assert self.document
        lines = text.split("\n")
        mark = self.document.locate(at, sum(len(part) + 1 for part in lines[: use.line - 1]) + use.column - 1)
        return self.path, mark.line, mark.column

    def _take(self, path: str, code: str, at: Pointer) -> bytes | None:
        """Read a file and put it into the closure."""
        try:
            raw = self.snapshot.read(path)
        except (SnapshotError, ValueError) as error:  # a path with a NUL is no path
            what = error.message if isinstance(error, SnapshotError) else str(error)
            if path == self.path:
                self._report(code, what, at, "put a regular file in its place: what a link leads to is not versioned")
            else:
                self._report(code, f"{path!r} cannot be read: {what}", at, near_file(self.snapshot, path))
            return None
        self._close(path, raw)
        return raw

    def _close(self, path: str, raw: bytes) -> None:
        entry = self.snapshot.entry(path)
        assert entry
        self.files[path] = entry
        if not self.snapshot.remembers:
            self.hashes[path] = sha256(raw)

    def _report(self, code: str, message: str, at: Pointer | None = None, hint: str | None = None) -> None:
        if self.document is None or at is None:
            self.problems.append(Problem(code, message, self.path, hint=hint))
            return
        mark = self.document.place(at)
        self.problems.append(Problem(code, message, self.path, mark.line, mark.column, hint))


# Duplicate keys and unknown keys leave the rest readable; a wrong shape does not.
_READABLE = frozenset({"bad-id", "unknown-key", "duplicate-key"})
# The prompt still means something where a partial cannot be read: lint can go on looking at the rest. Whoever renders
# or releases asks for no problems at all.
_HARMLESS = frozenset({"missing-partial", "partial-outside", "include-cycle", "not-utf8", "unknown-key"})


_normal = lru_cache(maxsize=512)(posixpath.normpath)  # of paths that many prompts name


def _place(path: str, use: Use) -> tuple[str, int, int]:
    return path, use.line, use.column


def _message(item: object) -> Message | Slot:
    data = _mapping(item)
    if "slot" in data:
        return Slot(str(data.get("slot", HISTORY)))
    return Message(str(data["role"]), str(data["content"]))


def _mapping(value: object) -> Json:
    # Asking whether something is a Mapping takes longer than all else here: it nearly always is a dict, or not there.
    if type(value) is dict:
        return value
    return value if value is not None and isinstance(value, Mapping) else {}


def _list(data: Json, key: str) -> list[object]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def _rows(data: Json, key: str) -> tuple[Json, ...]:
    value = data.get(key)
    return tuple(map(_mapping, value)) if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def is_prompt(path: str, folder: str) -> bool:
    """Whether a path of the repository names a prompt of the prompts folder."""
    # The suffix first: most of what is asked about has another.
    return path.endswith(SUFFIXES) and path.startswith(f"{folder}/") and is_prompt_path(path[len(folder) + 1 :])
