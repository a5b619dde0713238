"""The constants and keys that a template names: what its branches turn on."""

from __future__ import annotations

from functools import lru_cache

from onbook.render.template import MAX_TEMPLATE, pieces

Literals = tuple[tuple[object, ...], tuple[str, ...]]


@lru_cache(maxsize=1024)
def literals(text: str, template_format: str) -> Literals:
    """The constants that a template compares with or prints, and the keys that it looks up, each once and in order.

    Nothing for a text without tags, or one that cannot be parsed. Never raises on hostile text.
    """
    if len(text) > MAX_TEMPLATE or pieces(text, template_format) is not None:
        return (), ()
    from jinja2 import nodes

    from onbook.render.syntax import check

    tree = check(text).tree
    if tree is None:
        return (), ()
    constants: dict[str, object] = {}
    keys: dict[str, None] = {}
    for node in tree.find_all((nodes.Const, nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getattr):
            keys[node.attr] = None
        elif isinstance(node, nodes.Const):
            constants[f"{type(node.value).__name__} {node.value!r}"] = node.value
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            keys[node.arg.value] = None
    return tuple(constants.values()), tuple(keys)
