"""ON401, ON402: where a prompt writes text that comes from outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onbook.project import Source
from onbook.report import Severity
from onbook.rules.base import Hit, Rule
from onbook.rules.outside import Writing, writings


class UntrustedInSystem(Rule):
    """An input marked ``x-untrusted`` is written into a system message.

    **Why it matters**

    Models obey the system message before all others. Text from a customer, a web page or a document that stands there
    can give orders: this is how most prompt injections work.

    OWASP LLM Top 10: LLM01:2025 (2026: LLM01).

    **Bad**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: string, x-untrusted: true}
    messages:
      - role: system
        content: "Sort this ticket: <ticket>{{ticket}}</ticket>"
      - role: user
        content: Which queue?
    ```

    **Good**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: string, x-untrusted: true}
    messages:
      - role: system
        content: Sort the ticket between the tags.
      - role: user
        content: "<ticket>{{ticket}}</ticket>"
    ```

    **When to waive**

    Where the value is checked before: an id, a date, one word of a list. Better say so in its schema, and delete the
    mark.
    """

    id = "ON401"
    slug = "untrusted-in-system"

    def check(self, source: Source) -> Iterable[Hit]:
        """What is written counts; a value that only decides an ``if`` or is only counted does not."""
        places = [found for found in writings(source) if found.role == "system"]
        return _once(self._told(source, places)) if places else ()

    @staticmethod
    def _told(source: Source, places: list[Writing]) -> Iterator[Hit]:
        for found in places:
            message = f"untrusted input {found.name!r} is written into a system message of {source.id}"
            yield found.text.hit_at(found.offset, message, hint="move it into a user message, between tags")


class UntrustedUndelimited(Rule):
    """An input marked ``x-untrusted`` is written into a user message without anything that sets it apart.

    **Why it matters**

    A model that cannot see where the outside text begins and ends takes its sentences for yours. Tags, a code fence or
    triple quotes around it, and a sentence that names them, make injections markedly less likely to work.

    OWASP LLM Top 10: LLM01:2025 (2026: LLM01).

    **Bad**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: string, x-untrusted: true}
    messages:
      - role: user
        content: "Summarise this ticket: {{ticket}}"
    ```

    **Good**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: string, x-untrusted: true}
    messages:
      - role: user
        content: |
          Summarise the ticket between the tags.
          <ticket>{{ticket}}</ticket>
    ```

    **When to waive**

    Where another delimiter is used and the prompt names it. A message that holds the value alone needs none.
    """

    id = "ON402"
    slug = "untrusted-undelimited"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """A pair of tags, a code fence or triple quotes count, in the message or around the include."""
        places = [found for found in writings(source) if found.role == "user" and not found.enclosed]
        return _once(self._told(source, places)) if places else ()

    @staticmethod
    def _told(source: Source, places: list[Writing]) -> Iterator[Hit]:
        for found in places:
            message = f"untrusted input {found.name!r} is not set apart from the text around it in {source.id}"
            hint = f"write it between tags: <{found.name}>...</{found.name}>"
            yield found.text.hit_at(found.offset, message, hint=hint)


def _once(hits: Iterator[Hit]) -> Iterator[Hit]:
    """A partial that is reached in several ways says the same each time."""
    told: set[Hit] = set()
    for hit in hits:
        if hit not in told:
            told.add(hit)
            yield hit


RULES: tuple[type[Rule], ...] = (UntrustedInSystem, UntrustedUndelimited)
