"""The Transformer: packed rows, the cache, rotary positions, errors, generation."""

import pytest
import torch

from pretrain import tokens
from pretrain.attention import causal, full, prefix, same_document
from pretrain.errors import PretrainError
from pretrain.evaluation.generation import (
    GREEDY,
    Sampling,
    fill_mask,
    generate,
    generate_batch,
    probabilities,
)
from pretrain.model import Cache, ModelConfig, Transformer, redraw, rotate
from pretrain.random import Counter

V = 24
WORDS = tokens.words(tuple("abcdefghijklmnopqrst"), split="blanks")  # 4 + 20 = V
OPTIONS = [
    {},
    {"activation": "gelu", "norm": "layer", "embedding_norm": False},
    {"activation": "swiglu", "norm": "rms_gain", "tied": False},
    {"qk_norm": False, "bigram_rows": 64},
]


def build(seed=0, context=32, depth=2, **changes):
    config = ModelConfig(V, width=32, depth=depth, heads=2, context=context, **changes)
    return redraw(Transformer(config), seed).eval()


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(4, V, shape, generator=generator)


def close(a, b):
    # Two orders of float32 summation; logits here are as large as 10.
    torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("two_way", [False, True])
def test_packed_documents_give_the_logits_of_each_document_alone(options, two_way):
    model = build(**options)
    lengths = (3, 2, 4)
    row = draw(1, 9)
    ids = torch.repeat_interleave(torch.arange(3), torch.tensor(lengths))[None]
    positions = torch.cat([torch.arange(n) for n in lengths])[None]
    kind = full() if two_way else causal()
    packed = model(row, kind & same_document(ids), positions)
    alone = [model(part, kind) for part in row.split(lengths, 1)]
    close(packed, torch.cat(alone, 1))
    leaky = model(row, kind, positions)  # and without the document mask they differ
    assert (leaky - packed).abs().max() > 0.01


def test_padding_changes_no_logit_and_gives_no_nan():
    model, row = build(), draw(1, 5)
    padded = torch.cat([row, torch.zeros(1, 4, dtype=torch.long)], 1)
    ids = torch.tensor([[0] * 5 + [-1] * 4])
    for kind in (causal(), full()):
        logits = model(padded, kind & same_document(ids))
        assert logits.isfinite().all()
        close(logits[:, :5], model(row, kind))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_one_pass_equals_every_prefix_by_itself(options):
    model, row = build(**options), draw(1, 12)
    together = model(row)
    for t in range(1, 13):
        close(together[:, t - 1], model(row[:, :t])[:, -1])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("chunks", [(1,) * 12, (5, 1, 6), (12,)])
def test_the_cache_gives_the_logits_of_the_whole_row(options, chunks):
    model, row = build(**options), draw(2, 12)
    cache = Cache(model.config.depth)
    found = [model(part, cache=cache) for part in row.split(chunks, 1)]
    assert cache.length == 12
    close(torch.cat(found, 1), model(row))


def test_a_two_way_model_cannot_cache():
    model, row = build(), draw(1, 6)
    short = model.hidden(row[:, :5], full())
    long = model.hidden(row, full())[:, :5]
    assert (short - long).abs().max() > 0.01  # a new token changes the earlier states
    for pattern in (full(), causal() | prefix(2)):
        with pytest.raises(PretrainError, match="a cache works with causal attention"):
            model(row, pattern, cache=Cache(2))


def test_rotary_products_depend_on_the_distance_alone():
    model = build(context=64)
    turns = model._rotations()
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 64, 1, 16, generator=generator)[:, :, :1]
    at = [rotate(z.expand(1, 64, 1, 16), turns)[0, :, 0] for z in (q, k)]  # (64,H)
    products = at[0] @ at[1].T  # entry (t, s): q at t against k at s
    for distance in (0, 1, 7, 30):
        along = products.diagonal(-distance)
        # float32 rounding of products near 4, over 16 numbers
        torch.testing.assert_close(along, along[:1].expand_as(along), atol=1e-5, rtol=0)
    assert products.std() > 0.1  # they do vary with the distance
    torch.testing.assert_close(at[0].norm(dim=-1), q.norm().expand(64))


