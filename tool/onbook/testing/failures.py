"""Why a send failed, whether it may pass when sent again, and how it is told: never with anything secret in it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from onbook.testing import local

# A shorter value of a variable that sounds secret ("true", "none") is a word that any text may hold.
_SHORTEST_SECRET = 6
_SHORTEST_LEAK = 12


class Failure(NamedTuple):
    """Why a send failed, what to do, whether it may pass, and the seconds that the provider asks to wait."""

    cause: str
    hint: str
    passing: bool = False
    asked_wait_s: float = 0.0


def failure_of(litellm: Any, model: str, error: Exception, *, timeout_s: float, longest_wait_s: float) -> Failure:
    """Judge what litellm raised. 408, 429, 5xx, a silence and a broken connection may pass; everything else does not.

    Args:
        timeout_s: the seconds that the send was given.
        longest_wait_s: a provider that asks for more is given up.
    """
    cause = cause_of(error)
    status = getattr(error, "status_code", None) or 400
    body = getattr(error, "body", None)
    # litellm reports some keys that are not set as 500, and any exception of its own.
    missing = [] if local.is_local(model) else litellm.validate_environment(model)["missing_keys"]
    if isinstance(error, TimeoutError | litellm.Timeout):
        hint = "Ask again, or allow shorter answers (maxCompletionTokens)."
        failure = Failure(f"no answer within {timeout_s:g} s", hint, passing=True)
    elif missing and re.search(r"(?i)credential|api.?key|environment variable|unauthori", cause):
        failure = Failure(cause, f"Set {' / '.join(missing)} in the environment.")
    elif re.search("No module named|pip install", cause):
        failure = Failure(cause, "Install what litellm needs for this provider.")
    elif isinstance(error, litellm.UnsupportedParamsError):
        failure = Failure(cause, "Take what is not supported out of the prompt's modelParameters.")
    elif isinstance(body, Mapping) and body.get("code") == "insufficient_quota":
        failure = Failure(cause, "The account's quota is used up: waiting does not help.")
    elif status in (408, 429) or status >= 500:
        wait = asked_wait(getattr(error, "litellm_response_headers", None) or {})
        if wait > longest_wait_s:
            cause += f"; the provider asks to wait {wait:.0f} s"
        failure = Failure(cause, "Ask again later: what was answered is kept.", True, wait)
    elif status in (401, 403):
        name = f"{model.partition('/')[0].upper()}_API_KEY"
        where = f"in the environment variable {name}" if name in os.environ else "that the provider is given"
        failure = Failure(cause, f"Check the key {where}, and what the account may do.")
    else:
        hint = "Check the model's name (provider/model), and the prompt's modelParameters, responseFormat and tools."
        failure = Failure(cause, hint)
    return failure


def asked_wait(headers: Mapping[str, str]) -> float:
    """Seconds that a ``Retry-After`` header asks for: a number or an HTTP date (RFC 9110, 10.2.3)."""
    import email.utils
    import math
    from datetime import UTC, datetime

    value = str(headers.get("retry-after") or headers.get("Retry-After") or "")
    with contextlib.suppress(ValueError):
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else 0.0
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    return 0.0


def secrets() -> dict[str, str]:
    """The values of environment variables that sound like credentials, each with its variable's name."""
    return {
        value: name
        for name, value in os.environ.items()
        if re.search(r"(?i)key|token|secret|password|credential", name) and len(value) >= _SHORTEST_SECRET
    }


def leaked(texts: Iterable[str], secrets: Mapping[str, str]) -> str | None:
    """The variable whose value one of the texts holds, or None."""
    for text in texts:
        for value, name in secrets.items():
            if len(value) >= _SHORTEST_LEAK and value in text:
                return name
    return None


def cause_of(error: Exception) -> str:
    """One line of what went wrong, without litellm's prefixes and advice, and without anything secret."""
    text = str(error).partition("Traceback (most recent call last)")[0].partition("To drop ")[0]
    text = re.sub(r"^(?:litellm\.)?(?:\w+(?:Error|Exception)\b(?: - |: | ))+|^\w+Exception - ", "", text.strip())
    text = re.sub(r"^(?:\w+\.)?\w+(?:Error|Exception): ", "", text)
    text = re.sub(r"^\w+Exception - ", "", text)
    for value in secrets():
        text = text.replace(value, "***")
    text = re.sub(r"(?i)\b(sk-|bearer )[\w.*~+/=-]+", r"\1***", text)
    text = re.sub(r"(?i)([?&](?:api[-_]?)?(?:key|token)=)[^&\s'\"]+", r"\1***", text)
    text = re.sub(r"//[^/\s@]+@", "//***@", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return (text[:300] + "...") if len(text) > 300 else text or type(error).__name__
