"""Recordings as runs leave them, and what peers get wrong about them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from onbook.testing.recordings import Recordings
from support import ask
from support.openai_server import OpenAIServer, Reply, answer, failure
from support.running import RECORDINGS, Desk, case, copy, desk, recorded_lines


@pytest.mark.local_model
class TestRecordings:
    def test_half_a_line_that_a_killed_run_left_is_dropped_by_the_next(self, tmp_path: Path) -> None:
        ask.need_local_model()
        with OpenAIServer(echo=True) as server:
            here = desk(tmp_path / "r", 3, server.url)
            # The program itself, from its start to what it says when it ends.
            assert "  recorded 3 answers; 3 calls" in here.test("--record", fresh=True)[1]
            raw = (here.root / RECORDINGS).read_bytes()
            (here.root / RECORDINGS).write_bytes(raw[:-40])
            out, _ = here.test(exits=3)
            assert "a run was ended here: `onbook test --record` drops the line and asks again" in out
            here.test("--record")
            assert len(server.received) == 4
        kept = [line.case for line in recorded_lines(here)]
        assert kept == ["case-00000", "case-00001", "case-00002"]

    def test_prune_drops_what_nothing_asks_for_and_keeps_what_waits(self, recorded: Desk, tmp_path: Path) -> None:
        here = copy(recorded, tmp_path / "r")
        here.write("prompts/a.cases.jsonl", "".join(case(n) for n in range(18)) + case(18).replace("ticket 18", "new"))
        _, err = here.test("a", "--prune", exits=3)
        assert err == f"dropped 1 from {RECORDINGS}\n"
        # Case 18 asks something else now; its old answer stays until there is a new one.
        assert [line.case[-2:] for line in recorded_lines(here)][-2:] == ["17", "18"]
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
