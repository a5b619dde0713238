"""Which cases are run: by id, by tag, those that failed last time, and one shard of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from onbook.errors import UsageError
from onbook.nearest import nearest
from onbook.project import Catalog, Source
from onbook.project.cases import CASE_SUFFIXES, LABELS_SUFFIX, RECORDINGS_SUFFIX, SUITE_SUFFIX, stem
from onbook.prompt import Case
from onbook.repo import Snapshot, SnapshotError

# Shards are counted in a command line; more of them than this is a slip of the keyboard.
MAX_SHARDS = 10_000


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a run: ``index`` of ``of``, from 1."""

    index: int
    of: int

    @staticmethod
    def parse(text: str) -> Shard:
        """``2/5``.

        Raises:
            UsageError: it is no shard.
        """
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        shard = Shard(int(found[1]), int(found[2])) if found else None
        if shard is None or not 1 <= shard.index <= shard.of <= MAX_SHARDS:
            raise UsageError(f"{text!r} is no shard", hint="write i/n with i from 1 to n, as in --shard 2/5")
        return shard

    def takes(self, prompt: str, case: str) -> bool:
        """Whether a case belongs to this shard.

        The first 8 bytes of sha256 over ``<prompt id>/<case id>`` (UTF-8), as a big-endian number modulo n, choose the
        shard, counted from 0: stable over machines, runs, and cases that come and go.
        """
        digest = hashlib.sha256(f"{prompt}/{case}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.index - 1


@dataclass(frozen=True, slots=True)
class Selection:
    """What must hold of a case for it to be run. Everything that is given must hold; None means no condition.

    Attributes:
        cases: its id is one of these.
        tags: it has one of these.
        failed: the cases that failed last time, by prompt.
    """

    cases: Collection[str] | None = None
    tags: Collection[str] | None = None
    failed: Mapping[str, Collection[str]] | None = None
    shard: Shard | None = None

    @property
    def narrows(self) -> bool:
        """Whether a prompt may be left without some of its cases."""
        return self != Selection()

    def takes(self, prompt: str, case: Case) -> bool:
        """Whether a case is run."""
        return (
            (self.cases is None or case.id in self.cases)
            and (self.tags is None or any(tag in self.tags for tag in case.tags))
            and (self.failed is None or case.id in self.failed.get(prompt, ()))
            and (self.shard is None or self.shard.takes(prompt, case.id))
        )

    def sources(self, sources: Iterable[Source], among: Iterable[Source] | None = None) -> list[Source]:
        """The prompts that have such cases. A shard takes all prompts: what is wrong with one is told by each.

        Args:
            among: all that are meant, of which the sources are those that changed; default: the sources.

        Raises:
            UsageError: no prompt that is meant has a case of an id that is asked for, none has one of the tags, or none
                a case with both.
        """
        found = list(sources)
        meant = found if among is None else list(among)
        if self.cases is not None:
            _known("case", self.cases, {case.id for source in meant for case in source.cases})
        if self.tags is not None:
            _known("tag", self.tags, {tag for source in meant for case in source.cases for tag in case.tags})
        asked = Selection(self.cases, self.tags)
        if None not in (self.cases, self.tags) and not any(map(asked.any_of, meant)):
            raise UsageError("none of the cases that --case names has a tag that --tag names")
        whole = Selection(self.cases, self.tags, self.failed)
        if not whole.narrows:
            return found
        return [source for source in found if whole.any_of(source)]

    def any_of(self, source: Source) -> bool:
        """Whether any case of a prompt is run."""
        return any(self.takes(source.id, case) for case in source.cases)


def changed_since(catalog: Catalog, base: Catalog, sources: Iterable[Source]) -> list[Source]:
    """The prompts of which something changed: their closure (a partial's edit counts for all that include it), or
    their cases, suite, labels or recordings; or the closure of an earlier prompt of their chains."""
    asked: dict[str, bool] = {}
    return [
        source
        for source in sources
        if changed(source, base.get(source.id)) or any(_moved(step, catalog, base, asked) for step in steps(source))
    ]


def steps(source: Source) -> set[str]:
    """The other prompts that the chains of a prompt ask."""
    found = {_step(step) for step in source.suite.chain}
    for case in source.cases:
        found.update(map(_step, case.chain))
    return found - {source.id}


def _step(step: object) -> str:
    return str(step["prompt"] if isinstance(step, Mapping) else step)


def may_chain(snapshot: Snapshot, path: str) -> bool:
    """Whether a prompt's tests may have chains, told without parsing them: most have none.

    Args:
        path: the prompt's file.
    """
    # A table has no such column. An escape may spell the word in another way.
    for suffix in (SUITE_SUFFIX, *CASE_SUFFIXES):
        tests = stem(path) + suffix
        if suffix.endswith(".csv") or snapshot.entry(tests) is None:
            continue
        try:
            stored = snapshot.stored(tests)
        except SnapshotError:
            continue  # there are no tests that could be run
        if any(_CHAIN.search(line) for _, line in stored.lines()):
            return True
    return False


_CHAIN = re.compile(rb"chain|\\u00[67]|\\x[67]|\\U0000")


def _moved(id: str, catalog: Catalog, base: Catalog, asked: dict[str, bool]) -> bool:
    if id not in asked:
        here, before = catalog.get(id), base.get(id)
        asked[id] = here is None or before is None or here.digest != before.digest or here.path != before.path
    return asked[id]


def changed(source: Source, before: Source | None) -> bool:
    """Whether a prompt, or what it is tested with, is other than it was."""
    if before is None or source.digest != before.digest or source.path != before.path:
        return True
    suffixes = (*CASE_SUFFIXES, SUITE_SUFFIX, LABELS_SUFFIX, RECORDINGS_SUFFIX)
    return any(_bytes(source, suffix) != _bytes(before, suffix) for suffix in suffixes)


def _bytes(source: Source, suffix: str) -> bytes | str | None:
    path = stem(source.path) + suffix
    if source.snapshot.entry(path) is None:
        return None
    try:
        return source.snapshot.read(path)
    except SnapshotError as error:
        return error.message


def _known(what: str, wanted: Iterable[str], there: Collection[str]) -> None:
    for name in wanted:
        if name not in there:
            near = nearest(name, there)
            hint = f"did you mean {near!r}?" if near else None
            raise UsageError(f"none of these prompts has a {what} {name!r}", hint=hint)
