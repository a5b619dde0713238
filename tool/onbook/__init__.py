"""onbook: prompts as versioned files in git.

Applications need one function::

    import onbook
    book = onbook.open("https://example.com/team/prompts.git")
    prompt = book.get("support/triage", "^1.4")
    messages = prompt.render(ticket="I was charged twice")

``open`` gives a :class:`Book`, a book gives a :class:`LoadedPrompt`, and every error is an :class:`OnbookError`.
Nothing else is public: what the modules below hold may change with any version.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # type checkers know the name; importing typing for it would be half of what this module costs
if TYPE_CHECKING:
    from onbook.client.book import Book
    from onbook.client.failures import Failure
    from onbook.client.loaded import LoadedPrompt
    from onbook.client.opening import open
    from onbook.errors import (
        AnswerContractError,
        AnswerError,
        InputError,
        IntegrityError,
        MalformedAnswerError,
        OnbookError,
        StaleError,
        TruncatedAnswerError,
        UsageError,
    )

__all__ = [
    "AnswerContractError",
    "AnswerError",
    "Book",
    "Failure",
    "InputError",
    "IntegrityError",
    "LoadedPrompt",
    "MalformedAnswerError",
    "OnbookError",
    "StaleError",
    "TruncatedAnswerError",
    "UsageError",
    "open",
]

_HOMES = {
    "Book": "client.book",
    "Failure": "client.failures",
    "LoadedPrompt": "client.loaded",
    "open": "client.opening",
}


def __getattr__(name: str) -> object:
    # Importing onbook costs nothing until something is asked of it: hooks and web workers both start with it.
    if name not in __all__:
        raise AttributeError(f"module 'onbook' has no attribute {name!r}")
    import importlib

    found: object = getattr(importlib.import_module(f"onbook.{_HOMES.get(name, 'errors')}"), name)
    # The next time it is simply there.
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    # So that help() and an editor see what is loaded only when it is asked for.
    return sorted({*globals(), *__all__})
