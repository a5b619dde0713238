"""Tests that hold less than they did: no caller sees it, so it asks for no version, but nobody should do it unseen.

A case that is gone or asserts less, a suite that asks for less, and a person's label that is gone. A test that asserts
more is no news, nor is one under another name, nor a label of somebody who has changed their mind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from onbook.contract import dump
from onbook.diff.changes import Change, change
from onbook.project import Source
from onbook.project.cases import CASE_SUFFIXES, LABELS_SUFFIX, SUITE_SUFFIX, stem
from onbook.prompt import Case, Suite

Json = Mapping[str, object]


def compare_tests(old: Source, new: Source) -> Iterator[Change]:
    """What the new tests hold no longer. Nothing is read where the files beside the prompt are the same."""
    if _same_files(old, new) or old.tests.problems or new.tests.problems:
        return  # tests that cannot be read are told by lint
    yield from _cases(old.cases, new.cases)
    yield from _labels(old, new)
    at = (new.path, 1) if new.snapshot.entry(stem(new.path) + SUITE_SUFFIX) is None else None
    place = at or (stem(new.path) + SUITE_SUFFIX, 1)
    for told in _suite(old.suite, new.suite):
        yield change("tests-loosened", (), f"the suite {told}", file=place)


def _same_files(old: Source, new: Source) -> bool:
    # GitHub's test data stands in the prompt's own file.
    if old.prompt is None or new.prompt is None:
        return True
    inside = (old.prompt.test_data, old.prompt.evaluators) == (new.prompt.test_data, new.prompt.evaluators)
    return inside and all(_identity(old, suffix) == _identity(new, suffix) for suffix in _SUFFIXES)


_SUFFIXES = (*CASE_SUFFIXES, SUITE_SUFFIX, LABELS_SUFFIX)


def _identity(source: Source, suffix: str) -> str | None:
    return source.snapshot.identity(stem(source.path) + suffix)


def _cases(before: Sequence[Case], after: Sequence[Case]) -> Iterator[Change]:
    kept = {case.id: case for case in after}
    asked = {dump([case.inputs, case.expected]) for case in after}
    for case in before:
        now = kept.get(case.id)
        if now is None:
            # Under another id it is still asked.
            if dump([case.inputs, case.expected]) not in asked:
                told = f"case `{case.id}` is gone: nobody asks any more whether its answer still holds"
                yield change("cases-deleted", (), told, old=case.id, removed=True, file=(case.path, case.line or 1))
            continue
        for told in _asserted(case, now):
            yield change("tests-loosened", (), f"case `{case.id}` {told}", file=(now.path, now.line or 1))


def _labels(old: Source, new: Source) -> Iterator[Change]:
    """What a person said of an answer, and says no more. With its case a label goes too: that is told already."""
    kept = {(label.key, label.by) for label in new.labels}
    cases = {case.id for case in new.cases} if old.labels else set()
    for label in old.labels:
        if (label.key, label.by) in kept or label.case not in cases:
            continue
        by = f" by {label.by}" if label.by else ""
        told = f"the label {'good' if label.good else 'bad'}{by} of an answer to case `{label.case}` is gone"
        file = (stem(old.path) + LABELS_SUFFIX, label.line or 1)
        yield change("labels-deleted", (), told, old=label.key, removed=True, file=file)


def _asserted(old: Case, new: Case) -> Iterator[str]:
    for gone in _gone(old.assertions, new.assertions):
        yield f"no longer asserts {gone}"
    if old.expected is not None and new.expected is None:
        yield "no longer says which answer is expected"
    if old.xfail is None and new.xfail is not None:
        yield f"is now expected to fail: {new.xfail}"


def _gone(old: tuple[Json, ...], new: tuple[Json, ...]) -> list[str]:
    """The assertions that are asked no more, nor in a stricter form."""
    held = {dump(assertion) for assertion in new}
    return [dump(assertion) for assertion in old if dump(assertion) not in held and not _stricter(assertion, new)]


def _stricter(old: Json, new: tuple[Json, ...]) -> bool:
    """Whether one of the new assertions asks for more of the same text."""
    text = old.get("contains")
    longer = (assertion.get("contains") for assertion in new)
    return isinstance(text, str) and any(isinstance(other, str) and text in other for other in longer)


def _suite(old: Suite, new: Suite) -> Iterator[str]:
    for gone in _gone(old.assertions, new.assertions):
        yield f"no longer asserts {gone}"
    if new.threshold < old.threshold:
        yield f"passes with {new.threshold:g} of its cases; before {old.threshold:g}"
    if new.margin > old.margin:
        yield f"takes a loss of {new.margin:g} for none; before {old.margin:g}"
    if new.repeats < old.repeats:
        yield f"asks each case {new.repeats} times; before {old.repeats}"
    if new.gate == "proxy" and old.gate != "proxy":
        yield "takes the answers of another model for those of its own"
    if new.judges.labels < old.judges.labels or new.judges.kappa < old.judges.kappa:
        yield "lets judges gate that have shown less agreement with people"
    if dropped := sorted(set(old.models) - set(new.models)):
        yield f"no longer asks {', '.join(dropped)}"
