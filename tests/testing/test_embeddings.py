"""Similarity by embeddings: asked for once, recorded small, replayed without anybody."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest

from onbook.testing.assertions.embeddings import cosine
from onbook.testing.embedder import embedded
from support import ask
from support.openai_server import OpenAIServer, Reply, failure
from support.running import RECORDINGS, desk

EMBEDDER = "openai/text-embedding-3-small"
SUITE = f"""\
assert:
  - similarity: {{to: ["{{{{ticket}}}} sort this", zzz], min: 0.99, by: embedding, model: {EMBEDDER}}}
"""


def test_the_cosine_is_that_of_the_vectors() -> None:
    chance = random.Random(3)
    for size in (1, 2, 384, 3072):
        one, other = ([chance.gauss(0, 1) for _ in range(size)] for _ in range(2))
        exact = math.fsum(a * b for a, b in zip(one, other, strict=True)) / math.dist(one, [0] * size)
        assert cosine(embedded([one, other])) == pytest.approx(exact / math.dist(other, [0] * size), abs=1e-6)
        assert cosine(embedded([one, [3 * each for each in one]])) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("wrong", [[[1.0]], [[1.0], [1.0, 2.0]], [[], []], [[float("nan")], [1.0]], [["x"], [1.0]]])
def test_what_are_no_two_vectors_of_one_space_is_not_recorded(wrong: list[list[float]]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        embedded(wrong)


@pytest.mark.local_model
def test_embeddings_are_asked_for_once_recorded_and_replayed(tmp_path: Path) -> None:
    ask.need_local_model()
    with OpenAIServer(echo=True) as server:
        here = desk(tmp_path / "r", 3, server.url, suite=SUITE)
        assert "the answer is not recorded" not in here.test(exits=3)[0]
        row = here.row("--record", "--max-cost", "1")
        asked = [it for it in server.received if it.path.endswith("/embeddings")]
        assert (row["passed"], len(server.received), len(asked)) == (3, 9, 6)
        texts = {str(it.body["input"]) for it in asked}
        assert str(["Sort this: ticket 0", "ticket 0 sort this"]) in texts
        assert str(["Sort this: ticket 0", "zzz"]) in texts
        lines = [json.loads(line) for line in (here.root / RECORDINGS).read_text("utf-8").splitlines()]
        kept = [line for line in lines if line.get("assertion") == "similarity"]
        assert len(kept) == 6
        for line in kept:
            assert line["request"].keys() == {"model", "texts"}
            assert json.loads(line["response"]["text"]).keys() == {"dot", "norms", "dimensions"}
            assert line["cost"] > 0
        # Nobody is asked again, and nothing is dropped that is asked for.
        assert here.row("--record", "--prune")["passed"] == 3
        assert len(server.received) == 9
    assert here.row()["passed"] == 3
    here.write("prompts/a.suite.yml", SUITE.replace("sort this", "put that"))
    assert "what the embedding model says (similarity) is not recorded" in here.test(exits=3)[0]


@pytest.mark.local_model
def test_what_gives_no_embeddings_is_told(tmp_path: Path) -> None:
    ask.need_local_model()
    none = Reply(body=b'{"object": "list", "model": "m", "data": [], "usage": {"prompt_tokens": 1, "total_tokens": 1}}')
    for reply, says in ((none, "the answer holds no two embeddings"), (failure(404, "no such model"), "no such model")):
        with OpenAIServer([Reply(text="ticket"), reply, reply]) as server:
            here = desk(tmp_path / says[:10], 1, server.url, suite=SUITE)
            out, _ = here.test("--record", "--concurrency", "1", exits=3)
        assert "what the embedding model says (similarity) was not given" in out
        assert says in out
