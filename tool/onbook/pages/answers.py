"""The answers of a report as a page shows them: sorted, counted, measured, and packed for its script."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, log10
from statistics import median
from typing import Any

from markupsafe import Markup

from onbook.pages.charts import distribution, interval
from onbook.testing.statistics.rates import wilson

Row = Mapping[str, Any]

KINDS = {
    "failed": ("failed", "bad"),
    "error": ("no usable answer", "bad"),
    "surprise": ("passes unexpectedly", "bad"),
    "missing": ("not recorded", "warn"),
    "doubted": ("doubted", "warn"),
    "passed": ("passed", "good"),
    "known": ("known failure", "plain"),
}
"""What may be said of an answer, worst first: the word for it, and how it is coloured."""

_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, or one case of a report that carries no answers.

    Attributes:
        kind: see KINDS; unit: the place of its row among the report's.
        row: as the report has it.
    """

    kind: str
    unit: int
    prompt: str
    model: str
    row: Row

    @property
    def why(self) -> str:
        """Why it does not pass."""
        return "; ".join(self.row.get("reasons") or ())

    @property
    def spoken(self) -> list[tuple[str, str]]:
        """What judges said of it, each with its name and model: the beginnings, for who reads without the script."""
        found = list(self.row.get("judges") or ())
        words = [
            (f"{each['assertion']} on {each['model']}", _beginning(_readable(each["text"]))) for each in found[:_JUDGES]
        ]
        return [*words, (f"and {len(found) - _JUDGES} more", "")] if len(found) > _JUDGES else words


# Of what judges said, without the script: how many of them are told, and characters of each.
_JUDGES = 4
_WORDS = 500


def _beginning(text: str) -> str:
    return text if len(text) <= _WORDS else f"{text[:_WORDS]}..."


def answers_of(rows: Sequence[Row]) -> list[Answer]:
    """All answers of the prompts' rows, the worst first; without them the cases that the rows tell."""
    found = [
        Answer(_kind(each), unit, row["id"], str(row["model"] or "no model"), each)
        for unit, row in enumerate(rows)
        for each in (row["answers"] if "answers" in row else row.get("results", ()))
    ]
    return sorted(found, key=_order)


def _order(answer: Answer) -> tuple[int, str, str, str, int]:
    row = answer.row
    return _RANK[answer.kind], answer.prompt, row["case"], answer.model, row.get("repeat", 0)


def _kind(row: Row) -> str:
    state = row["state"]
    if row.get("xfail") is not None:
        return {"passed": "doubted" if row.get("doubts") else "surprise", "missing": "missing"}.get(state, "known")
    return "doubted" if state in ("failed", "error") and row.get("doubts") else str(state)


def packed(answers: Sequence[Answer], rows: Sequence[Row], sides: tuple[str, str] | None = None) -> dict[str, Any]:
    """The answers for the page's script. A text that is said many times, as a system message is, is there once.

    Args:
        sides: what the older and the newer answers are called, where they are not simply before and now.
    """
    texts = _Texts()
    units = [{"prompt": row["id"], "model": str(row["model"] or "no model")} for row in rows]
    told = [_packed(each, texts) for each in answers]
    data: dict[str, Any] = {"units": units, "answers": told, "texts": texts.all, "sides": sides}
    whole = json.dumps(data, sort_keys=True).encode()
    return {"digest": hashlib.sha256(whole).hexdigest()[:32], "kinds": KINDS, **data}


@dataclass(slots=True)
class _Texts:
    all: list[str] = field(default_factory=list)
    at: dict[str, int] = field(default_factory=dict)

    def place(self, text: str | None) -> int | None:
        if text is None:
            return None
        if text not in self.at:
            self.at[text] = len(self.all)
            self.all.append(text)
        return self.at[text]


