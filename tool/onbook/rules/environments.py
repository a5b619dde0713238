"""ON62x: files of environments, which belong to no prompt. Lint looks at them in every run: they hang on tags."""

from __future__ import annotations

from onbook.rules.base import Rule


class EnvironmentFile(Rule):
    """An environment's file cannot be used: its name, its shape, a key that is not known, a version that is none.

    **Why it matters**

    Clients refuse such a file, and serve what they served before. Nobody notices until a rollback does nothing.

    **Bad**

    ```text
    # prompts/_environments/production.yml
    support/triage: {stabel: {version: 1.4.0, digest: "sha256:..."}}
    ```

    **Good**

    ```text
    # prompts/_environments/production.yml
    support/triage: {stable: {version: 1.4.0, digest: "sha256:..."}}
    ```

    `onbook deploy` writes these files; a person may as well.

    **When to waive**

    Never.
    """

    id = "ON620"
    slug = "environment-file"
    codes = frozenset({"environment-file"})


class EnvironmentRelease(Rule):
    """An environment names a release that is not there, or that was withdrawn.

    **Why it matters**

    Clients of that environment get an error for a release that is nowhere. One that was withdrawn was withdrawn for a
    reason, and runs on.

    **Bad**

    ```text
    support/triage: {stable: {version: 1.5.0, digest: "sha256:..."}}       while 1.4.0 is the newest tag
    ```

    **Good**

    ```text
    support/triage: {stable: {version: 1.4.0, digest: "sha256:..."}}
    ```

    Where others released it, `git fetch --tags` brings the tag.

    **When to waive**

    While a withdrawn release has to run on until its successor is there: waive it until that day.
    """

    id = "ON621"
    slug = "environment-release"
    codes = frozenset({"environment-release"})


class EnvironmentDigest(Rule):
    """An environment states another digest than the release that it names.

    **Why it matters**

    The digest proves which bytes run. Clients refuse what does not have it: a version that was edited by hand without
    its digest serves nobody.

    **Bad**

    ```text
    support/triage: {stable: {version: 1.5.0, digest: "sha256: that of 1.4.0"}}
    ```

    **Good**

    ```text
    $ onbook deploy production support/triage 1.5.0        writes both
    ```

    **When to waive**

    Never.
    """

    id = "ON622"
    slug = "environment-digest"
    codes = frozenset({"environment-digest"})


RULES: tuple[type[Rule], ...] = (EnvironmentFile, EnvironmentRelease, EnvironmentDigest)
