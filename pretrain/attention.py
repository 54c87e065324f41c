"""Who may look where: attention patterns as small objects that compose.

A pattern answers one question: may position q attend to position k? It says nothing
about what is corrupted (the inputs) or what is scored (the targets). Patterns combine
with ``&`` (both must allow it) and ``|`` (either may), and can draw themselves.

    causal() & same_document(ids)      packed rows for a causal model
    full() & same_document(ids)        the same rows for a masked model
    causal() | prefix(k)               a prefix LM: two-way prefix, causal rest

``attend`` computes the attention itself: PyTorch's fused kernel, with its
``is_causal`` shortcut when the pattern is exactly causal, and FlexAttention for long
rows on a GPU, where it skips the blocks that nobody may see.

Legend: B batch, T positions, N heads, H head width. Positions count from 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.errors import PretrainError

Rule = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Pattern:
    """Who may attend to whom.

    ``rule(b, q, k)`` takes integer tensors that broadcast (row of the batch, query
    position, key position) and returns a boolean tensor: True where q may see k.
    ``rows`` is the batch size that the rule knows about, or None when every row of a
    batch follows the same rule.
    """

    name: str
    rule: Rule
    rows: int | None = None

    def mask(self, length: int, device: torch.device | str = "cpu") -> Tensor:
        """The pattern as booleans (B or 1, T, T): entry (b, q, k), True = may see."""
        index = torch.arange(length, device=device)
        row = torch.arange(self.rows or 1, device=device)
        seen = self.rule(row[:, None, None], index[None, :, None], index[None, None])
        return seen.expand(self.rows or 1, length, length)

    def __and__(self, other: "Pattern") -> "Pattern":
        return _combine(self, other, "and", torch.logical_and)

    def __or__(self, other: "Pattern") -> "Pattern":
        return _combine(self, other, "or", torch.logical_or)

    def draw(
        self, tokens: list[str] | None = None, length: int = 8, row: int = 0, ax=None
    ):
        """Draw the pattern as a grid: one row a query, one column a key.

        A filled square with a dot means "may see", so that the picture does not rest
        on color alone. ``tokens`` labels the axes and sets the length.
        """
        from matplotlib import pyplot as plt

        from pretrain.style import PALETTE

        length = len(tokens) if tokens else length
        seen = self.mask(length)[row if self.rows else 0]
        ax = ax or plt.subplots(figsize=(0.42 * length + 1, 0.42 * length + 1))[1]
        for q in range(length):
            for k in range(length):
                color = PALETTE["allowed"] if seen[q, k] else PALETTE["blocked"]
                ax.add_patch(
                    plt.Rectangle((k - 0.46, q - 0.46), 0.92, 0.92, color=color)
                )
                if seen[q, k]:
                    ax.plot(k, q, "o", color=PALETTE["paper"], markersize=3)
        labels = tokens or [str(i) for i in range(length)]
        ax.set_xticks(range(length), labels, rotation=90 if tokens else 0)
        ax.set_yticks(range(length), labels)
        ax.set(xlim=(-0.5, length - 0.5), ylim=(length - 0.5, -0.5), title=self.name)
        ax.set(xlabel="is seen (key)", ylabel="looks (query)", aspect="equal")
        ax.tick_params(length=0)
        ax.grid(False)
        for side in ax.spines.values():
            side.set_visible(False)
        return ax


def _combine(a: Pattern, b: Pattern, word: str, join: Callable) -> Pattern:
    if a.rows and b.rows and a.rows != b.rows:
        raise PretrainError(
            f"cannot combine attention patterns for {a.rows} and for {b.rows} rows: "
            "build both from the same batch"
        )
    # Causal and full are kept as objects so that `is_causal` can be recognized.
    if FULL in (a, b):
        if word == "or":
            return FULL
        return b if a is FULL else a
    names = (
        f"({p.name})" if word == "and" and " or " in p.name else p.name for p in (a, b)
    )
    return Pattern(
        name=f" {word} ".join(names),
        rule=lambda r, q, k: join(a.rule(r, q, k), b.rule(r, q, k)),
        rows=a.rows or b.rows,
    )


CAUSAL = Pattern("causal", lambda b, q, k: k <= q)
FULL = Pattern("full", lambda b, q, k: (q == q) & (k == k))


def causal() -> Pattern:
    """Each position sees itself and everything before it. @radford2018improving"""
    return CAUSAL


def full() -> Pattern:
    """Each position sees every position. @devlin2019bert"""
    return FULL


def prefix(k: int | Tensor) -> Pattern:
    """Each position sees the first k positions; ``causal() | prefix(k)`` is prefix LM.

    ``k`` is one number for all rows or a (B,) tensor. k = 0 shows nothing, so that
    ``causal() | prefix(0)`` equals ``causal()``. @raffel2020exploring
    """
    if isinstance(k, Tensor):
        return Pattern("prefix", lambda b, q, key: key < k.to(key.device)[b], len(k))
    if k < 0:
        raise PretrainError(f"a prefix of {k} tokens: give 0 or more")
    return Pattern(f"prefix({k})", lambda b, q, key: (key < k) & (q == q))


def window(width: int) -> Pattern:
    """Each position sees those fewer than ``width`` steps away, on either side."""
    if width < 1:
        raise PretrainError(f"a window of {width} positions: give 1 or more")
    return Pattern(f"window({width})", lambda b, q, k: (q - k).abs() < width)


def same_document(documents: Tensor) -> Pattern:
    """Positions see each other inside one document only.

    ``documents`` (B,T) holds a number for each position's document, −1 for padding.
    A padding position sees itself, so that no row of the softmax is empty; nothing
    else sees it. Longer rows than T raise PretrainError. @krell2021efficient
    """

    def rule(b: Tensor, q: Tensor, k: Tensor) -> Tensor:
        ids = documents.to(k.device)
        if k.ndim and k.shape[-1] > ids.shape[1]:
            raise PretrainError(
                f"document numbers for {ids.shape[1]} positions cannot say who sees "
                f"whom in a row of {k.shape[-1]}: build the pattern from the same batch"
            )
        of_query, of_key = ids[b, q], ids[b, k]
        return ((of_query == of_key) & (of_key >= 0)) | (q == k)

    return Pattern("same document", rule, len(documents))


def rows_of(pattern: Pattern, rows: slice) -> Pattern:
    """The pattern of some rows of a batch, for cutting a batch into micro-batches."""
    if pattern.rows is None:
        return pattern
    start, stop, _ = rows.indices(pattern.rows)
    return Pattern(
        pattern.name, lambda b, q, k: pattern.rule(b + start, q, k), stop - start
    )


FLEX_LENGTH = 1024
"""From this many positions on, a GPU skips blocks with FlexAttention."""


def prepare(pattern: Pattern, length: int, device: torch.device | str):
    """What :func:`attend` needs of a pattern, made once for all layers of a model.

    None for the causal and the full pattern, which need nothing; FlexAttention's block
    mask for long rows on a GPU; otherwise the mask (B or 1, T, T) itself.
    """
    if pattern in (CAUSAL, FULL):
        return None
    if torch.device(device).type == "cuda" and length >= FLEX_LENGTH:
        return block_mask(pattern, length, device)
    return pattern.mask(length, device)


def attend(q: Tensor, k: Tensor, v: Tensor, pattern: Pattern, prepared=None) -> Tensor:
    """Softmax attention under a pattern. q, k, v: (B,N,T,H). Returns (B,N,T,H).

    ``prepared`` is what :func:`prepare` gave for the pattern, if the caller has it.
    """
    if pattern is CAUSAL:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    if pattern is FULL:
        return F.scaled_dot_product_attention(q, k, v)
    if prepared is None:
        prepared = prepare(pattern, q.shape[2], q.device)
    if isinstance(prepared, Tensor):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=prepared[:, None])
    return _flex(q.is_cuda)(q, k, v, block_mask=prepared)


def block_mask(pattern: Pattern, length: int, device: torch.device | str):
    """FlexAttention's form of a pattern: which blocks of positions to look at."""
    from torch.nn.attention.flex_attention import create_block_mask

    return create_block_mask(
        lambda b, h, query, key: pattern.rule(b, query, key),
        B=pattern.rows,
        H=None,
        Q_LEN=length,
        KV_LEN=length,
        device=device,
    )


@lru_cache
def _flex(compiled: bool):
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention) if compiled else flex_attention
