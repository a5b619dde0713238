"""Shards are parts of one run, and their reports together are its report."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest

from onbook import resources
from onbook.contract import Contract
from onbook.testing.selection import Shard
from support.running import ANY, PROMPT, Desk, case, copy
from support.warm import onbook


@pytest.mark.local_model
class TestShards:
    def test_merged_shards_are_the_whole_run_byte_for_byte(self, recorded: Desk, tmp_path: Path) -> None:
        here = copy(recorded, tmp_path / "r")
        here.write("prompts/d.prompt.yml", PROMPT)
        here.write("prompts/e.prompt.yml", "messages: [")
        here.write("prompts/f.prompt.yml", PROMPT)
        here.write("prompts/f.cases.jsonl", case(1, xfail="none") + case(3, **{"assert": [{"contain": "x"}]}) + case(4))
        for threshold in (1, 0.4):
            here.write("prompts/b.suite.yml", f"repeats: 2\nthreshold: {threshold}\nassert: [{{contains: ticket}}]\n")
            whole, _ = here.test("--format", "json", exits=ANY)
            assert json.loads(whole)["status"] == ("failed")
            for of in (1, 2, 5):
                names = []
                for index in range(1, of + 1):
                    out, _ = here.test("--shard", f"{index}/{of}", "--format", "json", exits=ANY)
                    names.append(f"{index}.json")
                    (tmp_path / names[-1]).write_text(out, "utf-8")
                random.Random(of).shuffle(names)
                merged = merge(tmp_path, *names, "--format", "json")
                for text in (whole, (tmp_path / names[0]).read_text("utf-8")):
                    assert Contract(resources.schema("report")).violations(json.loads(text)) == []
                assert merged == (1, whole, "")
                cases = sum(
                    row["cases"]
                    for name in names
                    for row in json.loads((tmp_path / name).read_text("utf-8"))["data"]["prompts"]
                )
                assert cases == 27

    def test_what_are_no_shards_of_one_run_is_refused(self, recorded: Desk, tmp_path: Path) -> None:
        here = copy(recorded, tmp_path / "r")
        for index in (1, 2, 3):
            out, _ = here.test("--shard", f"{index}/3", "--format", "json", exits=ANY)
            (tmp_path / f"{index}.json").write_text(out, "utf-8")
        (tmp_path / "twice.json").write_bytes((tmp_path / "2.json").read_bytes())
        (tmp_path / "whole.json").write_text(here.test("--format", "json", exits=1)[0], "utf-8")
        (tmp_path / "half.json").write_text(out[:200], "utf-8")
        (tmp_path / "other.json").write_text(here.test("--shard", "1/2", "--format", "json", exits=ANY)[0], "utf-8")
        (tmp_path / "narrow.json").write_text(
            here.test("a", "--shard", "3/3", "--format", "json", exits=ANY)[0], "utf-8"
        )
        (tmp_path / "tagged.json").write_text(
            here.test("--tag", "odd", "--shard", "3/3", "--format", "json", exits=ANY)[0], "utf-8"
        )
        forged = json.loads((tmp_path / "3.json").read_text("utf-8"))
        forged["data"]["shard"]["index"] = 2
        (tmp_path / "forged.json").write_text(json.dumps(forged), "utf-8")
        odd = json.loads((tmp_path / "2.json").read_text("utf-8"))
        next(case for unit in odd["data"]["shard"]["units"] for case in unit["cases"])["repeats"][0]["state"] = "fine"
        (tmp_path / "odd.json").write_text(json.dumps(odd), "utf-8")
        for names, says in (
            (("1.json", "2.json"), "shards are missing: 3/3"),
            (("1.json", "2.json", "3.json", "twice.json"), "twice.json: shard 2/3 is there twice, also as 2.json"),
            (("1.json", "1.json"), "named twice"),
            (("1.json", "other.json"), "a shard of 2, the first one of 3"),
            (("whole.json",), "this is no report of a shard"),
            (("half.json",), "is no JSON"),
            (("nowhere.json",), "cannot be read"),
            (("1.json", "2.json", "narrow.json"), "saw other prompts"),
            (("1.json", "2.json", "tagged.json"), "saw other prompts"),
            (("1.json", "forged.json", "3.json"), "this is no report of a shard"),
            (("1.json", "odd.json", "3.json"), "these reports cannot be counted"),
        ):
            code, out, err = merge(tmp_path, *names)
            assert (code, out) == (2, "")
            assert says in err
        assert "is no shard" in here.test("--shard", "0/3", exits=2)[1]
        assert "is no shard" in here.test("--shard", "4/3", exits=2)[1]


def merge(cwd: Path, *args: str) -> tuple[int, str, str]:
    done = onbook(["merge", *args], cwd)
    return done.returncode, done.stdout, done.stderr


def test_a_shard_is_chosen_by_a_hash_that_never_changes() -> None:
    # Frozen, or shards of two versions would not be the parts of one run.
    digest = hashlib.sha256(b"support/triage/refund-1").digest()
    chosen = [index for index in range(1, 8) if Shard(index, 7).takes("support/triage", "refund-1")]
    assert chosen == [int.from_bytes(digest[:8], "big") % 7 + 1] == [5]
    names = [f"case-{n}" for n in range(2_000)]
    sizes = [sum(Shard(index, 4).takes("a", name) for name in names) for index in (1, 2, 3, 4)]
    assert sum(sizes) == 2_000
    assert min(sizes) > 400
