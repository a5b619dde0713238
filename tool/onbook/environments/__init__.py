"""Environments: what runs where, and who gets a canary. Reviewed files in git say so; nothing is sent anywhere."""

from onbook.environments.files import (
    FOLDER,
    SUFFIX,
    Canary,
    Deployment,
    Target,
    bucket,
    data_of,
    deployments,
    parse,
    path_of,
)

__all__ = [
    "FOLDER",
    "SUFFIX",
    "Canary",
    "Deployment",
    "Target",
    "bucket",
    "data_of",
    "deployments",
    "parse",
    "path_of",
]