def test_a_shifted_row_gives_the_same_logits():
    model, row = build(), draw(1, 8)
    positions = torch.arange(8)[None]
    close(model(row, positions=positions), model(row, positions=positions + 20))


def test_a_new_model_predicts_from_the_embedding_alone_and_follows_its_seed():
    config = ModelConfig(V, width=32, depth=2, heads=2)
    a, b, c = Transformer(config), Transformer(config), Transformer(config, seed=1)
    row = draw(1, 6)
    assert torch.equal(a(row), b(row))
    assert not torch.equal(a(row), c(row))
    x = a.norm(torch.nn.functional.rms_norm(a.embedding(row), (32,), eps=1e-6))
    close(a(row), a.logits(x))  # zero projections: each block is the identity


def test_float64_runs_through():
    model = build().double()
    assert model(draw(1, 6)).dtype == torch.float64


def test_errors_say_what_to_do():
    model = build(context=8)
    with pytest.raises(PretrainError, match="9 tokens does not fit this model's"):
        model(draw(1, 9))
    cache = Cache(2)
    model(draw(1, 6), cache=cache)
    with pytest.raises(PretrainError, match="a row of 9 tokens"):
        model(draw(1, 3), cache=cache)
    ids = torch.zeros(3, 6, dtype=torch.long)
    with pytest.raises(PretrainError, match="for 3 rows and the inputs have 2"):
        model(draw(2, 6), same_document(ids))
    with pytest.raises(PretrainError, match="multiple of twice the 3 heads"):
        ModelConfig(V, width=32, heads=3)
    with pytest.raises(PretrainError, match="all sizes must be 1 or more"):
        ModelConfig(0)


# -- generation ---------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("sampling", [GREEDY, Sampling(0.8), Sampling(1.5, 5, 0.9)])
def test_generation_is_the_same_with_and_without_the_cache(options, sampling):
    for seed in range(4):
        model = build(seed, **options)
        with_cache, without = (
            generate(
                model,
                [5, 6, 7],
                WORDS,
                sampling,
                generator=Counter(seed),
                max_tokens=20,
                cache=cache,
            )
            for cache in (True, False)
        )
        assert with_cache == without


def test_many_prompts_are_written_as_each_would_be_alone():
    """Several lengths, several ends: a row never depends on its neighbors."""
    model = build(3)
    prompts = [[5], [5, 6, 7], [], [6], [9, 8, 7]]
    together = generate_batch(model, prompts, WORDS, max_tokens=12)
    alone = [generate(model, prompt, WORDS, max_tokens=12) for prompt in prompts]
    assert together == alone
    sampled = generate_batch(
        model, prompts, WORDS, Sampling(), generator=Counter(1), max_tokens=12
    )
    others = [[7, 7], [5, 6, 7], [], [8], [9, 8, 7]]
    again = generate_batch(
        model, others, WORDS, Sampling(), generator=Counter(1), max_tokens=12
    )
    assert [sampled[i] for i in (1, 2, 4)] == [again[i] for i in (1, 2, 4)]
    assert sampled[0] != again[0]
    assert generate_batch(model, [], WORDS) == []


class Answers(torch.nn.Module):
    """A stand-in for a model that always gives the same logits."""

    def __init__(self, logits):
        super().__init__()
        self.values = torch.nn.Parameter(torch.tensor(logits))
        self.config = ModelConfig(V, context=8)

    def forward(self, inputs, attention=None, positions=None, cache=None):
        return self.values.expand(*inputs.shape, V).clone()


