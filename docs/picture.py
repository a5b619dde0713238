"""The picture in the README: real commands on a copy of a prompt of ours, and what they print, as an SVG.

python docs/picture.py [FILE]: writes docs/terminal.svg, or FILE. A test holds that picture against a new run.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
PROMPT = "prompts/support/triage.prompt.yml"
REQUIRED = ("required: [ticket]", "required: [ticket, channel]")
DECLARED = ("      x-untrusted: true\n", "      x-untrusted: true\n    channel: {type: string}\n")
DEFAULT = ("channel: {type: string}", "channel: {type: string, default: mail}")
# What is told, the edits, and what is typed then.
SCENES: tuple[tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]], ...] = (
    ("From now on, callers shall say by which channel a ticket came.", (DECLARED, REQUIRED), ("onbook diff",)),
    (
        "Not worth breaking them: a default instead.",
        (DEFAULT, REQUIRED[::-1]),
        ("onbook diff", "onbook test support/triage", 'git commit -qam "triage: accept a channel"', "onbook release"),
    ),
    (
        "An application, elsewhere.",
        (),
        ("cd ../app && onbook fetch support/triage@^0.1 --from ../prompts --out vendored",),
    ),
)
SIZE, LEADING, MARGIN, BAR = 13, 18, 18, 34
BUTTONS = ("#ff5f57", "#febc2e", "#28c840")
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"
COLORS = {"31": "#ff8585", "32": "#8fd694", "33": "#ecc66b", "34": "#8ab4f8", "35": "#d7a6f0", "36": "#7fd1de"}


def play(folder: Path) -> list[str]:
    """The lines of the terminal, with its colour codes."""
    home = folder / "home"
    home.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "ONBOOK_", "NO_COLOR"))}
    env |= {"HOME": str(home), "ONBOOK_CACHE": str(home), "TERM": "xterm", "GIT_CONFIG_NOSYSTEM": "1", "COLUMNS": "100"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    env |= {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "Ann"}
    env |= {"GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "ann@example.com"}
    # The same commit ids, and so the same picture, each time.
    env |= {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
    repo = folder / "prompts"
    (folder / "app").mkdir()
    (repo / "prompts/support").mkdir(parents=True)
    shutil.copytree(TOP / "prompts/_shared", repo / "prompts/_shared")
    for path in sorted((TOP / "prompts/support").glob("triage.*")):
        shutil.copy(path, repo / "prompts/support")
    before = (
        "git init -q -b main",
        "git config uploadpack.allowFilter true",
        "git add -A",
        "git commit -qm 'A first prompt'",
        "onbook release",
    )
    for command in before:
        subprocess.run(command, shell=True, cwd=repo, env=env, check=True, capture_output=True)
    lines = []
    for told, edits, commands in SCENES:
        lines.append(f"\x1b[2m# {told}\x1b[0m")
        for old, new in edits:
            text = (repo / PROMPT).read_text("utf-8")
            assert text.count(old) == 1, old
            (repo / PROMPT).write_text(text.replace(old, new), "utf-8")
        for command in commands:
            printed = _typed(command, repo, env)
            lines += [f"\x1b[36m$\x1b[0m \x1b[1m{command}\x1b[0m", *printed]
        lines.append("")
    return lines[:-1]


def _typed(command: str, cwd: Path, env: dict[str, str]) -> list[str]:
    # A terminal of its own, because onbook uses colours only there.
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, shell=True, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    data = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:  # how Linux tells that the other end is closed
            break
        if not more:
            break
        data += more
    os.close(ours)
    assert process.wait() == 0, data.decode()
    return [line for line in data.decode().replace("\r\n", "\n").split("\n") if line]


def draw(lines: list[str]) -> str:
    """The picture of a terminal with these lines."""
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    width = round(max(map(len, plain)) * SIZE * 0.602) + 2 * MARGIN
    height = BAR + len(lines) * LEADING + MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="A terminal: a change is told as major, made harmless, tested, released and fetched">',
        f'<rect width="{width}" height="{height}" rx="8" fill="#16191f"/>',
        *(f'<circle cx="{20 + 18 * i}" cy="17" r="5.5" fill="{color}"/>' for i, color in enumerate(BUTTONS)),
        f'<g font-family="{FONTS}" font-size="{SIZE}" fill="#d9dee7">',
    ]  # fmt: skip
    for row, line in enumerate(lines):
        if line:
            spans = "".join(_spans(line))
            length = round(len(plain[row]) * SIZE * 0.602, 1)
            y = BAR + (row + 1) * LEADING - 5
            # Every font is drawn at the same width, so that columns stand under each other.
            fit = f'textLength="{length}" lengthAdjust="spacingAndGlyphs"'
            drawn.append(f'<text x="{MARGIN}" y="{y}" {fit}>{spans}</text>')
    return "\n".join([*drawn, "</g>", "</svg>", ""])


def _spans(line: str) -> list[str]:
    spans, style = [], ""
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b"):
            codes = part[2:-1].split(";")
            colors = [f' fill="{COLORS[code]}"' for code in codes if code in COLORS]
            style = "" if codes in (["0"], [""]) else style + "".join(colors)
            style += ' font-weight="bold"' if "1" in codes else ' fill="#8b94a5"' if "2" in codes else ""
        elif part:
            # Spaces that no viewer folds into one.
            text = escape(part.replace(" ", "\u00a0"))
            spans.append(f"<tspan{style}>{text}</tspan>" if style else text)
    return spans


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        picture = draw(play(Path(folder)))
    Path(sys.argv[1] if len(sys.argv) > 1 else TOP / "docs/terminal.svg").write_text(picture, "utf-8")


if __name__ == "__main__":
    main()
