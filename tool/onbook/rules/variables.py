"""ON2xx: templates, the variables that they use, and the values that cases and examples give."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from onbook.call import Caller, closed
from onbook.contract import Contract
from onbook.errors import InputError
from onbook.formats import Pointer, read_rows
from onbook.project import Source
from onbook.prompt import Message, Prompt
from onbook.render import Renderer, TemplateProblem
from onbook.report import Severity
from onbook.rules.base import Hit, Rule, hit_at
from onbook.rules.texts import reached, texts

Json = Mapping[str, object]

# Of the simple format, where everything but a variable is literal: told, and rendered all the same.
_LITERAL = frozenset({"spaced-placeholder", "jinja-in-simple", "unclosed-variable"})


class _TemplateRule(Rule):
    """Reports problems of templates, at their place in the message or the partial."""

    def check(self, source: Source) -> Iterator[Hit]:
        """The problems of these codes, of readers and of templates."""
        yield from super().check(source)
        for text in texts(source):
            for problem in text.template.problems:
                if problem.code in self.codes:
                    yield text.hit(
                        problem.line,
                        problem.column,
                        problem.message,
                        hint=problem.hint,
                        severity=self.weight(problem, text.template_format),
                    )

    def weight(self, problem: TemplateProblem, template_format: str) -> Severity | None:
        """The severity of one problem, or None for the rule's."""
        return None


class TemplateSyntax(_TemplateRule):
    """A template that cannot be read: a tag that is never closed, an unknown tag, an expression that makes no sense.

    **Why it matters**

    The prompt cannot be rendered at all. In the simple format, where everything but ``{{name}}`` is literal text, an
    opening ``{{`` that is never closed is sent to the model as it stands: most often a typing error, so it is a
    warning there.

    **Bad**

    ```yaml
    templateFormat: jinja2
    messages:
      - role: user
        content: |
          {% if plan %}Plan: {{ plan }}
          {{ ticket }}
    ```

    **Good**

    ```yaml
    templateFormat: jinja2
    messages:
      - role: user
        content: |
          {% if plan %}Plan: {{ plan }}{% endif %}
          {{ ticket }}
    ```

    **When to waive**

    In the simple format, where the text has to show two opening braces.
    """

    id = "ON201"
    slug = "template-syntax"
    codes = frozenset(
        {"template-syntax", "unclosed-variable", "unclosed-block", "template-too-complex", "template-too-large"}
    )

    def weight(self, problem: TemplateProblem, template_format: str) -> Severity | None:
        """What the simple format renders literally weighs less."""
        literal = template_format == "simple" and problem.code in _LITERAL
        return Severity.WARNING if literal else None


class ConstructNotAllowed(_TemplateRule):
    """A construct of Jinja that prompts may not use: calls, arithmetic, macros, assignments, dynamic includes.

    **Why it matters**

    A template that computes can fail, run for ever, or hide what the model is sent; and what a change means could no
    longer be told without running it. Code computes, and templates place values.

    **Bad**

    ```yaml
    templateFormat: jinja2
    messages:
      - role: user
        content: |
          {% set name = customer.name.title() %}
          Write to {{ name }}.
    ```

    **Good**

    ```yaml
    templateFormat: jinja2
    messages:
      - role: user
        content: |
          Write to {{ customer.name }}.
    ```

    **When to waive**

    Never: such a template is not rendered.
    """

    id = "ON202"
    slug = "construct-not-allowed"
    codes = frozenset({"construct-not-allowed", "dynamic-include"})


class UndeclaredVariable(Rule):
    """A variable is used in a message or in a partial, and ``inputs`` does not declare it.

    **Why it matters**

    ``inputs`` is the contract with the callers: a value that it does not have is refused, so the variable can never
    be filled. Most often one of the two names is misspelt.

    **Bad**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: string}
    messages:
      - role: user
        content: "{{tiket}}"
    ```

    **Good**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: string}
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **When to waive**

    Never: declare the variable. Where inputs of any name are wanted, say ``additionalProperties: true``.
    """

    id = "ON203"
    slug = "undeclared-variable"

    def check(self, source: Source) -> Iterator[Hit]:
        """Every use, where it stands; a partial is seen from each prompt that includes it."""
        if source.prompt is None or source.prompt.inputs is None:
            return
        declared = _Declared.of(source.prompt.inputs)
        if declared.open:
            return
        told: set[tuple[str, int, int]] = set()
        for text, scope in reached(source):
            for use in text.template.variables:
                place = (text.path if text.role is None else str(text.pointer), use.line, use.column)
                if use.name in declared.names or use.name in scope or place in told:
                    continue
                told.add(place)
                message = f"variable {use.name!r} is not declared in the inputs of {source.id}"
                yield text.hit(use.line, use.column, message, hint=declared.hint(use.name))


