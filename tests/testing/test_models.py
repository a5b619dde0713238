from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from onbook.errors import UsageError
from onbook.testing import local
from onbook.testing.models import SENDS
from onbook.testing.request import Request
from support import ask
from support.openai_server import (
    HANG,
    MALFORMED,
    RESET,
    OpenAIServer,
    Received,
    Reply,
    answer,
    failure,
    rate_limited,
)

GPT = "openai/gpt-4.1-2025-04-14"
MESSAGES = ({"role": "system", "content": "Sort tickets."}, {"role": "user", "content": "Two charges, señor 🙂"})
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "r", "schema": {"type": "object"}}}
FULL = Request(GPT, MESSAGES, {"temperature": 0.5, "stop": ["x"]}, FORMAT, (TOOL,), 1)


# --- requests: nothing is imported, nothing is sent


def test_canonical_leaves_out_what_is_empty() -> None:
    assert Request(GPT, MESSAGES, {}).canonical() == {"model": GPT, "messages": list(MESSAGES)}


def test_canonical_is_plain_json_and_holds_every_part() -> None:
    canonical = FULL.canonical()
    assert json.loads(json.dumps(canonical)) == canonical
    assert list(canonical) == ["model", "messages", "parameters", "response_format", "tools", "repeat"]


def test_canonical_of_the_local_model_holds_its_weights() -> None:
    assert Request("local/smollm2-135m", MESSAGES, {}).canonical()["weights"] == local.WEIGHTS_SHA256


def test_key_is_the_one_that_recordings_hold() -> None:
    # Frozen: a different key here orphans every recording there is.
    text = (
        '{"messages":[{"content":"Sort tickets.","role":"system"},{"content":"Two charges, señor 🙂","role":"user"}],'
        '"model":"openai/gpt-4.1-2025-04-14","parameters":{"stop":["x"],"temperature":0.5},"repeat":1,'
        '"response_format":{"json_schema":{"name":"r","schema":{"type":"object"}},"type":"json_schema"},'
        '"tools":[{"function":{"name":"find","parameters":{"properties":{},"type":"object"}},"type":"function"}]}'
    )
    assert FULL.key() == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert FULL.key() == "sha256:362f593ddb336126f78e7cb547f4b4edbc70d9e5f16a3640e86a24b1bef3a23e"


@pytest.mark.parametrize(
    "other",
    [
        replace(FULL, model="openai/gpt-4.1-mini-2025-04-14"),
        replace(FULL, messages=MESSAGES[::-1]),
        replace(FULL, messages=(MESSAGES[0], {"role": "user", "content": "Two charges, señor 🙂 "})),
        replace(FULL, messages=(MESSAGES[0], {"role": "assistant", "content": MESSAGES[1]["content"]})),
        replace(FULL, parameters={"temperature": 0.6, "stop": ["x"]}),
        replace(FULL, parameters={"temperature": 0.5}),
        replace(FULL, response_format={"type": "json_object"}),
        replace(FULL, response_format=None),
        replace(FULL, tools=()),
        replace(FULL, repeat=0),
    ],
)
def test_key_changes_with_any_part(other: Request) -> None:
    assert other.key() != FULL.key()


@pytest.mark.parametrize(
    "other",
    [
        replace(FULL, parameters={"stop": ["x"], "temperature": 0.5}),
        replace(FULL, parameters={"stop": ("x",), "temperature": 0.5}),
        replace(FULL, messages=tuple({"content": it["content"], "role": it["role"]} for it in MESSAGES)),
    ],
)
def test_key_stays_with_what_means_the_same(other: Request) -> None:
    assert other.key() == FULL.key()


def test_key_takes_equal_numbers_as_one() -> None:
    assert replace(FULL, parameters={"temperature": 1.0}).key() == replace(FULL, parameters={"temperature": 1}).key()


def test_key_of_text_that_is_no_unicode() -> None:
    assert replace(FULL, messages=({"role": "user", "content": "\ud800"},)).key().startswith("sha256:")


def test_key_ignores_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    before = FULL.key()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-anything")
    assert FULL.key() == before


def test_canonical_refuses_a_number_that_json_has_not() -> None:
    with pytest.raises(UsageError, match="nan"):
        replace(FULL, parameters={"temperature": math.nan}).canonical()


def test_importing_models_imports_no_model_library() -> None:
    code = "import sys, onbook.testing.models; print({'litellm', 'openai', 'asyncio', 'ssl'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_litellm_the_error_holds_the_command(tmp_path: Any) -> None:
    # -S leaves out everything that is installed; onbook itself is then found by PYTHONPATH.
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from onbook.errors import OnbookError\n"
        "from onbook.testing.models import Request, ask\n"
        "try: ask(Request('openai/x', (), {}))\n"
        "except OnbookError as error: print(error.exit_code, error)"
    )
    root = str(local.__file__).removesuffix("/onbook/testing/local.py")
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", code, root], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "3 litellm is not installed",
        "  Run:",
        "  python -m pip install litellm==1.106.2",
    ]


# --- calls: one process asks servers that follow a script; each test looks at one of its rounds

