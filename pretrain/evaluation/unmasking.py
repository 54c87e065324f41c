"""Writing with a masked model: fill a page of gaps, some at each pass.

    pass 1   The  ____ ____ ____  mat   .
    pass 2   The  cat  ____ ____  mat   .
    pass 3   The  cat  ____  the  mat   .

In a random order, one gap a pass, this draws from the model that masked diffusion
bounds (@sahoo2024simple). Filling the surest gaps first is Mask-Predict's idea
(@ghazvininejad2019mask): better text, and no longer a sample of any stated model.
Several gaps a pass are faster, and assume that they are independent.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from pretrain.attention import full, same_document
from pretrain.errors import PretrainError
from pretrain.evaluation.generation import Sampling, probabilities
from pretrain.random import Generator, uniform
from pretrain.tokens import Tokenizer

Order = Literal["random", "surest", "left to right"]


@torch.no_grad()
def unmask(
    model,
    ids: Tensor,
    tokenizer: Tokenizer,
    sampling: Sampling | None = None,
    *,
    order: Order = "random",
    passes: int | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Fill every ``<mask>`` of ids (B,T); returns a new tensor.

    ``passes`` is in how many reads of a row its gaps are filled: as many as the fullest
    row has gaps by default, one gap a pass. Padding is not attended to. Raises
    PretrainError for an order that does not exist, fewer than one pass, or sampling
    without a generator.
    """
    sampling = sampling or Sampling()
    if order not in ("random", "surest", "left to right"):
        raise PretrainError(
            f'the order is {order!r}: give "random", "surest" or "left to right"'
        )
    special = tokenizer.special
    if special.mask is None:
        raise PretrainError("this tokenizer has no <mask>: build it with mask=True")
    if generator is None and (order == "random" or sampling.temperature > 0):
        raise PretrainError("unmasking draws at random: give it a generator")
    left = int((ids == special.mask).sum(1).max()) if ids.numel() else 0
    passes = left if passes is None else passes
    if left and passes < 1:
        raise PretrainError(f"{passes} passes fill nothing: give 1 or more")
    ids = ids.clone()
    device = next(model.parameters()).device
    pattern = full() & same_document(torch.where(ids == special.pad, -1, 0))
    while left:
        gaps = ids == special.mask  # (B,T)
        logits = model(ids.to(device), pattern).float().cpu()  # (B,T,V)
        logits[..., list(special.ids)] = -torch.inf
        p = probabilities(logits, sampling)
        drawn, sure = _draw(p, sampling, generator)
        if order == "random":
            rank = uniform(ids.shape, generator).double()
        elif order == "surest":
            rank = sure
        else:
            rank = -torch.arange(ids.shape[1]).expand_as(ids).double()
        rank = rank.masked_fill(~gaps, -torch.inf)
        here = math.ceil(left / max(passes, 1))
        best = rank.topk(here, 1).indices
        chosen = torch.zeros_like(gaps).scatter_(1, best, True) & gaps
        ids = torch.where(chosen, drawn, ids)
        left, passes = int((ids == special.mask).sum(1).max()), passes - 1
    return ids


def _draw(
    p: Tensor, sampling: Sampling, generator: Generator | None
) -> tuple[Tensor, Tensor]:
    """A token for each place (B,T), and how sure the model was of it (B,T)."""
    if sampling.temperature == 0:
        drawn = p.argmax(-1)
    else:
        reach = p.double().cumsum(-1)
        point = uniform(p.shape[:2], generator)[..., None].double() * reach[..., -1:]
        drawn = (reach <= point).sum(-1).clamp(max=p.shape[-1] - 1)
    return drawn, p.gather(-1, drawn[..., None])[..., 0].double()