class UnusedInput(Rule):
    """An input is declared and no message or partial uses it.

    **Why it matters**

    Callers give a value that changes nothing, and believe that it does. Most often the variable was lost in an edit, or
    the name in the text is literal because of a typing error.

    **Bad**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: string}
        plan: {type: string}
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
        plan: {type: string}
    messages:
      - role: user
        content: "A customer on the plan {{plan}} writes: {{ticket}}"
    ```

    **When to waive**

    Mark an input that is kept for its callers alone ``deprecated: true``: it is then passed over. Waive an input that
    the next version will use.
    """

    id = "ON204"
    slug = "unused-input"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterator[Hit]:
        """Only where every text could be read: a broken one might use anything."""
        if source.prompt is None or _broken(source):
            return
        used = {use.name for text, scope in reached(source) for use in text.template.variables if use.name not in scope}
        for name, schema in source.prompt.input_properties.items():
            if name not in used and schema.get("deprecated") is not True:
                message = f"input {name!r} is not used in any message"
                hint = f"write {{{{{name}}}}} where it belongs, or delete the input"
                yield hit_at(source, ("inputs", "properties", name), message, key=True, hint=hint)


class MissingPartial(_TemplateRule):
    """An include that leads nowhere, out of the prompts folder, or in a circle.

    **Why it matters**

    The prompt cannot be rendered. Partials stand below the prompts folder, so that a release can carry them, and are
    written as one literal path from that folder.

    **Bad**

    ```yaml
    # file: prompts/a.prompt.yml
    templateFormat: jinja2
    messages:
      - role: user
        content: |
          {% include "_shared/tone.txt" %}
    # file: prompts/_shared/tone.md
    Be brief.
    ```

    **Good**

    ```yaml
    # file: prompts/a.prompt.yml
    templateFormat: jinja2
    messages:
      - role: user
        content: |
          {% include "_shared/tone.md" %}
    # file: prompts/_shared/tone.md
    Be brief.
    ```

    **When to waive**

    Never: such a prompt is not rendered.
    """

    id = "ON205"
    slug = "missing-partial"
    codes = frozenset({"missing-partial", "partial-outside", "include-cycle", "include-path"})


class LiteralPlaceholder(_TemplateRule):
    """In the simple format, something that looks like a variable or a tag and is literal text.

    **Why it matters**

    The simple format, which is the default, replaces ``{{name}}`` and nothing else. ``{{ name }}`` with spaces and
    ``{% if %}`` are sent to the model as they stand.

    **Bad**

    ```yaml
    messages:
      - role: user
        content: "{{ ticket }}"
    ```

    **Good**

    ```yaml
    messages:
      - role: user
        content: "{{ticket}}"
    ```

    **When to waive**

    In a prompt that writes about templates and means the braces.
    """

    id = "ON206"
    slug = "literal-placeholder"
    severity = Severity.WARNING
    codes = frozenset({"spaced-placeholder", "jinja-in-simple"})


