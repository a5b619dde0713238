"""Models: what is asked, what is answered, and the only door to litellm.

A request is onbook's own; litellm translates it for the provider. litellm takes seconds to import and is loud, so it is
imported where a call is made and kept quiet there. So are asyncio and its like: a replay needs the requests alone.
Retries are ours: litellm and the provider's client make none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from onbook.errors import OnbookError, UsageError
from onbook.testing import local

# Sends of one request in all, and the seconds that each may take: a reasoning model may well think for minutes.
SENDS = 5
TIMEOUT_S = 300.0
# The wait before the second send, doubled each time; a provider that asks for more than the longest wait is given up.
BACKOFF_S = 0.5
LONGEST_WAIT_S = 60.0

# What else litellm takes as an argument (`api_base`, `extra_headers`, `mock_response`) is not for a prompt file to say:
# it could send the key elsewhere.
PARAMETERS = local.PARAMETERS | {"logit_bias", "parallel_tool_calls", "reasoning_effort", "verbosity"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked, before any translation. Its key is a recording's.

    Attributes:
        model: as litellm names it (``openai/gpt-4.1-2025-04-14``), or ``local/smollm2-135m``.
        messages: ``{"role", "content"}`` each.
        parameters: under OpenAI's names (``max_completion_tokens``); see ``PARAMETERS``.
        response_format, tools: in OpenAI's shape.
        repeat: which repeat of the same question this is, from 0; never sent.
    """

    model: str
    messages: tuple[Mapping[str, str], ...]
    parameters: Mapping[str, object]
    response_format: Mapping[str, object] | None = None
    tools: tuple[Mapping[str, object], ...] = ()
    repeat: int = 0

    def canonical(self) -> dict[str, object]:
        """Plain JSON data, empty parts left out; equal numbers are one number, as in RFC 8785 (``1.0`` is ``1``).

        Raises:
            UsageError: a number that JSON has no name for, or a ``local/`` model that is not known.
        """
        parts: dict[str, object] = {
            "model": self.model,
            "weights": local.WEIGHTS_SHA256 if local.is_local(self.model) else None,
            "messages": self.messages,
            "parameters": self.parameters,
            "response_format": self.response_format,
            "tools": self.tools,
            "repeat": self.repeat,
        }
        return {name: _plain(value) for name, value in parts.items() if value}

    def key(self) -> str:
        """The key of its recording; see :func:`key_of`."""
        return key_of(self.canonical())


def key_of(canonical: Mapping[str, object]) -> str:
    """``sha256:`` and the hash of a canonical request as compact JSON, keys sorted, UTF-8."""
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Response:
    """What a model answered.

    Attributes:
        tool_calls: in OpenAI's shape, without the ids: those are chance.
        finish: why the answer ended: ``stop``, ``length``, ``tool_calls``, ``content_filter``.
        model: the name that the answer carries.
        usage: ``prompt_tokens`` and ``completion_tokens``.
        latency_ms: of the send that was answered, without waiting and earlier sends.
        cost: US dollars by litellm's bundled price map; 0.0 for the local model; None where no price is known.
        engine: what made the call or ran the model, with its version.
    """

    text: str
    tool_calls: tuple[Mapping[str, object], ...]
    finish: str
    model: str
    usage: Mapping[str, int]
    latency_ms: int
    cost: float | None
    engine: str


class ModelError(OnbookError):
    """A call that brought no usable answer: which model, why, and what to do. Never holds a credential."""


def ask(request: Request) -> Response:
    """Ask one model once.

    Raises:
        ModelError: no usable answer came.
        OnbookError: nothing can be asked; see :func:`ask_all`.
    """
    import asyncio

    answers: list[Response] = []
    errors: list[ModelError] = []
    asyncio.run(
        ask_all([request], on_answer=lambda _, it: answers.append(it), on_error=lambda _, it: errors.append(it))
    )
    if errors:
        raise errors[0]
    return answers[0]


