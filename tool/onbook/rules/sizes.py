"""ON52x: how many tokens a call has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from onbook import tokens
from onbook.call import Caller
from onbook.errors import InputError
from onbook.patterns import later
from onbook.project import Source
from onbook.prompt import Case, Message, Prompt
from onbook.render import Renderer
from onbook.render.template import pieces
from onbook.report import Severity
from onbook.rules.base import Hit, Rule, hit_at
from onbook.rules.texts import Text, braced, broken, joined, messages

# Messages as they are sent, and the case that they are of; None for the prompt with empty inputs.
Call = tuple[Case | None, Sequence[Mapping[str, str]]]


class TokenBudget(Rule):
    """A call has more tokens than the prompt's own `metadata.tokenBudget`.

    Counted are the messages of every case as they are sent; without cases, the prompt with empty inputs. Tools and the
    schema of the answer are not counted.

    **Why it matters**

    Somebody reckoned with that number: the price of a call, its latency, what fits beside it. Text that grew, or a case
    that is larger than anybody thought, makes the reckoning wrong.

    **Bad**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    metadata: {tokenBudget: 10}
    messages:
      - role: user
        content: Tell me a long story about a prompter who lost the script and found it again.
    ```

    **Good**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    metadata: {tokenBudget: 50}
    messages:
      - role: user
        content: Tell me a long story about a prompter who lost the script and found it again.
    ```

    **When to waive**

    Rather raise the budget: it is a line of the same file. For models whose tokenizer is not at hand the count is an
    estimate, and the finding an error only where even its lower bound is too much.
    """

    id = "ON521"
    slug = "token-budget"

    def check(self, source: Source) -> Iterable[Hit]:
        """Nothing is rendered or counted where the bytes already show that the budget is kept."""
        budget = source.prompt.metadata.get("tokenBudget") if source.prompt else None
        if not isinstance(budget, int | float) or isinstance(budget, bool) or _is_kept(source, int(budget)):
            return ()
        what = f"its budget of {int(budget):,} tokens"
        return _over(source, int(budget), ("metadata", "tokenBudget"), what, "raise the budget")


class ContextExceeded(Rule):
    """A call has more tokens than the model reads.

    Counted are the messages of every case as they are sent; without cases, the prompt with empty inputs. Tools, the
    schema of the answer and the answer itself, which some models take from the same context, come on top.

    **Why it matters**

    The provider refuses the call, or a server cuts its beginning off: the instructions.

    **Bad**

    ```yaml
    # file: prompts/a.prompt.yml
    templateFormat: jinja2
    model: openai/gpt-4
    inputs:
      type: object
      properties:
        pages: {type: array, items: {type: string}}
    messages:
      - role: user
        content: |
          {% for a in pages %}{% for b in pages %}{% for c in pages %}{{ a }} {{ b }} {{ c }}
          {% endfor %}{% endfor %}{% endfor %}
    # file: prompts/a.cases.yml
    - {id: many, inputs: {pages: [one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, more]}}
    ```

    **Good**

    ```yaml
    # file: prompts/a.prompt.yml
    templateFormat: jinja2
    model: openai/gpt-4
    inputs:
      type: object
      properties:
        pages: {type: array, items: {type: string}}
    messages:
      - role: user
        content: |
          {% for a in pages %}{{ a }}
          {% endfor %}
    # file: prompts/a.cases.yml
    - {id: many, inputs: {pages: [one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, more]}}
    ```

    **When to waive**

    For a deployment of the model that reads more than the table knows.
    """

    id = "ON522"
    slug = "context-exceeded"

    def check(self, source: Source) -> Iterable[Hit]:
        """Of models that the table knows; the bytes alone pass nearly every prompt."""
        known = tokens.model(source.prompt.model) if source.prompt else None
        if not known or not known.context or _is_kept(source, known.context):
            return ()
        what = f"the {known.context:,} tokens that {source.prompt.model} reads"  # type: ignore[union-attr]
        return _over(source, known.context, ("model",), what, "choose a model that reads more")


class CacheOrder(Rule):
    """A changing value stands before a long text that never changes.

    Off unless it is selected: it matters to prompts that are called often.

    **Why it matters**

    OpenAI, Anthropic and Gemini keep the beginning of a call, from some 1,024 tokens on, and charge a tenth to a half
    for it the next time, as far as it is the same to the byte. What comes after the first value that changes is paid in
    full each time.

    **Bad**

    ```text
    system: Today is {{date}}. (then 6,000 characters of rules)
    user: {{question}}
    ```

    **Good**

    ```text
    system: (6,000 characters of rules)
    user: Today is {{date}}. {{question}}
    ```

    **When to waive**

    Where the value seldom changes.
    """

    id = "ON523"
    slug = "cache-order"
    severity = Severity.INFO
    default = False

    def check(self, source: Source) -> Iterable[Hit]:
        """Looks at the first variable, in the order in which the messages are sent, and what is fixed after it."""
        if source.prompt is None or broken(source):
            return
        first: tuple[Text, int, int, str] | None = None
        fixed = 0
        for text in messages(source):
            parts = pieces(text.text, text.template_format)
            if parts is None:
                # Loops and conditions: its first variable, and its text for what it is at most.
                uses = text.template.variables
                if first is None and uses:
                    first = (text, uses[0].line, uses[0].column, uses[0].name)
                continue
            for part in parts:
                if not isinstance(part, str):
                    first = first or (text, part.line, part.column, part.name)
                elif first:
                    fixed += len(part)
        if first and fixed >= CACHED_CHARACTERS:
            text, line, column, name = first
            message = f"{name!r} stands before {fixed:,} characters that never change, so no provider caches them"
            yield text.hit(line, column, message, hint="move it behind them, to the end of the last message")


# About 1,024 tokens of English, the least that providers keep.
CACHED_CHARACTERS = 4_000
# Places of one prompt: more cases say nothing new.
MOST_COUNTED_BYTES = 4_000_000


def _over(source: Source, limit: int, pointer: tuple[str, ...], what: str, advice: str) -> Iterator[Hit]:
    """The largest call, where it has more tokens than the limit."""
    prompt = source.prompt
    if prompt is None or broken(source):
        return
    if _surely_fits(prompt, source.cases, limit):
        return
    found = _largest(prompt, source.cases, limit)
    if found is None:
        return
    case, count = found
    if count.tokens <= limit:
        return
    whose = f"case {case.id!r}" if case else "the prompt, with empty inputs,"
    number = f"{count.tokens:,}" if count.exact else f"about {count.tokens:,}"
    severity = None if count.at_least > limit else Severity.WARNING
    hit = hit_at(source, pointer, f"{whose} has more than {what}")
    yield hit._replace(hint=f"it has {number} ({count.method}): shorten it, or {advice}", severity=severity)


def _is_kept(source: Source, limit: int) -> bool:
    """Whether lengths alone show that no call has more tokens than the limit."""
    prompt = source.prompt
    return prompt is None or _bound(prompt, source.cases, joined(source), braced(source)) <= limit


def _bound(prompt: Prompt, cases: Sequence[Case], sent: str, tags: str) -> int:
    """A number of tokens that no call can have more of, from lengths alone.

    Args:
        sent: all messages and partials; tags: of them the stretch in which every variable and tag stands.
    """
    examples, properties = prompt.examples, prompt.input_properties
    rounds = 1 + len(examples)
    values = 4 * len(properties)  # "null", for what is optional and not given
    for schema in properties.values():
        if "default" in schema:
            values += _size(schema["default"])
    given = [case.inputs for case in cases] + [example.inputs for example in examples]
    values += max(map(_size, given)) if given else 0
    uses = tags.count("{{")
    total = (tokens.at_most(sent) + uses * values) * rounds
    for example in examples:
        total += _size(example.output)
    if prompt.template_format == "jinja2" and "{%" in tags:
        tagged = [item.content for item in prompt.messages if isinstance(item, Message) and "{" in item.content]
        tagged += prompt.partials.values()
        # What stands in loops comes once for every round of them all. Every loop has an end.
        loops = [text for text in tagged if "endfor" in text] if "endfor" in tags else []
        looped = sum([_looped(text, values) for text in loops])
        if looped:
            # A partial that is included within a loop comes as often as the loop goes round.
            if prompt.partials:
                looped += sum(map(tokens.at_most, prompt.partials.values())) + uses * values
            # Without cases the prompt is rendered with empty inputs.
            given += () if cases else [dict.fromkeys(properties, "")]
            total += looped * rounds * _rounds(loops, given, max(values, len(sent)))
        # An include may bring its text again.
        total *= math.prod([1 + text.count("include") for text in tagged]) if "include" in tags else 1
    return total + tokens.MOST_PER_MESSAGE * (len(prompt.messages) + 2 * len(examples) + 1)


# The names that a loop gives, a name that it goes over, and whether neither an item nor a filter follows that.
_LOOP = later(r"\{%[-+]?\s*for\s([^%]*?)\sin\s+([A-Za-z_]\w*)(\s*[-+]?%\})?")


def _looped(text: str, values: int) -> int:
    """The bytes that one round of a text's loops writes at most, all of them within each other."""
    span = text[text.find("for", text.find("{")) : text.rfind("endfor")]
    return tokens.at_most(span) + span.count("{{") * values


