"""Recorded answers that no case asks for. Whether a line is sound at all is ON113's to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from onbook.project import Source
from onbook.project.cases import RECORDINGS_SUFFIX, stem
from onbook.prompt import Prompt
from onbook.repo import SnapshotError
from onbook.report import Severity
from onbook.rules.base import Hit, Rule

if TYPE_CHECKING:
    from onbook.testing.recording import Recording


class OrphanedRecording(Rule):
    """A recorded answer is of no case, model or repeat that there is.

    **Why it matters**

    Nothing replays it, and who reads the file or its diff takes it for an answer that counts. It is left behind where a
    case is deleted or renamed, a model leaves the suite, or a merge by union brings a pruned line back.

    **Bad**

    ```text
    triage.cases.jsonl       {"id": "refund-2", ...}
    triage.recordings.jsonl  {"case": "refund-1", ...}
    ```

    **Good**

    ```text
    triage.cases.jsonl       {"id": "refund-1", ...}
    triage.recordings.jsonl  {"case": "refund-1", ...}
    ```

    **When to waive**

    While a branch that still has the case is about to be merged. ``onbook test --prune`` drops the lines.
    """

    id = "ON605"
    slug = "orphaned-recording"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """Compares names only, so that lint renders no case."""
        prompt = source.prompt
        if RECORDINGS_SUFFIX not in source.tests.beside or prompt is None or source.tests.problems:
            return ()  # or which cases there are is not known
        return self._found(source, prompt)

    @staticmethod
    def _found(source: Source, prompt: Prompt) -> Iterator[Hit]:
        cases = {case.id for case in source.cases}
        models = set(source.suite.models or (prompt.model,))
        repeats = source.suite.repeats
        for recording, hit in _recordings(source):
            # A judge has a model of its own, and is asked once.
            own = recording.assertion is None
            if recording.case not in cases:
                yield hit(f"there is no case {recording.case!r}")
            elif own and recording.model not in models:
                yield hit(f"case {recording.case!r} is not run on {recording.model}")
            elif own and recording.repeat >= repeats:
                yield hit(f"case {recording.case!r} is not repeated so often ({recording.repeat + 1} of {repeats})")


class StaleRecording(Rule):
    """A recorded answer is to a request that its case does not make any more.

    Off unless it is selected: every case is rendered to know what it asks. ``onbook test`` tells the same of the cases
    that it runs, as recordings that are missing.

    **Why it matters**

    The prompt, a partial, a parameter or the case's inputs changed after the answer was recorded: the answer says
    nothing of the prompt as it is.

    **Bad**

    ```text
    triage.prompt.yml        content: "Sort that: {{ticket}}"
    triage.recordings.jsonl  {"case": "refund-1", "request": {"messages": [{"content": "Sort this: ..."}]}, ...}
    ```

    **Good**

    ```text
    triage.prompt.yml        content: "Sort this: {{ticket}}"
    triage.recordings.jsonl  {"case": "refund-1", "request": {"messages": [{"content": "Sort this: ..."}]}, ...}
    ```

    **When to waive**

    Never: ``onbook test --record`` asks again and replaces it.
    """

    id = "ON606"
    slug = "stale-recording"
    severity = Severity.WARNING
    default = False

    def check(self, source: Source) -> Iterator[Hit]:
        """An answer whose case, model and repeat there are, and whose key they do not ask for."""
        from onbook.testing.misses import what_changed
        from onbook.testing.planning import plan, unit_of
        from onbook.testing.recordings import Recordings
        from onbook.testing.selection import Selection

        if source.prompt is None or source.problems or not source.cases:
            return
        held = list(_recordings(source))
        asked = {}
        for model in source.suite.models or (source.prompt.model or "",):
            for planned in plan(unit_of(source, source.prompt, model, Recordings()), Selection()):
                for attempt in planned.attempts:
                    asked[planned.case.id, model, attempt.request.repeat] = attempt
        # What people have labelled measures judges, whatever the wording is today.
        keys = {attempt.key for attempt in asked.values()} | {label.key for label in source.labels}
        for recording, hit in held:
            now = asked.get((recording.case, recording.model, recording.repeat))
            if recording.assertion is None and now is not None and recording.key not in keys:
                changed = what_changed(recording.request, now.request.canonical())
                yield hit(f"case {recording.case!r} asks something else since: {changed}")


class _At:
    """Where a recording stands."""

    def __init__(self, path: str, line: int | None, hint: str) -> None:
        self._path, self._line, self._hint = path, line, hint

    def __call__(self, message: str) -> Hit:
        return Hit(message, self._path, self._line, hint=self._hint)


_HINT = "`onbook test --prune` drops what no case asks for, `onbook test --record` replaces what changed"


def _recordings(source: Source) -> Iterator[tuple[Recording, _At]]:
    """The sound recordings of a prompt, in the order of their lines."""
    if RECORDINGS_SUFFIX not in source.tests.beside:
        return
    from onbook.testing.recordings import Recordings

    path = stem(source.path) + RECORDINGS_SUFFIX
    try:
        found = Recordings.read(source.snapshot.stored(path), path)
    except SnapshotError:
        return  # ON113 tells it
    for number, recording in found.numbered():
        yield recording, _At(path, number, _HINT)


RULES: tuple[type[Rule], ...] = (OrphanedRecording, StaleRecording)
