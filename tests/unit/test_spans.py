"""Filling spans: answers belong to their source, and a trained model's are right."""

import numpy as np
import pytest
import torch

from pretrain import tokens
from pretrain.corpora.document import Document
from pretrain.corpora.extended import WithTokens
from pretrain.encoder_decoder import EncoderDecoderConfig
from pretrain.errors import PretrainError
from pretrain.evaluation.spans import fill_spans
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig, redraw
from pretrain.objectives import SpanCorruption
from pretrain.objectives.rewriting import one_stack, two_stacks
from pretrain.objectives.span import restore, sentinel_ids
from pretrain.training import Budget, fit

FORMS = ["one-stack", "encoder-decoder"]


class Counting:
    """Documents that count upward from a random start: every span has one answer."""

    name = "counting"

    def __init__(self):
        self.tokenizer = tokens.words([f"w{i}" for i in range(10)])

    def stream(self, split, seed):
        random = np.random.default_rng(seed)
        while True:
            start = random.integers(10)
            yield [int(4 + (start + i) % 10) for i in range(12)]

    def heldout(self, split="validation", n=None):
        stream = self.stream(split, 99)
        found = [tuple(ids) for ids, _ in zip(stream, range(n or 4), strict=False)]
        return [Document(ids, "x") for ids in found]


def setting(form):
    objective = SpanCorruption(rate=0.33, mean_span=2.0, sentinels=8, form=form)
    corpus = WithTokens(Counting(), objective.extra_tokens)
    sizes = dict(width=32, depth=2, heads=2, context=64)
    kind = ModelConfig if form == "one-stack" else EncoderDecoderConfig
    return objective, corpus, kind(corpus.tokenizer.vocab_size, **sizes)


@pytest.mark.parametrize("form", FORMS)
def test_any_model_gives_an_answer_that_fits(form):
    objective, corpus, config = setting(form)
    words = corpus.tokenizer
    first, second = sentinel_ids(words.special)[:2]
    source = [4, first, 7, 8, second]
    for seed in range(5):
        model = redraw(config.build(), seed).eval()
        answer = fill_spans(model, source, words, objective, max_tokens=3)
        whole = restore(source, answer, words.special)
        assert len(whole) <= 3 + 2 * 3 and not set(whole) & set(words.special.ids)


@torch.no_grad()
@pytest.mark.parametrize("form", FORMS)
def test_the_answer_is_what_training_would_score_best(form):
    """At every written place the token is the arg-max under the training batch."""
    objective, corpus, config = setting(form)
    special = corpus.tokenizer.special
    first, *_ = sentinel_ids(special)
    model = redraw(config.build(), 3).eval()
    source = [4, 5, first, 9]
    answer = fill_spans(model, source, corpus.tokenizer, objective, max_tokens=4)
    join = one_stack if form == "one-stack" else two_stacks
    batch = join([[(source, answer)]], special.doc, special.pad)
    logits = model.logits(objective.hidden(model, batch))[batch.scored]
    assert batch.targets[batch.targets != IGNORE].tolist() == answer
    barred = [i for i in special.ids if i != sentinel_ids(special)[1]]
    logits[:, barred] = -torch.inf
    best = logits.argmax(-1).tolist()
    written = len(answer) - 2
    assert best[1 : 1 + written] == answer[1 : 1 + written]


@pytest.mark.parametrize("form", FORMS)
def test_a_trained_model_fills_spans_right(form):
    objective, corpus, config = setting(form)
    budget = Budget(tokens=200 * 8 * 26, rows=8, length=26, evaluations=1, held_out=4)
    run = fit(config, objective, corpus, budget, device="cpu", progress=False)
    words = corpus.tokenizer
    first, second = sentinel_ids(words.special)[:2]
    text = [4 + i % 10 for i in range(12)]
    # Four tokens in two spans, the second at the end, as T5's masks always have it.
    for a, b, c in ((1, 3, 10), (2, 5, 11), (7, 8, 9)):
        source = [*text[:a], first, *text[b:c], second]
        answer = fill_spans(run.model, source, words, objective)
        assert restore(source, answer, words.special) == text


def test_errors():
    objective, corpus, config = setting("one-stack")
    words, model = corpus.tokenizer, config.build()
    sentinels = sentinel_ids(words.special)
    for source in ([4, 5], [4, sentinels[1]]):
        with pytest.raises(PretrainError, match="nothing to fill"):
            fill_spans(model, source, words, objective)
    with pytest.raises(PretrainError, match="one sentinel more"):
        fill_spans(model, list(sentinels), words, objective)
