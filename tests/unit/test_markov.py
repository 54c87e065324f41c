"""The hidden Markov language against brute force.

The tiny languages below have so few documents that all of them, and all hidden paths
under them, can be listed. Exact recursions and enumeration differ by rounding alone:
sums of a few hundred float64 products stay within 1e-12.
"""

import dataclasses
import itertools

import numpy as np
import pytest

from pretrain.corpora.markov import HiddenMarkov, chain, chain_entropies, weather
from pretrain.errors import PretrainError

EXACT = 1e-12
FIRST = 4  # the id of the first word
WEATHER = weather()


def tiny(**changes) -> HiddenMarkov:
    """2 states, 3 words, at most 4 of them: 3 + 9 + 27 + 81 documents."""
    values = dict(
        name="tiny",
        states=("calm", "wild"),
        words=("a", "b", "c"),
        initial=[0.7, 0.3],
        transition=[[0.8, 0.2], [0.4, 0.6]],
        emission=[[0.6, 0.3, 0.1], [0.0, 0.25, 0.75]],
        stop=[0.2, 0.5],
        max_length=4,
    )
    return HiddenMarkov(**(values | changes))


def every_document(language: HiddenMarkov) -> list[tuple[int, ...]]:
    ids = range(FIRST, FIRST + len(language.words))
    lengths = range(1, language.max_length + 1)
    return [d for n in lengths for d in itertools.product(ids, repeat=n)]


def path_probability(language: HiddenMarkov, document, path) -> float:
    """p(document, hidden path), written out factor by factor."""
    p = language.initial[path[0]]
    for t, (token, state) in enumerate(zip(document, path, strict=True)):
        p *= language.emission[state, token - FIRST]
        last = t + 1 == language.max_length
        stop = 1.0 if last else language.stop[state]
        if t + 1 == len(document):
            return p * stop
        p *= (1 - stop) * language.transition[state, path[t + 1]]
    raise AssertionError("a document has at least one word")


def by_enumeration(language: HiddenMarkov) -> dict[tuple[int, ...], float]:
    """p of every document, summed over all hidden paths."""
    states = range(len(language.states))
    return {
        document: sum(
            path_probability(language, document, path)
            for path in itertools.product(states, repeat=len(document))
        )
        for document in every_document(language)
    }


TINY = tiny()
TABLE = by_enumeration(TINY)


def test_the_enumerated_probabilities_add_up_to_one():
    assert sum(TABLE.values()) == pytest.approx(1, abs=EXACT)


def test_document_probabilities_equal_the_enumerated_ones():
    for document, p in TABLE.items():
        assert np.exp(TINY.log_prob(document)) == pytest.approx(p, abs=EXACT)


def test_surprisals_are_ratios_of_prefix_masses():
    """−log p(next | before) = −log of the mass of documents with the longer prefix
    over the mass of those with the shorter one."""
    for document in [(4,), (4, 5), (6, 6, 5), (4, 5, 6, 6), (5, 4, 4, 6)]:
        masses = [
            sum(p for other, p in TABLE.items() if other[:n] == document[:n])
            for n in range(len(document) + 1)
        ]
        masses.append(TABLE[document])  # the end: this document and no longer one
        expected = -np.diff(np.log(masses))
        np.testing.assert_allclose(TINY.surprisals(document), expected, atol=EXACT)


def test_many_documents_at_once_equal_one_at_a_time():
    documents = every_document(TINY)
    together = TINY.surprisals_all(documents)
    for document, nats in zip(documents, together, strict=True):
        np.testing.assert_array_equal(nats, TINY.surprisals(document))


@pytest.mark.parametrize("stop", [[0.2, 0.5], [0.3, 0.3], [0.0, 1.0]])
def test_masked_surprisals_equal_conditionals_of_the_enumeration(stop):
    """Every document of 3 and 4 words, every set of masked positions."""
    language = tiny(stop=stop)
    table = by_enumeration(language)
    checked = 0
    for document, p in table.items():
        if len(document) < 3 or p == 0:
            continue
        for size in range(1, len(document) + 1):
            for masked in itertools.combinations(range(len(document)), size):
                same = [
                    (other, q)
                    for other, q in table.items()
                    if len(other) == len(document)
                    and all(
                        other[t] == document[t]
                        for t in range(len(document))
                        if t not in masked
                    )
                ]
                total = sum(q for _, q in same)
                expected = [
                    -np.log(sum(q for o, q in same if o[t] == document[t]) / total)
                    for t in masked
                ]
                found = language.masked_surprisals(document, masked)
                np.testing.assert_allclose(found, expected, atol=EXACT)
                checked += 1
    assert checked > 30


