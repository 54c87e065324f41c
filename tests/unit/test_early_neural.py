"""The early neural models: who sees what, what they compute, that they train.

Every weight is redrawn where a leak is looked for: with an output layer of zeros, no
logit depends on anything.
"""

import math

import pytest
import torch
from torch import nn

from pretrain.attention import causal, full, same_document, window
from pretrain.batch import PADDING
from pretrain.corpora.markov import weather
from pretrain.early.neural import NeuralLM, NeuralLMConfig
from pretrain.early.recurrent import (
    Recurrent,
    RecurrentConfig,
    parallel_loss,
    sequential_loss,
    side_by_side,
)
from pretrain.errors import PretrainError
from pretrain.evaluation.generation import Sampling, generate
from pretrain.evaluation.inspection import influence, moved
from pretrain.evaluation.likelihood import evaluate, evaluation_set, excess, floor
from pretrain.model import ModelConfig, redraw
from pretrain.objectives import Causal
from pretrain.packing import rows_from
from pretrain.tokens import Special
from pretrain.training import Budget, fit

V, T = 24, 9
DOCUMENTS = torch.tensor([[0, 0, 0, 1, 1, 2, 2, 2, 2]])
POSITIONS = torch.tensor([[0, 1, 2, 0, 1, 0, 1, 2, 3]])
PACKED = causal() & same_document(DOCUMENTS)
RECURRENT = [
    RecurrentConfig(V, width=12),
    RecurrentConfig(V, width=12, depth=2),
    RecurrentConfig(V, width=12, cell="elman"),
]
NEURAL = [
    NeuralLMConfig(V, order=4, embedding=6, width=10),
    NeuralLMConfig(V, order=4, embedding=6, width=10, direct=True),
    NeuralLMConfig(V, order=2, embedding=6, width=10),
]
ALL = RECURRENT + NEURAL


def tokens(seed=0, rows=1, length=T):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(4, V, (rows, length), generator=generator)


def build(config):
    return redraw(config.build(), std=0.4)


def visible(config, positions=None):
    """(T,T) what a position's logits may depend on."""
    pattern = causal() if positions is None else PACKED
    if isinstance(config, NeuralLMConfig):
        pattern = pattern & window(config.order - 1)
    return pattern.mask(T)[0]


@pytest.mark.parametrize("positions", [None, POSITIONS], ids=["one", "packed"])
@pytest.mark.parametrize("config", ALL, ids=str)
def test_a_changed_token_moves_exactly_the_logits_that_may_see_it(config, positions):
    pattern = None if positions is None else PACKED
    changed = moved(build(config), tokens(), pattern, positions)
    seen = visible(config, positions)
    assert changed[~seen].eq(0).all()
    if isinstance(config, NeuralLMConfig):
        assert changed[seen].gt(1e-5).all()  # float32 noise of these is below 1e-6
    else:  # a state forgets, but not what came just before
        near = seen & window(2).mask(T)[0]
        assert changed[near].gt(1e-5).all()


@pytest.mark.parametrize("config", ALL, ids=str)
def test_the_leak_test_fails_without_positions(config):
    changed = moved(build(config), tokens(), PACKED)
    assert changed[~visible(config, POSITIONS)].gt(0).any() == (
        getattr(config, "order", 9) > 2  # a window of one word reaches nowhere
    )


@pytest.mark.parametrize("config", ALL, ids=str)
def test_the_jacobian_is_zero_where_nothing_is_seen(config):
    found = influence(build(config), tokens(), PACKED, POSITIONS, probes=1) != 0
    assert torch.equal(found, visible(config, POSITIONS))


@pytest.mark.parametrize("config", ALL, ids=str)
def test_a_packed_row_is_read_as_its_documents_alone(config):
    """Also across rows, through padding, and in a row that starts inside a document."""
    special = Special()
    doc, pad = special.doc, special.pad
    a, b, c = (row.tolist() for row in tokens(1, 3, 4))
    rows = rows_from(
        [[doc, *a, doc, *b, doc], [doc, doc, *c, doc, *[pad] * 4], [*b, doc, *a, 5, 6]],
        special,
    )
    model = build(config)
    batch = Causal()(rows)
    found = model(batch.inputs, batch.attention, batch.positions)
    for row, start, text in (
        (0, 0, [doc, *a]),
        (0, 5, [doc, *b]),
        (1, 0, [doc]),
        (1, 1, [doc, *c]),
        (2, 0, b),
        (2, 4, [doc, *a, 5]),
    ):
        alone = model(torch.tensor([text]))[0]
        inside = found[row, start : start + len(text)]
        # float32, sums in another order
        torch.testing.assert_close(inside, alone, atol=1e-5, rtol=1e-5)


def test_documents_are_laid_side_by_side():
    positions = torch.tensor([[0, 1, 0, 1, 2], [0, 0, 1, 0, 0]])
    order, sizes = side_by_side(positions)
    # Lengths 2, 3 in the first row, 1, 2, 1, 1 in the second: places 5, 6–7, 8, 9.
    assert sizes.tolist() == [6, 3, 1]
    assert order.tolist() == [2, 0, 6, 5, 8, 9, 3, 1, 7, 4]


