"""ON2xx: the values that cases, defaults and examples give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
from onbook.rules.taken import Taken, taken
from onbook.rules.texts import broken

Json = Mapping[str, object]


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

    def check(self, source: Source) -> Iterable[Hit]:
        """Binds each case as a caller would, and renders it where the templates are sound."""
        if source.prompt is None or not source.cases:
            return ()
        known = taken(source)
        if known is not None and all(map(known.has, [case.inputs for case in source.cases])):
            return ()
        return self._refused(source, source.prompt, known)

    @staticmethod
    def _refused(source: Source, prompt: Prompt, known: Taken | None) -> Iterator[Hit]:
        # Examples have a rule of their own, and would be told here once for every case.
        prompt = replace(prompt, examples=()) if prompt.examples else prompt
        caller, renderer = Caller(prompt), None if broken(source) else Renderer(prompt)
        consequences = Consequences(source)
        for case in source.cases:
            if case.chain or source.suite.chain:
                continue  # its inputs are the chain's: running it holds them against each step
            if known is not None and known.has(case.inputs):
                continue
            try:
                bound = caller.bind(case.inputs)
                if renderer is not None:
                    renderer.check(bound)
            except InputError as error:
                told, hint = consequences.advice(error)
                if told:
                    yield Hit(f"case {case.id!r}: {error.message}", case.path, case.line, hint=hint)


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

    def check(self, source: Source) -> Iterable[Hit]:
        """Holds each default against the whole contract, so that references are followed."""
        prompt = source.prompt
        if prompt is None or prompt.inputs is None:
            return ()
        given = {name: schema for name, schema in prompt.input_properties.items() if "default" in schema}
        return self._refused(source, prompt.inputs, given) if given else ()

    @staticmethod
    def _refused(source: Source, inputs: Json, given: Mapping[str, Json]) -> Iterator[Hit]:
        contract = Contract(inputs)
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

    def check(self, source: Source) -> Iterable[Hit]:
        """A required input that only other messages use may be left out of an example."""
        prompt = source.prompt
        if prompt is None or not prompt.examples:
            return ()
        known = taken(source)
        shows = "user" in [item.role for item in prompt.messages if isinstance(item, Message)]
        if known is not None and shows and all(map(known.has, [example.inputs for example in prompt.examples])):
            return ()
        return self._refused(source, prompt)

    @staticmethod
    def _refused(source: Source, prompt: Prompt) -> Iterator[Hit]:
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
    for file in source.files:
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
