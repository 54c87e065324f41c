"""The loss against PyTorch's own, against plain NumPy, and against exact values."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from references import causal_lm_loss_numpy, log_softmax_numpy, masked_lm_loss_numpy

from pretrain.batch import PADDING, Rows
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.losses import IGNORE, Loss, cross_entropy, perplexity, token_losses
from pretrain.objectives import Causal, Masked
from pretrain.tokens import words

V = 11
# Both sides are the same sums of float64 numbers of size 1 to 100, in another order.
SAME = {"rtol": 1e-12, "atol": 1e-12}


def example(shape=(3, 7), vocab_size=V, ignored=0.3, seed=0):
    """Logits (…, V) in float64 that want a gradient, and targets (…)."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(
        (*shape, vocab_size), generator=generator, dtype=torch.float64
    ).requires_grad_()
    targets = torch.randint(vocab_size, shape, generator=generator)
    hidden = torch.rand(shape, generator=generator) < ignored
    return logits, targets.masked_fill(hidden, IGNORE)


# -- values and gradients ---------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (5,), (3, 7), (2, 3, 4)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_mean_and_gradient_are_pytorchs(shape, smoothing):
    logits, targets = example(shape, ignored=0.0 if shape == () else 0.3)
    loss = cross_entropy(logits, targets, label_smoothing=smoothing)
    (ours,) = torch.autograd.grad(loss.mean(), logits)
    theirs = F.cross_entropy(
        logits.reshape(-1, V), targets.reshape(-1), label_smoothing=smoothing
    )
    (expected,) = torch.autograd.grad(theirs, logits)
    torch.testing.assert_close(loss.mean(), theirs, **SAME)
    torch.testing.assert_close(ours, expected, **SAME)
    assert int(loss.count) == int((targets != IGNORE).sum())


def test_sum_is_the_formula_written_out():
    logits, targets = example()
    log_p = log_softmax_numpy(logits.detach().numpy())
    expected = [
        -log_p[b, t, targets[b, t]]
        for b in range(3)
        for t in range(7)
        if targets[b, t] != IGNORE
    ]
    loss = cross_entropy(logits, targets)
    assert int(loss.count) == len(expected) > 0
    assert float(loss.sum.detach()) == pytest.approx(math.fsum(expected), rel=1e-12)


def test_gradient_is_probabilities_minus_onehot_and_zero_where_ignored():
    logits, targets = example()
    (gradient,) = torch.autograd.grad(cross_entropy(logits, targets).sum, logits)
    scored = targets != IGNORE
    expected = logits.detach().softmax(-1)
    expected = expected - F.one_hot(targets.clamp(min=0), V)
    torch.testing.assert_close(gradient[scored], expected[scored], **SAME)
    assert 0 < int(scored.sum()) < scored.numel()
    assert (gradient[~scored] == 0).all()


def test_known_value_of_the_lesson():
    logits = torch.tensor([2.0, 1.0, 0.5, -0.5, 0.2], dtype=torch.float64)
    expected = math.log(sum(map(math.exp, logits.tolist()))) - 0.5
    assert expected == pytest.approx(2.108892, abs=5e-7)  # as printed, six decimals
    loss = cross_entropy(logits, torch.tensor(2))
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-14)


def test_token_losses_add_up_and_are_zero_where_ignored():
    logits, targets = example()
    each = token_losses(logits, targets)
    assert each.shape == targets.shape
    assert (each[targets == IGNORE] == 0).all()
    assert (each[targets != IGNORE] > 0).all()
    torch.testing.assert_close(each.sum(), cross_entropy(logits, targets).sum, **SAME)


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.int16])
def test_any_integer_type_serves_as_targets(dtype):
    logits, targets = example(ignored=0.0)
    loss = cross_entropy(logits, targets.to(dtype))
    assert loss.mean() == cross_entropy(logits, targets).mean()


def test_logits_that_are_not_contiguous():
    logits, targets = example()
    turned = logits.detach().transpose(0, 1)
    assert not turned.is_contiguous()
    loss = cross_entropy(turned, targets.T)
    torch.testing.assert_close(loss.sum, cross_entropy(logits, targets).sum, **SAME)


# -- what a naive loss gets wrong -------------------------------------------------


