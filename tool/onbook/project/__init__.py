"""A project: its configuration, and from a snapshot the catalog of its prompts with their closures and cases."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from onbook.project.catalog import Catalog, Source
    from onbook.project.config import Config

__all__ = ["Catalog", "Config", "Source"]


def __getattr__(name: str) -> object:
    # An application reads prompts by ``load`` alone: what a repository has beside them it need not import.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from onbook.project.catalog import Catalog, Source
    from onbook.project.config import Config

    globals().update(Catalog=Catalog, Config=Config, Source=Source)
    return globals()[name]
