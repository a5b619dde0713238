"""From the text of a jinja2 template to its checked syntax tree. Nothing is compiled or run here.

jinja2 knows only the line of a node. Here its parser is fed tokens that carry their offset in place of the line, so
every node has its exact place. Depth is bounded on the tokens, before the recursive parser sees them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import Token, TokenStream, ignored_tokens, operators
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from onbook.nearest import nearest
from onbook.patterns import later
from onbook.render.allowed import Walker
from onbook.render.language import CLOSING_TAGS, REFUSED_TAGS, TAGS
from onbook.render.types import PlacedError, Places, Template, TemplateProblem, normal_newlines

SYNTAX = ImmutableSandboxedEnvironment(keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True)

MAX_TOKENS = 20_000  # of one template
MAX_TAG_TOKENS = 1_000
MAX_BRACKETS = 16  # open at once: the parser spends 14 Python frames on each
MAX_PREFIXES = 32  # not, -, + and else of one tag: one frame each
MAX_BLOCKS = 16  # open at once: Python itself compiles no more than 20 nested loops
MAX_BRANCHES = 100  # elif of one if


class Checked(NamedTuple):
    """A template's syntax tree (None if it has no tree), what it uses, and its problems."""

    tree: nodes.Template | None
    template: Template


class Raw(NamedTuple):
    offset: int
    kind: str
    value: str


@lru_cache(maxsize=32)
def check(text: str) -> Checked:
    """Parse a text of at most MAX_TEMPLATE characters and check it against the allowed language. Never raises.

    Several ask about one text, one soon after the other, and share the tree: whoever changes it takes :func:`fresh`.
    """
    return fresh(text)


def fresh(text: str) -> Checked:
    """What :func:`check` finds, with a tree of the caller's own."""
    text = normal_newlines(text)
    walker, tree = Walker(), None
    tags: list[PlacedError] = []
    try:
        raw = _lex(text)
        tags = list(_check_tags(raw))
        tree = _parse(text, raw)
        walker.template(tree)
    except PlacedError as fault:
        # A tag that the language has not often breaks what follows: the tag is what to tell.
        walker.faults += [] if tags and fault.code == "template-syntax" else [fault]
    except RecursionError:
        walker.faults.append(_too_complex("it is nested too deeply", 0))
    faults = sorted([*tags, *walker.faults], key=lambda fault: fault.offset)
    places = Places(text)
    problems = [TemplateProblem(f.code, f.message, *places.at(f.offset), f.hint) for f in faults]
    return Checked(tree if not problems else None, walker.result(places, problems))


def _too_complex(why: str, offset: int) -> PlacedError:
    return PlacedError("template-too-complex", f"the template is too complex: {why}", offset, "split or simplify it")


def _lex(text: str) -> list[Raw]:
    """All of jinja2's raw tokens with their offsets."""
    raw: list[Raw] = []
    position, start, depth, prefixes = 0, None, 0, 0
    try:
        for _, kind, value in SYNTAX.lexer.tokeniter(text, None):
            # The lexer drops white space before tags and nothing else, so the next occurrence is the token.
            offset = text.index(value, position)
            raw.append(Raw(offset, kind, value))
            position = offset + len(value)
            if kind in ("variable_begin", "block_begin"):
                start, depth, prefixes = len(raw), 0, 0
            elif kind in ("variable_end", "block_end"):
                start = None
            elif kind == "operator":
                depth += (value in "([{") - (value in ")]}")
            prefixes += value in ("not", "else", "-", "+") and kind in ("name", "operator")
            if depth > MAX_BRACKETS or prefixes > MAX_PREFIXES:
                raise _in_open_tag(text, raw, offset) or _too_complex("an expression is nested too deeply", offset)
            if start is not None and len(raw) - start > MAX_TAG_TOKENS:
                raise _in_open_tag(text, raw, offset) or _too_complex(
                    "an expression is too long", raw[start - 1].offset
                )
            if len(raw) > MAX_TOKENS:
                raise _too_complex("it has too many tags", offset)
    except TemplateSyntaxError as error:
        raise _lexer_fault(text, raw, position, error) from error
    if start is not None:
        raise _unclosed(raw[start - 1])
    if raw and raw[-1].kind in ("comment_begin", "raw_begin"):  # jinja2 lets these pass at the very end
        raise _unclosed(raw[-1])
    return raw


def _lexer_fault(text: str, raw: list[Raw], position: int, error: TemplateSyntaxError) -> PlacedError:
    if raw and raw[-1].kind in ("comment_begin", "raw_begin"):
        return _unclosed(raw[-1])
    while position < len(text) - 1 and text[position].isspace():
        position += 1
    message = re.sub(r" at \d+$", "", error.message or "syntax error").replace(
        "unexpected char", "unexpected character"
    )
    return _in_open_tag(text, raw, position) or PlacedError("template-syntax", message, position, _SYNTAX_HINT)


_SYNTAX_HINT = "tags are {{ name }}, {% if name %} and {% for item in list %}; {% raw %} makes text of braces"


def _unclosed(opening: Raw) -> PlacedError:
    if opening.kind == "variable_begin":
        return PlacedError("unclosed-variable", "'{{' is never closed", opening.offset, "close it: {{ name }}")
    closing = {"comment_begin": "#}", "raw_begin": "{% endraw %}"}.get(opening.kind, "%}")
    return PlacedError(
        "unclosed-block", f"{opening.value.strip()!r} is never closed", opening.offset, f"close it with {closing}"
    )