def test_class_zero_is_scored():
    logits = torch.zeros(4, V)
    loss = cross_entropy(logits, torch.tensor([0, 0, IGNORE, 3]))
    assert int(loss.count) == 3
    # float32 logits: ln 11 is rounded once a term
    assert float(loss.sum) == pytest.approx(3 * math.log(V), rel=1e-6)


@pytest.mark.parametrize("scale", [1e3, 1e30])
def test_large_logits_overflow_nothing(scale):
    logits = torch.tensor([[scale, 0.0, -scale]], requires_grad=True)
    assert not torch.isfinite(logits.exp()).all(), "the naive softmax overflows here"
    for target, expected in ((0, 0.0), (1, scale), (2, 2 * scale)):
        loss = cross_entropy(logits, torch.tensor([target])).mean()
        (gradient,) = torch.autograd.grad(loss, logits)
        assert float(loss.detach()) == pytest.approx(expected, rel=1e-6)  # float32
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    tokens, vocab_size = 12_000, 512
    logits = torch.zeros(tokens, vocab_size, dtype=dtype, requires_grad=True)
    loss = cross_entropy(logits, torch.zeros(tokens, dtype=torch.long))
    assert loss.sum.dtype == torch.float32
    # 12,000 · ln 512 = 74,860 is beyond float16, and bfloat16 has steps of 512 there
    expected = tokens * math.log(vocab_size)
    assert float(loss.sum.detach()) == pytest.approx(expected, rel=1e-5)
    (gradient,) = torch.autograd.grad(loss.sum, logits)
    assert gradient.dtype == dtype


def test_a_mean_of_means_is_not_the_mean():
    """10 tokens that cost much, 990 that cost little; a step on both."""
    logits, targets = example((1000,), ignored=0.0)
    with torch.no_grad():
        logits[torch.arange(10, 1000), targets[10:]] += 4.0
    parts = [slice(0, 10), slice(10, 1000)]
    losses = [cross_entropy(logits[part], targets[part]) for part in parts]
    whole = cross_entropy(logits, targets)
    joined = losses[0] + losses[1]
    assert isinstance(joined, Loss)
    torch.testing.assert_close(joined.mean(), whole.mean(), **SAME)
    (expected,) = torch.autograd.grad(whole.mean(), logits, retain_graph=True)
    (right,) = torch.autograd.grad(joined.mean(), logits, retain_graph=True)
    torch.testing.assert_close(right, expected, **SAME)
    means = (losses[0].mean() + losses[1].mean()) / 2
    (wrong,) = torch.autograd.grad(means, logits)
    assert float(means.detach()) > 2 * float(whole.mean().detach())
    # The mean of means weighs the 10 by 1/20 each instead of by 1/1000.
    torch.testing.assert_close(wrong[:10], 50 * expected[:10], **SAME)


def test_equal_length_and_vocabulary_is_still_flattened():
    """(B, T, V) given to PyTorch as it is means (B, classes, T): silent when T = V."""
    logits, targets = example((2, V), ignored=0.0)
    silent = F.cross_entropy(logits, targets)
    ours = cross_entropy(logits, targets).mean()
    expected = F.cross_entropy(logits.reshape(-1, V), targets.reshape(-1))
    torch.testing.assert_close(ours, expected, **SAME)
    assert abs(float((silent - ours).detach())) > 0.01


# -- nothing scored, and bad input ------------------------------------------------


def test_nothing_scored_is_an_error_that_says_so():
    logits, targets = example()
    with pytest.raises(EmptyLossError, match="no token of this batch is scored"):
        cross_entropy(logits, torch.full_like(targets, IGNORE))
    with pytest.raises(EmptyLossError):
        cross_entropy(torch.zeros(0, V), torch.zeros(0, dtype=torch.long))


@pytest.mark.parametrize("value", [0.5, 3e38, math.inf, -math.inf, math.nan])
def test_nothing_scored_is_an_exact_zero_where_asked_for(value):
    logits = torch.full((2, 3, V), value, requires_grad=True)
    targets = torch.full((2, 3), IGNORE)
    loss = cross_entropy(logits, targets, empty="zero")
    assert float(loss.sum.detach()) == float(loss.mean().detach()) == 0.0
    assert int(loss.count) == 0
    (gradient,) = torch.autograd.grad(loss.mean(), logits)
    assert (gradient == 0).all()
    theirs = F.cross_entropy(logits.reshape(-1, V), targets.reshape(-1))
    assert theirs.isnan(), "this is what the error is there to prevent"


