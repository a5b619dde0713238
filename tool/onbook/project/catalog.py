"""Catalog: all prompts of a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from onbook.errors import UsageError
from onbook.formats import Document
from onbook.manifest import ClosureFile, digest, sha256
from onbook.nearest import nearest
from onbook.project.cases import Tests, load_tests
from onbook.project.config import Config
from onbook.project.load import Loaded, is_prompt, load_prompt
from onbook.prompt import Case, Label, Prompt, Suite, id_of, is_prompt_path
from onbook.repo import Entry, Snapshot
from onbook.report import Problem


class _Beside:
    """As ``functools.cached_property``, without its lock: the tests of every prompt are asked for."""

    def __get__(self, source: Source, owner: type[Source]) -> Tests:
        found = source.__dict__["tests"] = load_tests(source.snapshot, source.loaded)
        return found


class Source:
    """One prompt with all that belongs to it.

    Attributes:
        id: the prompt's id.
        path: of the prompt's file, from the repository's root.
        prompt: None where its file is too broken to mean anything.
        document: the parsed file with its places, None where it is no YAML.
        problems: what is wrong with the prompt's closure; its cases have problems of their own.
        files: those that the prompt's rendering and contract read, its own first.
        loaded: all this, as it came of reading the file.
        snapshot: where it was read; its cases are read from there when asked for.
        memo: what one rule works out of the prompt's files and others ask for too, by its name.
        tests: the gold set and suite beside the prompt.
    """

    tests = _Beside()

    def __init__(self, loaded: Loaded, snapshot: Snapshot) -> None:
        self.loaded = loaded
        self.snapshot = snapshot
        # Rules ask for these a hundred times a prompt, so they are no properties.
        self.id: str = loaded.id
        self.path: str = loaded.path
        self.prompt: Prompt | None = loaded.prompt
        self.document: Document | None = loaded.document
        self.problems: tuple[Problem, ...] = loaded.problems
        self.files: tuple[Entry, ...] = loaded.files
        self.memo: dict[str, Any] = {}

    @cached_property
    def closure(self) -> tuple[ClosureFile, ...]:
        """The files with their hashes, which only those need who release or compare."""
        hashes = self.loaded.hashes
        return tuple(
            ClosureFile(*file, hashes.get(file.path) or sha256(self.snapshot.read(file.path))) for file in self.files
        )

    @property
    def digest(self) -> str:
        """The digest of the closure: ``sha256:<hex>``."""
        return digest(self.closure)

    @property
    def cases(self) -> Sequence[Case]:
        """The cases that could be read."""
        return self.tests.cases

    @property
    def labels(self) -> tuple[Label, ...]:
        """People's verdicts on recorded answers."""
        return self.tests.labels

    @property
    def suite(self) -> Suite:
        """How the cases are run."""
        return self.tests.suite

    def usable(self) -> Prompt:
        """The prompt, to be rendered.

        Raises:
            UsageError: its files have problems; the first is told.
        """
        if self.problems or self.prompt is None:
            problem = self.problems[0]
            raise UsageError(problem.message, place=problem.place, hint=problem.hint or "`onbook lint` tells them all")
        return self.prompt


class Catalog:
    """All prompts of a snapshot, read when asked for.

    Args:
        config: the configuration of that same snapshot unless another is given.
    """

    def __init__(self, snapshot: Snapshot, config: Config | None = None) -> None:
        self.snapshot = snapshot
        self.config = config or Config.load(snapshot)
        self._sources: dict[str, Source] = {}

    def __reduce__(self) -> tuple[object, ...]:
        # To another process goes what it is; prompts that were read here are read there again.
        return Catalog, (self.snapshot, self.config)

    @cached_property
    def paths(self) -> Mapping[str, str]:
        """Prompt files by id, in the order of the ids."""
        folder = self.config.prompts
        start = len(folder) + 1
        named = [path for path in self.snapshot.entries(folder) if _SUFFIX in path]
        found = [path for path in named if is_prompt_path(path[start:])]
        # A folder that has the name of a prompt is taken for one, and lint tells that nothing can be read of it.
        inside = {path for each in named if each.find(_SUFFIX) < each.rfind("/") for path in _folders(each, folder)}
        # Two files of one id: .prompt.yaml counts, and lint tells of .prompt.yml.
        by_id = {id_of(path[start:]): path for path in reversed(sorted({*found, *inside}) if inside else found)}
        return {id: by_id[id] for id in sorted(by_id)}

    @property
    def ids(self) -> list[str]:
        """The ids of all prompts, sorted."""
        return list(self.paths)

    def get(self, id: str) -> Source | None:
        """One prompt, or None."""
        if id not in self.paths:
            return None
        if id not in self._sources:
            loaded = load_prompt(self.snapshot, self.paths[id], self.config.prompts)
            self._sources[id] = Source(loaded, self.snapshot)
        return self._sources[id]

    def find(self, id: str) -> Source:
        """One prompt.

        Raises:
            UsageError: there is none of that id; the nearest is named.
        """
        self.path(id)
        source = self.get(id)
        assert source
        return source

    def path(self, id: str) -> str:
        """The path of a prompt's file, which is not read.

        Raises:
            UsageError: there is none of that id; the nearest is named.
        """
        if id not in self.paths:
            # People also write the path of the file, as their shell completes it.
            near = nearest(id_of(id.removeprefix(f"{self.config.prompts}/")), self.ids)
            hint = f"did you mean {near!r}?" if near else "`onbook list` names them all"
            if not self.ids:
                hint = f"there are no prompts below {self.config.prompts}/ yet: `onbook new {id}` writes one"
            where = {"worktree": "the work tree", "index": "the index"}.get(self.snapshot.name, self.snapshot.name)
            raise UsageError(f"there is no prompt {id!r} in {where}", hint=hint)
        return self.paths[id]

    def select(self, ids: Iterable[str]) -> list[Source]:
        """The prompts that are named, or all of them if none is.

        Raises:
            UsageError: one of them does not exist.
        """
        return [self.find(id) for id in (list(dict.fromkeys(ids)) or self.ids)]


_SUFFIX = ".prompt.y"


def _folders(path: str, folder: str) -> Iterator[str]:
    """The folders on the way to a file that have the name of a prompt, below the prompts folder."""
    parts = path.split("/")
    for count in range(len(parts) - 1, 0, -1):
        parent = "/".join(parts[:count])
        if is_prompt(parent, folder):
            yield parent
