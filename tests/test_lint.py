"""Lint as a whole: which rules are on, how much they weigh, what is waived, and that nothing hides anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from onbook.errors import UsageError
from onbook.lint import MAX_TOLD, lint, look, selected
from onbook.project import Catalog
from onbook.report import Report, Severity, Status
from onbook.rules import GROUP, all_rules, find_rule
from support.snapshots import files

GOOD = "messages: [{role: user, content: hi}]\n"
# Two errors of ON203 and one warning of ON204.
BAD = """\
inputs: {type: object, properties: {ticket: {type: string}}}
messages:
  - {role: system, content: "{{tone}}"}
  - {role: user, content: "{{tiket}}"}
"""
TODAY = date(2027, 1, 31)


def run(config: str = "", *ids: str, **prompts: str) -> Report:
    """Lint prompts given by id under an ``onbook.toml``."""
    contents = {f"prompts/{id}.prompt.yml": text for id, text in prompts.items()}
    return lint(Catalog(files({**contents, "onbook.toml": config})), ids, today=TODAY)


def rules(report: Report) -> list[str]:
    return [finding.rule for finding in report.findings]


def test_a_good_prompt_passes() -> None:
    report = run(a=GOOD)
    assert report.status is Status.PASSED
    assert report.verb == "lint"
    assert [(check.id, check.prompt, check.findings) for check in report.checks] == [("lint/a", "a", ())]
    assert report.exit_code(strict=True) == 0


def test_no_prompts_is_no_finding() -> None:
    assert run().checks == ()


def test_findings_are_in_the_order_of_the_file() -> None:
    report = run(a=BAD)
    assert [(f.rule, f.line, f.column) for f in report.findings] == [
        ("ON204", 1, 37),
        ("ON203", 3, 32),
        ("ON203", 4, 30),
    ]
    assert report.exit_code() == 1


def test_only_the_prompts_that_are_named() -> None:
    assert [check.id for check in run("", "b", a=BAD, b=GOOD).checks] == ["lint/b"]
    with pytest.raises(UsageError) as caught:
        run("", "support", suport=GOOD)
    assert "suport" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ('lint = {select = ["ON203"]}', ["ON203", "ON203"]),
        ('lint = {select = ["ON2"], ignore = ["ON203"]}', ["ON204"]),
        ('lint = {ignore = ["ON2"]}', []),
        ('lint = {select = ["ON1"]}', []),
        ('lint = {severity = {ON203 = "off"}}', ["ON204"]),
        ('lint = {select = ["undeclared-variable"]}', ["ON203", "ON203"]),
        ('lint = {ignore = ["undeclared-variable", "ON1"]}', ["ON204"]),
        ('lint = {severity = {undeclared-variable = "off"}}', ["ON204"]),
    ],
)
def test_selection(config: str, found: list[str]) -> None:
    assert rules(run(config, a=BAD)) == found


@pytest.mark.parametrize(
    "config",
    [
        'lint = {select = ["ON205", "ON29"]}',
        'lint = {ignore = ["ON999"]}',
        'lint = {severity = {ON999 = "off"}}',
    ],
)
def test_a_rule_that_does_not_exist_is_refused(config: str) -> None:
    with pytest.raises(UsageError, match="there is no rule"):
        run(config, a=GOOD)


def test_severities() -> None:
    report = run('lint = {severity = {ON203 = "warning", ON204 = "info"}}', a=BAD)
    assert [f.severity for f in report.findings] == [Severity.INFO, Severity.WARNING, Severity.WARNING]
    assert report.exit_code() == 0
    assert report.exit_code(strict=True) == 1


def test_every_rule_is_on_by_default_that_does_not_say_otherwise() -> None:
    from onbook.project import Config

    assert [rule.id for rule, _ in selected(Config())] == [rule.id for rule in all_rules().values() if rule.default]


@pytest.mark.parametrize(
    ("waiver", "waived"),
    [
        ('rule = "ON203"', 2),
        ('rule = "ON203", path = "prompts/a.prompt.yml"', 2),
        ('rule = "ON203", path = "prompts/b.prompt.yml"', 0),
        ('rule = "ON204"', 1),
        ('fingerprint = "{first}"', 1),
        ('fingerprint = "0123456789abcdef"', 0),
    ],
)
def test_waivers(waiver: str, waived: int) -> None:
    first = next(finding.fingerprint for finding in run(a=BAD).findings if finding.rule == "ON203")
    row = waiver.replace("{first}", first)
    report = run(f'waivers = [{{{row}, until = 2027-01-31, reason = "known"}}]', a=BAD)
    assert [finding.waived for finding in report.findings].count(True) == waived
    assert rules(report)[:3] == ["ON204", "ON203", "ON203"]
    assert rules(report)[3:] == ([] if waived else ["ON123"])
    late = run(f'waivers = [{{{row}, until = 2027-01-30, reason = "known"}}]', a=BAD)
    assert not any(finding.waived for finding in late.findings)


def test_unused_is_said_only_by_whoever_looked_at_everything() -> None:
    waiver = 'waivers = [{{rule = "{}", until = 2027-03-01, reason = "x"}}]'
    assert rules(run(waiver.format("ON110"), a=GOOD)) == ["ON123"]
    assert rules(run(waiver.format("ON110"), "a", a=GOOD)) == []
    assert rules(run(waiver.format("ON110") + '\nlint = {select = ["ON123", "ON203"]}', a=GOOD)) == []
    assert rules(run(waiver.format("OD101"), a=GOOD)) == []
    assert rules(run('waivers = [{rule = "ON110", until = 2020-03-01, reason = "x"}]', a=GOOD)) == ["ON122"]


def test_what_is_raw_depends_on_no_day_and_no_waiver() -> None:
    text = BAD + "# onbook: allow ON204 until 2027-01-30: x\n"
    catalog = Catalog(files({"prompts/a.prompt.yml": "# onbook: allow ON203 until 2027-01-31: x\n" + text}))
    raw = look([catalog.find("a")], [rule for rule, _ in selected(catalog.config)])[0]
    assert [rule for rule, _ in raw.hits] == ["ON203", "ON203", "ON204"]
    assert [waiver.rule for waiver in raw.waivers] == ["ON203", "ON204"]
    before, after = (lint(catalog, today=date(2027, month, 28)) for month in (1, 3))
    assert [f.waived for f in before.findings if f.rule == "ON203"] == [True, True]
    assert [f.waived for f in after.findings if f.rule == "ON203"] == [False, False]
    assert sorted(set(rules(after)) - set(rules(before))) == ["ON122"]


def test_what_is_waived_is_told_and_not_counted() -> None:
    report = run('waivers = [{rule = "ON203", until = 2027-03-01, reason = "known"}]', a=BAD)
    assert report.exit_code() == 0
    assert report.exit_code(strict=True) == 1


def test_the_fingerprint_stays_when_lines_move() -> None:
    moved = BAD.replace("messages:", "# one\n# two\nname: x\nmessages:")
    before, after = run(a=BAD).findings, run(a=moved).findings
    assert [f.line for f in before] != [f.line for f in after]
    assert [f.fingerprint for f in before] == [f.fingerprint for f in after]
    assert len({f.fingerprint for f in before}) == 3
    assert not {f.fingerprint for f in before} & {f.fingerprint for f in run(b=BAD).findings}


def test_one_broken_file_hides_no_other() -> None:
    report = run(a="messages: [\n", b=BAD, c=GOOD)
    assert [check.status for check in report.checks] == [Status.FAILED, Status.FAILED, Status.PASSED]
    assert rules(report) == ["ON101", "ON204", "ON203", "ON203"]


def test_a_broken_suite_does_not_hide_the_prompt() -> None:
    contents = {"prompts/a.prompt.yml": BAD, "prompts/a.suite.yml": "assert: 1\n", "prompts/a.cases.jsonl": "{\n"}
    report = lint(Catalog(files(contents)))
    assert sorted(rules(report)) == ["ON104", "ON104", "ON203", "ON203", "ON204"]


@pytest.mark.parametrize(
    "config",
    [
        'lint = {select = ["ON203"]}',
        'lint = {severity = {ON101 = "off"}}',
        'lint = {severity = {ON101 = "warning"}}',
        'waivers = [{rule = "ON101", until = 2027-03-01, reason = "x"}]',
    ],
)
def test_what_cannot_be_read_is_never_fine(config: str) -> None:
    report = run(config, a="messages: [\n", b=GOOD)
    assert report.status is Status.UNCHECKED
    assert report.exit_code() == 3
    assert [finding.rule for finding in report.findings if finding.rule == "ON000"]


@pytest.mark.parametrize(
    ("rule", "beside"),
    [
        ("ON205", {}),
        ("ON101", {"prompts/a.suite.yml": "assert: [\n"}),
        ("ON104", {"prompts/a.cases.jsonl": '{"id": 1, "inputs": {}}\n'}),
    ],
)
@pytest.mark.parametrize("severity", ["off", "warning"])
def test_a_part_that_cannot_be_read_is_never_fine(rule: str, beside: dict[str, str], severity: str) -> None:
    include = "templateFormat: jinja2\nmessages: [{role: user, content: '{% include \"_shared/x.md\" %}'}]\n"
    contents = {"prompts/a.prompt.yml": GOOD if beside else include, **beside}
    lowered = {"onbook.toml": f'lint = {{severity = {{{rule} = "{severity}"}}}}'}
    report = lint(Catalog(files({**contents, **lowered})))
    assert report.exit_code() == 3
    assert [f.message.startswith("not read: ") for f in report.findings if f.rule == "ON000"] == [True]
    assert lint(Catalog(files(contents))).exit_code() == 1


def test_what_is_endless_is_cut_and_said_to_be() -> None:
    uses = " ".join(f"{{{{a{number}}}}}" for number in range(MAX_TOLD + 1))
    report = run(a=f"inputs: {{type: object}}\nmessages: [{{role: user, content: '{uses}'}}]\n")
    assert rules(report).count("ON203") == MAX_TOLD
    assert rules(report).count("ON000") == 1
    assert report.status is Status.UNCHECKED


PLUGIN = '''\
from onbook.rules import AcrossRule, Rule
from onbook.rules.base import Hit


class Crashing(Rule):
    """Crashes on prompts that are called so."""

    id = "XX901"
    slug = "crashing-rule"

    def check(self, source):
        for problem in super().check(source):
            yield problem
        if source.id.startswith("crash"):
            raise RuntimeError("a fault of the plug-in")


class Asked(Rule):
    """Finds every prompt, once it is asked to."""

    id = "XX902"
    slug = "only-when-asked"
    default = False

    def check(self, source):
        from onbook.rules.base import hit_at

        yield hit_at(source, ("messages",), "here it is", key=True)


class Twins(AcrossRule):
    """Finds prompts of one text; crashes where the text says so, after what it found."""

    id = "XX903"
    slug = "twins"
    default = False

    def note(self, source):
        if "no note" in source.document.text:
            raise RuntimeError("nothing to note")
        return None if "alone" in source.document.text else [source.path, source.document.text]

    def across(self, notes, today):
        seen = {}
        for id, (path, text) in notes.items():
            if text in seen:
                yield id, Hit(f"this is the text of {seen[text]} again", path, 1)
            if "no comparing" in text:
                raise RuntimeError("nothing to compare")
            seen[text] = id
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that adds two rules."""
    (tmp_path / "onbook_plugin_of_the_tests.py").write_text(PLUGIN)
    info = tmp_path / "onbook_plugin_of_the_tests-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: onbook-plugin-of-the-tests\nVersion: 1.0\n")
    module = "onbook_plugin_of_the_tests"
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\none = {module}:Crashing\ntwo = {module}:Asked\nthree = {module}:Twins\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    all_rules.cache_clear()
    yield
    all_rules.cache_clear()