SECRET = "sk-quite-secret-4711"
PLAIN = Request(GPT, MESSAGES, {})


class Round(NamedTuple):
    outcome: list[dict[str, Any]]
    received: list[Received]
    peak: int

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [it["answer"] for it in self.outcome]

    @property
    def error(self) -> dict[str, Any]:
        assert len(self.outcome) == 1
        return self.outcome[0]


CALL = {"type": "function", "function": {"name": "find", "arguments": "{}"}}

# What each server replies, and what it is asked.
ROUNDS: dict[str, tuple[list[Reply], list[Request]]] = {
    "sound": ([], [replace(FULL, parameters={"temperature": 0, "seed": 3, "max_completion_tokens": 9, "stop": ["x"]})]),
    "unpriced": ([], [replace(PLAIN, model="openai/our-own", parameters={"top_k": 3})]),
    "tools": ([answer(None, finish="tool_calls", tool_calls=[{"id": "call_83", **CALL}])], [PLAIN]),
    "passing": ([rate_limited(0.4), failure(500, "boom"), RESET, MALFORMED, answer("at last")], [PLAIN]),
    "down": ([failure(503, "overloaded")] * 9, [PLAIN]),
    "hang": ([HANG], [PLAIN]),
    "unauthorised": ([failure(401, f"Incorrect API key provided: {SECRET} (sk-qu****4711)")], [PLAIN]),
    "bad": ([failure(400, "Unsupported value: 'temperature'")], [PLAIN]),
    "unknown": ([failure(404, "The model does not exist", code="model_not_found")], [PLAIN]),
    "quota": ([failure(429, "You exceeded your quota", code="insufficient_quota")], [PLAIN]),
    "patience": ([rate_limited(3600)], [PLAIN]),
    "empty": ([answer(""), answer("cut o", finish="length")], [PLAIN, PLAIN]),
    "choiceless": ([Reply(body=b'{"id": "1", "object": "chat.completion", "model": "m", "choices": []}')], [PLAIN]),
    "refused": ([], [replace(PLAIN, model="openai/o1", parameters={"temperature": 0})]),
    "elsewhere": ([], [replace(PLAIN, parameters={"api_base": "http://elsewhere.invalid"})]),
    "together": ([Reply(delay_s=0.1)] * 9, [PLAIN] * 9),
}


