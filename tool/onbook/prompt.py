"""Prompt: one prompt as data, whatever file, index, commit or tag it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from onbook.errors import UsageError
from onbook.records import record

PROMPTS = "prompts"
"""The folder that holds them, unless the configuration names another."""
SUFFIXES = (".prompt.yml", ".prompt.yaml")
HISTORY = "history"

# A segment that begins v<digit> would read as the version of a tag.
_SEGMENT = r"(?!v[0-9])[a-z0-9][a-z0-9_-]*+"
_ID = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*+")

Json = Mapping[str, object]


@record
class Message:
    """One message: a role (system, user, assistant) and the template of its content."""

    role: str
    content: str


@record
class Slot:
    """The place where the caller's earlier messages go, as data."""

    name: str = HISTORY


@record
class Example:
    """One few-shot example: values for the last user message, and the answer. Data, never templates."""

    inputs: Json
    output: object


@record
class Prompt:
    """A prompt and all that its rendering and its contract read.

    Attributes:
        id: the path below the prompts folder without its suffix: ``support/triage``.
        path: the file's path from the repository's root.
        parameters: ``modelParameters``, with the names the file uses.
        output_schema: the JSON Schema of the answer, references bundled; None where the answer is text.
        inputs: the JSON Schema of the variables as an object, references bundled; None if none is declared.
        template_format: ``simple`` or ``jinja2``.
        partials: included texts by their path below the prompts folder.
        input_properties: the declared inputs by name; a property declared as ``true`` counts as an empty schema.
    """

    id: str
    path: str
    messages: tuple[Message | Slot, ...]
    name: str | None = None
    description: str | None = None
    model: str | None = None
    parameters: Json = field(default_factory=dict)
    response_format: str | None = None
    output_name: str | None = None
    output_strict: bool | None = None
    output_schema: Json | bool | None = None
    template_format: str = "simple"
    inputs: Json | None = None
    examples: tuple[Example, ...] = ()
    tools: tuple[Json, ...] = ()
    version: str | None = None
    metadata: Json = field(default_factory=dict)
    test_data: tuple[Json, ...] = ()
    evaluators: tuple[Json, ...] = ()
    partials: Mapping[str, str] = field(default_factory=dict)

    input_properties: Mapping[str, Json] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # A mapping is nearly always a dict, which is told much sooner.
        declared = (self.inputs or {}).get("properties")
        found: dict[str, Json] = {}
        if type(declared) is dict or isinstance(declared, Mapping):
            for name, schema in declared.items():
                found[name] = schema if type(schema) is dict or isinstance(schema, Mapping) else {}
        object.__setattr__(self, "input_properties", found)

    @property
    def is_draft(self) -> bool:
        """Drafts are linted and tested, and passed over by release."""
        return self.metadata.get("status") == "draft"


@record
class Case:
    """One row of a gold set: inputs, and what must hold of the answer.

    Attributes:
        id: unique within the prompt.
        assertions: mappings of one assertion's name to its argument.
        xfail: the reason why this case is known to fail, or None. Strict: passing is then a failure.
        history: earlier messages, ``{"role", "content"}`` each, for the prompt's slot.
        chain: the steps that lead to the prompt's own answer; see :mod:`onbook.testing.chains`.
        path, line: where the row stands.
    """

    id: str
    inputs: Json
    expected: object = None
    assertions: tuple[Json, ...] = ()
    tags: tuple[str, ...] = ()
    cluster: str | None = None
    xfail: str | None = None
    path: str = ""
    line: int | None = None
    history: tuple[Mapping[str, str], ...] = ()
    chain: tuple[object, ...] = ()


@record
class Label:
    """A person's verdict on one recorded answer.

    Attributes:
        case: the case's id; key: of the recording that was judged.
        good: what was said of it.
        by: who said so, None where nobody is named; note: why; at: when, as it is written.
        line: where the row stands.
    """

    case: str
    key: str
    good: bool
    by: str | None = None
    line: int | None = None
    note: str | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True)
class JudgeGate:
    """What a judge must have shown before its verdicts may fail a check.

    Attributes:
        labels: answers that people have labelled, at least.
        kappa: Cohen's kappa between the judge and people, at least. 0.61 is where Landis and Koch, The Measurement of
            Observer Agreement for Categorical Data, Biometrics 33 (1977), p. 165, begin to call agreement substantial.
    """

    labels: int = 20
    kappa: float = 0.61


@dataclass(frozen=True, slots=True)
class Suite:
    """How a prompt's cases are run. ``models`` empty means the prompt's own model.

    Attributes:
        threshold: the share of cases that must pass.
        score: the weighted score that a case passes with; None: all of its assertions must hold.
        metrics: measures of the whole set by name; see :mod:`onbook.testing.metrics`.
        chain: the steps of every case that has none of its own.
        judges: when a judge may gate.
    """

    models: tuple[str, ...] = ()
    repeats: int = 1
    assertions: tuple[Json, ...] = ()
    threshold: float = 1.0
    margin: float = 0.05
    primary: str | None = None
    gate: str = "own"
    score: float | None = None
    metrics: Mapping[str, Json] = field(default_factory=dict)
    chain: tuple[object, ...] = ()
    judges: JudgeGate = field(default_factory=JudgeGate)


def is_prompt_path(path: str) -> bool:
    """Whether a path below the prompts folder names a prompt: the suffix, and no part that begins with ``_``."""
    return path.endswith(SUFFIXES) and not path.startswith("_") and "/_" not in path


def id_of(path: str) -> str:
    """The id that a path below the prompts folder stands for, legal or not."""
    usual, other = SUFFIXES
    id = path.removesuffix(usual)
    return id if len(id) < len(path) else path.removesuffix(other)


def is_id(text: str) -> bool:
    """Whether a text is a legal id: segments ``[a-z0-9][a-z0-9_-]*`` joined by ``/``, none beginning ``v<digit>``."""
    return _ID.fullmatch(text) is not None


def require_id(text: str) -> None:
    """Refuse what is no legal id.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(text, str):
        raise UsageError(f"{text!r} is no legal prompt id", hint="ids are texts, as 'support/triage'")
    if not is_id(text):
        near = near_id(text)
        hint = f"write it as {near}" if near else "ids look like support/triage"
        id, _, version = text.rpartition("/v")
        if is_id(id) and version[:1].isdigit():
            hint = f"this looks like a tag: its prompt is {id}, its version {version}"
        raise UsageError(f"{text!r} is no legal prompt id", hint=hint)


def near_id(text: str) -> str | None:
    """The legal id that is written most like a text: in small letters without accents, ``-`` for what no id has."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", id_of(text).casefold()).encode("ascii", "ignore").decode()
    near = "/".join(re.sub(r"[^a-z0-9_]+", "-", part).strip("-_") for part in plain.split("/"))
    return near if is_id(near) else None
