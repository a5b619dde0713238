"""Print the oldest versions of the dependencies that pyproject.toml allows, as pip takes them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
for requirement in (*project["dependencies"], *project["optional-dependencies"]["stats"]):
    print(re.sub(">=", "==", requirement))  # noqa: T201
