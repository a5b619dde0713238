"""JUnit XML, which every CI system draws: one suite a verb, one test case a check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from onbook.report import Check, Finding, Report, Severity, Status


def junit_pieces(report: Report, color: bool = False) -> Iterator[str]:
    """The report as one test suite. A failed check is a failure, one that could not be made an error."""
    counted = {status: sum(1 for check in report.checks if check.status is status) for status in Status}
    counts = {
        "name": f"onbook {report.verb}",
        "tests": str(len(report.checks)),
        "failures": str(counted[Status.FAILED]),
        "errors": str(counted[Status.UNCHECKED]),
        "skipped": str(counted[Status.SKIPPED]),
    }
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    # By the schema of Jenkins' xUnit plugin, which refuses what it does not name, only a suite says what was skipped.
    whole = {**{name: count for name, count in counts.items() if name != "skipped"}, "name": "onbook"}
    suites, suite = (ElementTree.Element(*it) for it in (("testsuites", whole), ("testsuite", counts)))
    yield f"{_opened(suites)}\n"
    if not report.checks:
        yield f"  {ElementTree.tostring(suite, encoding='unicode')}\n"
    else:
        yield f"  {_opened(suite)}\n"
        for check in report.checks:
            case = _case(report, check)
            ElementTree.indent(case, level=2)
            yield f"    {ElementTree.tostring(case, encoding='unicode')}\n"
        yield "  </testsuite>\n"
    yield "</testsuites>\n"


def _opened(element: ElementTree.Element) -> str:
    """The tag that begins an element: what stands in it is written one by one."""
    return ElementTree.tostring(element, encoding="unicode").removesuffix(" />") + ">"


_OUTCOME = {Status.FAILED: "failure", Status.UNCHECKED: "error", Status.SKIPPED: "skipped"}


def _case(report: Report, check: Check) -> ElementTree.Element:
    name = {"classname": f"onbook.{report.verb}", "name": check.id}
    case = ElementTree.Element("testcase", {key: _sound(value) for key, value in name.items()})
    weighty = [finding for finding in check.findings if finding.severity is Severity.ERROR and not finding.waived]
    rest = [finding for finding in check.findings if finding.severity is not Severity.ERROR or finding.waived]
    if outcome := _OUTCOME.get(check.status):
        # Where no error says why, what else was found does.
        why = weighty or rest
        message = _sound(why[0].message if why else "could not be checked")
        told = ElementTree.SubElement(case, outcome, {"message": message})
        if check.status is not Status.SKIPPED:
            told.text = _told(why)
            rest = rest if weighty else []
    if rest:
        ElementTree.SubElement(case, "system-out").text = _told(rest)
    return case


def _told(findings: list[Finding]) -> str:
    return _sound("\n".join(map(_line, findings)))


def _line(finding: Finding) -> str:
    place = finding.place
    hint = f"\n    {finding.hint}" if finding.hint else ""
    waived = " (waived)" if finding.waived else ""
    return f"{place}{': ' if place else ''}{finding.rule} {finding.message} [{finding.slug}]{waived}{hint}"


# https://www.w3.org/TR/xml/#charsets: the rest cannot be written in XML 1.0 at all, escaped or not.
_ALIEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _sound(text: str) -> str:
    return _ALIEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
