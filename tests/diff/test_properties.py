"""What must hold of every pair of schemas, tried on random ones: thousands of pairs, the same in every run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random
from typing import Any

import pytest

from onbook.call import Caller
from onbook.contract import Containment, Contract, ContractError
from onbook.contract.drafts import draft_of, modern
from onbook.diff import PromptDiff, diff_sources, witness
from onbook.diff.inclusion import proved
from onbook.diff.parts import tolerant
from onbook.diff.report import diff_report
from onbook.diff.witness import covering
from onbook.errors import InputError
from onbook.project import Catalog, Source
from onbook.versions import Bump
from support.schemas import DRAFTS, Writer, edited, value
from support.snapshots import files

ID = "a"
PATH = "prompts/a.prompt.yml"
SEEDS = range(8)
PAIRS = 50  # a seed
Pair = tuple[Any, Any]


def valid(schema: Any) -> bool:
    try:
        Contract(schema)
    except ContractError:
        return False
    return True


def pairs(seed: int, draft: int = 2020, *, references: bool = True) -> Iterator[Pair]:
    """Schemas, each with itself after an edit or two, or with another."""
    random = Random(f"{seed} {draft}")
    found = 0
    while found < PAIRS:
        writer = Writer(random, draft, references=references)
        one = writer.schema()
        other = writer.schema() if random.random() < 0.2 else edited(one, random)
        if random.random() < 0.3:
            other = edited(other, random)
        if valid(one) and valid(other):
            found += 1
            yield one, other


def values(*pair: Any) -> list[Any]:
    """Values at the limits of both schemas, and others."""
    random = Random(json.dumps(pair))
    return [*islice(witness._candidates(*pair), 150), *(value(random) for _ in range(50))]


def told_apart(narrow: Contract, wide: Contract, among: list[Any]) -> list[Any]:
    return [one for one in among if narrow.accepts(one) and not wide.accepts(one)]


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_said_to_cover_covers_and_witnesses_are_true(seed: int, draft: int) -> None:
    verdicts = set()
    for wide, narrow in pairs(seed, draft):
        accepts, rejects = Contract(narrow), Contract(wide)
        found = covering(wide, narrow)
        verdicts.add(found.verdict)
        if found.witness is not None:
            assert found.verdict is Containment.NO
            assert accepts.accepts(found.witness[0])
            assert not rejects.accepts(found.witness[0])
        if found.verdict is Containment.YES or proved(wide, narrow):
            assert told_apart(accepts, rejects, values(narrow, wide)) == []
        assert covering(wide, narrow) == found
        assert covering(narrow, narrow).verdict is Containment.YES
    assert {Containment.YES, Containment.NO} <= verdicts


@pytest.mark.parametrize("draft", [draft for draft in DRAFTS if draft != 2020])
def test_an_older_draft_means_the_same_in_the_words_of_the_newest(draft: int) -> None:
    for schema, _ in pairs(0, draft):
        said = modern(schema)
        assert said is not None
        assert draft_of(said) == 2020
        old, new = Contract(schema), Contract(said)
        apart = [one for one in values(schema, said) if old.accepts(one) != new.accepts(one)]
        # In draft 4 a number that is written 1.0 is no integer, which the newest cannot say.
        assert all(draft == 4 and "1.0" in json.dumps(one) for one in apart), apart


def source(**keys: Any) -> Source | None:
    data = {"messages": [{"role": "user", "content": "hello"}], **keys}
    found = Catalog(files({PATH: json.dumps(data)})).get(ID)
    return found if found and not found.problems else None


def compared(old: Source, new: Source, readers: str = "tolerant") -> PromptDiff:
    """The difference, the same whenever it is asked for."""
    found, again = (diff_sources(ID, old, new, readers=readers) for _ in range(2))
    assert diff_report([found], base=None, head="x") == diff_report([again], base=None, head="x")
    assert diff_sources(ID, new, new).changes == ()
    return found


def bound(caller: Caller, call: Mapping[str, Any]) -> bool:
    try:
        caller.bind(call)
    except InputError:
        return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_no_call_that_breaks_is_told_as_less_than_major(seed: int) -> None:
    bumps = set()
    for pair in pairs(seed, references=False):
        old, new = (source(inputs={"type": "object", "properties": {"a": schema, "b": {}}}) for schema in pair)
        if old is None or new is None:
            continue
        found = compared(old, new)
        bumps.add(found.bump)
        before, after = Caller(old.usable()), Caller(new.usable())
        calls = [{"a": one} for one in values(*pair)]
        breaks = [call for call in calls if bound(before, call) and not bound(after, call)]
        assert not breaks or found.bump is Bump.MAJOR, (pair, breaks[0])
    assert {Bump.MINOR, Bump.MAJOR} <= bumps


@pytest.mark.parametrize("readers", ["tolerant", "strict"])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_answer_that_nobody_has_met_is_told_as_less_than_major(seed: int, readers: str) -> None:
    bumps = set()
    for pair in pairs(seed):
        made = [{"responseFormat": "json_schema", "jsonSchema": {"name": "a", "schema": schema}} for schema in pair]
        old, new = (source(**keys) for keys in made)
        if old is None or new is None:
            continue
        found = compared(old, new, readers)
        bumps.add(found.bump)
        before, after = old.usable().output_schema, new.usable().output_schema
        assert before is not None
        assert after is not None
        read = before if readers == "strict" else tolerant(before)
        # An optional property that is dropped no longer comes, although an open object could still hold anything.
        if valid(read) and not any(change.removed for change in found.changes):
            answers = told_apart(Contract(after), Contract(read), values(before, after))
            # Opening what stands under `not` refuses more: an answer that was allowed has been met all the same.
            met = [answer for answer in answers if not Contract(before).accepts(answer)]
            assert not met or found.bump is Bump.MAJOR, (pair, met[0])
    assert {Bump.MINOR, Bump.MAJOR} <= bumps