def _rounds(texts: Sequence[str], given: Sequence[Mapping[str, object]], most: int) -> int:
    """How often the body of all loops within each other is written, at most.

    Args:
        most: of anything but a whole input no more is known than that it has no more items than bytes.
    """
    loops = [loop for text in texts for loop in _LOOP.findall(text, text.find("{"))]
    targets = " ".join([target for target, _, _ in loops])
    # The name of an input may be given to something else by the loop around.
    known = [over for _, over, whole in loops if whole and over not in targets]
    unknown = sum([text.count("endfor") for text in texts]) - len(known)
    bound = 0
    for inputs in given:
        product = 1
        for name in known:
            value = inputs.get(name)
            product *= max(1, len(value)) if isinstance(value, list | str | Mapping) else max(1, most)
            if product > MOST_COUNTED_BYTES:
                break
        bound = max(bound, product)
    for _ in range(min(unknown, 8)):  # by then it is more than any model reads
        bound *= max(1, most)
    return bound


def _size(value: object) -> int:
    """At least the bytes that a value can take when it is rendered, and at least its items."""
    if isinstance(value, str):
        return 2 + (len(value) if value.isascii() else 4 * len(value))
    if type(value) is dict or isinstance(value, Mapping):
        # Rendered whole, a mapping is JSON: quotes, commas, and escapes of up to six characters.
        total = 2
        for key, part in value.items():
            if type(part) is str:  # as nearly all are
                total += 6 * (4 + len(key) + len(part)) + 4
            else:
                total += 6 * _size(key) + (6 if isinstance(part, str) else 1) * _size(part) + 4
        return total
    if isinstance(value, list):
        if {*map(type, value)} == {str}:
            return 2 + 6 * sum(map(len, value)) + 14 * len(value)
        return 2 + sum((6 if isinstance(part, str) else 1) * _size(part) + 2 for part in value)
    return len(str(value)) + 8


