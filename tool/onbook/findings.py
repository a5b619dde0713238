"""Findings that no rule makes: what a test, a check, a release and the pages tell of what they did.

``onbook explain OT201`` prints one, and ``python -m onbook.findings docs/findings.md`` writes the page.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from onbook.files import write_atomic
from onbook.report import Severity


@dataclass(frozen=True, slots=True)
class Told:
    """One kind of finding.

    Attributes:
        severity: as it is told by itself; a gate or a judge that nobody has measured may make another of it.
        meaning: what is the case, and what it holds up.
        advice: what to do.
    """

    id: str
    slug: str
    severity: Severity
    meaning: str
    advice: str


_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

FINDINGS = {
    row.id: row
    for row in (
        Told(
            "OC001", "not-checked", _ERROR,
            "What a change is to be compared with could not be told, so nothing was checked (exit code 3).",
            "The hint names what is missing: mostly the history of a shallow clone, `fetch-depth: 0`.",
        ),
        Told(
            "OC101", "new-waiver", _WARNING,
            "The change adds a waiver. It does not count for the change itself, which is judged by the base's waivers.",
            "Merge the waiver by itself first; or, once somebody has reviewed it, `onbook check --own-config`.",
        ),
        Told(
            "OC102", "loosened-configuration", _WARNING,
            "The change makes the configuration less strict. The change itself is judged by the stricter of both "
            "sides.",
            "Merge the configuration by itself first; or, once it is reviewed, `onbook check --own-config`.",
        ),
        Told(
            "OC103", "unreadable-configuration", _ERROR,
            "The change's configuration cannot be read; the change was judged by that of its base.",
            "Mend the configuration at the place that is named.",
        ),
        Told(
            "OC201", "testimony", _WARNING,
            "Answers were recorded in a fork. Their keys prove which requests they belong to, not that a model "
            "gave them.",
            "A maintainer records them again: `onbook test ID --record` on a copy without these recordings.",
        ),
        Told(
            "OD001", "not-comparable", _ERROR,
            "A prompt could not be compared with its base: one of the two cannot be read, or the base is not here.",
            "Mend the prompt, or bring the history: `git fetch --unshallow --tags`.",
        ),
        Told(
            "OD002", "version-too-small", _WARNING,
            "The file declares a `version` that is smaller than its changes ask for; an error under `--fail-on "
            "undeclared`.",
            "Declare the version that is named, or delete the key, so that the next version follows from the changes.",
        ),
        Told(
            "OD003", "major-undeclared", _ERROR,
            "A change breaks callers of a released prompt, and neither its `version` nor a waiver says that it is "
            "meant. Only where `gates.major` is on.",
            "Keep the old calls valid, or declare the version that is named.",
        ),
        Told(
            "ON000", "not-checked", _ERROR,
            "Something could not be looked at, so that nobody can say whether it is fine (exit code 3). It "
            "cannot be waived.",
            "The message says why: mend the file, or report a defect where a rule itself failed.",
        ),
        Told(
            "OR001", "not-released", _INFO,
            "A prompt gets no release: nothing changed since the last one, or it is a draft.",
            "Nothing, or `status: active` once a draft is ready. A release is made of HEAD: commit first.",
        ),
        Told(
            "OR002", "not-comparable", _ERROR,
            "A prompt could not be compared with its last release, so its next version is not known.",
            "The message says what cannot be read: the prompt's own file, or a release that is no release of onbook's.",
        ),
        Told(
            "OR101", "not-a-release", _WARNING,
            "A tag has the name of a release and was not written by onbook, or cannot be read. It is passed over.",
            "Leave it, or delete the tag where nobody uses it; releases are made with `onbook release`.",
        ),
        Told(
            "OR102", "not-here", _ERROR,
            "A shallow clone has no release of this prompt, which says nothing of those elsewhere.",
            "`git fetch --unshallow --tags`",
        ),
        Told(
            "OT101", "case-failed", _ERROR,
            "The answer of a case does not hold what is asserted of it.",
            "Mend the prompt and record again, or correct the case; `xfail` marks a failure that is known.",
        ),
        Told(
            "OT102", "case-below-threshold", _WARNING,
            "A case failed, and the suite's `threshold` is met without it.",
            "Nothing has to be done; look whether the cases that fail have something in common.",
        ),
        Told(
            "OT103", "unexpected-pass", _ERROR,
            "A case that is marked `xfail` passes.",
            "Delete its `xfail`: from now on it guards what works.",
        ),
        Told(
            "OT104", "answer-unusable", _ERROR,
            "Whether an answer holds what is asserted could not be said: a library is missing, a judge gave no "
            "verdict.",
            "The message says which; what cannot be said never passes.",
        ),
        Told(
            "OT105", "verdict-drifted", _WARNING,
            "Asked anew (`--live`), the model's answer has another verdict than the recorded one: it moved, "
            "nothing here did.",
            "Pin a snapshot of the model; `onbook test --against --fresh` tells whether it is worse.",
        ),
        Told(
            "OT106", "answer-drifted", _INFO,
            "Asked anew (`--live`), the model answers in other words, with the same verdict.",
            "Nothing has to be done.",
        ),
        Told(
            "OT107", "metric-below", _ERROR,
            "A metric of the whole set is below the least value that the suite asks for.",
            "Mend the prompt, or the suite's `metrics` where they ask for too much.",
        ),
        Told(
            "OT108", "judge-measured", _INFO,
            "A judge agrees with people's labels often enough, and may fail a check.",
            "Nothing has to be done.",
        ),
        Told(
            "OT109", "judge-unmeasured", _INFO,
            "A judge was not measured on enough labelled answers, or does not agree with people: its verdicts "
            "fail nothing.",
            "Label answers, good and bad ones: `onbook label ID`.",
        ),
        Told(
            "OT110", "judge-doubted", _WARNING,
            "A case fails by the word of a judge alone that is not measured. It is counted as doubted and fails "
            "nothing.",
            "Read the answer and label it: `onbook label ID`.",
        ),
        Told(
            "OT201", "recording-missing", _ERROR,
            "A case has no recorded answer to exactly this request: it is new, or the prompt changed since.",
            "`onbook test ID --record`, then commit the recordings.",
        ),
        Told(
            "OT202", "not-recorded", _ERROR,
            "A model was asked and gave no answer that could be recorded; the reason is told.",
            "Mend the reason (a key, the model's name, a limit) and run the same command again: it asks for the rest.",
        ),
        Told(
            "OT203", "not-run", _ERROR,
            "Cases were not asked about, because the run ended before: by a limit, or by Ctrl-C.",
            "Run the same command again: it asks for the rest.",
        ),
        Told(
            "OT301", "case-wrong", _ERROR,
            "A case or the suite is itself wrong (its inputs, an assertion, a key), so this prompt was not tested.",
            "Correct it at the place that is named.",
        ),
        Told(
            "OT302", "no-cases", _INFO,
            "A prompt has no cases, so nothing was tested.",
            "Write some beside it: `ID.cases.jsonl`.",
        ),
        Told(
            "OT303", "proxy-model", _INFO,
            "The answers are those of another model than the prompt's own, and do not release it.",
            "Record the prompt's own model, or say `gate: proxy` in the suite.",
        ),
        Told(
            "OT304", "nothing-asserted", _WARNING,
            "Nothing is asserted of the answer of a case, so it passes whatever it says.",
            "Add `assert` to the case, or to the suite for all of them.",
        ),
        Told(
            "OT305", "prompt-unusable", _ERROR,
            "A prompt cannot be read or rendered, so it was not tested.",
            "`onbook lint ID` says where.",
        ),
        Told(
            "OT401", "regressed", _ERROR,
            "The answers got worse than those of the base, by more than chance and the suite's `margin` explain.",
            "Read the cases that are named, and mend the prompt.",
        ),
        Told(
            "OT402", "inconclusive", _INFO,
            "So few cases cannot tell whether the answers got worse. It stops nothing unless "
            "`gates.inconclusive` is on.",
            "Add cases: the hint says about how many.",
        ),
        Told(
            "OT403", "not-worse", _INFO,
            "The answers are not worse than those of the base, within the suite's `margin`.",
            "Nothing has to be done.",
        ),
        Told(
            "OT404", "not-comparable", _ERROR,
            "Whether the answers got worse could not be looked at; the message says why.",
            "Mend what it names, then run the command again.",
        ),
        Told(
            "OT405", "preferred", _INFO,
            "Which of two versions a judge prefers, asked in both orders. It is the word of a judge, and fails "
            "nothing.",
            "Look at the flip rate: above one in five the order says as much as the answers.",
        ),
        Told(
            "OW101", "shallow", _ERROR,
            "The catalogue was built in a shallow clone, so that releases and deployments may be missing from it.",
            "`git fetch --unshallow --tags`, then build it again.",
        ),
        Told(
            "OW102", "environment-unread", _ERROR,
            "An environment's file could not be read, so the catalogue does not say what runs there.",
            "Mend the file at the place that is named.",
        ),
    )
}  # fmt: skip
"""Id -> what it means."""

_INTRO = """\
# Findings that are no rules

Lint tells rules ([rules.md](rules.md)), and diff what a change means ([versioning.md](versioning.md)). What else a
test, a check, a release, a log and the catalogue tell has one of these ids; `onbook explain OT201` prints one. What
stops a check is in [ci.md](ci.md), what holds a release in [releases.md](releases.md#gates).

| finding | | what it means | what to do |
|---|---|---|---|
"""


def named(name: str) -> list[Told]:
    """The findings of an id, in any case, or of a slug; verbs that tell alike share a slug."""
    return [row for row in FINDINGS.values() if name.upper() == row.id or name == row.slug]


def page() -> str:
    """docs/findings.md."""
    rows = (f"| {row.id} {row.slug} | {row.severity} | {row.meaning} | {row.advice} |\n" for row in FINDINGS.values())
    return _INTRO + "".join(rows)


if __name__ == "__main__":
    write_atomic(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/findings.md"), page().encode())
