"""ON12x: waivers that are none, that name no rule, that have ended, or that waive nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from onbook.errors import UsageError
from onbook.formats import read_yaml
from onbook.project import Source
from onbook.project.cases import SUITE_SUFFIX, stem
from onbook.repo import SnapshotError
from onbook.report import Problem, Severity
from onbook.rules.base import Hit, Rule, find_rule
from onbook.waivers import NOT_CHECKED, Waiver, comment_waivers

_MARK = b"onbook"
_COMMENTED = (".cases.yml", SUITE_SUFFIX)


def waivers_of(source: Source) -> tuple[Sequence[Waiver], Sequence[Problem]]:
    """The waivers that stand as comments in a prompt's file, its YAML cases and its suite, and what is wrong there."""
    if "waivers" not in source.memo:
        source.memo["waivers"] = _waivers_of(source)
    found: tuple[Sequence[Waiver], Sequence[Problem]] = source.memo["waivers"]
    return found


def _waivers_of(source: Source) -> tuple[Sequence[Waiver], Sequence[Problem]]:
    own, beside = source.document, source.tests.beside
    if (own is None or "#" not in own.text) and beside.isdisjoint(_COMMENTED):
        return (), ()  # as of most prompts: there is no comment at all
    documents = [own] if own else []
    for suffix in _COMMENTED:
        if suffix not in beside:
            continue
        path = stem(source.path) + suffix
        try:
            raw = source.snapshot.read(path)
        except SnapshotError:
            continue  # which another rule tells
        document = read_yaml(raw, path)[0] if _MARK in raw else None
        documents += [document] if document else []
    waivers, problems = list[Waiver](), list[Problem]()
    for document in documents:
        found, wrong = comment_waivers(document)
        waivers += found
        problems += wrong
    return waivers, problems


def unknown_rule(waiver: Waiver) -> Problem | None:
    """What is wrong with the rule that a waiver names: lint and diff have no such rule, or it cannot be waived."""
    from onbook.diff.changes import RULES as DIFF_RULES

    if waiver.rule is None or any(waiver.rule in (change.id, change.slug) for change in DIFF_RULES.values()):
        return None
    if waiver.rule in (NOT_CHECKED, "not-checked"):
        message = f"{NOT_CHECKED} cannot be waived: nobody has looked, so nobody knows what is accepted"
        return waiver.problem("unknown-waived-rule", message, "mend what keeps the rules from looking")
    try:
        found = find_rule(waiver.rule)
    except UsageError as error:
        return waiver.problem("unknown-waived-rule", f"this waiver waives nothing: {error.message}", error.hint)
    if isinstance(found, _WaiverRule):
        message = f"{found.id} cannot be waived: a waiver that waives what is said of waivers would hide itself"
        return waiver.problem("unknown-waived-rule", message, "mend or delete the waiver that it tells of")
    return None


class _WaiverRule(Rule):
    """Told by lint itself, of the configuration's waivers and of those that no finding needed."""


class BadWaiver(_WaiverRule):
    """A waiver that cannot be read: no rule, no last day, no reason, or another form.

    **Why it matters**

    A waiver says that somebody has looked and accepted something, until a day, for a reason. Without the three it is a
    way to look away for ever, so it waives nothing.

    **Bad**

    ```yaml
    # onbook: allow ON109
    messages:
      - role: assistant
        content: The answer is
    ```

    **Good**

    ```yaml
    # onbook: allow ON109 until 2099-12-31: the model continues this line
    messages:
      - role: assistant
        content: The answer is
    ```

    **When to waive**

    Never: write the rule, the last day and the reason.
    """

    id = "ON120"
    slug = "bad-waiver"
    codes = frozenset({"bad-waiver"})

    def check(self, source: Source) -> Iterable[Hit]:
        """Comments that begin ``onbook: allow`` or nearly so."""
        problems = waivers_of(source)[1]
        return map(self.of, problems) if problems else ()


class UnknownWaivedRule(_WaiverRule):
    """A waiver names a rule that does not exist, or one that cannot be waived.

    **Why it matters**

    It waives nothing, and whoever reads it believes that it does. What could not be checked (ON000) and what is said of
    waivers cannot be waived.

    **Bad**

    ```yaml
    messages:
      # onbook: allow empty-mesage until 2099-12-31: the provider wants it
      - role: system
        content: ""
      - role: user
        content: Say hello.
    ```

    **Good**

    ```yaml
    messages:
      # onbook: allow empty-message until 2099-12-31: the provider wants it
      - role: system
        content: ""
      - role: user
        content: Say hello.
    ```

    **When to waive**

    Never: correct the name. Where a package adds the rule, install it.
    """

    id = "ON121"
    slug = "unknown-waived-rule"
    codes = frozenset({"unknown-waived-rule"})

    def check(self, source: Source) -> Iterable[Hit]:
        """Ids and names, of rules of lint and of diff."""
        waivers = waivers_of(source)[0]
        return map(self.of, filter(None, map(unknown_rule, waivers))) if waivers else ()


class ExpiredWaiver(_WaiverRule):
    """A waiver whose last day has passed.

    **Why it matters**

    Its findings count again, and this says why. The day was a promise to look again.

    **Bad**

    ```yaml
    messages:
      # onbook: allow ON110 until 2020-12-31: the provider wants it
      - role: system
        content: ""
      - role: user
        content: Say hello.
    ```

    **Good**

    ```yaml
    messages:
      # onbook: allow ON110 until 2099-12-31: the provider wants it
      - role: system
        content: ""
      - role: user
        content: Say hello.
    ```

    **When to waive**

    Never: mend what it waived, or give it a new day with a reason that says why.
    """

    id = "ON122"
    slug = "expired-waiver"
    severity = Severity.WARNING
    codes = frozenset({"expired-waiver"})

    def check(self, source: Source) -> Iterable[Hit]:
        """Nothing here: it depends on the day, and lint tells it once the rules have looked."""
        return ()


class UnusedWaiver(_WaiverRule):
    """A waiver that waives nothing.

    **Why it matters**

    What it waived is mended, or it stands in the wrong place. Left there, it waives the next fault of that kind, which
    nobody has looked at.

    **Bad**

    ```yaml
    messages:
      # onbook: allow ON110 until 2099-12-31: the provider wants it
      - role: system
        content: You are brief.
      - role: user
        content: Say hello.
    ```

    **Good**

    ```yaml
    messages:
      - role: system
        content: You are brief.
      - role: user
        content: Say hello.
    ```

    **When to waive**

    Never: delete it. It is told only where its rule was run on everything that the waiver covers.
    """

    id = "ON123"
    slug = "unused-waiver"
    severity = Severity.WARNING
    codes = frozenset({"unused-waiver"})

    def check(self, source: Source) -> Iterable[Hit]:
        """Nothing here: it depends on what all other rules find, and lint tells it then."""
        return ()


RULES: tuple[type[Rule], ...] = (BadWaiver, UnknownWaivedRule, ExpiredWaiver, UnusedWaiver)
