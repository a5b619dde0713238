"""Entry points are found wherever importlib.metadata finds them, and where there are none it is not asked."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from onbook.plugins import entry_points

NAMED = "[some.group]\none = sys:version\n"


def _distribution(folder: Path, points: str | None) -> None:
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: some\nVersion: 1.0\n")
    (folder / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: some\nVersion: 1.0\n")
    if points is not None:
        (folder / "entry_points.txt").write_text(points)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["some-1.0.dist-info", "some.egg-info", "Some-1.0.Dist-Info"])
def test_they_are_found_in_a_folder(place: Path, name: str) -> None:
    _distribution(place / name, NAMED)
    assert [point.value for point in entry_points("some.group")] == ["sys:version"]
    assert entry_points("some") == []


def test_they_are_found_in_archives(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _distribution(place / "one.egg/EGG-INFO", NAMED)
    with zipfile.ZipFile(place / "two.zip", "w") as archive:
        archive.writestr("two-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: two\nVersion: 1.0\n")
        archive.writestr("two-1.0.dist-info/entry_points.txt", NAMED.replace("one", "two"))
    monkeypatch.syspath_prepend(place / "two.zip")
    there = {point.name for point in metadata.entry_points(group="some.group")}
    assert {point.name for point in entry_points("some.group")} == there >= {"two"}


def test_whoever_finds_packages_elsewhere_is_asked(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    _distribution(place / "elsewhere/some-1.0.dist-info", NAMED)

    class Finder(metadata.DistributionFinder):
        @staticmethod
        def find_spec(*args: object) -> None: ...

        @staticmethod
        def find_distributions(*args: object) -> list[metadata.Distribution]:  # type: ignore[override]
            return [metadata.PathDistribution(place / "elsewhere/some-1.0.dist-info")]

    assert entry_points("some.group") == []
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert [point.name for point in entry_points("some.group")] == ["one"]


def test_what_is_not_needed_is_not_imported(tmp_path: Path) -> None:
    _distribution(tmp_path / "some-1.0.dist-info", None)
    script = (
        "import sys\n"
        "sys.path[1:1] = [sys.argv[1], sys.argv[1] + '/none']\n"
        "from onbook.rules import all_rules\n"
        "from onbook.plugins import entry_points\n"
        "assert len(all_rules()) > 50 and entry_points('some.group') == []\n"
        "assert 'importlib.metadata' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-S", "-c", script, str(tmp_path)], check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
