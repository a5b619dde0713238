"""ON1xx: cases, suites and recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onbook.formats import read_yaml
from onbook.project import Source
from onbook.project.cases import RECORDINGS_SUFFIX, SUITE_SUFFIX, stem
from onbook.repo import SnapshotError
from onbook.rules.base import Hit, Rule, hit_at


class DuplicateCase(Rule):
    """Two cases of one prompt have the same id.

    **Why it matters**

    Recordings, labels and reports name a case by its id. Of two cases with one id only the first is run.

    **Bad**

    ```yaml
    # file: prompts/a.prompt.yml
    messages:
      - role: user
        content: "{{ticket}}"
    # file: prompts/a.cases.yml
    - {id: refund, inputs: {ticket: Where is my money?}}
    - {id: refund, inputs: {ticket: Charge me back.}}
    ```

    **Good**

    ```yaml
    # file: prompts/a.prompt.yml
    messages:
      - role: user
        content: "{{ticket}}"
    # file: prompts/a.cases.yml
    - {id: refund-late, inputs: {ticket: Where is my money?}}
    - {id: refund-wanted, inputs: {ticket: Charge me back.}}
    ```

    **When to waive**

    Never: rename one of the two.
    """

    id = "ON108"
    slug = "duplicate-case"
    codes = frozenset({"duplicate-case"})


class BadAssertion(Rule):
    """An assertion that nobody defines, or whose argument means nothing.

    **Why it matters**

    A misspelt assertion checks nothing. It is told before any model is asked.

    **Bad**

    ```yaml
    # file: prompts/a.prompt.yml
    messages:
      - role: user
        content: "{{ticket}}"
    # file: prompts/a.suite.yml
    assert:
      - contain: billing
    ```

    **Good**

    ```yaml
    # file: prompts/a.prompt.yml
    messages:
      - role: user
        content: "{{ticket}}"
    # file: prompts/a.suite.yml
    assert:
      - contains: billing
    ```

    **When to waive**

    On a machine that has not installed the package which adds the assertion.
    """

    id = "ON112"
    slug = "bad-assertion"

    def check(self, source: Source) -> Iterable[Hit]:
        """Looks at the suite, at GitHub's evaluators, and at every case."""
        tests = source.tests
        if not tests.suite.assertions and not (tests.cases and any(case.assertions for case in tests.cases)):
            return ()
        return self._found(source)

    def _found(self, source: Source) -> Iterator[Hit]:
        from onbook.testing.assertions import check

        evaluators = len(source.prompt.evaluators) if source.prompt else 0
        asserted = source.suite.assertions
        own = len(asserted) - evaluators
        for number, assertion in enumerate(asserted):
            wrong = check(assertion)
            if wrong and number < own:
                yield self._in_suite(source, number, wrong)
            elif wrong:
                yield hit_at(source, ("evaluators", number - own), wrong)
        for case in source.cases:
            for assertion in case.assertions:
                if wrong := check(assertion):
                    yield Hit(f"case {case.id!r}: {wrong}", case.path, case.line)

    @staticmethod
    def _in_suite(source: Source, number: int, wrong: str) -> Hit:
        path = stem(source.path) + SUITE_SUFFIX
        document, _ = read_yaml(source.snapshot.read(path), path)
        mark = document.place(("assert", number)) if document else None
        return Hit(wrong, path, *(mark or (None, None)))


class BadRecording(Rule):
    """A line of a recordings file is no recording, does not fit its request, or one request has two answers.

    **Why it matters**

    Recordings are what tests replay. A line that cannot be read is an answer lost; two answers to one request are
    the mark of a bad merge, and nobody can say which of them is true, so neither counts. A key that is not the hash of
    its request was written by hand.

    **Bad**

    ```text
    {"case": "refund", "key": "sha256:77..", "response": {"text": "billing"}, ...}
    {"case": "refund", "key": "sha256:77..", "response": {"text": "bug"}, ...}
    ```

    **Good**

    ```text
    {"case": "refund", "key": "sha256:77..", "response": {"text": "billing"}, ...}
    ```

    **When to waive**

    Never: delete the lines and record again with ``onbook test --record``.
    """

    id = "ON113"
    slug = "bad-recording"
    codes = frozenset({"recording-clash", "recording-forged"})

    def check(self, source: Source) -> Iterable[Hit]:
        """Whatever the reader of recordings finds: their lines are written by onbook, so the remedy is one."""
        return self._found(source) if RECORDINGS_SUFFIX in source.tests.beside else ()

    def _found(self, source: Source) -> Iterator[Hit]:
        from onbook.testing.recordings import Recordings

        path = stem(source.path) + RECORDINGS_SUFFIX
        try:
            stored = source.snapshot.stored(path)
        except SnapshotError as error:
            yield Hit(error.message, path)
            return
        for problem in Recordings.read(stored, path).problems:
            yield self.of(problem)


RULES: tuple[type[Rule], ...] = (DuplicateCase, BadAssertion, BadRecording)
