"""Texts of files, tags and models as GitHub-flavoured Markdown that shows them and means nothing else.

All of them are hostile here: they must call nobody, link nowhere, load nothing, and end no fence, table or element of
ours.
"""

from __future__ import annotations

import re

from onbook.report import Finding, Severity, Status
from onbook.reporters.terminal import printable

STATUS = {Status.PASSED: "✅", Status.FAILED: "❌", Status.SKIPPED: "⚪", Status.UNCHECKED: "⚠️"}
_SAFE = frozenset(" ,;'()/?.\"-%=+")


def plain(text: str) -> str:
    """A text on one line as Markdown that shows it and means nothing else."""
    return "".join(map(_letter, _REFERENCE.sub("\\1\u200b", printable(text).replace("\n", " "))))


def code(text: str) -> str:
    """A text on one line in the type of code; an element, for a fence of backticks would end at some in a table."""
    return f"<code>{plain(text)}</code>"


def fenced(text: str, language: str = "text") -> str:
    """A text of several lines in a fence that is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{printable(text)}\n{fence}\n"


# What becomes a link without any mark: an issue, and an address.
_REFERENCE = re.compile(r"\b(GH(?=-\d)|www(?=\.)|https?(?=:)|ftp(?=:)|mailto(?=:))", re.IGNORECASE)


def _letter(letter: str) -> str:
    if letter.isalnum() or letter in _SAFE or not letter.isascii():
        return letter
    # A character by its number starts no structure; what calls somebody or names an issue is broken as well, because
    # it is looked for in the text that comes out.
    return f"&#{ord(letter)};\u200b" if letter in "@#" else f"&#{ord(letter)};"


def sentence(text: str) -> str:
    """A sentence of ours, in which names from files stand between backticks."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a name with a backtick in it: nobody can say which is whose
        return plain(text)
    return "".join(code(piece) if number % 2 else plain(piece) for number, piece in enumerate(pieces))


_MOST = 2_000  # characters of a message, and of a hint: one alone shall not fill a comment


def finding_line(finding: Finding) -> str:
    """A finding as an item of a list."""
    marks = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.INFO: "ℹ️"}  # noqa: RUF001
    place = f" <sub>{code(finding.place)}</sub>" if finding.place else ""
    waived = " (waived)" if finding.waived else ""
    hint = f"<br>{sentence(cut(finding.hint, _MOST))}" if finding.hint else ""
    message = sentence(cut(finding.message, _MOST))
    return f"- {marks[finding.severity]} {plain(finding.rule)} {message}{waived}{place}{hint}"


def cut(text: str, most: int) -> str:
    """At most so many characters of a text, the last of them an ellipsis where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
