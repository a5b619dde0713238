"""What a rule is, and where rules are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from onbook.bases import Bases
from onbook.errors import OnbookError, UsageError
from onbook.formats import Pointer
from onbook.nearest import nearest
from onbook.plugins import entry_points
from onbook.project import Catalog, Source
from onbook.report import Problem, Severity

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "onbook.rules"

# Modules of rules; the hundreds of an id tell the theme, and a theme may have several modules.
_MODULES = (
    *("files", "roles", "gold", "markup", "policy", "waivers"),
    *("templates", "variables", "values", "names"),
    *("contracts", "formats"),
    *("untrusted", "hidden", "secrets", "personal", "injection"),
    *("parameters", "models", "sizes", "copies"),
    "recordings",
    *("releases", "environments"),
)


class Hit(NamedTuple):
    """One place that breaks a rule. Lint adds the rule's id, slug and severity.

    Attributes:
        severity: only where this place weighs otherwise than the rule does.
    """

    message: str
    path: str
    line: int | None = None
    column: int | None = None
    hint: str | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A fix: at one place of a file, one word for another.

    Attributes:
        line, column: of the old text, 1-based; a finding of the rule stands there too.
        rule: the id of the rule that asks for it.
    """

    path: str
    line: int
    column: int
    old: str
    new: str
    rule: str


class Rule:
    """A lint rule. Its docstring says: what is wrong, why it matters, bad, good, when to waive.

    Attributes:
        codes: problems of the readers that this rule reports; the default ``check`` does just that.
        default: whether the rule is on unless it is selected by name.

    A rule reads what the prompt's source and snapshot hold, and its own code: lint remembers what it found for as long
    as none of these has changed. A rule whose verdict depends on the day is an :class:`AcrossRule`.
    """

    id: ClassVar[str]
    slug: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    codes: ClassVar[frozenset[str]] = frozenset()
    default: ClassVar[bool] = True

    def check(self, source: Source) -> Iterable[Hit]:
        """Every place of one prompt, and of the files beside it, that breaks the rule.

        Most rules find nothing in most prompts: one that knows so at once returns ``()``, for a generator costs more.
        """
        if not (source.problems or source.tests.problems):
            return ()
        problems = (*source.problems, *source.tests.problems)
        return [self.of(problem) for problem in problems if problem.code in self.codes]

    def fixes(self, source: Source) -> Iterator[Edit]:
        """What would mend a finding, where there is exactly one right answer. ``--fix`` tries each, and looks again."""
        return iter(())

    @staticmethod
    def of(problem: Problem) -> Hit:
        """A reader's problem as a place that breaks the rule."""
        return Hit(problem.message, problem.path, problem.line, problem.column, problem.hint)


class AcrossRule(Rule):
    """A rule that compares prompts with each other, or with the day.

    It looks in two steps, so that lint can share out the first among processes and remember it: ``note`` sees one
    prompt and keeps what the second step needs of it, ``across`` sees the notes of all prompts that are linted.
    """

    def note(self, source: Source) -> object:
        """What ``across`` needs of one prompt, as little as will do: JSON data or bytes; None for one to pass over."""
        raise NotImplementedError

    def across(self, notes: Mapping[str, object], today: date) -> Iterator[tuple[str, Hit]]:
        """Every place that breaks the rule, with the id of its prompt; the notes stand in the order of the ids."""
        raise NotImplementedError


class ReleaseRule(AcrossRule):
    """A rule that compares a prompt with what was released.

    Tags change without any file changing: ``note`` only says which prompts it applies to, and lint asks ``since`` of
    those in every run. A repository none of whose prompts it applies to never has its tags listed.

    Attributes:
        kept: whether it applies, and what it finds, depends on the files of the prompt, its base and the configuration
            alone: lint need not ask again while these are the same.
    """

    kept: ClassVar[bool] = False

    def note(self, source: Source) -> object:
        """True for a prompt that ``since`` is to be asked of; None for a prompt to pass over."""
        raise NotImplementedError

    def across(self, notes: Mapping[str, object], today: date) -> Iterator[tuple[str, Hit]]:
        """Nothing: what it finds depends on tags."""
        yield from ()

    def since(self, source: Source, catalog: Catalog, bases: Bases | None) -> Iterator[Hit]:
        """Every place of one prompt that breaks the rule.

        Args:
            bases: the prompts as they were released; None where there is no repository.

        Raises:
            OnbookError: the base cannot be told, or not be read; the prompt is then told as not checked.
        """
        raise NotImplementedError


def hit_at(source: Source, pointer: Pointer, message: str, *, key: bool = False, hint: str | None = None) -> Hit:
    """A place of the prompt's own file."""
    if source.document is None:
        return Hit(message, source.path, hint=hint)
    mark = source.document.place(pointer, key=key)
    return Hit(message, source.path, mark.line, mark.column, hint)


def edit_at(source: Source, rule: str, pointer: Pointer, old: str, new: str) -> Edit:
    """A fix of the name of a key in the prompt's own file."""
    assert source.document
    mark = source.document.place(pointer, key=True)
    return Edit(source.path, mark.line, mark.column, old, new, rule)


def builtin_rules() -> list[Rule]:
    """The rules of onbook itself, sorted by id."""
    found: list[Rule] = []
    for name in _MODULES:
        module = import_module(f"onbook.rules.{name}")
        found += [rule() for rule in module.RULES]
    return sorted(found, key=lambda rule: rule.id)


@cache
def all_rules() -> Mapping[str, Rule]:
    """All rules by id, the built-in ones and those that installed packages add, sorted."""
    found = list(builtin_rules())
    found += [_plugin(point) for point in entry_points(GROUP)]
    by_id: dict[str, Rule] = {}
    for rule in sorted(found, key=lambda rule: rule.id):
        if (other := by_id.setdefault(rule.id, rule)) is not rule:
            homes = " and ".join(sorted(f"{type(each).__module__}.{type(each).__name__}" for each in (rule, other)))
            raise OnbookError(f"two rules have the id {rule.id}: {homes}", hint="uninstall one of the two packages")
    return by_id


def _plugin(point: EntryPoint) -> Rule:
    """A rule of an installed package. One that cannot be loaded is told, and nothing is checked without it.

    Raises:
        OnbookError: loading it failed, or it is no rule.
    """
    hint = f"mend or uninstall the package that names it under {GROUP}"
    try:
        rule = point.load()()
    except Exception as error:
        message = f"the lint rule {point.value} cannot be loaded: {type(error).__name__}: {error}"
        raise OnbookError(message, hint=hint) from error
    if not isinstance(rule, Rule):
        raise OnbookError(f"the lint rule {point.value} is no class that extends onbook.rules.Rule", hint=hint)
    return rule


def find_rule(name: str) -> Rule:
    """A rule by id or slug.

    Raises:
        UsageError: there is none; the nearest is named.
    """
    rules = all_rules()
    by_name = {**rules, **{rule.slug: rule for rule in rules.values()}}
    if found := by_name.get(name) or by_name.get(name.upper()):
        return found
    near = nearest(name, by_name)
    hint = f"did you mean {near}?" if near else "`onbook explain` lists them all"
    raise UsageError(f"there is no rule {name!r}", hint=hint)


def unreported(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Problems that no rule reports: there should be none, and lint tells them as what could not be checked."""
    known = frozenset(code for rule in all_rules().values() for code in rule.codes)
    return (problem for problem in problems if problem.code not in known)