def test_posteriors_add_up_to_one_and_ignore_what_is_hidden():
    documents = [(4, 5, 6), (6, 5, 6)]  # they differ where the mask is
    posteriors = TINY.posteriors(documents, [[0], [0]])
    np.testing.assert_allclose(posteriors.sum(-1), 1, atol=EXACT)
    np.testing.assert_array_equal(posteriors[0], posteriors[1])


def test_a_fully_masked_document_leaves_its_length_alone():
    """With all words masked, the first has p(word | length)."""
    posterior = TINY.posteriors([(4, 4)], [[0, 1]])[0, 0]
    pairs = {d: p for d, p in TABLE.items() if len(d) == 2}
    for word in range(3):
        mass = sum(p for d, p in pairs.items() if d[0] == word + FIRST)
        expected = mass / sum(pairs.values())
        assert posterior[word] == pytest.approx(expected, abs=EXACT)


def test_the_sampler_draws_from_the_enumerated_distribution():
    """Monte-Carlo entropy against the exact one, and frequencies against p."""
    exact = -sum(p * np.log(p) for p in TABLE.values() if p > 0)
    n = 20_000
    drawn = [tuple(d) for d, _ in zip(TINY.stream("train", 0), range(n), strict=False)]
    nats = np.array([row.sum() for row in TINY.surprisals_all(drawn)])
    assert np.isfinite(nats).all()
    error = nats.std() / np.sqrt(n)
    assert abs(nats.mean() - exact) < 4 * error  # 1 chance in 16,000 for a right one
    for document in [(4,), (6,), (4, 4), (6, 6), (4, 5, 6, 6)]:
        p, share = TABLE[document], drawn.count(document) / n
        assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / n)


def test_long_documents_do_not_underflow():
    long = weather(max_length=5000)
    document = [FIRST] * 5000
    assert np.isfinite(long.log_prob(document))
    assert long.log_prob(document) < -1000  # exp of which is 0 in float64
    assert np.isfinite(long.masked_surprisals(document, [0, 2500, 4999])).all()


def test_context_on_both_sides_matters_in_the_weather():
    """The masked floor at 15 % lies clearly below the causal one: that is what the
    language is for. Measured: 1.64 and 1.98 nats a word."""
    documents = WEATHER.heldout()
    rng = np.random.default_rng(0)
    masked = [np.flatnonzero(rng.random(len(d.tokens)) < 0.15) for d in documents]
    rows = [d.tokens for d in documents]
    both = np.concatenate(WEATHER.masked_surprisals_all(rows, masked))
    left = np.concatenate(
        [d.surprisals[at] for d, at in zip(documents, masked, strict=True)]
    )
    assert len(both) > 2000
    assert left.mean() - both.mean() > 0.25


def test_a_day_between_a_picnic_and_candles_was_hot():
    """As the docstring of `weather` says: neither neighbor tells it alone."""
    encode = WEATHER.tokenizer.encode
    hot = np.flatnonzero(WEATHER.emission[WEATHER.states.index("hot")])
    day = encode("picnic swim candles")
    both, left, right = (
        WEATHER.posteriors([day], [masked])[0, 1, hot].sum()
        for masked in ([1], [1, 2], [0, 1])
    )
    assert both > 0.9
    assert max(left, right) < 0.5


def test_where_a_weather_diary_ends_tells_nothing_about_its_words():
    """So its masked floor holds whether or not the model sees the end."""
    rng = np.random.default_rng(1)
    document = list(rng.integers(FIRST, FIRST + 16, size=10))
    whole = WEATHER.posteriors([document], [[3, 9]])[0]
    endless = dataclasses.replace(WEATHER, stop=np.zeros(6), max_length=10)
    unending = endless.posteriors([document], [[3, 9]])
    np.testing.assert_allclose(whole, unending[0], atol=EXACT)


# -- the chain ----------------------------------------------------------------------

TRANSITION = np.array([[0.1, 0.7, 0.2], [0.2, 0.2, 0.6], [0.5, 0.25, 0.25]])


def stationary(transition: np.ndarray) -> np.ndarray:
    return np.linalg.matrix_power(transition, 200)[0]


def test_chain_entropies_equal_enumerated_ones():
    pi, a = stationary(TRANSITION), TRANSITION
    one = two = 0.0
    for x, y, z in itertools.product(range(3), repeat=3):
        p = pi[x] * a[x, y] * a[y, z]
        one -= p * np.log(a[x, y])
        two -= p * np.log(a[x, y] * a[y, z] / (a @ a)[x, z])
    np.testing.assert_allclose(chain_entropies(TRANSITION), (one, two), atol=EXACT)


def test_both_sides_of_a_chain_never_tell_less_than_one():
    one, two = chain_entropies(TRANSITION)
    assert 0 < two < one


def test_a_chain_that_walks_in_a_circle_leaves_nothing_open():
    assert chain_entropies(np.roll(np.eye(3), 1, axis=1)) == pytest.approx((0, 0))


