"""The model for embeddings that runs here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from onbook.errors import IntegrityError, OnbookError
from onbook.testing import embedder, local
from onbook.testing.assertions.embeddings import cosine
from onbook.testing.limits import Limits, Meter
from onbook.testing.request import ModelError, NotAskedError, Request, Response
from support import ask
from support.openai_server import OpenAIServer
from support.running import RECORDINGS, desk

MODEL = "local/wordllama-256"
ROOT = Path(__file__).parents[2]

needs_model = pytest.mark.skipif(not embedder.available(), reason="needs wordllama, which has no wheel for this Python")


def asked(*texts: str, meter: Meter | None = None, model: str = MODEL) -> Response | ModelError:
    """What comes of one request."""
    came: list[Response | ModelError] = []
    request = Request(model, (), {}, texts=texts)
    embedder.ask_all([request], meter or Meter(), lambda _, it: came.append(it), lambda _, it: came.append(it))
    (one,) = came
    return one


def near(one: str, other: str) -> float:
    response = asked(one, other)
    assert isinstance(response, Response)
    return cosine(response.text)


@needs_model
@pytest.mark.parametrize(
    ("text", "near_to", "far_from"),
    [
        ("You are refunded.", "Your money comes back.", "The weather is fine."),
        ("The meeting is cancelled.", "We do not meet after all.", "Add two spoons of sugar."),
        ("Reset your password here.", "You can choose new login data.", "Our shop opens at nine."),
    ],
)
def test_what_means_the_same_is_nearer(text: str, near_to: str, far_from: str) -> None:
    assert near(text, near_to) > near(text, far_from) + 0.1
    assert near(text, text) == pytest.approx(1, abs=1e-6)


@needs_model
def test_the_vectors_are_those_of_the_package() -> None:
    texts = [
        "You are refunded.",
        "Die R\u00fcckerstattung dauert.",
        "\u65e5\u672c\u8a9e \U0001f600",
        "a" * 20_000,
    ]
    # It sets up everybody's logging as it is imported, and asks a hub unless it is told where its tokenizer stands.
    code = """
import json, pathlib, sys, wordllama
model = wordllama.WordLlama.load(cache_dir=pathlib.Path(wordllama.__file__).parent, disable_download=True)
print(json.dumps([model.embed(text)[0].tolist() for text in json.load(sys.stdin)]))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    theirs = json.loads(run.stdout)
    for text, other, one, two in zip(texts, texts[1:], theirs, theirs[1:], strict=False):
        assert near(text, other) == pytest.approx(cosine(embedder.embedded([one, two])), abs=1e-4)


@needs_model
def test_an_answer_says_what_made_it() -> None:
    response = asked("You are refunded.", "Your money comes back.")
    assert isinstance(response, Response)
    assert (response.model, response.engine, response.cost) == ("wordllama-256", "wordllama 0.4.0.post1", 0.0)
    assert json.loads(response.text).keys() == {"dot", "norms", "dimensions"}
    assert response.usage["prompt_tokens"] >= 8


@needs_model
def test_the_examples_of_the_page_are_what_it_says() -> None:
    page = (ROOT / "docs/assertions.md").read_text("utf-8")
    for text in ("Your money comes back.", "Our shop opens at nine."):
        response = asked(text, "You are refunded.")
        assert isinstance(response, Response)
        assert f"answer: {text}\nsaid: '{response.text}'" in page


@needs_model
def test_what_cannot_be_embedded_is_told() -> None:
    for texts, says in ((("", "a"), "an empty text has no embedding"), ((), "gives embeddings and no answers")):
        error = asked(*texts)
        assert isinstance(error, ModelError)
        assert says in error.message
    half = asked("half \ud83d a character", "a")
    assert isinstance(half, Response)
    refused = asked("a", "b", meter=Meter(Limits(max_calls=0)))
    assert isinstance(refused, NotAskedError)


def test_other_files_and_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh() -> Any:
        embedder._model.cache_clear()
        return embedder._model()

    package = tmp_path / "wordllama"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('it must not be imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(IntegrityError, match="sha256 none") as raised:
        fresh()
    assert "wordllama==0.4.0.post1 --force-reinstall" in str(raised.value.hint)
    (package / "weights").mkdir()
    (package / "weights/l2_supercat_256.safetensors").write_bytes(b"other")
    with pytest.raises(IntegrityError, match="64b47a2dc493"):
        fresh()
    shutil.rmtree(package)
    monkeypatch.setattr(embedder, "_PACKAGE", "wordllama_that_nobody_has")
    with pytest.raises(OnbookError, match="is not installed") as missing:
        fresh()
    assert missing.value.exit_code == 3
    embedder._model.cache_clear()


@needs_model
@pytest.mark.local_model
def test_only_who_embeds_here_needs_nobody_else(tmp_path: Path) -> None:
    """The answers are recorded already: neither litellm nor a network is wanted for their embeddings."""
    ask.need_local_model()
    with OpenAIServer(echo=True) as server:
        here = desk(tmp_path / "r", 2, server.url)
        assert here.row("--record")["passed"] == 2
    here.write("prompts/a.suite.yml", _suite(0.3))
    assert here.row("--record")["passed"] == 2
    lines = [json.loads(line) for line in (here.root / RECORDINGS).read_text("utf-8").splitlines()]
    kept = [line for line in lines if line.get("assertion") == "similarity"]
    assert [line["request"]["model"] for line in kept] == [MODEL] * 2
    assert {line["request"]["weights"] for line in kept} == {local.WEIGHTS[MODEL]}
    here.write("prompts/a.suite.yml", _suite(0.99))
    assert here.row(exits=1)["failed"] == 2


def _suite(least: float) -> str:
    return f"assert:\n  - similarity: {{to: Sort this ticket., min: {least}, by: embedding, model: {MODEL}}}\n"
