"""Assertions: what must hold of an answer. Each is a small class; the built-in ones stand in one table.

Plug-ins come through the entry-point group ``onbook.assertions``, never from a prompt file: an entry point names a
class of the shape :class:`Assertion`, and its name is the assertion's.
"""

from onbook.testing.assertions.table import (
    BUILT_IN,
    GROUP,
    check,
    decide,
    judges,
    known,
    may_ask,
    name_of,
    names,
    requests,
    weight,
)
from onbook.testing.subject import Assertion, AssertionUseError, Outcome, Subject

__all__ = [
    "BUILT_IN",
    "GROUP",
    "Assertion",
    "AssertionUseError",
    "Outcome",
    "Subject",
    "check",
    "decide",
    "judges",
    "known",
    "may_ask",
    "name_of",
    "names",
    "requests",
    "weight",
]
