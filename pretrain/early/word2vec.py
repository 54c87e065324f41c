"""word2vec: word vectors without a language model (skip-gram, negative sampling).

    … a postcard from [ rome ] , the capital …       window: up to 2 words each side
                        │
       real pairs       ├─ from, postcard, the, “,”       push σ(v·u) toward 1
       noise words      └─ spoon, Tuesday, seven          push σ(v·u) toward 0

Nothing is predicted out of the whole vocabulary any more. A word's vector v has to
tell the words around it (their vectors u) from k words drawn at random, which costs
k + 1 products instead of V (@mikolov2013distributed):

    loss of a pair = −ln σ(v·u) − Σ_k ln σ(−v·u_noise)

Three details do much of the work. The window's reach is drawn anew for each word, from
1 to its maximum, so that near words count more. Frequent words are dropped at random
before the windows are laid. Noise is drawn in proportion to count^¾.

What the vectors converge to is known: where there are dimensions enough, v·u is
ln [P(w,c) / (P(w) P_noise(c))] − ln k, a shifted pointwise mutual information
(@levy2014neural). ``expected_loss`` is the loss with every pair and all noise counted
exactly, so that this can be seen.

What it does not do: hierarchical softmax, phrases, subword vectors. Cost: 1M tokens
of Microworld take one to two minutes on one core for three epochs; of the 552
analogies between its countries and their capitals 516 then come out right.

Legend: V vocabulary, D width, M pairs, K noise words for each pair.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.losses import Loss
from pretrain.random import generator_for
from pretrain.tokens import Tokenizer


@dataclass(frozen=True)
class SkipGram:
    """How the vectors are trained.

    width: D.  window: the farthest neighbor.  negatives: K.
    subsample: t; a word with share f of all words is dropped with probability
        1 − √(t/f) before windows are laid. 0 keeps every word.
    power: noise is drawn in proportion to count^power.
    epochs, batch, lr: passes over the documents, words a step, and Adam's highest
        learning rate, which falls to 0.
    """

    width: int = 64
    window: int = 5
    negatives: int = 5
    subsample: float = 1e-3
    power: float = 0.75
    epochs: int = 3
    batch: int = 1024
    lr: float = 0.02

    def __post_init__(self) -> None:
        sizes = (self.width, self.window, self.negatives, self.epochs, self.batch)
        if min(sizes) < 1 or self.subsample < 0:
            raise PretrainError(f"sizes start at 1 and subsample at 0: {self}")


@dataclass(frozen=True)
class Vectors:
    """Trained vectors: of words (V,D), of words as neighbors (V,D), and counts (V,)."""

    words: Tensor
    neighbors: Tensor
    counts: Tensor


def keep_probability(counts: Tensor, t: float) -> Tensor:
    """√(t/f), at most 1, for words of share f: (V,) counts to (V,). 1 where t is 0.

    The formula of @mikolov2013distributed; their program has √(t/f) + t/f.
    """
    if not t:
        return torch.ones_like(counts)
    shares = counts / counts.sum()
    return (t / shares.clamp(min=1e-12)).sqrt().clamp(max=1)


def noise_shares(counts: Tensor, power: float = 0.75) -> Tensor:
    """The distribution (V,) of noise words: in proportion to count^power."""
    raised = counts.double() ** power * (counts > 0)
    return raised / raised.sum()


def pairs(
    tokens: Tensor, documents: Tensor, reach: Tensor, window: int
) -> tuple[Tensor, Tensor]:
    """Words and their neighbors, both (M,), from a ribbon of documents.

    tokens, documents (N,): ids, and which document each is from; reach (N,): how far
    the window of each word goes, 1 to ``window``. Neighbors are in the same document.
    """
    words, neighbors = [], []
    for distance in range(1, window + 1):
        left, right = tokens[:-distance], tokens[distance:]
        same = documents[:-distance] == documents[distance:]
        for word, neighbor, own in (
            (left, right, reach[:-distance]),
            (right, left, reach[distance:]),
        ):
            inside = same & (own >= distance)
            words.append(word[inside])
            neighbors.append(neighbor[inside])
    return torch.cat(words), torch.cat(neighbors)


def negative_sampling_loss(word: Tensor, neighbor: Tensor, noise: Tensor) -> Loss:
    """The summed loss of M pairs in nats: vectors (M,D), (M,D) and (M,K,D).

    The count is of pairs. @mikolov2013distributed, equation 4
    """
    real = (word * neighbor).sum(-1)  # (M,)
    false = (noise @ word[..., None])[..., 0]  # (M,K)
    total = F.softplus(-real).sum() + F.softplus(false).sum()  # −ln σ(x), −ln σ(−x)
    return Loss(total, torch.tensor(len(word)))


def expected_loss(
    scores: Tensor, together: Tensor, noise: Tensor, negatives: int
) -> Tensor:
    """The loss that negative sampling has in expectation, in nats per pair.

    scores (V,V): v·u of each word and each neighbor; together (V,V): how often they
    are a pair; noise (V,): the distribution of noise words.
    """
    of_word = together.sum(1, keepdim=True)  # (V,1)
    total = together * F.softplus(-scores)
    total = total + negatives * of_word * noise * F.softplus(scores)
    return total.sum() / together.sum()


def best_scores(together: Tensor, noise: Tensor, negatives: int) -> Tensor:
    """The scores (V,V) at which :func:`expected_loss` is least; −inf for no pair.

    With noise in proportion to the neighbors' own counts: PMI − ln k. @levy2014neural
    """
    of_word = together.sum(1, keepdim=True)
    return (together / (of_word * noise)).log() - torch.tensor(negatives).log()


def ribbon(
    documents: Iterable[Sequence[int]], tokens: int | None = None
) -> tuple[Tensor, Tensor]:
    """Documents end to end: ids (N,) and document numbers (N,).

    With ``tokens`` reading stops after the document that reaches them. Raises
    EmptyCorpusError without a word.
    """
    ids: list[int] = []
    numbers: list[int] = []
    for number, document in enumerate(documents):
        ids += document
        numbers += [number] * len(document)
        if tokens is not None and len(ids) >= tokens:
            break
    if not ids:
        raise EmptyCorpusError("no word in these documents: give some text")
    return torch.tensor(ids), torch.tensor(numbers)


def train(
    documents: Iterable[Sequence[int]],
    tokenizer: Tokenizer,
    how: SkipGram | None = None,
    *,
    tokens: int | None = None,
    seed: int = 0,
) -> tuple[Vectors, list[float]]:
    """Vectors, and the mean loss of each epoch in nats per pair.

    ``tokens`` limits how much is read of a stream without end. Raises
    EmptyCorpusError without a word, PretrainError when no word has a neighbor.
    """
    how = how or SkipGram()
    ids, numbers = ribbon(documents, tokens)
    counts = torch.bincount(ids, minlength=tokenizer.vocab_size).float()
    keep = keep_probability(counts, how.subsample).float()
    edges = noise_shares(counts, how.power).cumsum(0)
    last = int(counts.nonzero()[-1])  # where rounding leaves the edges short of 1
    first = torch.empty(tokenizer.vocab_size, how.width)
    first.uniform_(-0.5, 0.5, generator=generator_for(seed)).div_(how.width)
    words = torch.nn.Parameter(first)
    neighbors = torch.nn.Parameter(torch.zeros_like(first))
    adam = torch.optim.Adam([words, neighbors], lr=how.lr)
    steps = how.epochs * -(-len(ids) // how.batch)
    losses, step = [], 0
    for epoch in range(how.epochs):
        random = generator_for(seed, epoch)
        kept = torch.rand(len(ids), generator=random) < keep[ids]
        until = F.pad(kept.cumsum(0), (1, 0))  # (N+1,) how many are kept before
        text, place = ids[kept], numbers[kept]
        reach = torch.randint(1, how.window + 1, text.shape, generator=random)
        total = Loss(torch.tensor(0.0), torch.tensor(0))
        for part in range(0, len(ids), how.batch):
            cut = slice(int(until[part]), int(until[min(part + how.batch, len(ids))]))
            word, near = pairs(text[cut], place[cut], reach[cut], how.window)
            step += 1
            if not len(word):
                continue
            draws = torch.rand(
                len(word), how.negatives, generator=random, dtype=torch.float64
            )
            noise = torch.searchsorted(edges, draws, right=True).clamp(max=last)
            u, u_noise = neighbors[near], neighbors[noise]  # (M,D), (M,K,D)
            loss = negative_sampling_loss(words[word], u, u_noise)
            adam.zero_grad()
            (loss.sum / len(word)).backward()
            adam.param_groups[0]["lr"] = how.lr * (1 - (step - 1) / steps)
            adam.step()
            total = total + Loss(loss.sum.detach(), loss.count)
        if not total.count:
            raise PretrainError(
                "no word has a neighbor: give longer documents, or a larger subsample"
            )
        losses.append(float(total.mean()))
    return Vectors(words.detach(), neighbors.detach(), counts), losses


def nearest(
    vectors: Vectors, query: Tensor, n: int = 5, leave_out: Sequence[int] = ()
) -> list[tuple[int, float]]:
    """The n words whose vectors have the highest cosine with ``query`` (D,).

    Words that never occurred are left out, and those of ``leave_out``.
    """
    unit = F.normalize(vectors.words, dim=1)
    cosine = unit @ F.normalize(query, dim=0)  # (V,)
    cosine[vectors.counts == 0] = -torch.inf
    cosine[list(leave_out)] = -torch.inf
    best = cosine.topk(n)
    return [(int(i), float(c)) for i, c in zip(best.indices, best.values, strict=True)]


def analogy(vectors: Vectors, a: int, b: int, c: int, n: int = 1) -> list[int]:
    """a is to b as c is to …: the words nearest to b − a + c, all of unit length.

    The three words themselves are left out, as is usual; without that the answer is
    often b or c. @mikolov2013linguistic
    """
    unit = F.normalize(vectors.words, dim=1)
    found = nearest(vectors, unit[b] - unit[a] + unit[c], n, (a, b, c))
    return [word for word, _ in found]


def analogy_accuracy(
    vectors: Vectors, relation: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """How many analogies between pairs (a, b) and (c, d) come out as d, of how many.

    All ordered couples of different pairs are asked: n pairs give n(n − 1) questions.
    """
    asked = [(p, q) for p in relation for q in relation if p != q]
    right = sum(analogy(vectors, *p, q[0])[0] == q[1] for p, q in asked)
    return right, len(asked)