def _packed(answer: Answer, texts: _Texts) -> dict[str, Any]:
    row = answer.row
    inputs, expected, old = row.get("inputs"), row.get("expected"), row.get("old")
    return {
        "unit": answer.unit,
        "case": row["case"],
        "repeat": row.get("repeat", 0),
        "kind": answer.kind,
        "why": answer.why,
        "xfail": row.get("xfail"),
        "key": row.get("key") if row.get("answer") is not None else None,
        "text": texts.place(row.get("answer")),
        "inputs": texts.place(None if inputs is None else _pretty(inputs)),
        "expected": texts.place(None if expected is None else _pretty(expected)),
        "messages": _messages(row.get("messages"), texts),
        "ms": row.get("latency_ms"),
        "usd": row.get("cost"),
        "cut": row.get("cut") or [],
        "drift": row.get("drift"),
        **_spoken(row, texts),
        **_steps(row, texts),
        "old": old and {
            "state": old["state"], "why": "; ".join(old["reasons"]), "text": texts.place(old["answer"]),
            "model": old["model"], "ms": old["latency_ms"], "usd": old["cost"],
            # The answer to the same request is the same answer, of which nothing need be told twice.
            **({} if old.get("key") == row.get("key") else _spoken(old, texts)),
        },
    }  # fmt: skip


def _messages(messages: Sequence[Row] | None, texts: _Texts) -> list[list[object]]:
    return [[str(each.get("role")), texts.place(_content(each))] for each in messages or ()]


def _spoken(row: Row, texts: _Texts) -> dict[str, Any]:
    """What judges and people said of an answer; nothing where nobody did."""
    judges = [
        [each["assertion"], each["model"], texts.place(_readable(each["text"]))] for each in row.get("judges") or ()
    ]
    marks = [[each[name] for name in ("label", "by", "at", "note")] for each in row.get("labels") or ()]
    return {**({"judges": judges} if judges else {}), **({"marks": marks} if marks else {})}


