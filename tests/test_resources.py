"""The data files are found in a checkout, in an installed package, and inside a zip file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from onbook import resources
from onbook.errors import OnbookError

ROOT = Path(__file__).parent.parent

# For a process that imports onbook from somewhere else.
FOUND = """
from onbook import resources
print(resources.schema("lock")["$id"])
"""
REFUSED = """
from onbook import resources
from onbook.errors import OnbookError
try:
    print(resources.schema("lock")["$id"])
except OnbookError as error:
    print(error.message)
"""


def ask(path: Path, question: str) -> list[str]:
    # -P keeps the current folder off the path, -S site-packages: only `path` can answer.
    return subprocess.run(
        [sys.executable, "-P", "-S", "-c", f"import sys; sys.path.insert(0, {str(path)!r})\n{question}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()


def install(into: Path, *, data: bool = True) -> Path:
    """The files that a wheel puts into site-packages."""
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tool" / "onbook", into / "onbook", ignore=skip)
    if data:
        shutil.copytree(ROOT / "schemas", into / "onbook" / "_data" / "schemas")
    return into


def test_a_checkout_reads_its_own_files() -> None:
    assert resources.path("schemas") == ROOT / "schemas"
    assert resources.path("prompts") == ROOT / "prompts"
    expected = (ROOT / "schemas" / "prompt.schema.json").read_bytes()
    assert resources.read("schemas/prompt.schema.json") == expected
    assert resources.schema("prompt") == json.loads(expected)


def test_a_schema_is_read_once() -> None:
    assert resources.schema("prompt") is resources.schema("prompt")


@pytest.mark.parametrize("ask_for", [resources.read, resources.path, resources.schema])
def test_a_missing_file_says_what_to_do(ask_for: Callable[[str], object]) -> None:
    with pytest.raises(OnbookError, match=r"has no .*nowhere") as caught:
        ask_for("nowhere")
    assert caught.value.exit_code == 3
    assert "install it again" in str(caught.value)


def test_an_installed_package_reads_its_data_folder(tmp_path: Path) -> None:
    installed = install(tmp_path / "site-packages")
    assert ask(installed, FOUND) == ["lock.schema.json"]


def test_an_installed_package_never_reads_a_neighbour(tmp_path: Path) -> None:
    """Without its data, an installation does not take a schemas/ folder that happens to lie beside site-packages."""
    installed = install(tmp_path / "site-packages", data=False)
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    assert ask(installed, REFUSED) == ["this installation of onbook has no schemas/lock.schema.json"]


def test_a_package_in_a_zip_file_reads_its_data(tmp_path: Path) -> None:
    installed = install(tmp_path / "site-packages")
    archive = tmp_path / "onbook.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in installed.rglob("*"):
            packed.write(file, file.relative_to(installed))
    assert ask(archive, FOUND) == ["lock.schema.json"]


def test_importing_it_loads_no_heavy_module() -> None:
    question = "import onbook.resources\nprint(*{'json', 'pathlib', 'importlib.resources'} & set(sys.modules))"
    assert ask(ROOT / "tool", question) == [""]
