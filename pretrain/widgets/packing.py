"""The packing widget: documents in, rows out, and what that costs.

    whole    <doc> A A A <doc> B B | B            a document is cut, its end is lost
    concat   <doc> A A A <doc> B B | B B <doc>    nothing is lost, documents are split
    pad      <doc> A A A <doc> _ _ | <doc> B B    one document a row, and padding

The rows are those of `packing.pack`, the attention that of `objectives.causal`. A leak
is a pair of positions: one that is scored, and one of another document that it sees.
"""

import traitlets
from torch import Tensor

from pretrain.batch import PADDING, Batch
from pretrain.errors import PretrainError
from pretrain.objectives.causal import Causal
from pretrain.packing import pack, rows_from
from pretrain.tokens import Special
from pretrain.widgets.base import Widget, box, label, module, one_of, svg, words

STRATEGIES = ("whole", "concat", "pad")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TEXT = """The ferry left at noon.
Nobody had seen the letter before.
Rain again.
The old mill by the river was sold twice in one year.
Why?"""


def documents_of(text: str) -> list[list[str]]:
    """The tokens of each line that has some: a line is a document."""
    return [found for line in text.split("\n") if (found := words(line))]


def name_of(i: int) -> str:
    """A document's letter; the 27th is A1."""
    return LETTERS[i % 26] + (str(i // 26) if i >= 26 else "")


class Packing(Widget):
    """Pack documents into rows and see padding, cuts and leaks.

    text: one document a line. length: T, the positions of a row, 4 to 16. strategy:
    "whole", "concat" or "pad". blocked: keep attention inside each document. row: the
    row whose attention is drawn, from 0.
    """

    _esm = module("packing")
    heights = (1120, 1630)

    text = traitlets.Unicode(TEXT).tag(sync=True)
    length = traitlets.Int(12).tag(sync=True)
    strategy = traitlets.Unicode("whole").tag(sync=True)
    blocked = traitlets.Bool(False).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)

    @traitlets.validate("length")
    def _check_length(self, proposal):
        if not 4 <= proposal["value"] <= 16:
            raise PretrainError(
                f"rows of {proposal['value']} positions: give 4 to 16, which can be "
                "drawn"
            )
        return proposal["value"]

    @traitlets.validate("strategy")
    def _check_strategy(self, proposal):
        return one_of("strategy", proposal["value"], STRATEGIES)

    @traitlets.validate("row")
    def _check_row(self, proposal):
        if proposal["value"] < 0:
            raise PretrainError("the row is a place, counted from 0")
        return proposal["value"]

    def result(self) -> dict:
        """What the widget shows.

        "rows": their tokens, T + 1 each, as [document, place] pairs; "<doc>" and
        "<pad>" stand for themselves. "fates": of each document, "whole", "split",
        "cut" or "lost". "seen", "leaks": of each query of the chosen row, a 1 for every
        key that it sees, or must not. "compare": the sums of each strategy.
        """
        sizes = [len(document) for document in documents_of(self.text)]
        packs = {way: packed(sizes, self.length, way) for way in STRATEGIES}
        rows = packs[self.strategy]
        found = {
            "rows": rows,
            "fates": fates(rows, sizes),
            "compare": {
                way: sums(packs[way], sizes, self.blocked) for way in STRATEGIES
            },
        }
        if not rows:
            return found | {"seen": [], "leaks": []}
        at = min(self.row, len(rows) - 1)
        masks = (mask[at] for mask in attention(batch_of(rows, self.blocked)))
        seen, leaks = (
            ["".join(str(int(x)) for x in line) for line in mask] for mask in masks
        )
        return found | {"seen": seen, "leaks": leaks}

    def alt(self) -> str:
        result = self.result()
        told = result["compare"][self.strategy]
        return (
            f"{len(result['fates'])} documents packed into {told['rows']} rows of "
            f"{self.length} by the strategy {self.strategy}: {told['padding']} "
            f"places are padding, {told['dropped']} tokens are dropped, {told['cut']} "
            f"documents are not in one piece, {told['leaks']} pairs leak."
        )

    def picture(self) -> str:
        result, documents = self.result(), documents_of(self.text)
        parts = [label(8, 18, f"Packing: {self.strategy}", font_weight="bold")]
        width = 684 / (self.length + 1)
        letters = int(width / 7)
        for i, row in enumerate(result["rows"][:20]):
            for j, place in enumerate(row):
                x, y = 8 + width * j, 30 + 40 * i
                parts.append(
                    box(x, y, width - 2, 36, "paper", stroke="#c9d0d8", rx=3)
                )
                if isinstance(place, str):
                    parts.append(label(x + 3, y + 30, place, "muted", font_size=11))
                    continue
                token = documents[place[0]][place[1]][:letters]
                name = name_of(place[0])
                parts.append(label(x + 3, y + 14, name, "causal", font_size=11))
                parts.append(label(x + 3, y + 30, token, font_size=11))
        y = 46 + 40 * min(len(result["rows"]), 20)
        parts.append(label(8, y, "The last column is a target only.", "muted"))
        return svg(700, y + 14, parts, self.alt())


def packed(sizes: list[int], length: int, strategy: str) -> list[list]:
    """The rows of `pack` for documents of these sizes, as [document, place] pairs.

    The documents are packed as numbers that are all different, so that each place of a
    row tells where it is from.
    """
    special = Special()
    places = [[d, i] for d, size in enumerate(sizes) for i in range(size)]
    ids = iter(range(special.reserved, special.reserved + len(places)))
    documents = [[next(ids) for _ in range(size)] for size in sizes]
    names = {special.doc: "<doc>", special.pad: "<pad>"}
    return [
        [names[i] if i in names else places[i - special.reserved] for i in row]
        for row in pack(documents, special, length, strategy)
    ]


def fates(rows: list[list], sizes: list[int]) -> list[str]:
    """What becomes of each document, from the places in the rows.

    "whole": all of it stands in one row; "split": all of it, in several rows; "cut":
    a part of it is nowhere; "lost": all of it is nowhere.
    """
    found = []
    for document, size in enumerate(sizes):
        held = [
            {place[1] for place in row if place[0] == document} for row in rows
        ]
        kept = len(set().union(*held)) if held else 0
        if kept < size:
            found.append("cut" if kept else "lost")
        else:
            found.append("whole" if size in map(len, held) else "split")
    return found


def batch_of(rows: list[list], blocked: bool) -> Batch:
    """What the causal objective makes of the rows; ordinary tokens are all the same."""
    special = Special()
    ids = {"<doc>": special.doc, "<pad>": special.pad}
    tokens = [
        [ids[place] if isinstance(place, str) else special.reserved for place in row]
        for row in rows
    ]
    return Causal(within_documents=blocked)(rows_from(tokens, special))


def attention(batch: Batch) -> tuple[Tensor, Tensor]:
    """(B,T,T) booleans: who sees whom, and which of these pairs leak."""
    B, T = batch.inputs.shape
    seen = batch.attention.mask(T).expand(B, T, T)
    number = batch.documents
    other = (number[:, :, None] != number[:, None]) & (number != PADDING)[:, None]
    return seen, seen & other & batch.scored[:, :, None]


def sums(rows: list[list], sizes: list[int], blocked: bool) -> dict:
    """Rows, padding, scored and dropped tokens, documents not in one piece, leaks.

    Padding is counted among the T inputs of each row.
    """
    held = {tuple(place) for row in rows for place in row if not isinstance(place, str)}
    batch = batch_of(rows, blocked) if rows else None
    return {
        "rows": len(rows),
        "padding": int((batch.documents == PADDING).sum()) if rows else 0,
        "scored": batch.count if rows else 0,
        "dropped": sum(sizes) - len(held),
        "cut": sum(fate != "whole" for fate in fates(rows, sizes)),
        "leaks": int(attention(batch)[1].sum()) if rows else 0,
    }
