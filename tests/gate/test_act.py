"""Our action and our templates, really run: by act, without Docker and without a network.

act takes other actions from folders here. Those written in JavaScript are stubs: checkout finds the repository where
act has put it, and upload-artifact keeps what it is given. pip takes wheels of what is installed here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.console import Person
from support.git import Repo
from support.pulls import ROOT, breaking, failing, good, published, pull_request, recorded
from support.wheelhouse import wheelhouse

ACT = Path(sys.executable).with_name("act")
pytestmark = [
    # Each makes an environment of its own: a minute and more.
    pytest.mark.skipif(not ACT.exists(), reason="act is not installed: `make workflows` brings it"),
    pytest.mark.slow,
    pytest.mark.xdist_group("act"),
]

CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
UPLOAD = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"
STUBS = {
    CHECKOUT: "runs:\n  using: composite\n  steps:\n    - run: 'true'\n      shell: bash\n",
    UPLOAD: (
        "inputs: {name: {}, path: {}, if-no-files-found: {}, retention-days: {}}\n"
        "runs:\n  using: composite\n  steps:\n"
        '    - run: cp "$KEPT" "$KEEP/$NAME"\n      shell: bash\n'
        "      env:\n        KEPT: ${{ inputs.path }}\n        NAME: ${{ inputs.name }}\n"
    ),
}
# The workflow that README shows for other repositories.
USES = """\
on: pull_request
permissions: {}
jobs:
  check:
    runs-on: ubuntu-latest
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683
        with: {fetch-depth: 0, persist-credentials: false}
      - uses: onbook/onbook/.github/actions/check@0123456789012345678901234567890123456789
        id: onbook
      - if: ${{ always() }}
        env:
          VERDICT: ${{ steps.onbook.outputs.verdict }}
          BUMPS: ${{ steps.onbook.outputs.bumps }}
          CHANGED: ${{ steps.onbook.outputs.changed }}
          FORK: ${{ steps.onbook.outputs.fork }}
          REPORT: ${{ steps.onbook.outputs.report }}
          COMMENT: ${{ steps.onbook.outputs.comment }}
        run: |
          echo "$VERDICT|$BUMPS|$CHANGED|$FORK" >"$KEEP/outputs"
          cp "$REPORT" "$KEEP/report.json"
          cp "$COMMENT" "$KEEP/comment.md"
