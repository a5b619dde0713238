"""Answers of models, held against the output schema."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NoReturn

from onbook.contract import Contract
from onbook.errors import AnswerContractError, MalformedAnswerError, TruncatedAnswerError
from onbook.formats.faults import json_fault
from onbook.prompt import Prompt

MAX_ANSWER = 10_000_000  # characters

# One fence around everything, whatever language it names; the closing one may have been cut off.
_FENCE = re.compile(r"```[A-Za-z0-9_+-]*[ \t]*\r?\n(.*?)(?:\r?\n[ \t]*```)?", re.DOTALL)
# What a literal or a number can begin with, where the text ends within it.
_CUT_LITERAL = re.compile(r"t(?:r|ru)?|f(?:a|al|als)?|n(?:u|ul)?|-|N(?:a)?")
_CUT_NUMBER = re.compile(r"\.|[eE][+-]?")
_CUT_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{0,4}|\\")


def parse(text: str, prompt: Prompt) -> Any:
    """An answer as data; see :meth:`onbook.LoadedPrompt.parse`."""
    if prompt.response_format not in ("json_object", "json_schema"):
        return text
    if len(text) > MAX_ANSWER:
        raise MalformedAnswerError(f"{_name(prompt)} is longer than {MAX_ANSWER:,} characters", text=text)
    value = _json(text, prompt)
    if prompt.response_format == "json_object" and not isinstance(value, dict):
        raise AnswerContractError(f"{_name(prompt)} is no JSON object", text=text, hint=_FORMAT)
    if prompt.response_format == "json_object" or prompt.output_schema is None:
        return value
    violations = _contract(json.dumps(prompt.output_schema)).violations(value)
    if violations:
        first = violations[0]
        if not first.keyword:
            # Half of a surrogate pair is a text to Python's reader, and none in JSON.
            raise MalformedAnswerError(f"{_name(prompt)} is no JSON that can be read: {first.message}", text=text)
        where = "/".join(map(str, first.pointer))
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        told = f"{where}: {first.message}" if where else first.message
        raise AnswerContractError(
            f"{_name(prompt)} is not what its schema promises: {told}{more}", text=text, pointer=first.pointer
        )
    return value


_FORMAT = "the prompt's responseFormat promises one"


@lru_cache(maxsize=256)
def _contract(schema: str) -> Contract:
    return Contract(json.loads(schema))


def _json(text: str, prompt: Prompt) -> Any:
    stripped = text.strip().removeprefix("\ufeff")
    fenced = _FENCE.fullmatch(stripped)
    inner = (fenced[1] if fenced else stripped).strip()
    if not inner or re.fullmatch(r"`{1,3}[A-Za-z0-9_+-]*", inner):
        raise TruncatedAnswerError(f"{_name(prompt)} is empty", text=text, hint=_LIMIT)
    try:
        return json.loads(inner, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        if _is_cut(inner, error):
            raise TruncatedAnswerError(
                f"{_name(prompt)} ends before its JSON does, after {len(inner):,} characters", text=text, hint=_LIMIT
            ) from None
        fault = json_fault(error)
        place = f"line {fault.lineno}, column {fault.colno}"
        raise MalformedAnswerError(f"{_name(prompt)} is no JSON: {fault.msg} at {place}", text=text) from None
    except (ValueError, RecursionError) as error:
        told = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).partition(":")[0]
        raise MalformedAnswerError(f"{_name(prompt)} is no JSON that can be read: {told}", text=text) from None


_LIMIT = "see why the model stopped (finish_reason), and raise maxCompletionTokens if it reached its limit"


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """Whether more text could have made it JSON."""
    rest = text[error.pos :]
    if not rest or error.msg.startswith("Unterminated string"):
        return True
    if error.msg.startswith("Expecting value"):
        return bool(_CUT_LITERAL.fullmatch(rest))
    if error.msg.startswith("Invalid \\"):
        return bool(_CUT_ESCAPE.fullmatch(text[text.rfind("\\") :]))
    # A number that ends in the middle is read as a shorter one, and what follows is not expected.
    return bool(_CUT_NUMBER.fullmatch(rest)) and text[: error.pos][-1:].isdigit()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")


def _name(prompt: Prompt) -> str:
    return f"the answer to {prompt.id}"
