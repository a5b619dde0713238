"""ON1xx: files, their shape, and the messages as a list."""

from __future__ import annotations

from collections.abc import Iterator

from onbook.formats import read_yaml
from onbook.project import Source
from onbook.project.cases import RECORDINGS_SUFFIX, SUITE_SUFFIX, stem
from onbook.prompt import SUFFIXES, Message, Slot, id_of
from onbook.repo import SnapshotError
from onbook.report import Severity
from onbook.rules.base import Hit, Rule, hit_at
from onbook.rules.texts import messages


class UnreadableFile(Rule):
    """A file cannot be read as the YAML, the JSON lines or the text that it must be.

    **Why it matters**

    Nothing can be said of a prompt that cannot be read: no rule looks further, no test runs, no release is made. YAML
    is read as YAML 1.2 and in a plain form: one document, no tags, UTF-8, bounded size and depth, so that every
    reader sees the same data.

    **Bad**

    ```yaml
    description: Sorts tickets: billing, login, bug
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **Good**

    ```yaml
    description: "Sorts tickets: billing, login, bug"
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **When to waive**

    Never: a file that cannot be read is not checked, waived or not.
    """

    id = "ON101"
    slug = "unreadable-file"
    codes = frozenset(
        {
            *("yaml-syntax", "yaml-depth", "yaml-documents", "yaml-tag", "yaml-key", "yaml-number"),
            *("file-size", "not-utf8", "control-character", "empty-file"),
        }
    )


class DuplicateKey(Rule):
    """A key stands twice in one mapping, or a column twice in one table.

    **Why it matters**

    Of two equal keys one is dropped, and readers disagree which. The text that the author sees in the file is then not
    the text that the model gets.

    **Bad**

    ```yaml
    model: openai/gpt-4.1-2025-04-14
    messages:
      - role: user
        content: Say hello.
    model: openai/gpt-4o-2024-08-06
    ```

    **Good**

    ```yaml
    model: openai/gpt-4.1-2025-04-14
    messages:
      - role: user
        content: Say hello.
    ```

    **When to waive**

    Never: delete one of the two.
    """

    id = "ON102"
    slug = "duplicate-key"
    codes = frozenset({"duplicate-key", "row-duplicate-key"})


class UnknownKey(Rule):
    """A key that the file format does not have.

    **Why it matters**

    A misspelt key is not read: ``modelParameter`` sets no temperature, and nothing else says so.

    **Bad**

    ```yaml
    modelParameter:
      temperature: 0
    messages:
      - role: user
        content: Say hello.
    ```

    **Good**

    ```yaml
    modelParameters:
      temperature: 0
    messages:
      - role: user
        content: Say hello.
    metadata:
      x-ticket: keys of your own stand here and begin with x-
    ```

    **When to waive**

    While files are moved here from another tool whose keys are not yet deleted.
    """

    id = "ON103"
    slug = "unknown-key"
    codes = frozenset({"unknown-key"})


class WrongShape(Rule):
    """A value of the wrong type, a missing key, or a row that is no case or example.

    **Why it matters**

    What has the wrong shape means nothing, so the prompt cannot be rendered and the row is not run. Each file format
    has a published JSON Schema, which editors can use while you type.

    **Bad**

    ```yaml
    modelParameters:
      temperature: "0"
    messages:
      - role: user
        content: Say hello.
    ```

    **Good**

    ```yaml
    modelParameters:
      temperature: 0
    messages:
      - role: user
        content: Say hello.
    ```

    **When to waive**

    Never: a file of the wrong shape is not checked any further.
    """

    id = "ON104"
    slug = "wrong-shape"
    codes = frozenset({"wrong-shape", "row-shape", "row-syntax", "row-not-object"})


class BadId(Rule):
    """A file name that is no legal id, or two files of one id.

    **Why it matters**

    The id is the path below the prompts folder without its suffix. It becomes part of git tags and of the calls of
    applications, so it is restricted to ``a-z``, ``0-9``, ``_`` and ``-``, and no part begins with ``v`` and a digit,
    which would read as a version. Of ``a.prompt.yml`` and ``a.prompt.yaml`` only one can be ``a``.

    **Bad**

    ```yaml
    # file: prompts/Support/v2 triage.prompt.yml
    messages:
      - role: user
        content: Say hello.
    ```

    **Good**

    ```yaml
    # file: prompts/support/triage.prompt.yml
    messages:
      - role: user
        content: Say hello.
    ```

    **When to waive**

    While a file waits for its new name; it cannot be released under the old one.
    """

    id = "ON105"
    slug = "bad-id"
    codes = frozenset({"bad-id"})

    def check(self, source: Source) -> Iterator[Hit]:
        """Also tells of the file that the catalog passes over."""
        yield from super().check(source)
        for suffix in SUFFIXES:
            other = id_of(source.path) + suffix
            if other != source.path and source.snapshot.entry(other):
                message = f"the id {source.id!r} is taken by {source.path}, so this file is not read"
                yield Hit(message, other, hint="delete one of the two, or rename it")


class NotAFile(Rule):
    """A symbolic link or a submodule stands where a prompt, its cases or its suite must be a regular file.

    **Why it matters**

    What a link points at is not part of the commit: it may change, or lie outside of the repository, and a release
    could not prove what it holds.

    **Bad**

    ```text
    prompts/support/triage.prompt.yml -> ../../shared/triage.prompt.yml
    ```

    **Good**

    ```text
    prompts/support/triage.prompt.yml   (a regular file)
    ```

    **When to waive**

    Never: put the file itself there, or share its text as a partial.
    """

    id = "ON106"
    slug = "not-a-file"
    codes = frozenset({"not-a-file"})


