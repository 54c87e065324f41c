"""Probes: what can be read off a model's states by a straight line.

    x = features(model, documents, tokenizer, causal(), where="last")   # (n, D)
    few_label_curve(x, labels, per_class=(1, 4, 16), draws=20, seed=0)  # (3, 20)

A *probe* is a linear classifier on states that stay frozen: whatever it finds was
there, in a form that a weighted sum can read. It says nothing of what the model itself
makes of it, and nothing of what fine-tuning all weights could reach.

What it does not do: tune the probe. Its regularization has one fixed strength, so that
no label is spent on choosing one; features are therefore brought to one scale first, or
a larger vector would only mean a weaker penalty.
"""

from collections.abc import Sequence

import numpy as np
import torch

from pretrain.attention import Pattern, same_document
from pretrain.corpora.document import Document
from pretrain.errors import PretrainError
from pretrain.model import Transformer
from pretrain.packing import rows_from
from pretrain.tokens import Tokenizer

ROWS = 64


@torch.no_grad()
def features(
    model: Transformer,
    documents: Sequence[Document],
    tokenizer: Tokenizer,
    attention: Pattern,
    where: str | Sequence[int] = "mean",
    layer: int | None = None,
) -> np.ndarray:
    """One state a document: (n, D) float64, from a model that is left as it was.

    Every document is read alone and whole, after ``<doc>``, under ``attention``: the
    pattern that the model was trained with, ``causal()`` or ``full()``.

    Args:
        where: "mean" of the states at all the document's tokens (without ``<doc>``);
            the state at its "last" token; or one index into ``document.tokens`` for
            each document.
        layer: the states after that many blocks, 0 being the embedding; None is what
            the output layer reads, the last block's states normalized.

    Raises PretrainError for no documents, an empty one, or one that is too long for
    the model; for an index outside its document; for a layer that is not there.
    """
    documents = list(documents)
    ends = np.array([len(document.tokens) for document in documents])
    if not len(ends) or ends.min() < 1:
        raise PretrainError("features need documents of one token or more: drop others")
    if layer is not None and not 0 <= layer <= len(model.blocks):
        raise PretrainError(
            f"there is no layer {layer}: this model has {len(model.blocks)} blocks, "
            "so layers are 0 (the embedding) to that"
        )
    places = _places(where, ends)
    order = np.argsort(ends, kind="stable")  # little padding in each batch
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    found = np.zeros((len(ends), model.config.width))
    try:
        for first in range(0, len(order), ROWS):
            chosen = order[first : first + ROWS]
            longest = ends[chosen].max()
            rows = rows_from(
                [
                    [
                        tokenizer.special.doc,
                        *documents[i].tokens,
                        *[tokenizer.special.pad] * (longest - ends[i]),
                    ]
                    for i in chosen
                ],
                tokenizer.special,
            )
            pattern = attention
            if ends[chosen].min() < longest:
                pattern = attention & same_document(rows.documents)
            states = _states(model, rows.tokens.to(device), pattern, layer)
            states = states[:, 1:].double().cpu().numpy()  # (B,T,D), <doc> left out
            for i, row in zip(chosen, states, strict=True):
                kept = row[: ends[i]]
                found[i] = kept.mean(0) if places is None else kept[places[i]]
    finally:
        model.train(was_training)
    return found


def few_label_curve(
    features: np.ndarray,
    labels: Sequence,
    per_class: Sequence[int],
    draws: int,
    seed: int,
) -> np.ndarray:
    """Accuracy of a linear probe with few labels: (len(per_class), draws), 0 to 1.

    A draw sets max(per_class) examples of every class aside to be labeled; all others
    are the test set, the same for every point of the draw's curve. Smaller sets are
    parts of larger ones. The same seed draws the same examples for any features of as
    many documents, so that curves can be compared draw by draw.

    The probe is scikit-learn's LogisticRegression at its default strength (C = 1), on
    features that are centered and divided by one number, so that the mean variance of
    a column is 1. That looks at all features and at no label.

    Raises PretrainError when sizes do not match, when there are fewer than two
    classes, and when a class has no example left to test on.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    x, y = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if x.ndim != 2 or y.ndim != 1 or len(x) != len(y):
        raise PretrainError(
            f"features of shape {x.shape} and labels of shape {y.shape}: give (n, D) "
            "and (n,)"
        )
    if not len(per_class) or min(per_class) < 1 or draws < 1:
        raise PretrainError("per_class and draws start at 1")
    most = max(per_class)
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise PretrainError("there is nothing to tell apart: give labels of 2 classes")
    if counts.min() <= most:
        raise PretrainError(
            f"the class {classes[counts.argmin()]!s} has {counts.min()} examples: for "
            f"{most} labels and a test set it takes {most + 1} or more"
        )
    x = x - x.mean(0)
    x /= np.sqrt((x**2).mean()) or 1.0
    random = np.random.default_rng(seed)
    accuracies = np.zeros((len(per_class), draws))
    for draw in range(draws):
        pools = [random.permutation(np.flatnonzero(y == c))[:most] for c in classes]
        test = np.setdiff1d(np.arange(len(y)), np.concatenate(pools))
        for i, size in enumerate(per_class):
            labeled = np.concatenate([pool[:size] for pool in pools])
            with threadpool_limits(1):  # so small a problem is slower on more
                probe = LogisticRegression(max_iter=2000).fit(x[labeled], y[labeled])
                accuracies[i, draw] = probe.score(x[test], y[test])
    return accuracies


def _places(where: str | Sequence[int], ends: np.ndarray) -> np.ndarray | None:
    """The index (n,) of the state to take from each document; None is their mean."""
    if isinstance(where, str):
        if where not in ("mean", "last"):
            raise PretrainError(
                f'where={where!r}: say "mean", "last", or one index a document'
            )
        return None if where == "mean" else ends - 1
    places = np.asarray(where)
    if places.shape != ends.shape:
        raise PretrainError(
            f"{places.size} places for {len(ends)} documents: give one index for each"
        )
    outside = (places < 0) | (places >= ends)
    if outside.any():
        i = int(outside.argmax())
        raise PretrainError(
            f"document {i} has {ends[i]} tokens and no index {places[i]}: count from 0"
        )
    return places


def _states(
    model: Transformer, tokens: torch.Tensor, pattern: Pattern, layer: int | None
) -> torch.Tensor:
    """The states (B,T,D) for tokens (B,T) after ``layer`` blocks."""
    if layer is None:
        return model.hidden(tokens, pattern)
    kept = {}
    if layer == 0:
        hook = model.blocks[0].register_forward_pre_hook(
            lambda _, arguments: kept.update(x=arguments[0])
        )
    else:
        hook = model.blocks[layer - 1].register_forward_hook(
            lambda _, arguments, out: kept.update(x=out)
        )
    try:
        model.hidden(tokens, pattern)
    finally:
        hook.remove()
    return kept["x"]
