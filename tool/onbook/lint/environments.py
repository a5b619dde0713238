"""The files of environments against their schema and the tags. They belong to no prompt, and nothing of it is kept."""

from __future__ import annotations

from collections.abc import Iterator

from onbook.bases import Bases, bases_of
from onbook.environments import FOLDER, SUFFIX, Deployment, Target, parse, path_of
from onbook.errors import IntegrityError, OnbookError, UsageError
from onbook.formats import read_yaml
from onbook.project import Catalog
from onbook.repo import SnapshotError
from onbook.repo.tags import TagRef, list_tags, read_tag
from onbook.report import Problem
from onbook.rules.base import Hit
from onbook.versions import Version


def environments_of(catalog: Catalog) -> tuple[list[Problem], list[Hit]]:
    """What is wrong with the environments of a catalog, and what of them could not be checked."""
    prompts = catalog.config.prompts
    folder = f"{prompts}/{FOLDER}"
    releases = _Releases(bases_of(catalog))
    problems: list[Problem] = []
    unchecked: list[Hit] = []
    for path in sorted(catalog.snapshot.entries(folder)):
        name = path.removeprefix(f"{folder}/")
        if name.rpartition("/")[2].startswith("."):
            continue  # .gitkeep and the like
        try:
            if "/" in name or not name.endswith(SUFFIX):
                hint = f"an environment is a file {folder}/NAME{SUFFIX}; move others elsewhere"
                raise UsageError("no client reads this file as an environment", hint=hint)
            path_of(prompts, name.removesuffix(SUFFIX))
            raw = catalog.snapshot.read(path)
        except (SnapshotError, OnbookError) as error:
            problems.append(Problem("environment-file", error.message, path, hint=error.hint))
            continue
        running, wrong = parse(raw, path)
        problems += [
            Problem("environment-file", each.message, path, each.line, each.column, each.hint) for each in wrong
        ]
        document = read_yaml(raw, path)[0] if running else None
        for id, deployment in running.items():
            for side, target in _targets(deployment):
                assert document
                version, stated = (document.place((id, side, key)) for key in ("version", "digest"))
                try:
                    digest = releases.digest(id, target.version)
                except UsageError as error:
                    at = (path, version.line, version.column)
                    problems.append(Problem("environment-release", error.message, *at, error.hint))
                    continue
                except OnbookError as error:
                    unchecked.append(Hit(error.message, path, version.line, version.column, error.hint))
                    continue
                if digest not in (None, target.digest):
                    told = f"the digest is not that of {id} {target.version}, which is {digest}"
                    hint = "`onbook deploy` writes version and digest together"
                    problems.append(Problem("environment-digest", told, path, stated.line, stated.column, hint))
    return problems, unchecked


def _targets(deployment: Deployment) -> Iterator[tuple[str, Target]]:
    yield "stable", deployment.stable
    if deployment.canary is not None:
        yield "canary", deployment.canary


class _Releases:
    """The releases of the prompts that are asked for; without a repository nothing is known of any."""

    def __init__(self, bases: Bases | None) -> None:
        self._bases = bases
        self._known: dict[str, dict[tuple[Version, bool], TagRef]] = {}

    def digest(self, id: str, version: Version) -> str | None:
        """What a release states.

        Raises:
            UsageError: there is none, or it was withdrawn.
            OnbookError: this clone is shallow, so that nobody can say.
        """
        if self._bases is None:
            return None
        repo = self._bases.repo
        if id not in self._known:
            refs = list_tags(repo, prefix=self._bases.prefix, prompt=id)
            self._known[id] = {(ref.tag.version, ref.tag.yanked): ref for ref in refs}
        known = self._known[id]
        if (version, True) in known:
            raise UsageError(f"{id} {version} was withdrawn", hint=f"`onbook log {id}` says why; deploy another")
        if ref := known.get((version, False)):
            try:
                return read_tag(repo, ref).manifest(ref.tag.name).digest
            except IntegrityError as error:
                raise UsageError(f"{ref.tag.name} is no release: {error.message}", hint="deploy another") from None
        if repo.shallow:
            hint = "run `git fetch --unshallow --tags`; in GitHub Actions give actions/checkout `fetch-depth: 0`"
            raise OnbookError(f"whether {id} {version} is released cannot be told in a shallow clone", hint=hint)
        there = sorted((each for each, yanked in known if not yanked), reverse=True)[:5]
        newest = f"there are: {', '.join(map(str, there))}; " if there else ""
        raise UsageError(
            f"{id} {version} is not released", hint=f"{newest}`git fetch --tags` brings the tags of others"
        )
