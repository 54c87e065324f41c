"""The attention-pattern explorer: who may look where, and what a wrong mask gives away.

                keys                 ●  the query sees the key
              A   B   C   D          ·  it does not
    query A   ●   ·   ✕   ·          ✕  it does, and must not: a leak
          B   ●   ●   ·   ✕

The patterns are those of `pretrain.attention`. What counts as a leak depends on the
task: who predicts the next token must not see it, and nobody may look into another
document of a packed row.
"""

import torch
import traitlets

from pretrain.attention import Pattern, causal, full, prefix, same_document, window
from pretrain.errors import PretrainError
from pretrain.widgets.base import Number, Widget, box, label, module, one_of, svg, words

PATTERNS = ("causal", "full", "prefix")
TASKS = ("next", "masked", "prefix")
MOST = 16
"""Tokens of a row that are shown."""
TEXT = "The bank was steep. | The bank was closed."


def row_of(text: str) -> tuple[list[str], torch.Tensor]:
    """The tokens of a text, at most `MOST`, and their documents (1,T), `|` between."""
    parts = [words(part) for part in text.split("|")]
    parts = [part for part in parts if part]
    tokens = [token for part in parts for token in part]
    documents = [i for i, part in enumerate(parts) for _ in part]
    return tokens[:MOST], torch.tensor([documents[:MOST]])


def right_for(task: str, k: int, documents: torch.Tensor) -> Pattern:
    """The most that each position may see when the model learns `task`."""
    patterns = {"next": causal(), "masked": full(), "prefix": causal() | prefix(k)}
    return patterns[task] & same_document(documents)


class AttentionExplorer(Widget):
    """Choose an attention pattern and see, query by query, what it lets through.

    text: the row's tokens; ``|`` starts another document. pattern: "causal", "full" or
    "prefix" (the first `k` tokens seen by all, the rest causal). by_document: only
    inside a document. windowed: only fewer than `width` steps away. task: what is
    learned, "next" token, "masked" tokens, or the rest after a "prefix". query: the
    position whose keys are told, from 0.
    """

    _esm = module("attention")
    heights = (858, 1125)

    text = traitlets.Unicode(TEXT).tag(sync=True)
    pattern = traitlets.Unicode("causal").tag(sync=True)
    task = traitlets.Unicode("next").tag(sync=True)
    k = Number(3, 0, MOST).tag(sync=True)
    by_document = traitlets.Bool(False).tag(sync=True)
    windowed = traitlets.Bool(False).tag(sync=True)
    width = Number(3, 1, MOST).tag(sync=True)
    query = traitlets.Int(6).tag(sync=True)

    @traitlets.validate("pattern")
    def _check_pattern(self, proposal):
        return one_of("pattern", proposal["value"], PATTERNS)

    @traitlets.validate("task")
    def _check_task(self, proposal):
        return one_of("task", proposal["value"], TASKS)

    @traitlets.validate("query")
    def _check_query(self, proposal):
        if proposal["value"] < 0:
            raise PretrainError("the query is a position, counted from 0")
        return proposal["value"]

    def result(self) -> dict:
        """What the widget shows: tokens, and row by row what each query sees.

        A row of "seen" has a 1 where the query sees the key; one of "leaks" has a 1
        where it must not.
        """
        tokens, documents = row_of(self.text)
        k, width = int(self.k), int(self.width)
        chosen = {"causal": causal(), "full": full(), "prefix": causal() | prefix(k)}
        pattern = chosen[self.pattern]
        if self.by_document:
            pattern = pattern & same_document(documents)
        if self.windowed:
            pattern = pattern & window(width)
        seen = pattern.mask(len(tokens))[0]
        leaks = seen & ~right_for(self.task, k, documents).mask(len(tokens))[0]

        def rows(mask):
            return ["".join(str(int(x)) for x in row) for row in mask]

        return {"tokens": tokens, "seen": rows(seen), "leaks": rows(leaks)}

    def alt(self) -> str:
        result = self.result() if words(self.text) else {"seen": [], "leaks": []}
        seen, leaks = ("".join(result[name]).count("1") for name in ("seen", "leaks"))
        return (
            f"A grid of {len(result['seen'])} queries by as many keys; the pattern is "
            f"{self.pattern}: {seen} pairs are allowed, and {leaks} of these are leaks."
        )

    def picture(self) -> str:
        parts = [label(8, 18, f"Attention: {self.pattern}", font_weight="bold")]
        result = self.result() if words(self.text) else {"tokens": []}
        for q, token in enumerate(result["tokens"]):
            y = 30 + 24 * q
            parts.append(label(108, y + 16, token[:14], anchor="end"))
            for k in range(len(result["tokens"])):
                seen, leak = result["seen"][q][k] == "1", result["leaks"][q][k] == "1"
                x = 116 + 24 * k
                parts.append(box(x, y, 22, 22, "blocked"))
                glyph = "✕" if leak else "●" if seen else "·"
                color = "masked" if leak else "allowed" if seen else "muted"
                parts.append(label(x + 11, y + 16, glyph, color, anchor="middle"))
        y = 54 + 24 * len(result["tokens"])
        parts.append(label(8, y, "Rows look, columns are seen: ● yes · no ✕ a leak"))
        return svg(520, y + 12, parts, self.alt())
