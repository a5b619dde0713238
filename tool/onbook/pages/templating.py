"""Templates of pages: jinja2 with everything escaped and nothing undefined, and the texts that stand beside them."""

from __future__ import annotations

import functools
import os.path
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from onbook.pages.embed import embedded
from onbook.pages.links import safe_link
from onbook.pages.policy import policy

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")


@functools.cache
def asset(name: str) -> str:
    """The text of a file of the templates: ``asset("style.css")``, with line ends as LF.

    Raises:
        OSError: there is none of that name.
    """
    # The loader of this module also reads from an installation inside a zip file.
    data: bytes = globals()["__loader__"].get_data(os.path.join(_HERE, name))
    return data.decode().replace("\r\n", "\n")


def template(name: str) -> Template:
    """A compiled template: ``template("report.html")``. Values are escaped; a missing one is an error."""
    return _environment().get_template(name)


def page(name: str, /, *, styles: Sequence[str] = ("style.css",), scripts: Sequence[str] = (), **values: object) -> str:
    """A page of one file: the template with its styles and scripts inlined, and a policy that runs these alone.

    Args:
        name: a template that extends ``base.html``.
        styles, scripts: names of assets.
        values: what the template shows, all of it escaped unless it is Markup.
    """
    css, code = [asset(each) for each in styles], [asset(each) for each in scripts]
    assert not any("</" in text for text in (*css, *code)), "an inlined text must not end its element"
    text = template(name).render(
        policy=policy(styles=css, scripts=code),
        styles=[Markup(text) for text in css],  # noqa: S704 (ours)
        scripts=[Markup(text) for text in code],  # noqa: S704
        **values,
    )
    # Halves of characters, which only escapes in JSON can bring, have no UTF-8.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def with_code(text: str) -> Markup:
    """A sentence of ours, escaped: what stands between two backticks, as a terminal shows it, is code."""
    parts = re.split(r"`([^`\n]+)`", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
    )


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["link"] = safe_link
    made.filters["with_code"] = with_code
    made.globals["embedded"] = embedded
    return made
