"""ON2xx: templates: their syntax, the language that they may use, and what they include."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from onbook.project import Source
from onbook.render import TemplateProblem
from onbook.report import Severity
from onbook.rules.base import Edit, Hit, Rule
from onbook.rules.texts import LITERAL, Text, messages, unsound


class _TemplateRule(Rule):
    """Reports problems of templates, at their place in the message or the partial."""

    def check(self, source: Source) -> Iterable[Hit]:
        """The problems of these codes, of readers and of templates."""
        if not (source.problems or source.tests.problems or unsound(source)):
            return ()
        return self._told(source)

    def _told(self, source: Source) -> Iterator[Hit]:
        yield from super().check(source)
        for text in unsound(source):
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
        literal = template_format == "simple" and problem.code in LITERAL
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

    def fixes(self, source: Source) -> Iterator[Edit]:
        """Spaces around the name of a declared input."""
        names = set(source.prompt.input_properties) if source.prompt else set[str]()
        for text in messages(source) if names else ():
            for problem in text.template.problems:
                if problem.code == "spaced-placeholder" and (fix := _literal_fix(text, problem, names)):
                    hit = text.hit(problem.line, problem.column, "")
                    yield Edit(hit.path, hit.line or 1, hit.column or 1, *fix, self.id)


def _literal_fix(text: Text, problem: TemplateProblem, names: set[str]) -> tuple[str, str] | None:
    """``{{ name }}`` of the simple format, where the name is an input's: what stands there, and what should."""
    line = text.text.split("\n")[problem.line - 1]
    found = re.match(r"\{\{[ \t]+(\S+?)[ \t]*\}\}|\{\{(\S+?)[ \t]+\}\}", line[problem.column - 1 :])
    name = (found[1] or found[2]) if found else None
    return (found[0], f"{{{{{name}}}}}") if found and name in names else None


RULES: tuple[type[Rule], ...] = (TemplateSyntax, ConstructNotAllowed, MissingPartial, LiteralPlaceholder)
