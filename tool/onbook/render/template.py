"""What a template's text uses and what is wrong with it, without running it."""

from __future__ import annotations

import re
from functools import lru_cache

from onbook.patterns import later
from onbook.render.scan import RESERVED, scan
from onbook.render.types import Places, Template, TemplateProblem, Use, normal_newlines

MAX_TEMPLATE = 256 * 1024  # characters of one template
MAX_PROBLEMS = 20  # of one kind in one template: the rest says nothing new


# A text as literal pieces and uses of variables: all there is in the simple format, and in most jinja2 templates.
Pieces = tuple["str | Use", ...]


def analyse(text: str, template_format: str) -> Template:
    """What a template uses and what is wrong with it. Never raises on hostile text; equal texts are looked at once.

    Args:
        template_format: ``simple`` or ``jinja2``.
    """
    if len(text) > MAX_TEMPLATE:
        message = f"the template has {len(text):,} characters, more than the {MAX_TEMPLATE:,} that are allowed"
        hint = "pass long texts as inputs, or split the template"
        return Template(problems=(TemplateProblem("template-too-large", message, 1, 1, hint),))
    return _analyse(text, template_format) if "{" in text else _NOTHING_USED


_NOTHING_USED = Template()


@lru_cache(maxsize=4096)
def _analyse(text: str, template_format: str) -> Template:
    found = pieces(text, template_format)
    if found is None:
        if (proved := scan(normal_newlines(text))) is not None:
            return proved
        from onbook.render.syntax import check

        return check(text).template
    uses = tuple(piece for piece in found if type(piece) is Use)
    # Where all that opens belongs to a variable there is nothing to suspect.
    suspect = template_format == "simple" and text.count("{") != 2 * len(uses)
    return Template(uses, problems=tuple(_simple_problems(text)) if suspect else ())


@lru_cache(maxsize=128)
def pieces(text: str, template_format: str) -> Pieces | None:
    """The literal pieces and variables of a text, or None if only jinja2's own parser can tell.

    Raises:
        ValueError: a format other than ``simple`` and ``jinja2``.
    """
    if template_format == "simple":
        return _split(text, _SIMPLE)
    if template_format != "jinja2":
        raise ValueError(f"unknown template format {template_format!r}")
    if "{" in text and ("{%" in text or "{#" in text):
        return None
    found = _split(text := normal_newlines(text), _PLAIN)
    names = [piece.name for piece in found if type(piece) is Use]
    # Every "{{" begins a name, then; of three braces in a row nobody can tell which two do.
    return found if text.count("{{") == len(names) and "{{{" not in text and RESERVED.isdisjoint(names) else None


_SIMPLE = re.compile(r"\{\{([^\s{}]+)\}\}")
_PLAIN = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def _split(text: str, variable: re.Pattern[str]) -> Pieces:
    if (opening := text.find("{")) < 0:
        return (text,) if text else ()
    found: list[str | Use] = []
    end, line, begin, counted = 0, 1, 0, 0
    for match in variable.finditer(text, opening):
        start, at = match.start(), match.start(1)
        if start > end:
            found.append(text[end:start])
        if lines := text.count("\n", counted, at):
            line += lines
            begin = text.rindex("\n", counted, at) + 1
        counted = at
        found.append(Use(match[1], line, at - begin + 1))
        end = match.end()
    return (*found, text[end:]) if end < len(text) else tuple(found)


# Each alternative stops at the next brace or a bounded distance: hostile text costs linear time.
# All begin with one brace, in front of them, because ``re`` skips quickly to a first character alone.
_SUSPECT = later(
    r"\{(?:(?P<simple>\{[^\s{}]+\}\})"
    r"|(?P<spaced>\{(?P<inside>[^{}]{1,200})\}\})"
    r"|(?P<tag>%[-+]?\s{0,20}[a-z]+[^%{}]{0,200}%\})"
    r"|(?P<open>\{(?=(?:(?!\{\{|\}\})[\s\S])*(?:\{\{|\Z))))"
)


def _simple_problems(text: str) -> list[TemplateProblem]:
    places, found = Places(text), dict[str, list[TemplateProblem]]()
    for match in _SUSPECT.finditer(text):
        problem = _suspect(match, places)
        if problem and len(found.setdefault(problem.code, [])) < MAX_PROBLEMS:
            found[problem.code].append(problem)
    return sorted((p for some in found.values() for p in some), key=lambda p: (p.line, p.column))


def _suspect(match: re.Match[str], places: Places) -> TemplateProblem | None:
    if match["simple"]:
        return None
    place = places.at(match.start())
    if match["spaced"] and (name := match["inside"].strip()):
        joined = "{{" + "_".join(name.split()) + "}}"
        message = f"{match[0]!r} is literal text in the simple format: a variable has no spaces inside its braces"
        return TemplateProblem("spaced-placeholder", message, *place, f"write {joined}, or set templateFormat: jinja2")
    if match["tag"]:
        message = f"{match[0]!r} is literal text in the simple format"
        return TemplateProblem("jinja-in-simple", message, *place, "set templateFormat: jinja2 if it is meant as a tag")
    if match["open"] is not None:
        message = "'{{' is never closed"
        return TemplateProblem("unclosed-variable", message, *place, "close it: {{name}}")
    return None
