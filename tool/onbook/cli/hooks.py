"""Git hooks for people without pre-commit: put where git looks for them, before nobody else's."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from onbook import resources
from onbook.errors import UsageError
from onbook.files import write_atomic
from onbook.repo import Repository

HOOKS = ("pre-commit", "commit-msg", "pre-push")
CHAINED = ".chained"
"""What is put after the name of a hook that was there before; ours runs it first."""

_OURS = b"\n# onbook: "
_PRE_COMMIT = ".pre-commit-config.yaml"


def install_hooks(repo: Repository) -> list[str]:
    """Install the hooks, and return what was done, one line each; nothing where all are there already.

    A hook that exists is kept beside ours and runs before it, with the same arguments and the same input.

    Raises:
        UsageError: git looks for hooks outside of this repository, where they would run for others as well, or a hook
            can be kept under no name.
    """
    folder = _folder(repo)
    shared = not folder.is_relative_to(repo.git_dir)
    # Checked before anything is written: all hooks or none.
    wanted = {name: _content(name, portable=shared) for name in HOOKS}
    missing = [name for name, data in wanted.items() if not _installed(folder / name, data)]
    kept = [name for name in missing if _exists(folder / name) and not _is_ours(folder / name)]
    for name in kept:
        if _exists(folder / (name + CHAINED)):
            raise UsageError(
                f"another tool has put a hook over onbook's, and {name}{CHAINED} is there already",
                place=str(folder / name),
                hint=f"put both into {name}{CHAINED}, delete {name}, and run `onbook init --hooks` again",
            )
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    for name in missing:
        path = folder / name
        if name in kept:
            path.rename(path.with_name(name + CHAINED))
            done.append(f"kept    {_told(path, repo)}{CHAINED}, which runs first")
        write_atomic(path, wanted[name])
        path.chmod(0o755)
        done.append(f"wrote   {_told(path, repo)}")
    if done and shared:
        done.append("core.hooksPath is in the work tree: commit these files, and everybody has them")
    if done and (repo.root / _PRE_COMMIT).is_file():
        told = "twice" if b"onbook" in (repo.root / _PRE_COMMIT).read_bytes() else "beside what pre-commit runs"
        done.append(f"{_PRE_COMMIT} is here: these hooks run {told}; it can name onbook's hooks instead")
    return done


def _folder(repo: Repository) -> Path:
    # Not the git directory's hooks folder: core.hooksPath may name another, and all work trees share one.
    folder = (repo.root / repo.text("rev-parse", "--git-path", "hooks")).resolve()
    if not (folder.is_relative_to(repo.git_dir) or folder.is_relative_to(repo.root)):
        raise UsageError(
            "git looks for hooks outside of this repository (core.hooksPath), where they would run for others as well",
            place=str(folder),
            hint=f"call onbook from your own hooks there, or first `git config core.hooksPath {repo.git_dir}/hooks`",
        )
    return folder


def _content(name: str, *, portable: bool) -> bytes:
    first, rest = resources.read(f"hooks/{name}").split(b"\n", 1)
    if portable:
        return first + b"\n" + rest
    # A commit from an editor's window knows no activated environment; one that is active still wins.
    where = f"PATH=$PATH:{shlex.quote(str(Path(sys.executable).parent))}\n"
    second, rest = rest.split(b"\n", 1)
    return b"\n".join((first, second, where.encode() + rest))


def _installed(path: Path, data: bytes) -> bool:
    # A link to a file of ours is somebody's choice, and writing through it would change what it links to.
    return _is_ours(path) and (path.is_symlink() or path.read_bytes() == data)


def _is_ours(path: Path) -> bool:
    return path.is_file() and _OURS in path.read_bytes()[:300]


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _told(path: Path, repo: Repository) -> str:
    return str(path.relative_to(repo.root) if path.is_relative_to(repo.root) else path)
