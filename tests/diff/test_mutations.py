"""Five hundred random edits of our own prompts: each is classified, and none makes diff stumble."""

from __future__ import annotations

import pytest

from onbook.call import Caller
from onbook.contract import Contract
from onbook.diff.report import diff_report
from onbook.errors import InputError
from onbook.versions import Bump
from support.mutations import EDITS, edits


@pytest.mark.slow
def test_every_edit_is_classified() -> None:
    read = unread = 0
    bumps = set()
    for id, told, found in edits():
        if found is None:
            unread += 1
            continue
        read += 1
        assert found.changes, (id, told)  # the bytes differ, so something is said
        bumps.add(found.bump)
        report = diff_report([found], base=None, head="x")
        assert [finding.message for finding in report.findings if not finding.message.isprintable()] == []
        for change in found.changes:
            if change.witness is None or found.new is None or found.old is None:
                continue
            new, old = found.new.usable(), found.old.usable()
            if change.pointer[0] == "inputs" and change.rule.slug == "input-narrowed" and len(change.pointer) == 3:
                with pytest.raises(InputError):
                    Caller(new).bind({str(change.pointer[-1]): change.witness[0]})
            if change.pointer == ("jsonSchema", "schema") and change.rule.slug == "output-widened":
                assert Contract(new.output_schema or {}).accepts(change.witness[0])
                assert not Contract(old.output_schema or {}).accepts(change.witness[0])
    assert read + unread == EDITS
    assert read > EDITS / 2
    assert bumps == {Bump.NONE, Bump.PATCH, Bump.MINOR, Bump.MAJOR}
