"""The pages of a catalogue: which are to be written anew, and writing them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onbook import __version__
from onbook.pages import asset
from onbook.project.cases import CASE_SUFFIXES, RECORDINGS_SUFFIX, SUITE_SUFFIX, stem
from onbook.repo.tags import read_tags
from onbook.site.folder import Folder
from onbook.site.gather import Entry, Site
from onbook.site.page import ASSETS, TEMPLATES, index_page, prompt_page

_TOGETHER = 100


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did, in numbers of files.

    Attributes:
        pages: of prompts, all together.
    """

    pages: int
    written: int
    kept: int
    removed: int


def build(site: Site, out: Path) -> Built:
    """Write the pages whose matter has changed since they were written, and remove those of prompts that are gone.

    Raises:
        UsageError: the folder holds what is not onbook's.
        OnbookError: it cannot be written.
    """
    folder = Folder(out)
    pages = {entry.id: entry.page for entry in site.entries}
    shared = _shared(site)
    texts = _assets(site)
    keys = {name: _hash(text) for name, text in texts.items()}
    keys |= {entry.page: _key(entry, shared, pages) for entry in site.entries}
    changed = [path for path, key in keys.items() if not folder.has(path, key)]
    gone = sorted(folder.files.keys() - keys.keys())
    if changed or gone:
        folder.begin(keys, changed)
        for path in texts.keys() & set(changed):
            folder.write(path, keys[path], texts[path])
        stale = set(changed)
        for some in _chunks([entry for entry in site.entries if entry.page in stale]):
            objects = read_tags(site.repo, (ref for entry in some for ref in entry.refs))
            for entry in some:
                folder.write(entry.page, keys[entry.page], prompt_page(site, entry, pages, objects))
        for path in gone:
            folder.remove(path)
        folder.finish()
    return Built(len(site.entries), len(changed), len(keys) - len(changed), len(gone))


def _chunks(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """A few at a time: their tags are read together, and not all tags of a repository are held in memory."""
    for start in range(0, len(entries), _TOGETHER):
        yield entries[start : start + _TOGETHER]


def _assets(site: Site) -> dict[str, bytes]:
    """The files that no prompt has a page of its own in."""
    found = {name: "".join(map(asset, parts)).encode() for name, parts in ASSETS.items()}
    # GitHub Pages would pass over names that begin with an underscore.
    return {"index.html": index_page(site), **found, ".nojekyll": b""}


def _shared(site: Site) -> str:
    """What all pages are made of besides their prompts."""
    texts = [asset(name) for name in TEMPLATES]
    return _hash(json.dumps([__version__, _code(), texts, site.name, site.url, site.tag_prefix]).encode())


def _code() -> str:
    """What our own modules are: between two versions of onbook, as in a checkout, pages must not stay as they were."""
    modules = [module for name, module in sorted(sys.modules.items()) if name.startswith(f"{__package__}.")]
    # Their loader also reads from an installation inside a zip file.
    return _hash(b"".join(module.__loader__.get_data(module.__file__) for module in modules))  # type: ignore[union-attr]


def _key(entry: Entry, shared: str, pages: Mapping[str, str]) -> str:
    """What a page is made of, as a short text: the same key, the same page."""
    source = entry.source
    beside = [stem(source.path) + suffix for suffix in (*CASE_SUFFIXES, SUITE_SUFFIX, RECORDINGS_SUFFIX)]
    made_of = [
        shared,
        source.id,
        source.path,
        source.digest,
        [[problem.code, problem.message, problem.place, problem.hint] for problem in source.problems],
        [source.snapshot.identity(path) for path in beside],
        [[ref.tag.name, ref.object] for ref in entry.refs],
        [
            [each.environment, each.deployment.data(), each.on, each.by, each.commit, each.withdrawn]
            for each in entry.where
        ],
        pages.get(entry.replaced_by),
        [entry.absent, str(entry.shown)],
    ]
    return _hash(json.dumps(made_of).encode())


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
