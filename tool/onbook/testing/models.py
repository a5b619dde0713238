"""Models: the only door to litellm.

A request is onbook's own; litellm translates it for the provider. litellm takes seconds to import and is loud, so it is
imported where a call is made and kept quiet there. So are asyncio and its like: a replay needs the requests alone.
Retries are ours: litellm and the provider's client make none.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Protocol, cast

from onbook.testing import embedder, local
from onbook.testing.failures import failure_of, leaked, secrets
from onbook.testing.limits import Limits, Meter
from onbook.testing.request import ModelError, NotAskedError, Request, Response

# Sends of one request in all, the seconds that each may take (a reasoning model may well think for minutes), and the
# seconds for all of them and the waits between them. There is no other layer of retries that could multiply these.
# Where one send in four fails, as in a bad hour, eight of them leave out two answers of 100,000; five left out one of
# 1,000.
SENDS = 8
TIMEOUT_S = 300.0
TOTAL_S = 900.0
# The wait before the second send, doubled each time up to the longest of our own: half a minute in all. A provider that
# asks for more than the longest wait is given up.
BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 8.0
LONGEST_WAIT_S = 60.0
# A longer answer is an error and never cut: a recording is the whole answer. One line of the file holds it escaped.
MAX_ANSWER_BYTES = 256 * 1024

# What else litellm takes as an argument (`api_base`, `extra_headers`, `mock_response`) is not for a prompt file to say:
# it could send the key elsewhere.
PARAMETERS = local.PARAMETERS | {"logit_bias", "parallel_tool_calls", "reasoning_effort", "verbosity"}


def ask(request: Request) -> Response:
    """Ask one model once.

    Raises:
        ModelError: no usable answer came.
        OnbookError: nothing can be asked; see :func:`ask_all`.
    """
    answers: list[Response] = []
    errors: list[ModelError] = []
    waited(
        lambda: ask_all([request], on_answer=lambda _, it: answers.append(it), on_error=lambda _, it: errors.append(it))
    )
    if errors:
        raise errors[0]
    return answers[0]


def waited(begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run what :func:`ask_all` does to its end. Ctrl-C ends it, and nothing complains of what that cut off.

    Args:
        begin: calls it, once there is somebody to await it.

    litellm begins a call in a thread, which ends by giving back a coroutine. One whose asking was given up meanwhile is
    awaited by nobody, and Python would warn of it in the middle of what a person is told.
    """
    import asyncio

    interrupted = False
    asking = None
    with warnings.catch_warnings():
        # Not of what we ask ourselves: that would be a defect.
        warnings.filterwarnings("ignore", r"coroutine '(?!_ask\b)", RuntimeWarning)
        try:
            asking = begin()
            asyncio.run(asking)
        except KeyboardInterrupt:
            interrupted = True  # and what it holds is let go of here
        finally:
            if asking is not None:
                asking.close()  # it may not have begun
    if interrupted:
        raise KeyboardInterrupt


def provider_of(model: str) -> str:
    """Whose queue a model's requests wait in."""
    return model if local.is_local(model) else model.partition("/")[0]


class Queue(Protocol):
    """The requests to one provider, made as they are pulled. Its length is how many there are, as far as is known."""

    def __iter__(self) -> Iterator[Request]: ...

    def __len__(self) -> int: ...