async def ask_all(
    requests: Iterable[Request],
    *,
    concurrency: int = 8,
    on_answer: Callable[[Request, Response], None],
    on_error: Callable[[Request, ModelError], None],
) -> None:
    """Ask for every request; each is told to one of the two functions as soon as it is settled.

    The local model is asked one request at a time, whatever ``concurrency`` is.

    Raises:
        UsageError: a ``local/`` model that is not known.
        OnbookError: a package is missing or the local model's server does not start; nothing has been asked.
    """
    import asyncio

    near: list[Request] = []
    far: list[Request] = []
    for request in requests:
        (near if local.is_local(request.model) else far).append(request)
    if not near and not far:
        return
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(local.serve()) if near else None
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module=r"(litellm|pydantic)\b")
        litellm = _litellm()

        async def work(queue: Iterator[Request], url: str | None) -> None:
            for request in queue:
                try:
                    response = await _ask(litellm, request, url)
                except ModelError as error:
                    on_error(request, error)
                else:
                    on_answer(request, response)

        try:
            async with asyncio.TaskGroup() as group:
                for waiting, width, address in ((near, 1, url), (far, concurrency, None)):
                    queue = iter(waiting)
                    for _ in range(min(width, len(waiting))):
                        group.create_task(work(queue, address))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None  # what on_answer or on_error raised
        finally:
            # Its clients belong to this event loop: left open they complain at exit, left in its cache they fail later.
            await litellm.close_litellm_async_clients()
            litellm.in_memory_llm_clients_cache.flush_cache()


def _litellm() -> Any:
    local.require("litellm")
    # The mode stands for: read no .env. One in a pull request could say where the key is sent.
    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", HF_HUB_OFFLINE="1", LITELLM_MODE="PRODUCTION")
    import logging

    import litellm

    litellm.suppress_debug_info = True
    litellm.drop_params = False
    litellm.telemetry = False
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).disabled = True
    return litellm


async def _ask(litellm: Any, request: Request, url: str | None) -> Response:
    import asyncio
    import random

    arguments = _arguments(request, url)
    for sends in range(1, SENDS + 1):
        try:
            # litellm's own timeout may start again with every byte that trickles in.
            async with asyncio.timeout(TIMEOUT_S + 1):
                started = time.perf_counter()
                answer = await litellm.acompletion(**arguments)
                latency_ms = round((time.perf_counter() - started) * 1000)
            return _response(litellm, request, answer, latency_ms)
        except ModelError:
            raise
        except Exception as error:
            failure = _failure(litellm, request.model, error)
            wait = max(failure.asked_wait_s, random.uniform(0.5, 1) * BACKOFF_S * 2 ** (sends - 1))  # noqa: S311
            if not failure.passing or sends == SENDS or wait > LONGEST_WAIT_S:
                times = f" (sent {sends} times)" if sends > 1 else ""
                raise ModelError(f"{request.model}: {failure.cause}{times}", hint=failure.hint) from None
        await asyncio.sleep(wait)
    raise AssertionError("unreachable")


def _arguments(request: Request, url: str | None) -> dict[str, object]:
    known = local.PARAMETERS if url else PARAMETERS
    unknown = sorted(set(request.parameters) - known)
    if unknown:
        raise ModelError(
            f"{request.model}: {', '.join(unknown)} cannot be set for this model",
            hint=f"Take it out of the model parameters. Those that can be set: {', '.join(sorted(known))}.",
        )
    plain = request.canonical()
    parts = ("model", "messages", "response_format", "tools")
    arguments: dict[str, Any] = {name: plain[name] for name in parts if name in plain}
    arguments |= cast(dict[str, object], plain.get("parameters", {}))
    # With tools, litellm 1.106.2 looks for a gateway of its own and fails where the package mcp is missing.
    arguments |= {"timeout": TIMEOUT_S, "num_retries": 0, "max_retries": 0, "_skip_mcp_handler": True}
    if url:
        import urllib.request

        if not urllib.request.proxy_bypass("127.0.0.1"):  # a proxy for the outside cannot reach loopback
            direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
            os.environ["no_proxy"] = os.environ["NO_PROXY"] = f"{direct},127.0.0.1".lstrip(",")
        arguments |= {"model": f"openai/{local.NAME}", "api_base": f"{url}/v1", "api_key": "none"}
    return arguments


