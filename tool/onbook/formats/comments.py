"""Comments of a YAML file that are addressed to a tool, and the lines that each of them speaks of."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

MAX_COMMENTS = 100
"""Of one file: each is held against each finding."""


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment, without its ``#``.

    Attributes:
        line, column: where its ``#`` stands, 1-based.
        lines: the first and the last line that it speaks of; None for the whole file, where it stands before
            everything else. That is the line that it ends, or, where it stands alone, the next line with something on
            it; and where a text or an item of a list begins on that line, all of it.
    """

    text: str
    line: int
    column: int
    lines: tuple[int, int] | None


@dataclass(slots=True)
class _Nodes:
    """Where the nodes of a file are.

    Attributes:
        scalars: first and last character of every scalar, ascending.
        reach: by 0-based line, the last line of what begins there: a text, or an item of a list.
        lines: the lines on which a node begins, ascending.
    """

    scalars: list[tuple[int, int]]
    reach: dict[int, int]
    lines: list[int]


def comments(text: str, word: str) -> list[Comment]:
    """The comments that begin with a word, in order; at most MAX_COMMENTS + 1 of them.

    Args:
        text: of a file that ``read_yaml`` has read, without its byte order mark.
    """
    if word not in text:
        return []
    found = list[Comment]()
    nodes: _Nodes | None = None
    for match in re.finditer(rf"(?m)(?:^|(?<=[ \t]))#[ \t]*(?={re.escape(word)})([^\r\n]*)", text):
        nodes = nodes or _nodes(text)
        start = text.rfind("\n", 0, match.start()) + 1
        before = bisect_right(nodes.scalars, (match.start(), len(text))) - 1
        end = nodes.scalars[before][1] if before >= 0 else 0
        # Inside a text it is text, and behind another # it is part of that comment.
        if match.start() < end or "#" in text[max(start, end) : match.start()]:
            continue
        line = text.count("\n", 0, start)
        alone = not text[start : match.start()].strip()
        found.append(Comment(match[1].strip(), line + 1, match.start() - start + 1, _lines(nodes, line, alone)))
        if len(found) > MAX_COMMENTS:
            break
    return found


def _lines(nodes: _Nodes, line: int, alone: bool) -> tuple[int, int] | None:
    if nodes.lines and line < nodes.lines[0]:
        return None
    if alone:
        following = bisect_right(nodes.lines, line)
        if following == len(nodes.lines):
            return line + 1, line + 1
        line = nodes.lines[following]
    return line + 1, nodes.reach.get(line, line) + 1


def _nodes(text: str) -> _Nodes:
    import yaml
    from yaml.events import CollectionEndEvent, CollectionStartEvent, ScalarEvent, SequenceStartEvent

    from onbook.formats.compose import events

    nodes = _Nodes([], {}, [])
    # Of each open collection: its line, the last line within, and whether it is an item of a list.
    open_: list[list[int]] = []
    lists: list[bool] = []
    begun = set[int]()
    try:
        for event in events(text):
            kind: type = type(event)
            if issubclass(kind, CollectionStartEvent | ScalarEvent):
                mark = event.start_mark
                begun.add(mark.line)
                if kind is ScalarEvent:
                    end = event.end_mark
                    nodes.scalars.append((mark.index, end.index))
                    last = end.line if end.column else max(end.line - 1, mark.line)
                    nodes.reach[mark.line] = max(nodes.reach.get(mark.line, 0), last)
                    if open_:
                        open_[-1][1] = max(open_[-1][1], last)
                else:
                    item = bool(lists) and lists[-1]
                    open_.append([mark.line, mark.line, int(item)])
                    lists.append(kind is SequenceStartEvent)
            elif issubclass(kind, CollectionEndEvent):
                line, last, is_item = open_.pop()
                lists.pop()
                if is_item:
                    nodes.reach[line] = max(nodes.reach.get(line, 0), last)
                if open_:
                    open_[-1][1] = max(open_[-1][1], last)
    except yaml.YAMLError:
        pass  # told by whoever read the file; what came before it counts
    nodes.lines = sorted(begun)
    return nodes