class CaseInputs(Rule):
    """A case gives inputs that the prompt does not accept, or with which it cannot be rendered.

    **Why it matters**

    Such a case can be neither recorded nor replayed. Either the case is out of date, or the contract is narrower than
    it was meant to be.

    **Bad**

    ```yaml
    # file: prompts/a.prompt.yml
    inputs:
      type: object
      properties:
        ticket: {type: string}
      required: [ticket]
    messages:
      - role: user
        content: "{{ticket}}"
    # file: prompts/a.cases.yml
    - {id: refund, inputs: {text: Where is my money?}}
    ```

    **Good**

    ```yaml
    # file: prompts/a.prompt.yml
    inputs:
      type: object
      properties:
        ticket: {type: string}
      required: [ticket]
    messages:
      - role: user
        content: "{{ticket}}"
    # file: prompts/a.cases.yml
    - {id: refund, inputs: {ticket: Where is my money?}}
    ```

    **When to waive**

    Never: correct the case or the contract.
    """

    id = "ON207"
    slug = "case-inputs"

    def check(self, source: Source) -> Iterator[Hit]:
        """Binds each case as a caller would, and renders it where the templates are sound."""
        if source.prompt is None or not source.cases:
            return
        # Examples have a rule of their own, and would be told here once for every case.
        caller = Caller(replace(source.prompt, examples=()))
        attempt = caller.bind if _broken(source) else caller.render
        for case in source.cases:
            try:
                attempt(case.inputs)
            except InputError as error:
                yield Hit(f"case {case.id!r}: {error.message}", case.path, case.line, hint=error.hint)


class DefaultRejected(Rule):
    """An input's default is a value that its own schema refuses.

    **Why it matters**

    A caller who leaves the input out sends what no caller may send: the template gets a value of a kind that it was not
    written for, and every test that gives the input passes.

    **Bad**

    ```yaml
    inputs:
      type: object
      properties:
        plan: {enum: [free, team], default: none}
    messages:
      - role: user
        content: "{{plan}}"
    ```

    **Good**

    ```yaml
    inputs:
      type: object
      properties:
        plan: {enum: [free, team], default: free}
    messages:
      - role: user
        content: "{{plan}}"
    ```

    **When to waive**

    Never: widen the schema or change the default.
    """

    id = "ON208"
    slug = "default-rejected"

    def check(self, source: Source) -> Iterator[Hit]:
        """Holds each default against the whole contract, so that references are followed."""
        prompt = source.prompt
        if prompt is None or prompt.inputs is None:
            return
        contract = Contract(prompt.inputs)
        for name, schema in prompt.input_properties.items():
            if "default" not in schema:
                continue
            for violation in contract.violations({name: schema["default"]}):
                if violation.pointer[:1] == (name,):
                    pointer = ("inputs", "properties", name, "default", *violation.pointer[1:])
                    yield hit_at(source, pointer, f"the default of input {name!r} is refused: {violation.message}")


class ExampleInputs(Rule):
    """A few-shot example gives inputs that the contract refuses, or with which its message cannot be rendered.

    **Why it matters**

    Examples are rendered with the template of the last user message. Where that fails the prompt cannot be rendered at
    all; where the value is of the wrong kind the model is shown an example that no call looks like.

    **Bad**

    ```yaml
    inputs:
      type: object
      properties:
        ticket: {type: string}
      required: [ticket]
    messages:
      - role: user
        content: "{{ticket}}"
    examples:
      - inputs: {text: Where is my money?}
        output: billing
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
    examples:
      - inputs: {ticket: Where is my money?}
        output: billing
    ```

    **When to waive**

    Never: correct the example or the contract.
    """

    id = "ON209"
    slug = "example-inputs"

    def check(self, source: Source) -> Iterator[Hit]:
        """A required input that only other messages use may be left out of an example."""
        prompt = source.prompt
        if prompt is None or not prompt.examples:
            return
        shown = _shown_with(prompt)
        if shown is None:
            message = "the prompt has examples and no user message to show them with"
            yield hit_at(source, ("examples",), message, hint="add a user message, or delete the examples")
            return
        contract = Contract(closed(prompt.inputs)) if prompt.inputs is not None else None
        declared = _Declared.of(prompt.inputs or {})
        sound = not _broken(source)
        for number, example in enumerate(prompt.examples):
            told = False
            for violation in contract.violations(example.inputs) if contract else ():
                if violation.pointer or violation.keyword == "additionalProperties":
                    told = True
                    where = "/".join(map(str, violation.pointer))
                    message = f"{where}: {violation.message}" if where else f"input {violation.message}"
                    hint = declared.hint(violation.names[0]) if violation.names and not where else None
                    pointer = ("inputs", *(violation.pointer or violation.names[:1]))
                    yield in_example(source, number, pointer, f"example {number + 1}: {message}", hint=hint)
            try:
                if sound and not told:
                    shown.messages(example.inputs)
            except InputError as error:
                message = f"example {number + 1} cannot be rendered: {error.message}"
                yield in_example(source, number, ("inputs",), message, hint=error.hint)


