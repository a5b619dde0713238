"""What was kept changes nothing but the time: the same findings as looking at everything again, whatever happened."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

import onbook
from onbook.lint import kept as kept_file
from onbook.lint import lint, memory
from onbook.project import Catalog
from onbook.repo import Repository
from onbook.repo.snapshot import Commit, Index
from onbook.repo.worktree import WorkTree
from onbook.rules import all_rules
from support import warm
from support.git import Repo
from support.remembered import COUNT, Place, kept, prompts, report, spoil
from support.snapshots import files


def test_nothing_changed_and_nothing_is_read_again(repo: Repo, looked: list[str]) -> None:
    cold = report(repo, keep=False)
    assert cold.findings
    assert not kept(repo)
    assert report(repo) == cold
    before = kept(repo)[0].stat()
    looked.clear()
    assert report(repo) == cold
    assert looked == []
    assert kept(repo)[0].stat().st_ino == before.st_ino  # not even written again


def test_only_what_depends_on_a_change_is_looked_at(repo: Repo, looked: list[str]) -> None:
    report(repo)
    looked.clear()
    name = next(name for name in (f"part{number:02}.md" for number in range(60)) if _including(repo, name))
    repo.write(f"prompts/_shared/{name}", "Be {{ brief }}.\n")
    found = report(repo)
    assert looked == _including(repo, name)
    looked.clear()
    assert report(repo) == found
    assert looked == []


def _including(repo: Repo, name: str) -> list[str]:
    return [path.relative_to(repo.path).as_posix() for path in prompts(repo) if name in path.read_text()]


def test_a_missing_file_that_comes_is_seen(repo: Repo, looked: list[str]) -> None:
    repo.write(
        "prompts/a.prompt.yml",
        "templateFormat: jinja2\nmessages: [{role: user, content: '{% include \"_shared/late.md\" %}'}]\n"
        "inputs: {type: object, properties: {x: {$ref: ../late.json}}}\n",
    )
    first = report(repo)
    assert {"ON205", "ON107"} <= {finding.rule for finding in first.findings}
    looked.clear()
    assert report(repo) == first
    assert looked == []
    repo.write("prompts/_shared/late.md", "Now.\n")
    second = report(repo)
    assert "ON205" not in {finding.rule for finding in second.findings}
    repo.write("late.json", "{}")
    third = report(repo)
    assert "ON107" not in {finding.rule for finding in third.findings}
    assert third == report(repo, keep=False)


def test_a_damaged_file_is_as_good_as_none(repo: Repo) -> None:
    cold = report(repo)
    sound = kept(repo)[0].read_bytes()
    dice = random.Random(20_261_121)
    for _ in range(40):
        data = bytearray(sound)
        match dice.randrange(4):
            case 0:
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            case 1:
                del data[dice.randrange(len(data)) :]
            case 2:
                at = dice.randrange(len(data))
                data[at : at + dice.randrange(1, 200)] = dice.randbytes(dice.randrange(200))
            case _:
                data += dice.randbytes(dice.randrange(1, 50))
        kept(repo)[0].write_bytes(bytes(data))
        assert report(repo) == cold
        assert kept(repo)[0].read_bytes() == sound


def test_another_version_of_the_tool_looks_again(
    repo: Repo, looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report(repo)
    looked.clear()
    with monkeypatch.context() as other:
        other.setattr(onbook, "__version__", "9.9.9")
        report(repo)
        assert len(looked) == COUNT
        assert len(kept(repo)) == 1
    looked.clear()
    report(repo)
    assert len(looked) == COUNT


def test_other_files_of_the_tool_are_another_tool(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/one.py").write_text("a")
    hashes = [memory._hash_of(tmp_path)]
    (tmp_path / "rules/one.py").write_text("longer")
    hashes.append(memory._hash_of(tmp_path))
    (tmp_path / "rules/two.py").write_text("b")
    hashes.append(memory._hash_of(tmp_path))
    (tmp_path / "rules/__pycache__").mkdir()
    (tmp_path / "rules/__pycache__/one.pyc").write_text("c")
    assert len(set(hashes)) == 3
    assert memory._hash_of(tmp_path) == hashes[-1]


def test_the_configuration_counts(repo: Repo, looked: list[str]) -> None:
    report(repo)
    looked.clear()
    repo.write("onbook.toml", 'waivers = [{rule = "ON203", until = 2027-02-01, reason = "known"}]\n')
    waived = report(repo)
    assert looked == []  # waivers are applied to what was kept
    assert waived == report(repo, keep=False)
    assert any(finding.waived for finding in waived.findings)
    late = report(repo, today=date(2027, 2, 2))
    assert not any(finding.waived for finding in late.findings)
    assert any("2027-02-01" in finding.message for finding in late.findings)
    looked.clear()
    repo.write("onbook.toml", '[lint]\nseverity = {ON203 = "warning"}\n')
    report(repo)
    assert looked == []
    repo.write("onbook.toml", '[lint]\nignore = ["ON203"]\n')
    assert report(repo) == report(repo, keep=False)
    assert len(looked) == 2 * COUNT


def test_places_and_selections_are_kept_apart_and_bounded(repo: Repo, looked: list[str]) -> None:
    places: list[Place] = [WorkTree, Index, WorkTree, Index]
    for place in places:
        assert report(repo, place=place) == report(repo, place=place, keep=False)
    assert len(kept(repo)) == 2
    assert report(repo, place=lambda found: Commit(found, "HEAD")).findings
    assert len(kept(repo)) == 2
    for rule in list(all_rules())[: memory.MAX_FILES + 2]:
        repo.write("onbook.toml", f'[lint]\nselect = ["{rule}"]\n')
        report(repo)
    assert len(kept(repo)) == memory.MAX_FILES
    assert looked


def test_what_a_killed_process_left_is_swept_away(repo: Repo) -> None:
    report(repo)
    left, recent = (kept(repo)[0].with_name(name) for name in (".onbook-0123", ".onbook-4567"))
    for path in (left, recent):
        path.write_text("half")
    os.utime(left, (0, 0))
    spoil(repo)
    report(repo)
    assert not left.exists()
    assert recent.exists()  # somebody may be writing it


def test_a_changed_assertion_looks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "asserting"
    info = place / "asserting-1.0.dist-info"
    info.mkdir(parents=True)
    (place / "asserting_plugin.py").write_text("")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: asserting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{memory.ASSERTIONS}]\nx = asserting_plugin:x\n")
    before = list(memory._plugins([]))
    monkeypatch.syspath_prepend(place)
    found = [list(memory._plugins([]))]
    (place / "asserting_plugin.py").write_text("x = 1")
    found.append(list(memory._plugins([])))
    assert before not in found
    assert found[0] != found[1]
    assert list(memory._plugins([])) == found[1]


def test_what_the_index_holds_is_not_what_lies_on_disk(repo: Repo) -> None:
    first = report(repo, place=Index)
    spoil(repo)
    assert report(repo, place=Index) == first
    repo.git("add", "--all")
    second = report(repo, place=Index)
    assert second != first
    assert second == report(repo, place=Index, keep=False)


def test_where_nothing_can_be_kept_all_is_looked_at(repo: Repo, looked: list[str]) -> None:
    repo.write(".git/onbook", "a file where the folder would be")
    assert report(repo) == report(repo, keep=False)
    assert report(repo).findings
    assert len(looked) == 3 * COUNT
    memory_only = files({"prompts/a.prompt.yml": "messages: [\n"})
    assert lint(Catalog(memory_only), keep=True) == lint(Catalog(memory_only))


def test_named_prompts_are_looked_at_without_a_memory(repo: Repo, looked: list[str]) -> None:
    report(repo)
    before = kept(repo)[0].read_bytes()
    looked.clear()
    catalog = Catalog(WorkTree(Repository.discover(repo.path)))
    assert len(lint(catalog, catalog.ids[:2], keep=True).checks) == 2
    assert len(looked) == 2
    assert kept(repo)[0].read_bytes() == before


def test_the_day_is_not_kept(repo: Repo, looked: list[str]) -> None:
    path = prompts(repo)[3]
    # A model that retires: what is told of it counts the days.
    path.write_text(re.sub(r"(?m)^model: .*$", "model: openai/gpt-4-0314", path.read_text()))
    early = report(repo, today=date(2023, 1, 1))
    looked.clear()
    late = report(repo, today=date(2030, 1, 1))
    assert looked == []
    assert late == report(repo, today=date(2030, 1, 1), keep=False)
    assert early == report(repo, today=date(2023, 1, 1), keep=False)


def test_processes_at_once_do_not_disturb_each_other(repo: Repo) -> None:
    texts = [path.read_text() for path in prompts(repo)]
    for turn in range(3):
        path = prompts(repo)[turn]
        path.write_text(texts[turn] + f"unknown{turn}: 1\n")
        with ThreadPoolExecutor(4) as pool:
            told = [done.stdout for done in pool.map(warm.onbook, [["lint", "--format", "json"]] * 4, [repo.path] * 4)]
        assert len(set(told)) == 1
        assert f"unknown{turn}" in told[0]
    # With another order of hashes as well.
    fresh = [warm.ONBOOK, "lint", "--format", "json", "--no-cache"]
    assert subprocess.run(fresh, cwd=repo.path, stdout=subprocess.PIPE, text=True, check=False).stdout == told[0]
    assert len(kept(repo)) == 1  # and no temporary file was left


def test_a_change_is_added_to_the_file_which_does_not_grow(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_file, "FEWEST_OUTDATED", 3)
    report(repo)
    first = kept(repo)[0].stat().st_size
    sizes = []
    for turn in range(3 * COUNT):
        path = prompts(repo)[turn % 5]
        path.write_text(path.read_text() + f"# {turn}\n")
        told = report(repo)
        sizes.append(kept(repo)[0].stat().st_size)
        if turn % 10 == 0:
            assert told == report(repo, keep=False)
    assert max(sizes) < 3 * first
    assert sizes[-1] < max(sizes)  # what did not count any more was left out
    assert report(repo) == report(repo, keep=False)


def test_a_prompt_that_went_and_came_back_is_looked_at_again(repo: Repo, looked: list[str]) -> None:
    path = prompts(repo)[4]
    text = path.read_text()
    before = report(repo)
    path.unlink()
    report(repo)
    looked.clear()
    path.write_text(text)
    assert report(repo) == before
    assert looked == [path.relative_to(repo.path).as_posix()]
    looked.clear()
    assert report(repo) == before
    assert looked == []


def test_a_file_that_comes_is_seen_whoever_had_read_it_before(repo: Repo) -> None:
    include = "templateFormat: jinja2\nmessages: [{role: user, content: '{% include \"b.suite.yml\" %}'}]\n"
    repo.write("prompts/a.prompt.yml", include)
    repo.write("prompts/b.prompt.yml", "messages: [{role: user, content: hello}]\n")
    for text in ("repeats: 1\n", None, "repeats: [\n", None, "repeats: 1\n"):
        path = repo.path / "prompts/b.suite.yml"
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
        assert report(repo) == report(repo, keep=False), text


def test_a_file_of_many_is_read_once_and_its_change_is_seen(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = WorkTree.read

    def counted(self: WorkTree, path: str) -> bytes:
        read.append(path)
        return real(self, path)

    monkeypatch.setattr(WorkTree, "read", counted)
    before = report(repo)
    counts = Counter(path for path in read if "/_shared/" in path)
    assert counts
    assert set(counts.values()) == {1}
    for path in counts:
        repo.write(path, "Be {{ brief }}.\n")
    assert report(repo) != before
    assert report(repo) == report(repo, keep=False)
