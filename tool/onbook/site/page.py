"""Pages of the catalogue as HTML. All that they show is somebody's words, and escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from onbook.environments import Deployment
from onbook.pages import policy, template
from onbook.pages.charts import sparkline
from onbook.prompt import Prompt
from onbook.site.address import file_link
from onbook.site.example import Step, example
from onbook.site.fields import answer, table
from onbook.site.gather import Entry, Site, Where, shortened
from onbook.site.history import Objects, Release, releases
from onbook.site.usage import usages

ASSETS = {"style.css": ("style.css", "site.css"), "site.js": ("site.js",)}
"""The files beside the pages, and of which parts they are."""

TEMPLATES = ("base.html", "site.html", "site-parts.html", "site-prompt.html")
"""What the page of a prompt is made with."""

MAX_DESCRIPTION = 240  # characters, in the list
MAX_WORDS = 2_000  # characters that are searched besides what is shown

_BUMPS = {"major": "bad", "minor": "warn", "patch": "good"}
_STATUS = {"draft": "warn", "deprecated": "bad", "unreadable": "bad", "deleted": "bad", "elsewhere": "warn"}
Json = dict[str, Any]


def index_page(site: Site) -> bytes:
    """The list of all prompts, with all that its search looks through."""
    owners = Counter(entry.owner for entry in site.entries if entry.owner)
    tags = Counter(tag for entry in site.entries for tag in entry.tags)
    statuses = Counter(entry.status for entry in site.entries if entry.status)
    running = Counter(where.environment for entry in site.entries for where in entry.where)
    facets = [
        ("owner", "Owner", sorted(owners.items())),
        ("status", "Status", sorted(statuses.items())),
        ("tag", "Tag", sorted(tags.items())),
        ("runs", "Runs in", [(name, running[name]) for name in site.environments]),
    ]
    return _html(
        "site-index.html",
        site,
        "",
        rows=[_row(entry) for entry in site.entries],
        absent=sum(bool(entry.absent) for entry in site.entries),
        facets=[facet for facet in facets if facet[2]],
        faults=[finding for check in site.checks for finding in check.findings if check.prompt is None],
    )


def prompt_page(site: Site, entry: Entry, pages: Mapping[str, str], objects: Objects) -> bytes:
    """The page of one prompt.

    Args:
        pages: the pages of all prompts, by id: a link leads only to one that is there.
        objects: the objects of its tags.
    """
    past = releases(site.repo, entry.refs, objects)
    up = "../" * entry.page.count("/")
    values: Json = {
        "entry": entry,
        "status_class": _STATUS.get(entry.status, ""),
        "releases": [_release(release, entry.where) for release in past],
        "more_releases": sum(not ref.tag.yanked for ref in entry.refs) - len(past),
        "where": [_where(each, entry) for each in entry.where],
        "tests": _tests(past),
        "file_link": "" if entry.absent else file_link(site.url, entry.source.path),
        "replacement": up + pages[entry.replaced_by] if entry.replaced_by in pages else "",
        "problems": entry.source.problems,
        "prompt": entry.source.prompt,
    }
    if entry.source.prompt is not None:
        values |= _contract(site, entry, entry.source.prompt)
    return _html("site-prompt.html", site, up, **values)


def _contract(site: Site, entry: Entry, prompt: Prompt) -> Json:
    shown = example(entry.source, prompt)
    version = entry.latest.version if entry.latest else None
    environment = _first(entry.where)
    return {
        "inputs": table(prompt.inputs),
        "answer": answer(prompt.output_schema),
        "example": shown,
        "blocks": _blocks(shown.steps),
        "usages": usages(entry.id, prompt, version, environment, url=site.url, tag_prefix=site.tag_prefix),
        "tools": [_tool(tool) for tool in prompt.tools],
        "parameters": ", ".join(f"{name} {shortened(value)}" for name, value in prompt.parameters.items()),
        "cases": len(entry.source.cases),
    }


def _blocks(steps: Sequence[Step]) -> list[Json]:
    """The messages in order, and those of the prompt's examples as one: read once, they are in the way."""
    blocks: list[Json] = []
    for step in steps:
        if not step.is_example:
            blocks.append({"step": step, "examples": None})
        elif blocks and blocks[-1]["examples"] is not None:
            blocks[-1]["examples"].append(step)
        else:
            blocks.append({"step": None, "examples": [step]})
    return blocks


