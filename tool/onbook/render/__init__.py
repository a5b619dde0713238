"""Templates: which variables one uses, whether it stays within the small language, and rendering it.

Two formats. ``simple`` is GitHub's literal ``{{name}}``. ``jinja2`` is a logic-light part of Jinja, checked on its
syntax tree before anything runs. Nothing here imports jinja2 until a template needs more than plain variables.
"""

from __future__ import annotations

from onbook.render.literals import literals
from onbook.render.normal import normal_form
from onbook.render.renderer import Renderer
from onbook.render.template import analyse
from onbook.render.types import Template, TemplateProblem, Use
from onbook.render.values import as_text

__all__ = ["Renderer", "Template", "TemplateProblem", "Use", "analyse", "as_text", "literals", "normal_form"]