@pytest.mark.parametrize("function", [cross_entropy, token_losses])
@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (torch.zeros(3, 8, dtype=torch.long), "do not fit targets"),
        (torch.zeros(21, dtype=torch.long), "do not fit targets"),
        (torch.full((3, 7), V), f"target {V} is not a token"),
        (torch.full((3, 7), -1), "target -1 is not a token"),
        (torch.zeros(3, 7), "token ids"),
    ],
)
def test_bad_targets_are_named(function, targets, message):
    logits, _ = example()
    with pytest.raises(PretrainError, match=message):
        function(logits, targets)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan])
def test_bad_smoothing_is_refused(smoothing):
    logits, targets = example()
    with pytest.raises(PretrainError, match="label smoothing"):
        cross_entropy(logits, targets, label_smoothing=smoothing)


# -- perplexity -------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_perplexity():
    assert perplexity(0.0) == 1.0
    assert perplexity(math.log(50_257)) == pytest.approx(50_257, rel=1e-12)
    torch.set_warn_always(True)  # otherwise PyTorch warns once a process
    try:  # a loss that still carries a gradient, as training hands it over
        value = perplexity(torch.tensor(1.0, requires_grad=True))
    finally:
        torch.set_warn_always(False)
    assert value == pytest.approx(math.e)
    assert perplexity(1000.0) == math.inf


def test_uniform_logits_have_perplexity_v_and_random_ones_more():
    vocab_size, tokens = 1000, 20_000
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(tokens, vocab_size, generator=generator)
    targets = torch.randint(vocab_size, (tokens,), generator=generator)
    flat = float(cross_entropy(torch.zeros_like(logits), targets).mean())
    assert perplexity(flat) == pytest.approx(vocab_size, rel=1e-5)  # float32
    random = float(cross_entropy(logits, targets).mean())
    # ln V + 1/2, up to the standard error of 20,000 losses with deviation 1 (times 4)
    # and the bias −(e−1)/2V of log-sum-exp
    assert random == pytest.approx(math.log(vocab_size) + 0.5, abs=4 / 20_000**0.5)


# -- additivity -------------------------------------------------------------------


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    tokens=st.integers(2, 40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    ignored=st.sampled_from([0.0, 0.5, 0.95]),
    smoothing=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 1000),
)
def test_sums_and_counts_add_up_under_any_split(tokens, cuts, ignored, smoothing, seed):
    logits, targets = example((tokens,), ignored=ignored, seed=seed)
    options = {"label_smoothing": smoothing, "empty": "zero"}
    whole = cross_entropy(logits, targets, **options)
    edges = [0, *sorted(min(cut, tokens) for cut in cuts), tokens]
    total = Loss(torch.tensor(0.0, dtype=torch.float64), torch.tensor(0))
    for start, end in zip(edges, edges[1:], strict=False):
        total += cross_entropy(logits[start:end], targets[start:end], **options)
    assert int(total.count) == int(whole.count)
    torch.testing.assert_close(total.sum, whole.sum, **SAME)
    torch.testing.assert_close(total.mean(), whole.mean(), **SAME)


# -- the lessons' losses, in NumPy ------------------------------------------------

TOKENIZER = words(["a cat sat on the mat", "the dog ran to the door"])
SPECIAL = TOKENIZER.special


def table_model(seed=3):
    """A model that looks its logits up by the token it reads: NumPy and PyTorch."""
    size = TOKENIZER.vocab_size
    table = np.random.default_rng(seed).normal(size=(size, size))
    return lambda ids: table[np.asarray(ids)], torch.from_numpy(table)


def rows_of(*texts, pad_to=0):
    """Texts as rows `<doc> words <doc>`, padded; each row is one document."""
    rows = [[SPECIAL.doc, *TOKENIZER.encode(text), SPECIAL.doc] for text in texts]
    length = max(pad_to, *map(len, rows))
    tokens = torch.tensor([row + [SPECIAL.pad] * (length - len(row)) for row in rows])
    documents = torch.full_like(tokens, PADDING)
    for row, ids in zip(documents, rows, strict=True):
        row[: len(ids)] = 0
    return Rows(tokens, documents, torch.arange(length).expand_as(tokens)), rows


