"""What memory serves is a few function calls, and nothing is asked of remote or cache."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import onbook
from support.big_remote import big_remote, prompt_id

ID = prompt_id(0)


def calls(work: Callable[[], object]) -> int:
    """How many functions, ours and built in, one piece of work calls."""
    count = 0

    def seen(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    # The work itself, and taking the profile off.
    return count - 2


def test_a_warm_get_is_a_few_calls(tmp_path: Path) -> None:
    repo = big_remote(tmp_path / "big.git", 5, 10)
    book = onbook.open(f"file://{repo.path}")
    for key in range(20):
        book.get(ID, env="production", key=key)
    assert book.get(ID, "1.1.0").version == book.get(ID, "^1").version == "1.1.0"
    repo.path.rename(tmp_path / "away")
    # A look-up, and the call around it; for environments the clock and one sha256 as well.
    assert calls(lambda: book.get(ID, "1.1.0")) <= 2
    assert calls(lambda: book.get(ID, "^1")) <= 12
    assert calls(lambda: book.get(ID, env="production")) <= 6
    assert calls(lambda: book.get(ID, env="production", key="7")) <= 24
