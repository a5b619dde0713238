"""ON403, ON404: what people cannot see, and what servers take for their own marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from onbook.patterns import later
from onbook.project import Source
from onbook.rules.base import Hit, Rule
from onbook.rules.sent import everything, may_be_marked, unescaped


class HiddenText(Rule):
    """Characters that no editor shows: tag characters, bidirectional controls, zero-width characters inside words.

    **Why it matters**

    The model reads them and the reviewer does not. Tag characters can spell whole orders, bidirectional controls show a
    line in another order than it has, and a zero-width space splits a word into other tokens. They arrive with copied
    text, or on purpose.

    Emoji keep their joiners, and the flags of England, Scotland and Wales their tag characters; joiners in scripts that
    need them, direction marks in a text with right-to-left letters and a byte order mark at the start pass as well.

    OWASP LLM Top 10: LLM01:2025 (2026: LLM01).

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

    def check(self, source: Source) -> Iterable[Hit]:
        """Every run of such characters, in messages, partials, examples, defaults, tools and the answer's schema."""
        raw = unescaped(source)
        if raw is not None and (raw.isascii() or not _ANY.search(_beyond_ascii(raw))):
            return ()
        return self._found(source)

    @staticmethod
    def _found(source: Source) -> Iterator[Hit]:
        for text in everything(source):
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

    OWASP LLM Top 10: LLM01:2025 (2026: LLM01).

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

    def check(self, source: Source) -> Iterable[Hit]:
        """Known tokens alone: other words between such brackets are somebody's delimiters.

        So are Mistral's own words for tools, unless the prompt is for one of its models.
        """
        return self._found(source) if may_be_marked(source) else ()

    @staticmethod
    def _found(source: Source) -> Iterator[Hit]:
        model = (source.prompt.model or "").casefold() if source.prompt else ""
        for text in everything(source):
            sent = _without_comments(text.text) if text.template_format == "jinja2" else text.text
            tokens = list(_TOKEN.finditer(sent))
            mistral = "stral" in model or any(match[0].endswith("INST]") for match in tokens)
            for match in tokens:
                if _WORDS.fullmatch(match[0]) and not mistral:
                    continue
                message = f"the special token {match[0]} stands in the text"
                yield text.hit_at(match.start(), message, hint="delete it: messages have roles of their own")


# --- hidden text

_FLAGS = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
)
_MARKS = "\u200e\u200f\u061c"
_HIDDEN = later(
    f"(?P<flag>{_FLAGS})"
    "|(?P<tags>[\U000e0000-\U000e007f]+)"
    "|(?P<bidi>[\u202a-\u202e\u2066-\u2069]+)"
    f"|(?P<mark>[{_MARKS}]+)"
    "|(?P<variation>[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,})"
    "|(?P<blank>[\u3164\uffa0\ufff9-\ufffb\u206a-\u206f\U0001d173-\U0001d17a]+)"
    "|(?P<zero>[\u200b-\u200d\u2060-\u2064\ufeff\u00ad\u180e\u034f]+)"
)
# One of them is part of each.
_ANY = later(
    f"[\U000e0000-\U000e007f\u202a-\u202e\u2066-\u2069{_MARKS}\ufe00-\ufe0f\U000e0100-\U000e01ef"
    "\u3164\uffa0\ufff9-\ufffb\u206a-\u206f\U0001d173-\U0001d17a"
    "\u200b-\u200d\u2060-\u2064\ufeff\u00ad\u180e\u034f]"
)
_ASCII = bytes(range(0x80))
_KINDS = {
    "bidi": "a control that changes the order in which the line is shown",
    "mark": "a direction mark in a text without right-to-left letters",
    "variation": "variation selectors in a row",
    "blank": "a filler or a control that shows nothing",
}
# Scripts that never need a zero-width character inside a word.
_NARROW = ("LATIN ", "GREEK ", "CYRILLIC ", "DIGIT ")
# More in a row say nothing in any script, and can spell something.
MAX_ZERO_RUN = 2


def _beyond_ascii(text: str) -> str:
    """The other characters alone: most texts have few, and a class of characters is asked of each one by itself."""
    return text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")


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
_ANGLES = (
    rf"<(?:\|(?:{_PIPED})\|>"
    "|\uff5c[^<>\uff5c\n]{1,40}\uff5c>"
    r"|</?SYS>>|(?:start|end)_of_turn>)"
)
_SQUARES = r"\[/?(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]"
_TOKEN = later(f"{_ANGLES}|{_SQUARES}")
# People head the parts of a text with them.
_WORDS = later(r"\[/?[A-Z]+_[A-Z]+\]")


def _without_comments(text: str) -> str:
    """The text with blanks for jinja2's comments, which nobody is sent."""
    kept, end = list[str](), 0
    while (start := text.find("{#", end)) >= 0 and (close := text.find("#}", start + 2)) >= 0:
        kept += [text[end:start], re.sub(r"[^\n]", " ", text[start : close + 2])]
        end = close + 2
    return "".join((*kept, text[end:]))


RULES: tuple[type[Rule], ...] = (HiddenText, LeakedSpecialToken)
