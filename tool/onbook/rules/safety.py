"""ON4xx: text from outside, and what people cannot see."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onbook.project import Source
from onbook.prompt import Prompt
from onbook.render.template import pieces
from onbook.render.types import normal_newlines
from onbook.report import Severity
from onbook.rules.base import Hit, Rule
from onbook.rules.declared import resolve
from onbook.rules.texts import Text, messages, partial, texts

if TYPE_CHECKING:
    from jinja2 import nodes

# Names that hold text from outside -> the input that it comes from.
Tainted = Mapping[str, str]


class UntrustedInSystem(Rule):
    """An input marked ``x-untrusted`` is written into a system message.

    **Why it matters**

    Models obey the system message before all others. Text from a customer, a web page or a document that stands there
    can give orders: this is how most prompt injections work.

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

    def check(self, source: Source) -> Iterator[Hit]:
        """What is written counts; a value that only decides an ``if`` or is only counted does not."""
        yield from _once(
            found.text.hit_at(
                found.offset,
                f"untrusted input {found.name!r} is written into a system message of {source.id}",
                hint="move it into a user message, between tags",
            )
            for found in _writes(source)
            if found.role == "system"
        )


class UntrustedUndelimited(Rule):
    """An input marked ``x-untrusted`` is written into a user message without anything that sets it apart.

    **Why it matters**

    A model that cannot see where the outside text begins and ends takes its sentences for yours. Tags, a code fence or
    triple quotes around it, and a sentence that names them, make injections markedly less likely to work.

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

    def check(self, source: Source) -> Iterator[Hit]:
        """A pair of tags, a code fence or triple quotes count, in the message or around the include."""
        yield from _once(
            found.text.hit_at(
                found.offset,
                f"untrusted input {found.name!r} is not set apart from the text around it in {source.id}",
                hint=f"write it between tags: <{found.name}>...</{found.name}>",
            )
            for found in _writes(source)
            if found.role == "user" and not found.enclosed
        )


class HiddenText(Rule):
    """Characters that no editor shows: tag characters, bidirectional controls, zero-width characters inside words.

    **Why it matters**

    The model reads them and the reviewer does not. Tag characters can spell whole orders, bidirectional controls show a
    line in another order than it has, and a zero-width space splits a word into other tokens. They arrive with copied
    text, or on purpose.

    Emoji keep their joiners, and the flags of England, Scotland and Wales their tag characters; joiners in scripts that
    need them, direction marks in a text with right-to-left letters and a byte order mark at the start pass as well.

    **Bad**

    ```yaml
    messages:
      - role: user
        content: "Sum\\u200bmarise this in one line\\u202e."
    ```

    **Good**

    ```yaml
    messages:
      - role: user
        content: "Summarise this in one line \\U0001F468\\u200D\\U0001F469\\u200D\\U0001F467."
    ```

    **When to waive**

    In a right-to-left prompt that isolates values with U+2068 and U+2069.
    """

    id = "ON403"
    slug = "hidden-text"

    def check(self, source: Source) -> Iterator[Hit]:
        """Every run of such characters, in messages and partials."""
        for text in texts(source):
            if text.text.isascii():
                continue
            rtl = any(unicodedata.bidirectional(c) in ("R", "AL") for c in set(text.text) - set(_MARKS))
            for match in _HIDDEN.finditer(text.text):
                if match.lastgroup == "flag" or (rtl and match.lastgroup == "mark"):
                    continue
                if what := _hidden(match):
                    run = match[0]
                    more = f" and {len(run) - 1} more" if len(run) > 1 else ""
                    message = f"hidden text: {what} (U+{ord(run[0]):04X}{more})"
                    yield text.hit_at(match.start(), message, hint="delete it; retype the line if in doubt")


class LeakedSpecialToken(Rule):
    """A control token of some model's chat format stands in a text.

    **Why it matters**

    ``<|im_start|>``, ``[INST]`` and the like mark where messages begin and end. Inside of a message some servers take
    them for just that, and the message ends or changes its role; others count them as odd words. Roles are given by
    ``messages``, and each provider adds its own tokens.

    **Bad**

    ```yaml
    messages:
      - role: user
        content: "[INST] Sort this ticket: {{ticket}} [/INST]"
    ```

    **Good**

    ```yaml
    messages:
      - role: user
        content: "Sort this ticket: {{ticket}}"
    ```

    **When to waive**

    In a prompt about chat formats, on a model that has other tokens.
    """

    id = "ON404"
    slug = "leaked-special-token"

    def check(self, source: Source) -> Iterator[Hit]:
        """Known tokens alone: other words between such brackets are somebody's delimiters."""
        for text in texts(source):
            sent = _without_comments(text.text) if text.template_format == "jinja2" else text.text
            for match in _TOKEN.finditer(sent):
                message = f"the special token {match[0]} stands in the text"
                yield text.hit_at(match.start(), message, hint="delete it: messages have roles of their own")


