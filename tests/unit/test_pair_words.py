"""The baseline that reads no word order: exact where the answer can be enumerated."""

from random import Random

import numpy as np
import pytest

from pretrain import tokens
from pretrain.corpora.finite import FiniteCorpus, Text
from pretrain.errors import PretrainError
from pretrain.evaluation.pair_words import Bags, accuracy, bags
from pretrain.objectives.pairs import Pairs

TOPICS = ("abcdefgh", "klmnopqr")


@pytest.fixture(scope="module")
def corpus() -> FiniteCorpus:
    """Two topics of eight words each; two sentences of six words on one topic."""
    random, texts = Random(0), []
    for i in range(1200):
        said = [" ".join(random.choices(TOPICS[i % 2], k=6)) for _ in range(2)]
        texts.append(Text(". ".join(said) + ".", kind="even odd".split()[i % 2]))
    splits = {"train": texts, "validation": texts[:2]}
    return FiniteCorpus("topics", splits, tokens.words([*TOPICS[0], *TOPICS[1], "."]))


def test_two_topics_give_three_quarters_and_one_topic_gives_none(corpus):
    """Half of the false pairs mix topics, and no other is told: ½ + ½ · ½ = 0.75.

    Four standard errors of 600 independent couples: 0.07 for labels that couples share.
    """
    found = {}
    for same_kind in (False, True):
        objective = Pairs("nsp", same_kind=same_kind)
        train = bags(objective, corpus, "train", 1200)
        test = bags(objective, corpus, "train", 1200, seed=1)
        found[same_kind] = accuracy(train, test, topics=4)
    assert abs(found[False].value - 0.75) < 0.07
    assert abs(found[True].value - 0.5) < 0.07
    low, high = found[False].interval
    assert low < found[False].value < high


def test_together_knows_nothing_of_the_order(corpus):
    """Features of (A, B) and (B, A) are equal, so SOP's accuracy is at chance."""
    from pretrain.evaluation.pair_words import _Topics

    train = bags(Pairs("sop"), corpus, "train", 400)
    space = _Topics(train, 4)
    turned = Bags(train.second, train.first, train.labels)
    same = space.features(train, "together"), space.features(turned, "together")
    np.testing.assert_allclose(*same, rtol=0, atol=1e-6)  # float32 products
    apart = space.features(train, "apart"), space.features(turned, "apart")
    assert not np.allclose(*apart)


def test_bags_count_the_words_of_each_segment(corpus):
    found = bags(Pairs("sop"), corpus, "train", 50)
    assert found.first.shape == (50, corpus.tokenizer.vocab_size)
    assert (found.first.sum(1) == 7).all() and (found.second.sum(1) == 7).all()
    assert set(found.labels.tolist()) == {0, 1}


def test_bad_input_is_refused(corpus):
    with pytest.raises(PretrainError, match="no labels"):
        bags(Pairs(None), corpus, "train", 4)
    some = bags(Pairs("sop"), corpus, "train", 5)
    with pytest.raises(PretrainError, match="even number"):
        accuracy(some, some)
    with pytest.raises(PretrainError, match="together"):
        accuracy(some, some, "neither")
