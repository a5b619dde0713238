"""Prompts that are made to cost more than their size: the work is bounded, and what was not looked at is told."""

from __future__ import annotations

from onbook.lint import lint
from onbook.project import Catalog
from onbook.project.load import MAX_ADVICE
from onbook.report import Status
from support.snapshots import files

HEAD = "templateFormat: jinja2\nmessages:\n- role: user\n  content: |\n    "


def test_the_nearest_partial_is_looked_up_for_a_few_includes_only() -> None:
    # Each lookup compares with every file: a thousand of them among a thousand files took minutes.
    wrong = "".join(f"{{% include '_shared/prt_{number}.md' %}}" for number in range(200))
    partials = {f"prompts/_shared/part_{number}.md": "x" for number in range(200)}
    found = lint(Catalog(files({**partials, "prompts/a.prompt.yml": f"{HEAD}{wrong}\n"}))).findings
    assert [finding.rule for finding in found] == ["ON205"] * 200
    hints = [finding.hint or "" for finding in found]
    assert sum("did you mean" in hint for hint in hints) == MAX_ADVICE


def test_ways_through_loops_and_partials_are_counted() -> None:
    # Four loops in each of thirteen partials are 4**13 ways for an input from outside.
    inputs = "inputs: {type: object, properties: {a: {type: string, x-untrusted: true}}}\n"
    partials = {
        f"prompts/_shared/{level}.md": "".join(
            f"{{% for v{level}_{way} in a %}}{{% include '_shared/{level + 1}.md' %}}{{% endfor %}}" for way in range(4)
        )
        for level in range(13)
    }
    prompt = f"{inputs}{HEAD}{{% include '_shared/0.md' %}}\n"
    contents = {**partials, "prompts/_shared/13.md": "{{ a }}", "prompts/a.prompt.yml": prompt}
    report = lint(Catalog(files(contents)))
    assert report.status is Status.UNCHECKED
    told = [finding.message for finding in report.findings if finding.rule == "ON000"]
    assert any("ON401" in message and "more than 2,000 ways" in message for message in told)


def test_a_wide_bomb_of_includes_is_looked_at_once() -> None:
    partials = {f"prompts/_shared/{level}.md": f"{{% include '_shared/{level + 1}.md' %}}" * 50 for level in range(14)}
    prompt = f"{HEAD}{{% include '_shared/0.md' %}}\n"
    contents = {**partials, "prompts/_shared/14.md": "x", "prompts/a.prompt.yml": prompt}
    assert not lint(Catalog(files(contents))).findings


def test_more_places_than_anybody_reads_are_not_all_told() -> None:
    comments = "# ftp://u:h7G" + "q2xV9@host/x\n"
    prompt = comments * 3_000 + "messages: [{role: user, content: hi}]\n"
    report = lint(Catalog(files({"prompts/a.prompt.yml": prompt})))
    assert len(report.findings) == 1_001
    assert report.status is not Status.PASSED