@pytest.mark.usefixtures("plugin")
def test_a_crashing_rule_hides_nothing_and_is_not_fine() -> None:
    report = run(crash=GOOD, fine=GOOD)
    assert [check.status for check in report.checks] == [Status.UNCHECKED, Status.PASSED]
    assert report.exit_code() == 3
    assert "XX901" in report.findings[0].message
    assert "a fault of the plug-in" in report.findings[0].message
    assert sorted(rules(run(crash=BAD))) == ["ON000", "ON203", "ON203", "ON204"]
    assert rules(run('lint = {ignore = ["XX901"]}', crash=BAD)) == ["ON204", "ON203", "ON203"]


@pytest.mark.usefixtures("plugin")
def test_a_crash_cannot_be_waived() -> None:
    waived = run('waivers = [{rule = "XX901", until = 2027-03-01, reason = "x"}]', crash=GOOD)
    assert waived.exit_code() == 3


@pytest.mark.usefixtures("plugin")
def test_a_rule_may_be_off_until_it_is_selected() -> None:
    assert rules(run(a=GOOD)) == []
    for name in ("XX902", "only-when-asked"):
        assert rules(run(f'lint = {{select = ["{name}"]}}', a=GOOD)) == ["XX902"]
        assert rules(run(f'lint = {{severity = {{{name} = "info"}}}}', a=GOOD)) == ["XX902"]
    assert rules(run('lint = {select = ["XX"]}', a=GOOD)) == []


