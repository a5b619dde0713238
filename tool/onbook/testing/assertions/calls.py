"""The functions that a model asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from onbook.testing.assertions.base import Plain, fill_values, is_flag, is_text, parts, read_json, same
from onbook.testing.request import Request
from onbook.testing.subject import AssertionUseError, Json, Outcome, Subject, shown


class ToolCalled(Plain):
    """The model asked for a tool, with arguments.

    **Argument**

    The tool's name; or ``name`` with ``arguments``: those that are named must be equal as JSON, others are free unless
    ``exactly: true``. ``"{{column}}"`` alone is the column's value. One call that fits is enough. A tool that the
    prompt does not declare is an error before any call is made.

    **Holds**

    ```yaml
    assert: [{tool-called: {name: refund, arguments: {order: 17}}}]
    tools: [refund]
    calls: [{name: refund, arguments: '{"order": 17, "reason": "late"}'}]
    answer: ""
    ```

    **Does not hold**

    ```yaml
    assert: [{tool-called: {name: refund, arguments: {order: 17}, exactly: true}}]
    tools: [refund]
    calls: [{name: refund, arguments: '{"order": 17, "reason": "late"}'}]
    answer: ""
    ```
    """

    def check(self, argument: object) -> str | None:
        """A name, perhaps with arguments."""
        if isinstance(argument, str):
            return None if argument else "it takes the name of a tool"
        return parts(argument, {"name": is_text}, {"arguments": _is_arguments, "exactly": is_flag})

    def fill(self, argument: object, row: Json) -> object:
        """With the values themselves."""
        return fill_values(argument, row)

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """None; but the prompt must declare the tool."""
        name, declared = _wanted(argument)[0], [_name(tool) for tool in subject.prompt.tools]
        if name not in declared:
            told = ", ".join(declared) or "none"
            raise AssertionUseError(f"tool-called: the prompt declares no tool {name!r}; declared: {told}")
        return ()

    def decide(self, argument: object, subject: Subject) -> Outcome:
        """Looks at every call."""
        name, arguments, exactly = _wanted(argument)
        calls = list(_calls(subject))
        passed = any(called == name and _fit(given, arguments, exactly) for called, given in calls)
        told = "; ".join(f"{called}({shown(given)})" for called, given in calls[:5]) or "no tool was called"
        wanted = f"{name} with {shown(arguments)}" if arguments else name
        return Outcome.of(passed, f"expected a call of {wanted}, got {told}")


def _is_arguments(value: object) -> str | None:
    return None if isinstance(value, Mapping) else "a mapping of arguments to their values is wanted"


def _wanted(argument: object) -> tuple[str, Json, bool]:
    if not isinstance(argument, Mapping):
        return str(argument), {}, False
    return str(argument["name"]), cast(Json, argument.get("arguments", {})), argument.get("exactly") is True


def _name(tool: Json) -> str:
    function = tool.get("function")
    return str(function.get("name")) if isinstance(function, Mapping) else ""


def _calls(subject: Subject) -> Iterator[tuple[str, object]]:
    for call in subject.response.tool_calls if subject.response else ():
        function = call.get("function")
        if isinstance(function, Mapping):
            written = function.get("arguments")
            yield str(function.get("name")), written if isinstance(written, str) else shown(written)


def _fit(given: object, arguments: Json, exactly: bool) -> bool:
    if not arguments and not exactly:
        return True
    try:
        found = read_json(str(given) or "{}")
    except ValueError:
        return False
    if not isinstance(found, Mapping) or (exactly and found.keys() != arguments.keys()):
        return False
    return all(name in found and same(found[name], value) for name, value in arguments.items())