async def ask_all(
    requests: Iterable[Request] | Mapping[str, Queue],
    *,
    meter: Meter | None = None,
    on_answer: Callable[[Request, Response], None],
    on_error: Callable[[Request, ModelError], None],
) -> None:
    """Ask for every request; each is told to one of the two functions as soon as it is settled.

    Args:
        requests: all of them, or a queue for each provider (see :func:`provider_of`).

    Each provider has a queue of its own; the local model is asked one request at a time, whatever the meter allows.
    Once the meter refuses, what was not sent is settled by a :class:`NotAskedError`.

    Raises:
        UsageError: a ``local/`` model that is not known.
        OnbookError: a package is missing or the local model's server does not start; nothing has been asked.
    """
    import asyncio

    meter = meter or Meter(Limits())
    queues = dict(_queues(requests))
    if local.EMBEDDER in queues:
        embedder.ask_all(queues.pop(local.EMBEDDER), meter, on_answer, on_error)
    if not queues:
        return
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(local.serve()) if local.CHAT in queues else None
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", module=r"(litellm|pydantic)\b")
        litellm = _litellm()
        known = secrets()

        async def work(queue: Iterator[Request], url: str | None) -> None:
            for request in queue:
                try:
                    response = await _ask(litellm, request, url, meter)
                    _check(request, response, known)
                except ModelError as error:
                    on_error(request, error)
                else:
                    on_answer(request, response)

        try:
            async with asyncio.TaskGroup() as group:
                for provider, waiting in queues.items():
                    near = provider == local.CHAT
                    queue = iter(waiting)
                    for _ in range(min(1 if near else meter.limits.concurrency, len(waiting))):
                        group.create_task(work(queue, url if near else None))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None  # what on_answer or on_error raised
        finally:
            # Its clients belong to this event loop: left open they complain at exit, left in its cache they fail later.
            await litellm.close_litellm_async_clients()
            litellm.in_memory_llm_clients_cache.flush_cache()


def _queues(requests: Iterable[Request] | Mapping[str, Queue]) -> Mapping[str, Queue]:
    if isinstance(requests, Mapping):
        return requests
    queues: dict[str, list[Request]] = {}
    for request in requests:
        queues.setdefault(provider_of(request.model), []).append(request)
    return queues


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


async def _ask(litellm: Any, request: Request, url: str | None, meter: Meter) -> Response:
    import asyncio
    import random

    arguments = _arguments(request, url)
    if meter.limits.max_cost is not None and not url and not _has_price(litellm, request.model):
        raise NotAskedError(
            f"{request.model}: no price is known, so --max-cost cannot be held",
            hint="Bound the run by --max-calls instead.",
        )
    began = time.monotonic()
    cause = ""
    for sends in range(1, SENDS + 1):
        if refusal := meter.refuses():
            raise NotAskedError(refusal + (f" after {cause}" if cause else ""), hint=RESUME)
        # The first send always has its whole time.
        timeout_s = min(TIMEOUT_S, max(TOTAL_S - (time.monotonic() - began), 0.001))
        try:
            # litellm's own timeout may start again with every byte that trickles in.
            async with asyncio.timeout(timeout_s + 1):
                meter.sent()
                started = time.perf_counter()
                call = litellm.aembedding if request.texts else litellm.acompletion
                answer = await call(**arguments, timeout=timeout_s)
                latency_ms = round((time.perf_counter() - started) * 1000)
            response = _response(litellm, request, answer, latency_ms)
            meter.paid(response.cost)
            return response
        except ModelError:
            raise
        except Exception as error:
            failure = failure_of(litellm, request.model, error, timeout_s=timeout_s, longest_wait_s=LONGEST_WAIT_S)
            cause = failure.cause
            backoff = min(BACKOFF_S * 2 ** (sends - 1), LONGEST_BACKOFF_S)
            wait = max(failure.asked_wait_s, random.uniform(0.5, 1) * backoff)  # noqa: S311
            late = time.monotonic() - began + wait >= TOTAL_S
            if not failure.passing or sends == SENDS or wait > LONGEST_WAIT_S or late:
                times = f" (sent {sends} times)" if sends > 1 else ""
                raise ModelError(f"{request.model}: {cause}{times}", hint=failure.hint) from None
        await asyncio.sleep(wait)
    raise AssertionError("unreachable")


RESUME = (
    "Run the same command again: --record has kept what was answered, and asks for only the rest; --live begins anew."
)


