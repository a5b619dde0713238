"""ON1xx: what a repository may ask of its prompts. Off by default: turn them on by name or by a severity."""

from __future__ import annotations

from collections.abc import Iterator

from onbook.project import Source
from onbook.report import Severity
from onbook.rules.base import Hit, Rule, hit_at


class DescriptionMissing(Rule):
    """A prompt without a description. Off by default.

    **Why it matters**

    A sentence on what the prompt is for is what people find it by, and what ``onbook list`` shows.

    **Bad**

    ```yaml
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **Good**

    ```yaml
    description: Sorts a customer's ticket into billing, bug or question.
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **When to waive**

    For prompts that nobody but their author calls.
    """

    id = "ON116"
    slug = "description-missing"
    severity = Severity.WARNING
    default = False

    def check(self, source: Source) -> Iterator[Hit]:
        """White space is no description."""
        if source.prompt and not (source.prompt.description or "").strip():
            yield hit_at(source, (), "the prompt has no description", hint="say in one sentence what it is for")


class OwnerMissing(Rule):
    """A prompt without an owner in its metadata. Off by default.

    **Why it matters**

    When a model is retired or an answer goes wrong, somebody must know whom to ask.

    **Bad**

    ```yaml
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **Good**

    ```yaml
    messages:
      - role: user
        content: "{{ticket}}"
    metadata:
      owner: support-platform
    ```

    **When to waive**

    While a team changes hands.
    """

    id = "ON117"
    slug = "owner-missing"
    severity = Severity.WARNING
    default = False

    def check(self, source: Source) -> Iterator[Hit]:
        """``metadata.owner``, with something in it."""
        if source.prompt and not str(source.prompt.metadata.get("owner") or "").strip():
            hint = "write metadata: {owner: the team or the person}"
            yield hit_at(source, ("metadata",), "the prompt has no owner", key=True, hint=hint)


class TestsMissing(Rule):
    """A prompt without cases. Off by default.

    **Why it matters**

    Nothing tells whether a change made its answers worse.

    **Bad**

    ```yaml
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **Good**

    ```yaml
    # file: prompts/a.prompt.yml
    messages:
      - role: user
        content: "{{ticket}}"
    # file: prompts/a.cases.yml
    - {id: refund, inputs: {ticket: Where is my money?}, assert: [{contains: billing}]}
    ```

    **When to waive**

    For a prompt whose answers only a person can judge.
    """

    id = "ON118"
    slug = "tests-missing"
    severity = Severity.WARNING
    default = False
    __test__ = False  # pytest collects what is called Test*

    def check(self, source: Source) -> Iterator[Hit]:
        """Cases beside the prompt, or GitHub's ``testData`` in it; drafts need none, and a broken file is not none."""
        prompt = source.prompt
        if prompt and not prompt.is_draft and not source.cases and not source.tests.problems:
            message = "the prompt has no cases"
            yield hit_at(source, (), message, hint=f"write {source.id.rpartition('/')[2]}.cases.jsonl beside it")


RULES: tuple[type[Rule], ...] = (DescriptionMissing, OwnerMissing, TestsMissing)