def in_example(source: Source, number: int, pointer: Pointer, message: str, *, hint: str | None = None) -> Hit:
    """A place of one example: in the prompt's file, or the row of the file that ``examples`` names."""
    data = source.document.data if source.document else None
    declared = data.get("examples") if isinstance(data, Mapping) else None
    if not isinstance(declared, str):
        return hit_at(source, ("examples", number, *pointer), message, hint=hint)
    for file in source.closure:
        # The closure has the path as it was resolved; no other file of it is read as rows.
        if file.path.endswith(".jsonl"):
            rows, _ = read_rows(source.snapshot.read(file.path), file.path)
            return Hit(message, file.path, rows[number].line if number < len(rows) else None, hint=hint)
    return hit_at(source, ("examples",), message, hint=hint)


def _shown_with(prompt: Prompt) -> Renderer | None:
    """Renders examples alone: the last user message, nothing around it."""
    users = [item for item in prompt.messages if isinstance(item, Message) and item.role == "user"]
    return Renderer(replace(prompt, messages=(users[-1],), examples=())) if users else None


def _broken(source: Source) -> bool:
    """Whether some text cannot be read or rendered, which other rules tell."""
    fatal = (
        problem
        for text in texts(source)
        for problem in text.template.problems
        if not (text.template_format == "simple" and problem.code in _LITERAL)
    )
    return bool(source.problems) or any(fatal)


@dataclass(slots=True)
class _Declared:
    """The names that a contract declares, wherever in the schema: beside ``$ref``, in ``allOf`` and its like.

    Attributes:
        names: to the older names that are accepted for each.
        open: whether it says that other names are accepted too, or could not be followed.
    """

    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    open: bool = False

    @staticmethod
    def of(inputs: Json) -> _Declared:
        found = _Declared()
        found._add(inputs, inputs, set())
        return found

    def _add(self, schema: object, root: Json, followed: set[str]) -> None:
        if not isinstance(schema, Mapping):
            return
        properties = schema.get("properties")
        for name, part in properties.items() if isinstance(properties, Mapping) else ():
            aliases = part.get("x-aliases") if isinstance(part, Mapping) else None
            self.names[name] = tuple(map(str, aliases)) if isinstance(aliases, list) else self.names.get(name, ())
        if any(schema.get(key, False) is not False for key in ("additionalProperties", "unevaluatedProperties")):
            self.open = True
        if schema.get("patternProperties"):
            self.open = True
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in followed:
            followed.add(reference)
            target = resolve(reference, root)
            self.open = self.open or target is None
            self._add(target, root, followed)
        for part in _parts(schema):
            self._add(part, root, followed)

    def hint(self, name: str) -> str:
        """What to do about a name that is not declared."""
        for current, aliases in self.names.items():
            if name in aliases:
                return f"{name!r} is an older name of {current!r}: write {current!r}"
        near = difflib.get_close_matches(name, self.names, n=1)
        if near:
            return f"did you mean {near[0]!r}?"
        return f"declare it under inputs/properties; declared are {', '.join(self.names) or 'none'}"


def _parts(schema: Json) -> Iterable[object]:
    for key in ("allOf", "anyOf", "oneOf"):
        part = schema.get(key)
        yield from part if isinstance(part, list) else ()
    for key in ("if", "then", "else"):
        yield schema.get(key)
    dependent = schema.get("dependentSchemas")
    yield from dependent.values() if isinstance(dependent, Mapping) else ()


def resolve(reference: str, root: Json) -> object:
    """What a local reference (``#/$defs/x``) stands for; None if it is of another kind or leads nowhere."""
    if not reference.startswith("#/"):
        return root if reference == "#" else None
    found: object = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


RULES: tuple[type[Rule], ...] = (
    TemplateSyntax,
    ConstructNotAllowed,
    UndeclaredVariable,
    UnusedInput,
    MissingPartial,
    LiteralPlaceholder,
    CaseInputs,
    DefaultRejected,
    ExampleInputs,
)