def test_causal_loss_is_the_numpy_loss():
    model, table = table_model()
    rows, (ids,) = rows_of("a cat sat on the mat")
    batch = Causal()(rows)
    loss = cross_entropy(table[batch.inputs], batch.targets)
    assert int(loss.count) == len(ids) - 1 == 7, "six words and the end"
    expected = causal_lm_loss_numpy(model, ids)
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-12)
    # a wrong shift is seen: scored against what was read, not what comes next
    unshifted = cross_entropy(table[batch.inputs], batch.inputs)
    assert abs(float(unshifted.mean()) - expected) > 0.01


def test_causal_loss_of_a_padded_batch_is_weighted_by_tokens():
    model, table = table_model()
    rows, both = rows_of("a cat", "the dog ran to the door", pad_to=10)
    batch = Causal()(rows)
    loss = cross_entropy(table[batch.inputs], batch.targets)
    means = [causal_lm_loss_numpy(model, ids) for ids in both]
    counts = [len(ids) - 1 for ids in both]
    assert int(loss.count) == sum(counts)
    expected = np.average(means, weights=counts)
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-12)
    assert abs(np.mean(means) - expected) > 1e-3, "a mean of means would differ"


def test_masked_loss_is_the_numpy_loss():
    """The corruption that NumPy drew, scored by the package."""
    model, table = table_model()
    rows, (ids,) = rows_of("the dog ran to the door")
    seen = []
    expected = masked_lm_loss_numpy(
        lambda inputs: seen.append(inputs) or model(inputs),
        ids,
        np.random.default_rng(5),
        mask=SPECIAL.mask,
        special=SPECIAL.ids,
        vocab_size=TOKENIZER.vocab_size,
        rate=1.0,
    )
    batch = Masked(rate=1.0)(rows_of_all(rows), TOKENIZER, torch.Generator())
    assert batch.targets[0].tolist() == [IGNORE, *ids[1:-1], IGNORE]
    loss = cross_entropy(table[torch.as_tensor(seen[0])][None], batch.targets)
    assert int(loss.count) == len(ids) - 2
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-12)
    assert seen[0].tolist() != ids, "something was hidden"


def rows_of_all(rows: Rows) -> Rows:
    """The same rows and one column more, which a masked batch does not use."""
    return Rows(
        F.pad(rows.tokens, (0, 1), value=SPECIAL.pad),
        F.pad(rows.documents, (0, 1), value=PADDING),
        F.pad(rows.positions, (0, 1)),
    )


def test_the_package_masks_and_scores_what_numpy_does():
    """Long text, all positions `<mask>`: whatever was drawn, the loss is known."""
    model, table = table_model()
    rows, (ids,) = rows_of(" ".join(["the dog ran to the door"] * 20))
    batch = Masked(rate=0.5, split=(1.0, 0.0, 0.0))(
        rows_of_all(rows), TOKENIZER, torch.Generator().manual_seed(1)
    )
    loss = cross_entropy(table[batch.inputs], batch.targets)
    log_p = log_softmax_numpy(model(batch.inputs[0].numpy()))
    chosen = np.flatnonzero(batch.scored[0].numpy())
    assert 40 < len(chosen) < 80  # 60 of 120 expected, 5.5 a standard deviation
    assert set(batch.inputs[0, chosen].tolist()) == {SPECIAL.mask}
    expected = -log_p[chosen, np.asarray(ids)[chosen]].mean()
    assert float(loss.mean()) == pytest.approx(expected, rel=1e-12)


def test_numpy_masked_loss_never_averages_nothing():
    model, _ = table_model()
    ids = [SPECIAL.doc, *TOKENIZER.encode("a cat"), SPECIAL.doc]
    before = list(ids)
    values = [
        masked_lm_loss_numpy(
            model,
            ids,
            np.random.default_rng(seed),
            mask=SPECIAL.mask,
            special=SPECIAL.ids,
            vocab_size=TOKENIZER.vocab_size,
            rate=0.01,
        )
        for seed in range(20)
    ]
    assert np.isfinite(values).all() and ids == before
