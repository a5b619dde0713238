"""Looking at prompts in several processes. Their results come in order, and none is ever missing in silence."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from onbook.errors import OnbookError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Item = TypeVar("Item")
Result = TypeVar("Result")

MIN_SHARED = 200
"""Prompts to look at before other processes are worth their start."""
LARGEST, SMALLEST = 80, 20
"""Items that a process is given at a time: as many as are looked at together, or several times as many."""
COLLECT = 50_000
"""What a child makes before it looks for garbage: most of what it makes is no part of a circle."""

# Where processes can be forked safely they begin with all that is read already; elsewhere each starts anew.
METHOD = "fork" if sys.platform.startswith("linux") else "spawn"


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worked(work: Callable[[Iterable[Item]], Result], items: Sequence[Item], jobs: int) -> Iterator[Result]:
    """``work`` of all items: here, or by several processes where they are many. See :func:`shared_out`."""
    if jobs < 2 or len(items) < MIN_SHARED:
        if items:
            yield work(items)
        return
    # What git tells of all files at once is asked for before there are many to ask.
    yield work(items[:1])
    yield from shared_out(work, items[1:], jobs)


def shared_out(
    work: Callable[[Iterable[Item]], Result],
    items: Sequence[Item],
    jobs: int,
    *,
    method: str = METHOD,
    smallest: int = SMALLEST,
) -> Iterator[Result]:
    """``work`` of some items after the other, in the order of the items, done by ``jobs`` processes.

    Args:
        work: runs in a child; where children are not forked, it and the items must be picklable.
        smallest: items that are worth being handed over.

    Raises:
        OnbookError: an item could not be worked on, or a process ended before it was done.
    """
    import multiprocessing
    from multiprocessing.connection import wait

    context: Any = multiprocessing.get_context(method)
    chunks = list(_chunks(items, jobs, smallest))
    waiting = iter(range(len(chunks)))
    done: dict[int, Result] = {}
    ours: list[Connection] = []
    processes: list[BaseProcess] = []
    finished = False
    try:
        with _uninterrupted():
            for _ in range(min(jobs, len(chunks))):
                mine, theirs = context.Pipe()
                ours.append(mine)
                # A forked child holds our ends too: unless it closes them, nobody would see that we are gone.
                inherited = tuple(ours) if method == "fork" else ()
                process = context.Process(
                    target=_serve, args=(work, chunks, theirs, inherited, os.getpid()), daemon=True
                )
                process.start()
                theirs.close()
                processes.append(process)
        # Two chunks each, so that no process waits for the next while its last one is read.
        for idle in (*ours, *ours):
            _send(idle, next(waiting, None))
        for number in range(len(chunks)):
            while number not in done:
                for ready in wait(ours):
                    pipe: Any = ready
                    index, result = _received(pipe)
                    _send(pipe, next(waiting, None))
                    done[index] = result
            yield done.pop(number)
        finished = True
    finally:
        for end in ours:
            end.close()
        for process in processes:
            process.terminate()
        # What has nothing left to do ends while others go on: its memory takes a while to be given back.
        for process in processes if not finished else ():
            process.join()


def _chunks(items: Sequence[Item], jobs: int, smallest: int) -> Iterator[Sequence[Item]]:
    """Smaller ones towards the end, so that no process waits long for the last one of another."""
    start = 0
    while start < len(items):
        size = min(LARGEST, max(smallest, (len(items) - start) // (4 * jobs)))
        yield items[start : start + size]
        start += size


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until all children are known: in the midst of a fork Python would drop it, or lose a child."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _send(pipe: Connection, index: int | None) -> None:
    if index is not None:
        try:
            pipe.send(index)
        except OSError:
            raise _ended() from None


def _received(pipe: Connection) -> tuple[int, Any]:
    try:
        index, result, failure = pipe.recv()
    except (EOFError, OSError):
        raise _ended() from None
    if failure is not None:
        raise failure
    return index, result


def _ended() -> OnbookError:
    hint = "it may have run out of memory; `--jobs 1` looks in one process"
    return OnbookError("a process that looked at prompts ended before it was done, so not all are checked", hint=hint)


def _end_with(parent: int) -> None:
    """End this process once its parent was killed, whatever it is at: nobody waits for the rest."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _serve(
    work: Callable[[Any], Any],
    chunks: Sequence[Sequence[Any]],
    pipe: Connection,
    inherited: Sequence[Connection],
    parent: int,
) -> None:
    """A child: works on the chunks that it is sent the numbers of, until nobody is left to send any."""
    import threading

    for other in inherited:
        other.close()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    # What was imported stays as long as the process does: it need not be looked through for garbage again and again.
    gc.freeze()
    gc.set_threshold(COLLECT)
    # Ctrl-C reaches all processes of a terminal at once. The parent says so and ends us: a child that ended by itself
    # could be seen first, as one that was killed.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            index = pipe.recv()
            answer: tuple[int, Any, OnbookError | None]
            try:
                answer = (index, work(chunks[index]), None)
            except OnbookError as error:
                answer = (index, None, error)
            except Exception as error:
                answer = (index, None, OnbookError(f"prompts could not be checked: {type(error).__name__}: {error}"))
            pipe.send(answer)
    except (EOFError, OSError):
        return