# --- hidden text

_FLAGS = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
)
_MARKS = "\u200e\u200f\u061c"
_HIDDEN = re.compile(
    f"(?P<flag>{_FLAGS})"
    "|(?P<tags>[\U000e0000-\U000e007f]+)"
    "|(?P<bidi>[\u202a-\u202e\u2066-\u2069]+)"
    f"|(?P<mark>[{_MARKS}]+)"
    "|(?P<variation>[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,})"
    "|(?P<zero>[\u200b-\u200d\u2060-\u2064\ufeff\u00ad\u180e\u034f]+)"
)
_KINDS = {
    "bidi": "a control that changes the order in which the line is shown",
    "mark": "a direction mark in a text without right-to-left letters",
    "variation": "variation selectors in a row",
}
# Scripts that never need a zero-width character inside a word.
_NARROW = ("LATIN ", "GREEK ", "CYRILLIC ", "DIGIT ")
# More in a row say nothing in any script, and can spell something.
MAX_ZERO_RUN = 2


def _hidden(match: re.Match[str]) -> str | None:
    """What a run of invisible characters is, or None where it belongs."""
    text, run = match.string, match[0]
    if match.lastgroup == "tags":
        spelt = "".join(chr(ord(tag) - 0xE0000) for tag in run if 0xE0020 <= ord(tag) < 0xE007F)
        return f"tag characters that spell {spelt[:60]!r}" if spelt else "tag characters"
    if match.lastgroup != "zero":
        return _KINDS[str(match.lastgroup)]
    if _narrow(text[max(match.start() - 1, 0) : match.start()]) and _narrow(text[match.end() : match.end() + 1]):
        return "a zero-width character inside a word"
    return "zero-width characters in a row" if len(run) > MAX_ZERO_RUN else None


def _narrow(character: str) -> bool:
    return bool(character) and unicodedata.name(character, "").startswith(_NARROW)


# --- special tokens

_PIPED = (
    "im_start|im_end|im_sep|endoftext|endofprompt|startoftext|begin_of_text|end_of_text|start_header_id|end_header_id"
    "|eot_id|eom_id|finetune_right_pad_id|python_tag|fim_prefix|fim_middle|fim_suffix|system|user|assistant|end|return"
    "|channel|START_OF_TURN_TOKEN|END_OF_TURN_TOKEN"
)
_TOKEN = re.compile(
    rf"<\|(?:{_PIPED})\|>"
    "|<\uff5c[^<>\uff5c\n]{1,40}\uff5c>"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|\[/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]"
)


def _without_comments(text: str) -> str:
    """The text with blanks for jinja2's comments, which nobody is sent."""
    kept, end = list[str](), 0
    while (start := text.find("{#", end)) >= 0 and (close := text.find("#}", start + 2)) >= 0:
        kept += [text[end:start], re.sub(r"[^\n]", " ", text[start : close + 2])]
        end = close + 2
    return "".join((*kept, text[end:]))


# --- where outside text is written


@dataclass(frozen=True, slots=True)
class _Write:
    """One place where a text writes a value from outside.

    Attributes:
        name: the input.
        role: of the message that it becomes part of.
        enclosed: whether something sets it apart there.
    """

    text: Text
    offset: int
    name: str
    role: str
    enclosed: bool


def _writes(source: Source) -> Iterator[_Write]:
    prompt = source.prompt
    tainted = {name: name for name in _untrusted(prompt)} if prompt else {}
    for text in messages(source) if tainted else ():
        alone = re.fullmatch(r"\s*\{\{[^{}]*\}\}\s*", text.text) is not None
        yield from _written(text, text.role or "", tainted, alone, set())


def _once(hits: Iterator[Hit]) -> Iterator[Hit]:
    """A partial that is reached in several ways says the same each time."""
    told: set[Hit] = set()
    for hit in hits:
        if hit not in told:
            told.add(hit)
            yield hit


def _untrusted(prompt: Prompt) -> Iterator[str]:
    for name, schema in prompt.input_properties.items():
        seen: list[object] = []
        node: object = schema
        # The mark may stand on the items of a list, or on the schema that is referred to.
        while isinstance(node, Mapping) and node not in seen:
            if node.get("x-untrusted") is True:
                yield name
                break
            seen.append(node)
            reference = node.get("$ref")
            node = resolve(reference, prompt.inputs or {}) if isinstance(reference, str) else node.get("items")


