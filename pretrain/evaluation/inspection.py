"""Looking inside: where a head looks, and what a logit can depend on.

- ``attention_weights``: the softmax weights of one layer, which the fused kernel uses
  and never returns.
- ``influence``: how strongly the logits at q change with the embedding at k: the
  Jacobian. It is zero exactly where no path of attention leads from q to k.
- ``moved``, ``leaks``: the same question without derivatives, by changing a token.
- ``reach``: the answer that an attention pattern promises for a depth.

``influence`` and ``moved`` test a mask only when every weight counts: a model whose
output projections are zero depends on nothing but its own position, so any leak in it
is invisible. Call ``redraw`` first.

These functions look at one row and cost a backward pass (or a forward pass) for each of
its positions; they are for small models and short rows.

Legend: B batch, T positions, D width, N heads, V vocabulary.
"""

import math

import torch
from torch import Tensor

from pretrain.attention import Pattern, causal
from pretrain.errors import PretrainError
from pretrain.model import Transformer


@torch.no_grad()
def attention_weights(
    model: Transformer,
    inputs: Tensor,
    attention: Pattern | None = None,
    layer: int = 0,
    positions: Tensor | None = None,
) -> Tensor:
    """The attention weights (B,N,T,T) of one layer for token ids (B,T).

    Entry (b, n, q, k) is the share of position k in what head n fetches for
    position q; each row sums to 1. Computed by hand from the layer's own queries
    and keys. Raises PretrainError when there is no such layer.
    @vaswani2017attention
    """
    if not 0 <= layer < len(model.blocks):
        raise PretrainError(
            f"there is no layer {layer}: this model has {len(model.blocks)}, counted "
            "from 0"
        )
    attention = attention or causal()
    seen = {}
    module = model.blocks[layer].attention
    hook = module.register_forward_pre_hook(
        lambda _, arguments: seen.update(x=arguments[0], turns=arguments[1])
    )
    try:
        model.hidden(inputs, attention, positions)
    finally:
        hook.remove()
    q, k, _ = module.project(seen["x"], seen["turns"])  # (B,N,T,H)
    scores = q @ k.mT / math.sqrt(q.shape[-1])  # (B,N,T,T)
    allowed = attention.mask(inputs.shape[1], inputs.device)[:, None]
    return scores.masked_fill(~allowed, -torch.inf).softmax(-1)


def influence(
    model: Transformer,
    inputs: Tensor,
    attention: Pattern | None = None,
    positions: Tensor | None = None,
    probes: int = 4,
) -> Tensor:
    """How strongly the logits of one row depend on its embeddings: (T,T) for (1,T).

    Entry (q, k) estimates the Frobenius norm of the Jacobian of the logits at q with
    respect to the token embedding at k, over √V: a root mean square over ``probes``
    random directions in the space of logits. It is exactly 0 where nothing depends.
    """
    _one_row(inputs)
    kept = {}

    def cut(module, arguments, embedded):
        kept["x"] = embedded.detach().requires_grad_()  # (1,T,D)
        return kept["x"]

    hook = model.embedding.register_forward_hook(cut)
    try:
        logits = model(inputs, attention, positions)[0]  # (T,V)
    finally:
        hook.remove()
    T, V = logits.shape
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(probes, V, generator=generator).to(logits) / math.sqrt(V)
    squares = torch.zeros(T, T, dtype=logits.dtype, device=logits.device)
    for direction in directions:
        for q in range(T):
            slope = torch.autograd.grad(
                logits[q] @ direction, kept["x"], retain_graph=True
            )[0]
            squares[q] += slope[0].square().sum(-1) / probes
    return squares.sqrt()


@torch.no_grad()
def moved(
    model: Transformer,
    inputs: Tensor,
    attention: Pattern | None = None,
    positions: Tensor | None = None,
) -> Tensor:
    """By how much logits move when a token is changed: (T,T) for one row (1,T).

    Entry (q, k) is the largest absolute change of a logit at position q when the
    token at k is replaced by another one. Every forward pass has the same shape, so
    that a logit that does not depend on a token moves by exactly 0.
    """
    _one_row(inputs)
    before = model(inputs, attention, positions)[0]  # (T,V)
    columns = []
    for k in range(inputs.shape[1]):
        other = inputs.clone()
        other[0, k] = (other[0, k] + 1) % model.config.vocab_size
        after = model(other, attention, positions)[0]
        columns.append((after - before).abs().amax(-1))  # (T,)
    return torch.stack(columns, dim=1)


def reach(pattern: Pattern, length: int, depth: int = 1) -> Tensor:
    """(B or 1, T, T): which positions can influence which after ``depth`` layers.

    One layer lets q see what the pattern allows, and itself through the residual
    stream; each further layer takes one more such step, so this is a boolean power.
    """
    step = pattern.mask(length) | torch.eye(length, dtype=torch.bool)
    found = step
    for _ in range(depth - 1):
        found = (found.float() @ step.float()) > 0
    return found


def leaks(
    model: Transformer,
    inputs: Tensor,
    used: Pattern,
    claimed: Pattern,
    positions: Tensor | None = None,
) -> bool:
    """Whether the model, run under one pattern, sees what another one forbids.

    ``used`` is what the model is given, ``claimed`` what it ought to respect; with the
    same pattern twice the answer must be False. A model with zero-initialized outputs
    never leaks, whatever it is given: call ``redraw`` first. inputs: one row (1,T).
    """
    allowed = reach(claimed, inputs.shape[1], model.config.depth)[0]
    changed = moved(model, inputs, used, positions).cpu() > 0
    return bool((changed & ~allowed).any())


def _one_row(inputs: Tensor) -> None:
    if inputs.ndim != 2 or len(inputs) != 1:
        raise PretrainError(
            f"inputs of shape {tuple(inputs.shape)}: give one row, of shape (1, T)"
        )
