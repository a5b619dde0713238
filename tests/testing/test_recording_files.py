"""Files of recordings, while answers arrive and when they cannot be written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from onbook.errors import OnbookError
from onbook.testing.journal import Journal
from onbook.testing.locks import Locks
from onbook.testing.recordings import Recordings
from support.answers import PATH, raw, recording


def problems(data: bytes) -> list[tuple[str, int | None, str]]:
    return [(problem.code, problem.line, problem.message) for problem in Recordings.read(data, PATH).problems]


def test_each_answer_is_in_the_file_as_soon_as_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    kept = [recording(case, case) for case in "cab"]
    with Journal(Recordings(), path) as journal:
        for number, one in enumerate(kept, 1):
            journal.keep(one)
            # What a process that is killed now leaves behind is whole.
            left = Recordings.read(path.read_bytes(), PATH)
            assert left.problems == []
            assert len(left) == number
    assert path.read_bytes() == raw(kept[1], kept[2], kept[0])
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_without_a_last_line_end_is_not_run_into(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(raw(recording("z", "z")).rstrip(b"\n"))
    journal = Journal(Recordings.read(path.read_bytes(), PATH), path)
    with journal:
        journal.keep(recording("a", "a"))
        assert len(Recordings.read(path.read_bytes(), PATH)) == 2
    assert path.read_bytes() == raw(recording("a", "a"), recording("z", "z"))


def test_lines_that_are_wrong_are_not_lost_by_writing_the_others(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    clash = raw(recording("a", "a"), recording("a", "a", answer="another"))
    for data in (clash, raw(recording("a", "a")) + b"<<<<<<< HEAD\n"):
        path.write_bytes(data)
        with pytest.raises(OnbookError, match="nothing was asked"), Journal(Recordings.read(data, PATH), path):
            pass
        # Nor those that came since the file was read.
        with Locks(tmp_path / "lock") as locks, pytest.raises(OnbookError, match="nothing was asked"):
            Journal(Recordings(), path, locks).__enter__()
        assert path.read_bytes() == data


def test_a_file_to_which_nothing_comes_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    unsorted = raw(recording("b", "b"), recording("a", "a"), recording("b", "b")) + b"\n\n"
    path.write_bytes(unsorted)
    before = path.stat()
    with Journal(Recordings.read(unsorted, PATH), path):
        pass
    assert path.read_bytes() == unsorted
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    with Journal(Recordings(), tmp_path / "new.jsonl"):
        pass
    assert not (tmp_path / "new.jsonl").exists()


def test_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"")
    path.chmod(0o640)
    with Journal(Recordings(), path) as journal:
        journal.keep(recording())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_an_interruption_leaves_a_sorted_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"

    def interrupted() -> None:
        with Journal(Recordings(), path) as journal:
            journal.keep(recording("b", "b"))
            journal.keep(recording("a", "a"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == raw(recording("a", "a"), recording("b", "b"))


def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").mkdir()
    with (
        pytest.raises(OnbookError, match="cannot be written: Is a directory") as told,
        Journal(Recordings(), tmp_path / "x.jsonl"),
    ):
        pytest.fail("entered")
    assert told.value.place == str(tmp_path / "x.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(OnbookError, match="No space left"), Journal(Recordings(), Path("/dev/full")) as journal:
        journal.keep(recording())


def test_what_five_hundred_answers_cost_grows_with_their_number_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        written.append(os.fstat(handle).st_size)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "x.jsonl"
    with Journal(Recordings(), path) as journal:
        for number in range(500):
            journal.keep(recording(f"case-{number:03}", f"question {number}"))
    # The whole is written once, at the end.
    assert written == [path.stat().st_size]
    assert len(Recordings.read(path.read_bytes(), PATH)) == 500
