"""ON2xx: the values that cases, defaults and examples give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from onbook.call import Caller, closed
from onbook.contract import Contract
from onbook.errors import InputError
from onbook.formats import Pointer, read_rows
from onbook.project import Source
from onbook.prompt import Message, Prompt
from onbook.render import Renderer
from onbook.rules.base import Hit, Rule, hit_at
from onbook.rules.declared import Consequences, Declared
from onbook.rules.texts import broken, joined, texts


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

    A variable that is not declared (ON203) lets every case fail: that is told of the first of them alone.

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
        prompt = replace(source.prompt, examples=()) if source.prompt.examples else source.prompt
        caller, renderer = Caller(prompt), None if broken(source) else Renderer(prompt)
        consequences = Consequences(source)
        alike = _Alike(source)
        for case in source.cases:
            if case.chain or source.suite.chain:
                continue  # its inputs are the chain's: running it holds them against each step
            shape = alike.shape(case.inputs)
            if shape in alike.passed:
                continue
            try:
                bound = caller.bind(case.inputs)
                if renderer is not None and renderer.most(bound) is None:
                    renderer.check(bound)
                elif shape is not None:
                    alike.passed.add(shape)
            except InputError as error:
                told, hint = consequences.advice(error)
                if told:
                    yield Hit(f"case {case.id!r}: {error.message}", case.path, case.line, hint=hint)


class _Alike:
    """Which cases pass because another one did: most gold sets are one shape with many texts.

    Where the contract asks nothing of an input but that it is a text, or a list of texts, it accepts one as it accepts
    another; and the proof that a template can be rendered (``Renderer.most``) follows every branch and asks only which
    names have a value, and of which kind it is. Texts and lists are short here, so that no bound is near.

    Attributes:
        passed: the shapes of cases of which that is proved.
    """

    def __init__(self, source: Source) -> None:
        self.passed: set[object] = set()
        self._texts, self._lists = set[str](), set[str]()
        prompt = source.prompt
        contract = prompt.inputs if prompt else None
        if len(source.cases) < _FEW or type(contract) is not dict or not contract.keys() <= _OF_NAMES:
            return
        sent = joined(source)
        again = 2 ** sum(len(text.template.includes) for text in texts(source)) * _ITEMS ** sent.count("endfor")
        if again * (len(sent) + _SHORT * _ITEMS * sent.count("{{")) > _FAR:
            return
        for name, schema in prompt.input_properties.items() if prompt else ():
            if _is_any(schema, "string"):
                self._texts.add(name)
            elif _is_any(schema, "array") and _is_any(schema["items"], "string"):
                self._lists.add(name)

    def shape(self, inputs: Mapping[str, object]) -> object:
        """Equal for inputs that have the same names with the same values, or any texts where one is like another.

        None where nobody knows.
        """
        if not (self._texts or self._lists):
            return None
        kinds = [self._kind(name, value) for name, value in inputs.items()]
        return None if None in kinds else tuple(kinds)

    def _kind(self, name: str, value: object) -> object:
        if name in self._texts and _is_short(value):
            return name
        if name in self._lists and type(value) is list and 0 < len(value) <= _ITEMS and all(map(_is_short, value)):
            return name, list
        shown = repr(value)
        return (name, shown) if len(shown) <= 3 * _ITEMS else None  # such a list has fewer items


# With fewer cases, asking which of them are alike costs more than it spares.
_FEW = 3
_SHORT, _ITEMS = 500, 10
# Characters, of the millions that a rendering may write.
_FAR = 1_000_000
_OF_NAMES = frozenset({"type", "properties", "required", "additionalProperties", "$defs", "title", "description"})
_SAYS_NOTHING = frozenset({"title", "description", "deprecated", "examples", "default", "$comment"})


def _is_short(value: object) -> bool:
    return type(value) is str and len(value) <= _SHORT and value.isascii()


def _is_any(schema: object, kind: str) -> bool:
    """Whether a schema accepts every text of up to _SHORT characters, or every list of what its items accept."""
    if type(schema) is not dict or schema.get("type") != kind or ("items" in schema) != (kind == "array"):
        return False
    for key, part in schema.items():
        if key == "maxLength":
            if type(part) is not int or part < _SHORT:
                return False
        elif key not in ("type", "items") and key not in _SAYS_NOTHING and not key.startswith("x-"):
            return False
    return True


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
        given = {name: schema for name, schema in prompt.input_properties.items() if "default" in schema}
        if not given:
            return
        contract = Contract(prompt.inputs)
        for name, schema in given.items():
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

    A variable that is not declared (ON203) lets every example fail: that is told of the first of them alone.

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
        declared = Declared.of(prompt.inputs or {})
        sound = not broken(source)
        consequences = Consequences(source)
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
                    shown.check(example.inputs)
            except InputError as error:
                new, hint = consequences.advice(error)
                if not new:
                    continue
                message = f"example {number + 1} cannot be rendered: {error.message}"
                yield in_example(source, number, ("inputs",), message, hint=hint)


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


RULES: tuple[type[Rule], ...] = (CaseInputs, DefaultRejected, ExampleInputs)
