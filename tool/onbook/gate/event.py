"""What GitHub Actions says of the run: the event file, and the variables that every step has.

https://docs.github.com/en/actions/reference/events-that-trigger-workflows
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onbook.errors import OnbookError

# GitHub caps the payload of an event at 25 MB.
MAX_EVENT = 25_000_000
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Event:
    """Why a workflow runs.

    Attributes:
        name: ``pull_request``, ``merge_group``, ``push``, or another that says nothing of a base.
        base: the commit that the event compares with; None where it names none.
        head: the commit that the event is about; None where it is the one that is checked out.
        fork: the commits come from another repository, whose people may not write to this one.
    """

    name: str
    base: str | None = None
    head: str | None = None
    fork: bool = False


def read_event(environ: Mapping[str, str], *, named: bool = False) -> Event | None:
    """The event of this run; None outside of GitHub Actions.

    Args:
        named: the base is known, so that only whether this is a fork's pull request need be.

    Raises:
        OnbookError: the event cannot be read, or is one in which the code that is checked out is not what is asked of.
    """
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    name = environ.get("GITHUB_EVENT_NAME", "")
    if name == "pull_request_target":
        raise OnbookError(
            "pull_request_target checks out the base and not the pull request, so nothing of it would be looked at",
            hint="run `onbook check` on pull_request; docs/ci.md shows how its result becomes a comment",
        )
    if name not in ("pull_request", *(() if named else ("merge_group", "push"))):
        return Event(name)
    data = load_event(environ.get("GITHUB_EVENT_PATH", ""))
    try:
        if name == "pull_request":
            pull = data["pull_request"]
            return Event(name, _commit(pull["base"]["sha"]), _commit(pull["head"]["sha"]), _fork(pull))
        if name == "merge_group":
            return Event(name, _commit(data["merge_group"]["base_sha"]))
        before = _commit(data["before"])
        # A new branch has nothing before it, and what stood before a forced push is no ancestor.
        return Event(name, None if data.get("forced") or not before.strip("0") else before)
    except (AttributeError, KeyError, TypeError, ValueError):
        place = environ.get("GITHUB_EVENT_PATH")
        raise OnbookError(
            f"the event file does not say what the {name} compares with", place=place, hint="pass --base REV"
        ) from None


def _fork(pull: Mapping[str, Any]) -> bool:
    # The head's repository is null where the fork was deleted.
    head = pull["head"].get("repo") or {}
    return bool(head.get("full_name") != pull["base"]["repo"]["full_name"])


def _commit(value: object) -> str:
    if not isinstance(value, str) or not _COMMIT.fullmatch(value):
        raise ValueError("no commit's id")
    return value


def load_event(path: str) -> Any:
    """What an event file says.

    Raises:
        OnbookError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_EVENT + 1)
        if len(raw) > MAX_EVENT:
            raise ValueError(f"it has more than {MAX_EVENT:,} bytes")
        return json.loads(raw)
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        told = why if path else "GITHUB_EVENT_PATH is not set"
        raise OnbookError(
            f"the event file cannot be read: {told}", place=path or None, hint="pass --base REV"
        ) from None
