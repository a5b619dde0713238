"""Old and new answers side by side, as a person asks for it, with the answers of a model that says what it was told."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support import ask, echo, forks
from support.console import Person
from support.openai_server import OpenAIServer
from support.running import PROMPT, RECORDINGS, Desk, desk

PATH = "prompts/a.prompt.yml"
CASES = 30


def rows(wanted: str = "Sort", *, weak: int = 12, **other: object) -> str:
    """Cases of which the first ``weak`` want a word of the prompt's own in the echo, the others anything."""
    return "".join(
        json.dumps(
            {
                "id": f"case-{n:02}",
                "inputs": {"ticket": f"ticket {n}"},
                "assert": [{"contains": wanted if n < weak else "ticket"}],
                **other,
            }
        )
        + "\n"
        for n in range(CASES)
    )


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """One prompt of 30 cases, recorded, all passed, released as 0.1.0. Copy it before changing it."""
    made = desk(tmp_path_factory.mktemp("released") / "r", 0, suite="margin: 0.05\n")
    made.write("prompts/a.cases.jsonl", rows())
    made.write("onbook.toml", "gates = {lint = false}\n")
    echo.record(made.root)
    made.commit()
    Person(made.root).onbook("release")
    return made


def changed(of: Desk, to: Path, *edits: tuple[str, str], files: dict[str, str] | None = None) -> Desk:
    """A clone in which texts of the prompt are replaced and everything is recorded anew."""
    subprocess.run(["git", "clone", "-q", str(of.root), str(to)], check=True)
    text = (to / PATH).read_text()
    for old, new in edits:
        assert text.count(old) == 1
        text = text.replace(old, new)
    here = Desk(to)
    for path, content in {PATH: text, **(files or {})}.items():
        here.write(path, content)
    echo.record(here.root)
    return here


def row(here: Desk, *args: str, exits: int = 0) -> dict[str, Any]:
    return here.row("--against", *args, exits=exits)


def test_the_same_requests_need_no_statistics(released: Desk, tmp_path: Path) -> None:
    here = changed(released, tmp_path / "r", ("model:", "description: sorts\nmodel:"))
    found = row(here)
    assert (found["verdict"], found["comparison"]) == ("NOT WORSE", None)
    assert "not worse than 0.1.0: the same requests have the same outcomes" in here.test("--against")[0]


def test_a_change_that_made_it_worse_fails(released: Desk, tmp_path: Path) -> None:
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"))
    found = row(here, exits=1)
    assert found["verdict"] == "REGRESSED"
    numbers = found["comparison"]
    assert (numbers["cases"], numbers["old"], numbers["new"]) == (CASES, 1.0, 0.6)
    assert numbers["lost"] == [f"case-{n:02}" for n in range(12)]
    assert numbers["p"] == pytest.approx(2 / 2**12)
    assert numbers["test"] == "exact McNemar"
    said = here.test("--against", "a", exits=1)[0]
    assert "OT401 worse than 0.1.0: passed 100.0 % before and 60.0 % now, -40.0 points" in said, (
        "the prompt after --against is no revision"
    )
    assert "case-00, case-01, case-02, case-03, case-04 and 7 more fell" in said


def test_both_sides_are_graded_by_the_new_assertions(released: Desk, tmp_path: Path) -> None:
    """The old answers fail what is now asked for: nothing got worse, whatever the old assertions said of them."""
    files = {"prompts/a.cases.jsonl": rows("Order")}
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"), files=files)
    found = row(here)
    assert found["verdict"] == "NOT WORSE"
    assert (found["comparison"]["old"], found["comparison"]["new"]) == (0.6, 1.0)


def test_few_flips_leave_it_open(released: Desk, tmp_path: Path) -> None:
    files = {"prompts/a.cases.jsonl": rows(weak=2), "prompts/a.suite.yml": "threshold: 0.5\n"}
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"), files=files)
    found = row(here)
    assert found["verdict"] == "INCONCLUSIVE"
    said = here.test("--against")[0]
    assert "whether it is worse than 0.1.0 cannot be told from 30 cases" in said
    assert "would decide it" in said
    # A wider margin accepts such a loss.
    here.write("prompts/a.suite.yml", "threshold: 0.5\nmargin: 0.3\n")
    assert row(here)["verdict"] == "NOT WORSE"


