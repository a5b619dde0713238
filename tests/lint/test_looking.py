"""Rules are asked of many prompts in one go: what one of them does with one prompt changes nothing for the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from onbook.lint.looking import MAX_TOLD, Looked, look
from onbook.project import Catalog, Source
from onbook.rules import AcrossRule, Rule
from onbook.rules.base import Hit
from support.snapshots import files

GOOD = "messages:\n  - role: user\n    content: Say hello.\n"


class Plain(Rule):
    """Finds every prompt but ``a``, and crashes at ``b`` before it says anything."""

    id = "XX901"
    slug = "plain"

    def check(self, source: Source) -> Iterable[Hit]:
        if source.id == "b":
            raise RuntimeError("a fault")
        return () if source.id == "a" else [Hit("found", source.path)]


class Later(Rule):
    """Crashes at ``b`` after its first finding, and has no end at ``c``."""

    id = "XX902"
    slug = "later"

    def check(self, source: Source) -> Iterator[Hit]:
        yield Hit("found", source.path)
        if source.id == "b":
            raise RuntimeError("a fault")
        while source.id == "c":
            yield Hit("again", source.path)


class Both(AcrossRule):
    """Looks and compares: what it crashed at has no note."""

    id = "XX903"
    slug = "both"

    def check(self, source: Source) -> Iterable[Hit]:
        return Plain().check(source)

    def note(self, source: Source) -> object:
        return {"a": [1], "b": [2], "c": object(), "d": None}[source.id]

    def across(self, notes: Mapping[str, object], today: date) -> Iterator[tuple[str, Hit]]:
        yield from ()


class Noting(AcrossRule):
    """Crashes at ``b``."""

    id = "XX904"
    slug = "noting"

    def note(self, source: Source) -> object:
        if source.id == "b":
            raise RuntimeError("nothing to note")
        return source.id.encode()

    def across(self, notes: Mapping[str, object], today: date) -> Iterator[tuple[str, Hit]]:
        yield from ()


def looked(*rules: Rule) -> dict[str, Looked]:
    catalog = Catalog(files({f"prompts/{id}.prompt.yml": GOOD for id in "abcd"}))
    sources = catalog.select(())
    return dict(zip("abcd", look(sources, rules), strict=True))


def told(found: Looked) -> list[str]:
    return [Hit(*hit).message for _, hit in found.hits]  # type: ignore[arg-type]


def unchecked(found: dict[str, Looked]) -> dict[str, list[str]]:
    return {id: [hit.message for hit in each.unchecked] for id, each in found.items() if each.unchecked}


def test_a_rule_that_crashes_at_once() -> None:
    found = looked(Plain())
    assert {id: told(each) for id, each in found.items()} == {"a": [], "b": [], "c": ["found"], "d": ["found"]}
    assert unchecked(found) == {"b": ["rule XX901 could not check this prompt: RuntimeError: a fault"]}


def test_a_rule_that_crashes_after_what_it_found_or_has_no_end() -> None:
    found = looked(Later())
    assert {id: len(told(each)) for id, each in found.items()} == {"a": 1, "b": 1, "c": MAX_TOLD, "d": 1}
    assert unchecked(found) == {
        "b": ["rule XX902 could not check this prompt: RuntimeError: a fault"],
        "c": ["rule XX902 found more than 1,000 places, and the rest was not looked at"],
    }


def test_what_a_rule_crashed_at_has_no_note() -> None:
    found = looked(Both())
    assert {id: each.notes for id, each in found.items()} == {"a": {"XX903": "[1]"}, "b": {}, "c": {}, "d": {}}
    assert unchecked(found) == {
        "b": ["rule XX903 could not check this prompt: RuntimeError: a fault"],
        "c": ["rule XX903 could not check this prompt: TypeError: Object of type object is not JSON serializable"],
    }


def test_a_note_that_crashes() -> None:
    found = looked(Noting())
    assert {id: each.notes.get("XX904") for id, each in found.items()} == {"a": b"a", "b": None, "c": b"c", "d": b"d"}
    assert unchecked(found) == {"b": ["rule XX904 could not check this prompt: RuntimeError: nothing to note"]}
