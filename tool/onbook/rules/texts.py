"""The texts of a prompt, its messages and its partials, with places; and which texts each message reaches."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import repeat
from typing import TypeVar

from onbook.errors import OnbookError
from onbook.formats import Document, Pointer, Within
from onbook.patterns import later
from onbook.project import Source
from onbook.prompt import Message, id_of
from onbook.render import Template, analyse
from onbook.report import Severity
from onbook.rules.base import Edit, Hit

# Of the simple format, where everything but a variable is literal: told, and rendered all the same.
LITERAL = frozenset({"spaced-placeholder", "jinja-in-simple", "unclosed-variable"})


Item = TypeVar("Item")


class _Analysed:
    """As ``functools.cached_property``, without its lock: every text of every prompt is asked for this."""

    def __get__(self, text: Text, owner: type[Text]) -> Template:
        found = text.__dict__["template"] = analyse(text.text, text.template_format)
        return found


@dataclass(eq=False)
class Text:
    """One text that is sent: of a message, or of a partial.

    Attributes:
        path: of the file that holds it, from the repository's root.
        role: of the message; None for a partial.
        pointer, document: where in the prompt's file, and that file; None for a partial, which is its whole file.
        template_format: ``simple`` or ``jinja2``.
    """

    # Not its source, which remembers its texts: a circle would stay in memory until somebody looks for circles.
    path: str
    text: str
    template_format: str
    role: str | None = None
    pointer: Pointer | None = None
    document: Document | None = None

    # What the text uses, and what is wrong with it.
    template = _Analysed()

    def hit(
        self, line: int, column: int, message: str, *, hint: str | None = None, severity: Severity | None = None
    ) -> Hit:
        """A place of this text; ``line`` and ``column`` count from 1 within the text."""
        if self.pointer is not None:
            line, column = self._within.at(line, column)
        return Hit(message, self.path, line, column, hint, severity)

    @cached_property
    def _within(self) -> Within:
        assert self.document
        assert self.pointer is not None
        return self.document.within(self.pointer)

    def edit(self, rule: str, offset: int, old: str, new: str) -> Edit:
        """A fix of the word at ``offset``."""
        hit = self.hit_at(offset, "")
        return Edit(hit.path, hit.line or 1, hit.column or 1, old, new, rule)

    def hit_at(self, offset: int, message: str, *, hint: str | None = None) -> Hit:
        """The place of the character at ``offset``."""
        line = self.text.count("\n", 0, offset) + 1
        return self.hit(line, offset - self.text.rfind("\n", 0, offset), message, hint=hint)


def memo(source: Source, name: str, work: Callable[[Source], Iterable[Item]]) -> list[Item]:
    """What ``work`` yields of a prompt: nearly every rule asks for the same, and it is put together once for all."""
    found: list[Item] | None = source.memo.get(name)
    if found is None:
        found = source.memo[name] = list(work(source))
    return found


def messages(source: Source) -> list[Text]:
    """The texts of the messages, in order; none where the prompt's file is too broken."""
    return memo(source, "messages", _messages)


def _messages(source: Source) -> Iterable[Text]:
    prompt = source.prompt
    if prompt is None:
        return ()
    path, document, template_format = source.path, source.document, prompt.template_format
    return [
        Text(path, item.content, template_format, item.role, ("messages", number, "content"), document)
        for number, item in enumerate(prompt.messages)
        if isinstance(item, Message)
    ]


def partial(source: Source, name: str) -> Text | None:
    """An included text by its path below the prompts folder; None if it could not be read."""
    prompt = source.prompt
    if prompt is None or name not in prompt.partials:
        return None
    folder = id_of(source.path).removesuffix(source.id)
    return Text(folder + name, prompt.partials[name], prompt.template_format)


def texts(source: Source) -> list[Text]:
    """The messages, then every partial that one of them reaches."""
    return memo(source, "texts", _texts)


def _texts(source: Source) -> Iterable[Text]:
    said, prompt = messages(source), source.prompt
    if prompt is None or not prompt.partials:
        return said
    return [*said, *filter(None, [partial(source, name) for name in sorted(prompt.partials)])]


MAX_WAYS = 2_000
"""In which the texts of one prompt are looked at: nested loops around includes can make any number of them."""


def within_ways(seen: Collection[object]) -> None:
    """Stop a rule that looks at partials once for each way to them; lint tells that it could not check the prompt.

    Raises:
        OnbookError: there are more than MAX_WAYS.
    """
    if len(seen) >= MAX_WAYS:
        raise OnbookError(f"partials are included in more than {MAX_WAYS:,} ways", hint="include outside of loops")


