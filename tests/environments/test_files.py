"""Environment files as data, and who gets a canary."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from onbook.environments import Canary, Deployment, Target, bucket, files
from onbook.errors import UsageError
from onbook.repo import Files
from onbook.versions import Version

DIGEST = "sha256:" + "a" * 64
STABLE = Target(Version(1, 4, 0), DIGEST)


def canary(weight: float, salt: str = "a1") -> Canary:
    return Canary(Version(1, 5, 0), DIGEST, weight, "user_id", salt)


KEYS = [f"user-{number}" for number in range(30_000)]


def test_the_rule_of_routing_written_out() -> None:
    """As another language would write it, from the documentation alone."""
    parts = [b"a1", b"support/triage", "zoë".encode()]
    data = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert bucket("a1", "support/triage", "zoë") == int(hashlib.sha256(data).hexdigest(), 16) % 10_000
    # Frozen: clients of every version must deal the same callers the same release.
    assert [bucket("a1", "support/triage", key) for key in ("1", "2", "")] == [5930, 8086, 3709]


def test_no_two_callers_are_taken_for_one() -> None:
    assert bucket("a", "bc", "d") != bucket("ab", "c", "d")
    assert bucket("", "a", "b") != bucket("a", "", "b")


@pytest.mark.parametrize("weight", [0, 0.01, 1, 10, 50, 99.5, 100])
@pytest.mark.parametrize("salt", ["a1", "7f3e9c02", ""])
def test_the_share_of_callers_is_the_weight(weight: float, salt: str) -> None:
    takes = sum(canary(weight, salt).takes("support/triage", key) for key in KEYS)
    assert takes / len(KEYS) == pytest.approx(weight / 100, abs=0.005)
    if weight in (0, 100):
        assert takes == weight * len(KEYS) / 100


def test_raising_the_weight_moves_nobody_back() -> None:
    before: set[str] = set()
    for weight in (0, 0.5, 1, 5, 20, 60, 100):
        now = {key for key in KEYS[:5_000] if canary(weight).takes("x", key)}
        assert before <= now
        before = now


def test_another_salt_deals_anew() -> None:
    one, other = ({key for key in KEYS[:5_000] if canary(50, salt).takes("x", key)} for salt in ("a", "b"))
    assert len(one & other) / 5_000 == pytest.approx(0.25, abs=0.03)


def test_without_a_key_everybody_gets_stable() -> None:
    deployment = Deployment(STABLE, canary(100))
    assert deployment.choose("x", None) is STABLE
    assert deployment.choose("x", "") is deployment.canary
    assert Deployment(STABLE).choose("x", "7") is STABLE


FILE = f"""\
# Production.
support/triage:
  stable: {{version: 1.4.0, digest: "{DIGEST}"}}
  canary: {{version: 1.5.0, digest: "{DIGEST}", weight: 2.5, key: user_id, salt: a1}}
"""


def test_a_file_says_what_runs() -> None:
    found, problems = files.parse(FILE.encode(), "p.yml")
    assert not problems
    assert found == {"support/triage": Deployment(STABLE, canary(2.5))}
    assert found["support/triage"].data()["canary"]["weight"] == 2.5


@pytest.mark.parametrize("raw", ["", "\n", "# Nothing runs here yet.\n", "\ufeff# x"])
def test_a_file_of_comments_runs_nothing(raw: str) -> None:
    assert files.parse(raw.encode(), "p.yml") == ({}, [])


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("weight: 2.5", "weight: 101", 4),
        ("weight: 2.5", "weight: .nan", 4),
        ("version: 1.4.0", "version: ^1.4", 3),
        ("stable:", "stabel:", 3),
        ("support/triage", "Support", 2),
        ("key: user_id", "key: 7", 4),
        ("support/triage:", "- support/triage:", 2),
    ],
)
def test_faults_have_a_place(old: str, new: str, line: int) -> None:
    found, problems = files.parse(FILE.replace(old, new).encode(), "p.yml")
    assert found == {}
    assert {problem.path for problem in problems} == {"p.yml"}
    assert line in {problem.line for problem in problems}


def test_reading_from_a_snapshot() -> None:
    path = files.path_of("prompts", "production")
    snapshot = Files({path: FILE.encode(), "prompts/_environments/notes.md": b"x", "prompts/_environments/eu.yml": b""})
    assert files.names(snapshot, "prompts") == ["eu", "production"]
    assert files.read(snapshot, "prompts", "production")["support/triage"].stable == STABLE
    assert files.read(snapshot, "prompts", "eu") == {}
    assert files.read(snapshot, "prompts", "staging") == {}
    with pytest.raises(UsageError, match="name of an environment"):
        files.read(snapshot, "prompts", "../production")
    with pytest.raises(UsageError) as caught:
        files.read(Files({path: b"a: b: c"}), "prompts", "production")
    assert caught.value.place
    assert Path(caught.value.place.partition(":")[0]).name == "production.yml"


ROW = 'support/p{0}:\n  stable: {{version: 1.{1}.0, digest: "sha256:' + "a" * 64 + '"}}\n'
SPREAD = (
    "support/p{0}:\n  stable:\n    version: 1.{1}.0  # since May\n    digest: sha256:" + "a" * 64 + "\n\n# the next\n"
)
ODD = [
    "", "# nothing\n", "\n", "{}\n", "---\n", "...\n", "- a\n", "support/p1:\n", "a: {\n", "a: [1,\nb: 2]\n",
    "a: 'x\nb: y'\n", "# \u2028b: 2\n", " {}\n", "# \rb: 2\n",
    "a: |\n  b\n", "? a\n: b\n", "a:\tb\n", "a: 1\rb: 2\n", "\tx\n", '"a": 1\n', "A: 1\n", "a: &x 1\n", "a: *x\n",
    "<<: {}\n",
    "%YAML 1.2\n", "\ufeff", "a: \x00\n", "no newline at the end", " indented: 1\n", "a: !!str x\n", "}\n", "]\n",
    "a: {b: 1\n",
    "  canary: nonsense\n", "support/p1: {}\n", "a: 1\u2028b: 2\n",
]  # fmt: skip


def test_many_versions_of_a_file_mean_what_each_means_alone() -> None:
    draw = random.Random(5)
    path = "prompts/_environments/production.yml"
    versions = files.Versions(path)
    texts = ["".join(ROW.format(id, 1) for id in range(9)), *ODD]
    for _ in range(600):
        parts = [
            draw.choice((ROW, SPREAD)).format(draw.randrange(12), draw.randrange(3)) for _ in range(draw.randrange(7))
        ]
        for _ in range(draw.choice((0, 0, 1, 2))):
            parts.insert(draw.randrange(len(parts) + 1), draw.choice(ODD))
        text = "".join(parts)
        if draw.random() < 0.2 and text:
            at = draw.randrange(len(text))
            text = text[:at] + draw.choice(("", "\n", " ", "{", '"', "#", "\r", ":")) + text[at + 1 :]
        texts.append(text)
    read = 0
    for text in texts:
        raw = text.encode("utf-8", "surrogatepass")
        wanted, problems = files.parse(raw, path)
        assert versions.parse(raw) == wanted, (text, problems)
        read += bool(wanted)
    assert read > 120
