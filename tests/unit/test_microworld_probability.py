"""Exact probabilities of Microworld, against enumeration and Monte Carlo."""

import math
from collections import Counter
from itertools import islice
from random import Random

import numpy as np
import pytest

from pretrain.corpora.microworld import Language, Microworld
from pretrain.corpora.microworld.exact import enumerate_documents
from pretrain.corpora.microworld.grammar import Grammar, load
from pretrain.errors import PretrainError
from pretrain.evaluation.likelihood import evaluation_set, floor, scored_tokens
from pretrain.objectives import Masked

# Sums of up to 10⁶ doubles, each with a relative error of about 1e-16 a factor.
ROUNDING = 1e-9


@pytest.fixture(scope="module")
def world():
    return Microworld()


@pytest.fixture(scope="module")
def reduced():
    """The real grammar with three entities in each lexicon, all of it enumerable."""
    return Grammar(load(), at_most=3)


def distribution(language):
    texts = Counter()
    for ids, probability in enumerate_documents(language.root):
        texts[ids] += probability
    return texts


def toy(*templates, **lexicons):
    file = {
        "kind": "toy",
        "numbers": 6,
        "lexicons": {
            name: {"role": "", "fields": ["text", "weight"], "rows": rows}
            for name, rows in lexicons.items()
        },
        "documents": {"toy": list(templates)},
    }
    return Language(Grammar([file]))


def say(language, words):
    return [language.grammar.ids[word] for word in words.split()]


@pytest.mark.parametrize("kind", [f["kind"] for f in load() if "kind" in f])
def test_every_template_of_the_reduced_grammar_sums_to_one(reduced, kind):
    for root in reduced.kinds[kind].items:
        texts = distribution(Language(reduced, root))
        assert math.isclose(sum(texts.values()), 1, abs_tol=ROUNDING)


def test_enumerated_probabilities_are_those_of_the_walk(reduced):
    rng = Random(0)
    for choice in reduced.kinds.values():
        root = rng.choice(choice.items)
        language = Language(reduced, root)
        texts = distribution(language)
        for ids in rng.sample(sorted(texts), min(5, len(texts))):
            found = language.log_probability(ids)
            assert math.isclose(found, math.log(texts[ids]), abs_tol=ROUNDING)


def test_monte_carlo_entropy_meets_enumerated_entropy():
    small = {None, "pairs", "bank", "capitals", "chats", "sums", "code"}
    files = [f for f in load() if f.get("kind") in small]
    files.append({"lexicons": {"thing": THING}})
    grammar = Grammar(files, at_most=3)
    language = Language(grammar)
    texts = distribution(language)
    assert math.isclose(sum(texts.values()), 1, abs_tol=ROUNDING)
    nats = -sum(p * math.log(p) for p in texts.values())
    tokens = sum(p * (len(ids) + 1) for ids, p in texts.items())
    estimate, error = language.entropy(2000, seed=1)
    assert 0 < error < 0.05
    assert abs(estimate - nats / tokens) < 3 * error


THING = {"role": "what", "fields": ["text"], "rows": [["key"], ["hat"], ["map"]]}


def test_log_probability_is_the_sum_of_surprisals(world):
    for document in world.heldout("validation", 50):
        total = world.log_probability(document.tokens)
        assert math.isclose(-document.surprisals.sum(), total, abs_tol=ROUNDING)
        assert document.surprisals.shape == (len(document.tokens) + 1,)
        assert (document.surprisals > -ROUNDING).all()


def test_surprisals_of_a_grammar_done_by_hand():
    language = toy("{a:x} {b:x-a} {.|! .^3}", x=[["u", 1], ["v", 2], ["w", 1]])
    # u: 1/4; then v, of v and w: 2/3; then "." alone: 1/4; then the end: 1.
    found = language.surprisals(say(language, "u v ."))
    assert np.allclose(found, -np.log([1 / 4, 2 / 3, 1 / 4, 1]), atol=ROUNDING)


def test_numbers_depend_on_numbers():
    language = toy("{x:2..6} - {y:1..x-1} = {=x-y}")
    found = math.exp(language.log_probability(say(language, "3 - 1 = 2")))
    assert math.isclose(found, 1 / 5 * 1 / 2, abs_tol=ROUNDING)
    assert language.log_probability(say(language, "3 - 1 = 1")) == -math.inf


