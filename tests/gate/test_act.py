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

from onbook.gate.outputs import MARKER
from support.console import Person
from support.git import Repo
from support.github_api import AUTHOR, GitHubApi
from support.openai_server import OpenAIServer
from support.pulls import ROOT, breaking, failing, good, meant, published, pull_request, recorded
from support.running import KEY, RECORDINGS, desk
from support.wheelhouse import wheelhouse

ACT = Path(sys.executable).with_name("act")
pytestmark = [
    # Each makes an environment of its own: a minute and more.
    pytest.mark.skipif(not ACT.exists(), reason="act is not installed: `make workflows` brings it"),
    pytest.mark.slow,
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
          PAGE: ${{ steps.onbook.outputs.page }}
        run: |
          echo "$VERDICT|$BUMPS|$CHANGED|$FORK" >"$KEEP/outputs"
          cp "$REPORT" "$KEEP/report.json"
          cp "$COMMENT" "$KEEP/comment.md"
          cp "$PAGE" "$KEEP/page.html"
"""


@dataclass(frozen=True)
class Ran:
    """What a workflow left."""

    code: int
    log: str
    kept: Path


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """onbook's own wheel, and one of all that it needs, litellm included."""
    folder = wheelhouse(tmp_path_factory.mktemp("wheels") / "house", ["onbook", "scipy", "hatchling", "litellm"])
    build = [sys.executable, "-m", "build", "--quiet", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return folder


@pytest.fixture
def run(tmp_path: Path, wheels: Path) -> Callable[..., Ran]:
    """Run the workflows of a repository for an event."""
    kept, home, ours = tmp_path / "kept", tmp_path / "home", tmp_path / "ours"
    for folder in (kept, home):
        folder.mkdir()
    local = []
    for number, (action, text) in enumerate(STUBS.items()):
        stub = tmp_path / f"stub{number}"
        stub.mkdir()
        (stub / "action.yml").write_text(text, "utf-8")
        local.append(f"--local-repository={action}={stub}")
    for part in (".github", "tool", "schemas", "prompts", "hooks", "templates"):
        shutil.copytree(ROOT / part, ours / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, ours / file)
    local.append(f"--local-repository=onbook/onbook@{'0123456789' * 4}={ours}")
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "PYTHON", "OPENAI_"))},
        "HOME": str(home),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    settings = {"KEEP": str(kept), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_NO_COMPILE": "1"}

    def act(
        root: Path, name: str, event: dict[str, Any], *, workflow: str, variables: Sequence[str] = (), **exported: str
    ) -> Ran:
        (tmp_path / "cache").mkdir(exist_ok=True)
        (tmp_path / "event.json").write_text(json.dumps(event), "utf-8")
        done = subprocess.run(
            [
                str(ACT), name, "-P", "ubuntu-latest=-self-hosted", "--pull=false", "-e", str(tmp_path / "event.json"),
                "-W", f".github/workflows/{workflow}.yml", *local,
                *(f"--env={key}={value}" for key, value in {**settings, **exported}.items()),
                "-s", "GITHUB_TOKEN=none", "-s", f"OPENAI_API_KEY={KEY}", *(f"--var={each}" for each in variables),
            ],
            cwd=root, env=env, capture_output=True, text=True, check=False, timeout=600,
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


ROUTED = '["support/route"]'
KINDS = [
    (good, 0, f'passed|{{"support/route": "minor"}}|{ROUTED}|false'),
    (meant, 0, f'passed|{{"support/route": "major"}}|{ROUTED}|false'),
    (breaking, 1, f'failed|{{"support/route": "major"}}|{ROUTED}|false'),
    (failing, 1, 'failed|{"support/triage": "none"}|["support/triage"]|false'),
    (recorded, 0, 'passed|{"support/triage": "none"}|["support/triage"]|true'),
]


@pytest.mark.parametrize(("change", "code", "outputs"), KINDS, ids=["good", "meant", "breaking", "failing", "fork"])
def test_our_action(
    repo: Repo, run: Callable[..., Ran], change: Callable[[Repo], None], code: int, outputs: str
) -> None:
    change(repo)
    fork = change is recorded
    ran = run(repo.path, "pull_request", pull_request(repo, fork=fork), workflow="uses")
    assert ran.code == code, ran.log
    assert (ran.kept / "outputs").read_text("utf-8").strip() == outputs, ran.log
    report = json.loads((ran.kept / "report.json").read_text("utf-8"))
    assert report["data"]["fork"] is fork
    assert report["base"] == repo.git("rev-parse", "main")
    assert not any("answers" in row for row in report["data"]["test"]["prompts"])
    assert "<!doctype html>" in (ran.kept / "page.html").read_text("utf-8")
    body = (ran.kept / "comment.md").read_text("utf-8")
    assert body.startswith("<!-- onbook check -->\n### onbook check: ")
    assert ("**Testimony:**" in body) == fork
    assert ("🔴 major: callers break" in body.splitlines()[1]) == (change in (meant, breaking))
    assert ("OD002" in body) == (change is breaking)


def test_the_template_of_the_gate(repo: Repo, run: Callable[..., Ran]) -> None:
    good(repo)
    ran = run(repo.path, "pull_request", pull_request(repo), workflow="prompts")
    assert ran.code == 0, ran.log
    report = json.loads((ran.kept / "onbook-report").read_text("utf-8"))
    assert (report["status"], report["data"]["fork"]) == ("passed", False)
    assert "The check passed" in (ran.kept / "onbook-page").read_text("utf-8")


def test_a_fork_fails_the_gate_and_the_comment_says_so(repo: Repo, run: Callable[..., Ran]) -> None:
    """The one workflow after the other, as GitHub runs them; what is stubbed is the way of the artifact."""
    failing(repo)
    ran = run(repo.path, "pull_request", pull_request(repo, fork=True), workflow="prompts")
    assert ran.code == 1, ran.log
    commit = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "main")
    told = {
        "id": 5, "event": "pull_request", "head_branch": "change", "head_sha": commit,
        "head_repository": {"full_name": "me/fork"},
    }  # fmt: skip
    with GitHubApi() as api:
        api.artifact = (ran.kept / "onbook-report").read_bytes()
        api.pulls = [{"number": 7, "head": {"sha": commit, "repo": {"full_name": "me/fork"}}}]
        earlier = [{"id": 1, "user": {"login": "mallory"}, "body": f"{MARKER}\nforged"}]
        api.comments = [*earlier, {"id": 2, "user": {"login": AUTHOR}, "body": f"{MARKER}\nof the run before"}]
        ran = run(repo.path, "workflow_run", {"workflow_run": told}, workflow="prompts-comment", GITHUB_API_URL=api.url)
        assert ran.code == 0, ran.log
        assert api.comments[0]["body"] == f"{MARKER}\nforged"
        assert [each["id"] for each in api.comments] == [1, 2]
        body = api.comments[1]["body"]
        assert {authorization for _, _, authorization in api.asked} == {"Bearer none"}
        assert [path.partition("?")[0] for _, path, _ in api.asked] == [
            "/repos/us/prompts/actions/runs/5/artifacts",
            "/repos/us/prompts/actions/artifacts/3/zip",
            "/repos/us/prompts/pulls",
            "/repos/us/prompts/issues/7/comments",
            "/repos/us/prompts/issues/comments/2",
        ]
        assert body.startswith(f"{MARKER}\n⚠️ This report was made by a run for a fork")
        assert "### onbook check: ❌ failed" in body
        # A run for anything but a pull request is passed over, before anything is installed.
        asked = len(api.asked)
        pushed = {"workflow_run": {**told, "event": "push"}}
        ran = run(repo.path, "workflow_run", pushed, workflow="prompts-comment", GITHUB_API_URL=api.url)
        assert (ran.code, len(api.asked)) == (0, asked), ran.log
        assert "Install onbook" not in ran.log


@pytest.mark.parametrize("drifted", [False, True])
def test_the_template_of_the_night(tmp_path: Path, run: Callable[..., Ran], drifted: bool) -> None:
    """A provider that answers as it was recorded, and one that does not any more."""
    with OpenAIServer(echo=True) as server:
        made = desk(tmp_path / "r", 3, server.url)
        made.test("--record")
    author = Person(made.root)
    author.onbook("init", "--github")
    author.git("checkout", "--quiet", "-B", "main")
    author.git("remote", "add", "origin", "https://github.com/us/prompts")
    author.commit("A prompt with recorded answers")
    before = (made.root / RECORDINGS).read_bytes()
    with OpenAIServer(echo=not drifted) as server:
        # What GitHub sends on a schedule says nothing of the repository.
        event = {"schedule": "17 3 * * *"}
        ran = run(made.root, "schedule", event, workflow="prompts-nightly", OPENAI_API_BASE=server.url)
        assert ran.code == (1 if drifted else 0), ran.log
        assert len(server.received) == 3, ran.log
        sent = [{name.lower(): value for name, value in each.headers.items()} for each in server.received]
        assert {headers["authorization"] for headers in sent} == {f"Bearer {KEY}"}
        assert (ran.log.count("::error") > 0) == drifted, ran.log
        assert (made.root / RECORDINGS).read_bytes() == before
        # Started by hand on another branch, it asks nothing.
        author.git("checkout", "--quiet", "-b", "elsewhere")
        author.git("commit", "--quiet", "--allow-empty", "--message", "Another place")
        by_hand = {"repository": {"default_branch": "main"}}
        ran = run(made.root, "workflow_dispatch", by_hand, workflow="prompts-nightly", OPENAI_API_BASE=server.url)
        assert (ran.code, len(server.received)) == (0, 3), ran.log


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
    ran = run(repo.path, "push", event, workflow="prompts-release")
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
        return run(repo.path, "push", event, workflow="prompts-site", variables=variables)

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
