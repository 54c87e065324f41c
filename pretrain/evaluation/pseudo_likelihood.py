"""Pseudo-log-likelihood: what a masked model says of a whole text.

    <doc> [the] cat sat      hide one token, read its −log p from the rest
    <doc> the [cat] sat
    <doc> the cat [sat]      the sum over all of them is the pseudo-log-likelihood

    PLL(x) = Σ_t ln p(x_t | all other tokens of x)

It ranks texts well and is **not a log-likelihood**: its factors are not those of the
chain rule, exp PLL does not sum to 1 over texts, and two tokens that give each other
away (the halves of "San Francisco") both look certain, so that neither is paid for.
Its pseudo-perplexity, exp(−PLL / tokens), is therefore no perplexity, and not to be
compared with a causal model's, which sees the left side alone. @salazar2020masked

Cost: one row for every token, T rows of T tokens for a document, against one row for
a causal model. The closing ``<doc>`` is never masked, and not scored.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pretrain.attention import full
from pretrain.corpora.document import Document
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.losses import token_losses

ROWS = 64


@dataclass(frozen=True)
class PseudoScore:
    """Pseudo-log-likelihoods of documents.

    nats (n,): −PLL of each document. counts (n,): its tokens.
    """

    nats: np.ndarray
    counts: np.ndarray

    @property
    def mean(self) -> float:
        """Nats per token, over all tokens together."""
        if not self.counts.sum():
            raise EmptyLossError("the documents hold no tokens: give longer ones")
        return float(self.nats.sum() / self.counts.sum())

    @property
    def pseudo_perplexity(self) -> float:
        """exp of the mean; no perplexity of a language model."""
        return math.exp(min(self.mean, 700.0))


def pseudo_score(
    model, documents: Sequence[Document], tokenizer, rows: int = ROWS
) -> PseudoScore:
    """−PLL of each document under a masked model. Raises as `pseudo_surprisals_all`."""
    texts = [document.tokens for document in documents]
    found = pseudo_surprisals_all(model, texts, tokenizer, rows)
    return PseudoScore(
        np.array([nats.sum() for nats in found]),
        np.array([len(tokens) for tokens in texts], dtype=np.int64),
    )


def pseudo_log_likelihood(model, tokens: Sequence[int], tokenizer) -> float:
    """PLL of one text in nats, 0 or less: compare texts of the same length by it."""
    return -float(pseudo_surprisals(model, tokens, tokenizer).sum())


def pseudo_surprisals(
    model, tokens: Sequence[int], tokenizer, rows: int = ROWS
) -> np.ndarray:
    """(T,) nats: −ln p of each token given all the others, each masked alone."""
    return pseudo_surprisals_all(model, [tokens], tokenizer, rows)[0]


@torch.no_grad()
def pseudo_surprisals_all(
    model, texts: Sequence[Sequence[int]], tokenizer, rows: int = ROWS
) -> list[np.ndarray]:
    """`pseudo_surprisals` of many texts, ``rows`` rows of one length at a time.

    A row is ``<doc>`` and the tokens, which is what an evaluation of a masked model
    lets it see. Raises PretrainError when the tokenizer has no ``<mask>``, when a text
    holds special tokens, and when one does not fit the model's context.
    """
    special = tokenizer.special
    if special.mask is None:
        raise PretrainError(
            "this tokenizer has no <mask> token, so nothing can be masked: build it "
            "with mask=True"
        )
    for tokens in texts:
        if special.doc in tokens or special.mask in tokens or special.pad in tokens:
            raise PretrainError(
                "a text to score holds <doc>, <mask> or <pad>: give ordinary tokens "
                "alone, one document at a time"
            )
        if len(tokens) + 1 > model.config.context:
            raise PretrainError(
                f"a text of {len(tokens)} tokens and its <doc> do not fit a context of "
                f"{model.config.context}: cut it into parts and score each"
            )
    device = next(model.parameters()).device
    found = [np.zeros(len(tokens)) for tokens in texts]
    was_training = model.training
    model.eval()
    try:
        for group in _groups(texts, rows):
            inputs = torch.tensor([[special.doc, *texts[i]] for i, _ in group])
            row = torch.arange(len(group))
            place = torch.tensor([t + 1 for _, t in group])  # behind <doc>
            targets = inputs[row, place]  # (B,)
            inputs[row, place] = special.mask
            hidden = model.hidden(inputs.to(device), full())  # (B,T+1,D)
            logits = model.logits(hidden[row.to(device), place.to(device)])  # (B,V)
            nats = token_losses(logits, targets.to(device)).double().cpu().numpy()
            for (i, t), value in zip(group, nats, strict=True):
                found[i][t] = value
    finally:
        model.train(was_training)
    return found


def _groups(
    texts: Sequence[Sequence[int]], rows: int
) -> Iterator[list[tuple[int, int]]]:
    """(text, position) pairs, at most ``rows`` together and all of one length."""
    group: list[tuple[int, int]] = []
    for i in sorted(range(len(texts)), key=lambda i: len(texts[i])):
        if group and len(texts[group[0][0]]) != len(texts[i]):
            yield group
            group = []
        for t in range(len(texts[i])):
            group.append((i, t))
            if len(group) == rows:
                yield group
                group = []
    if group:
        yield group
