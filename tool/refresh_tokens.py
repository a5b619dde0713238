"""Write tool/onbook/tokens/data anew: the table of models, and the tokenizers' ranks and classes of characters.

For maintainers: ``.venv/bin/python tool/refresh_tokens.py [--date YYYY-MM-DD]`` after raising litellm in
pyproject.toml. It reads the files that litellm's wheel carries, without importing litellm, and asks no network. The
rank files are held against the hashes that tiktoken publishes (tiktoken_ext/openai_public.py, MIT licence). It is not
part of the wheel.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import zlib
from collections.abc import Mapping
from datetime import date
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import tiktoken

DATA = Path(__file__).parent / "onbook" / "tokens" / "data"
PRICES = "model_prices_and_context_window_backup.json"

# The name under which tiktoken looks for a file (the hash of its address), and the hash of what it holds.
RANKS = {
    "cl100k_base": (
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": (
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}
CLASSES = {"L": r"\p{L}", "N": r"\p{N}", "U": r"[\p{Lu}\p{Lt}]", "l": r"\p{Ll}", "O": r"[\p{Lm}\p{Lo}]", "M": r"\p{M}"}

# litellm's name of a provider -> what stands before the slash in a model's name.
PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "mistral": "mistral",
    "xai": "xai",
    "deepseek": "deepseek",
    "groq": "groq",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "perplexity": "perplexity",
    "azure": "azure",
    "azure_ai": "azure_ai",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "vertex_ai-language-models": "vertex_ai",
    "vertex_ai-anthropic_models": "vertex_ai",
    "vertex_ai-mistral_models": "vertex_ai",
    "vertex_ai-llama_models": "vertex_ai",
}
# Of these, lint tells a name that the table lacks; it must know those of other kinds (speech, images) too.
COMPLETE = ("openai", "anthropic", "gemini", "mistral", "xai", "deepseek")
MODES = ("chat", "responses", "completion")
# OpenAI's models that reason more or less as they are told; of those for chat nobody says what they take.
GPT = re.compile(r"(?:^|/)gpt-[5-9](?!.*chat)")


def main() -> None:
    """Write every file of the data folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--date", type=date.fromisoformat, default=date.today(), help="the day that the table carries")
    day = parser.parse_args().date
    spec = find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("litellm is not installed: pip install -e '.[live,dev]'")
    package = Path(spec.submodule_search_locations[0])
    for name, (file, digest) in RANKS.items():
        write(f"{name}.bin", pack((package / "litellm_core_utils" / "tokenizers" / file).read_bytes(), digest))
    write("unicode.json", compact(classes()))
    write("models.json", compact(table(json.loads((package / PRICES).read_bytes()), day)))


def write(name: str, data: bytes) -> None:
    """One file, and a line that says so."""
    (DATA / name).write_bytes(data)
    print(f"{name}: {len(data):,} bytes")


def compact(data: object) -> bytes:
    """JSON that is small, and that a diff can show: one line for each entry of the second level."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return re.sub(r'(?<=[\]}]),(?=")', ",\n", text).encode() + b"\n"


def pack(raw: bytes, digest: str) -> bytes:
    """tiktoken's file (base64 and rank, a line a token) as onbook.tokens.bpe reads it."""
    if hashlib.sha256(raw).hexdigest() != digest:
        sys.exit(f"a rank file has not the hash that tiktoken publishes: {digest}")
    tokens = [base64.b64decode(line.split()[0]) for line in raw.splitlines()]
    # Ranks have a gap where a tokenizer has: their order is all that counting needs.
    assert [int(line.split()[1]) for line in raw.splitlines()] == sorted(int(x.split()[1]) for x in raw.splitlines())
    lengths = bytes(map(len, tokens))
    return zlib.compress(len(tokens).to_bytes(4, "big") + lengths + b"".join(tokens), 9)


def classes() -> dict[str, object]:
    """Ranges of characters as Python's ``re`` writes them, by tiktoken's own tables: Unicode grows each year."""
    text = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    found = {}
    for name, pattern in CLASSES.items():
        # What a pattern does not match is left out, so the tokens, single bytes, are the members of the class.
        single = {bytes([byte]): byte for byte in range(256)}
        matcher = tiktoken.Encoding("class", pat_str=pattern, mergeable_ranks=single, special_tokens={})
        members = bytes(matcher.encode_ordinary(text)).decode()
        found[name] = "".join(spans([ord(member) for member in members]))
    return {"source": f"tiktoken {metadata.version('tiktoken')}", "classes": found}


def spans(codes: list[int]) -> list[str]:
    """Rising codes as ranges: ``A-Z``."""
    found, start = [], 0
    for i in range(1, len(codes) + 1):
        if i == len(codes) or codes[i] != codes[i - 1] + 1:
            first, last = f"\\U{codes[start]:08x}", f"\\U{codes[i - 1]:08x}"
            found.append(first if first == last else f"{first}-{last}")
            start = i
    return found


def table(prices: Mapping[str, Mapping[str, object]], day: date) -> dict[str, object]:
    """``{provider: {name: [context, longest answer, USD a million tokens in, and out, retires]}}``, and more names.

    A model that does not take every temperature has a sixth entry: see :func:`sampling`.
    """
    models: dict[str, dict[str, list[object]]] = {}
    others: dict[str, set[str]] = {}
    for key, entry in prices.items():
        provider = PROVIDERS.get(str(entry.get("litellm_provider")))
        if provider is None:
            continue
        name = key.removeprefix(f"{provider}/")
        if entry.get("mode") not in MODES:
            if "/" not in name and provider in COMPLETE:
                others.setdefault(provider, set()).add(name)
            continue
        if entry.get("max_input_tokens") is None and entry.get("input_cost_per_token") is None:
            continue
        row = [
            entry.get("max_input_tokens"),
            entry.get("max_output_tokens"),
            price(entry.get("input_cost_per_token")),
            price(entry.get("output_cost_per_token")),
            entry.get("deprecation_date"),
            *filter(None, [sampling(name, entry)]),
        ]
        # A key with its provider is the more careful one where both are there.
        if key.startswith(f"{provider}/") or name not in models.setdefault(provider, {}):
            models.setdefault(provider, {})[name] = row
    return {
        "source": f"litellm {metadata.version('litellm')}",
        "date": day.isoformat(),
        "models": models,
        "others": {provider: sorted(names) for provider, names in others.items()},
    }


def sampling(name: str, entry: Mapping[str, object]) -> str | None:
    """When a model takes temperature and topP, where that is not always: ``never``; ``unless-reasoning`` (it does not
    reason unless it is told to); ``if-told-not-to-reason``.
    """
    # Of others, Gemini among them, the flag says that they advise against it, and calls succeed.
    if "claude" in name and entry.get("supports_sampling_params") is False:
        return "never"
    none = entry.get("supports_none_reasoning_effort")
    if entry.get("litellm_provider") not in ("openai", "azure", "azure_ai") or not GPT.search(name) or none is None:
        return None
    if not none:
        return "never" if entry.get("supports_reasoning") else None
    return "unless-reasoning" if entry.get("default_reasoning_effort") == "none" else "if-told-not-to-reason"


def price(per_token: object) -> float | int | None:
    """US dollars per million tokens."""
    if not isinstance(per_token, int | float):
        return None
    rounded = round(per_token * 1_000_000, 6)
    return int(rounded) if rounded == int(rounded) else rounded


if __name__ == "__main__":
    main()