def _in_open_tag(text: str, raw: list[Raw], offset: int) -> PlacedError | None:
    """The unclosed tag that an error at ``offset`` stems from: one after which another opens before it closes."""
    tags = [token for token in raw if token.kind.endswith(("_begin", "_end")) and token.offset <= offset]
    if not tags or tags[-1].kind not in ("variable_begin", "block_begin"):
        return None
    closing = "}}" if tags[-1].kind == "variable_begin" else "%}"
    following = re.compile(r"\{[{%#]|\}\}|%\}").search(text, tags[-1].offset + 2)
    return None if following and following[0] == closing else _unclosed(tags[-1])


def _check_tags(raw: list[Raw]) -> Iterator[PlacedError]:
    """Tags that the language has not, as values; blocks that do not match raise at once."""
    open_blocks: list[tuple[str, int]] = []
    branches: list[int] = []
    for offset, name in _tag_names(raw):
        if name in REFUSED_TAGS:
            yield PlacedError(
                "construct-not-allowed", f"{{% {name} %}} is not allowed in a prompt", offset, REFUSED_TAGS[name]
            )
        elif name in ("if", "for"):
            open_blocks.append((name, offset))
            branches.append(0)
            if len(open_blocks) > MAX_BLOCKS:
                raise _too_complex(f"more than {MAX_BLOCKS} blocks are nested", offset)
        elif name in ("elif", "else", "endif", "endfor"):
            if not open_blocks or (name == "elif" and open_blocks[-1][0] != "if"):
                raise PlacedError(
                    "template-syntax", f"{{% {name} %}} stands outside of a block that it belongs to", offset
                )
            branches[-1] += name == "elif"
            if branches[-1] > MAX_BRANCHES:
                raise _too_complex(f"an if has more than {MAX_BRANCHES} branches", offset)
            opener, place = open_blocks[-1]
            if name.startswith("end"):
                if name != f"end{opener}":
                    raise _unclosed_block(opener, place, f" before {{% {name} %}}")
                open_blocks.pop()
                branches.pop()
        elif name not in TAGS | CLOSING_TAGS:
            near = nearest(name, TAGS)
            hint = f"did you mean {near}?" if near else f"the tags are {', '.join(sorted(TAGS))}"
            raise PlacedError("template-syntax", f"unknown tag {name!r}", offset, hint)
    if open_blocks:
        raise _unclosed_block(*open_blocks[-1], "")


def _unclosed_block(opener: str, offset: int, before: str) -> PlacedError:
    message = f"{{% {opener} %}} is not closed{before}"
    return PlacedError("unclosed-block", message, offset, f"add {{% end{opener} %}}")


def _tag_names(raw: list[Raw]) -> Iterator[tuple[int, str]]:
    opened = False
    for token in raw:
        if opened and token.kind == "name":
            yield token.offset, token.value
        opened = token.kind == "block_begin" or (opened and token.kind == "whitespace")


def _parse(text: str, raw: list[Raw]) -> nodes.Template:
    parser = Parser(SYNTAX, "")
    parser.stream = TokenStream(_tokens(raw), None, None)
    try:
        return parser.parse()
    except TemplateSyntaxError as error:
        message = error.message or "syntax error"
        for jinja, plain in _READABLE.items():
            message = message.replace(jinja, plain)
        fault = _in_open_tag(text, raw, error.lineno)
        raise fault or PlacedError("template-syntax", message, min(error.lineno, len(text)), _SYNTAX_HINT) from error


_READABLE = {
    "expected token 'end of print statement'": "expected }}",
    "expected token 'end of statement block'": "expected %}",
    "'end of print statement'": "}}",
    "'end of statement block'": "%}",
    "expected token": "expected",
    "Expected": "expected",
}


def _tokens(raw: list[Raw]) -> Iterator[Token]:
    """What jinja2's Lexer.wrap makes of raw tokens, with offsets for lines and stricter literals."""
    for offset, kind, value in raw:
        if kind in ignored_tokens or kind in ("raw_begin", "raw_end"):
            continue
        if kind == "operator":
            yield Token(offset, operators[value], value)
        elif kind == "string":
            yield Token(offset, kind, _string(value, offset))
        elif kind in ("integer", "float"):
            yield Token(offset, kind, _number(value, kind, offset))  # type: ignore[arg-type]
        else:
            if kind == "name":
                _check_name(value, offset)
            yield Token(offset, kind, value)


_ESCAPE = later(r"\\(?:([\\'\"nrt])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([\s\S]))")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def _string(literal: str, offset: int) -> str:
    def value(match: re.Match[str]) -> str:
        if match[4]:
            hint = "the escapes are \\\\ \\' \\\" \\n \\r \\t \\xHH and \\uHHHH; write \\\\ for a backslash"
            raise PlacedError(
                "template-syntax", f"unknown escape {match[0]!r} in a string", offset + 1 + match.start(), hint
            )
        return _ESCAPED.get(match[1], match[1]) if match[1] else chr(int(match[2] or match[3], 16))

    found = _ESCAPE.sub(value, literal[1:-1])
    if re.search("[\ud800-\udfff]", found):
        raise PlacedError(
            "template-syntax", "a string holds half of a surrogate pair", offset, "write the character itself"
        )
    return found


def _number(literal: str, kind: str, offset: int) -> int | float:
    digits = literal.replace("_", "")
    if len(digits) <= 40:
        value = int(digits, 0) if kind == "integer" else float(digits)
        if isfinite(value):
            return value
    raise PlacedError("template-syntax", f"the number {literal[:20]} is too large", offset, "pass it as an input")


def _check_name(name: str, offset: int) -> None:
    if not name.isidentifier():
        raise PlacedError("template-syntax", f"{name!r} is not a name", offset, "names are letters, digits and _")
    # Python folds such names together once they are compiled: two variables would become one.
    if unicodedata.normalize("NFKC", name) != name:
        raise PlacedError("template-syntax", f"the name {name!r} is not in Unicode's NFKC form", offset, "rename it")
