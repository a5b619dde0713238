"""docs/assertions.md, from the docstrings of the assertions."""

from __future__ import annotations

from onbook.docstring import markdown
from onbook.testing.assertions.table import BUILT_IN, known

_THEMES = {
    "Texts": ("equals", "contains", "starts-with", "ends-with", "regex"),
    "JSON and tools": ("is-json", "json-schema", "json-path", "tool-called"),
    "Numbers and size": ("number", "length", "tokens", "cost", "latency"),
    "Against a reference": ("similarity", "rouge-1", "rouge-2", "rouge-l", "bleu", "chrf"),
    "Manner": ("language", "refusal"),
    "Judges": ("judge", "faithfulness", "answer-relevance", "context-precision", "evaluator"),
    "Of other assertions": ("not", "any", "all"),
}
_INTRO = """\
# Assertions

An assertion says what must hold of an answer. It is a mapping of one name to its argument, in a case or, for all cases
of a prompt, in its suite; `onbook explain contains` prints one of these texts:

```yaml
# support/triage.suite.yml
assert:
  - json-schema: true
  - json-path: {path: $.label, equals: "{{expected}}"}
  - rouge-l: {to: "{{expected}}", min: 0.5}
    weight: 2
```

**The row.** A text may hold `{{column}}`: an input of the case, or `expected`. It is replaced once, without spaces in
the braces. A name that is no column is an error before any call is made, as are an unknown assertion, an unknown key
and an argument that means nothing; a misspelt word never passes.

**What could not be checked** (a library that is not installed, a price that nobody knows, a judge that gave no verdict,
a share of nothing) is an error of the case, also within `not`. It never passes.

**Scores.** A case passes when all of its assertions hold. Each also has a score from 0 to 1: 1 or 0 where it only holds
or does not, else the measure itself. With `score: 0.8` in the suite a case passes instead when the mean of the scores,
weighted by `weight` (default 1), is at least 0.8. The suite's `threshold` is another thing: the share of cases that
must pass.

**Whole sets.** `metrics` in the suite counts labels over all cases, with the repeats of a case as one, those that are
marked `xfail` included:

```yaml
metrics:
  label: {path: $.label, accuracy: 0.9, macro-f1: 0.85}
```

The label is the answer itself, or what stands at `path` of a JSON answer; `expected` is the case's `expected` (or what
stands at `expected-path` of it). An answer without a readable label is wrong. `accuracy` and `macro-f1` are the least
values that pass. Macro-F1 is the mean of F1 over the labels that are expected or given, F1 = 2TP / (2TP + FP + FN), as
scikit-learn's `f1_score(average="macro")` has it. The report gives both, with the table of confusion.

**Conversations and chains.** A case may hold `history`, a list of `{role, content}`, for a prompt with a `history`
slot. A `chain`, in a case or in the suite, asks several prompts one after the other. The last is the prompt itself,
whose answer is what assertions look at. Every step is a recording of its own, marked with its `step`:

```yaml
chain:
  - support/intent
  - prompt: support/search
    as: passages
    inputs: {query: "{{intent.query}}"}
  - support/answer
```

A step is given each input that it declares and that the case or an earlier step has by that name; `inputs` says it
otherwise. A step's answer is JSON where its prompt answers in JSON, else text. Steps before the last run on their own
prompt's model.

**Judges.** A judge's verdict is the state of a case. It fails the check only once the judge's agreement with people is
measured on this prompt's answers: Cohen's kappa of at least 0.61 on at least 20 answers that people labelled. Until
then it is told as a warning. See [testing.md](testing.md#judges-and-labels).

**Plug-ins** are classes that an installed package names in the entry-point group `onbook.assertions`; see
[CONTRIBUTING.md](../CONTRIBUTING.md). Code is never named in, or loaded from, a prompt's files.

Examples are written as rows: `answer` is what the model said, `expected` and `inputs` are the case's. Each one is run
by onbook's own tests. This page is generated: `python -m onbook.testing.assertions docs/assertions.md`.
"""


def page() -> str:
    """The page, in Markdown."""
    parts = [_INTRO]
    named = {name for group in _THEMES.values() for name in group}
    themes = {**_THEMES, "Others": tuple(name for name in BUILT_IN if name not in named)}
    for theme, group in themes.items():
        if group:
            parts.append(f"## {theme}\n")
            parts += [f"### {name}\n\n{text_of(name)}\n" for name in group]
    return "\n".join(parts)


def text_of(name: str) -> str:
    """What an assertion says of itself, in Markdown; empty where there is none of that name.

    Raises:
        AssertionUseError: the package that adds it cannot be loaded.
    """
    kind = known(name)
    return markdown(type(kind)) if kind else ""
