"""`onbook test` runs what is asked for: by id, tag, case, change, last failure; and never opens a socket for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.running import ANY, RECORDINGS, Desk, case, copy


def ids(report: dict[str, Any]) -> dict[str, list[str]]:
    return {row["id"]: [it["case"][-2:] for it in row["results"]] for row in report["data"]["prompts"] if row["cases"]}


@pytest.mark.local_model
class TestSelection:
    def test_by_id_tag_and_case(self, recorded: Desk, tmp_path: Path) -> None:
        here = copy(recorded, tmp_path / "r")
        assert ids(here.report("b", exits=1)) == {"b": ["01", "02"]}
        assert ids(here.report("--tag", "odd")) == {"a": [f"{n:02}" for n in range(1, 20, 2)]}
        assert ids(here.report("--case", "case-00001", exits=0)) == {"a": ["01"], "b": ["01"], "c": ["01"]}
        assert ids(here.report("a", "--case", "case-00001", "--case", "case-00003")) == {"a": ["01", "03"]}
        assert "did you mean 'odd'?" in here.test("--tag", "od", exits=2)[1]
        assert "none of these prompts has a case 'case-00099'" in here.test("--case", "case-00099", exits=2)[1]
        # Nothing that was run is nothing that passed.
        told = here.test("--case", "case-00001", "--tag", "even", exits=2)[1]
        assert "none of the cases that --case names has a tag that --tag names" in told

    def test_a_partials_edit_selects_what_includes_it(self, recorded: Desk, tmp_path: Path) -> None:
        here = copy(recorded, tmp_path / "r")
        out, err = here.test("--changed-since", "HEAD")
        assert "no prompt changed since HEAD" in err
        assert "0 runs" in out
        # A tag that only prompts have which did not change is none that is misspelt.
        assert "0 runs" in here.test("--changed-since", "HEAD", "--tag", "odd")[0]
        assert "did you mean 'odd'?" in here.test("--changed-since", "HEAD", "--tag", "od", exits=2)[1]
        here.write("prompts/_shared/x.md", "Sort that:")
        assert set(ids(here.report("--changed-since", "HEAD", exits=3))) == {"b", "c"}
        here.git("checkout", "-q", ".")
        for path, text in (
            ("prompts/c.cases.jsonl", case(1)),
            ("prompts/c.suite.yml", "repeats: 1\n"),
            (RECORDINGS.replace("a.", "c."), ""),
        ):
            here.write(path, text)
            assert [row["id"] for row in here.report("--changed-since", "HEAD", exits=ANY)["data"]["prompts"]] == ["c"]
            here.git("checkout", "-q", ".")
        assert "names no commit" in here.test("--changed-since", "nowhere", exits=2)[1]

    def test_those_that_failed_last_time(self, recorded: Desk, tmp_path: Path) -> None:
        here = copy(recorded, tmp_path / "r")
        assert "no earlier run is remembered here" in here.test("--failed", exits=2)[1]
        here.test(exits=1)
        assert ids(here.report("--failed", exits=1)) == {"b": ["02"], "c": ["02"]}
        here.test("a")  # says nothing of the others
        here.write("prompts/b.cases.jsonl", case(1) + case(2))
        assert ids(here.report("b", "--failed")) == {"b": ["02"]}
        assert ids(here.report("--failed", exits=1)) == {"c": ["02"]}
        assert here.git("status", "--porcelain") == "M prompts/b.cases.jsonl"
        here.write("prompts/c.cases.jsonl", case(1) + case(2))
        here.test()
        assert "nothing failed last time" in here.test("--failed")[1]
        next((here.root / ".git/onbook").glob("test-*.json")).write_text("[" * 100_000)
        assert "no earlier run is remembered here" in here.test("--failed", exits=2)[1]

    def test_replay_opens_no_socket_and_starts_no_connection(self, recorded: Desk, tmp_path: Path) -> None:
        here = copy(recorded, tmp_path / "r")
        (tmp_path / "forbid").mkdir()
        (tmp_path / "forbid/sitecustomize.py").write_text(
            "import sys\n"
            "def forbid(event, args):\n"
            "    if event.startswith('socket.'):\n"
            "        raise SystemExit(f'a socket: {event}')\n"
            "sys.addaudithook(forbid)\n"
        )
        process = here.start(fresh=True, env={"PYTHONPATH": str(tmp_path / "forbid")})
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (1, "")
        assert "a       openai/gpt-4.1-2025-04-14       20" in out
        # The guard itself works: a run that asks is stopped by it.
        here.write("prompts/a.cases.jsonl", case(99))
        process = here.start("a", "--record", fresh=True, env={"PYTHONPATH": str(tmp_path / "forbid")})
        out, err = process.communicate(timeout=60)
        assert "a socket" in out + err
