"""What assertions have in common: filling the row in, looking at arguments, and reading an answer as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

from onbook.nearest import nearest
from onbook.testing.request import Request
from onbook.testing.subject import AssertionUseError, Json, Subject, filled, misspelt, shown, value_of

# Characters of an answer that are read as JSON or compared with another text: what takes longer says nothing more.
MAX_ANSWER = 1 << 20

# What is wrong with a part of an argument, in words that follow its name; None where nothing is.
Wanted = Callable[[object], str | None]


class Plain:
    """An assertion that asks no judge and takes any argument. Texts within the argument come with the row filled in.

    Attributes:
        asks: whether it may ask a judge once there is an answer.
    """

    asks = False

    def check(self, argument: object) -> str | None:
        """What is wrong with the argument. One that still holds ``{{column}}`` may be anything once it is filled."""
        return None

    def fill(self, argument: object, row: Json) -> object:
        """The argument with this case's row; the argument itself where there is nothing to fill in."""
        return fill_texts(argument, row)

    def requests(self, argument: object, subject: Subject) -> Sequence[Request]:
        """The calls to judges that it needs."""
        return ()


def is_open(value: object) -> bool:
    """Whether a value takes something from the row, so that it is not known before."""
    return isinstance(value, str) and "{{" in value


def fill_texts(argument: object, row: Json) -> object:
    """Every text filled; whatever a column holds, it becomes text."""
    return _deep(argument, lambda text: filled(text, row))


def fill_values(argument: object, row: Json) -> object:
    """Every text filled; ``{{column}}`` alone stands for the value itself, whatever its type."""
    return _deep(argument, lambda text: value_of(text, row))


def _deep(argument: object, fill: Callable[[str], object]) -> object:
    if isinstance(argument, str):
        return fill(argument) if "{{" in argument else argument
    if not any("{{" in text for text in texts(argument)):
        return argument
    if isinstance(argument, Mapping):
        return {key: _deep(value, fill) for key, value in argument.items()}
    return [_deep(value, fill) for value in argument] if isinstance(argument, list) else argument


def texts(argument: object) -> Iterator[str]:
    """Every text in an argument, those within mappings and lists too."""
    if isinstance(argument, str):
        yield argument
    elif isinstance(argument, Mapping | list):
        for value in argument.values() if isinstance(argument, Mapping) else argument:
            yield from texts(value)


def misspelt_within(argument: object) -> str | None:
    """What is wrong with a text that is to be filled, in the whole argument."""
    return next(filter(None, map(misspelt, texts(argument))), None)


# --- arguments


def parts(argument: object, needed: Mapping[str, Wanted], more: Mapping[str, Wanted] | None = None) -> str | None:
    """What is wrong with an argument that is a mapping of these parts.

    Args:
        needed: what must be there; more: what may.
    """
    known = {**needed, **(more or {})}
    if not isinstance(argument, Mapping):
        return f"it takes a mapping of {', '.join(known)}"
    for name, value in argument.items():
        if name not in known:
            near = nearest(str(name), known)
            return f"unknown key {name!r}; " + (f"did you mean {near!r}?" if near else f"known: {', '.join(known)}")
        if not is_open(value) and (wrong := known[name](value)):
            return f"{name}: {wrong}"
    missing = [name for name in needed if name not in argument]
    return f"{missing[0]} is missing" if missing else None


def is_text(value: object) -> str | None:
    """A text that is not empty."""
    return None if isinstance(value, str) and value else "a text that is not empty is wanted"


def is_texts(value: object) -> str | None:
    """A text or a list of texts, none of them empty."""
    found = value if isinstance(value, list) else [value]
    return None if found and all(is_text(one) is None for one in found) else "a text, or a list of texts, is wanted"


def is_number(value: object) -> str | None:
    """A finite number."""
    sound = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return None if sound else "a number is wanted"


def is_count(value: object) -> str | None:
    """A whole number that is not negative."""
    sound = is_number(value) is None and float(cast(float, value)).is_integer() and cast(float, value) >= 0
    return None if sound else "a whole number from 0 is wanted"


def is_share(value: object) -> str | None:
    """A number from 0 to 1."""
    if is_number(value) is None and 0 <= cast(float, value) <= 1:
        return None
    return "a number from 0 to 1 is wanted" + (
        f" (for {value} in a hundred write {cast(float, value) / 100:g})"
        if is_number(value) is None and 1 < cast(float, value) <= 100
        else ""
    )


def is_flag(value: object) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else "true or false is wanted"


def one_of(*choices: str) -> Wanted:
    """One of some words."""
    return lambda value: None if value in choices else f"one of {', '.join(choices)} is wanted"


def as_list(value: object) -> list[str]:
    """A text or a list of texts as a list."""
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def as_number(value: object) -> float:
    """A number that ``check`` has seen."""
    return float(cast(float, value))


def bounds(argument: Json, unit: str) -> str | None:
    """What is wrong with a ``min`` and a ``max`` together: one of them must be there."""
    low, high = argument.get("min"), argument.get("max")
    if low is None and high is None:
        return f"min or max is missing ({unit})"
    if low is None or high is None or is_open(low) or is_open(high):
        return None
    return None if as_number(low) <= as_number(high) else "min is larger than max"


def within(value: float, argument: Json) -> bool:
    """Whether a value stands between ``min`` and ``max``, both included. NaN never does."""
    low, high = argument.get("min"), argument.get("max")
    return (
        (low is None or value >= as_number(low))
        and (high is None or value <= as_number(high))
        and not math.isnan(value)
    )


def told_bounds(argument: Json) -> str:
    """``min`` and ``max`` in words."""
    low, high = argument.get("min"), argument.get("max")
    if low is None or high is None:
        return f"at most {high}" if low is None else f"at least {low}"
    return f"{low} to {high}"


# --- answers


def read_json(text: str) -> object:
    """An answer as JSON, by the grammar alone: no NaN, no number that overflows.

    Raises:
        ValueError: its text says what the answer is instead.
    """
    if len(text) > MAX_ANSWER:
        raise ValueError(f"JSON of more than {MAX_ANSWER:,} characters, which is not read: {shown(text)}")
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError:
        raise ValueError(f"no JSON: {shown(text)}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"JSON that cannot be read ({error}): {shown(text)}") from None


def _no_number(token: str) -> object:
    raise ValueError(f"{token} is no number in JSON")


def _finite(token: str) -> float:
    value = float(token)
    if math.isinf(value):
        raise ValueError(f"{token[:40]} is too large a number")
    return value


def same(one: object, other: object) -> bool:
    """Equality as JSON has it: 1 is 1.0, and true is not 1, which Python thinks it is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def require(module: str, extra: str, what: str) -> object:
    """A library that only this assertion needs.

    Raises:
        AssertionUseError: it is not installed; what needs it could not be checked.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        hint = f"pip install 'onbook[{extra}]'"
        raise AssertionUseError(f"{what} could not be checked: it needs {module} ({hint})", hint=hint) from None
