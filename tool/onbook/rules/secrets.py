"""ON405: keys, tokens and passwords in the files of a prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from onbook.project import Source
from onbook.rules.base import Hit, Rule
from onbook.rules.issuers import Issuer, secrets, shared_secrets
from onbook.rules.kept import Kept, Match, suspects, told_once


class SecretInFile(Rule):
    """A key, a token or a password stands in a prompt, or in a file beside it.

    **Why it matters**

    Everyone who can read the repository can use it, and history keeps it after it is deleted. What stands in a message
    the provider reads as well, and the model may tell it to whoever asks.

    Told are the forms of some fifty kinds of secrets, private keys, signed tokens, URLs with a password and settings
    such as ``MISTRAL_API_KEY=...``, in the prompt's file with its comments, its partials, schemas and examples, its
    cases, suite and recordings. Placeholders pass. The secret itself is never printed: its first characters name its
    kind, and the beginning of its sha256 tells which one it is.

    OWASP LLM Top 10: LLM02:2025 and LLM07:2025 (2026: LLM02, LLM08).

    **Bad**

    ```yaml
    messages:
      - role: user
        content: |
          Read https://reporter:h7Gq2xV9@reports.intranet/weekly and sum it up.
    ```

    **Good**

    ```yaml
    messages:
      - role: user
        content: |
          Sum up this report.
          <report>{{report}}</report>
    ```

    **When to waive**

    Where it opens nothing: a published test key. A real one is first revoked at its issuer, then deleted.
    """

    id = "ON405"
    slug = "secret-in-file"

    def check(self, source: Source) -> Iterable[Hit]:
        """Every place in every file; recordings tell only what stands nowhere else."""
        shown = suspects(source)
        return self._found(shown) if shown else ()

    @staticmethod
    def _found(files: list[Kept]) -> Iterator[Hit]:
        told: set[str] = set()
        for file in files:
            found = shared_secrets(file.text) if file.shared else secrets(file.text, file.shown)
            for match in told_once(file, _matches(found), told) if found else ():
                hint = "revoke it at its issuer, then delete it: git's history keeps what was committed"
                yield file.hit_at(match.start, match.what, hint=hint)


def _matches(found: Iterable[tuple[int, str, Issuer]]) -> Iterator[Match]:
    for start, secret, issuer in found:
        yield Match(start, secret, f"{issuer.name} stands in this file: {_redacted(secret, issuer)}")


def _redacted(secret: str, issuer: Issuer) -> str:
    """Which secret it is, for those who know it: its prefix, its length and the beginning of its sha256.

    A short one can be found from a part of its hash by trying, so of those no hash is told.
    """
    first = next((literal for literal in issuer.literals if secret.startswith(literal)), "")
    if len(secret) < _HASHED:
        return f"{len(secret)} characters, not shown"
    hashed = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{first}..., {len(secret)} characters, sha256 {hashed}..."


_HASHED = 20

RULES: tuple[type[Rule], ...] = (SecretInFile,)
