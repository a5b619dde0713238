"""ON6xx: prompts against what was released of them. Where no release is, nothing is found."""

from __future__ import annotations

from collections.abc import Iterator

from onbook.bases import Bases
from onbook.errors import OnbookError, UsageError
from onbook.project import Catalog, Source
from onbook.prompt import is_id
from onbook.repo.tags import list_tags
from onbook.report import Severity
from onbook.rules.base import Hit, ReleaseRule, Rule, hit_at
from onbook.versions import Version


class _Declared(ReleaseRule):
    """Of prompts that declare a version; drafts are not released."""

    kept = True

    def note(self, source: Source) -> object:
        prompt = source.prompt
        return True if prompt and prompt.version and not source.problems and not prompt.is_draft else None


class VersionTooSmall(_Declared):
    """The declared version is too small for what has changed since the last release.

    **Why it matters**

    Applications pin `^1`, which promises that their calls stay valid. A release under a version that is too small would
    break them on their next start. `onbook release` refuses it; here it is told while the change is being written.

    **Bad**

    ```text
    version: 1.4.1        # after 1.4.0, and the input `tier` is now required
    ```

    **Good**

    ```text
    version: 2.0.0
    ```

    Or delete the key: then the release finds the version by itself.

    **When to waive**

    Hardly ever: the release still refuses. Where the change could not be proved, waive that change (`onbook diff` says
    how), and this rule counts it as the smaller one as well.
    """

    id = "ON601"
    slug = "version-too-small"

    def since(self, source: Source, catalog: Catalog, bases: Bases | None) -> Iterator[Hit]:
        if bases is None:
            return
        old, base = bases.source(source.id)
        if base is None or _declared(source) < base:
            return  # the latter is told by another rule
        from onbook.diff import diff_sources, next_version, waive, waivers_of

        found = diff_sources(source.id, old, source, base=base, readers=catalog.config.readers)
        try:
            next_version(waive(found, waivers_of(catalog.config, source)))
        except UsageError as error:
            yield hit_at(source, ("version",), error.message, hint=error.hint)


class TestsLoosened(ReleaseRule):
    """Since the last release a case or a person's label was deleted, or a test asserts less than it did.

    **Why it matters**

    A change that fails the tests can be made to pass by asking less of it. Nothing in the prompt shows that: the tests
    are green. Off by default, since it reads every tested prompt's last release: `onbook diff` flags the same on a pull
    request (OD605, OD606, OD608).

    **Bad**

    ```text
    {"id": "refund", "inputs": {...}, "assert": [{"contains": "billing"}]}     at the last release
    {"id": "refund", "inputs": {...}, "assert": []}                            now
    ```

    **Good**

    ```text
    {"id": "refund", "inputs": {...}, "assert": [{"contains": "billing"}], "xfail": "until the model is changed"}
    ```

    A case that is known to fail stays, and says why. That is told too: somebody should know.

    **When to waive**

    Where a case was wrong, or asked for what the prompt no longer promises: waive it, with that reason.
    """

    id = "ON602"
    slug = "tests-loosened"
    severity = Severity.WARNING
    default = False
    kept = True

    def note(self, source: Source) -> object:
        return None if source.problems or (source.prompt and source.prompt.is_draft) else True

    def since(self, source: Source, catalog: Catalog, bases: Bases | None) -> Iterator[Hit]:
        from onbook.diff.loosened import compare_tests

        old, base = bases.source(source.id) if bases else (None, None)
        for change in compare_tests(old, source) if old else ():
            message = f"since {base}, {change.consequence}"
            path, line = change.file or (source.path, None)
            if change.removed:
                # The line is one of the old file; the file itself may be gone.
                path, line = (path if source.snapshot.entry(path) else source.path), None
            yield Hit(message, path, line)


class VersionBelowRelease(_Declared):
    """The declared version is below one that is released already.

    **Why it matters**

    Versions only rise. While nothing changes nobody notices; the next change is then refused at release, or, worse, a
    reader of the file takes the prompt for an older one than it is.

    **Bad**

    ```text
    version: 1.3.0        # while support/triage/v1.4.0 is a tag of this history
    ```

    **Good**

    ```text
    version: 1.4.0
    ```

    **When to waive**

    Never: set the key to the last release, or delete it.
    """

    id = "ON603"
    slug = "version-below-release"

    def since(self, source: Source, catalog: Catalog, bases: Bases | None) -> Iterator[Hit]:
        base = bases.version(source.id) if bases else None
        if base is not None and _declared(source) < base:
            message = f"version {_declared(source)} is below {base}, which is released"
            yield hit_at(source, ("version",), message, hint=f"set {base} or more, or delete the key")


class ReplacedByNothing(ReleaseRule):
    """`metadata.replacedBy` names no prompt: neither one of this tree, nor one that was ever released.

    **Why it matters**

    It is where people who still use a deprecated prompt are sent. A name that leads nowhere leaves them where they are.

    **Bad**

    ```yaml
    # file: prompts/a.prompt.yml
    messages: [{role: user, content: hello}]
    metadata: {status: deprecated, replacedBy: suport/triage}
    # file: prompts/support/triage.prompt.yml
    messages: [{role: user, content: hello}]
    ```

    **Good**

    ```yaml
    # file: prompts/a.prompt.yml
    messages: [{role: user, content: hello}]
    metadata: {status: deprecated, replacedBy: support/triage}
    # file: prompts/support/triage.prompt.yml
    messages: [{role: user, content: hello}]
    ```

    **When to waive**

    Where the new prompt lives in another repository: say so in the reason.
    """

    id = "ON604"
    slug = "replaced-by-nothing"
    severity = Severity.WARNING

    def note(self, source: Source) -> object:
        return True if source.prompt and isinstance(source.prompt.metadata.get("replacedBy"), str) else None

    def since(self, source: Source, catalog: Catalog, bases: Bases | None) -> Iterator[Hit]:
        assert source.prompt
        name = str(source.prompt.metadata["replacedBy"])
        at = ("metadata", "replacedBy")
        if name == source.id:
            yield hit_at(source, at, f"{name!r} is this prompt itself", hint="name the prompt that replaces it")
        elif name not in catalog.paths and not _released(name, bases):
            message = f"there is no prompt {name!r}, and none of that id was ever released"
            yield hit_at(source, at, message, hint="name it as `onbook list` does, without folder and suffix")


def _released(id: str, bases: Bases | None) -> bool:
    if bases is None or not is_id(id):
        return False
    if list_tags(bases.repo, prefix=bases.prefix, prompt=id):
        return True
    if bases.repo.shallow:
        raise OnbookError(f"whether {id} was ever released cannot be told in a shallow clone", hint="git fetch --tags")
    return False


def _declared(source: Source) -> Version:
    assert source.prompt
    assert source.prompt.version
    return Version.parse(source.prompt.version)


RULES: tuple[type[Rule], ...] = (VersionTooSmall, TestsLoosened, VersionBelowRelease, ReplacedByNothing)
