from __future__ import annotations

import pytest

from onbook.errors import UsageError
from onbook.project import Catalog, Config
from onbook.repo import Files
from support.sources import PROMPT, source


def catalog(*paths: str, config: str = "") -> Catalog:
    files = dict.fromkeys(paths, PROMPT.encode())
    return Catalog(Files({**files, "onbook.toml": config.encode()}))


def test_prompts_are_those_below_the_folder_with_the_suffix_sorted() -> None:
    found = catalog(
        "prompts/support/triage.prompt.yml",
        "prompts/b.prompt.yaml",
        "prompts/a/b/c.prompt.yml",
        "prompts/a.prompt.yml",
        "prompts/_shared/x.prompt.yml",
        "prompts/a/_drafts/x.prompt.yml",
        "prompts/_x.prompt.yml",
        "prompts/notes.yml",
        "prompts2/x.prompt.yml",
        "x.prompt.yml",
    )
    assert found.ids == ["a", "a/b/c", "b", "support/triage"]
    assert list(found.paths.values())[2] == "prompts/b.prompt.yaml"


def test_a_folder_that_is_configured() -> None:
    found = catalog("prompts/a.prompt.yml", "ai/texts/b.prompt.yml", config='prompts = "ai/texts"')
    assert found.ids == ["b"]
    assert found.find("b").path == "ai/texts/b.prompt.yml"
    assert found.find("b").id == "b"


def test_of_two_files_of_one_id_one_counts_always_the_same() -> None:
    for order in (("a.prompt.yml", "a.prompt.yaml"), ("a.prompt.yaml", "a.prompt.yml")):
        found = catalog(*(f"prompts/{name}" for name in order))
        assert found.ids == ["a"]
        assert found.find("a").path == "prompts/a.prompt.yaml"


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("support/triag", "did you mean 'support/triage'?"),
        ("prompts/support/triage.prompt.yml", "did you mean 'support/triage'?"),
        ("support/triage.prompt.yml", "did you mean 'support/triage'?"),
        ("zzz", "`onbook list` names them all"),
    ],
)
def test_an_id_that_is_none(asked: str, hint: str) -> None:
    with pytest.raises(UsageError, match="there is no prompt") as told:
        catalog("prompts/support/triage.prompt.yml").find(asked)
    assert told.value.hint == hint
    assert told.value.exit_code == 2


def test_no_prompts_at_all() -> None:
    assert catalog().select(()) == []
    with pytest.raises(UsageError) as told:
        catalog(config='prompts = "ai"').find("x")
    assert told.value.hint == "there are no prompts below ai/ yet: `onbook new x` writes one"


def test_select_names_each_once_and_none_means_all() -> None:
    found = catalog("prompts/a.prompt.yml", "prompts/b.prompt.yml")
    assert [one.id for one in found.select(["b", "a", "b"])] == ["b", "a"]
    assert [one.id for one in found.select([])] == ["a", "b"]
    assert found.get("a") is found.get("a")
    assert found.get("c") is None
    with pytest.raises(UsageError):
        found.select(["a", "c"])


def test_a_prompt_with_problems_is_not_used() -> None:
    with pytest.raises(UsageError, match="is required and missing") as told:
        source({"prompts/a.prompt.yml": "name: x\n"}).usable()
    assert told.value.place == "prompts/a.prompt.yml:1:1"
    assert told.value.hint
    assert source({"prompts/a.prompt.yml": PROMPT}).usable().id == "a"


def test_a_configuration_that_is_given_is_the_one_that_counts() -> None:
    files = Files({"onbook.toml": b"prompts = [", "ai/a.prompt.yml": PROMPT.encode()})
    assert Catalog(files, Config(prompts="ai")).ids == ["a"]


def test_cases_of_every_kind_stand_beside_the_prompt() -> None:
    found = source(
        {
            "prompts/a.prompt.yml": PROMPT + "testData:\n- {ticket: t, expected: e}\n",
            "prompts/a.cases.jsonl": '{"id": "j", "inputs": {"ticket": 1}, "expected": {"x": 1}, "tags": ["s"], '
            '"cluster": "c", "xfail": "why", "assert": [{"contains": "x"}]}\n',
            "prompts/a.cases.csv": "id,ticket,expected,tags\nc,hello,world,s t\n",
            "prompts/a.cases.yml": "- id: y\n  inputs: {ticket: no}\n",
            "prompts/a.suite.yml": "repeats: 2.0\nthreshold: 0.5\nmodels: [m/m]\ngate: proxy\n",
        }
    )
    assert found.tests.problems == ()
    assert [(case.id, case.path.rpartition(".")[2], case.line) for case in found.cases] == [
        ("j", "jsonl", 1),
        ("c", "csv", 2),
        ("y", "yml", 1),
        ("row-1", "yml", 6),
    ]
    first, second, third, _ = found.cases
    assert (first.expected, first.tags, first.cluster, first.xfail) == ({"x": 1}, ("s",), "c", "why")
    assert (second.inputs, second.expected, second.tags) == ({"ticket": "hello"}, "world", ("s", "t"))
    assert third.inputs == {"ticket": "no"}
    suite = found.suite
    assert (suite.repeats, suite.threshold, suite.models, suite.gate) == (2, 0.5, ("m/m",), "proxy")
    assert isinstance(suite.repeats, int)