def test_derivations_that_leave_no_trace_are_summed():
    language = toy("{h<-x} {a|b}", "a", x=[["u", 1], ["v", 2]])
    ids = say(language, "a")
    assert language.derivations(ids) == 3  # two silent draws, and the other template
    # 1/2 for each template; in the first, "a" is half of it whatever was drawn.
    assert math.isclose(math.exp(language.log_probability(ids)), 0.75)
    texts = distribution(language)
    assert math.isclose(texts[tuple(ids)], 0.75)


def test_most_documents_have_one_derivation(world):
    source = world.stream("train", 3)
    counts = [world.derivations(ids) for ids in islice(source, 300)]
    assert min(counts) == 1
    assert max(counts) <= 3


def test_what_the_language_cannot_say(world):
    ids = list(world.heldout("validation", 1)[0].tokens)
    assert world.log_probability(ids[:-1]) == -math.inf
    assert world.log_probability([*ids, ids[-1]]) == -math.inf
    assert world.log_probability([]) == -math.inf
    assert world.log_probability([world.tokenizer.special.unk]) == -math.inf
    assert world.derivations(ids[:-1]) == 0
    with pytest.raises(PretrainError, match="not in the language"):
        world.surprisals(ids[:-1])
    with pytest.raises(PretrainError, match="No document"):
        world.posterior([ids[0], ids[0], None])


def test_posterior_is_bayes_over_the_enumeration(reduced):
    language = Language(reduced, reduced.kinds["bank"].items[0])
    texts = distribution(language)
    ids = max(texts, key=lambda t: (len(t), t))
    masked = [None if i % 3 == 1 else token for i, token in enumerate(ids)]
    agree = {
        other: p
        for other, p in texts.items()
        if len(other) == len(ids)
        and all(m in (None, t) for m, t in zip(masked, other, strict=True))
    }
    total = sum(agree.values())
    for i, table in enumerate(language.posterior(masked)):
        expected = Counter()
        for other, p in agree.items():
            expected[other[i]] += p / total
        assert table.keys() == expected.keys()
        assert all(math.isclose(table[t], expected[t], abs_tol=ROUNDING) for t in table)


def test_masked_surprisals_are_conditionals_of_the_enumeration():
    lexicons = {"x": [["u", 1], ["v", 3]], "y": [["r", 2], ["s", 1], ["u", 4]]}
    language = toy("{a:x} saw {b:y} . {=a} ran", "u saw {b:y} and v ran", **lexicons)
    texts = distribution(language)
    ids = tuple(say(language, "u saw s . u ran"))
    hidden = [4, 0, 2, 3]  # in the order asked for
    agree = {
        other: p
        for other, p in texts.items()
        if len(other) == len(ids)
        and all(other[i] == ids[i] for i in range(len(ids)) if i not in hidden)
    }
    expected = [
        math.log(sum(agree.values()))
        - math.log(sum(p for other, p in agree.items() if other[i] == ids[i]))
        for i in hidden
    ]
    assert max(expected) > 0.5, "something is uncertain here"
    found = language.masked_surprisals(ids, hidden)
    np.testing.assert_allclose(found, expected, atol=ROUNDING)
    assert language.masked_surprisals(ids, []).shape == (0,)


def test_masked_surprisals_refuse_what_has_no_answer(world):
    ids = list(world.heldout("validation", 1)[0].tokens)
    for wrong in (len(ids), -1):
        with pytest.raises(PretrainError, match="cannot all be masked"):
            world.masked_surprisals(ids, [0, wrong])
    with pytest.raises(PretrainError, match="not in the language"):
        world.masked_surprisals([*ids[:-1], ids[0]], [len(ids) - 1])


def test_a_masked_evaluation_set_has_a_floor(world):
    held_out = evaluation_set(world, Masked(), n=30)
    best = floor(world, held_out)
    scored = scored_tokens(held_out)
    assert best.shape == (30,) and (best > -ROUNDING).all()
    mean = best.sum() / sum(map(len, scored))
    uniform = math.log(world.tokenizer.vocab_size)
    assert 0.05 < mean < uniform / 5, "uncertain, and far better than guessing"


def test_the_two_banks_are_told_apart_by_what_follows(world):
    def adjective(text):
        ids = world.tokenizer.encode(text)
        table = world.posterior([i if i != UNK else None for i in ids])[3]
        return {world.tokenizer.token(i): p for i, p in table.items()}

    UNK = world.tokenizer.special.unk
    money = adjective("The bank was ___ , so Tom kept the money in his coat.")
    river = adjective("The bank was ___ , so Tom walked slowly down to the river.")
    assert money == {"closed": pytest.approx(1)}
    assert river == {"steep": pytest.approx(1)}
