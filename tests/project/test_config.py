from __future__ import annotations

import re
from datetime import date

import pytest

from onbook.errors import OnbookError, UsageError
from onbook.project import Config
from onbook.waivers import Waiver
from support.snapshots import files

FULL = """\
prompts = "ai/texts"
tagPrefix = "prompts/"
readers = "strict"
release.branch = "trunk"
environments.ref = "live"

[lint]
select = ["ON1"]
ignore = ["ON104"]
severity = {ON203 = "off"}

[gates]
tests = false

[[waivers]]
rule = "ON203"
path = "ai/texts/a.prompt.yml"
reason = "known"
until = 2027-03-01

[[waivers]]
fingerprint = "0123456789abcdef"
reason = "known too"
until = "2027-03-02"
"""


def load(**contents: str | bytes) -> Config:
    return Config.load(files({f"{name}.toml": text for name, text in contents.items()}))


def test_defaults() -> None:
    for found in (load(), load(onbook=""), load(pyproject='[project]\nname = "x"\n'), load(pyproject="[tool.onbook]")):
        assert found == Config()
    assert (found.prompts, found.tag_prefix, found.readers) == ("prompts", "", "tolerant")
    assert [
        name for name in ("lint", "diff", "tests", "verdict", "unchecked", "inconclusive") if not found.gate(name)
    ] == ["inconclusive"]


def test_a_folder_may_end_with_its_slash() -> None:
    waiver = 'reason = "known"\nuntil = 2027-03-01\nrule = "ON203"\npath = "ai/texts/"\n'
    found = load(onbook=f'prompts = "ai/texts/"\n[[waivers]]\n{waiver}')
    assert found.prompts == "ai/texts"
    assert [each.path for each in found.waivers] == ["ai/texts"]
    assert not found.faults


def test_everything() -> None:
    found = load(onbook=FULL)
    assert found == Config(
        prompts="ai/texts",
        tag_prefix="prompts/",
        release_branch="trunk",
        environments_ref="live",
        readers="strict",
        select=("ON1",),
        ignore=("ON104",),
        severities={"ON203": "off"},
        gates={"tests": False},
        waivers=(
            Waiver("known", date(2027, 3, 1), rule="ON203", path="ai/texts/a.prompt.yml"),
            Waiver("known too", date(2027, 3, 2), fingerprint="0123456789abcdef"),
        ),
    )
    assert not found.gate("tests")
    in_pyproject = "[tool.onbook]\n" + FULL.replace("[[", "[[tool.onbook.").replace("\n[l", "\n[tool.onbook.l").replace(
        "\n[g", "\n[tool.onbook.g"
    )
    assert load(pyproject=in_pyproject) == found


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ('prompt = "x"', "onbook.toml", "unknown key 'prompt'", "did you mean 'prompts'?"),
        ('release.brnch = "x"', "onbook.toml: release", "unknown key 'brnch'", "did you mean 'branch'?"),
        ("gates.lnt = true", "onbook.toml: gates", "unknown key 'lnt'", "did you mean 'lint'?"),
        ("zzz = 1", "onbook.toml", "unknown key 'zzz'", "known keys here: environments, gates, lint"),
        ("prompts = [", "onbook.toml", "this is not TOML", None),
        ("a = 1\nb = = 2", "onbook.toml:2:5", "this is not TOML: Invalid value$", None),
        ("a = 1\na = 2", "onbook.toml", "this is not TOML: Cannot overwrite", None),
        (b"\xff", "onbook.toml", "byte 0 is no UTF-8", "save the file as UTF-8"),
        ("prompts = 3", "onbook.toml: prompts", '3 is not of type "string"', None),
        ('prompts = "../x"', "onbook.toml: prompts", '^"../x" cannot stand here$', "A path from the repository's root"),
        ('prompts = "/x"', "onbook.toml: prompts", '^"/x" cannot stand here$', "A path from the repository's root"),
        ('lint.severity.ON203 = "of"', "onbook.toml: lint.severity", '"error", "warning", "info", "off"$', "How much"),
        ('prompts = ""', "onbook.toml: prompts", "", None),
        ('readers = "strct"', "onbook.toml: readers", "is not one of", None),
        ("prompts = nan", "onbook.toml: prompts", "", None),
        ("prompts = 07:32:00", "onbook.toml: prompts", "", None),
        ("lint = 1", "onbook.toml: lint", "is not of type", None),
    ],
)
def test_what_cannot_be_meant(text: str | bytes, place: str, message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as told:
        load(onbook=text)
    assert str(told.value.place).startswith(place)
    assert re.search(message, told.value.message), told.value.message
    assert (told.value.hint or "").startswith(hint or "")
    assert told.value.exit_code == 2
    assert "\n" not in told.value.message


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('rule = "ON1"\nuntil = 2027-03-01', "'reason' is required"),
        ('rule = "ON1"\nreason = "r"', "'until' is required"),
        ('until = 2027-03-01\nreason = "r"', ""),
        ('rule = "ON1"\nreason = "r"\nuntil = "soon"', "until: .*date"),
        ('rule = "ON1"\nreason = "r"\nuntil = "0000-01-01"', "until: 0000-01-01 is no day"),
        ('rule = "ON1"\nreason = "r"\nuntil = 2027-03-01T10:00:00', "until: .*date"),
        ('rule = "ON1"\nreason = "r"\nuntil = 2027-03-01\npaht = "x"', "unknown key 'paht'"),
    ],
)
def test_a_waiver_that_is_none_is_a_finding_and_stops_nothing(row: str, message: str) -> None:
    good = '[[waivers]]\nrule = "empty-message"\nreason = "r"\nuntil = 2027-03-01\npath = "prompts/x"\n'
    found = load(onbook=f"{good}[[waivers]]\n{row}")
    assert [waiver.rule for waiver in found.waivers] == ["empty-message"]
    [fault] = found.faults
    assert (fault.code, fault.path, fault.line) == ("bad-waiver", "onbook.toml", 6)
    assert str(fault.hint).startswith("did you mean 'path'?" if "paht" in row else 'write rule = "ON203"')
    assert re.search(message, fault.message), fault.message
    assert load(onbook="waivers = [3]").faults[0].line is None


def test_a_byte_order_mark_is_passed_over() -> None:
    assert load(onbook=b'\xef\xbb\xbfprompts = "ai"').prompts == "ai"


def test_in_pyproject_the_place_says_so() -> None:
    with pytest.raises(UsageError) as told:
        load(pyproject="[tool.onbook]\nprompt = 1")
    assert told.value.place == "pyproject.toml [tool.onbook]"
    with pytest.raises(UsageError, match="must be a table"):
        load(pyproject="[tool]\nonbook = 5")


def test_two_configurations_are_an_error() -> None:
    with pytest.raises(UsageError, match="configured twice") as told:
        load(onbook="", pyproject="[tool.onbook]")
    assert told.value.hint == "keep one of the two"
    assert load(onbook='prompts = "x"', pyproject="[tool.other]").prompts == "x"


def test_a_link_is_not_followed() -> None:
    with pytest.raises(OnbookError, match="symbolic link") as told:
        Config.load(files({"onbook.toml": ""}, {"onbook.toml"}))
    assert told.value.place == "onbook.toml"
