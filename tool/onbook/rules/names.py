"""ON2xx: how inputs are declared and named, and placeholders of other tools."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from onbook.formats import Pointer
from onbook.nearest import nearest
from onbook.patterns import later
from onbook.project import Source
from onbook.project.shapes import only_near
from onbook.prompt import Prompt
from onbook.render.scan import RESERVED
from onbook.report import Severity
from onbook.rules.base import Edit, Hit, Rule, edit_at, hit_at
from onbook.rules.declared import KEYWORDS, misplaced
from onbook.rules.texts import Text, blank_code, braced, broken, joined, messages, reached, texts, used


class MisplacedInput(Rule):
    """Under ``inputs`` stands a key that is no keyword of JSON Schema: most often a variable outside of ``properties``.

    **Why it matters**

    ``inputs`` is a JSON Schema, and JSON Schema passes over keys that it does not know. The variable is not declared,
    its type is not checked, and nothing says so.

    **Bad**

    ```yaml
    inputs:
      ticket: {type: string}
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **Good**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: string}
      required: [ticket]
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **When to waive**

    For a keyword of your own that another tool reads; one that begins with ``x-`` needs no waiver.
    """

    id = "ON210"
    slug = "misplaced-input"

    def check(self, source: Source) -> Iterable[Hit]:
        """The keys of ``inputs`` itself; in a variable's schema, only what is nearly a keyword."""
        data = source.document.data if source.document else None
        inputs = data.get("inputs") if isinstance(data, dict) else None
        if not isinstance(inputs, dict):
            return ()
        properties = inputs.get("properties")
        parts = properties.values() if isinstance(properties, dict) else ()
        others = set(inputs).union(*[schema for schema in parts if type(schema) is dict]) - KEYWORDS
        return self._told(source, inputs) if any(map(_is_no_extension, others)) else ()

    @staticmethod
    def _told(source: Source, inputs: Mapping[str, object]) -> Iterator[Hit]:
        for name in misplaced(inputs):
            near = nearest(name, KEYWORDS, 0.8)
            value = inputs[name]
            kind = value if isinstance(value, str) else value.get("type") if isinstance(value, Mapping) else None
            hint = f"declare it: inputs: {{type: object, properties: {{{name}: {{type: {kind or 'string'}}}}}}}"
            message = f"{name!r} is no keyword of JSON Schema, so it declares nothing"
            hint = f"did you mean {near!r}?" if near else hint
            yield hit_at(source, ("inputs", name), message, key=True, hint=hint)
        properties = inputs.get("properties")
        for name, schema in properties.items() if isinstance(properties, dict) else ():
            for key in schema if type(schema) is dict and not KEYWORDS.issuperset(schema) else ():
                if key in KEYWORDS or not _is_no_extension(key):
                    continue
                if near := nearest(key, KEYWORDS, 0.8):
                    message = f"{key!r} is no keyword of JSON Schema, so it says nothing of input {name!r}"
                    at = ("inputs", "properties", name, key)
                    yield hit_at(source, at, message, key=True, hint=f"did you mean {near!r}?")

    def fixes(self, source: Source) -> Iterator[Edit]:
        """A misspelt keyword that can only be one other."""
        data = source.document.data if source.document else None
        inputs = data.get("inputs") if isinstance(data, Mapping) else None
        if not isinstance(inputs, Mapping):
            return
        properties = inputs.get("properties")
        named = properties.items() if isinstance(properties, Mapping) else ()
        places: list[tuple[Pointer, Mapping[str, object]]] = [(("inputs",), inputs)]
        places += [(("inputs", "properties", name), schema) for name, schema in named if isinstance(schema, Mapping)]
        for at, schema in places:
            for key in misplaced(schema):
                if (right := only_near(key, KEYWORDS)) and right not in schema:
                    yield edit_at(source, self.id, (*at, key), key, right)


class MixedPlaceholders(Rule):
    """A placeholder of another syntax, ``{ticket}``, ``${ticket}``, ``%(ticket)s`` or ``<ticket>``, for an input.

    **Why it matters**

    Only ``{{ticket}}`` is replaced. The other is sent to the model as it stands, and the value never arrives.

    **Bad**

    ```yaml
    inputs:
      type: object
      properties:
        name: {type: string}
        ticket: {type: string}
    messages:
      - role: user
        content: "{name} writes: {{ticket}}"
    ```

    **Good**

    ```yaml
    inputs:
      type: object
      properties:
        name: {type: string}
        ticket: {type: string}
    messages:
      - role: user
        content: "{{name}} writes: {{ticket}}"
    ```

    **When to waive**

    In a prompt about format strings, whose own inputs are called as the strings' fields are.
    """

    id = "ON211"
    slug = "mixed-placeholders"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """Names of inputs alone, outside of code. ``<name>`` and ``%s`` only where the input is used nowhere else."""
        prompt = source.prompt
        if prompt is None:
            return ()
        declared = set(prompt.input_properties)
        if prompt.test_data:
            declared.update(str(key) for row in prompt.test_data for key in row)
        declared.discard("expected")
        missing = declared - used(source) if not broken(source) else set()
        if not missing and not (_may_have_brace(braced(source)) or _may_have_percent(joined(source))):
            return ()
        return self._told(source, declared, missing)

    def _told(self, source: Source, declared: set[str], missing: set[str]) -> Iterator[Hit]:
        everything = joined(source) if missing else ""
        alone = frozenset(name for name in missing if len(re.findall(rf"</?{re.escape(name)}>", everything)) == 1)
        one = missing if len(missing) == len(_PERCENT.findall(everything)) == 1 else set[str]()
        for text in texts(source) if alone or _may_have_other(joined(source)) else ():
            if alone or _may_have_other(text.text):
                yield from self._in(text, declared | used(source), alone, next(iter(one), None))

    def fixes(self, source: Source) -> Iterator[Edit]:
        """Where the input is declared and used nowhere else: the name can stand for nothing but it."""
        prompt = source.prompt
        if prompt is None or broken(source):
            return
        written = {use.name for text, _ in reached(source) for use in text.template.variables}
        missing = {name for name in prompt.input_properties if name not in written}
        for text in messages(source):
            for match in _OTHER.finditer(blank_code(text.text)):
                name = match["name"] or match["percent"]
                if name in missing:
                    new = f"{{{{{name}}}}}" if text.template_format == "simple" else f"{{{{ {name} }}}}"
                    yield text.edit(self.id, match.start(), match[0], new)

    @staticmethod
    def _in(text: Text, known: set[str], alone: frozenset[str], only: str | None) -> Iterator[Hit]:
        for match in _OTHER.finditer(blank_code(text.text)):
            name = match["name"] or match["percent"]
            if name not in known:
                name = match["angle"] if match["angle"] in alone else None
            if match[0] == "%s":
                name = only
            if name is None:
                continue
            right = f"{{{{{name}}}}}" if text.template_format == "simple" else f"{{{{ {name} }}}}"
            message = f"{match[0]!r} is literal text: it is not replaced by the input {name!r}"
            yield text.hit_at(match.start(), message, hint=f"write {right}")


class PartialOnlyVariable(Rule):
    """A variable that stands in a partial alone, in a prompt that declares no inputs.

    **Why it matters**

    Whoever reads the prompt's file does not see that it takes this value, and nothing declares it: every call fails
    until somebody reads the partial.

    **Bad**

    ```yaml
    # file: prompts/a.prompt.yml
    templateFormat: jinja2
    messages:
      - role: user
        content: |
          {% include "_shared/tone.md" %}
          {{ ticket }}
    # file: prompts/_shared/tone.md
    Write in {{ language }}.
    ```

    **Good**

    ```yaml
    # file: prompts/a.prompt.yml
    templateFormat: jinja2
    inputs:
      type: object
      properties:
        ticket: {type: string}
        language: {type: string}
    messages:
      - role: user
        content: |
          {% include "_shared/tone.md" %}
          {{ ticket }}
    # file: prompts/_shared/tone.md
    Write in {{ language }}.
    ```

    **When to waive**

    While a repository moves its prompts here and declares inputs one by one.
    """

    id = "ON212"
    slug = "partial-only-variable"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """Where inputs are declared, ON203 looks into the partials too."""
        if source.prompt is None or source.prompt.inputs is not None or not source.prompt.partials:
            return ()
        return self._told(source)

    @staticmethod
    def _told(source: Source) -> Iterator[Hit]:
        shown = {use.name for text in messages(source) for use in text.template.variables}
        told: set[str] = set()
        for text, scope in reached(source):
            for use in text.template.variables if text.role is None else ():
                if use.name not in shown | scope | told:
                    told.add(use.name)
                    message = f"variable {use.name!r} of this partial is neither used nor declared in {source.path}"
                    hint = f"declare the inputs of {source.id}, {use.name} among them"
                    yield text.hit(use.line, use.column, message, hint=hint)


class BadInputName(Rule):
    """An input whose name the template format cannot write.

    **Why it matters**

    jinja2 reads ``{{ my-var }}`` as ``my`` minus ``var``, and ``loop`` or ``not`` mean something else to it; in the
    simple format a name has no white space and no braces. No template can ever use such an input.

    **Bad**

    ```yaml
    templateFormat: jinja2
    inputs:
      type: object
      properties:
        user-name: {type: string}
    messages:
      - role: user
        content: Say hello.
    ```

    **Good**

    ```yaml
    templateFormat: jinja2
    inputs:
      type: object
      properties:
        user_name: {type: string}
    messages:
      - role: user
        content: Say hello to {{ user_name }}.
    ```

    **When to waive**

    Never: rename it, with the old name among its ``x-aliases`` if callers send it.
    """

    id = "ON213"
    slug = "bad-input-name"

    def check(self, source: Source) -> Iterable[Hit]:
        """By the rules of the prompt's own template format."""
        prompt = source.prompt
        if prompt is None or _are_writable(prompt.input_properties, prompt.template_format):
            return ()
        return self._told(source, prompt)

    @staticmethod
    def _told(source: Source, prompt: Prompt) -> Iterator[Hit]:
        for name in prompt.input_properties:
            if wrong := _unwritable(name, prompt):
                better = re.sub(r"\W+", "_", name).strip("_")
                hint = f"rename it, as in {better}" if _NAME.fullmatch(better) else "rename it: letters, digits and _"
                pointer = ("inputs", "properties", name)
                yield hit_at(source, pointer, f"input {name!r} cannot be used: {wrong}", key=True, hint=hint)


def _are_writable(names: Iterable[str], template_format: str) -> bool:
    """Whether all are plainly names: the identifiers of Python are, in jinja2 those of ASCII. False proves nothing."""
    if not all(map(str.isidentifier, names)):
        return False
    return template_format == "simple" or ("".join(names).isascii() and RESERVED.isdisjoint(names))


def _is_no_extension(key: str) -> bool:
    return not key.startswith(("x-", "$"))


def _unwritable(name: str, prompt: Prompt) -> str | None:
    if prompt.template_format == "simple":
        return None if _SIMPLE_NAME.fullmatch(name) else "a name has no white space and no braces"
    if name in RESERVED:
        return "the name has a meaning of its own in jinja2"
    return None if _NAME.fullmatch(name) else "it is no name in jinja2, which takes letters, digits and _"


def _may_have_other(text: str) -> bool:
    """Whether anything but ``<name>`` can be there: asking what stands before each character costs far more.

    A brace that is one of two, or begins a tag, begins no ``{name}``, in code or out of it.
    """
    return _may_have_brace(text) or _may_have_percent(text)


def _may_have_brace(text: str) -> bool:
    return _BRACE.search(text) is not None


def _may_have_percent(text: str) -> bool:
    at = text.find("%")
    return at >= 0 and _PERCENTS.search(text, at) is not None


_SIMPLE_NAME = later(r"[^\s{}]+")
_NAME = later(r"[A-Za-z_][A-Za-z0-9_]*")
# Each begins with one character, which ``re`` finds quickly.
_BRACE = later(r"\{(?<!\{\{)(?![{%])")
_PERCENTS = later(r"%[s(]")
_PERCENT = later(r"(?<![\w%])%s(?!\w)")
_OTHER = later(
    r"(?<![{$\\])\$?\{(?!\{)\s?(?P<name>[A-Za-z_]\w*)\s?\}(?!\})"
    r"|%\((?P<percent>[A-Za-z_]\w*)\)s"
    r"|(?<![\w<])<(?P<angle>[A-Za-z_]\w*)>"
    r"|(?<![\w%])%s(?!\w)"
)

RULES: tuple[type[Rule], ...] = (MisplacedInput, MixedPlaceholders, PartialOnlyVariable, BadInputName)
