"""What the secrets of each issuer look like: cases/secrets.yml. Nothing that is told shows the secret."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from onbook.lint import lint
from onbook.project import Catalog
from onbook.rules.issuers import ISSUERS, Issuer, entropy, secrets
from onbook.rules.signs import SHORTEST
from support.snapshots import files

TABLE = Path(__file__).parents[1] / "cases" / "secrets.yml"


@functools.cache
def table() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.load(TABLE.read_text("utf-8"), yaml.CSafeLoader)
    return found


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(row["issuer"], "".join(text), id=f"{row['issuer']}-{number}")
        for row in table()
        for number, text in enumerate(row[kind])
    ]


def test_every_issuer_has_cases_of_both_kinds() -> None:
    assert [row["issuer"] for row in table()] == list(dict.fromkeys(issuer.name for issuer in ISSUERS))
    assert all(row["found"] and row["passes"] for row in table())
    assert len(table()) >= 40


@pytest.mark.parametrize(("issuer", "text"), cases("found"))
def test_a_secret_is_found_wherever_it_stands(issuer: str, text: str) -> None:
    for before, after in (
        ("", ""),
        ("the key is ", ". Use it."),
        ("'", "'"),
        ("\\n", "\\n"),
        ("(", ")"),
        ("> ", "\r\n"),
    ):
        found = list(secrets(before + text + after))
        assert [kind.name for _, _, kind in found] == [issuer], before
        start, secret, _ = found[0]
        assert (before + text + after)[start:].startswith(secret)


@pytest.mark.parametrize(
    "issuer", [issuer for issuer in ISSUERS if not issuer.anywhere], ids=lambda issuer: issuer.name
)
def test_what_is_looked_for_in_long_words_alone_stands_in_one(issuer: Issuer) -> None:
    pattern = issuer.pattern.pattern
    assert not re.search(r"[ \t]|\\[stWD]|\[\^", pattern), "it may hold a blank"
    shortest: int = re._parser.parse(pattern).getwidth()[0]  # type: ignore[attr-defined]
    assert shortest >= SHORTEST


@pytest.mark.parametrize(("issuer", "text"), cases("passes"))
def test_what_only_looks_like_one_is_not(issuer: str, text: str) -> None:
    assert not [kind.name for _, _, kind in secrets(f"{text}\n say '{text}'.")], issuer


@pytest.mark.parametrize(("issuer", "text"), cases("found"))
def test_what_is_told_does_not_show_it(issuer: str, text: str) -> None:
    block = f"use {text} now".replace("\n", "\n      ")
    prompt = f"messages:\n  - role: user\n    content: |\n      {block}\n"
    found = lint(Catalog(files({"prompts/a.prompt.yml": prompt}))).findings
    secret = secrets(text)[0][1]
    assert [finding.rule for finding in found if finding.rule == "ON405"] == ["ON405"]
    for finding in found:
        told = f"{finding}"
        assert secret not in told
        assert len(secret) < 24 or secret[12:20] not in told
        assert issuer in finding.message or finding.rule != "ON405"


def test_two_secrets_of_one_kind_have_two_fingerprints() -> None:
    row = next(row for row in table() if row["issuer"] == "a GitHub token")
    text = "messages: [{role: user, content: hi}]\n# %s %s\n" % tuple(map("".join, row["found"][:2]))  # noqa: UP031
    found = lint(Catalog(files({"prompts/a.prompt.yml": text}))).findings
    assert [finding.line for finding in found] == [2, 2]
    assert len({finding.fingerprint for finding in found}) == 2


def test_entropy_is_that_of_shannon() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abab") == 1
    assert entropy("abcdefgh") == 3
