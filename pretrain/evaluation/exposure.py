"""Exposure bias: does a model err more among its own words than among true ones?

    teacher-forced   true prefix   → a token is drawn, judged, thrown away; true token
    free-running     own prefix    → a token is drawn, judged, and kept

In training a model only ever reads true text; writing, it reads what it wrote. Its
mistakes may then lead to places where it makes more of them (@bengio2015scheduled,
@ranzato2016sequence), or it may recover. In a language whose probabilities are known
both can be measured without a judge:

- `Microworld`: a token is an *error* if no document of the language goes on so. Up to
  the first error a text is a true prefix, so errors are well defined that far.
- `HiddenMarkov`: nothing is impossible, so the model's distance from the language,
  KL(p‖q) of the next token, is known after any prefix, its own ones too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pretrain.attention import causal
from pretrain.corpora.document import Document
from pretrain.corpora.markov import HiddenMarkov
from pretrain.corpora.microworld import exact
from pretrain.corpora.microworld.corpus import Language
from pretrain.evaluation.generation import Sampling, generate_batch
from pretrain.random import Generator, uniform

ROWS = 100


@dataclass(frozen=True)
class Survival:
    """Drawn tokens, judged. n texts.

    lengths (n,): tokens that were drawn and judged in each, ends counted.
    errors (n,): index of the first error, or −1.
    rates: (longest,) share of errors at each position among the texts judged there.
    """

    lengths: np.ndarray
    errors: np.ndarray
    rates: np.ndarray

    def share(self, t: int | None = None) -> float:
        """Texts without an error among their first t tokens (all by default)."""
        bad = self.errors >= 0
        return float(1 - np.mean(bad if t is None else bad & (self.errors < t)))


def possible(language: Language, tokens: Sequence[int], ended: bool) -> int:
    """How many of these tokens can begin a document: the index of the first error.

    ``ended``: the closing ``<doc>`` was drawn too, and counts as one token more.
    """
    masses, _ = exact.prefix_masses(language.root, list(tokens))
    checked = masses if ended else masses[:-1]
    return sum(mass > 0 for mass in checked) - 1


def free_running(
    model, language: Language, tokenizer, n: int, generator: Generator
) -> Survival:
    """Texts that the model writes from ``<doc>`` on, at temperature 1."""
    most = model.config.context - 2
    texts: list[list[int]] = []
    while len(texts) < n:
        prompts = [[]] * min(ROWS, n - len(texts))
        texts += generate_batch(
            model,
            prompts,
            tokenizer,
            Sampling(),
            generator=generator,
            max_tokens=most,
        )
    ended = [len(text) < most for text in texts]
    lengths = np.array([len(text) + e for text, e in zip(texts, ended, strict=True)])
    first = np.array(
        [possible(language, text, e) for text, e in zip(texts, ended, strict=True)]
    )
    errors = np.where(first < lengths, first, -1)
    return survival(lengths, errors)


@torch.no_grad()
def teacher_forced(
    model,
    language: Language,
    tokenizer,
    documents: Sequence[Document],
    generator: Generator,
) -> Survival:
    """A token drawn after every prefix of true documents, and thrown away again.

    A document "survives" if no draw in it was an error: the share of survivors is what
    free running would give if every draw were made after a true prefix. ``rates`` count
    all the errors of a document, not only the first.
    """
    special = tokenizer.special
    barred = [i for i in special.ids if i != special.doc]
    lengths, errors = [], []
    longest = max(len(d.tokens) for d in documents) + 1
    wrong, judged = np.zeros(longest), np.zeros(longest)
    for document in documents:
        true = [special.doc, *document.tokens, special.doc]
        logits = model(torch.tensor([true[:-1]]), causal())[0]  # (T,V)
        logits[:, barred] = -torch.inf
        reach = logits.double().softmax(-1).cumsum(-1)
        point = uniform((len(reach), 1), generator) * reach[:, -1:]
        drawn = (reach <= point).sum(-1).clamp(max=len(reach[0]) - 1).tolist()
        bad = [
            token != true[t + 1] and not possible_next(language, true[1 : t + 1], token)
            for t, token in enumerate(drawn)
        ]
        wrong[: len(bad)] += bad
        judged[: len(bad)] += 1
        lengths.append(len(bad))
        errors.append(bad.index(True) if any(bad) else -1)
    return Survival(np.array(lengths), np.array(errors), wrong / judged)


def possible_next(language: Language, prefix: list[int], token: int) -> bool:
    """Can the language go on so? ``token`` may be ``<doc>``, which ends a document."""
    masses, _ = exact.prefix_masses(language.root, [*prefix, token])
    if masses[len(prefix) + 1] > 0:
        return True
    return token == 1 and exact.prefix_masses(language.root, prefix)[0][-1] > 0


def survival(lengths: np.ndarray, errors: np.ndarray) -> Survival:
    """Rates of first errors: at each position, among the texts without one before."""
    last = np.where(errors < 0, lengths - 1, errors)  # the last token judged
    at = np.arange(lengths.max())[:, None]
    judged = (last >= at).sum(1)
    wrong = (errors == at).sum(1)
    return Survival(lengths, errors, wrong / np.maximum(judged, 1))


def independent(forced: Survival) -> float:
    """Survivors if errors came at each position's rate, whatever the document."""
    kept = np.cumprod(1 - forced.rates)
    return float(kept[forced.lengths - 1].mean())


# -- a language without impossible tokens -------------------------------------------


def next_probabilities(
    language: HiddenMarkov, rows: Sequence[Sequence[int]]
) -> list[np.ndarray]:
    """Exact p(next token | prefix) for every prefix of every row: (len + 1, V) each.

    The last row of each is what follows the whole text. Texts shorter than the
    language's longest only.
    """
    first, doc = language.tokenizer.special.reserved, language.tokenizer.special.doc
    found = []
    for row in rows:
        p = np.zeros((len(row) + 1, language.tokenizer.vocab_size))
        state = language.initial
        goes_on = 1.0
        for t in range(len(row) + 1):
            p[t, first:] = goes_on * (state @ language.emission)
            p[t, doc] = 1 - goes_on
            if t == len(row):
                break
            state = state * language.emission[:, row[t] - first]
            state = state / state.sum()
            goes_on = float(state @ (1 - language.stop))
            state = state * (1 - language.stop) / goes_on @ language.transition
        found.append(p)
    return found


@torch.no_grad()
def divergences(
    model, language: HiddenMarkov, rows: Sequence[Sequence[int]]
) -> list[np.ndarray]:
    """KL(p‖q) in nats of the next token after every prefix: (len + 1,) for each row.

    Over texts of the language its mean is the excess of the loss, by definition.
    """
    doc = language.tokenizer.special.doc
    found = []
    for row, p in zip(rows, next_probabilities(language, rows), strict=True):
        q = model(torch.tensor([[doc, *row]]), causal())[0].double().log_softmax(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(p > 0, p * (np.log(p) - q.numpy()), 0.0)
        found.append(terms.sum(1))
    return found