def _first(where: Sequence[Where]) -> str:
    """The environment that code is shown for: production, where there is one."""
    names = [each.environment for each in where]
    return next((name for name in names if name.startswith("prod")), names[0] if names else "")


def _tool(tool: object) -> tuple[str, str]:
    function = tool.get("function") if isinstance(tool, dict) else None
    found = function if isinstance(function, dict) else {}
    return str(found.get("name") or "?"), str(found.get("description") or "")


def _row(entry: Entry) -> Json:
    prompt = entry.source.prompt
    description = (prompt.description if prompt else "") or ""
    words = [entry.status, *(prompt.input_properties if prompt else ()), (prompt.model if prompt else "") or ""]
    return {
        "entry": entry,
        "description": shortened(" ".join(description[: 2 * MAX_DESCRIPTION].split()), MAX_DESCRIPTION),
        "status_class": _STATUS.get(entry.status, ""),
        "words": " ".join([*words, *entry.tags])[:MAX_WORDS],
        "tags": "\n".join(entry.tags),
        "runs": "\n".join(dict.fromkeys(each.environment for each in entry.where)),
        "where": [_where(each, entry) for each in entry.where],
        "tests": entry.latest.tests if entry.latest else None,
    }


def _where(where: Where, entry: Entry) -> Json:
    latest = entry.latest.version if entry.latest else None
    stable = where.deployment.stable.version
    return {
        "environment": where.environment,
        "version": str(stable),
        "behind": bool(latest and stable < latest),
        "canary": _canary(where.deployment),
        "on": where.on,
        "by": where.by,
        "withdrawn": where.withdrawn,
    }


def _canary(deployment: Deployment) -> Json | None:
    canary = deployment.canary
    return (
        None if canary is None else {"version": str(canary.version), "weight": f"{canary.weight:g}", "key": canary.key}
    )


def _release(release: Release, where: Iterable[Where]) -> Json:
    version = str(release.version)
    changes = [note for note in release.notes if note.kind == "change"]
    runs = []
    for each in where:
        canary = each.deployment.canary
        if str(each.deployment.stable.version) == version:
            runs.append(each.environment)
        if canary and str(canary.version) == version:
            runs.append(f"{each.environment}, {canary.weight:g} %")
    return {
        "release": release,
        "version": version,
        "bump_class": _BUMPS.get(release.bump, ""),
        "changes": [(note, _BUMPS.get(note.mark, ""), _spoken(note.text)) for note in changes],
        "texts": [note for note in release.notes if note.kind == "text"],
        "commits": [note for note in release.notes if note.kind == "commit"],
        "runs": runs,
    }


def _spoken(text: str) -> Markup:
    """A sentence of ours with its `names` as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    marked = (Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts))
    return Markup("").join(marked)


def _tests(past: Sequence[Release]) -> Json | None:
    """How many cases passed at each release, oldest first, as a drawing; None where no tag tells."""
    told = [release for release in reversed(past) if release.tests]
    if not told:
        return None
    last = told[-1].tests
    assert last
    shares = [release.tests.share if release.tests else None for release in reversed(past)]
    said = ", ".join(f"{each.version}: {each.tests.passed} of {each.tests.total}" for each in told[-20:] if each.tests)
    drawing: Markup | None = sparkline(shares, f"Share of cases passed at each release. {said}")
    return {
        "drawing": drawing if len(told) > 1 else None,
        "last": last,
        "version": str(told[-1].version),
        "rows": [(str(each.version), each.tests) for each in reversed(told)][:20],
    }


def _html(name: str, site: Site, up: str, **values: object) -> bytes:
    text = template(name).render(policy=policy(own_files=True), styles=[], scripts=[], site=site, up=up, **values)
    # Halves of characters, which only escapes in JSON can bring, have no UTF-8.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