def _readable(text: str) -> str:
    """A judge's answer for people: the parts of an object line by line, anything else as it is."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(said, dict):
        return text
    return "\n".join(f"{name}: {value if isinstance(value, str) else _pretty(value)}" for name, value in said.items())


def _steps(row: Row, texts: _Texts) -> dict[str, Any]:
    """Each step of a chain that was asked, the graded one last; its answer stands with the case."""
    if not row.get("chain") or row.get("steps") is None:
        return {}
    before = {each["step"]: each for each in (row.get("old") or {}).get("steps") or ()}
    found = []
    for each in row.get("steps") or ():
        old = before.get(each["step"], {})
        found.append(
            {
                "name": each["step"], "prompt": each["prompt"], "model": each["model"],
                "messages": _messages(each["messages"], texts), "text": texts.place(each["answer"]),
                "ms": each["latency_ms"], "usd": each["cost"], "old": texts.place(old.get("answer")),
            }
        )  # fmt: skip
    if row["step"] == row["chain"][-1]:
        messages = _messages(row.get("messages"), texts)
        found.append({"name": row["step"], "model": row["model"], "messages": messages, "graded": True})
    return {"steps": found, "ahead": row["chain"][len(found) :]}


def _pretty(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _content(message: Row) -> str:
    content = message.get("content")
    rest = {name: value for name, value in message.items() if name not in ("role", "content")}
    told = [content] if isinstance(content, str) else [] if content is None else [_pretty(content)]
    return "\n".join([*told, *([_pretty(rest)] if rest else [])])


@dataclass(frozen=True, slots=True)
class Unit:
    """One prompt on one model, measured.

    Attributes:
        rate, latency, cost: drawings with their words; None where there is nothing to draw.
        counted: what does not simply pass, in words; empty: there are no cases, and nothing else is told.
    """

    prompt: str
    model: str
    proxy: bool
    verdict: str | None
    told: str
    rate: Markup | None
    rate_words: str
    counted: str
    latency: Markup | None
    latency_words: str
    cost: Markup | None
    cost_words: str
    empty: bool = False


MAX_DRAWN = 50
"""Units whose latency and cost are drawn; beyond it they are words."""


def units_of(rows: Sequence[Row], answers: Sequence[Answer], said: Mapping[str, str]) -> Iterator[Unit]:
    """Each row of the report, measured.

    Args:
        said: what a comparison says of a prompt and model, in words, by ``<prompt> <model>``.
    """
    by_unit: dict[int, list[Row]] = {}
    for each in answers:
        by_unit.setdefault(each.unit, []).append(each.row)
    for number, row in enumerate(rows):
        yield _unit(row, by_unit.get(number, []), said, drawn=number < MAX_DRAWN)


def _unit(row: Row, answers: Sequence[Row], said: Mapping[str, str], *, drawn: bool) -> Unit:
    rate, rate_words = _rate(row)
    latency, latency_words = _spread([(a.get("latency_ms"), a.get("old")) for a in answers], "latency_ms", _ms, drawn)
    cost, cost_words = _spread([(a.get("cost"), a.get("old")) for a in answers], "cost", dollars, drawn)
    model = str(row["model"] or "no model")
    sentence = said.get(f"{row['id']} {row['model']}", "")
    return Unit(
        row["id"], model, bool(row.get("proxy")), row.get("verdict"), sentence[:1].upper() + sentence[1:],
        rate, rate_words, _counted(row), latency, latency_words, cost, cost_words,
        empty=row.get("cases") == 0 and not sentence,
    )  # fmt: skip


def _rate(row: Row) -> tuple[Markup | None, str]:
    if "cases" not in row:
        return _compared_rate(row)
    # What is not recorded, doubted or known to fail says nothing of the rate.
    passed = int(row["passed"])
    cases = passed + int(row["failed"]) + int(row["errors"])
    if cases <= 0:
        return None, "nothing to measure" if row["cases"] else "no cases"
    low, high = wilson(passed, cases)
    words = f"{passed:,} of {cases:,} pass: {_percent(passed / cases)} [{_percent(low)}, {_percent(high)}]"
    return interval(passed / cases, low, high, f"Pass rate with its 95 % interval: {words}"), words


def _compared_rate(row: Row) -> tuple[Markup | None, str]:
    found = row.get("comparison")
    if not isinstance(found, Mapping):
        return None, "the same outcomes" if row.get("verdict") == "NOT WORSE" else "nothing to compare"
    low, high = found["interval"]
    words = (
        f"{_percent(found['old'])} before, {_percent(found['new'])} now: {100 * found['difference']:+.1f} points "
        f"[{100 * low:+.1f}, {100 * high:+.1f}]"
    )
    # From -1 to 1, drawn on the line from 0 to 1; the mark is where nothing differs.
    at, least, most = ((float(value) + 1) / 2 for value in (found["difference"], low, high))
    return interval(at, least, most, f"Difference with its 95 % interval: {words}", mark=0.5), words


_COUNTED = {
    "failed": "failed", "errors": "without a usable answer", "missing": "not recorded", "doubted": "doubted",
    "xfailed": "known to fail",
}  # fmt: skip


def _counted(row: Row) -> str:
    return ", ".join(f"{int(row[key]):,} {word}" for key, word in _COUNTED.items() if row.get(key))


def _spread(
    found: Sequence[tuple[Any, Any]], name: str, words: Callable[[float], str], drawn: bool
) -> tuple[Markup | None, str]:
    values = [value for value, _ in found if isinstance(value, int | float)]
    if not values or not max(values):
        return None, ""
    before = [old[name] for _, old in found if isinstance(old, Mapping) and isinstance(old.get(name), int | float)]
    ordered = sorted(values)
    most = ordered[min(int(0.95 * len(ordered)), len(ordered) - 1)]
    told = f"median {words(median(ordered))}, 95 % up to {words(most)}"
    if name == "cost":
        told += f", {words(sum(values))} in all"
    if before and max(before):
        told += f"; before: median {words(median(before))}"
    label = "Latency" if name == "latency_ms" else "Cost"
    return (distribution(values, f"{label} of {len(values):,} answers: {told}") if drawn else None), told


def _ms(value: float) -> str:
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"


def dollars(value: float) -> str:
    """``$1.20``, ``$0.00034``: two figures that say something, however small."""
    digits = 2 if value >= 1 or value <= 0 else min(1 - floor(log10(value)), 12)
    return f"${value:.{digits}f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share in (0, 1) else f"{100 * share:.1f} %"