def test_generation_stops_at_doc_bars_other_specials_and_keeps_to_its_limits():
    quiet = [0.0] * V
    quiet[WORDS.special.doc] = 9.0
    assert generate(Answers(quiet), [], WORDS, cache=False) == []
    loud = [0.0] * V
    loud[WORDS.special.pad] = loud[WORDS.special.mask] = 9.0
    loud[10] = 5.0
    assert generate(Answers(loud), [], WORDS, cache=False, max_tokens=3) == [10] * 3
    assert generate(Answers(loud), [4, 5], WORDS, cache=False) == [10] * 5
    pad = WORDS.special.pad  # a special token that ends the text where it is asked to
    assert generate(Answers(loud), [4], WORDS, cache=False, stop=[pad]) == []


def test_samples_follow_the_distribution():
    logits = [-torch.inf] * V
    logits[4], logits[5], logits[6] = 0.0, 1.0, 2.0
    model, generator = Answers(logits), torch.Generator().manual_seed(0)
    n, sampling = 2000, Sampling()
    drawn = [
        generate(
            model,
            [],
            WORDS,
            sampling,
            generator=generator,
            max_tokens=1,
            cache=False,
        )[0]
        for _ in range(n)
    ]
    p = torch.tensor([0.0, 1.0, 2.0]).softmax(0)
    for token, share in zip((4, 5, 6), p, strict=True):
        error = (share * (1 - share) / n).sqrt()
        assert abs(drawn.count(token) / n - share) < 4 * error  # four standard errors


def brute_force(logits, temperature, top_k, top_p):
    """Temperature, then the k likeliest, then the smallest set that reaches p."""
    p = (logits.double() / temperature).softmax(-1)
    order = sorted(range(len(p)), key=lambda i: -p[i])
    order = order[: top_k or None]
    p = p / p[order].sum()
    kept, mass = [], 0.0
    for i in order:
        kept.append(i)
        mass += float(p[i])
        if mass >= top_p:
            break
    out = torch.zeros_like(p)
    out[kept] = p[kept] / p[kept].sum()
    return out


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [0, 1, 7, 100])
@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.93, 1.0])
def test_probabilities_against_brute_force(temperature, top_k, top_p):
    logits = torch.randn(30, generator=torch.Generator().manual_seed(top_k)) * 2
    found = probabilities(logits, Sampling(temperature, top_k, top_p))
    expected = brute_force(logits, temperature, top_k, top_p)
    # float32 softmax against float64
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-5)


def test_extreme_temperatures():
    logits = torch.tensor([1.0, 3.0, 2.0])
    best = torch.tensor([0.0, 1.0, 0.0])
    assert torch.equal(probabilities(logits, GREEDY), best)
    assert torch.equal(probabilities(logits, Sampling(1e-30)), best)
    assert probabilities(logits, Sampling(1e30)).std() < 1e-6


def test_fill_mask_reads_off_the_two_way_distribution():
    model = build()
    text = [5, WORDS.special.mask, 7, WORDS.special.mask]
    found = fill_mask(model, text, WORDS, top=3)
    p = model(torch.tensor([[WORDS.special.doc, *text]]), full())[0].softmax(-1)
    assert len(found) == 2
    for answers, place in zip(found, (2, 4), strict=True):
        values, ids = p[place].topk(3)
        assert [word for word, _ in answers] == [WORDS.token(int(i)) for i in ids]
        assert [share for _, share in answers] == pytest.approx(values.tolist())
    assert fill_mask(model, [5, 2, 8, 2], WORDS, top=3)[0] != found[0]  # sees the right


def test_generation_errors_say_what_to_do():
    model = build(context=8)
    with pytest.raises(PretrainError, match="sampling needs a generator"):
        generate(model, [5], WORDS, Sampling())
    with pytest.raises(PretrainError, match="leaves no room to write"):
        generate(model, [5] * 8, WORDS)
    with pytest.raises(PretrainError, match="nothing to fill"):
        fill_mask(model, [5, 6], WORDS)
    nan = float("nan")
    for bad in ({"temperature": -1}, {"temperature": nan}, {"top_k": -1}, {"top_p": 0}):
        with pytest.raises(PretrainError, match="does not work"):
            Sampling(**bad)
