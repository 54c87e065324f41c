"""Filling the spans of a source with a model of span corruption, in either form.

    source   The  <extra_0>  on  the  <extra_1>  .
    answer   <extra_0>  cat  sat  <extra_1>  mat  <extra_2>
             given      written   given      …    says that the last span is over

The sentinels of the answer are known, since the source holds them; only the spans are
written, each until the model chooses the sentinel that comes next. So the answer always
belongs to its source, and ``objectives.span.restore`` gives the whole document.
"""

import torch
from torch import Tensor

from pretrain.errors import PretrainError
from pretrain.objectives.rewriting import Rewriting, one_stack, two_stacks
from pretrain.objectives.span import sentinel_ids
from pretrain.tokens import Tokenizer


@torch.no_grad()
def fill_spans(
    model,
    source: list[int],
    tokenizer: Tokenizer,
    objective: Rewriting,
    max_tokens: int = 16,
) -> list[int]:
    """The greedy answer to a source, its sentinels included.

    ``source`` is without its ``<doc>``, as ``rewrite`` gives it. A span ends after
    ``max_tokens`` in any case. The model reads all again for each token, which is fine
    for short texts. Raises PretrainError when there is no sentinel in the source.
    """
    special = tokenizer.special
    sentinels = sentinel_ids(special)
    asked = [token for token in source if token in sentinels]
    if not asked or asked != list(sentinels[: len(asked)]):
        raise PretrainError(
            "nothing to fill: put <extra_0>, <extra_1> … in this order where spans are "
            "missing"
        )
    if len(asked) == len(sentinels):
        raise PretrainError(
            f"{len(asked)} spans need one sentinel more, to end the last: give the "
            "tokenizer more sentinels"
        )
    barred = torch.tensor(special.ids)
    answer: list[int] = []
    for sentinel, following in zip(asked, sentinels[1:], strict=False):
        answer.append(sentinel)
        for _ in range(max_tokens):
            logits = _next(model, source, answer, tokenizer, objective)
            ends = logits[following].clone()
            logits[barred] = -torch.inf
            logits[following] = ends
            token = int(logits.argmax())
            if token == following:
                break
            answer.append(token)
    return [*answer, sentinels[len(asked)]]


def _next(model, source, answer, tokenizer, objective) -> Tensor:
    """The logits (V,) of what follows an answer so far, read as in training."""
    special = tokenizer.special
    join = one_stack if objective.form == "one-stack" else two_stacks
    batch = join([[(source, [*answer, special.pad])]], special.doc, special.pad)
    batch = batch.to(next(model.parameters()).device)
    hidden = objective.hidden(model, batch)  # (1,T,D)
    return model.logits(hidden[0, -1]).float().cpu()
