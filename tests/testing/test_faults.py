"""A provider in a bad hour: every answer arrives once, or the run says which did not and why."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from onbook.testing.models import SENDS
from support import ask
from support.openai_server import MALFORMED, RESET, Faults, OpenAIServer, Received, Reply, failure, rate_limited
from support.running import ANY, desk, recorded_lines

QUICK = {"BACKOFF_S": 0.01, "TIMEOUT_S": 3.0}


class _Hard(OpenAIServer):
    """What a message meets when it is sent for the n-th time depends on the message and n alone."""

    LOST = {"ticket 7": "case-00007", "ticket 31": "case-00031"}  # noqa: RUF012
    KINDS = (rate_limited(0.05), failure(500, "internal error"), RESET, MALFORMED, failure(503, "busy"))

    def __init__(self) -> None:
        super().__init__(echo=True)
        self._seen: Counter[str] = Counter()

    def next(self, received: Received) -> Reply:
        sound = super().next(received)
        messages: Any = received.body["messages"]
        text = messages[-1]["content"].removeprefix("Sort this: ")
        number = int(text.rpartition(" ")[2])
        self._seen[text] += 1
        if text in self.LOST:
            return failure(500, "down for good")
        if self._seen[text] <= number % SENDS:
            return self.KINDS[(number + self._seen[text]) % len(self.KINDS)]
        return sound


@pytest.mark.local_model
class TestFaults:
    def test_under_faults_every_answer_arrives_once(self, tmp_path: Path) -> None:
        """The faults of a bad hour by chance, and answers that are none: those are errors, and not sent again."""
        ask.need_local_model()
        faults = Faults(rate_limited=0.1, failing=0.1, reset=0.03, malformed=0.03, empty=0.02, truncated=0.02)
        with OpenAIServer(faults=faults, echo=True) as server:
            here = desk(tmp_path / "r", 120, server.url)
            report = here.report("--record", "--concurrency", "30", exits=ANY, constants=QUICK)
            (row,) = report["data"]["prompts"]
            kept = list(recorded_lines(here))
            assert len({it.case for it in kept}) == len(kept) == row["cases"] == 120
            empty = [it for it in kept if not it.response.text]
            assert row["errors"] == len(empty) > 0
            assert row["failed"] == 0, "an answer that is none is no failed assertion"
            assert row["passed"] == 120 - len(empty)
            assert len(server.received) > 120

    def test_whatever_each_case_meets_all_arrive_but_what_never_does_and_that_is_named(self, tmp_path: Path) -> None:
        """Each case meets other faults, in another order, up to one less than is sent; two meet nothing else."""
        ask.need_local_model()
        with _Hard() as server:
            here = desk(tmp_path / "r", 40, server.url)
            out, _ = here.test("--record", "--concurrency", "20", exits=3, constants=QUICK)
            report = here.report("--record", "--concurrency", "20", exits=3, constants=QUICK)
            sends = Counter(str(it.body["messages"]) for it in server.received)
        (row,) = report["data"]["prompts"]
        assert (row["passed"], row["missing"], row["not_run"]) == (38, 2, 0)
        assert {it.case for it in recorded_lines(here)} == {f"case-{n:05}" for n in range(40)} - set(
            _Hard.LOST.values()
        )
        told = [it for it in report["checks"][0]["findings"] if it["slug"] == "not-recorded"]
        why = f"the answer was not given: openai/gpt-4.1-2025-04-14: down for good (sent {SENDS} times)"
        for text, id in _Hard.LOST.items():
            assert f"case {id!r} on openai/gpt-4.1-2025-04-14: {why}" in [it["message"] for it in told]
            assert id in out
            # Asked again by the second run, and nothing else is.
            assert [count for asked, count in sends.items() if f"{text}'" in asked] == [2 * SENDS]
        assert out.count(why) == len(told) == 2
        assert max(count for asked, count in sends.items() if count != 2 * SENDS) == SENDS

    def test_one_layer_of_retries_with_a_budget_of_sends(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer([failure(503, "overloaded")] * 50) as server:
            here = desk(tmp_path / "r", 1, server.url)
            out, _ = here.test("--record", exits=3, constants=QUICK)
            assert len(server.received) == SENDS
            assert f"sent {SENDS} times" in out

    def test_5xx_is_retried_by_default(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer([failure(500, "a"), failure(502, "b"), failure(529, "c")], echo=True) as server:
            here = desk(tmp_path / "r", 1, server.url)
            assert here.row("--record")["passed"] == 1
            assert len(server.received) == 4