@pytest.fixture(scope="module")
def rounds() -> Iterator[dict[str, Round]]:
    ask.need_local_model()
    with ExitStack() as stack:
        servers = {name: stack.enter_context(OpenAIServer(script)) for name, (script, _) in ROUNDS.items()}
        asked = [
            {
                "requests": [_fields(request) for request in requests],
                "env": {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": servers[name].url},
                "concurrency": 1 if name == "empty" else 3,
            }
            for name, (_, requests) in ROUNDS.items()
        ]
        outcomes = ask.run(asked, env={"OPENAI_API_BASE": None}, fresh=True, BACKOFF_S=0.01, TIMEOUT_S=2.0)
        yield {
            name: Round(outcome, server.received, server.peak)
            for (name, server), outcome in zip(servers.items(), outcomes, strict=True)
        }


def _fields(request: Request) -> dict[str, object]:
    return {name: getattr(request, name) for name in Request.__slots__}


@pytest.mark.local_model
class TestCalls:
    def test_answer(self, rounds: dict[str, Round]) -> None:
        (given,) = rounds["sound"].answers
        assert given["text"] == "ok"
        assert given["finish"] == "stop"
        assert given["model"] == "gpt-4.1-2025-04-14"
        assert given["usage"] == {"prompt_tokens": 11, "completion_tokens": 5}
        assert given["cost"] == pytest.approx(11 * 2e-6 + 5 * 8e-6)
        assert given["engine"] == "litellm 1.106.2"
        assert given["latency_ms"] >= 0

    def test_everything_asked_reaches_the_provider_and_nothing_else(self, rounds: dict[str, Round]) -> None:
        (received,) = rounds["sound"].received
        assert received.body == {
            "model": "gpt-4.1-2025-04-14",
            "messages": list(MESSAGES),
            "temperature": 0,
            "seed": 3,
            "max_completion_tokens": 9,
            "stop": ["x"],
            "response_format": FORMAT,
            "tools": [TOOL],
        }

    def test_no_price_is_no_cost(self, rounds: dict[str, Round]) -> None:
        assert [it["cost"] for it in rounds["unpriced"].answers] == [None]
        assert rounds["unpriced"].received[0].body["top_k"] == 3

    def test_tool_calls_come_without_their_chance_ids(self, rounds: dict[str, Round]) -> None:
        (given,) = rounds["tools"].answers
        assert (given["text"], given["finish"]) == ("", "tool_calls")
        assert given["tool_calls"] == [{"type": "function", "function": {"name": "find", "arguments": "{}"}}]

    def test_what_may_pass_is_sent_again(self, rounds: dict[str, Round]) -> None:
        assert [it["text"] for it in rounds["passing"].answers] == ["at last"]
        received = rounds["passing"].received
        assert len(received) == 5
        assert received[1].at - received[0].at >= 0.4, "Retry-After was not honoured"

    def test_a_provider_that_stays_down_is_given_up(self, rounds: dict[str, Round]) -> None:
        assert len(rounds["down"].received) == SENDS == 8
        assert rounds["down"].error["error"] == f"{GPT}: overloaded (sent 8 times)"

    def test_silence_is_not_waited_out(self, rounds: dict[str, Round]) -> None:
        assert [it["text"] for it in rounds["hang"].answers] == ["ok"]
        assert len(rounds["hang"].received) == 2

    def test_a_refused_key_is_sent_once_and_never_told(self, rounds: dict[str, Round]) -> None:
        assert len(rounds["unauthorised"].received) == 1
        error = rounds["unauthorised"].error
        assert "Incorrect API key provided: ***" in error["error"]
        assert "OPENAI_API_KEY" in error["hint"]

    def test_no_outcome_holds_the_key(self, rounds: dict[str, Round]) -> None:
        told = json.dumps([it.outcome for it in rounds.values()])
        assert SECRET not in told
        assert "4711" not in told
        assert f"Bearer {SECRET}" in rounds["sound"].received[0].headers.values(), "the key was not sent at all"

    @pytest.mark.parametrize(
        ("name", "cause", "hint"),
        [
            ("bad", "Unsupported value: 'temperature'", "modelParameters"),
            ("unknown", "The model does not exist", "model's name"),
            ("quota", "You exceeded your quota", "quota is used up"),
            ("patience", "the provider asks to wait 3600 s", "later"),
            ("choiceless", "the answer holds no choice", "OpenAI's protocol"),
        ],
    )
    def test_what_cannot_pass_is_sent_once(self, rounds: dict[str, Round], name: str, cause: str, hint: str) -> None:
        assert len(rounds[name].received) == 1
        error = rounds[name].error
        assert error["error"].startswith(f"{GPT}: ")
        assert cause in error["error"]
        assert hint in error["hint"]

    def test_empty_and_cut_answers_are_told_by_finish(self, rounds: dict[str, Round]) -> None:
        assert [(it["text"], it["finish"]) for it in rounds["empty"].answers] == [("", "stop"), ("cut o", "length")]

    def test_an_unsupported_parameter_is_not_dropped(self, rounds: dict[str, Round]) -> None:
        assert rounds["refused"].received == []
        assert rounds["refused"].error["error"].startswith("openai/o1: O-series models don't support temperature=0")

    def test_a_prompt_cannot_say_where_the_key_goes(self, rounds: dict[str, Round]) -> None:
        assert rounds["elsewhere"].received == []
        assert rounds["elsewhere"].error["error"] == f"{GPT}: api_base cannot be set for this model"
        assert "seed, stop, temperature" in rounds["elsewhere"].error["hint"]

    def test_no_more_at_once_than_asked(self, rounds: dict[str, Round]) -> None:
        assert len(rounds["together"].answers) == 9
        assert rounds["together"].peak <= 3

    def test_no_answer_takes_longer_than_its_budget_of_time(self) -> None:
        """However many sends are left: silence, and bytes that trickle in so that no single read times out."""
        ask.need_local_model()
        trickle = Reply(how="trickle", delay_s=0.1)
        with OpenAIServer([HANG] * 9) as silent, OpenAIServer([trickle] * 9) as slow:
            outcomes = ask.run(
                [
                    {"requests": [_fields(PLAIN)], "env": {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": server.url}}
                    for server in (silent, slow)
                ],
                env={"OPENAI_API_BASE": None},
                BACKOFF_S=0.01,
                TIMEOUT_S=0.5,
                TOTAL_S=1.25,
            )
            # How many fit in is the machine's affair; that there are nine to take is not what ends it.
            assert len(silent.received) <= 3
            assert len(slow.received) <= 3
        for (outcome,) in outcomes:
            assert "no answer within" in outcome["error"]

    def test_without_a_key_the_hint_names_its_variable(self, tmp_path: Any) -> None:
        ask.need_local_model()
        names = (
            "OPENAI_API_KEY",
            "OPENAI_ADMIN_KEY",
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "GEMINI_API_KEY",
            "GOOGLE_API_KEY",
        )
        models = (GPT, "anthropic/claude-3-haiku-20240307", "gemini/gemini-2.0-flash")
        (outcome,) = ask.run(
            [{"requests": [_fields(replace(PLAIN, model=model)) for model in models], "concurrency": 1}],
            env=dict.fromkeys(names),
        )
        # Each provider has a queue of its own, so they come in any order.
        assert sorted(it["hint"] for it in outcome) == [
            "Set ANTHROPIC_API_KEY in the environment.",
            "Set GOOGLE_API_KEY / GEMINI_API_KEY in the environment.",
            "Set OPENAI_API_KEY in the environment.",
        ]

    def test_no_env_file_is_read(self, tmp_path: Any) -> None:
        ask.need_local_model()
        (tmp_path / ".env").write_text("ONBOOK_PROBE=read")
        code = "import os; from onbook.testing import models; models._litellm(); print(os.environ.get('ONBOOK_PROBE'))"
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "None"
