"""The rules of diff, as a table, and the change that one of them finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from onbook.contract import dump
from onbook.versions import Bump

Pointer = tuple[str | int, ...]
Witness = tuple[object]

# Characters of a consequence, and of the witness in it.
_LONGEST = 400
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class DiffRule:
    """One row of the table: what kind of change, and what it asks for unless the change says otherwise."""

    id: str
    slug: str
    bump: Bump
    meaning: str

    @property
    def unproven(self) -> bool:
        """Whether it says that nothing could be proved: such a change counts as major."""
        return self.slug.endswith("-unproven")


def _table() -> Iterator[DiffRule]:
    major, minor, patch, none = Bump.MAJOR, Bump.MINOR, Bump.PATCH, Bump.NONE
    # Inputs: what a caller may send.
    yield DiffRule("OD101", "required-input-added", major, "a call that does not send it is now rejected")
    yield DiffRule("OD102", "input-now-required", major, "a call that leaves it out is now rejected")
    yield DiffRule("OD103", "input-narrowed", major, "a value that was accepted may now be rejected")
    yield DiffRule("OD104", "input-removed", major, "a call that sends it is now rejected")
    yield DiffRule("OD105", "input-renamed", minor, "the old name is still accepted, as an alias")
    yield DiffRule("OD106", "optional-input-added", minor, "calls stay valid, the rendered text may change")
    yield DiffRule("OD107", "input-now-optional", minor, "calls stay valid; it may now be left out")
    yield DiffRule("OD108", "input-widened", minor, "calls stay valid; more values are accepted")
    yield DiffRule("OD109", "input-default-changed", minor, "a call that leaves it out is rendered differently")
    yield DiffRule("OD110", "input-unproven", major, "whether old calls are still accepted could not be proved")
    # Outputs: what a reader of the answer must handle.
    yield DiffRule("OD201", "output-property-removed", major, "a reader that uses it no longer finds it")
    yield DiffRule("OD202", "output-widened", major, "a reader may meet a value that it has not met before")
    yield DiffRule("OD203", "output-enum-extended", major, "a reader may meet a member that it does not know")
    yield DiffRule("OD204", "output-property-added", minor, "a tolerant reader passes over it")
    yield DiffRule("OD205", "output-narrowed", minor, "every answer is one that readers handle already")
    yield DiffRule("OD206", "output-reworded", minor, "the model is sent another schema for the same answers")
    yield DiffRule("OD207", "output-format-changed", major, "a reader must parse another format")
    yield DiffRule("OD208", "output-unproven", major, "whether readers handle every answer could not be proved")
    # Messages: what the model is sent.
    yield DiffRule("OD301", "wording-changed", minor, "the rendered text changed")
    yield DiffRule("OD302", "messages-restructured", minor, "messages were added, removed or given other roles")
    yield DiffRule("OD303", "examples-changed", minor, "the few-shot examples changed")
    yield DiffRule("OD304", "trailing-space-changed", patch, "only white space at line ends changed")
    yield DiffRule("OD305", "template-refactored", none, "every input is proved to render the same bytes")
    yield DiffRule("OD306", "history-slot-moved", major, "earlier messages now stand elsewhere, or nowhere")
    yield DiffRule("OD307", "history-slot-added", minor, "calls stay valid; earlier messages are now accepted")
    yield DiffRule("OD308", "refactor-sampled", patch, "every sampled input renders the same bytes; not a proof")
    yield DiffRule("OD309", "rendering-fails", major, "a call that was rendered is now refused by the template")
    yield DiffRule("OD310", "obligation-removed", minor, "the model is no longer held to a rule")
    yield DiffRule("OD311", "obligation-weakened", minor, "the model is held to a rule less strictly")
    # Model and parameters.
    yield DiffRule("OD401", "model-changed", minor, "another model answers")
    yield DiffRule("OD402", "provider-changed", major, "another provider answers, with other limits and features")
    yield DiffRule("OD403", "parameter-changed", minor, "answers are sampled differently")
    # Tools: calls that the application must be able to carry out.
    yield DiffRule("OD501", "tool-added", major, "the model may call a tool that the application does not have")
    yield DiffRule("OD502", "tool-arguments-widened", major, "a tool may be called with arguments not met before")
    yield DiffRule("OD503", "tool-removed", minor, "the model no longer calls it")
    yield DiffRule("OD504", "tool-changed", minor, "the model is told something else about a tool")
    yield DiffRule("OD505", "tool-unproven", major, "whether the application knows every argument could not be proved")
    # The rest.
    yield DiffRule("OD601", "prompt-added", minor, "a new prompt; its first release is 0.1.0 or the declared version")
    yield DiffRule("OD602", "prompt-removed", major, "its tags stay, and no new release will come")
    yield DiffRule("OD603", "metadata-changed", none, "nothing that a caller, a reader or a model sees")
    yield DiffRule("OD604", "text-changed", none, "comments, key order or the way values are written")
    yield DiffRule("OD605", "cases-deleted", none, "nobody asks any more whether this answer still holds")
    yield DiffRule("OD606", "tests-loosened", none, "an answer that failed the tests may now pass them")
    yield DiffRule("OD607", "prompt-moved", major, "callers that ask for the old id get no new release; its tags stay")
    yield DiffRule("OD608", "labels-deleted", none, "judges are measured without what somebody said of this answer")


RULES: Mapping[str, DiffRule] = {rule.slug: rule for rule in _table()}


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message as both versions render it for one and the same call; None where one of them cannot.

    Attributes:
        inputs: the smallest that was found to show the difference.
    """

    inputs: Mapping[str, object]
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One change between two versions of a prompt.

    Attributes:
        rule: the row of the table.
        bump: what this change asks for; mostly the rule's own.
        pointer: where in the prompt file.
        old, new: the values, None where there is none.
        consequence: one line for the caller or reader: what happens to them.
        witness: an input or output that shows the difference, boxed since null is one; None where there is none.
        removed: the place is to be looked up in the old file.
        rendered: what it does to the text of a message.
        offset: the character of the text at the pointer that is meant, where it is known so exactly.
        file: the file and line that is meant where it is not the prompt's own, as a partial is.
        waived: the reason of the waiver that speaks of it, None where there is none.
    """

    rule: DiffRule
    bump: Bump
    pointer: Pointer
    consequence: str
    old: object = None
    new: object = None
    witness: Witness | None = None
    removed: bool = False
    rendered: Rendered | None = None
    offset: int | None = None
    file: tuple[str, int] | None = None
    waived: str | None = None


def change(
    slug: str,
    pointer: Pointer,
    consequence: str = "",
    *,
    old: object = None,
    new: object = None,
    bump: Bump | None = None,
    witness: Witness | None = None,
    removed: bool = False,
    rendered: Rendered | None = None,
    offset: int | None = None,
    file: tuple[str, int] | None = None,
) -> Change:
    """A change by its rule's slug; the consequence defaults to the rule's meaning and is always one printable line."""
    rule = RULES[slug]
    told = _one_line(consequence or rule.meaning)
    asked = rule.bump if bump is None else bump
    return Change(rule, asked, pointer, told, old, new, witness, removed, rendered, offset, file)


def shown(witness: Witness | None) -> str:
    """A witness as the end of a consequence."""
    if witness is None:
        return ""
    text = dump(witness[0])
    return f", for example {text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}"


def _one_line(text: str) -> str:
    # Names and values come from the files: none may break the line, move the cursor or reorder what is read.
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}..."
