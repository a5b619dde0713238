"""Guards: sentences that hold the model to something, and whether a new version still does.

A removed "never" is one word among hundreds that a review passes over. English only: the words are below. A sentence
that is found again, moved or reworded with its obligation, is no change; what a paraphrase with other words says is
not understood, and is told as removed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from onbook.patterns import later

# What forbids and what demands; the longer phrase first where one begins with another.
_FORBIDS = later(
    r"\b(?:never|must\s+not|mustn't|do\s+not|don't|does\s+not|shall\s+not|cannot|can\s*not|can't|may\s+not"
    r"|under\s+no\s+circumstances?|in\s+no\s+case|refuse|refrain|decline|forbidden|prohibited|not\s+allowed"
    r"|not\s+permitted|no\s+exceptions?|without\s+exception)\b",
    re.IGNORECASE,
)
_DEMANDS = later(
    r"\b(?:must|always|only|shall|(?:is|are)\s+required|required\s+to|ha(?:ve|s)\s+to|need(?:s)?\s+to|ensure"
    r"|make\s+sure|at\s+all\s+times|exclusively|mandatory|strictly|in\s+(?:every|each|any)\s+case)\b",
    re.IGNORECASE,
)
# What leaves the model a way out.
_HEDGES = later(
    r"\b(?:should(?:\s+not|n't)?|avoid|try|attempt|prefer(?:ably)?|ideally|(?:if|when|where|whenever)\s+possible"
    r"|generally|usually|normally|typically|mostly|consider|aim|may|might|could|recommended|encouraged|unless|except"
    r"|as\s+far\s+as|best\s+effort|reasonable|want)\b",
    re.IGNORECASE,
)
# Words that turn a demand into what a prohibition said: "always answer with a source" for "never answer without one".
_TURNS = later(
    r"\b(?:without|omit|leave\s+out|exclude|excluding|keep\s+out|nothing|none|no|not|unless|instead|secret|private"
    r"|confidential)\b",
    re.IGNORECASE,
)

_OPENING = re.compile(r"\{([#%])")
_BULLET = later(r"\s*(?:[-*+•>]\s+|\d{1,3}[.)]\s+|#{1,6}\s+)*")
_NEW_BLOCK = re.compile(r"\s*(?:[-*+•>]\s+|\d{1,3}[.)]\s+|#{1,6}\s+|$)")
_SENTENCE_END = re.compile(r"(?<=[.!?;])[\"')\]]*\s+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
# Words of grammar.
_PLAIN = frozenset(
    (
        "a", "an", "and", "any", "are", "as", "at", "be", "by", "for", "from", "if", "in", "into",
        "is", "it", "its", "of", "on", "or", "so", "such", "that", "the", "their", "them", "then", "there",
        "these", "they", "this", "those", "to", "was", "were", "when", "which", "while", "will", "with", "you", "your",
        "yours", "i", "we", "our", "us", "me", "my", "he", "she", "his", "her",
    )
)  # fmt: skip

MAX_SENTENCES = 2_000  # of one side
MAX_COMPARED = 200  # obligations that are not found again word for word
_ALIKE = 0.5


@dataclass(frozen=True)
class Sentence:
    """One sentence of a text.

    Attributes:
        source: which text it stands in; offset: where it begins there, in characters.
        text: on one line, without bullets.
    """

    source: object
    offset: int
    text: str

    @cached_property
    def key(self) -> str:
        """The same for the same words: case, white space, emphasis and punctuation at the end aside."""
        return " ".join(re.sub(r"[*_`\"“”]", "", self.text).lower().replace("\u2019", "'").split()).strip(" .!;:,-")

    @cached_property
    def words(self) -> frozenset[str]:
        """What it is about: the beginnings of its words, without those of obligation and of grammar."""
        rest = self.key
        for pattern in (_FORBIDS, _DEMANDS, _HEDGES):
            rest = pattern.sub(" ", rest)
        return frozenset(word[:5] for word in _WORD.findall(rest) if word not in _PLAIN)

    @cached_property
    def forbids(self) -> bool:
        """Whether it forbids something."""
        return _FORBIDS.search(self.key) is not None

    @cached_property
    def demands(self) -> bool:
        """Whether it demands something; the must of "must not" is no demand."""
        return _DEMANDS.search(_FORBIDS.sub(" ", self.key)) is not None

    @cached_property
    def hedges(self) -> Counter[str]:
        """The ways out that it leaves."""
        plain = _FORBIDS.sub(" ", self.key)
        return Counter(" ".join(found.split()) for found in _HEDGES.findall(plain))

    @property
    def obliges(self) -> bool:
        """Whether the model is held to something."""
        return self.forbids or self.demands


@dataclass(frozen=True, slots=True)
class Lost:
    """An obligation that the new version lacks, or holds the model to less strictly.

    Attributes:
        now: the sentence that stands in its place, None where there is none.
    """

    old: Sentence
    now: Sentence | None


def lost(old: Mapping[object, str], new: Mapping[object, str]) -> Iterator[Lost]:
    """The obligations of some texts that other texts no longer have, in the order of the old ones.

    Args:
        old, new: the texts of each side by where they stand.
    """
    before, after = sentences(old), sentences(new)
    known = Counter(sentence.key for sentence in before)
    there = Counter(sentence.key for sentence in after)
    # What is new or stands more often than before is what an old sentence may have become.
    fresh = [sentence for sentence in after if there[sentence.key] > known[sentence.key]]
    compared = 0
    told: set[str] = set()
    for sentence in before:
        if not sentence.obliges or sentence.key in there or sentence.key in told:
            continue
        told.add(sentence.key)
        compared += 1
        if compared > MAX_COMPARED:
            return
        covering = [each for each in after if each.obliges and sentence.words and sentence.words <= each.words]
        now = _nearest(sentence, fresh) or _nearest(sentence, covering)
        if now is None or not _keeps(sentence, now):
            yield Lost(sentence, now)


def sentences(texts: Mapping[object, str]) -> list[Sentence]:
    """The sentences of some texts; a line that goes on in the next one is one sentence with it."""
    found: list[Sentence] = []
    for source, text in texts.items():
        for sentence in _split(source, text):
            found.append(sentence)
            if len(found) == MAX_SENTENCES:
                return found
    return found


def _split(source: object, text: str) -> Iterator[Sentence]:
    text = _without_tags(text)
    start = 0
    lines = text.split("\n")
    block: list[tuple[int, str]] = []
    for line in [*lines, ""]:
        if _NEW_BLOCK.match(line) or not block:
            yield from _of_block(source, block)
            block = []
        if line.strip():
            skipped = _BULLET.match(line)
            head = skipped.end() if skipped and not block else 0
            block.append((start + head, line[head:]))
        start += len(line) + 1


def _without_tags(text: str) -> str:
    """Tags and comments blanked, not taken out: offsets stay."""
    parts, position = list[str](), 0
    while opening := _OPENING.search(text, position):
        end = text.find(opening[1] + "}", opening.end())
        if end < 0:
            break
        parts += [text[position : opening.start()], re.sub(r"[^\n]", " ", text[opening.start() : end + 2])]
        position = end + 2
    return "".join([*parts, text[position:]])


def _of_block(source: object, block: Sequence[tuple[int, str]]) -> Iterator[Sentence]:
    if not block:
        return
    joined = "\n".join(line for _, line in block)
    starts = []
    position = 0
    for offset, line in block:
        starts.append((position, offset))
        position += len(line) + 1
    begin = 0
    for end in [*(match.end() for match in _SENTENCE_END.finditer(joined)), len(joined)]:
        part = joined[begin:end]
        if words := " ".join(part.split()):
            first = begin + len(part) - len(part.lstrip())
            line_start, offset = max(start for start in starts if start[0] <= first)
            yield Sentence(source, offset + first - line_start, words)
        begin = end


def _nearest(sentence: Sentence, candidates: Sequence[Sentence]) -> Sentence | None:
    """The sentence that is about the same, or None."""
    best, found = _ALIKE, None
    for other in candidates:
        total = len(sentence.words) + len(other.words)
        alike = 2 * len(sentence.words & other.words) / total if total else 0.0
        # Of two that are equally near the one that still obliges.
        if alike > best or (alike == best and (found is None or (other.obliges and not found.obliges))):
            best, found = alike, other
    return found


def _keeps(old: Sentence, new: Sentence) -> bool:
    """Whether a sentence holds the model to what another one did."""
    if new.hedges - old.hedges:
        return False
    if old.forbids:
        turned = bool(_TURNS.search(new.key)) != bool(_TURNS.search(_FORBIDS.sub(" ", old.key)))
        return new.forbids or (new.demands and turned)
    if new.demands:
        return True
    return new.forbids and bool(_TURNS.search(_FORBIDS.sub(" ", new.key)))
