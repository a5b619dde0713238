"""ON1xx: files, their names and their shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onbook.project import Source
from onbook.project.shapes import contract, renames, snake_case_parameters
from onbook.prompt import SUFFIXES, id_of
from onbook.report import Severity
from onbook.rules.base import Edit, Hit, Rule, edit_at, hit_at


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
    model: openai/gpt-5.4-mini-2026-03-17
    messages:
      - role: user
        content: Say hello.
    model: openai/gpt-4o-2024-08-06
    ```

    **Good**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
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

    def fixes(self, source: Source) -> Iterator[Edit]:
        """A misspelt key of the prompt's file that can only be one other."""
        document = source.document
        for pointer, name, right in renames(contract("prompt"), document) if document else ():
            yield edit_at(source, self.id, (*pointer, name), name, right)


class SnakeCaseParameter(Rule):
    """A model parameter is spelt as a provider's API spells it: ``max_tokens``.

    **Why it matters**

    It is read, because GitHub's editor wrote it so. But tools that know the published names alone, editors among
    them, take it for an unknown key, and beside ``maxTokens`` nobody could tell which of the two counts.

    **Bad**

    ```yaml
    modelParameters:
      max_tokens: 300
    messages:
      - role: user
        content: Say hello.
    ```

    **Good**

    ```yaml
    modelParameters:
      maxTokens: 300
    messages:
      - role: user
        content: Say hello.
    ```

    **When to waive**

    While GitHub's older tools read the same file.
    """

    id = "ON119"
    slug = "snake-case-parameter"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """Parameters that have a name here; others are unknown keys, which ON103 tells."""
        found = snake_case_parameters(source.document.data if source.document else None)
        return self._found(source, found) if found else ()

    @staticmethod
    def _found(source: Source, found: dict[str, str]) -> Iterator[Hit]:
        for name, right in found.items():
            message = f"the model parameter {name!r} is named {right!r} here"
            yield hit_at(source, ("modelParameters", name), message, key=True, hint="`onbook lint --fix` renames it")

    def fixes(self, source: Source) -> Iterator[Edit]:
        """The name is one of the format's, and does not stand there as well."""
        for name, right in snake_case_parameters(source.document.data if source.document else None).items():
            yield edit_at(source, self.id, ("modelParameters", name), name, right)


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

    def check(self, source: Source) -> Iterable[Hit]:
        """Also tells of the file that the catalog passes over."""
        found, beside = Rule.check(self, source), source.tests.beside
        for suffix in SUFFIXES:
            if suffix in beside and not source.path.endswith(suffix):
                return [*found, self._taken(source, suffix)]  # there are two
        return found

    @staticmethod
    def _taken(source: Source, suffix: str) -> Hit:
        message = f"the id {source.id!r} is taken by {source.path}, so this file is not read"
        return Hit(message, id_of(source.path) + suffix, hint="delete one of the two, or rename it")


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


RULES: tuple[type[Rule], ...] = (
    UnreadableFile,
    DuplicateKey,
    UnknownKey,
    SnakeCaseParameter,
    WrongShape,
    BadId,
    NotAFile,
    BrokenReference,
    YamlAlias,
)
