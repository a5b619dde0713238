"""The result of diff as a Report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from onbook.diff.changes import Change, Rendered
from onbook.diff.compare import PromptDiff, next_version
from onbook.diff.parts import rooted
from onbook.diff.words import shortened, words
from onbook.errors import OnbookError, UsageError
from onbook.project import Source
from onbook.report import Check, Finding, Report, Severity, Status, fingerprint, parted
from onbook.versions import Bump

FAIL_ON = ("major", "unproven", "undeclared")

Json = Mapping[str, object]


def diff_report(
    diffs: Iterable[PromptDiff],
    *,
    base: str | None,
    head: str,
    fail_on: Iterable[str] = (),
    declare: bool = False,
    broken: Mapping[str, OnbookError] | None = None,
    more: Mapping[str, Json] | None = None,
    passed_over: Mapping[str, Sequence[Finding]] | None = None,
) -> Report:
    """One check a prompt that changed, one finding a change.

    Args:
        fail_on: what makes a change an error instead of a piece of information; see FAIL_ON.
        declare: whether a major change must be declared by the file's own ``version``: the gate ``major``.
        broken: prompts that could not be compared, with the reason.
        more: what else is known of a prompt's change, by its id: ``tokens`` and ``behaviour``.
        passed_over: by prompt, what has the name of a release and is none.
    """
    failing, passed = frozenset(fail_on), dict(passed_over or {})
    checks, rows = [], []
    for found in diffs:
        findings = [finding_of(found, change, failing) for change in found.changes]
        following = None
        try:
            following = next_version(found)
        except UsageError as error:
            following = found.required
            findings.append(_undeclared(found, error, failing))
        else:
            findings += undeclared_major(found) if declare else []
        findings += passed.pop(found.id, ())
        checks.append(Check.of(f"diff/{found.id}", findings, prompt=found.id))
        rows.append(
            {
                "id": found.id,
                "base_version": str(found.base) if found.base else None,
                "next_version": str(following) if following else None,
                "bump": str(found.bump),
                "proved": found.proved,
                "moved_from": found.moved_from,
                "through": list(found.through),
                "changes": [_row(found, change) for change in found.changes],
                "tokens": None,
                "behaviour": None,
                **(more or {}).get(found.id, {}),
            }
        )
    for id, trouble in (broken or {}).items():
        finding = Finding(
            "OD001", "not-comparable", Severity.ERROR, trouble.message, *parted(trouble.place), hint=trouble.hint
        )
        checks.append(Check(f"diff/{id}", Status.UNCHECKED, id, (finding, *passed.pop(id, ()))))
    checks += [Check.of(f"diff/{id}", findings, prompt=id) for id, findings in passed.items()]
    return Report("diff", tuple(checks), base, head, {"prompts": rows})


def json_pointer(pointer: Iterable[str | int]) -> str:
    """RFC 6901: ``/messages/0/content``."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in pointer)


def finding_of(found: PromptDiff, change: Change, failing: frozenset[str] = frozenset()) -> Finding:
    """One change as a finding. Its fingerprint holds for this very change, wherever in the file it stands.

    Args:
        failing: what makes it an error instead of a piece of information; see FAIL_ON.
    """
    unproven = change.rule.unproven
    fails = (change.bump is Bump.MAJOR and "major" in failing) or (unproven and "unproven" in failing)
    path, line, column = _place(found, change)
    # An obligation that is gone is one word among hundreds: nobody finds it unless it is flagged.
    told = Severity.WARNING if change.rule.slug.startswith("obligation-") else Severity.INFO
    print_ = _fingerprint(found, change)
    return Finding(
        change.rule.id,
        change.rule.slug,
        Severity.ERROR if fails else told,
        f"{change.bump}: {change.consequence}" + (f" (waived: {change.waived})" if change.waived else ""),
        path,
        line,
        column,
        _WAIVE.format(change.rule.id, print_) if unproven and change.waived is None else None,
        waived=change.waived is not None,
        stated=print_,
    )


