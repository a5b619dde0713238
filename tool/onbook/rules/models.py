"""ON51x: the model that a prompt names: whether it moves, exists, and for how long."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, cast

from onbook import tokens
from onbook.nearest import nearest
from onbook.patterns import later
from onbook.project import Source
from onbook.report import Severity
from onbook.rules.base import AcrossRule, Hit, Rule, hit_at

# From so many days before it a retirement is told.
DAYS = 90


class FloatingModel(Rule):
    """The model is a name that its provider lets stand for another snapshot from one day to the next.

    **Why it matters**

    The prompt's answers change without a commit: no diff shows it, no test was recorded with it, and a release that
    says `1.4.0` is not the same twice. A dated snapshot stays what it is until it retires.

    OWASP LLM Top 10: LLM03:2025 (2026: LLM04).

    **Bad**

    ```yaml
    model: openai/gpt-5.4-mini
    messages:
      - role: user
        content: Tell me a story.
    ```

    **Good**

    ```yaml
    model: openai/gpt-5.4-mini-2026-03-17
    messages:
      - role: user
        content: Tell me a story.
    ```

    **When to waive**

    Where following the provider is the purpose: a prompt that watches for change. Names of providers that publish no
    snapshots, deployments and local models are not told.
    """

    id = "ON511"
    slug = "floating-model"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """A name is floating if the table has dated names beside it, or if it ends in `latest`."""
        name = source.prompt.model if source.prompt else None
        known = tokens.model(name)
        if name is None or known is None or not known.floating:
            return ()
        hint = "name a dated model of the provider"
        if known.snapshots:
            hint = f"pin a snapshot: {_snapshot(name, known)}"
        message = f"{name} is a name that moves: the provider changes what it stands for"
        return (hit_at(source, ("model",), message, hint=hint),)


class UnknownModel(Rule):
    """The model is none that its provider has, and nearly the name of one.

    **Why it matters**

    The call fails: most often a letter is wrong, or the model has been withdrawn.

    **Bad**

    ```yaml
    model: openai/gpt-4o-mimi
    messages:
      - role: user
        content: Tell me a story.
    ```

    **Good**

    ```yaml
    model: openai/gpt-4o-mini-2024-07-18
    messages:
      - role: user
        content: Tell me a story.
    ```

    **When to waive**

    Where a server of your own has a model of that name. Names that resemble none, and those that differ in a number
    alone and may be newer than the table, are not told.
    """

    id = "ON512"
    slug = "unknown-model"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """Providers whose every present model the table means to hold; custom names and fine-tuned models pass."""
        name = source.prompt.model if source.prompt else None
        if not name or len(name) > _LONGEST or tokens.model(name):
            return ()
        provider, slash, rest = name.partition("/")
        if not slash or provider not in tokens.COMPLETE or rest.startswith("ft:"):
            return ()
        if tokens.is_other(provider, rest):
            return ()
        near = _nearest(provider, rest)
        if not near:
            return ()
        table, day = tokens.source()
        message = f"{provider} has no model {rest!r}: misspelt, or withdrawn"
        hint = f"did you mean {provider}/{near}? (by the table of {day}, from {table})"
        return (hit_at(source, ("model",), message, hint=hint),)


class RetiredModel(AcrossRule):
    """The model has been retired, or will be within 90 days.

    **Why it matters**

    From that day every call fails. Moving to another model changes answers, so it takes the time of recording and
    comparing them. The days are those of the pinned table; a provider may move one.

    It is a warning, so that no day breaks a build in which nothing was changed; `severity = {ON513 = "error"}` makes it
    an error.

    **Bad**

    ```yaml
    model: openai/gpt-3.5-turbo-1106
    messages:
      - role: user
        content: Tell me a story.
    ```

    **Good**

    ```yaml
    model: openai/gpt-5.4-2026-03-05
    messages:
      - role: user
        content: Tell me a story.
    ```

    **When to waive**

    Until the day, when the move is planned.
    """

    id = "ON513"
    slug = "retired-model"
    severity = Severity.WARNING

    def note(self, source: Source) -> object:
        """The model, the day and the place; only of providers that retire a model for everyone at once."""
        name = source.prompt.model if source.prompt else None
        known = tokens.model(name)
        if known is None or known.retires is None or known.provider not in tokens.COMPLETE:
            return None
        return [source.path, *_place(source, str(name)), name, known.retires.isoformat()]

    def across(self, notes: Mapping[str, object], today: date) -> Iterator[tuple[str, Hit]]:
        """The days left stand in the hint: the finding is the same one tomorrow."""
        table, day = tokens.source()
        for id, note in notes.items():
            path, line, column, name, retires = cast(list[Any], note)
            left = (date.fromisoformat(retires) - today).days
            if left > DAYS:
                continue
            by = f"by the table of {day}, from {table}"
            if left <= 0:
                message, hint = f"{name} was retired on {retires}", f"move to another model ({by})"
            else:
                days = "1 day is left" if left == 1 else f"{left} days are left"
                message, hint = f"{name} retires on {retires}", f"{days} to move to another model ({by})"
            yield id, Hit(message, path, line, column, hint)


_LONGEST = 100
_DAY = later(r"-(20\d\d-\d\d-\d\d)$")


def _snapshot(name: str, known: tokens.Model) -> str:
    """The newest snapshot whose end is not known yet, else the newest, with its day."""
    prefix = name.removesuffix(known.name)
    found = [(prefix + snapshot, tokens.model(prefix + snapshot)) for snapshot in known.snapshots]
    lasting = [snapshot for snapshot, model in found if model and model.retires is None]
    if lasting:
        return lasting[-1]
    snapshot, model = found[-1]
    return f"{snapshot} (until {model.retires})" if model else snapshot


def _place(source: Source, name: str) -> tuple[int | None, int | None]:
    """Where the model stands. Nearly always on a line of its own, which is found without reading the file again."""
    text = source.document.text if source.document else ""
    if found := re.search(rf"^model:[ \t]+[\"']?{re.escape(name)}", text, re.MULTILINE):
        start = re.compile(r"model:[ \t]+").match(text, found.start())
        assert start
        return text.count("\n", 0, found.start()) + 1, start.end() - found.start() + 1
    hit = hit_at(source, ("model",), "")
    return hit.line, hit.column


@lru_cache(maxsize=256)
def _nearest(provider: str, name: str) -> str | None:
    """The name of the provider's that a wrong one was meant to be; None where it may be right."""
    names = list(tokens.names(provider))
    near = nearest(name, names, 0.85)
    if not near:
        return None
    # Only digits differ: it may be newer than the table, unless it carries an older day.
    if _plain(name) in {_plain(known) for known in names}:
        dated = _DAY.search(name)
        if dated is None or dated[1] > tokens.source()[1].isoformat():
            return None
    return near


def _plain(name: str) -> str:
    return re.sub(r"[0-9]+", "0", name)


RULES: tuple[type[Rule], ...] = (FloatingModel, UnknownModel, RetiredModel)
