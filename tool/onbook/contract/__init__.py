"""Contracts: JSON Schema validation, and whether one schema covers another.

jsonschema-rs decides everywhere, always offline and with formats checked: without the first a hostile ``$ref`` reads
files and opens connections, without the second ``email`` and ``date`` cover each other.
"""

from onbook.contract.covering import Containment, covers
from onbook.contract.validation import HASTY_BACKTRACK_LIMIT, Contract, ContractError, Violation
from onbook.contract.walk import (
    dump,
    members,
    nodes,
    references,
    resolve,
    rewrite,
    same,
    strip_annotations,
    subschemas,
    trimmed,
)

__all__ = [
    "HASTY_BACKTRACK_LIMIT",
    "Containment",
    "Contract",
    "ContractError",
    "Violation",
    "covers",
    "dump",
    "members",
    "nodes",
    "references",
    "resolve",
    "rewrite",
    "same",
    "strip_annotations",
    "subschemas",
    "trimmed",
]
