"""What stands in the way of a release: faults, tests, what nobody could prove, a branch that is not the right one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from onbook.diff import PromptDiff
from onbook.diff.report import finding_of, undeclared_major
from onbook.errors import OnbookError, UsageError
from onbook.lint import lint
from onbook.lint.workers import cores
from onbook.project import Catalog, Source
from onbook.repo import Repository
from onbook.repo.git import GitError
from onbook.repo.remote import default_remote, head_branch
from onbook.report import Check, Finding, Severity, Status, parted
from onbook.testing import runner
from onbook.testing.baseline import against, judge, settle
from onbook.testing.statistics import Verdict
from onbook.testing.verdicts import check_of
from onbook.versions import Version


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gates say of one prompt.

    Attributes:
        tests: how they came out, in words for the tag.
    """

    checks: tuple[Check, ...]
    tests: str

    @property
    def shut(self) -> bool:
        """Whether one of the gates is."""
        return any(check.status in _SHUT for check in self.checks)


_SHUT = (Status.FAILED, Status.UNCHECKED)


def gates(catalog: Catalog, due: Sequence[tuple[Source, PromptDiff]]) -> dict[str, Judged]:
    """The checks of the gates of prompts that are to be released, by id."""
    if not due:
        return {}
    config = catalog.config
    faults: dict[str | None, list[Check]] = {}
    if config.gate("lint"):
        for check in lint(catalog, [source.id for source, _ in due], jobs=cores()).checks:
            faults.setdefault(check.prompt, []).append(check)
    tested = runner.run(source for source, _ in due)
    verdicts = _verdicts(catalog, due)
    found = {}
    by_prompt: dict[str | None, list[Check]] = {}
    for check in tested.checks:
        by_prompt.setdefault(check.prompt, []).append(check)
    rows: dict[object, list[object]] = {}
    assert isinstance(tested.data["prompts"], list)
    for row in tested.data["prompts"]:
        rows.setdefault(row["id"], []).append(row)
    for source, changed in due:
        own = tuple(by_prompt.get(source.id, ()))
        checks = [*faults.get(source.id, ()), *_tests(catalog, source, own)]
        if config.gate("diff") and changed.open:
            checks.append(_unproven(source, changed))
        if config.gate("major") and (undeclared := undeclared_major(changed)):
            checks.append(Check.of(f"release/{source.id}", undeclared, prompt=source.id))
        checks += verdicts.get(source.id, ())
        its_own = replace(tested, checks=own, data={"prompts": rows.get(source.id, [])})
        found[source.id] = Judged(tuple(checks), runner.summary(its_own))
    return found


def _verdicts(catalog: Catalog, due: Sequence[tuple[Source, PromptDiff]]) -> dict[str, list[Check]]:
    """Whether answers got worse since the base, from what is recorded on both sides; only what stands in the way."""
    config = catalog.config
    if not config.gate("verdict"):
        return {}
    matches = [
        match
        for source, changed in due
        if changed.old is not None and source.cases
        for match in against(changed.old, source, str(changed.base))
    ]
    found: dict[str, list[Check]] = {}
    for each in settle([judge(match) for match in matches]):
        check = check_of(f"verdict/{each.prompt}", each)
        if each.verdict is Verdict.INCONCLUSIVE and config.gate("inconclusive"):
            check = Check.of(
                check.id, [told._replace(severity=Severity.ERROR) for told in check.findings], prompt=check.prompt
            )
        if check.status in _SHUT:
            found.setdefault(each.prompt, []).append(check)
    return found


def force(checks: Iterable[Check]) -> list[Check]:
    """The same checks, with what stands in the way waived: told, and not counted."""
    return [
        replace(
            check,
            status=Status.PASSED,
            findings=tuple(each._replace(waived=each.severity is Severity.ERROR) for each in check.findings),
        )
        if check.status in _SHUT
        else check
        for check in checks
    ]


def _tests(catalog: Catalog, source: Source, own: Iterable[Check]) -> Iterator[Check]:
    """What the two gates ``tests`` and ``unchecked`` hold: a check has one status, and may be something for both."""
    tests, unchecked = catalog.config.gate("tests"), catalog.config.gate("unchecked")
    for check in own:
        slugs = {finding.slug for finding in check.findings}
        if "proxy-model" in slugs and source.suite.gate != "proxy":
            if unchecked:
                yield Check(check.id, Status.UNCHECKED, check.prompt, check.findings)
        elif check.status is Status.FAILED and not tests:
            # What failed is let through, which says nothing of what has no answer.
            missing = tuple(finding for finding in check.findings if finding.slug in _MISSING)
            if missing and unchecked:
                yield Check(check.id, Status.UNCHECKED, check.prompt, missing)
        elif check.status is not Status.UNCHECKED or unchecked or (tests and slugs & _WRONG):
            yield check


# Cases without an answer, and tests that are none: of the latter nobody knows whether the others would have failed.
_MISSING = frozenset({"recording-missing", "not-recorded", "not-run"})
_WRONG = frozenset({"case-wrong", "prompt-unusable"})


def incomparable(catalog: Catalog, source: Source, base: Version | None, error: OnbookError) -> list[Check]:
    """What stands in the way of a comparison: the prompt's own faults, else its base, which this onbook cannot read."""
    if source.problems or source.prompt is None:
        faults = [check for check in lint(catalog, [source.id]).checks if check.status is not Status.PASSED]
        if faults:
            return faults
    told = f"cannot be compared with {base}: {error.message}" if base else error.message
    finding = Finding(
        "OR002", "not-comparable", Severity.ERROR, told, *parted(error.place or source.path), hint=error.hint
    )
    return [Check(f"release/{source.id}", Status.UNCHECKED, source.id, (finding,))]


def _unproven(source: Source, found: PromptDiff) -> Check:
    findings = [finding_of(found, change, frozenset({"unproven"})) for change in found.open]
    return Check.of(f"release/{source.id}", findings, prompt=source.id)


def require_branch(repo: Repository, commit: str, configured: str | None) -> None:
    """Refuse a commit that is not on the release branch: a tag on a branch that is never merged helps nobody."""
    if not repo.text("remote"):
        return
    remote = default_remote(repo)
    try:
        branch = configured or head_branch(repo, remote)
    except GitError as error:
        raise OnbookError(
            f"from which branch releases are made is not known: {error.message}",
            hint="set release.branch in onbook.toml, or run `git remote set-head NAME --auto` when the remote answers",
        ) from None
    if branch is None:
        return
    refs = {f"refs/remotes/{remote}/{branch}", f"refs/heads/{branch}"}
    held = repo.text("for-each-ref", f"--contains={commit}", "--format=%(refname)", *refs).split("\n")
    # As a pattern release also means release/1.0.
    if not refs & set(held):
        raise UsageError(
            f"commit {commit[:12]} is not on {branch}, from which releases are made",
            hint=f"merge it to {branch} first, or set release.branch in onbook.toml",
        )