def _written(text: Text, role: str, tainted: Tainted, apart: bool, seen: set[object]) -> Iterator[_Write]:
    content = normal_newlines(text.text) if text.template_format == "jinja2" else text.text
    enclosed = _enclosed(content)
    for offset, name, inner in _found(content, text.template_format, tainted):
        place = bisect_right(enclosed, (offset,)) - 1
        inside = apart or (place >= 0 and offset < enclosed[place][1])
        if inner is None:
            yield _Write(text, offset, name, role, inside)
            continue
        # A partial says the same wherever it is included with the same values.
        key = (name, frozenset(inner.items()), inside)
        included = partial(text.source, name)
        if included and key not in seen:
            seen.add(key)
            yield from _written(included, role, inner, inside, seen)


def _found(content: str, template_format: str, tainted: Tainted) -> Iterator[tuple[int, str, Tainted | None]]:
    """Where a template writes outside text, (offset, input, None), or includes, (offset, path, what is tainted)."""
    plain = pieces(content, template_format)
    if plain is None:
        from onbook.render.syntax import check

        tree = check(content).tree
        yield from _Flow().body(tree.body, tainted) if tree else ()
        return
    starts = [0, *(match.end() for match in re.finditer("\n", content))]
    for use in plain:
        if not isinstance(use, str) and use.name in tainted:
            yield starts[use.line - 1] + use.column - 1, tainted[use.name], None


class _Flow:
    """Follows values from outside through one syntax tree, whose nodes have offsets for lines."""

    def body(self, body: list[nodes.Node], tainted: Tainted) -> Iterator[tuple[int, str, Tainted | None]]:
        from jinja2 import nodes

        for node in body:
            match node:
                case nodes.Output():
                    for child in node.nodes:
                        for offset, name in self.written(child, tainted):
                            yield offset, name, None
                case nodes.If():
                    for branch in (node, *node.elif_):
                        yield from self.body(branch.body, tainted)
                    yield from self.body(node.else_, tainted)
                case nodes.For():
                    origin = next((name for _, name in self.written(node.iter, tainted)), None)
                    targets = {target.name for target in node.target.find_all(nodes.Name)}
                    targets |= {node.target.name} if isinstance(node.target, nodes.Name) else set()
                    inner = {name: source for name, source in tainted.items() if name not in targets}
                    inner |= dict.fromkeys(targets, origin) if origin else {}
                    yield from self.body(node.body, inner)
                    yield from self.body(node.else_, tainted)
                case nodes.Include(template=nodes.Const(value=path)):
                    yield node.template.lineno, path, tainted

    def written(self, node: nodes.Node, tainted: Tainted) -> Iterator[tuple[int, str]]:
        """The names whose text an expression passes on: not what it only asks, compares or counts."""
        from jinja2 import nodes

        match node:
            case nodes.Name() if node.name in tainted:
                yield node.lineno, tainted[node.name]
            case nodes.Getattr() | nodes.Getitem():
                yield from self.written(node.node, tainted)
            case nodes.CondExpr():
                for branch in (node.expr1, node.expr2):
                    if branch is not None:
                        yield from self.written(branch, tainted)
            case nodes.And() | nodes.Or():
                yield from self.written(node.left, tainted)
                yield from self.written(node.right, tainted)
            case nodes.Filter() if node.name != "length":
                for part in node.iter_child_nodes():
                    yield from self.written(part.value if isinstance(part, nodes.Keyword) else part, tainted)


_TAG = re.compile(r"<(?P<end>/)?(?P<name>[A-Za-z_][\w.:-]*+)(?P<rest>[^<>]*+)>")
_FENCES = ("```", "~~~", '"""', "'''")


def _enclosed(text: str) -> list[tuple[int, int]]:
    """The stretches between a tag and its closing tag, attributes counted, and between two fences; joined, sorted."""
    opened: dict[str, list[int]] = {}
    spans: list[tuple[int, int]] = []
    for tag in _TAG.finditer(text):
        if tag["end"]:
            if places := opened.get(tag["name"]):
                spans.append((places.pop(), tag.start()))
        elif not tag["rest"].endswith("/"):
            opened.setdefault(tag["name"], []).append(tag.start())
    for fence in _FENCES:
        found = [match.start() for match in re.finditer(fence, text)]
        spans += zip(found[::2], found[1::2], strict=False)
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


RULES: tuple[type[Rule], ...] = (UntrustedInSystem, UntrustedUndelimited, HiddenText, LeakedSpecialToken)
