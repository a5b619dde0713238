"""The errors a person can meet: what is wrong, where, and what to do about it."""

from __future__ import annotations

import errno


class OnbookError(Exception):
    """Something that onbook could not do or could not check (exit code 3).

    Attributes:
        message: what is wrong, in one sentence.
        place: where: ``path``, ``path:line`` or ``path:line:column``, or a URL; None where no place is meant.
        hint: what to do about it, or None.
        exit_code: what the command line exits with.
    """

    exit_code = 3

    def __init__(self, message: str, *, place: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text}\n  {self.hint}" if self.hint else text


MAKE_ROOM = "make room, and run the command again"
_RIGHTS = "you must be allowed to read and write there"
_FOLDER = "a file stands where a folder is wanted: move it away"
_HINTS = {
    errno.ENOSPC: MAKE_ROOM,
    errno.EDQUOT: MAKE_ROOM,
    errno.EFBIG: MAKE_ROOM,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.EEXIST: _FOLDER,
    errno.ENOTDIR: _FOLDER,
}


def refused(error: OSError) -> OnbookError:
    """What the operating system refused, told as every other error is."""
    place = error.filename.decode("utf-8", "replace") if isinstance(error.filename, bytes) else error.filename
    why = error.strerror or str(error) or type(error).__name__
    message = f"cannot be read or written: {why}" if place else f"the system refused: {why}"
    return OnbookError(message, place=None if place is None else str(place), hint=_HINTS.get(error.errno or 0))


class UsageError(OnbookError):
    """What was asked cannot be meant: a wrong argument, an unknown id, a bad configuration (exit code 2)."""

    exit_code = 2


class InputError(UsageError):
    """Inputs that the prompt's contract does not accept, or a template that cannot be rendered with them."""


class IntegrityError(OnbookError):
    """Something was found to be other than it must be: a moved tag, a wrong digest (exit code 1)."""

    exit_code = 1


class StaleError(OnbookError):
    """What is known is older than was allowed, and nobody can be asked (exit code 3)."""


class AnswerError(OnbookError):
    """An answer of a model that is not what the prompt promises (exit code 1).

    Attributes:
        text: the whole answer.
    """

    exit_code = 1

    def __init__(self, message: str, *, text: str, place: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, place=place, hint=hint)
        self.text = text


class TruncatedAnswerError(AnswerError):
    """The answer ends before its JSON does: it was cut off, and what there is of it may be right."""


class MalformedAnswerError(AnswerError):
    """The answer is no JSON, and no beginning of any."""


class AnswerContractError(AnswerError):
    """The answer is JSON, and not what the output schema asks for.

    Attributes:
        pointer: where in the answer.
    """

    def __init__(
        self,
        message: str,
        *,
        text: str,
        pointer: tuple[str | int, ...] = (),
        place: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, text=text, place=place, hint=hint)
        self.pointer = pointer
