"""ON1xx: the messages as a list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from onbook import tokens
from onbook.project import Source
from onbook.prompt import Message, Slot
from onbook.report import Severity
from onbook.rules.base import Hit, Rule, hit_at
from onbook.rules.texts import messages


class RoleOrder(Rule):
    """The messages stand in an order that many models do not take.

    **Why it matters**

    One system message first, then turns that end with the user's, is what every provider takes. Without a user
    message most refuse the call: this is an error. A second system message or one in the middle is refused by some chat
    templates and moved or merged by others; an assistant message at the end is continued by some models, answered by
    others and refused by the rest: these are warnings. One that stops in mid-sentence, as ``{`` or ``<answer>`` do, is
    meant to be continued, and passes. A ``slot`` stands for turns of the caller, so a prompt may end with it.

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

    Where the model is fixed and known to take this order, such as a reminder to the system at the end of a long
    conversation.
    """

    id = "ON109"
    slug = "role-order"

    def check(self, source: Source) -> Iterable[Hit]:
        """Looks at the roles alone."""
        items = source.prompt.messages if source.prompt else ()
        roles = [item.role if isinstance(item, Message) else "" for item in items]
        return () if not items or roles in _PLAIN else self._found(source, items, roles)

    @staticmethod
    def _found(source: Source, items: Sequence[Message | Slot], roles: list[str]) -> Iterator[Hit]:
        for number, role in enumerate(roles):
            if role == "system" and number:
                again = "system" in roles[:number]
                message = "this is a second system message" if again else "the system message is not the first"
                hint = "join it with the first" if again else "move it to the top"
                yield _warning(source, number, message, hint)
        model = source.prompt.model if source.prompt else None
        if (
            "user" not in roles
            and not any(isinstance(item, Slot) for item in items)
            and ("assistant" in roles or _provider(model) in _REFUSE)
        ):
            message = "there is no user message, and the model refuses to answer without one"
            if "assistant" in roles:
                message = "there is no user message for the assistant's to answer"
            yield hit_at(source, ("messages",), message, key=True, hint="add a user message, or {slot: history}")
        elif roles[-1] == "assistant" and not _prefill(str(getattr(items[-1], "content", ""))):
            message = "the last message is the assistant's: models continue it, answer it or refuse it"
            yield _warning(source, len(roles) - 1, message, "end with a user message")


_PLAIN = (["system", "user"], ["user"])  # as most prompts are

# Their documentation asks for a user's message. OpenAI's models answer a system message alone, others as they like.
_REFUSE = frozenset({"anthropic", "gemini", "vertex_ai", "bedrock", "mistral"})


def _provider(name: str | None) -> str | None:
    known = tokens.model(name)
    return known.provider if known else (name or "").partition("/")[0] or None


def _prefill(text: str) -> bool:
    """Whether a text asks to be continued: it stops at something that was opened, or before an answer."""
    return re.search(r"(?:[{\[(:=,]|<[A-Za-z][^<>/]*>|^[`~]{3,}\w*|[^\w\s][\"'])\s*\Z", text, re.MULTILINE) is not None


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

    def check(self, source: Source) -> Iterable[Hit]:
        """Only what is empty as written: a text that a value may leave empty is the caller's matter."""
        hint = "write its text, or delete the message"
        return [
            hit_at(source, text.pointer, f"the {text.role} message is empty", hint=hint)
            for text in messages(source)
            if (not text.text or text.text.isspace()) and text.pointer
        ]


RULES: tuple[type[Rule], ...] = (RoleOrder, EmptyMessage)
