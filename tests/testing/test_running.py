"""`onbook test` as a person runs it: selection, shards, limits, interruptions, faults, and new answers beside old."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from onbook import resources
from onbook.contract import Contract
from onbook.testing.recordings import Recordings
from onbook.testing.selection import Shard
from support import ask
from support.console import ONBOOK
from support.openai_server import Faults, OpenAIServer, Reply, answer, failure
from support.running import KEY, PROMPT, RECORDINGS, Desk, case, desk


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two prompts that share a partial, 24 cases recorded, one that fails; committed. Copy it before changing it."""
    ask.need_local_model()
    with OpenAIServer(echo=True) as server:
        made = desk(tmp_path_factory.mktemp("recorded") / "r", 0, server.url)
        tagged = [case(n, tags=["even" if n % 2 == 0 else "odd"]) for n in range(20)]
        made.write("prompts/a.cases.jsonl", "".join(tagged))
        text = "{% include '_shared/x.md' %} {{ ticket }}"
        shared = f'templateFormat: jinja2\nmessages: [{{role: user, content: "{text}"}}]'
        made.write("prompts/_shared/x.md", "Sort this:")
        for id in "bc":
            made.write(f"prompts/{id}.prompt.yml", f"model: openai/gpt-4.1-mini-2025-04-14\n{shared}\n")
            made.write(f"prompts/{id}.cases.jsonl", case(1) + case(2, **{"assert": [{"contains": "nothing of it"}]}))
            made.write(f"prompts/{id}.suite.yml", "repeats: 2\nassert: [{contains: ticket}]\n")
        made.test("--record", exits=1)
    made.commit()
    return made


def copy(of: Desk, to: Path) -> Desk:
    subprocess.run(["git", "clone", "-q", str(of.root), str(to)], check=True)
    return Desk(to)


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

    def test_a_partials_edit_selects_what_includes_it(self, recorded: Desk, tmp_path: Path) -> None:
        here = copy(recorded, tmp_path / "r")
        out, err = here.test("--changed-since", "HEAD")
        assert "no prompt changed since HEAD" in err
        assert "0 runs" in out
        here.write("prompts/_shared/x.md", "Sort that:")
        assert set(ids(here.report("--changed-since", "HEAD", exits=3))) == {"b", "c"}
        here.git("checkout", "-q", ".")
        for path, text in (
            ("prompts/c.cases.jsonl", case(1)),
            ("prompts/c.suite.yml", "repeats: 1\n"),
            (RECORDINGS.replace("a.", "c."), ""),
        ):
            here.write(path, text)
            assert [row["id"] for row in here.report("--changed-since", "HEAD", exits=_any)["data"]["prompts"]] == ["c"]
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

    def test_merged_shards_are_the_whole_run_byte_for_byte(self, recorded: Desk, tmp_path: Path) -> None:
        here = copy(recorded, tmp_path / "r")
        here.write("prompts/d.prompt.yml", PROMPT)
        here.write("prompts/e.prompt.yml", "messages: [")
        here.write("prompts/f.prompt.yml", PROMPT)
        here.write("prompts/f.cases.jsonl", case(1, xfail="none") + case(3, **{"assert": [{"contain": "x"}]}) + case(4))
        for threshold in (1, 0.4):
            here.write("prompts/b.suite.yml", f"repeats: 2\nthreshold: {threshold}\nassert: [{{contains: ticket}}]\n")
            whole, _ = here.test("--format", "json", exits=_any)
            assert json.loads(whole)["status"] == ("failed")
            for of in (1, 2, 5):
                names = []
                for index in range(1, of + 1):
                    out, _ = here.test("--shard", f"{index}/{of}", "--format", "json", exits=_any)
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
            out, _ = here.test("--shard", f"{index}/3", "--format", "json", exits=_any)
            (tmp_path / f"{index}.json").write_text(out, "utf-8")
        (tmp_path / "twice.json").write_bytes((tmp_path / "2.json").read_bytes())
        (tmp_path / "whole.json").write_text(here.test("--format", "json", exits=1)[0], "utf-8")
        (tmp_path / "half.json").write_text(out[:200], "utf-8")
        (tmp_path / "other.json").write_text(here.test("--shard", "1/2", "--format", "json", exits=_any)[0], "utf-8")
        (tmp_path / "narrow.json").write_text(
            here.test("a", "--shard", "3/3", "--format", "json", exits=_any)[0], "utf-8"
        )
        (tmp_path / "tagged.json").write_text(
            here.test("--tag", "odd", "--shard", "3/3", "--format", "json", exits=_any)[0], "utf-8"
        )
        forged = json.loads((tmp_path / "3.json").read_text("utf-8"))
        forged["data"]["shard"]["index"] = 2
        (tmp_path / "forged.json").write_text(json.dumps(forged), "utf-8")
        for names, says in (
            (("1.json", "2.json"), "shards are missing: 3/3"),
            (("1.json", "2.json", "3.json", "twice.json"), "twice.json: shard 2/3 is there twice, also as 2.json"),
            (("1.json", "1.json"), "named twice"),
            (("1.json", "other.json"), "a shard of 2, the first one of 3"),
            (("whole.json",), "this is no report of a shard"),
            (("half.json",), "cannot be read"),
            (("nowhere.json",), "cannot be read"),
            (("1.json", "2.json", "narrow.json"), "saw other prompts"),
            (("1.json", "2.json", "tagged.json"), "saw other prompts"),
            (("1.json", "forged.json", "3.json"), "this is no report of a shard"),
        ):
            code, out, err = merge(tmp_path, *names)
            assert (code, out) == (2, "")
            assert says in err
        assert "is no shard" in here.test("--shard", "0/3", exits=2)[1]
        assert "is no shard" in here.test("--shard", "4/3", exits=2)[1]

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
        process = here.start(env={"PYTHONPATH": str(tmp_path / "forbid")})
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (1, "")
        assert "a       openai/gpt-4.1-2025-04-14       20" in out
        # The guard itself works: a run that asks is stopped by it.
        here.write("prompts/a.cases.jsonl", case(99))
        process = here.start("a", "--record", env={"PYTHONPATH": str(tmp_path / "forbid")})
        out, err = process.communicate(timeout=60)
        assert "a socket" in out + err