def test_only_cases_that_mean_the_same_are_compared(released: Desk, tmp_path: Path) -> None:
    lines = rows().splitlines(keepends=True)
    lines[0] = lines[0].replace("ticket 0", "ticket zero")
    lines[1] = lines[1].replace("case-01", "another")
    here = changed(
        released, tmp_path / "r", ("Sort this:", "Please Sort this:"), files={"prompts/a.cases.jsonl": "".join(lines)}
    )
    found = row(here)
    assert found["comparison"]["cases"] == CASES - 2
    assert found["left_out"] == {
        "case-00": "its inputs or history changed",
        "case-01": "there is no such case on the other side",
        "another": "there is no such case on the other side",
    }


def test_another_model_is_compared_with_the_one_before(released: Desk, tmp_path: Path) -> None:
    here = changed(released, tmp_path / "r", ("gpt-4.1-2025", "gpt-4.1-mini-2025"))
    found = row(here)
    assert found["comparison"]["old_model"] == "openai/gpt-4.1-2025-04-14"
    assert "than 0.1.0 on openai/gpt-4.1-2025-04-14" in here.test("--against")[0]


def test_what_is_not_recorded_is_not_compared(released: Desk, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", str(released.root), str(tmp_path / "r")], check=True)
    here = Desk(tmp_path / "r")
    here.write(PATH, PROMPT.replace("Sort this:", "Order this:"))
    found = row(here, exits=3)
    assert (found["verdict"], found["status"]) == ("INCONCLUSIVE", "unchecked")
    assert "no case has answers on both sides" in here.test("--against", exits=3)[0]


BRANCHED = """\
model: openai/gpt-4.1-2025-04-14
templateFormat: jinja2
messages:
  - role: user
    content: "Sort this: {{ ticket }}{% if vip %} kindly{% endif %}"
"""


def unanswered(folder: Path, *cases: str) -> Desk:
    """Five cases, two of them of a branch of the template; of those that are named no answer is committed."""
    made = desk(folder, 0, suite="assert: [{contains: ticket}]\n")
    made.write(PATH, BRANCHED)
    lines = [{"id": f"case-{n}", "inputs": {"ticket": f"ticket {n}", "vip": n > 2}} for n in range(5)]
    made.write("prompts/a.cases.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    made.write("onbook.toml", "gates = {lint = false, inconclusive = true}\n")
    echo.record(made.root)
    whole = (made.root / RECORDINGS).read_text()
    kept = [line for line in whole.splitlines(keepends=True) if json.loads(line)["case"] not in cases]
    made.write(RECORDINGS, "".join(kept))
    made.commit()
    made.write(RECORDINGS, whole)
    return made


def test_what_has_no_answer_is_not_proved_by_the_others(tmp_path: Path) -> None:
    """The cases that the change is about have no old answers: that all others are as they were says nothing."""
    here = unanswered(tmp_path / "r", "case-3", "case-4")
    here.write(PATH, BRANCHED.replace("kindly", "rudely"))
    echo.record(here.root)
    found = row(here, "HEAD")
    assert (found["verdict"], found["comparison"]["cases"]) == ("INCONCLUSIVE", 3)
    assert set(found["left_out"]) == {"case-3", "case-4"}
    assert "left out: 2 (it is not recorded)" in here.test("--against", "HEAD")[0]
    here.commit()
    assert "whether it is worse" in Person(here.root).onbook("check", "--base", "HEAD~1", exits=1)


def test_an_answer_since_to_the_same_request_is_an_old_answer_too(tmp_path: Path) -> None:
    found = row(unanswered(tmp_path / "r", "case-3"), "HEAD")
    assert (found["verdict"], found["comparison"], found["left_out"]) == ("NOT WORSE", None, {})


def test_what_is_new_is_told_beside_what_is_the_same(released: Desk, tmp_path: Path) -> None:
    more = json.dumps({"id": "more", "inputs": {"ticket": "ticket 99"}, "assert": [{"contains": "ticket"}]})
    here = changed(released, tmp_path / "r", files={"prompts/a.cases.jsonl": rows() + more + "\n"})
    assert row(here)["verdict"] == "NOT WORSE"
    told = "the same requests have the same outcomes; left out: 1 (there is no such case on the other side)"
    assert told in here.test("--against")[0]


def test_against_a_revision(released: Desk, tmp_path: Path) -> None:
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"))
    here.commit()
    assert row(here, "HEAD~1", exits=1)["verdict"] == "REGRESSED"
    # Nothing changed since: it fails for what its cases say, and is not worse than itself.
    assert row(here, "HEAD", exits=1)["verdict"] == "NOT WORSE"
    assert "no-such" in here.test("--against", "no-such", exits=2)[1]


def test_a_prompt_that_was_never_released(released: Desk, tmp_path: Path) -> None:
    files = {"prompts/b.prompt.yml": PROMPT, "prompts/b.cases.jsonl": rows()}
    here = changed(released, tmp_path / "r", files=files)
    out, err = here.test("--against", "b")
    assert "b is compared with nothing: it is not released yet" in err
    assert "passed" in out


def test_repeats_and_clusters(released: Desk, tmp_path: Path) -> None:
    """Repeats of a case are one case with a rate; cases of a cluster are one group."""
    pytest.importorskip("scipy")
    files = {
        "prompts/a.suite.yml": "repeats: 3\nmargin: 0.05\n",
        "prompts/a.cases.jsonl": "".join(
            json.dumps({**json.loads(line), "cluster": f"customer-{number // 3}"}) + "\n"
            for number, line in enumerate(rows().splitlines())
        ),
    }
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"), files=files)
    numbers = row(here, exits=1)["comparison"]
    assert (numbers["cases"], numbers["groups"], numbers["repeats"]) == (30, 10, 3)
    assert numbers["test"] == "sign-flip permutation"
    # Four groups of ten fell: so many cases of so few customers prove nothing.
    assert row(here, exits=1)["verdict"] == "INCONCLUSIVE"


def test_a_suite_that_means_nothing_compares_nothing(released: Desk, tmp_path: Path) -> None:
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"))
    here.write("prompts/a.suite.yml", "margin: 0.05\nassert: [{contians: x}]\n")
    told = "nothing can be graded: the suite's assertion means nothing: unknown assertion 'contians'"
    assert told in here.test("--against", exits=3)[0]
    assert told in Person(here.root).onbook("compare", "a", "0.1.0", "worktree", exits=3)


def test_an_older_version_that_cannot_be_run_is_told_at_its_line(released: Desk, tmp_path: Path) -> None:
    """For a machine too: a path with its line in it is the path of no file."""
    here = changed(released, tmp_path / "r")
    here.write(PATH, PROMPT.replace("role: user", "role: usr"))
    here.commit()
    base = here.git("rev-parse", "HEAD")
    here.write(PATH, PROMPT)
    (finding,) = here.report("--against", "HEAD", exits=3)["checks"][0]["findings"]
    assert (finding["slug"], finding["path"]) == ("not-comparable", f"{base}:{PATH}")
    assert (finding["line"], finding["column"]) == (6, 11)
    assert f"{base}:{PATH}:6:11: OT404" in here.test("--against", "HEAD", exits=3)[0]


def test_a_measure_that_is_none(released: Desk, tmp_path: Path) -> None:
    files = {"prompts/a.suite.yml": "primary: score\n"}
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"), files=files)
    assert row(here, exits=1)["comparison"]["measure"] == "score"


@pytest.mark.parametrize("option", ["--live", "--shard=1/2"])
def test_what_makes_no_sense(released: Desk, option: str) -> None:
    assert "makes no sense" in released.test("--against", "HEAD", option, exits=2)[1].replace("make", "makes")


def test_a_release_is_held_where_it_got_worse(released: Desk, tmp_path: Path) -> None:
    files = {"prompts/a.suite.yml": "threshold: 0.5\n"}
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"), files=files)
    here.commit()
    maintainer = Person(here.root)
    said = maintainer.onbook("release", exits=1)
    assert "OT401 worse than 0.1.0" in said
    assert "nothing was released" in said
    here.write("onbook.toml", "gates = {lint = false, verdict = false}\n")
    here.commit()
    assert "a/v0.1.1" in maintainer.onbook("release")


def test_what_cannot_be_told_holds_a_release_only_where_that_is_asked_for(released: Desk, tmp_path: Path) -> None:
    files = {"prompts/a.cases.jsonl": rows(weak=2), "prompts/a.suite.yml": "threshold: 0.5\n"}
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"), files=files)
    here.write("onbook.toml", "gates = {lint = false, inconclusive = true}\n")
    here.commit()
    assert "OT402" in Person(here.root).onbook("release", exits=1)
    here.write("onbook.toml", "gates = {lint = false}\n")
    here.commit()
    assert "a/v0.1.1" in Person(here.root).onbook("release")


def test_two_versions_two_models_two_parameter_sets(released: Desk, tmp_path: Path) -> None:
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"))
    reader = Person(here.root)
    found = reader.report("compare", "a", "0.1.0", "worktree", exits=1)
    assert found["data"]["prompts"][0]["verdict"] == "REGRESSED"
    assert (found["base"], found["head"]) == ("0.1.0", "worktree")
    assert reader.report("compare", "a", "worktree", "0.1.0")["data"]["prompts"][0]["verdict"] == "NOT WORSE"
    same = reader.report("compare", "a", "0.1.0", "a/v0.1.0")["data"]["prompts"][0]
    assert (same["verdict"], same["comparison"]) == ("NOT WORSE", None)
    # Nobody has asked with these settings yet: nothing is made up.
    open_ = reader.report("compare", "a", "worktree", "temperature=0.7")["data"]["prompts"][0]
    assert open_["verdict"] == "INCONCLUSIVE"
    assert len(open_["left_out"]) == CASES
    assert "`onbook compare ID A B --live` asks both sides now" in reader.onbook(
        "compare", "a", "worktree", "temperature=0.7"
    )


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("a", "0.9.0", "worktree"), "a 0.9.0 is not released here\n  there are: 0.1.0"),
        (("a", "", "worktree"), "a side is a version"),
        (("a", "worktree", "openai/x"), "git tag`; a model is compared as model=openai/x"),
        (("a", "0.1.0,main", "worktree"), "two places"),
        # A word that is misspelt, or a value that no file could hold, is never just another setting.
        (("a", "worktree", "temprature=1"), "no model parameter 'temprature'\n  did you mean 'temperature'?"),
        (("a", "worktree", "modl=openai/x"), "did you mean 'model'?"),
        (("a", "worktree", "top_q=null"), "no model parameter 'top_q'"),
        (("a", "worktree", "temperature=hot"), 'temperature: "hot" is not of type "number"'),
        (("a", "worktree", "max_tokens=0"), "maxTokens: 0 is less than the minimum of 1"),
        (("b", "0.1.0", "worktree"), "there is no prompt 'b'"),
        (("a", "0.1.0", "worktree", "--max-calls", "3"), "nothing is asked in a replay"),
    ],
)
def test_sides_that_cannot_be_meant(released: Desk, args: tuple[str, ...], told: str) -> None:
    assert told in Person(released.root).onbook("compare", *args, exits=2)


@pytest.mark.local_model
def test_both_sides_asked_now(released: Desk, tmp_path: Path) -> None:
    """A provider may have drifted since the baseline was recorded: both versions are asked, in turn."""
    ask.need_local_model()
    here = changed(released, tmp_path / "r", ("Sort this:", "Order this:"))
    before = (here.root / "prompts/a.recordings.jsonl").read_bytes()
    with OpenAIServer(echo=True) as server:
        asked = Desk(here.root, server.url)
        assert asked.row("--against", "--fresh", exits=1)["verdict"] == "REGRESSED"
        texts = [received.body["messages"] for received in server.received]
        assert len(texts) == 2 * CASES
        done = forks.start(
            ["compare", "a", "model=openai/gpt-4.1-mini", "model=openai/gpt-4.1-nano", "--live"],
            cwd=here.root, env={**os.environ, "OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-of-nobody"},
        )  # fmt: skip
        out, err = done.communicate()
        assert "than model=openai/gpt-4.1-mini" in out, out + err
        assert len(server.received) == 4 * CASES
    assert (here.root / "prompts/a.recordings.jsonl").read_bytes() == before
    assert "records nothing" in asked.test("--fresh", exits=2)[1]