_WAIVE = "compare the two; if old calls and readers still hold, waive it: rule = {!r}, fingerprint = {!r}"


def _fingerprint(found: PromptDiff, change: Change) -> str:
    """Of what changed, with all that its references lead to: another change of the same place is another finding."""
    path = (found.new or found.old).path if found.new or found.old else ""  # type: ignore[union-attr]
    told = [json_pointer(change.pointer), _whole(found.old, change, change.old), _whole(found.new, change, change.new)]
    if change.old is None and change.new is None:
        told.append(change.consequence)
    return fingerprint(change.rule.id, path, json.dumps(told, sort_keys=True))


def _whole(source: Source | None, change: Change, part: object) -> object:
    prompt = source.prompt if source else None
    roots = {"inputs": prompt.inputs, "jsonSchema": prompt.output_schema} if prompt else {}
    root = roots.get(str(change.pointer[0])) if change.pointer else None
    return rooted(part, root) if isinstance(part, Mapping) and root is not None else part


def _place(found: PromptDiff, change: Change) -> tuple[str | None, int | None, int | None]:
    """Path, line and column of a change, as near as they are known."""
    if change.file is not None:
        return (*change.file, None)
    source = found.old if change.removed or found.new is None else found.new
    if source is None or source.document is None or not change.pointer:
        return source.path if source else None, None, None
    if change.offset is not None:
        return (source.path, *source.document.locate(change.pointer, change.offset))
    return (source.path, *source.document.place(change.pointer))


def undeclared_major(found: PromptDiff) -> list[Finding]:
    """A finding where a change breaks callers of the release before, and the file declares no version for it.

    A waiver says as well that the change is meant; it is the only way to say so of a prompt that is gone. What nobody
    has proved is not told here, and what was never released has no callers.
    """
    prompt = found.new.prompt if found.new else None
    breaking = [
        each for each in found.changes if each.bump is Bump.MAJOR and not each.rule.unproven and each.waived is None
    ]
    if found.base is None or not breaking or (prompt and prompt.version is not None):
        return []
    first = breaking[0]
    path, line, column = _place(found, first)
    meant = f"if it is meant, declare it in the file: `version: {found.required}`"
    if prompt is None:
        meant = "if it is meant, waive it: " + ", ".join(
            f"rule = {each.rule.id!r}, fingerprint = {_fingerprint(found, each)!r}" for each in breaking
        )
    told = f"callers of {found.id} {found.base} break ({first.rule.id} {first.consequence}), and no version declares it"
    return [Finding("OD003", "major-undeclared", Severity.ERROR, told, path, line, column, meant)]


def _undeclared(found: PromptDiff, error: UsageError, failing: frozenset[str]) -> Finding:
    severity = Severity.ERROR if "undeclared" in failing else Severity.WARNING
    line = column = None
    if found.new and found.new.document:
        line, column = found.new.document.place(("version",))
    path = found.new.path if found.new else None
    return Finding("OD002", "version-too-small", severity, error.message, path, line, column, error.hint)


def _row(found: PromptDiff, change: Change) -> dict[str, object]:
    path, line, _ = _place(found, change)
    return {
        "rule": change.rule.id,
        "slug": change.rule.slug,
        "bump": str(change.bump),
        "pointer": json_pointer(change.pointer),
        "path": path,
        "line": line,
        "old": change.old,
        "new": change.new,
        "consequence": change.consequence,
        "witness": change.witness[0] if change.witness else None,
        "fingerprint": _fingerprint(found, change),
        "waived": change.waived,
        "waivable": change.rule.unproven and change.waived is None,
        "rendered": _rendered(change.rendered),
    }


def _rendered(seen: Rendered | None) -> dict[str, object] | None:
    if seen is None:
        return None
    parts = words(seen.old or "", seen.new or "")
    return {
        "inputs": seen.inputs,
        "old": seen.old,
        "new": seen.new,
        "words": [list(part) for part in shortened(parts)] if None not in (seen.old, seen.new) else [],
    }
