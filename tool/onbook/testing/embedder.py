"""The model for embeddings that runs here: WordLlama, a table with one vector for each token.

The embedding of a text is the mean of the vectors of its tokens. It knows which words are near to each other, and
nothing of their order. Only the table and the tokenizer are read from the installed package: the package itself would
look for its tokenizer on a hub, and sets up everybody's logging.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from onbook.errors import IntegrityError, OnbookError
from onbook.testing import local
from onbook.testing.limits import Meter
from onbook.testing.request import ModelError, NotAskedError, Request, Response

VERSION = "0.4.0.post1"
_PACKAGE = "wordllama"
_TABLE = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_SHA256 = {
    _TABLE: local.WEIGHTS[local.EMBEDDER],
    _TOKENIZER: "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
}
_AT_ONCE = 4096  # tokens whose vectors are held: an answer may have a hundred thousand

_INSTALL = f"python -m pip install {_PACKAGE}=={VERSION}"


def available() -> bool:
    """Whether the model's package is installed. Imports nothing."""
    return importlib.util.find_spec(_PACKAGE) is not None


def ask_all(
    requests: Iterable[Request],
    meter: Meter,
    on_answer: Callable[[Request, Response], None],
    on_error: Callable[[Request, ModelError], None],
) -> None:
    """Embed the texts of every request, one after the other; see :func:`onbook.testing.models.ask_all`.

    Raises:
        OnbookError: the package is missing.
        IntegrityError: its files are not those that recordings are pinned to.
    """
    _model()
    for request in requests:
        try:
            if refusal := meter.refuses():
                raise NotAskedError(refusal)
            meter.sent()
            response = _answer(request)
        except ModelError as error:
            on_error(request, error)
        else:
            on_answer(request, response)


def embedded(vectors: Sequence[Sequence[float]]) -> str:
    """What is recorded of two embeddings: all that their cosine needs, to nine digits, and not thousands of numbers.

    Raises:
        ValueError, TypeError: they are not two vectors of numbers of one space.
    """
    one, other = ([float(number) for number in vector] for vector in vectors)
    numbers = [sum(a * b for a, b in zip(one, other, strict=True)), math.hypot(*one), math.hypot(*other)]
    if not one or not all(map(math.isfinite, numbers)):
        raise ValueError
    dot, *norms = (float(f"{number:.9g}") for number in numbers)
    return json.dumps({"dot": dot, "norms": norms, "dimensions": len(one)})


def _answer(request: Request) -> Response:
    if not request.texts:
        message = f"{request.model}: it gives embeddings and no answers"
        raise ModelError(message, hint=f"Ask {local.CHAT} or a provider's model.")
    began = time.perf_counter()
    tokenizer, table = _model()
    tokens = [tokenizer.encode(_sound(text), add_special_tokens=False).ids for text in request.texts]
    if not all(tokens):
        raise ModelError(f"{request.model}: an empty text has no embedding")
    return Response(
        text=embedded([_mean(table, each) for each in tokens]),
        tool_calls=(),
        finish="stop",
        model=request.model.removeprefix(local.PREFIX),
        usage={"prompt_tokens": sum(map(len, tokens)), "completion_tokens": 0},
        latency_ms=round((time.perf_counter() - began) * 1000),
        cost=0.0,
        engine=f"{_PACKAGE} {VERSION}",
    )


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # half a character is none


def _mean(table: Any, tokens: Sequence[int]) -> list[float]:
    parts = (table[tokens[start : start + _AT_ONCE]] for start in range(0, len(tokens), _AT_ONCE))
    total = sum(part.sum(axis=0, dtype="float64") for part in parts)
    return [float(number) for number in total / len(tokens)]


@cache
def _model() -> tuple[Any, Any]:
    """The tokenizer, and the table as an array (tokens, 256) of 16-bit floats."""
    if not available():
        raise OnbookError(f"{local.EMBEDDER} is to be asked, and {_PACKAGE} is not installed", hint=f"Run: {_INSTALL}")
    spec = importlib.util.find_spec(_PACKAGE)
    folder = Path(next(iter((spec.submodule_search_locations if spec else None) or ()), ""))
    for name, expected in _SHA256.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest() if (folder / name).is_file() else "none"
        if found != expected:
            message = f"a file of {local.EMBEDDER} has sha256 {found}, not {expected}"
            raise IntegrityError(message, place=str(folder / name), hint=f"Run: {_INSTALL} --force-reinstall")
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / _TOKENIZER)), load_file(folder / _TABLE)["embedding.weight"]
