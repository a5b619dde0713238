"""jinja2's environment as prompts see it: items instead of attributes, bounded filters, everything counted.

The allow-list has already refused what could reach Python; this is the second wall, and the bound on work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from jinja2 import StrictUndefined, Template, Undefined, nodes, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from onbook.render.language import FILTERS, LOOP, TESTS
from onbook.render.values import MAX_OUTPUT, RUN, RenderError, as_text

# Internal filters: a space is in their names, so no template can name them.
_EACH, _WEIGH = "for each", "to compare"


class Missing(StrictUndefined):
    """A value that is not there: every use of it but ``is defined`` and ``default`` raises."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        if self._undefined_obj is missing:
            return f"variable {self._undefined_name!r} has no value"
        return f"there is no item {self._undefined_name!r} in {_kind(self._undefined_obj)}"


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return (
            f"a mapping with the keys {', '.join(key[:40] for key in sorted(value)[:20])}"
            if value
            else "an empty mapping"
        )
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None:
        return "null"
    return {str: "a string", bool: "a boolean", int: "a number", float: "a number"}.get(type(value), "this value")


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """The one environment that compiles templates. It holds no state: a rendering's own is in RUN."""

    def __init__(self) -> None:
        super().__init__(
            undefined=Missing, finalize=_finalize, optimized=False, cache_size=0,
            keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self.globals = {}
        self.filters = {name: globals()[f"_{name}"] for name in FILTERS} | {_EACH: _each, _WEIGH: _weigh}
        self.tests = {name: globals()[f"_is_{name}"] for name in TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An item of a mapping; of ``loop`` one of its five."""
        if isinstance(obj, LoopContext) and attribute in LOOP:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item of a mapping by its key, or of a list by its place."""
        _present(obj)
        _present(argument)
        if isinstance(obj, dict) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        if isinstance(obj, list | tuple) and type(argument) is int and 0 <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=argument if isinstance(argument, str) else str(argument)[:40])

    def get_template(self, name: Any, parent: Any = None, globals: Any = None) -> Template:
        """The partial of the rendering under way."""
        partial = RUN.get().partial(str(name))
        assert isinstance(partial, Template)
        return partial

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """None is."""
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        """None is."""
        return False

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: N805 as jinja2 has it
        """Refused: no template that passed the allow-list has a call."""
        raise RenderError("a template called something")


def compile_template(tree: nodes.Template, name: str | None) -> Template:
    """Compile a checked tree, with its loops, comparisons and output counted. Changes the tree.

    Args:
        name: of a partial: entering it counts as an include.

    Raises:
        RenderError: Python cannot compile what jinja2 makes of it.
    """
    for loop in list(tree.find_all(nodes.For)):
        arity = len(loop.target.items) if isinstance(loop.target, nodes.Tuple) else 1
        arguments: list[nodes.Expr] = [nodes.Const(arity), nodes.Const(_weight(loop.body))]
        loop.iter = nodes.Filter(loop.iter, _EACH, arguments, [], None, None)
    for compare in list(tree.find_all(nodes.Compare)):
        compare.expr = _weighed(compare.expr)
        for operand in compare.ops:
            operand.expr = _weighed(operand.expr)
    weight = _weight(tree.body)
    tree.set_environment(ENVIRONMENT)
    try:
        template = Template.from_code(ENVIRONMENT, ENVIRONMENT.compile(tree, name, name or "<message>"), {})
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise RenderError("the template is too complex to compile", "split or simplify it") from error
    if name is not None:
        _count_includes(template, name, weight)
    return template


def _weighed(expression: nodes.Expr) -> nodes.Expr:
    if isinstance(expression, nodes.Const):
        return expression
    return nodes.Filter(expression, _WEIGH, [], [], None, None)


def _weight(body: list[nodes.Node]) -> int:
    """How many nodes a body evaluates at most; a loop inside counts its own rounds."""
    count, waiting = 1, list(body)
    while waiting:
        node = waiting.pop()
        count += 1
        waiting.extend([node.iter, *node.else_] if isinstance(node, nodes.For) else node.iter_child_nodes())
    return count


def _count_includes(template: Template, name: str, weight: int) -> None:
    render = template.root_render_func

    def counted(context: Context) -> Iterator[str]:
        run = RUN.get()
        run.enter(name, weight)
        yield from render(context)
        run.leave()

    template.root_render_func = counted


def _present(value: Any) -> Any:
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    return value


@pass_context  # so that jinja2 does not evaluate it while compiling
def _finalize(_: Context, value: Any) -> str:
    return as_text(_present(value))


def _text(value: Any) -> str:
    text = as_text(_present(value))
    RUN.get().work(len(text))
    return text


def _each(value: Any, arity: int, weight: int) -> Any:
    if not isinstance(_present(value), list | tuple | dict) or (arity == 2 and isinstance(value, dict)):
        needed = "a list of pairs" if arity == 2 else "a list"
        hint = "guard it: {% if items %}" if value is None else "loop over a list, or over a mapping's keys"
        raise RenderError(f"a loop needs {needed}, and got {_kind(value)}", hint)
    RUN.get().loop(len(value), weight)
    if arity == 2 and not all(isinstance(item, list | tuple) and len(item) == 2 for item in value):
        raise RenderError("a loop with two names needs a list of pairs", "name one, and use its items")
    return list(value) if isinstance(value, dict) else value


def _weigh(value: Any) -> Any:
    RUN.get().compare(_present(value))
    return value


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    # An optional input that is not given is null, so null counts as missing here: jinja2's own would print null.
    return default_value if isinstance(value, Undefined) or value is None or (boolean and not value) else value


def _end(value: Any, index: int, name: str) -> Any:
    if not isinstance(_present(value), list | tuple | str):
        raise RenderError(f"the filter {name!r} needs a list, and got {_kind(value)}")
    return value[index] if value else ENVIRONMENT.undefined(f"an empty list has no {name} item", obj=value, name=name)


def _first(value: Any) -> Any:
    return _end(value, 0, "first")


def _last(value: Any) -> Any:
    return _end(value, -1, "last")


def _indent(value: Any, width: int = 4, first: bool = False, blank: bool = False) -> str:
    text = _text(value)
    run = RUN.get()
    run.work(width)
    run.work(len(text) + (text.count("\n") + 1) * width)
    margin = " " * width
    # Unlike jinja2's: only "\n" ends a line, and no other character is changed.
    head, *rest = text.split("\n")
    return "\n".join([margin + head if first else head, *(margin + line if line or blank else line for line in rest)])


def _join(value: Any, d: str = "") -> str:
    if not isinstance(_present(value), list | tuple):
        raise RenderError(f"the filter 'join' needs a list, and got {_kind(value)}")
    run = RUN.get()
    run.step(len(value))
    run.work(len(d) * len(value))
    parts = [_text(item) for item in value]
    run.work(sum(map(len, parts)) + len(d) * len(parts))
    return d.join(parts)


def _length(value: Any) -> int:
    if not isinstance(_present(value), list | tuple | dict | str):
        raise RenderError(f"the filter 'length' needs a list, a mapping or a string, and got {_kind(value)}")
    return len(value)


def _lower(value: Any) -> str:
    return _text(value).lower()


def _upper(value: Any) -> str:
    return _text(value).upper()


def _trim(value: Any) -> str:
    return _text(value).strip()


def _tojson(value: Any, indent: int | None = None) -> str:
    run = RUN.get()
    _present(value)
    if indent is None:
        text = as_text(value) if not isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        run.work(len(text))
        return text
    if indent > 8:
        raise RenderError("the filter 'tojson' indents by 0 to 8 spaces")
    parts, size = [], 0
    for part in json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent).iterencode(value):
        size += len(part)
        if size > MAX_OUTPUT:
            run.work(size)
        parts.append(part)
    run.work(size)
    return "".join(parts)


def _is_defined(value: Any) -> bool:
    return not isinstance(value, Undefined)


def _is_undefined(value: Any) -> bool:
    return isinstance(value, Undefined)


def _is_none(value: Any) -> bool:
    return value is None


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple)


ENVIRONMENT = PromptEnvironment()
