"""Pairwise judging: both orders are asked, only what they agree on counts, and how often they differ is told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from onbook.testing.baseline import Compared, Side, lay_out
from onbook.testing.planning import plan, read_recordings, unit_of
from onbook.testing.preference import Preferences, pairs, prefer
from onbook.testing.recording import Recording
from onbook.testing.recordings import Recordings
from onbook.testing.request import Response
from onbook.testing.selection import Selection
from onbook.testing.statistics import Verdict
from onbook.testing.verdicts import preference_report
from support import forks
from support.console import Person
from support.openai_server import OpenAIServer
from support.running import MODEL, RECORDINGS, Desk, desk
from support.sources import PROMPT, source

Judge = Callable[[str, str], str]


def side(answers: list[str], wording: str = "this") -> Side:
    rows = "".join(json.dumps({"id": f"c{n}", "inputs": {"ticket": f"t{n}"}}) + "\n" for n in range(len(answers)))
    prompt = PROMPT.replace("this", wording)
    files: dict[str, str | bytes] = {"prompts/a.prompt.yml": prompt, "prompts/a.cases.jsonl": rows}
    here = source(files)
    assert here.prompt
    unit = unit_of(here, here.prompt, MODEL, Recordings())
    kept = b""
    for planned, said in zip(plan(unit, Selection()), answers, strict=True):
        answer = Response(said, (), "stop", MODEL, {}, 1, None, "test")
        kept += Recording.of(planned.case.id, planned.attempts[0].request, answer).line() + b"\n"
    here = source({**files, "prompts/a.recordings.jsonl": kept})
    return Side(here, MODEL, read_recordings(here))


def judged(old: list[str], new: list[str], by: Judge) -> tuple[Compared, Preferences]:
    match = lay_out(side(old), side(new, "that"), "1.0.0")
    verdicts = Recordings()
    for two in pairs(match, None):
        for request, shown in zip(two.requests, ((two.old, two.new), (two.new, two.old)), strict=False):
            said = json.dumps({"reason": "because", "better": by(*shown)})
            verdicts.add(Recording.of(two.case, request, Response(said, (), "stop", "m", {}, 1, None, "t"), "pairwise"))
    return prefer(match, verdicts)


def longer(first: str, second: str) -> str:
    return "tie" if len(first) == len(second) else "first" if len(first) > len(second) else "second"


def first(*_: str) -> str:
    return "first"


@pytest.mark.parametrize(
    ("old", "new", "by", "verdict", "counts"),
    [
        (["a"] * 12, ["aa"] * 12, longer, Verdict.NOT_WORSE, (12, 0, 12, 0, 0)),
        (["aa"] * 12, ["a"] * 12, longer, Verdict.REGRESSED, (12, 0, 0, 12, 0)),
        # Whoever prefers what is shown first prefers nothing.
        (["a"] * 12, ["aa"] * 12, first, Verdict.INCONCLUSIVE, (12, 12, 0, 0, 12)),
        (["a", "b"], ["a", "bb"], longer, Verdict.INCONCLUSIVE, (1, 0, 1, 0, 1)),  # equal answers are not asked about
        (["a", "b"], ["a", "b"], longer, Verdict.NOT_WORSE, (0, 0, 0, 0, 2)),
    ],
)
def test_preferences(old: list[str], new: list[str], by: Judge, verdict: Verdict, counts: tuple[int, ...]) -> None:
    compared, told = judged(old, new, by)
    assert compared.verdict is verdict
    assert (told.asked, told.flipped, told.new, told.old, told.ties) == counts


def test_what_the_judge_was_not_asked_is_not_the_same() -> None:
    """Equal answers to one case say nothing of those to another, of which the judge has said nothing."""
    match = lay_out(side(["a", "b"]), side(["a", "bb"], "that"), "1.0.0")
    compared, told = prefer(match, Recordings())
    assert (compared.verdict, told.asked) == (Verdict.INCONCLUSIVE, 0)
    assert compared.left_out == {"c1": "the judge's verdict is not recorded"}


def test_what_the_report_says() -> None:
    report = preference_report(*judged(["aa"] * 12, ["a"] * 12, longer), base="1.0.0", head="worktree")
    worse, preferred = report.findings
    assert (worse.slug, str(worse.severity), report.exit_code()) == ("regressed", "warning", 0)
    assert "preferred 100.0 % before and 0.0 % now" in worse.message
    assert "preferred 1.0.0 12 times and worktree 0 times, 0 ties" in preferred.message
    assert "changed its mind with the order in 0 of 12 pairs" in preferred.message
    report = preference_report(*judged(["aa"] * 4, ["a"] * 4, first), base="a", head="b")
    assert report.findings[-1].hint is not None


def test_a_verdict_that_is_not_recorded_leaves_its_case_out() -> None:
    match = lay_out(side(["a"]), side(["b"], "that"), "1.0.0")
    compared, told = prefer(match, Recordings())
    assert (compared.left_out, told.flip_rate) == ({"c0": "the judge's verdict is not recorded"}, None)


def test_the_judge_is_asked_in_both_orders_and_recorded_once(tmp_path: Path) -> None:
    with OpenAIServer(echo=True) as server:
        here = desk(tmp_path, 2, server.url)
        here.test("--record")
        here.commit()
        text = (here.root / "prompts/a.prompt.yml").read_text("utf-8")
        here.write("prompts/a.prompt.yml", text.replace("Sort this", "Sort that"))
        here.test("--record", exits=1)  # the old answers are in history
        asked = len(server.received)
        environment = {**os.environ, "OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-of-nobody-at-all"}

        def compare(*args: str) -> str:
            command = ["compare", "a", "HEAD", "worktree", "--judge", "pairwise", *args]
            done = forks.start(command, cwd=here.root, env=environment)
            said = "".join(done.communicate())
            assert done.returncode == 0, said
            return said

        # Why a judge says nothing is told, and not only that nothing is recorded.
        refused = compare("--record", "--judge-model", "openai/gpt-4.1-2025-04-14")
        assert "the judge gave no verdict: openai/gpt-4.1-2025-04-14: " in refused
        assert "reasoning_effort" in refused
        assert len(server.received) == asked

        compare("--record")
        sent = [str(received.body["messages"]) for received in server.received[asked:]]
        assert len(sent) == 4
        old_first = [text.index("Sort this: ticket") < text.index("Sort that: ticket") for text in sent]
        assert sorted(old_first) == [False, False, True, True]
        rows = [json.loads(line) for line in (here.root / RECORDINGS).read_text("utf-8").splitlines()]
        assert [row.get("assertion") for row in rows].count("pairwise") == 4
        compare("--record")
        assert len(server.received) == asked + 4
        # What echoes is no judge: that is said, and is no tie.
        assert "2 (the judge gave no verdict)" in compare()

        def verdicts() -> int:
            return (here.root / RECORDINGS).read_text("utf-8").count('"assertion":"pairwise"')

        # What a comparison with the last version would ask for stays, until the answers are others.
        here.test("--prune", exits=1)
        assert verdicts() == 4
        here.write("prompts/a.prompt.yml", text.replace("Sort this", "Put this"))
        here.test("--record", "--prune", exits=1)
        assert verdicts() == 0


def test_prune_keeps_what_a_comparison_of_two_releases_asks_for(tmp_path: Path) -> None:
    with OpenAIServer(echo=True) as server:
        here = desk(tmp_path / "r", 2, server.url, suite="threshold: 0\n")
        here.write("onbook.toml", "gates = {lint = false, verdict = false}\n")
        maintainer = Person(here.root)
        text = (here.root / "prompts/a.prompt.yml").read_text("utf-8")
        environment = {**os.environ, "OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-of-nobody-at-all"}
        for wording in ("Sort this", "Sort that"):
            here.write("prompts/a.prompt.yml", text.replace("Sort this", wording))
            here.test("--record")
            if wording == "Sort that":
                command = ["compare", "a", "0.1.0", "worktree", "--judge", "pairwise", "--record"]
                assert forks.start(command, cwd=here.root, env=environment).communicate()
            here.commit()
            maintainer.onbook("release")
        here.write("prompts/a.prompt.yml", text.replace("Sort this", "Put this"))
        here.test("--record")
        asked = len(server.received)

        def verdicts(at: Desk) -> int:
            at.test("--prune")
            return (at.root / RECORDINGS).read_text("utf-8").count('"assertion":"pairwise"')

        # Neither answer is today's, and each is that of a release.
        assert verdicts(here) == 4
        forks.start(
            ["compare", "a", "0.1.0", "0.1.1", "--judge", "pairwise"], cwd=here.root, env=environment
        ).communicate()
        assert len(server.received) == asked
        here.commit()
        here.git("clone", "-q", "--depth=1", f"file://{here.root}", str(tmp_path / "shallow"))
        assert verdicts(Desk(tmp_path / "shallow")) == 4  # what it lacks may be what they are for
        here.git("tag", "-d", "a/v0.1.0")
        assert verdicts(here) == 0
