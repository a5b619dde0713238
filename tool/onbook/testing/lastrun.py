"""Which cases failed last time, for ``onbook test --failed``. Kept in the git directory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from onbook.files import write_atomic
from onbook.repo import Repository
from onbook.testing.results import UnitResult

_VERSION = 1


def remember(repo: Repository, results: Iterable[UnitResult]) -> None:
    """Note which of the cases that ran failed. What an earlier run said of others is kept.

    Raises:
        OSError: the file cannot be written.
    """
    failed = {prompt: set(cases) for prompt, cases in (recall(repo) or {}).items()}
    # A case that several models run failed if one of them says so. Of what did not fail nothing is held.
    now: dict[str, set[str]] = {}
    for result in results:
        bad = now.setdefault(result.prompt, set())
        before = failed.get(result.prompt, set())
        for case in result.cases:
            known = case.xfail is not None
            if (case.state == "passed" or case.undecided) if known else case.state in ("failed", "error"):
                bad.add(case.id)
            elif case.state != "missing":
                before.discard(case.id)
    for prompt, cases in now.items():
        failed.setdefault(prompt, set()).update(cases)
    kept = {prompt: sorted(cases) for prompt, cases in sorted(failed.items()) if cases}
    path = _path(repo)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps({"version": _VERSION, "failed": kept}).encode())


def recall(repo: Repository) -> Mapping[str, list[str]] | None:
    """The cases that failed last time, by prompt; None where no run is remembered."""
    try:
        data = json.loads(_path(repo).read_bytes())
        if data["version"] != _VERSION:
            return None
        return {str(prompt): [str(case) for case in cases] for prompt, cases in data["failed"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # whatever it is, it is no memory of ours


def _path(repo: Repository) -> Path:
    # Work trees share the git directory, and stand on branches of their own.
    tree = hashlib.sha256(str(repo.root).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return repo.kept / f"test-{tree}.json"
