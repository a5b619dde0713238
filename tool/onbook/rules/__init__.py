"""Lint rules: one class a rule, one theme a file or several; a rule's docstring is its documentation.

Themes: ON1xx structure, ON2xx variables and templates, ON3xx contracts, ON4xx safety, ON5xx cost and
determinism, ON6xx releases. Plug-ins come through the entry-point group ``onbook.rules``, never from a prompt file: an
entry point names a class of the shape :class:`Rule`.
"""

from __future__ import annotations

from onbook.rules.base import GROUP, AcrossRule, ReleaseRule, Rule, all_rules, find_rule

__all__ = ["GROUP", "AcrossRule", "ReleaseRule", "Rule", "all_rules", "find_rule"]