def reached(source: Source) -> list[tuple[Text, frozenset[str]]]:
    """Every text with the loop targets that it sees from outside; a partial once for each set of them."""
    return memo(source, "reached", _reached)


_NOWHERE = frozenset[str]()


def _reached(source: Source) -> Iterable[tuple[Text, frozenset[str]]]:
    if source.prompt and not source.prompt.partials:
        return zip(messages(source), repeat(_NOWHERE))
    return _followed(source)


def _followed(source: Source) -> Iterator[tuple[Text, frozenset[str]]]:
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting: list[tuple[Text, frozenset[str]]] = [(text, _NOWHERE) for text in messages(source)]
    waiting.reverse()
    while waiting:
        text, scope = waiting.pop()
        yield text, scope
        template = text.template
        if not template.includes:
            continue
        for use, targets in zip(template.includes, template.scopes, strict=True):
            inner = scope | targets
            found = partial(source, use.name)
            if found and (use.name, inner) not in seen:
                within_ways(seen)
                seen.add((use.name, inner))
                waiting.append((found, inner))


def joined(source: Source) -> str:
    """All texts, one after the other: what stands in none of its lines stands in no text."""
    known = source.memo
    if "joined" not in known:
        known["joined"] = "\n".join([text.text for text in texts(source)])
    found: str = known["joined"]
    return found


def braced(source: Source) -> str:
    """Of all texts the stretch from the first brace to the last: every variable, tag and comment stands in it."""
    known = source.memo
    if "braced" not in known:
        everything = joined(source)
        known["braced"] = everything[everything.find("{") : everything.rfind("}") + 1] if "{" in everything else ""
    found: str = known["braced"]
    return found


def lowered(source: Source) -> str:
    """The same in lower case, for whoever looks for words of ASCII."""
    known = source.memo
    if "lowered" not in known:
        known["lowered"] = joined(source).lower()
    found: str = known["lowered"]
    return found


def used(source: Source) -> frozenset[str]:
    """The variables that have to come from outside, in any text."""
    known = source.memo
    if "used" not in known:
        if any([any(text.template.scopes) for text in texts(source)]):  # noqa: C419 few and short
            uses = [(use.name, scope) for text, scope in reached(source) for use in text.template.variables]
            known["used"] = frozenset([name for name, scope in uses if name not in scope])
        else:  # no include stands in a loop: each text is seen alike from wherever it is included
            known["used"] = frozenset([use.name for text in texts(source) for use in text.template.variables])
    found: frozenset[str] = known["used"]
    return found


def unsound(source: Source) -> list[Text]:
    """The texts in which something is wrong."""
    return memo(source, "unsound", _unsound)


def _unsound(source: Source) -> Iterable[Text]:
    return [text for text in texts(source) if text.template.problems]


def broken(source: Source) -> bool:
    """Whether some text cannot be read or rendered, which other rules tell."""
    known = source.memo
    if "broken" not in known:
        known["broken"] = bool(source.problems) or any(map(_is_broken, unsound(source)))
    found: bool = known["broken"]
    return found


def _is_broken(text: Text) -> bool:
    problems = text.template.problems
    if text.template_format == "simple":
        return any(problem.code not in LITERAL for problem in problems)
    return bool(problems)


# Each stops where another of its kind begins: hostile text costs linear time.
_CODE = later(
    r"^[ \t]*```[^\n]*\n(?:(?![ \t]*```)[^\n]*\n)*[ \t]*```|`[^`\n]*`"
    r"|\{#(?:(?!\{#)[\s\S])*?#\}|\{%(?:(?!\{%)[\s\S])*?%\}",
    re.MULTILINE,
)


# The last of them alone, which ``re`` finds quickly: most templates have no other code.
_TAGS = later(r"\{%(?:(?!\{%)[\s\S])*?%\}")
_CHARACTER = later(r"[^\n]")


def blank_code(text: str) -> str:
    """The text with blanks for code, for jinja2's comments and for its tags: what is left is prose and variables."""
    return _blank_code(text) if "`" in text or "{%" in text or "{#" in text else text


@lru_cache(maxsize=256)
def _blank_code(text: str) -> str:
    code = _CODE if "`" in text or "{#" in text else _TAGS
    return code.sub(lambda match: _CHARACTER.sub(" ", match[0]), text)
