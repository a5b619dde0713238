"""Requests, answers and recordings that no model gave: for what reads and writes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from onbook.testing.recording import Recording
from onbook.testing.request import Request, Response

GPT = "openai/gpt-4.1-2025-04-14"
PATH = "prompts/a.recordings.jsonl"


def request(text: str = "hello", **other: Any) -> Request:
    return Request(GPT, ({"role": "user", "content": text},), {"temperature": 0}, **other)


def response(text: str = "billing", **other: Any) -> Response:
    return replace(Response(text, (), "stop", GPT, {"prompt_tokens": 3}, 7, 0.25, "litellm 1"), **other)


def recording(case: str = "c", text: str = "hello", answer: str = "billing", **other: Any) -> Recording:
    return Recording.of(case, request(text, **other), response(answer))


def raw(*recordings: Recording) -> bytes:
    return b"".join(one.line() + b"\n" for one in recordings)
