"""A user's application passes `mypy --strict`: the package is typed, and says so."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import onbook
import onbook.client

APPLICATION = """
import asyncio
from typing import Any

import onbook

book = onbook.open("https://example.com/team/prompts.git", ttl=60, max_stale=3600, verify="signed", token="t")


def label(ticket: str, user: int) -> str:
    prompt = book.get("support/triage", env="production", key=user)
    request: dict[str, Any] = prompt.request(ticket=ticket)
    age: float = prompt.age
    try:
        answer = prompt.parse(str(request))
    except onbook.TruncatedAnswerError as error:
        return error.text
    except onbook.AnswerContractError as error:
        return "/".join(map(str, error.pointer))
    return f"{answer['label']} {age} {prompt.version} {prompt.notes}"


async def later() -> list[dict[str, str]]:
    return (await book.aget("support/triage", "^1.4")).render(ticket="x")


def visible() -> list[str]:
    return [f"{what}: {failure.error} {failure.at} {failure.count}" for what, failure in book.refresh().items()]


asyncio.run(later())
"""


def test_an_application_is_typed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    (tmp_path / "wrong.py").write_text("import onbook\nonbook.open(1).get(b'x').age.upper()\n")
    package = Path(str(onbook.__file__)).parent
    assert (package / "py.typed").exists()
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent"]
    done = subprocess.run(
        [*command, "app.py", "wrong.py"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"MYPYPATH": str(package.parent), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert "app.py" not in done.stdout, done.stdout
    assert done.stdout.count("wrong.py") == 3, done.stdout + done.stderr


def _public() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public class, function, method and property of the client, also of the classes that only it makes."""
    modules = [
        importlib.import_module(each.name) for each in pkgutil.iter_modules(onbook.client.__path__, "onbook.client.")
    ]
    found = [getattr(onbook, name) for name in onbook.__all__]
    found += [each for module in modules for each in vars(module).values() if _home(each) == module.__name__]
    for each in found:
        if not callable(each) or each.__name__.startswith("_"):
            continue
        name = f"{each.__module__}.{each.__name__}"
        yield name, each
        for member, value in vars(each).items() if isinstance(each, type) else ():
            function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if inspect.isfunction(function) and (member == "__init__" or not member.startswith("_")):
                yield f"{name}.{member}", function


def _home(found: object) -> str | None:
    return found.__module__ if inspect.isclass(found) or inspect.isfunction(found) else None


@pytest.mark.parametrize("found", [pytest.param(found, id=name) for name, found in dict(_public()).items()])
def test_frameworks_can_ask_for_its_types(found: Callable[..., Any]) -> None:
    hints = get_type_hints(found)  # as pydantic, FastAPI and what writes documentation do
    wanted = inspect.get_annotations(found)
    assert set(hints) >= set(wanted)
    assert all(not isinstance(hint, str) for hint in hints.values())


def test_its_types_are_the_public_ones() -> None:
    assert get_type_hints(onbook.Book.get)["return"] is onbook.LoadedPrompt
    assert get_type_hints(onbook.open)["return"] is onbook.Book
    assert get_type_hints(onbook.Book.failures.fget)["return"] == Mapping[str, onbook.Failure]  # type: ignore[attr-defined]


def test_importing_it_imports_nothing_else() -> None:
    asked = "import sys; before = set(sys.modules); import onbook; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["onbook"]
