"""The allow-list: which nodes of jinja2's syntax tree a prompt may have, and which free names they use."""

from __future__ import annotations

from collections.abc import Iterable

from jinja2 import nodes

from onbook.render.language import (
    CALL_HINTS,
    FILTERS,
    LOOP,
    OTHER_NAMES,
    REFUSED_NODES,
    TESTS,
)
from onbook.render.types import PlacedError, Places, Template, TemplateProblem, Use

MAX_DEPTH = 64  # of one expression: chains of and, of filters, of items

Scope = frozenset[str]  # the loop targets that are seen at a place; "loop" is among them inside a loop


class Walker:
    """Walks one tree whose nodes have offsets for lines, and collects uses and faults."""

    def __init__(self) -> None:
        self.faults: list[PlacedError] = []
        self._variables: dict[int, str] = {}
        self._includes: dict[int, tuple[str, Scope]] = {}

    def result(self, places: Places, problems: list[TemplateProblem]) -> Template:
        """What was found, in the order of the text."""
        variables = tuple(Use(name, *places.at(offset)) for offset, name in sorted(self._variables.items()))
        found = sorted(self._includes.items())
        includes = tuple(Use(path, *places.at(offset)) for offset, (path, _) in found)
        scopes = tuple(scope - {"loop"} for _, (_, scope) in found)
        return Template(variables, includes, tuple(problems), scopes)

    def template(self, tree: nodes.Template) -> None:
        """Walk a whole tree."""
        self._body(tree.body, frozenset())

    def _refuse(self, what: str, node: nodes.Node, hint: str, scope: Scope, at: int | None = None) -> None:
        message, place = f"{what} is not allowed in a prompt", node.lineno if at is None else at
        self.faults.append(PlacedError("construct-not-allowed", message, place, hint))
        self._names_in(node, scope)

    def _names_in(self, node: nodes.Node, scope: Scope) -> None:
        # What a refused expression names is still used; without recursion, for its depth is not checked.
        waiting = [node]
        while waiting:
            found = waiting.pop()
            if isinstance(found, nodes.Name) and found.ctx == "load" and found.name not in scope:
                self._variables[found.lineno] = found.name
            waiting.extend(found.iter_child_nodes())

    def _body(self, body: Iterable[nodes.Node], scope: Scope) -> None:
        for node in body:
            match node:
                case nodes.Output():
                    for child in node.nodes:
                        if not isinstance(child, nodes.TemplateData):
                            self._expression(child, scope)
                case nodes.If():
                    for branch in (node, *node.elif_):
                        self._expression(branch.test, scope)
                        self._body(branch.body, scope)
                    self._body(node.else_, scope)
                case nodes.For():
                    self._for(node, scope)
                case nodes.Include():
                    self._include(node, scope)
                case _:  # a tag that was refused by its name, with a better place
                    self._names_in(node, scope)

    def _for(self, node: nodes.For, scope: Scope) -> None:
        self._expression(node.iter, scope)
        if node.recursive:
            self._refuse("a recursive loop", node, "write nested loops", scope)
            return
        if node.test is not None:
            self._refuse("an if in the head of a loop", node.test, "put {% if %} into the loop", scope)
        targets = node.target.items if isinstance(node.target, nodes.Tuple) else [node.target]
        names = [target.name for target in targets if isinstance(target, nodes.Name)]
        wanted = 2 if isinstance(node.target, nodes.Tuple) else 1
        if len(targets) != wanted or len(set(names)) != wanted:
            at = min((found.lineno for found in node.target.find_all(nodes.Name)), default=node.target.lineno)
            self._refuse("this loop target", node.target, "name one or two: {% for key, value in pairs %}", scope, at)
        elif {"loop", "self"} & set(names):
            self._refuse("a loop target of this name", node.target, "loop and self have a meaning: rename it", scope)
        self._body(node.body, scope | {*names, "loop"})
        self._body(node.else_, scope)

    def _include(self, node: nodes.Include, scope: Scope) -> None:
        path = node.template
        if not (isinstance(path, nodes.Const) and isinstance(path.value, str)):
            message = "what is included must be known without rendering"
            hint = (
                "write the path as one string: {% include '_shared/tone.md' %}, with an if around each where you choose"
            )
            self.faults.append(PlacedError("dynamic-include", message, path.lineno, hint))
            self._names_in(path, scope)
            return
        place = path.lineno + 1
        if node.ignore_missing:
            self._refuse("'ignore missing'", node, "include a partial that is there", scope)
        if not node.with_context:
            self._refuse("'without context'", node, "delete the words", scope)
        if wrong := _wrong_path(path.value):
            hint = "paths are relative to the prompts folder: _shared/tone.md"
            self.faults.append(
                PlacedError("include-path", f"the included path {path.value[:200]!r} {wrong}", place, hint)
            )
        else:
            self._includes[place] = (path.value, scope)

    def _expression(self, node: nodes.Node, scope: Scope, depth: int = 0) -> None:  # noqa: PLR0912 a flat table of nodes
        if depth > MAX_DEPTH:
            message = "the template is too complex: an expression is nested too deeply"
            raise PlacedError(
                "template-too-complex", message, node.lineno, "split it; for many values write: x in ['a', 'b']"
            )
        match node:
            case nodes.Name():
                self._name(node, scope)
            case nodes.Const():
                pass
            case nodes.Tuple() | nodes.List():
                if all(isinstance(item, nodes.Const) for item in node.items):
                    return
                at = node.items[0].lineno
                self._refuse("a list of other than constants", node, "pass the list as an input", scope, at)
            case nodes.Getattr():
                self._attribute(node, scope, depth)
            case nodes.Getitem():
                self._expression(node.node, scope, depth + 1)
                self._key(node.arg, scope)
            case nodes.Filter():
                self._filter(node, scope, depth)
            case nodes.Test():
                if node.name not in TESTS or node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
                    self._refuse(f"the test {node.name!r}", node, f"the tests are {', '.join(TESTS)}", scope)
                else:
                    self._expression(node.node, scope, depth + 1)
            case nodes.CondExpr(expr2=None):
                self._refuse("an inline if without else", node, "add an else: {{ 'a' if x else '' }}", scope)
            case nodes.Compare() | nodes.Operand() | nodes.And() | nodes.Or() | nodes.Not() | nodes.CondExpr():
                for child in node.iter_child_nodes():
                    self._expression(child, scope, depth + 1)
            case nodes.Call():
                self._call(node, scope)
            case nodes.Sub() if name := _dashed(node):
                message = f"{name!r} is no name in jinja2, which reads it as a subtraction"
                hint = f"rename the input to {name.replace('-', '_')}; the simple format takes it as it is"
                self.faults.append(PlacedError("construct-not-allowed", message, _first(node), hint))
            case _:
                kind = type(node).__name__
                what, hint = REFUSED_NODES.get(kind, (f"this ({kind})", "pass what it computes as an input"))
                self._refuse(what, node, hint, scope)

    def _name(self, node: nodes.Name, scope: Scope) -> None:
        if node.name == "self":
            self._refuse("the name 'self'", node, "it has a meaning in jinja2: rename the input", scope | {"self"})
        elif node.name == "loop":
            hint = f"inside of a loop there are {', '.join(f'loop.{name}' for name in sorted(LOOP))}"
            self._refuse("'loop' by itself", node, hint, scope | {"loop"})
        elif node.name not in scope:
            self._variables[node.lineno] = node.name

    def _attribute(self, node: nodes.Getattr, scope: Scope, depth: int) -> None:
        if isinstance(node.node, nodes.Name) and node.node.name == "loop" and "loop" in scope:
            if node.attr not in LOOP:
                hint = f"loop has {', '.join(sorted(LOOP))}"
                self._refuse(f"'loop.{node.attr}'", node.node, hint, scope)
            return
        if node.attr.startswith("_"):
            self._refuse(f"the attribute {node.attr!r}", node, "for an item of that name write ['...']", scope)
            return
        self._expression(node.node, scope, depth + 1)

    def _key(self, key: nodes.Node, scope: Scope) -> None:
        if isinstance(key, nodes.Const) and type(key.value) in (str, int):
            return
        if isinstance(key, nodes.Name):
            self._name(key, scope)
        elif type(key).__name__ in REFUSED_NODES:
            self._refuse(REFUSED_NODES[type(key).__name__][0], key, REFUSED_NODES[type(key).__name__][1], scope)
        else:
            self._refuse("this key", key, "a key is a string, a whole number or a name", scope)

    def _call(self, node: nodes.Call, scope: Scope) -> None:
        match node.node:
            case nodes.Getattr(attr=name):
                what = f"calling {name}()"
            case nodes.Name(name=name):
                what = f"calling {name}()"
                scope = scope | {name}
            case _:
                what, name = "a call", ""
        self._refuse(what, node, CALL_HINTS.get(name, "compute it before rendering and pass it as an input"), scope)

    def _filter(self, node: nodes.Filter, scope: Scope, depth: int) -> None:
        parameters = FILTERS.get(node.name)
        if parameters is None or node.node is None:
            other = OTHER_NAMES.get(node.name)
            hint = f"write {other}" if other else f"the filters are {', '.join(FILTERS)}"
            self._refuse(f"the filter {node.name!r}", node, hint, scope)
            return
        self._expression(node.node, scope, depth + 1)
        bound = bind(node)
        if bound is None:
            takes = ", ".join(parameter.name for parameter in parameters) or "no arguments"
            self._refuse(f"this use of the filter {node.name!r}", node, f"it takes {takes}", scope)
            return
        for parameter, value in zip(parameters, bound, strict=True):
            if value is None:
                continue
            if not parameter.types:
                self._expression(value, scope, depth + 1)
            elif not (isinstance(value, nodes.Const) and type(value.value) in parameter.types):
                kinds = " or ".join(
                    {"str": "a string", "int": "a whole number", "bool": "true or false"}.get(kind.__name__, "none")
                    for kind in parameter.types
                )
                what = f"this argument of the filter {node.name!r}"
                self._refuse(what, value, f"{parameter.name} is {kinds}, written in the template", scope)


