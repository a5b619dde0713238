"""Answers of a model that only ever says what it was told: recordings for tests of what is made of recordings."""

from __future__ import annotations

from pathlib import Path

from onbook.project import Catalog
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.repo import Repository
from onbook.repo.worktree import WorkTree
from onbook.testing.planning import plan, unit_of
from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings
from onbook.testing.request import Response
from onbook.testing.selection import Selection


def record(root: Path) -> None:
    """Record, for every case of every prompt below ``root``, the last message as the answer to it."""
    for source in Catalog(WorkTree(Repository.discover(root))).select(()):
        recordings = Recordings()
        prompt = source.usable()
        for model in source.suite.models or (prompt.model or "",):
            for planned in plan(unit_of(source, prompt, model, recordings), Selection()):
                for attempt in planned.attempts:
                    said = str(attempt.request.messages[-1]["content"])
                    answer = Response(
                        said, (), "stop", model, {"prompt_tokens": 9, "completion_tokens": 9}, 1, 0.0, "echo"
                    )
                    recordings.add(Recording.of(attempt.case.id, attempt.request, answer))
        if len(recordings):
            recordings.write(root / (stem(source.path) + RECORDINGS_SUFFIX))