def _response(litellm: Any, request: Request, answer: Any, latency_ms: int) -> Response:
    if not getattr(answer, "choices", None):
        raise ModelError(
            f"{request.model}: the answer holds no choice",
            hint="Ask again; if it stays so, what stands behind the model's address does not speak OpenAI's protocol.",
        )
    import importlib.metadata

    choice = answer.choices[0]
    calls = choice.message.tool_calls or ()
    usage = getattr(answer, "usage", None)
    near = local.is_local(request.model)
    cost: float | None = 0.0
    if not near:
        try:
            cost = float(litellm.completion_cost(completion_response=answer, model=request.model))
        except Exception:  # whatever it raises for a model that it has no price for
            cost = None
    return Response(
        text=choice.message.content or "",
        tool_calls=tuple(
            {"type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments}}
            for call in calls
        ),
        finish=str(choice.finish_reason or ""),
        model=str(answer.model or ""),
        usage={name: int(getattr(usage, name, 0) or 0) for name in ("prompt_tokens", "completion_tokens")},
        latency_ms=latency_ms,
        cost=cost,
        engine=local.engine() if near else f"litellm {importlib.metadata.version('litellm')}",
    )


class _Failure(NamedTuple):
    """Why a send failed, what to do, whether it may pass, and the seconds that the provider asks to wait."""

    cause: str
    hint: str
    passing: bool = False
    asked_wait_s: float = 0.0


def _failure(litellm: Any, model: str, error: Exception) -> _Failure:
    cause = _cause(error)
    status = getattr(error, "status_code", None) or 400
    body = getattr(error, "body", None)
    # litellm reports some keys that are not set as 500, and any exception of its own.
    missing = [] if local.is_local(model) else litellm.validate_environment(model)["missing_keys"]
    if isinstance(error, TimeoutError | litellm.Timeout):
        hint = "Ask again, or allow shorter answers (maxCompletionTokens)."
        failure = _Failure(f"no answer within {TIMEOUT_S:g} s", hint, passing=True)
    elif missing and re.search(r"(?i)credential|api.?key|environment variable|unauthori", cause):
        failure = _Failure(cause, f"Set {' / '.join(missing)} in the environment.")
    elif re.search("No module named|pip install", cause):
        failure = _Failure(cause, "Install what litellm needs for this provider.")
    elif isinstance(error, litellm.UnsupportedParamsError):
        failure = _Failure(cause, "Take what is not supported out of the prompt's modelParameters.")
    elif isinstance(body, Mapping) and body.get("code") == "insufficient_quota":
        failure = _Failure(cause, "The account's quota is used up: waiting does not help.")
    elif status in (408, 429) or status >= 500:
        wait = _asked_wait(getattr(error, "litellm_response_headers", None) or {})
        if wait > LONGEST_WAIT_S:
            cause += f"; the provider asks to wait {wait:.0f} s"
        failure = _Failure(cause, "Ask again later: what was answered is kept.", True, wait)
    elif status in (401, 403):
        name = f"{model.partition('/')[0].upper()}_API_KEY"
        where = f"in the environment variable {name}" if name in os.environ else "that the provider is given"
        failure = _Failure(cause, f"Check the key {where}, and what the account may do.")
    else:
        hint = "Check the model's name (provider/model), and the prompt's modelParameters, responseFormat and tools."
        failure = _Failure(cause, hint)
    return failure


def _asked_wait(headers: Mapping[str, str]) -> float:
    """Seconds that a ``Retry-After`` header asks for: a number or an HTTP date (RFC 9110, 10.2.3)."""
    import email.utils
    from datetime import UTC, datetime

    value = str(headers.get("retry-after") or headers.get("Retry-After") or "")
    with contextlib.suppress(ValueError):
        return max(0.0, float(value))
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    return 0.0


def _cause(error: Exception) -> str:
    """One line of what went wrong, without litellm's prefixes and advice, and without anything secret."""
    text = str(error).partition("Traceback (most recent call last)")[0].partition("To drop ")[0]
    text = re.sub(r"^(?:litellm\.)?(?:\w+(?:Error|Exception)\b(?: - |: | ))+|^\w+Exception - ", "", text.strip())
    text = re.sub(r"^(?:\w+\.)?\w+(?:Error|Exception): ", "", text)
    text = re.sub(r"^\w+Exception - ", "", text)
    for name, value in os.environ.items():
        if re.search(r"(?i)key|token|secret|password|credential", name) and len(value) >= 6:
            text = text.replace(value, "***")
    text = re.sub(r"(?i)\b(sk-|bearer )[\w.*~+/=-]+", r"\1***", text)
    text = re.sub(r"(?i)([?&](?:api[-_]?)?(?:key|token)=)[^&\s'\"]+", r"\1***", text)
    text = re.sub(r"//[^/\s@]+@", "//***@", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return (text[:300] + "...") if len(text) > 300 else text or type(error).__name__


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"a request cannot hold the number {value}", hint="JSON has no such number.")
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value
