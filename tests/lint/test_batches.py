"""Prompts that are looked at together: the same is found as of each alone, and one that fails hides no other."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator

import pytest

from benchmarks import corpus
from onbook.lint import batches, selected
from onbook.lint.looking import Looked, look
from onbook.lint.trace import Shared, Traced
from onbook.project import Catalog, Source
from onbook.project.cases import RECORDINGS_SUFFIX
from onbook.project.load import Loaded, Reading
from onbook.prompt import id_of
from support.snapshots import files

FILES = dict(corpus.files(70, defects=True))
PROMPT = "messages: [{role: user, content: Hello}]\n"


def together(catalog: Catalog) -> dict[str, Looked]:
    rules = [rule for rule, _ in selected(catalog.config)]
    shared = Shared()
    prompts = ((id, path, Traced(catalog.snapshot, id_of(path), shared)) for id, path in catalog.paths.items())
    return {id: looked for id, looked, _ in batches.look_at(prompts, catalog.config.prompts, rules)}


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many prompts were looked at together, each time."""
    found: list[int] = []

    def counted(sources: list[Source], rules: object) -> list[Looked]:
        found.append(len(sources))
        return look(sources, rules)  # type: ignore[arg-type]

    monkeypatch.setattr(batches, "look", counted)
    return found


def test_the_same_is_found_of_each_alone() -> None:
    catalog = Catalog(files(FILES))
    found = together(catalog)
    assert list(found) == catalog.ids
    assert any(each.hits for each in found.values())
    rules = [rule for rule, _ in selected(catalog.config)]
    for id, each in found.items():
        assert [each] == look([catalog.find(id)], rules), id


def test_what_fails_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(files(FILES))
    before, bad = together(catalog), catalog.ids[5:70:13]
    real = Reading.include

    def include(reading: Reading) -> Loaded:
        if reading.path in [catalog.path(id) for id in bad]:
            raise MemoryError("full")
        return real(reading)

    monkeypatch.setattr(Reading, "include", include)
    after = together(catalog)
    assert list(after) == list(before)
    for id, each in after.items():
        if id in bad:
            (told,) = each.unchecked
            assert told.message == "this prompt could not be checked: MemoryError: full"
            assert not each.sound
        else:
            assert each == before[id]


def test_small_ones_are_many_and_large_ones_few(sizes: list[int]) -> None:
    def some(name: str, count: int, text: str = PROMPT, beside: str = "") -> Iterator[tuple[str, str]]:
        for number in range(count):
            yield f"prompts/{name}{number:02}.prompt.yml", text
            if beside:
                yield f"prompts/{name}{number:02}{beside}", ""

    large = PROMPT + "# a long comment\n" * 24_000  # 408 kB
    together(Catalog(files(dict(some("a", 90)))))
    assert sizes == [80, 10]
    sizes.clear()
    together(Catalog(files(dict(some("a", 3, large)))))
    assert sizes == [1, 1, 1]
    sizes.clear()
    together(Catalog(files(dict(some("a", 9, beside=RECORDINGS_SUFFIX)))))
    assert sizes == [5, 4]


def test_what_was_looked_at_is_gone_without_a_look_for_garbage() -> None:
    # A circle through a prompt keeps all that was made of it, and every prompt is then read into memory that is cold.
    catalog = Catalog(files({**FILES, **dict(corpus.files(20, findings=10))}))
    together(catalog)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        together(catalog)
        gc.collect()
        left = Counter(type(each).__qualname__ for each in gc.garbage if type(each).__module__.startswith("onbook."))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not left