def _check(request: Request, response: Response, secrets: Mapping[str, str]) -> None:
    """Raises ModelError for an answer that must not be recorded."""
    texts = [response.text, json.dumps(response.tool_calls, ensure_ascii=False)]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if size > MAX_ANSWER_BYTES:
        raise ModelError(
            f"{request.model}: the answer has {size:,} bytes; at most {MAX_ANSWER_BYTES:,} are kept",
            hint="Ask for less, or set maxCompletionTokens.",
        )
    if name := leaked(texts, secrets):
        raise ModelError(
            f"{request.model}: the answer holds the value of the environment variable {name}, so it is not kept",
            hint="Find out how the credential came into the prompt or its inputs, and replace the credential.",
        )


def _has_price(litellm: Any, model: str) -> bool:
    try:
        litellm.cost_per_token(model=model, prompt_tokens=1, completion_tokens=1)
    except Exception:  # whatever it raises for a model that it has no price for
        return False
    return True


def _arguments(request: Request, url: str | None) -> dict[str, object]:
    known = local.PARAMETERS if url else PARAMETERS
    unknown = sorted(set(request.parameters) - known)
    if unknown:
        raise ModelError(
            f"{request.model}: {', '.join(unknown)} cannot be set for this model",
            hint=f"Take it out of the model parameters. Those that can be set: {', '.join(sorted(known))}.",
        )
    if request.texts:
        return {"model": request.model, "input": list(request.texts), "num_retries": 0, "max_retries": 0}
    plain = request.canonical()
    parts = ("model", "messages", "response_format", "tools")
    arguments: dict[str, Any] = {name: plain[name] for name in parts if name in plain}
    arguments |= cast(dict[str, object], plain.get("parameters", {}))
    # With tools, litellm 1.106.2 looks for a gateway of its own and fails where the package mcp is missing.
    arguments |= {"num_retries": 0, "max_retries": 0, "_skip_mcp_handler": True}
    if url:
        import urllib.request

        if not urllib.request.proxy_bypass("127.0.0.1"):  # a proxy for the outside cannot reach loopback
            direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
            os.environ["no_proxy"] = os.environ["NO_PROXY"] = f"{direct},127.0.0.1".lstrip(",")
        arguments |= {"model": f"openai/{local.NAME}", "api_base": f"{url}/v1", "api_key": "none"}
    return arguments


def _embedding(litellm: Any, request: Request, answer: Any, latency_ms: int) -> Response:
    try:
        text = embedder.embedded([each["embedding"] for each in answer.data])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ModelError(
            f"{request.model}: the answer holds no two embeddings of one space",
            hint="Name a model that gives embeddings.",
        ) from None
    usage = getattr(answer, "usage", None)
    return Response(
        text=text,
        tool_calls=(),
        finish="stop",
        model=str(answer.model or ""),
        usage={"prompt_tokens": int(getattr(usage, "prompt_tokens", 0) or 0), "completion_tokens": 0},
        latency_ms=latency_ms,
        cost=_cost(litellm, request.model, answer),
        engine=_engine(),
    )


def _response(litellm: Any, request: Request, answer: Any, latency_ms: int) -> Response:
    if request.texts:
        return _embedding(litellm, request, answer, latency_ms)
    if not getattr(answer, "choices", None):
        raise ModelError(
            f"{request.model}: the answer holds no choice",
            hint="Ask again; if it stays so, what stands behind the model's address does not speak OpenAI's protocol.",
        )
    choice = answer.choices[0]
    calls = choice.message.tool_calls or ()
    usage = getattr(answer, "usage", None)
    near = local.is_local(request.model)
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
        cost=0.0 if near else _cost(litellm, request.model, answer),
        engine=local.engine() if near else _engine(),
    )


def _cost(litellm: Any, model: str, answer: Any) -> float | None:
    # litellm has counted it already, for its own log; asking again takes a tenth of what a call takes.
    known = (getattr(answer, "_hidden_params", None) or {}).get("response_cost")
    if isinstance(known, int | float) and known > 0:
        return float(known)
    try:
        return float(litellm.completion_cost(completion_response=answer, model=model))
    except Exception:  # whatever it raises for a model that it has no price for
        return None


@cache
def _engine() -> str:
    import importlib.metadata

    return f"litellm {importlib.metadata.version('litellm')}"
