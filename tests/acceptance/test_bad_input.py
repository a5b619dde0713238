"""Bad input, as people bring it: each gets a clear error, its place, what to do, and the documented exit code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from support.console import ONBOOK, Person, person
from support.samples import TRIAGE

PROMPT = "prompts/support/triage.prompt.yml"


@pytest.fixture
def author(tmp_path: Path) -> Person:
    found = person(tmp_path / "p")
    found.write(PROMPT, TRIAGE)
    return found


FAULTS = [
    ("not YAML", ("name: triage", "name: [triage"), r":\d+:\d+: ON101 ", None),
    ("a duplicate key", ("name: triage", "name: triage\nname: other"), r":2:1: ON102 .*'name'.*line 1", None),
    ("an unknown key", ("templateFormat:", "templatFormat:"), r":3:1: ON103 .*'templatFormat'", "templateFormat"),
    ("an undeclared variable", ("{{ ticket }}", "{{ tickte }}"), r":13:18: ON203 .*tickte", "ticket"),
    ("a partial that is missing", ("Sort it.", '{% include "_shared/tone.md" %}'), r":12:\d+: ON205 .*tone\.md", None),
    ("a partial outside", ("Sort it.", '{% include "../secret.md" %}'), r":12:\d+: ON205 ", None),
    ("a template that never ends", ("Sort it.", "{% if ticket %}"), r":12:\d+: ON201 ", None),
    ("a call in a template", ("{{ ticket }}", "{{ ticket.upper() }}"), r":13:\d+: ON202 ", None),
    ("a role that does not exist", ("role: user", "role: usr"), r":10:11: ON104 .*role", None),
    ("an alias", ("name: triage", "name: &n triage"), r":1:7: ON111 ", None),
]


@pytest.mark.parametrize(("edit", "place", "hint"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_lint_says_what_is_wrong_and_where(author: Person, edit: tuple[str, str], place: str, hint: str | None) -> None:
    author.onbook("lint")
    author.edit(PROMPT, *edit)
    told = author.onbook("lint", exits=1)
    assert re.search(re.escape(PROMPT) + place, told), told
    assert hint is None or hint in told, told
    assert "Traceback" not in told


def test_one_broken_file_hides_no_other(author: Person) -> None:
    author.write("prompts/broken.prompt.yml", "messages: [")
    author.edit(PROMPT, "{{ ticket }}", "{{ tickte }}")
    told = author.onbook("lint", exits=1)
    assert "prompts/broken.prompt.yml:1" in told
    assert f"{PROMPT}:13:18" in told


def test_an_empty_repository(tmp_path: Path) -> None:
    author = person(tmp_path / "p")
    assert "onbook new" in author.onbook("list")
    author.onbook("lint")
    told = author.onbook("release", exits=2)
    assert "no commits yet" in told
    assert "commit first" in told
    assert "no prompt 'support/triage'" in author.onbook("render", "support/triage", exits=2)


def test_no_repository_at_all(tmp_path: Path) -> None:
    nobody = person(tmp_path / "p", repository=False)
    for command in (["list"], ["lint"], ["diff"], ["test"], ["release"], ["init"], ["log", "a"]):
        told = nobody.onbook(*command, exits=2)
        assert "in no git repository" in told
        assert "git init" in told


def test_a_detached_head(author: Person) -> None:
    author.commit("one")
    author.git("checkout", "--quiet", "--detach")
    author.onbook("lint")
    assert "support/triage/v0.1.0" in author.onbook("release")
    assert "no prompt changed" in author.onbook("diff")


def test_a_shallow_clone_never_takes_a_prompt_for_new(author: Person, tmp_path: Path) -> None:
    author.commit("one")
    author.onbook("release")
    author.edit(PROMPT, "Sort it.", "Sort the ticket.")
    author.commit("two")
    author.git("clone", "--quiet", "--depth=1", "--no-tags", f"file://{author.cwd}", str(tmp_path / "shallow"))
    shallow = Person(tmp_path / "shallow")
    shallow.onbook("lint")
    for command in ("diff", "release"):
        told = shallow.onbook(command, exits=3)
        assert "shallow" in told
        assert "git fetch --unshallow --tags" in told


def test_usage_errors_name_what_was_meant(author: Person) -> None:
    for typed in ("lnt", "lnit", "litn"):
        assert "did you mean 'lint'?" in author.onbook(typed, exits=2)
    assert "did you mean 'support/triage'?" in author.onbook("lint", "support/triag", exits=2)
    told = author.onbook("render", "support/triage", "--var", "tiket=x", exits=2)
    assert "tiket" in told
    told = author.onbook("render", "support/triage", exits=2)
    assert "'ticket' is required" in told
    assert "no such option" in author.onbook("lint", "--stagd", exits=2).lower()
    assert "names no commit here" in author.onbook("lint", "--at", "v9", exits=2)
    told = author.onbook("new", "Support Triage", exits=2)
    assert "no legal prompt id" in told
    assert "as in support-triage" in told
    assert "exists already" in author.onbook("new", "support/triage", exits=2)
    assert "did you mean" in author.onbook("explain", "undeclared-varable", exits=2)
    assert "did you mean 'support/triage'?" in author.onbook("log", "support/triag", exits=2)
    assert "no releases yet" in author.onbook("log", "support/triage")
    # As shells complete it, and as release prints it.
    assert "did you mean 'support/triage'?" in author.onbook("log", PROMPT, exits=2)
    assert "as in support/other\n" in author.onbook("new", "prompts/support/other.prompt.yml", exits=2)
    told = author.onbook("log", "support/triage/v0.1.0", exits=2)
    assert "this looks like a tag: its prompt is support/triage, its version 0.1.0" in told
    told = author.onbook("render", "support/triage", "--var", "ticket=x", "--var", "ticket=y", exits=2)
    assert "--var gives 'ticket' twice" in told
    told = author.onbook("render", "support/triage", "--vars", '{"ticket": "x"}', exits=2)
    assert "--vars takes a file, not the inputs themselves\n  - reads them from standard input" in told


def test_a_word_that_is_no_prompt_and_no_commit_is_told_as_neither(author: Person) -> None:
    told = author.onbook("diff", "mian", exits=2)
    assert "'mian' is neither a prompt nor a commit here" in told
    assert "`onbook list` names the prompts, `git branch` and `git tag` the commits" in told
    told = author.onbook("diff", "support/triage@0.1.0", exits=2)
    assert "a release is compared by its tag: onbook diff support/triage/v0.1.0" in told
    assert "onbook diff ID/v1.0.0" in author.onbook("diff", "v1.0.0", exits=2)
    assert "its tag begins with that: ID/v0.1.0" in author.onbook("lint", "--at", "0.1.0", exits=2)
    told = author.onbook("diff", "support/triag", exits=2)
    assert "neither" in told
    assert "did you mean 'support/triage'?" in told


def test_a_model_that_is_not_chosen_is_asked_for(author: Person) -> None:
    author.edit(PROMPT, "model: openai/gpt-4.1-2025-04-14\n", "")
    told = author.onbook("run", "support/triage", "--var", "ticket=x", exits=2)
    assert "names no model" in told
    assert "--model" in told


def test_configuration_that_cannot_be_meant(author: Person) -> None:
    author.write("onbook.toml", 'prompt = "x"\n')
    told = author.onbook("lint", exits=2)
    assert "onbook.toml" in told
    assert "did you mean 'prompts'?" in told
    author.write("onbook.toml", "prompts = [")
    assert "not TOML" in author.onbook("lint", exits=2)
    author.write("onbook.toml", "")
    author.write("pyproject.toml", "[tool.onbook]\n")
    assert "configured twice" in author.onbook("lint", exits=2)


def test_a_file_where_a_folder_belongs(tmp_path: Path) -> None:
    author = person(tmp_path / "p")
    author.write("prompts", "")
    for command in (["init"], ["new", "support/triage", "--model", "openai/x"]):
        told = author.onbook(*command, exits=3)
        assert told.startswith(f"error: {author.cwd}/prompts")
        assert "a file stands where a folder is wanted" in told
    for command in (["lint"], ["test"]):
        told = author.onbook(*command, exits=2)
        assert "prompts: prompts are looked for in this folder, and it is none" in told
        assert "onbook.toml" in told


def test_a_folder_without_prompts_is_told(author: Person) -> None:
    author.write("onbook.toml", 'prompts = "promtps"\n')
    for command in ("lint", "test"):
        assert "note: there are no prompts below promtps/" in author.onbook(command)
    author.write("onbook.toml", "")
    assert "no prompts below" not in author.onbook("lint")


def test_a_bare_repository_takes_no_files(author: Person, tmp_path: Path) -> None:
    author.commit("one")
    author.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    bare = Person(tmp_path / "bare.git")
    bare.onbook("lint")
    for command in (
        ["init"],
        ["new", "a", "--model", "openai/x"],
        ["lint", "--fix"],
        ["test", "--record"],
        ["test", "--prune"],
        ["label", "support/triage", "--case", "a", "--as", "good"],
        ["compare", "support/triage", "HEAD", "temperature=1", "--judge", "pairwise", "--record"],
    ):
        told = bare.onbook(*command, exits=2)
        assert "a bare repository has no files to write" in told
        assert "clone" in told
    assert not (bare.cwd / "prompts").exists()


def test_a_full_disk(author: Person) -> None:
    author.onbook("init")
    # A limit on the size of files stands for it: the system refuses the bytes in the same call.
    command = ["bash", "-c", 'ulimit -f 0 && exec "$@"', "-", ONBOOK, "new", "support/other", "--model", "openai/x"]
    done = subprocess.run(command, cwd=author.cwd, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 3, done.stderr
    assert f"error: {author.cwd}/prompts/support/other.prompt.yml: cannot be read or written: " in done.stderr
    assert "make room" in done.stderr
    assert [path.name for path in (author.cwd / "prompts/support").iterdir()] == ["triage.prompt.yml"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
@pytest.mark.parametrize("command", ["list", "--version", "--help"])
def test_an_output_that_takes_nothing(author: Person, command: str) -> None:
    with Path("/dev/full").open("w") as full:
        run = partial(subprocess.run, [ONBOOK, command], cwd=author.cwd, stdout=full, text=True, timeout=120)
        done = run(stderr=subprocess.PIPE)
        assert run(stderr=full).returncode == 3
    assert done.returncode == 3
    assert done.stderr == (
        "error: the system refused: No space left on device\n  make room, and run the command again\n"
    )


def test_whoever_reads_has_gone(author: Person) -> None:
    # As `| head` does, and both streams at once as `|& head`: the verdict stays what it is.
    author.edit(PROMPT, "{{ ticket }}", "{{ tickte }}")
    for command, code in ((["lint"], 1), (["diff", "--exit-code"], 1), (["explain"], 0), (["list"], 0)):
        assert _unread(author, command) == code, command
        assert _unread(author, command, errors=True) == code, command
    author.edit(PROMPT, "{{ tickte }}", "{{ ticket }}")
    assert _unread(author, ["lint"]) == 0
    assert _unread(author, ["render", "support/triage", "--var", "ticket=x"]) == 0


def _unread(author: Person, args: list[str], *, errors: bool = False) -> int:
    """The exit code of a command whose output, and whose errors too where asked for, nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    err = subprocess.STDOUT if errors else subprocess.PIPE
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run([ONBOOK, *args], cwd=author.cwd, stdout=pipe, stderr=err, check=False, timeout=120)
    assert errors or b"Traceback" not in done.stderr, done.stderr
    return done.returncode


