"""Renderer: a prompt and a caller's inputs become messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from onbook.errors import InputError
from onbook.prompt import SUFFIXES, Message, Prompt, Slot
from onbook.render.proof import first_missing, most, most_of_simple
from onbook.render.template import Pieces, analyse, pieces
from onbook.render.types import TemplateProblem, Use
from onbook.render.values import RUN, RenderError, Run, as_text, plain

if TYPE_CHECKING:
    import jinja2

Values = Mapping[str, Any]

MAX_PROVED = 8
"""Messages of one prompt, which together stay far from what one rendering may write."""


class Renderer:
    """Renders one prompt, many times, from any thread. Each distinct template is compiled once, when first needed.

    Args:
        share: one rendering may do this part of the work that is allowed; for whoever renders hundreds of times.
    """

    def __init__(self, prompt: Prompt, *, share: int = 1) -> None:
        self._prompt = prompt
        self._share = share
        self._templates: dict[str, Pieces | jinja2.Template] = {}
        self._partials: dict[str, jinja2.Template] = {}

    def messages(
        self, inputs: Mapping[str, object], history: Sequence[Mapping[str, object]] = ()
    ) -> list[dict[str, str]]:
        """The messages, as ``[{"role": ..., "content": ...}]``.

        Args:
            inputs: JSON data that the caller has validated; defaults are filled in here, and an optional input
                that is declared without one is null.
            history: earlier user and assistant messages for the prompt's slot. They are data, never templates.

        Raises:
            InputError: a variable without a value, a value or a history that does not fit, or a template that
                cannot be rendered.
        """
        prompt = self._prompt
        earlier = self._history(history)
        run = Run(self._partial, self._share)
        token = RUN.set(run)
        try:
            last = _last_user(prompt)
            values = self._values(inputs, None)
            found: list[dict[str, str]] = []
            for index, item in enumerate(prompt.messages):
                if isinstance(item, Slot):
                    found += earlier
                    continue
                if index == last:
                    found += self._examples(item, index, run)
                found.append({"role": item.role, "content": self._content(item, index, values, run)})
            return found
        finally:
            RUN.reset(token)

    def check(self, inputs: Mapping[str, object]) -> None:
        """Whether ``messages`` could be had, at less cost than having them where that is plain.

        Raises:
            InputError: as ``messages`` does.
        """
        if self.most(inputs) is None:
            self._refuse(inputs)
            self.messages(inputs)

    def _refuse(self, inputs: Mapping[str, object]) -> None:
        """Raise what ``messages`` would raise of a variable without a value, where no template need be compiled."""
        prompt = self._prompt
        if prompt.template_format != "jinja2" or prompt.examples or len(prompt.messages) > MAX_PROVED:
            return
        values = self._values(inputs, None)
        for index, item in enumerate(prompt.messages):
            if isinstance(item, Slot) or most(item.content, values, prompt.partials) is not None:
                continue
            if (name := first_missing(item.content, values, prompt.partials)) is not None:
                fault = RenderError(f"variable {name!r} has no value", _UNDEFINED, name)
                raise self._error(fault, _where(index, item), item.content, [])
            return

    def most(self, inputs: Mapping[str, object], *, if_any: bool = False) -> int | None:
        """The characters of all messages at most, where it is plain that they can be had; None: nobody looked.

        Args:
            if_any: whether they can be had does not matter.

        Raises:
            InputError: as ``messages`` does, for an input that is no JSON data.
        """
        prompt = self._prompt
        texts = [item.content for item in prompt.messages if isinstance(item, Message)]
        if prompt.examples or len(texts) > MAX_PROVED:
            return None
        values, total = self._values(inputs, None), 0
        for text in texts:
            if prompt.template_format == "jinja2":
                found = most(text, values, prompt.partials, if_any=if_any)
            else:
                found = most_of_simple(text, values)
            if found is None:
                return None
            total += found
        return total

    def _values(self, given: Mapping[str, object], example: int | None) -> Values:
        required = (self._prompt.inputs or {}).get("required")
        values = dict(given)
        for name, schema in self._prompt.input_properties.items():
            if name not in values and "default" in schema:
                values[name] = schema["default"]
            elif name not in values and not (isinstance(required, list | tuple) and name in required):
                values[name] = None
        try:
            return {name: plain(value, name) for name, value in values.items()}
        except RenderError as fault:
            where = "" if example is None else f" in example {example + 1}"
            raise InputError(fault.message + where, place=self._prompt.path, hint=fault.hint) from fault

    def _examples(self, item: Message, index: int, run: Run) -> Iterator[dict[str, str]]:
        for number, example in enumerate(self._prompt.examples):
            values = self._values(example.inputs, number)
            yield {"role": "user", "content": self._content(item, index, values, run, f", example {number + 1}")}
            try:
                answer = run.write(as_text(example.output))
            except RenderError as fault:
                message = f"the output of example {number + 1}: {fault.message}"
                raise InputError(message, place=self._prompt.path, hint=fault.hint) from fault
            yield {"role": "assistant", "content": answer}

    def _content(self, item: Message, index: int, values: Values, run: Run, example: str = "") -> str:
        where = _where(index, item, example)
        try:
            template = self._template(item.content, where)
            if isinstance(template, tuple):
                return "".join(run.write(_piece(piece, values)) for piece in template)
            return _render(template, values, run)
        except RenderError as fault:
            raise self._error(fault, where, item.content, run.stack) from fault

    def _template(self, text: str, where: str) -> Pieces | jinja2.Template:
        if text not in self._templates:
            template_format = self._prompt.template_format
            found = analyse(text, template_format).problems
            if found and (template_format != "simple" or found[0].code == "template-too-large"):
                raise self._refused(found[0], where, self._prompt.path)
            split = pieces(text, template_format)
            self._templates[text] = _compile(text, None) if split is None else split
        return self._templates[text]

    def _partial(self, path: str) -> jinja2.Template:
        if path not in self._partials:
            text = self._prompt.partials.get(path)
            place = self._folder() + path
            if text is None:
                hint = (
                    "paths are relative to the prompts folder"
                    if self._prompt.partials
                    else "the prompt has no partials"
                )
                raise InputError(f"the partial {path!r} is missing", place=place, hint=hint)
            if problems := analyse(text, "jinja2").problems:
                raise self._refused(problems[0], "the partial", f"{place}:{problems[0].line}:{problems[0].column}")
            self._partials[path] = _compile(text, path)
        return self._partials[path]

    def _folder(self) -> str:
        """The prompts folder, with a slash: what stands before the id in the prompt's path."""
        for suffix in SUFFIXES:
            if self._prompt.path.endswith(self._prompt.id + suffix):
                return self._prompt.path.removesuffix(self._prompt.id + suffix)
        return ""

    def _refused(self, problem: TemplateProblem, what: str, place: str) -> InputError:
        at = (
            "" if place.endswith(f":{problem.column}") else f", line {problem.line} column {problem.column} of its text"
        )
        return InputError(f"{what} is not a valid template: {problem.message}{at}", place=place, hint=problem.hint)

    def _error(self, fault: RenderError, where: str, text: str, stack: list[str]) -> InputError:
        place, message = self._prompt.path, f"{where}: {fault.message}"
        if stack:
            place, text = self._folder() + stack[-1], self._prompt.partials[stack[-1]]
            message += f" (in a partial of {self._prompt.path})"
        if fault.variable is None:
            return InputError(message, place=place, hint=fault.hint)
        template_format = self._prompt.template_format if not stack else "jinja2"
        uses = [use for use in analyse(text, template_format).variables if use.name == fault.variable]
        if stack and uses:
            place = f"{place}:{uses[0].line}:{uses[0].column}"
        declared = ", ".join(self._prompt.input_properties)
        hint = f"pass {fault.variable}; " + (
            f"declared inputs: {declared}" if declared else "the prompt declares no inputs"
        )
        return InputError(message, place=place, hint=hint)

    def _history(self, history: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
        place = self._prompt.path
        if history and not any(isinstance(item, Slot) for item in self._prompt.messages):
            hint = "add {slot: history} to its messages, or pass no history"
            raise InputError("the prompt has no slot for a history", place=place, hint=hint)
        found = []
        for number, message in enumerate(history, 1):
            shape = isinstance(message, Mapping) and set(message) == {"role", "content"}
            role, content = (message["role"], message["content"]) if shape else (None, None)
            if role not in ("user", "assistant") or not isinstance(role, str) or not isinstance(content, str):
                hint = "each is {role: user or assistant, content: a string}"
                raise InputError(f"history message {number} is not a message", place=place, hint=hint)
            found.append({"role": str(role), "content": str(content)})
        return found


_UNDEFINED = "test it with 'is defined', or give it a default"


def _where(index: int, item: Message, example: str = "") -> str:
    return f"message {index + 1} ({item.role}{example})"


def _last_user(prompt: Prompt) -> int | None:
    users = [i for i, item in enumerate(prompt.messages) if isinstance(item, Message) and item.role == "user"]
    if prompt.examples and not users:
        raise InputError(
            "the prompt has examples and no user message to show them with",
            place=prompt.path,
            hint="add a user message, or delete the examples",
        )
    return users[-1] if users else None


def _piece(piece: str | Use, values: Values) -> str:
    if isinstance(piece, str):
        return piece
    if piece.name not in values:
        raise RenderError(f"variable {piece.name!r} has no value", variable=piece.name)
    return as_text(values[piece.name])


@lru_cache(maxsize=512)
def _compile(text: str, name: str | None) -> jinja2.Template:
    """A template that any renderer may use: what one rendering does, and its partials, are kept in its Run."""
    from onbook.render.sandbox import compile_template
    from onbook.render.syntax import fresh

    tree = fresh(text).tree
    assert tree is not None, "analysed before"
    return compile_template(tree, name)


def _render(template: jinja2.Template, values: Values, run: Run) -> str:
    from jinja2 import TemplateError, UndefinedError

    try:
        context = template.new_context(dict(values))
        return "".join([run.write(chunk) for chunk in template.root_render_func(context)])
    except UndefinedError as error:
        message = error.message or "a variable has no value"
        name = message.split("'")[1] if message.startswith("variable '") else None
        raise RenderError(message, _UNDEFINED, name) from error
    except (TemplateError, TypeError, ValueError, LookupError, RecursionError) as error:
        raise RenderError(
            f"the template does not fit its inputs: {error}", "compare only values of one type"
        ) from error
