"""The small template language: the tags, filters and tests that it has, and what to do instead of the rest."""

from __future__ import annotations

from dataclasses import dataclass

TAGS = frozenset({"if", "elif", "else", "endif", "for", "endfor", "include"})
LOOP = frozenset({"index", "index0", "first", "last", "length"})
TESTS = ("defined", "undefined", "none", "string", "number", "boolean", "mapping", "sequence")

_PARTIAL = "put the text into a partial and include it"
_COMPUTE = "compute it before rendering and pass it as an input"
REFUSED_TAGS = {
    "set": _COMPUTE,
    "do": _COMPUTE,
    "with": "use the value's own name",
    "macro": _PARTIAL,
    "call": _PARTIAL,
    "import": _PARTIAL,
    "from": _PARTIAL,
    "extends": _PARTIAL,
    "block": _PARTIAL,
    "filter": "use the filter on each value: {{ name | upper }}",
    "print": "write {{ name }}",
    "break": "pass a shorter list",
    "continue": "put an if into the loop",
    "trans": "write one prompt for each language",
    "autoescape": "nothing is escaped in a prompt: delete the tag",
    "debug": "delete the tag",
}
# The closing tags of refused ones: told once, where the tag opens.
CLOSING_TAGS = frozenset({"endset", "endwith", "endmacro", "endcall", "endblock", "endfilter", "endtrans"})
CLOSING_TAGS |= {"pluralize", "endautoescape"}

# What a refused node of jinja2's tree is called by people, and what to do instead.
REFUSED_NODES = {
    "Add": ("arithmetic (+)", _COMPUTE),
    "Sub": ("arithmetic (-)", _COMPUTE),
    "Mul": ("arithmetic (*)", _COMPUTE),
    "Div": ("arithmetic (/)", _COMPUTE),
    "FloorDiv": ("arithmetic (//)", _COMPUTE),
    "Mod": ("arithmetic (%)", _COMPUTE),
    "Pow": ("arithmetic (**)", _COMPUTE),
    "Neg": ("a minus sign", "use the filter last for the last item; pass negative numbers as inputs"),
    "Pos": ("a plus sign", "delete it"),
    "Concat": ("joining with ~", "write the parts side by side: {{ a }}{{ b }}"),
    "Dict": ("a mapping in braces", "pass it as an input"),
    "Slice": ("a slice", "pass a shorter list, or use the filters first and last"),
    "NSRef": ("a namespace", _COMPUTE),
}
CALL_HINTS = {
    "items": "loop over the keys: {% for key in order %}{{ key }}: {{ order[key] }}{% endfor %}",
    "keys": "loop over the mapping itself: its items are the keys",
    "join": "use the filter: {{ names | join(', ') }}",
    "upper": "use the filter: {{ name | upper }}",
    "lower": "use the filter: {{ name | lower }}",
    "strip": "use the filter: {{ name | trim }}",
    "get": "use an item and the filter default: {{ order.id | default('none') }}",
    "range": "pass a list as an input and loop over it",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a filter: its name, its default, and the types of constant it takes (empty: any expression)."""

    name: str
    default: object
    types: tuple[type, ...] = ()


FILTERS: dict[str, tuple[Parameter, ...]] = {
    "default": (Parameter("default_value", ""), Parameter("boolean", False, (bool,))),
    "first": (),
    "indent": (
        Parameter("width", 4, (int,)),
        Parameter("first", False, (bool,)),
        Parameter("blank", False, (bool,)),
    ),
    "join": (Parameter("d", "", (str,)),),
    "last": (),
    "length": (),
    "lower": (),
    "tojson": (Parameter("indent", None, (int, type(None))),),
    "trim": (),
    "upper": (),
}
OTHER_NAMES = {"d": "default", "count": "length", "strip": "trim", "json": "tojson", "to_json": "tojson"}