def bind(node: nodes.Filter) -> list[nodes.Expr | None] | None:
    """The arguments of an allowed filter by its parameters, None for one not given; None if they do not fit."""
    parameters = FILTERS[node.name]
    if node.dyn_args or node.dyn_kwargs or len(node.args) > len(parameters):
        return None
    bound: list[nodes.Expr | None] = [*node.args, *[None] * (len(parameters) - len(node.args))]
    names = [parameter.name for parameter in parameters]
    for keyword in node.kwargs:
        if not isinstance(keyword, nodes.Keyword) or keyword.key not in names:
            return None
        if bound[names.index(keyword.key)] is not None:
            return None
        bound[names.index(keyword.key)] = keyword.value
    return bound


def _dashed(node: nodes.Node) -> str | None:
    """``my-var`` written without spaces: a name of other template languages, with its places for lines."""
    if isinstance(node, nodes.Name):
        return node.name
    if not isinstance(node, nodes.Sub):
        return None
    left, right = _dashed(node.left), node.right
    while isinstance(right, nodes.Filter) and right.node is not None:
        right = right.node
    if left and isinstance(right, nodes.Name) and _first(node) + len(left) + 1 == right.lineno:
        return f"{left}-{right.name}"
    return None


def _first(node: nodes.Node) -> int:
    while isinstance(node, nodes.Sub):
        node = node.left
    return node.lineno


def _wrong_path(path: str) -> str | None:
    if not path or len(path) > 1024 or any(ord(letter) < 32 for letter in path):
        return "is not a path"
    if path.startswith("/") or "\\" in path or ":" in path.split("/", maxsplit=1)[0]:
        return "is not relative"
    if ".." in path.split("/"):
        return "leads out of its folder"
    if any(part in ("", ".") for part in path.split("/")):
        return "has an empty part or '.' in it"
    return None