@pytest.mark.skipif(os.name != "posix", reason="descriptors are closed by a shell")
def test_streams_that_are_closed(author: Person) -> None:
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&- <&-"):
        done = subprocess.run(
            ["bash", "-c", f'exec "$@" {closed}', "-", ONBOOK, "lint", "--strict"],
            cwd=author.cwd, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), closed  # the model is going to retire


def test_interrupted_before_anything_is_imported(author: Person) -> None:
    code = (
        "import builtins, sys; real = builtins.__import__\n"
        "def stop(name, *rest):\n"
        "    if name == 'click': raise KeyboardInterrupt\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = stop; sys.argv = ['onbook', 'lint']\n"
        "from onbook.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=author.cwd, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_a_merge_that_was_not_finished(author: Person) -> None:
    ours = '{"id": "a", "inputs": {"ticket": "x"}}\n'
    cases = PROMPT.replace(".prompt.yml", ".cases.jsonl")
    author.write(cases, f"<<<<<<< HEAD\n{ours}=======\n{ours}>>>>>>> other\n")
    author.edit(PROMPT, "      Sort it.\n", "<<<<<<< HEAD\n      Sort it.\n=======\n      Sort.\n>>>>>>> other\n")
    told = author.onbook("lint", exits=1)
    for place in (f"{PROMPT}:12:1: ON101", *(f"{cases}:{line}:1: ON104" for line in (1, 3, 5))):
        assert f"{place} git left a conflict here" in told
    assert "choose between the two sides" in told


def test_init_in_a_subfolder_says_where_it_wrote(author: Person) -> None:
    below = Person(author.cwd / "services/ai")
    below.cwd.mkdir(parents=True)
    told = below.onbook("init")
    assert told.startswith(f"in {author.cwd}, where the repository begins:\n")
    assert "next: `onbook lint`" in told  # there is a prompt already
    assert "repository begins" not in below.onbook("init")


def test_prompts_that_stand_elsewhere(author: Person) -> None:
    author.git("init", "--quiet", "vendor")
    author.write("vendor/ours/a.prompt.yml", TRIAGE)
    author.write("old/a.prompt.yml", TRIAGE)
    author.write("onbook.toml", 'prompts = "vendor/ours"\n')
    for command in ("lint", "test", "check"):
        told = author.onbook(command)
        assert "there are no prompts below vendor/ours/" in told
        assert (
            "old/a.prompt.yml and 1 more stand elsewhere: move what is a prompt to vendor/ours/, or set `prompts`"
            in told
        )
        assert "vendor is a repository of its own, a submodule for example: run onbook there" in told
    assert "old/a.prompt.yml and 1 more stand elsewhere" in author.onbook("list")
    author.write("onbook.toml", 'prompts = "old"\n')
    assert "elsewhere" not in author.onbook("lint") + author.onbook("list")


def test_a_tag_from_a_year_that_no_calendar_has(author: Person) -> None:
    author.commit("one")
    author.onbook("release")
    tag = "support/triage/v0.1.0"
    raw = re.sub(r"(tagger [^<]*<[^>]*>) [0-9]+", r"\1 999999999999", author.git("cat-file", "tag", tag))
    author.write("raw", raw)
    author.git(
        "update-ref", f"refs/tags/{tag}", author.git("hash-object", "-t", "tag", "-w", "--literally", "raw").strip()
    )
    told = author.onbook("log", "support/triage")
    assert f"{tag}  initial" in told


def test_what_a_remote_says_steers_no_terminal(author: Person, tmp_path: Path) -> None:
    author.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    author.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    author.write("onbook.toml", "gates = {lint = false, unchecked = false}\n")
    author.commit("one")
    author.git("push", "--quiet", "origin", "main")
    hook = tmp_path / "remote.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nprintf '\\033]0;mine\\007\\033[2Jgone \\342\\200\\256' >&2\nexit 1\n")
    hook.chmod(0o755)
    told = author.onbook("release", "--push", exits=1)
    assert "no tag was written" in told
    assert "\\x1b[2Jgone" in told
    assert not {"\x1b", "\x07", "\u202e"} & {*told}


def test_inputs_that_are_nested_too_deep(author: Person) -> None:
    author.write("deep", "[" * 100_000)
    author.edit(PROMPT, "ticket: {type: string}", "ticket: {type: array}")
    told = author.onbook("render", "support/triage", "--var", "ticket=@deep", exits=2)
    assert "input 'ticket' is declared as array" in told
    assert len(told) < 500
    author.commit("one")
    told = author.onbook("compare", "support/triage", "HEAD", "top_p=" + "[" * 100_000, exits=2)
    assert "Traceback" not in told