class _Any(int):
    """An exit code of a run that ended by itself."""

    def __eq__(self, other: object) -> bool:
        return other in (0, 1, 3)

    __hash__ = int.__hash__


_any = _Any()


def merge(cwd: Path, *args: str) -> tuple[int, str, str]:
    done = subprocess.run([ONBOOK, "merge", *args], cwd=cwd, capture_output=True, text=True, check=False)
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


# --- limits and endings


def lines(here: Desk) -> Recordings:
    found = Recordings.read((here.root / RECORDINGS).read_bytes(), RECORDINGS)
    assert found.problems == []
    assert found.torn is None
    return found


@pytest.mark.local_model
class TestEndings:
    def test_max_calls_stops_cleanly_and_the_next_run_asks_for_the_rest(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True) as server:
            here = desk(tmp_path / "r", 12, server.url)
            report = here.report("--record", "--max-calls", "5", exits=3)
            (row,) = report["data"]["prompts"]
            assert (row["passed"], row["missing"], row["not_run"]) == (5, 7, 7)
            (finding,) = report["checks"][0]["findings"]
            assert finding["slug"] == "not-run"
            assert "7 cases were not run" in finding["message"]
            assert "--max-calls 5 was reached" in finding["message"]
            assert "only the rest" in finding["hint"]
            assert len(server.received) == len(lines(here)) == 5
            before = set((here.root / RECORDINGS).read_bytes().splitlines())
            assert here.row("--record")["passed"] == 12
            assert len(server.received) == 12
            assert before <= set((here.root / RECORDINGS).read_bytes().splitlines())
            asked = [str(it.body["messages"]) for it in server.received]
            assert len(set(asked)) == 12

    def test_max_cost_stops_and_a_model_without_a_price_is_not_asked(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True) as server:
            here = desk(tmp_path / "r", 12, server.url)
            # One answer costs 11 * 2 + 5 * 8 millionths of a dollar.
            row = here.row("--record", "--max-cost", "0.0002", "--concurrency", "1", exits=3)
            assert (row["passed"], row["not_run"]) == (4, 8)
            here.write("prompts/a.prompt.yml", PROMPT.replace("gpt-4.1-2025-04-14", "our-own"))
            out, _ = here.test("--record", "--max-cost", "1", exits=3)
            assert "no price is known, so --max-cost cannot be held" in out
            assert len(server.received) == 4

    def test_an_interrupted_run_exits_130_and_resumes_with_exactly_the_rest(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True, delay_s=0.05) as server:
            here = desk(tmp_path / "r", 60, server.url)
            process = here.start("--record", "--concurrency", "2")
            wait_for(lambda: len(server.received) > 10, process)
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=60)
            assert process.returncode == 130
            assert "interrupted: what was answered is kept" in err
            kept = len(lines(here))
            assert f"{60 - kept} cases were not run" in out
            assert 8 <= kept < 60
            asked = len(server.received)
            assert here.row("--record")["passed"] == 60
            assert len(server.received) - asked == 60 - kept

    def test_killed_at_random_moments_every_recording_parses_and_the_run_completes(self, tmp_path: Path) -> None:
        ask.need_local_model()
        kill_and_resume(tmp_path, kills=4, cases=120)

    @pytest.mark.slow
    def test_killed_at_twenty_random_moments(self, tmp_path: Path) -> None:
        ask.need_local_model()
        kill_and_resume(tmp_path, kills=20, cases=1_000)

    def test_under_faults_every_answer_arrives_once_or_is_told(self, tmp_path: Path) -> None:
        ask.need_local_model()
        faults = Faults(rate_limited=0.1, failing=0.1, reset=0.03, malformed=0.03, empty=0.02, truncated=0.02)
        with OpenAIServer(faults=faults, echo=True) as server:
            here = desk(tmp_path / "r", 120, server.url)
            report = here.report("--record", "--concurrency", "30", exits=_any)
            (row,) = report["data"]["prompts"]
            kept = list(lines(here))
            assert len({it.case for it in kept}) == len(kept)
            told = [it for it in report["checks"][0]["findings"] if it["slug"] == "not-recorded"]
            assert len(kept) + len(told) == row["cases"] == 120
            assert all("sent 5 times" in it["message"] for it in told)
            empty = [it for it in kept if not it.response.text]
            assert row["errors"] == len(empty) > 0
            assert row["failed"] == 0, "an answer that is none is no failed assertion"
            assert row["passed"] == 120 - len(empty) - len(told)
            assert len(server.received) > 120

    def test_the_key_is_in_no_recording_and_no_output(self, tmp_path: Path) -> None:
        ask.need_local_model()
        script = [
            failure(401, f"Authorization: Bearer {KEY} is refused"),
            answer(f"your key is {KEY}"),
            failure(400, f"https://u:{KEY}@host/?api_key={KEY}"),
            answer("Sort this: ticket 3"),
        ]
        with OpenAIServer(script) as server:
            here = desk(tmp_path / "r", 4, server.url)
            out, err = here.test("--record", "--concurrency", "1", exits=3)
        assert KEY not in out + err
        assert "holds the value of the environment variable OPENAI_API_KEY" in out
        assert len(lines(here)) == 1
        for path in here.root.rglob("*"):
            assert not path.is_file() or KEY.encode() not in path.read_bytes()

    def test_an_answer_above_the_cap_is_an_error_and_never_cut(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer([answer("x" * 300_000)]) as server:
            here = desk(tmp_path / "r", 1, server.url)
            out, _ = here.test("--record", exits=3)
        assert "the answer has 300,002 bytes; at most 262,144 are kept" in out
        assert not (here.root / RECORDINGS).exists()

    def test_progress_counts_failed_requests_apart(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer([failure(400, "no"), failure(400, "no")], echo=True) as server:
            here = desk(tmp_path / "r", 5, server.url)
            _, err = here.test("--record", exits=3)
        # A machine that is busy for ten seconds also tells how far it is.
        *_, last = err.splitlines()
        assert last.startswith("  recorded 3 answers, 2 brought none; 5 calls, $0.0002, ")

    def test_concurrency_is_by_provider(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True, delay_s=0.1) as server:
            here = desk(tmp_path / "r", 30, server.url)
            here.test("--record", "--concurrency", "7")
        assert server.peak == 7


def wait_for(condition: Any, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_and_resume(tmp_path: Path, *, kills: int, cases: int) -> None:
    chance = random.Random(7)
    with OpenAIServer(echo=True, delay_s=0.02) as server:
        here = desk(tmp_path / "r", cases, server.url)
        path = here.root / RECORDINGS
        for number in range(kills):
            process = here.start("--record", "--concurrency", "4")
            enough = len(server.received) + chance.randint(1, max(cases // (kills + 1), 2))
            while len(server.received) < enough and process.poll() is None:
                time.sleep(0.005)
            time.sleep(chance.random() * 0.02)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if path.exists():
                left = Recordings.read(path.read_bytes(), RECORDINGS)
                assert left.problems == [], number
        kept = len(Recordings.read(path.read_bytes(), RECORDINGS))
        asked = len(server.received)
        assert here.row("--record")["passed"] == cases
        assert len(server.received) - asked == cases - kept
    assert len(lines(here)) == cases


# --- recordings


@pytest.mark.local_model
class TestRecordings:
    def test_half_a_line_that_a_killed_run_left_is_dropped_by_the_next(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True) as server:
            here = desk(tmp_path / "r", 3, server.url)
            here.test("--record")
            raw = (here.root / RECORDINGS).read_bytes()
            (here.root / RECORDINGS).write_bytes(raw[:-40])
            out, _ = here.test(exits=3)
            assert "a run was ended here: `onbook test --record` drops the line and asks again" in out
            here.test("--record")
            assert len(server.received) == 4
        kept = [line.case for line in lines(here)]
        assert kept == ["case-00000", "case-00001", "case-00002"]

    def test_prune_drops_what_nothing_asks_for_and_keeps_what_waits(self, recorded: Desk, tmp_path: Path) -> None:
        here = copy(recorded, tmp_path / "r")
        here.write("prompts/a.cases.jsonl", "".join(case(n) for n in range(18)) + case(18).replace("ticket 18", "new"))
        _, err = here.test("a", "--prune", exits=3)
        assert err == f"dropped 1 from {RECORDINGS}\n"
        # Case 18 asks something else now; its old answer stays until there is a new one.
        assert [line.case[-2:] for line in lines(here)][-2:] == ["17", "18"]
        assert "the request changed since it was recorded: message 2" in here.test("a", exits=3)[0]
        assert here.test("a", "--prune", exits=3)[1] == ""
        assert "name prompts and not cases" in here.test("--prune", "--tag", "odd", exits=2)[1]

    def test_a_live_run_tells_what_moved_and_touches_nothing(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True) as server:
            here = desk(tmp_path / "r", 6, server.url)
            here.test("--record")
            before = (here.root / RECORDINGS).read_bytes()
            here.write("prompts/a.cases.jsonl", "".join(case(number) for number in range(7)))
        replies = [answer("Sort this: ticket 0, please"), answer("bug"), failure(400, "gone")]
        with OpenAIServer(replies, echo=True) as server:
            here = Desk(here.root, server.url)
            out, err = here.test("--live", "--concurrency", "1", "--format", "json", exits=1)
            report = json.loads(out)
            assert len(server.received) == 7
        assert err.endswith("  3 as recorded, 1 of another text, 1 of another verdict, 1 not recorded\n")
        (row,) = report["data"]["prompts"]
        assert row["drift"] == {"same": 3, "text": 1, "verdict": 1, "new": 1}
        assert (row["passed"], row["failed"], row["missing"]) == (5, 1, 1)
        assert {it["slug"] for it in report["checks"][0]["findings"]} == {
            "case-failed",
            "not-recorded",
            "verdict-drifted",
            "answer-drifted",
        }
        assert (here.root / RECORDINGS).read_bytes() == before
        assert "--live touches no recording" in here.test("--live", "--record", exits=2)[1]

    def test_what_union_leaves_behind_is_read(self, recorded: Desk, tmp_path: Path) -> None:
        """Two branches record, one prunes: the merged lines are unsorted, a pruned one is back, and replay passes."""
        here = copy(recorded, tmp_path / "r")
        here.write(".gitattributes", "*.recordings.jsonl merge=union\n")
        here.commit()
        with OpenAIServer(echo=True) as server:
            here = Desk(here.root, server.url)
            for branch, numbers in (("one", [*range(20), 90, 91]), ("two", [*range(1, 20), 30])):
                here.git("checkout", "-qb", branch, "HEAD" if branch == "one" else "HEAD~1")
                here.write("prompts/a.cases.jsonl", "".join(map(case, numbers)))
                here.test("a", "--record", "--prune")
                here.commit()
        here.git("merge", "-q", "one", "-m", "both", "-X", "ours")
        raw = (here.root / RECORDINGS).read_bytes()
        kept = Recordings.read(raw, RECORDINGS)
        assert kept.problems == []
        assert {line.case[-2:] for line in kept} >= {"19", "30", "90", "91"}
        here.write("prompts/a.cases.jsonl", "".join(map(case, [*range(1, 20), 30, 90, 91])))
        assert here.row("a")["passed"] == 22


def test_a_shared_partial_that_is_missing_is_told_once(tmp_path: Path) -> None:
    here = desk(tmp_path / "r", 1)
    for id in ("b", "c", "d"):
        content = "{% include '_shared/x.md' %}"
        text = f'templateFormat: jinja2\nmodel: m/m\nmessages: [{{role: user, content: "{content}"}}]\n'
        here.write(f"prompts/{id}.prompt.yml", text)
        here.write(f"prompts/{id}.cases.jsonl", case(1))
    here.write("prompts/_shared/x.md", "{{ a.b() }}\n")
    report = here.report("b", "c", "d", exits=3)
    findings = [it for check in report["checks"] for it in check["findings"]]
    assert [check["status"] for check in report["checks"]] == ["unchecked"] * 3
    assert len(findings) == 1
    assert "it keeps 3 prompts from being run: 'b', 'c', 'd'" in findings[0]["message"]


# --- lessons from the leading peer


@pytest.mark.local_model
class TestLessons:
    @pytest.mark.parametrize("wrong", [{"assert": [{"contians": "x"}]}, {"inputs": {"tiket": "x"}}])
    def test_an_unknown_assertion_or_a_misspelt_variable_is_an_error_before_any_call(
        self, tmp_path: Path, wrong: dict[str, object]
    ) -> None:
        with OpenAIServer(echo=True) as server:
            here = desk(tmp_path / "r", 2, server.url)
            here.write("prompts/a.cases.jsonl", case(1) + case(2, **wrong))
            here.test("--record", exits=3)
            assert server.received == []

    def test_one_layer_of_retries_with_a_budget_of_sends(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer([failure(503, "overloaded")] * 50) as server:
            here = desk(tmp_path / "r", 1, server.url)
            out, _ = here.test("--record", exits=3)
            assert len(server.received) == 5
            assert "sent 5 times" in out

    def test_5xx_is_retried_by_default(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer([failure(500, "a"), failure(502, "b"), failure(529, "c")], echo=True) as server:
            here = desk(tmp_path / "r", 1, server.url)
            assert here.row("--record")["passed"] == 1
            assert len(server.received) == 4

    def test_an_empty_or_cut_answer_is_an_error_and_no_failed_assertion(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer([Reply(text=""), Reply(text="", finish="length")]) as server:
            here = desk(tmp_path / "r", 2, server.url)
            row = here.row("--record", exits=1)
        assert (row["errors"], row["failed"]) == (2, 0)

    def test_a_developer_and_ci_share_a_recording_whatever_key_and_address_they_use(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True) as server:
            here = desk(tmp_path / "r", 1, server.url)
            here.test("--record")
            process = here.start("--record", env={"OPENAI_API_KEY": "sk-another-one", "OPENAI_ORGANIZATION": "o"})
            process.communicate(timeout=60)
            assert process.returncode == 0
            assert len(server.received) == 1
        assert here.row()["passed"] == 1

    def test_repeats_of_one_case_are_one_row_with_a_rate(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer([answer("no")], echo=True) as server:
            here = desk(tmp_path / "r", 1, server.url, suite="repeats: 4\nassert: [{contains: ticket}]\n")
            report = here.report("--record", "--concurrency", "1", exits=1)
        (row,) = report["data"]["prompts"]
        assert row["cases"] == 1
        assert row["results"] == [{"case": "case-00000", "state": "failed", "rate": 0.75, "score": 0.75, "repeats": 4}]
        assert len(report["checks"][0]["findings"]) == 1

    # An interrupted run that exits 130, whose unfinished cases count as not run: see TestEndings.


def test_the_server_is_faster_than_what_is_measured_with_it() -> None:
    """Over 2,000 requests a second can only be said of a quiet machine, and is printed by the benchmark; here: it keeps
    its connections, and answers a thousand requests on one of them."""
    import http.client

    with OpenAIServer(echo=True) as server:
        host = server.url.removeprefix("http://").removesuffix("/v1")
        connection = http.client.HTTPConnection(host)
        for number in range(1_000):
            connection.request("POST", "/v1/chat/completions", json.dumps({"messages": [{"content": str(number)}]}))
            body = json.loads(connection.getresponse().read())
            assert body["choices"][0]["message"]["content"] == str(number)
        connection.close()
    assert len(server.received) == 1_000