def test_the_network_is_bengios_formula():
    """y = b + W x + U tanh(d + H x), written out with the same weights."""
    config = NeuralLMConfig(V, order=4, embedding=6, width=10, direct=True)
    model, ids = build(config), tokens()
    C, H, d = (
        model.embedding.weight,
        model.blocks[0].weight,
        model.blocks[0].bias,
    )
    U, W = model.head.weight[:, :10], model.head.weight[:, 10:]
    found = model(ids)[0]
    for t in range(T):
        words = [C[ids[0, t - j]] if t >= j else torch.zeros(6) for j in range(3)]
        x = torch.cat(words)
        y = model.head.bias + W @ x + U @ torch.tanh(d + H @ x)
        torch.testing.assert_close(found[t], y, atol=1e-5, rtol=1e-5)  # float32
    n, m, h = 4, 6, 10  # the paper's count: |V|(1 + nm + h) + h(1 + (n − 1)m)
    assert model.parameter_count == V * (1 + n * m + h) + h * (1 + (n - 1) * m)


@pytest.mark.parametrize("cell", ["gru", "elman"])
def test_the_recurrent_model_is_pytorchs_cell_step_by_step(cell):
    model, ids = build(RecurrentConfig(V, width=12, cell=cell)), tokens()
    step = (nn.GRUCell if cell == "gru" else nn.RNNCell)(12, 12)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    step.load_state_dict({n: getattr(model.blocks[0], f"{n}_l0") for n in names})
    state = torch.zeros(1, 12)
    for t, logits in enumerate(model(ids)[0]):
        state = step(model.embedding(ids[:, t]), state)
        expected = model.head(state)[0]
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)  # float32


TRANSFORMER = ModelConfig(V, width=16, depth=2, heads=2)


@pytest.mark.parametrize("config", [*ALL, TRANSFORMER], ids=str)
def test_teacher_forcing_in_parallel_gives_the_loss_of_step_by_step(config):
    model = build(config)
    ids = tokens(3, 4, 30)
    inputs, targets = ids[:, :-1], ids[:, 1:].clone()
    targets[0, :5] = -100
    parallel = parallel_loss(model, inputs, targets)
    steps = sequential_loss(model, inputs, targets)
    assert parallel.count == steps.count == 4 * 29 - 5
    # Equal to 1e-5 a token: float32, sums in another order.
    assert abs(parallel.mean() - steps.mean()) < 1e-5
    gradients = [
        torch.autograd.grad(loss.mean(), list(model.parameters()))
        for loss in (parallel, steps)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("config", ALL, ids=str)
def test_the_first_loss_is_ln_v_and_the_seed_sets_the_weights(config):
    assert evaluate_first(config) == pytest.approx(math.log(V), abs=1e-5)  # float32
    one, same, other = config.build(1), config.build(1), config.build(2)
    first = [next(model.blocks.parameters()) for model in (one, same, other)]
    assert torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])


def evaluate_first(config) -> float:
    return parallel_loss(config.build(), tokens(), tokens(1)).mean().item()


@pytest.mark.parametrize("config", ALL, ids=str)
def test_writing_with_and_without_a_cache_is_the_same(config):
    corpus = weather()
    changed = {**vars(config), "vocab_size": corpus.tokenizer.vocab_size}
    model = build(type(config)(**changed))
    prompt = corpus.heldout("validation", 1)[0].tokens[:3]
    written = []
    for cache in (True, False):
        drawn = torch.Generator().manual_seed(1)
        written.append(
            generate(
                model,
                list(prompt),
                corpus.tokenizer,
                Sampling(),
                generator=drawn,
                max_tokens=20,
                cache=cache,
            )
        )
    assert written[0] == written[1]


@pytest.mark.parametrize(
    "kind, sizes",
    [(NeuralLMConfig, {}), (RecurrentConfig, dict(width=64))],
    ids=["neural", "recurrent"],
)
def test_they_train_through_fit_toward_the_floor_and_not_below(kind, sizes):
    """On the hidden Markov language: 60,000 tokens, a few seconds."""
    corpus = weather()
    config = kind(corpus.tokenizer.vocab_size, **sizes)
    plan = Budget(60_000, rows=8, length=64, evaluations=1, held_out=100)
    run = fit(config, Causal(), corpus, plan, device="cpu", progress=False)
    held_out = evaluation_set(corpus, Causal(), 400, 64)
    found = excess(evaluate(run.model, held_out), floor(corpus, held_out))
    untrained = excess(evaluate(config.build(0), held_out), floor(corpus, held_out))
    assert -3 * found.error <= found.value < 0.15 * untrained.value


@pytest.mark.parametrize("model", [NeuralLM, Recurrent])
def test_errors_say_what_to_do(model):
    config = NeuralLMConfig if model is NeuralLM else RecurrentConfig
    made = config(V, context=8).build()
    with pytest.raises(PretrainError, match="does not fit this model's context of 8"):
        made(tokens())
    short = tokens(length=6)
    for pattern in (full(), window(2), full() & same_document(DOCUMENTS[:, :6])):
        with pytest.raises(PretrainError, match="reads from left to right"):
            made(short, pattern)
    with pytest.raises(PretrainError, match="start at 1|must be 1 or more"):
        config(V, width=0)


def test_padding_positions_are_each_a_document_of_their_own():
    rows = rows_from([[1, 5, 6, 1, 0, 0, 0]], Special())
    assert rows.documents[0, -1] == PADDING
    order, sizes = side_by_side(rows.positions)
    assert sizes.tolist() == [5, 1, 1] and sorted(order.tolist()) == list(range(7))