"""


@dataclass(frozen=True)
class Ran:
    """What a workflow left."""

    code: int
    log: str
    kept: Path


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """onbook's own wheel, and one of all that it needs."""
    folder = wheelhouse(tmp_path_factory.mktemp("wheels") / "house", ["onbook", "scipy", "hatchling"])
    build = [sys.executable, "-m", "build", "--quiet", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return folder


@pytest.fixture
def run(tmp_path: Path, wheels: Path) -> Callable[..., Ran]:
    """Run the workflows of a repository for an event."""

    def act(repo: Repo, name: str, event: dict[str, Any], *, workflow: str, variables: Sequence[str] = ()) -> Ran:
        kept, home = tmp_path / "kept", tmp_path / "home"
        for folder in (kept, home, tmp_path / "cache"):
            folder.mkdir(exist_ok=True)
        local = []
        for number, (action, text) in enumerate(STUBS.items()):
            stub = tmp_path / f"stub{number}"
            stub.mkdir(exist_ok=True)
            (stub / "action.yml").write_text(text, "utf-8")
            local.append(f"--local-repository={action}={stub}")
        ours = tmp_path / "ours"
        shutil.rmtree(ours, ignore_errors=True)
        for part in (".github", "tool", "schemas", "prompts", "hooks", "templates"):
            shutil.copytree(ROOT / part, ours / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / file, ours / file)
        local.append(f"--local-repository=onbook/onbook@{'0123456789' * 4}={ours}")
        (tmp_path / "event.json").write_text(json.dumps(event), "utf-8")
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "PYTHON"))},
            "HOME": str(home),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        settings = {"KEEP": str(kept), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        done = subprocess.run(
            [
                str(ACT), name, "-P", "ubuntu-latest=-self-hosted", "--pull=false", "-e", str(tmp_path / "event.json"),
                "-W", workflow, *local, *(f"--env={key}={value}" for key, value in settings.items()),
                "-s", "GITHUB_TOKEN=none", *(f"--var={each}" for each in variables),
            ],
            cwd=repo.path, env=env, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout + done.stderr, kept)

    return act


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    found = published(tmp_path / "r")
    Person(found.path).onbook("init", "--github")
    found.commit({".github/workflows/uses.yml": USES}, "the workflows")
    found.git("remote", "add", "origin", "https://github.com/us/prompts")
    found.git("checkout", "--quiet", "-b", "change")
    return found


KINDS = [
    (good, False, 0, 'passed|{"support/route": "minor"}|["support/route"]|false'),
    (breaking, False, 0, 'passed|{"support/route": "major"}|["support/route"]|false'),
    (failing, False, 1, 'failed|{"support/triage": "none"}|["support/triage"]|false'),
    (recorded, True, 0, None),
]


@pytest.mark.parametrize(("change", "fork", "code", "outputs"), KINDS, ids=["good", "breaking", "failing", "fork"])
def test_our_action(
    repo: Repo, run: Callable[..., Ran], change: Callable[[Repo], None], fork: bool, code: int, outputs: str | None
) -> None:
    change(repo)
    ran = run(repo, "pull_request", pull_request(repo, fork=fork), workflow=".github/workflows/uses.yml")
    assert ran.code == code, ran.log
    told = (ran.kept / "outputs").read_text("utf-8").strip()
    if outputs:
        assert told == outputs, ran.log
    report = json.loads((ran.kept / "report.json").read_text("utf-8"))
    assert report["data"]["fork"] is fork
    assert report["base"] == repo.git("rev-parse", "main")
    body = (ran.kept / "comment.md").read_text("utf-8")
    assert body.startswith("<!-- onbook check -->\n### onbook check: ")
    assert ("**Testimony:**" in body) == fork


@pytest.mark.parametrize(("change", "code"), [(good, 0), (failing, 1)])
def test_the_template_of_the_gate(
    repo: Repo, run: Callable[..., Ran], change: Callable[[Repo], None], code: int
) -> None:
    change(repo)
    ran = run(repo, "pull_request", pull_request(repo, fork=True), workflow=".github/workflows/prompts.yml")
    assert ran.code == code, ran.log
    report = json.loads((ran.kept / "onbook-report").read_text("utf-8"))
    assert (report["status"], report["data"]["fork"]) == ("failed" if code else "passed", True)


def test_the_template_of_releases(repo: Repo, run: Callable[..., Ran], tmp_path: Path) -> None:
    remote = Repo(tmp_path / "remote.git")
    remote.path.mkdir()
    remote.git("init", "--quiet", "--bare", "--initial-branch=main")
    repo.git("remote", "set-url", "origin", str(remote.path))
    repo.git("checkout", "--quiet", "main")
    before = repo.git("rev-parse", "HEAD")
    # Fixed here: a prompt without recorded answers is not released.
    repo.commit({"onbook.toml": '[lint]\nignore = ["retired-model"]\n[gates]\nunchecked = false\n'})
    repo.git("push", "--quiet", "--set-upstream", "origin", "main")
    repo.git("remote", "set-head", "origin", "main")
    event = {"ref": "refs/heads/main", "before": before, "after": repo.git("rev-parse", "HEAD")}
    ran = run(repo, "push", event, workflow=".github/workflows/prompts-release.yml")
    assert ran.code == 0, ran.log
    tags = remote.git("tag", "--list").splitlines()
    assert tags == ["support/route/v0.1.0", "support/triage/v0.1.0"]
    assert re.search(r"^tagger github-actions\[bot\]", remote.git("cat-file", "tag", tags[0]), re.MULTILINE)


def test_the_template_of_the_catalogue(repo: Repo, run: Callable[..., Ran], tmp_path: Path) -> None:
    remote = Repo(tmp_path / "remote.git")
    remote.path.mkdir()
    remote.git("init", "--quiet", "--bare", "--initial-branch=main")
    repo.git("remote", "set-url", "origin", str(remote.path))
    repo.git("checkout", "--quiet", "main")
    repo.git("push", "--quiet", "--set-upstream", "origin", "main")

    def publish(*variables: str) -> Ran:
        event = {"ref": "refs/heads/main", "after": repo.git("rev-parse", "HEAD")}
        # What a runner begins with is new each time.
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        return run(repo, "push", event, workflow=".github/workflows/prompts-site.yml", variables=variables)

    assert publish().code == 0
    assert remote.git("branch", "--list", "gh-pages") == "", "nobody has decided that it is published"
    ran = publish("ONBOOK_SITE=yes")
    assert ran.code == 0, ran.log
    first = remote.git("rev-parse", "gh-pages")
    files = remote.git("ls-tree", "-r", "--name-only", "gh-pages").splitlines()
    assert {"index.html", "style.css", "site.js", ".nojekyll", "p/support/triage.html"} <= set(files)
    assert re.search(r"^author github-actions\[bot\]", remote.git("cat-file", "commit", first), re.MULTILINE)
    assert publish("ONBOOK_SITE=yes").code == 0
    assert remote.git("rev-parse", "gh-pages") == first, "nothing changed"
    repo.commit({"prompts/support/broken.prompt.yml": "messages: [\n"}, "A prompt that cannot be read")
    ran = publish("ONBOOK_SITE=yes")
    assert ran.code == 1, ran.log
    assert remote.git("rev-parse", "gh-pages^") == first
    changed = remote.git("diff", "--name-only", first, "gh-pages").splitlines()
    assert changed == [".onbook-site.json", "index.html", "p/support/broken.html"]
