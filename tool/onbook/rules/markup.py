"""ON1xx: what was left open or unfinished in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from onbook.nearest import nearest
from onbook.patterns import later
from onbook.project import Source
from onbook.report import Severity
from onbook.rules.base import Hit, Rule
from onbook.rules.sent import may_be_marked
from onbook.rules.texts import Text, blank_code, joined, messages, texts


class UnclosedMarkup(Rule):
    """A code fence, or a tag around a value, that is opened and never closed.

    **Why it matters**

    The model cannot see where the quoted part ends: your instructions behind it become part of the data, or the data
    part of the instructions.

    **Bad**

    ```yaml
    messages:
      - role: user
        content: |
          Summarise the ticket.
          <ticket>
          {{ticket}}
          <ticket>
          Answer in one line.
    ```

    **Good**

    ```yaml
    messages:
      - role: user
        content: |
          Summarise the ticket.
          <ticket>
          {{ticket}}
          </ticket>
          Answer in one line.
    ```

    **When to waive**

    Where the model is meant to go on inside: but a fence on the last line, and a last message of the assistant, are
    passed over already.
    """

    id = "ON114"
    slug = "unclosed-markup"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """Fences of one message that includes nothing; tags right before a value, or with a misspelt end."""
        everything = joined(source)
        has_fences = "`" in everything or "~" in everything
        found = messages(source)
        if has_fences or any(_may_open(text.text) for text in found):
            return self._found(found, everything, has_fences)
        return ()

    @staticmethod
    def _found(found: list[Text], everything: str, has_fences: bool) -> Iterator[Hit]:
        for number, text in enumerate(found):
            if number == len(found) - 1 and text.role == "assistant":
                continue
            if has_fences and not text.template.includes and (place := _open_fence(text.text)) is not None:
                yield text.hit_at(place, "this code fence is never closed", hint="close it with a line of its own: ```")
            if _may_open(text.text):
                yield from _Tags.of(everything).open_in(text)


class LeftOver(Rule):
    """A note to yourself or a blank to be filled in was left in a text: ``TODO:``, ``[insert text here]``.

    **Why it matters**

    It is sent to the model as it stands. Blanks are filled only where they are variables.

    **Bad**

    ```yaml
    messages:
      - role: user
        content: |
          Translate this text into German:
          [insert text here]
    ```

    **Good**

    ```yaml
    messages:
      - role: user
        content: |
          Translate this text into German:
          {{text}}
    ```

    **When to waive**

    Where the model shall write just this. A text that speaks of TODOs more than once is passed over already.
    """

    id = "ON115"
    slug = "left-over"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """Only what stands as a note or a blank, outside of code, quotes and sentences about such blanks."""
        everything = joined(source)
        # An X is found much sooner than a word.
        noted = "TODO" in everything or ("X" in everything and "FIXME" in everything)
        return self._found(source) if noted or (may_be_marked(source) and _may_have_blank(everything)) else ()

    @staticmethod
    def _found(source: Source) -> Iterator[Hit]:
        for text in texts(source):
            sent = blank_code(text.text)
            notes = list(_NOTE.finditer(sent)) if "TODO" in sent or "FIXME" in sent else []
            for word in {match["word"] for match in notes}:
                if len(re.findall(word, sent, re.IGNORECASE)) == 1:
                    message = f"a note to yourself is left in the text: {word}"
                    place = next(match.start("word") for match in notes if match["word"] == word)
                    yield text.hit_at(place, message, hint="do it, or make the note a comment of the file")
            blanks = _may_have_blank(sent) and not _outlines(sent)
            for match in _BLANK.finditer(sent) if blanks else ():
                start = max(sent.rfind("\n", 0, match.start()) + 1, match.start() - 200)
                if not _ABOUT.search(sent, start, min(_line_end(sent, match.end()), match.end() + 200)):
                    message = f"a blank is left in the text: {match[0]}"
                    yield text.hit_at(match.start(), message, hint="write a variable in its place, as in {{text}}")


# --- fences

_FENCE = later(
    r"^[ \t>]*(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^\n]*)$|\{%[-+]?\s{0,9}(?P<word>if|for|endif|endfor)\b", re.MULTILINE
)
_INFO = later(r"[\w+#./-]*[ \t]*(?:\{[^}\n]*\}|\w+=\S+)?[ \t]*")


def _open_fence(text: str) -> int | None:
    """Where a code fence opens that nothing closes (CommonMark 0.31, section 4.5); None where that is not certain."""
    if len(re.findall("`{3,}|~{3,}", text)) % 2 == 0:
        return None
    opened: tuple[str, int] | None = None
    depth = 0
    for match in _FENCE.finditer(text):
        if word := match["word"]:
            depth += -1 if word.startswith("end") else 1
            continue
        mark, info = match["mark"], match["info"].strip()
        if depth:
            return None  # which branch is rendered decides
        if opened is None:
            if not _INFO.fullmatch(info):
                return None  # words follow it, or it closes on its own line: no fence of CommonMark
            opened = mark, match.start("mark")
        elif mark[0] == opened[0][0] and len(mark) >= len(opened[0]) and not info:
            opened = None
    # On the last line it is a cue: the model is to go on inside.
    if opened is None or not text[_line_end(text, opened[1]) :].strip():
        return None
    return opened[1]


# --- tags

_TAG = later(r"<(?P<end>/?)(?P<name>[A-Za-z][\w.-]*)(?=[\s>])")
_OPENING = later(r"<(?P<name>[A-Za-z][\w.-]*+)(?:>|\s[^<>\n=]{1,60}=[^<>\n]*(?<!/)>)\s*\{\{")
# After a blank in it come attributes; "<Chat history>" is a heading.
# HTML has them without an end, or lets it be left out.
_ENDLESS = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"),
        *("p", "li", "dt", "dd", "option", "tr", "td", "th", "thead", "tbody", "tfoot"),
    }
)


def _may_open(text: str) -> bool:
    """Whether a tag before a value does not end in the same text: of others nothing else needs to be known."""
    # A single character is found much sooner than what begins with it.
    return "<" in text and any(f"</{name}>" not in text for name in _OPENING.findall(text))


@dataclass(frozen=True, slots=True)
class _Tags:
    """The tags of all texts of a prompt: those that end somewhere, and those that only end."""

    ends: frozenset[str]
    orphans: list[str]

    @staticmethod
    def of(everything: str) -> _Tags:
        found = {(match["end"], match["name"]) for match in _TAG.finditer(everything)}
        ends = frozenset(name for end, name in found if end)
        return _Tags(ends, sorted(ends - {name for end, name in found if not end})[:100])

    def open_in(self, text: Text) -> Iterator[Hit]:
        for match in _OPENING.finditer(text.text):
            name = match["name"]
            if name in self.ends or name.lower() in _ENDLESS:
                continue
            near = nearest(name, self.orphans, 0.75)
            hint = f"</{near}> was probably meant to close it" if near else f"close it behind the value: </{name}>"
            yield text.hit_at(match.start(), f"the tag <{name}> around a value is never closed", hint=hint)


# --- notes and blanks

_NOTE = later(r"^[ \t]*(?:[-*#>]+[ \t]*|//[ \t]*|<!--[ \t]*)?(?P<word>TODO|FIXME)\b(?:\([^()\n]*\))?:", re.MULTILINE)
# Without the look behind, which would be asked of every character.
_MAYBE_BLANK = later(r"[\[<](?:insert|paste|add|enter|put|type)", re.IGNORECASE)
# The same by its first character, which ``re`` finds quickly.
_BLANKS = tuple(later(rf"{first}(?:insert|paste|add|enter|put|type)", re.IGNORECASE) for first in (r"\[", "<"))
_BLANK = later(
    r"(?<![\w`\"'])[\[<](?:insert|paste|add|enter|put|type)\s[^\[\]<>{}\n]{1,60}\shere[\]>](?![\w`\"'(])"
    r"|(?<![\w`\"'])[\[<](?:insert|paste)\s(?:your\s)?[^\[\]<>{}\n]{1,30}[\]>](?![\w`\"'(])",
    re.IGNORECASE,
)
_ABOUT = later(
    r"placeholder|avoid|never|do not|don't|without|such as|for example|e\.g\.|instead of|\blike\b|\bas in\b|format",
    re.IGNORECASE,
)


_SLOT = later(r"\[([A-Z][^\[\]\n]{12,300})\](?!\()")


def _may_have_blank(text: str) -> bool:
    return any(begins.search(text) for begins in _BLANKS)


def _outlines(text: str) -> bool:
    """Whether a text outlines the answer: two or more sentences in brackets say what the model shall put there."""
    slots = [match[1] for match in _SLOT.finditer(text) if not _MAYBE_BLANK.match(match[0])]
    return sum(len(slot.split()) >= 4 for slot in slots) >= 2


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end


RULES: tuple[type[Rule], ...] = (UnclosedMarkup, LeftOver)