class BrokenReference(Rule):
    """A ``$ref`` or an examples path that leads nowhere, out of the repository, or to a URL.

    **Why it matters**

    References are resolved from files of the same commit and nowhere else: a release must be complete without the
    network, and a schema from a URL could change under it.

    **Bad**

    ```yaml
    inputs:
      type: object
      properties:
        order:
          $ref: https://example.com/order.schema.json
    messages:
      - role: user
        content: "{{order}}"
    ```

    **Good**

    ```yaml
    inputs:
      type: object
      properties:
        order:
          $ref: "#/$defs/order"
      $defs:
        order:
          type: object
    messages:
      - role: user
        content: "{{order}}"
    ```

    **When to waive**

    Never: the contract is not complete without what is referred to.
    """

    id = "ON107"
    slug = "broken-reference"
    codes = frozenset({"ref-url", "ref-outside", "ref-too-many", "ref-missing", "ref-syntax"})


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


class RoleOrder(Rule):
    """The messages stand in an order that many models do not take.

    **Why it matters**

    One system message first, then turns that end with the user's, is what every provider takes. Without a user
    message most refuse the call: this is an error. A second system message or one in the middle is refused by some chat
    templates and moved or merged by others; an assistant message at the end is continued by some models, answered by
    others and refused by the rest: these are warnings. A ``slot`` stands for turns of the caller, so a prompt may end
    with it.

    **Bad**

    ```yaml
    messages:
      - role: user
        content: "{{question}}"
      - role: system
        content: You answer in one sentence.
    ```

    **Good**

    ```yaml
    messages:
      - role: system
        content: You answer in one sentence.
      - role: user
        content: "{{question}}"
    ```

    **When to waive**

    Where the model is fixed and known to take this order: an assistant message at the end to be continued, or a
    reminder to the system at the end of a long conversation.
    """

    id = "ON109"
    slug = "role-order"

    def check(self, source: Source) -> Iterator[Hit]:
        """Looks at the roles alone."""
        items = source.prompt.messages if source.prompt else ()
        roles = [item.role if isinstance(item, Message) else "" for item in items]
        if not items:
            return
        for number, role in enumerate(roles):
            if role == "system" and number:
                again = "system" in roles[:number]
                message = "this is a second system message" if again else "the system message is not the first"
                hint = "join it with the first" if again else "move it to the top"
                yield _warning(source, number, message, hint)
        if "user" not in roles and not any(isinstance(item, Slot) for item in items):
            message = "there is no user message, and most models refuse to answer without one"
            yield hit_at(source, ("messages",), message, key=True, hint="add a user message, or {slot: history}")
        elif roles[-1] == "assistant":
            message = "the last message is the assistant's: models continue it, answer it or refuse it"
            yield _warning(source, len(roles) - 1, message, "end with a user message")


def _warning(source: Source, number: int, message: str, hint: str) -> Hit:
    hit = hit_at(source, ("messages", number), message, hint=hint)
    return Hit(hit.message, hit.path, hit.line, hit.column, hit.hint, Severity.WARNING)


class EmptyMessage(Rule):
    """A message without text.

    **Why it matters**

    Some providers refuse an empty message, others answer it with something. It is most often a text that was
    forgotten, or lost in an edit.

    **Bad**

    ```yaml
    messages:
      - role: system
        content: ""
      - role: user
        content: Say hello.
    ```

    **Good**

    ```yaml
    messages:
      - role: user
        content: Say hello.
    ```

    **When to waive**

    Never: delete the message.
    """

    id = "ON110"
    slug = "empty-message"

    def check(self, source: Source) -> Iterator[Hit]:
        """Only what is empty as written: a text that a value may leave empty is the caller's matter."""
        for text in messages(source):
            if not text.text.strip() and text.pointer:
                message = f"the {text.role} message is empty"
                yield hit_at(source, text.pointer, message, hint="write its text, or delete the message")


class YamlAlias(Rule):
    """An anchor (``&name``) or an alias (``*name``).

    **Why it matters**

    An alias hides what a message really says from the reader of a diff, and a few lines of them can grow into
    gigabytes. A text that several prompts share belongs into a partial.

    **Bad**

    ```yaml
    messages:
      - role: system
        content: &tone Be brief and friendly.
      - role: user
        content: *tone
    ```

    **Good**

    ```yaml
    messages:
      - role: system
        content: Be brief and friendly.
      - role: user
        content: Say hello.
    ```

    **When to waive**

    Never: a file with aliases is not read.
    """

    id = "ON111"
    slug = "yaml-alias"
    codes = frozenset({"yaml-alias"})


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

    def check(self, source: Source) -> Iterator[Hit]:
        """Looks at the suite, at GitHub's evaluators, and at every case."""
        evaluators = len(source.prompt.evaluators) if source.prompt else 0
        asserted = source.suite.assertions
        if asserted or any(case.assertions for case in source.cases):
            from onbook.testing.assertions import check

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

    def check(self, source: Source) -> Iterator[Hit]:
        """Whatever the reader of recordings finds: their lines are written by onbook, so the remedy is one."""
        path = stem(source.path) + RECORDINGS_SUFFIX
        if source.snapshot.entry(path) is None:
            return
        from onbook.testing.recordings import Recordings

        try:
            raw = source.snapshot.read(path)
        except SnapshotError as error:
            yield Hit(error.message, path)
            return
        for problem in Recordings.read(raw, path).problems:
            yield self.of(problem)


RULES: tuple[type[Rule], ...] = (
    UnreadableFile,
    DuplicateKey,
    UnknownKey,
    WrongShape,
    BadId,
    NotAFile,
    BrokenReference,
    DuplicateCase,
    RoleOrder,
    EmptyMessage,
    YamlAlias,
    BadAssertion,
    BadRecording,
)