def test_the_chains_surprisals_meet_its_entropies():
    """A long document of the chain: per-word averages against the closed form."""
    words = ("red", "green", "blue")
    pi = stationary(TRANSITION)
    language = chain("colors", words, pi, TRANSITION, stop=0.0, max_length=400)
    documents = list(itertools.islice(language.stream("train", 3), 50))
    one, two = chain_entropies(TRANSITION)
    causal = np.concatenate([s[1:-1] for s in language.surprisals_all(documents)])
    inner = [[200]] * len(documents)
    both = np.concatenate(language.masked_surprisals_all(documents, inner))
    neighbors = np.array(
        [
            -np.log(
                TRANSITION[d[199] - FIRST, d[200] - FIRST]
                * TRANSITION[d[200] - FIRST, d[201] - FIRST]
                / (TRANSITION @ TRANSITION)[d[199] - FIRST, d[201] - FIRST]
            )
            for d in documents
        ]
    )
    np.testing.assert_allclose(both, neighbors, atol=EXACT)
    means = causal.reshape(len(documents), -1).mean(1)  # one a document: independent
    assert abs(means.mean() - one) < 4 * means.std() / np.sqrt(len(means))
    assert two < causal.mean()


# -- streams ------------------------------------------------------------------------


def take(language, split, seed, n=50):
    return list(itertools.islice(language.stream(split, seed), n))


def test_streams_repeat_by_seed_and_splits_differ():
    assert take(WEATHER, "train", 5) == take(weather(), "train", 5)
    assert take(WEATHER, "train", 5) != take(WEATHER, "train", 6)
    assert take(WEATHER, "validation", 5) == take(WEATHER, "validation", 6)
    starts = [take(WEATHER, split, 0) for split in ("train", "validation", "test")]
    assert starts[0] != starts[1] != starts[2] != starts[0]


def test_held_out_splits_end_and_agree_with_their_stream():
    language = weather(size=30)
    documents = language.heldout("test")
    assert [list(d.tokens) for d in documents] == list(language.stream("test", 0))
    assert len(documents) == 30
    assert [d.tokens for d in language.heldout("test", 7)] == [
        d.tokens for d in documents[:7]
    ]


def test_held_out_documents_carry_text_states_and_surprisals():
    for document in WEATHER.heldout("validation", 20):
        assert WEATHER.tokenizer.encode(document.text) == list(document.tokens)
        assert len(document.surprisals) == len(document.tokens) + 1
        states = document.labels["states"]
        assert len(states) == len(document.tokens)
        for state, token in zip(states, document.tokens, strict=True):
            s = WEATHER.states.index(state)
            assert WEATHER.emission[s, token - FIRST] > 0


def test_a_document_that_is_full_ends_for_certain():
    document = [FIRST] * WEATHER.max_length
    assert WEATHER.surprisals(document)[-1] == 0
    assert max(map(len, take(weather(max_length=5), "train", 0))) == 5


# -- bad input ----------------------------------------------------------------------


def test_the_impossible_costs_infinitely_much():
    language = tiny(initial=[1, 0], transition=[[1, 0], [0, 1]], emission=np.eye(2, 3))
    assert language.log_prob([4, 5]) == -np.inf
    assert language.log_prob([4, 4]) > -np.inf
    with pytest.raises(PretrainError, match="probability 0"):
        language.masked_surprisals([4, 5, 4], [0])


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: tiny(initial=[0.7, 0.7]), "row of initial must add up to 1"),
        (lambda: tiny(transition=np.eye(3)), "transition has the shape"),
        (lambda: tiny(stop=[0.1, 1.2]), "stop holds numbers outside"),
        (lambda: tiny(initial=[np.nan, 1]), "initial holds numbers outside"),
        (lambda: tiny(words=("a", "a", "b")), "must differ"),
        (lambda: tiny(words=("a", "b c", "d")), "must differ, and hold no blank"),
        (lambda: tiny(max_length=0), "max_length is 0"),
        (lambda: TINY.surprisals([]), "1 to 4 words"),
        (lambda: TINY.surprisals([4] * 5), "one here has 5"),
        (lambda: TINY.surprisals([1, 4]), "no special tokens"),
        (lambda: TINY.surprisals([7]), "ids 4 to 6"),
        (lambda: TINY.masked_surprisals([4, 5], [2]), "Position 2 is masked"),
        (lambda: TINY.heldout("validation", 1001), "it holds 1000"),
        (lambda: TINY.heldout("dev"), "no split 'dev'"),
        (lambda: next(TINY.stream("dev", 0)), "no split 'dev'"),
    ],
)
def test_bad_input_is_one_clear_error(action, message):
    with pytest.raises(PretrainError, match=message):
        action()