@pytest.mark.usefixtures("plugin")
def test_a_rule_may_compare_prompts() -> None:
    select = 'lint = {select = ["XX903"]}'
    alone = GOOD + "# alone\n"
    report = run(select, a=GOOD, b=GOOD, c=alone, d=alone, e=GOOD)
    assert [(check.prompt, [f.message for f in check.findings]) for check in report.checks if check.findings] == [
        ("b", ["this is the text of a again"]),
        ("e", ["this is the text of b again"]),
    ]
    assert rules(run(select, "b", a=GOOD, b=GOOD)) == []


@pytest.mark.usefixtures("plugin")
def test_a_comparing_rule_that_crashes_leaves_no_prompt_fine() -> None:
    select = 'lint = {select = ["XX903"]}'
    noted = run(select, a=GOOD, b=GOOD + "# no note\n", c=GOOD)
    assert [check.status for check in noted.checks] == [Status.PASSED, Status.UNCHECKED, Status.FAILED]
    compared = run(select, a=GOOD, b=GOOD + "# no comparing\n", c=GOOD + "# alone\n")
    assert [check.status for check in compared.checks] == [Status.UNCHECKED, Status.UNCHECKED, Status.PASSED]
    assert "nothing to compare" in compared.findings[0].message


def test_rules_are_found_by_id_and_slug() -> None:
    assert find_rule("ON203") is find_rule("on203") is find_rule("undeclared-variable")
    with pytest.raises(UsageError) as caught:
        find_rule("undeclared-variabel")
    assert "undeclared-variable" in (caught.value.hint or "")


def test_the_prompts_of_this_repository_have_no_findings() -> None:
    root = Path(__file__).parents[1]
    contents = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted((root / "prompts").rglob("*"))
        if path.is_file()
    }
    # On a day on which none of their models is about to retire.
    report = lint(Catalog(files(contents)), today=date(2026, 10, 1))
    assert report.checks
    assert [f"{finding.rule} {finding.path}:{finding.line}" for finding in report.findings] == []
