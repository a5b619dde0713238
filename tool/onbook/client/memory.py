"""What a book has in memory: the release that a range is, and what an environment runs."""

from __future__ import annotations

from collections.abc import Mapping

from onbook.client.loaded import Confirmation, LoadedPrompt
from onbook.environments import Deployment


class Held:
    """What a range is, in memory. ``shipped``: from the bundle, which is as old as it is."""

    __slots__ = ("confirmed", "prompt", "shipped")

    def __init__(self, prompt: LoadedPrompt, shipped: bool = False) -> None:
        self.prompt, self.confirmed, self.shipped = prompt, prompt._confirmed, shipped


class Routes:
    """What an environment runs, in memory; ``loaded`` by id and whether it is the canary, ``refused`` likewise."""

    __slots__ = ("confirmed", "deployments", "loaded", "name", "notes", "place", "prefix", "refused", "shipped")

    def __init__(
        self,
        name: str,
        deployments: Mapping[str, Deployment],
        prefix: str,
        place: str,
        confirmed: Confirmation,
        notes: tuple[str, ...] = (),
        shipped: bool = False,
    ) -> None:
        self.name, self.deployments, self.prefix, self.place = name, deployments, prefix, place
        self.confirmed, self.notes, self.shipped = confirmed, notes, shipped
        self.loaded: dict[tuple[str, bool], LoadedPrompt] = {}
        self.refused: set[tuple[str, bool]] = set()
