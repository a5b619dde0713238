"""What libyaml says about broken YAML, in words that tell the author what to do."""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

from onbook.formats.faults import CONFLICT


class Explained(NamedTuple):
    """``at``: characters from the start of the text."""

    at: int
    message: str
    hint: str | None


QUOTE_TEMPLATE = 'quote the whole value, or write it as a block ("|"): YAML reads "{" as the start of a mapping'
_QUOTE = "quote the value"
_TABS = "indent with spaces"

# libyaml's words -> ours, and what to do.
_WORDS: dict[str, tuple[str, str | None]] = {
    "mapping values are not allowed in this context": (
        'a ": " where no key can stand',
        'quote the value if it has a ": " in it; if this is a key, check its indentation',
    ),
    "could not find expected ':'": ("a key without a colon", 'write "key: value", or quote or indent the text before'),
    "did not find expected key": ("no key where one must stand", "check the indentation and the quotes of this line"),
    "did not find expected '-' indicator": ("no item of the list where one must stand", "check the indentation"),
    "did not find expected ',' or ']'": ('a "," or "]" is missing', "write it, or quote the text"),
    "did not find expected ',' or '}'": ('a "," or "}" is missing', "write it, or quote the text"),
    "did not find expected node content": ("a value is missing", "write it, or quote the text if it is one"),
    "did not find expected <document start>": (
        "text after the end of the document",
        "check the indentation: a mapping's keys stand in one column",
    ),
    "block sequence entries are not allowed in this context": (
        'a "- " where no list can stand',
        "put it on a line of its own, or quote the value",
    ),
    "mapping keys are not allowed in this context": ('a "? " where no key can stand', _QUOTE),
    "found unexpected end of stream": ("a quote that is never closed", "close the quote"),
    "found unexpected document indicator": ('a quote that is still open at "---" or "..."', "close the quote"),
    "found unknown escape character": (
        "an escape that YAML does not have",
        r"double the backslash, or use single quotes, in which a backslash is only a backslash",
    ),
    "did not find expected hexdecimal number": (
        "an escape without its hexadecimal digits",
        r"write \xHH, \uHHHH or \UHHHHHHHH; double the backslash if it stands for itself",
    ),
    "found invalid Unicode character escape code": (
        "an escape that is no character",
        r"write characters beyond U+FFFF as themselves or as \UHHHHHHHH, not as two \u escapes",
    ),
    "found a tab character that violates indentation": ("a tab in the indentation", _TABS),
    "found a tab character where an indentation space is expected": ("a tab in the indentation", _TABS),
    "found unexpected ':'": ('a ":" inside an unquoted value', _QUOTE),
    "did not find expected comment or line break": (
        'text on the line of a block\'s "|" or ">"',
        "begin the block's text on the next line",
    ),
    "did not find expected alphabetic or numeric character": ('a "&" or "*" at the start of an unquoted value', _QUOTE),
}

_DIRECTIVE = {
    "found unknown directive name",
    "could not find expected directive name",
    "found unexpected non-alphabetical character",
    "did not find expected version number",
    "did not find expected digit or '.' character",
}
_WORDS |= dict.fromkeys(_DIRECTIVE, ('a line that begins with "%"', "indent it, or quote the text"))
_WORDS |= dict.fromkeys(
    (
        "did not find expected whitespace or line break",
        "did not find expected tag URI",
        "did not find URI escaped octet",
        "found undefined tag handle",
    ),
    ('a value that begins with "!"', _QUOTE),
)

_KINDS = {"mapping": "mapping", "sequence": "list", "collection": "list"}

# libyaml notices these far behind the place where they are wrong.
_FROM_CONTEXT = _DIRECTIVE | {
    "could not find expected ':'",
    "found unexpected end of stream",
    "found unexpected document indicator",
}

_BAD_STARTS = {
    "\t": ("a tab in the indentation", _TABS),
    "@": ('a value cannot begin with "@"', _QUOTE),
    "`": ('a value cannot begin with "`"', _QUOTE),
    "%": ('a value cannot begin with "%"', _QUOTE),
}


def explain(error: yaml.MarkedYAMLError, text: str) -> Explained:
    """Where the text is broken, how, and what to do."""
    left = re.search("^<{7} ", text, re.MULTILINE)
    if left and re.search("^>{7} ", text, re.MULTILINE):
        return Explained(left.start(), *CONFLICT)
    problem = error.problem or "not YAML"
    mark = error.problem_mark or error.context_mark
    index = min(mark.index, len(text)) if mark else 0
    message, hint = _WORDS.get(problem, (problem, None))
    if problem == "found character that cannot start any token" or problem.startswith("found character '"):
        # PyYAML's own scanner, in place of libyaml's, names the character.
        message, hint = _BAD_STARTS.get(text[index : index + 1], (message, _QUOTE))
    context = error.context_mark
    if context is not None:
        opened = min(context.index, len(text))
        if text.startswith(("{{", "{%"), opened):
            hint = QUOTE_TEMPLATE
        if problem in _FROM_CONTEXT:
            index = opened
        elif (line := text.count("\n", 0, opened) + 1) != text.count("\n", 0, index) + 1:
            message = f"{message} ({_began(error.context)} line {line})"
    return Explained(index, message, hint)


def _began(context: str | None) -> str:
    """``while parsing a block mapping`` -> ``in the mapping that began at``."""
    kind = (context or "").rpartition(" a ")[2].split(" ")[-1]
    return f"in the {_KINDS.get(kind, 'text')} that began at"
