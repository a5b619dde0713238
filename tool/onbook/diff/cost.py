"""What a change costs: the tokens of the same calls before and after, and their price."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from onbook import tokens
from onbook.call import Caller
from onbook.diff.evidence import Sampler
from onbook.errors import OnbookError
from onbook.prompt import Prompt

MAX_CALLS = 10

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Cost:
    """The input of one prompt's calls, the mean of some: what answers cost nobody can know before.

    Attributes:
        calls: how many calls were counted; people's: whether they are cases, or made up.
        old, new: tokens of a call's messages.
        exact: whether the model's own tokenizer counted both; otherwise they are estimates.
        old_price, new_price: US dollars for the input of 1,000 calls, None where the model's price is not known.
    """

    calls: int
    old: float
    new: float
    exact: bool
    old_price: float | None
    new_price: float | None

    def row(self) -> dict[str, object]:
        """As the machine report has it."""
        return {
            "calls": self.calls,
            "old": round(self.old, 1),
            "new": round(self.new, 1),
            "exact": self.exact,
            "old_cost_per_1000": self.old_price,
            "new_cost_per_1000": self.new_price,
        }


def cost(old: Prompt, new: Prompt, cases: Iterable[Json] = ()) -> Cost | None:
    """The tokens and the price of the same calls in both versions; None where no call can be made to both.

    Args:
        cases: the inputs of cases; without any that both versions take, the smallest made-up call is counted.
    """
    callers = [Caller(old), Caller(new)]
    counted = list(islice(_counted(callers, cases), MAX_CALLS))
    if not counted:
        made_up = ({**call.old, **call.new} for call in islice(Sampler(old, new).calls(), 1))
        counted = list(_counted(callers, made_up))
    if not counted:
        return None
    means = [sum(pair[side].tokens for pair in counted) / len(counted) for side in (0, 1)]
    prices = [
        None if (price := tokens.cost(prompt.model, round(1_000 * mean))) is None else round(price, 6)
        for prompt, mean in zip((old, new), means, strict=True)
    ]
    exact = all(count.exact for pair in counted for count in pair)
    return Cost(len(counted), means[0], means[1], exact, prices[0], prices[1])


def _counted(callers: list[Caller], cases: Iterable[Json]) -> Iterator[list[tokens.Count]]:
    for inputs in cases:
        try:
            yield [
                tokens.count_messages(caller.render(_known(caller, inputs)), caller.prompt.model) for caller in callers
            ]
        except OnbookError:
            continue


def _known(caller: Caller, inputs: Json) -> Json:
    """The inputs that a version knows, by their names or older ones; whatever is sent where it declares none."""
    declared = caller.prompt.input_properties
    if caller.prompt.inputs is None:
        return inputs
    aliases = {str(name) for schema in declared.values() for name in _texts(schema.get("x-aliases"))}
    return {name: value for name, value in inputs.items() if name in declared or name in aliases}


def _texts(value: object) -> list[object]:
    return value if isinstance(value, list) else []
