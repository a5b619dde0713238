"""Two prompts, or two catalogs, and what changed between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onbook.diff.changes import Change, change
from onbook.diff.evidence import Cases
from onbook.diff.inputs import compare_inputs
from onbook.diff.loosened import compare_tests
from onbook.diff.messages import compare_messages, compare_metadata, compare_model, compare_tools
from onbook.diff.outputs import compare_outputs
from onbook.errors import UsageError
from onbook.project import Catalog, Source
from onbook.prompt import Prompt
from onbook.versions import FIRST, Bump, Version


@dataclass(frozen=True, slots=True)
class PromptDiff:
    """What changed in one prompt.

    Attributes:
        old: None for a new prompt; new: None for one that was deleted.
        base: the version of the release that ``old`` is, or None.
        moved_from: the id that it had before, where that is another.
    """

    id: str
    old: Source | None
    new: Source | None
    base: Version | None
    changes: tuple[Change, ...]
    moved_from: str | None = None

    @property
    def through(self) -> tuple[str, ...]:
        """The files besides the prompt's own through which it changed: partials, schemas, examples."""
        if self.old is None or self.new is None:
            return ()
        was, now = ({file.path: file.sha256 for file in side.closure[1:]} for side in (self.old, self.new))
        return tuple(sorted(path for path in was.keys() | now.keys() if was.get(path) != now.get(path)))

    @property
    def bump(self) -> Bump:
        """What the changes ask for together, by the table (before the rule for 0.x)."""
        return max((found.bump for found in self.changes), default=Bump.NONE)

    @property
    def proved(self) -> bool:
        """Whether every verdict on a contract was proved; what was not counts as major unless it is waived."""
        return not any(found.rule.unproven for found in self.changes)

    @property
    def open(self) -> list[Change]:
        """What was neither proved nor waived: what stands in the way of a release."""
        return [found for found in self.changes if found.rule.unproven and found.waived is None]

    @property
    def required(self) -> Version | None:
        """The version that the next release needs at least; None without a new prompt or without a need."""
        if self.new is None:
            return None
        if self.base is None:
            return FIRST
        return self.base.bump(self.bump) if self.bump else None

    @property
    def largest(self) -> list[Change]:
        """The changes that ask for the most: those that a message names."""
        return [found for found in self.changes if found.bump is self.bump]


def compare(old: Prompt, new: Prompt, readers: str = "tolerant", cases: Cases = tuple) -> Iterator[Change]:
    """Every change from one version of a prompt to another, contract first. Pure: nothing is kept.

    Args:
        cases: the inputs of both sides' cases; asked for where a rendering has to be tried.
    """
    yield from compare_inputs(old, new)
    yield from compare_outputs(old, new, readers)
    yield from compare_messages(old, new, cases)
    yield from compare_model(old, new)
    yield from compare_tools(old, new)
    yield from compare_metadata(old, new)


def diff_sources(
    id: str, old: Source | None, new: Source | None, *, base: Version | None = None, readers: str = "tolerant"
) -> PromptDiff:
    """What changed in one prompt.

    Raises:
        UsageError: one of the two has problems and cannot be compared.
    """
    return PromptDiff(id, old, new, base, tuple(_changes(id, old, new, readers)))


def _changes(id: str, old: Source | None, new: Source | None, readers: str) -> Iterator[Change]:
    if new is None:
        if old is not None:
            yield change("prompt-removed", (), f"`{id}` is gone or has another id; its tags stay", removed=True)
        return
    if old is None:
        new.usable()
        yield change("prompt-added", (), f"`{id}` is new")
        return
    if old.digest == new.digest:
        yield from compare_tests(old, new)
        return
    sides = (old, new)
    cases = lambda: [case.inputs for side in sides for case in side.cases]  # noqa: E731 read only if asked for
    found = list(compare(_released(old), new.usable(), readers, cases))
    yield from found
    if not found:
        yield change("text-changed", ())
    yield from compare_tests(old, new)


def _released(old: Source) -> Prompt:
    try:
        return old.usable()
    except UsageError as error:
        raise UsageError(
            f"the older version that `{old.id}` is compared with cannot be read: {error.message}",
            place=f"{old.snapshot.name}:{error.place}",
            hint="compare with another base, or withdraw that release",
        ) from None


def diff_catalogs(old: Catalog, new: Catalog) -> Iterator[PromptDiff]:
    """What changed between two places in history, prompt by prompt; prompts without a change are left out.

    Raises:
        UsageError: a prompt that changed cannot be read on one of the two sides.
    """
    for id in sorted({*old.ids, *new.ids}):
        found = diff_sources(id, old.get(id), new.get(id), readers=new.config.readers)
        if found.changes:
            yield found


def next_version(found: PromptDiff) -> Version | None:
    """The version of the next release: base and bump, or the one that the file declares; None if none is needed.

    Raises:
        UsageError: the declared version is too small for the changes. It is never overridden in silence.
    """
    needed = found.required
    prompt = found.new.prompt if found.new else None
    if prompt is None or prompt.version is None or needed is None:
        return needed
    declared = Version.parse(prompt.version)
    # A pre-release is large enough if the release that it leads to is.
    if found.base is None or (declared > found.base and declared.core >= needed.core):
        return declared
    assert found.new
    place = found.new.path
    if found.new.document:
        mark = found.new.document.place(("version",))
        place = f"{place}:{mark.line}:{mark.column}"
    reasons = "; ".join(f"{reason.rule.id} {reason.consequence}" for reason in found.largest[:3])
    raise UsageError(
        f"version {declared} is too small: since {found.base} the changes ask for {needed} ({reasons})",
        place=place,
        hint=f"set {needed} or delete the key",
    )