def _surely_fits(prompt: Prompt, cases: Sequence[Case], limit: int) -> bool:
    """Whether no call has more tokens than the limit, from what the templates write at most. False proves nothing."""
    if any(case.history for case in cases):
        return False
    renderer = Renderer(prompt)
    calls: list[Mapping[str, object]] = [case.inputs for case in cases] or [dict.fromkeys(prompt.input_properties, "")]
    most = limit - tokens.MOST_PER_MESSAGE * (len(prompt.messages) + 1)
    try:
        found = [renderer.most(inputs, if_any=True) for inputs in calls]
    except InputError:
        return False
    return all(size is not None and 4 * size <= most for size in found)  # no character has more bytes, no byte tokens


def _largest(prompt: Prompt, cases: Sequence[Case], limit: int) -> tuple[Case | None, tokens.Count] | None:
    """The call with the most tokens, if any may have more than the limit. Bytes bound tokens, so few are counted."""
    sized = [
        (sum(tokens.at_most(message["content"]) for message in call), case, call)
        for case, call in _calls(prompt, cases)
    ]
    sized.sort(key=lambda it: -it[0])
    best: tuple[Case | None, tokens.Count] | None = None
    counted = 0
    for size, case, call in sized:
        most = size + tokens.MOST_PER_MESSAGE * (len(call) + 1)
        if most <= max(limit, best[1].tokens if best else 0) or counted > MOST_COUNTED_BYTES:
            break
        counted += size
        count = tokens.count_messages(call, prompt.model)
        if best is None or count.tokens > best[1].tokens:
            best = case, count
    return best


def _calls(prompt: Prompt, cases: Sequence[Case]) -> Iterator[Call]:
    """The calls that can be rendered; ON207 tells of a case that cannot."""
    if not cases:
        names = dict.fromkeys(prompt.input_properties, "")
        for item in prompt.messages:
            for piece in pieces(item.content, prompt.template_format) or () if isinstance(item, Message) else ():
                if not isinstance(piece, str):
                    names[piece.name] = ""
        try:
            yield None, Renderer(prompt).messages(names)
        except InputError:
            return
    caller = Caller(prompt)
    for case in cases:
        try:
            yield case, caller.render(case.inputs, case.history)
        except InputError:
            continue


RULES: tuple[type[Rule], ...] = (TokenBudget, ContextExceeded, CacheOrder)
