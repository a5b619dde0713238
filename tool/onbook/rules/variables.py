"""ON2xx: the variables that templates use, and the inputs that are declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from onbook.project import Source
from onbook.project.shapes import only_near
from onbook.report import Severity
from onbook.rules.base import Edit, Hit, Rule, hit_at
from onbook.rules.declared import Declared, undeclared
from onbook.rules.texts import broken, reached, used


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

    def check(self, source: Source) -> Iterable[Hit]:
        """Every use, where it stands; a partial is seen from each prompt that includes it."""
        return self._told(source) if undeclared(source) else ()

    @staticmethod
    def _told(source: Source) -> Iterator[Hit]:
        for text, use, hint in undeclared(source):
            message = f"variable {use.name!r} is not declared in the inputs of {source.id}"
            yield text.hit(use.line, use.column, message, hint=hint)

    def fixes(self, source: Source) -> Iterator[Edit]:
        """A name that is nearly that of one input alone, which nothing else uses. Only in the prompt's own messages."""
        prompt = source.prompt
        if prompt is None or prompt.inputs is None or broken(source):
            return
        declared = Declared.of(prompt.inputs)
        names = used(source)
        unknown = {name for name in names if name not in declared.names}
        for text, scope in reached(source) if not declared.open else ():
            for use in text.template.variables if text.role else ():
                near = only_near(use.name, declared.names)
                # Two misspelt names may be two spellings of one: then nobody knows which input each was.
                if use.name not in unknown or use.name in scope or near is None or near in names:
                    continue
                if sum(only_near(name, declared.names) == near for name in unknown) == 1:
                    hit = text.hit(use.line, use.column, "")
                    yield Edit(hit.path, hit.line or 1, hit.column or 1, use.name, near, self.id)


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

    def check(self, source: Source) -> Iterable[Hit]:
        """Only where every text could be read: a broken one might use anything."""
        prompt = source.prompt
        if prompt is None or broken(source) or used(source).issuperset(prompt.input_properties):
            return ()
        return self._told(source, prompt.input_properties)

    @staticmethod
    def _told(source: Source, declared: Mapping[str, Mapping[str, object]]) -> Iterator[Hit]:
        names = used(source)
        for name, schema in declared.items():
            if name not in names and schema.get("deprecated") is not True:
                message = f"input {name!r} is not used in any message"
                hint = f"write {{{{{name}}}}} where it belongs, or delete the input"
                yield hit_at(source, ("inputs", "properties", name), message, key=True, hint=hint)


RULES: tuple[type[Rule], ...] = (UndeclaredVariable, UnusedInput)
