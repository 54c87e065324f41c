"""The loss without all the logits, against PyTorch's plain one in float64."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain import linear_loss
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.linear_loss import chunked_loss, linear_cross_entropy
from pretrain.losses import IGNORE, cross_entropy
from pretrain.penalties import smoothed_cross_entropy, with_z_loss

V, D = 13, 6
# The same float64 products and sums in another order, numbers of size 1 to 100.
SAME = {"rtol": 1e-12, "atol": 1e-12}


def example(shape=(4, 9), ignored=0.3, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn((*shape, D), generator=generator, dtype=dtype)
    weight = torch.randn((V, D), generator=generator, dtype=dtype)
    targets = torch.randint(V, shape, generator=generator)
    targets = targets.masked_fill(
        torch.rand(shape, generator=generator) < ignored, IGNORE
    )
    return hidden.requires_grad_(), weight.requires_grad_(), targets


def gradients(total, *tensors):
    return torch.autograd.grad(total, tensors, retain_graph=True)


@pytest.fixture(params=["PyTorch's op", "own chunks"])
def way(request, monkeypatch):
    """Both ways of `linear_cross_entropy`; the second is what older versions run."""
    if request.param == "own chunks":
        monkeypatch.setattr(linear_loss, "_native", lambda hidden, weight: False)
    elif not hasattr(F, "linear_cross_entropy"):
        pytest.skip("this version of PyTorch has no linear_cross_entropy")
    return request.param


@pytest.mark.parametrize("chunk", [1, 5, 256])
@pytest.mark.parametrize("shape", [(), (7,), (4, 9)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_value_and_gradients_are_pytorchs(way, shape, chunk, smoothing):
    hidden, weight, targets = example(shape, ignored=0.3 if shape else 0.0)
    loss = linear_cross_entropy(
        hidden, weight, targets, chunk=chunk, label_smoothing=smoothing
    )
    theirs = F.cross_entropy(
        (hidden @ weight.T).reshape(-1, V),
        targets.reshape(-1),
        reduction="sum",
        label_smoothing=smoothing,
    )
    assert int(loss.count) == int((targets != IGNORE).sum()) > 0
    torch.testing.assert_close(loss.sum, theirs, **SAME)
    found = torch.autograd.grad(loss.mean(), (hidden, weight))
    expected = gradients(theirs / loss.count, hidden, weight)
    for ours, other in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, other, **SAME)


def test_only_one_of_the_two_may_want_a_gradient(way):
    for wanted in (0, 1):
        hidden, weight, targets = example()
        expected = gradients(
            cross_entropy(hidden @ weight.T, targets).sum, hidden, weight
        )
        pair = [hidden.detach(), weight.detach()]
        pair[wanted].requires_grad_()
        (found,) = torch.autograd.grad(
            linear_cross_entropy(*pair, targets, chunk=4).sum, pair[wanted]
        )
        torch.testing.assert_close(found, expected[wanted], **SAME)
    with torch.no_grad():
        assert not linear_cross_entropy(hidden, weight, targets).sum.requires_grad


def test_no_more_logits_than_a_chunk_exist_at_a_time():
    hidden, weight, targets = example((100,), ignored=0.5)
    seen = []

    def spy(logits, ids):
        seen.append(tuple(logits.shape))
        return cross_entropy(logits, ids)

    loss = chunked_loss(hidden, weight, targets, spy, chunk=8)
    forward = len(seen)
    loss.sum.backward()
    assert forward == -(-int(loss.count) // 8) and len(seen) == 2 * forward
    assert max(rows for rows, _ in seen) == 8 and {v for _, v in seen} == {V}
    assert hidden.grad[targets == IGNORE].abs().max() == 0


def test_any_loss_of_tokens_can_be_chunked():
    """The other convention of smoothing with a z-loss, against all logits at once."""
    hidden, weight, targets = example()

    def both(logits, ids):
        loss = smoothed_cross_entropy(logits, ids, 0.2, "others")
        return loss._replace(sum=loss.sum + with_z_loss(logits, ids, 0.1).penalty.sum)

    found = chunked_loss(hidden, weight, targets, both, chunk=5)
    whole = both(hidden @ weight.T, targets)
    assert int(found.count) == int(whole.count)
    torch.testing.assert_close(found.sum, whole.sum, **SAME)
    pairs = (gradients(x.sum, hidden, weight) for x in (found, whole))
    for ours, other in zip(*pairs, strict=True):
        torch.testing.assert_close(ours, other, **SAME)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    tokens=st.integers(1, 40),
    chunk=st.integers(1, 50),
    ignored=st.sampled_from([0.0, 0.5, 0.95]),
    seed=st.integers(0, 100),
)
def test_chunks_change_nothing(tokens, chunk, ignored, seed):
    hidden, weight, targets = example((tokens,), ignored, seed)
    options = {"chunk": chunk, "empty": "zero"}
    whole = cross_entropy(hidden @ weight.T, targets, empty="zero")
    for function in (linear_cross_entropy, chunked_loss):
        loss = function(hidden, weight, targets, **options)
        assert int(loss.count) == int(whole.count)
        torch.testing.assert_close(loss.sum, whole.sum, **SAME)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_sums_in_float32(dtype):
    hidden, weight, targets = example((3000,), 0.0, dtype=dtype)
    loss = linear_cross_entropy(hidden, weight, targets)
    plain = cross_entropy(F.linear(hidden, weight), targets)
    assert loss.sum.dtype == torch.float32
    # the same logits, rounded once to half; sums of 3000 float32 numbers
    torch.testing.assert_close(loss.sum, plain.sum, rtol=1e-5, atol=0)
    (found,) = torch.autograd.grad(loss.mean(), weight)
    assert found.dtype == dtype and torch.isfinite(found).all()


def test_under_autocast_it_is_the_plain_loss():
    hidden, weight, targets = example(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_cross_entropy(hidden, weight, targets, chunk=5)
        plain = cross_entropy(F.linear(hidden, weight), targets)
    torch.testing.assert_close(loss.sum, plain.sum, rtol=1e-6, atol=0)  # float32 sums
    for ours, other in zip(
        gradients(loss.sum, hidden, weight),
        gradients(plain.sum, hidden, weight),
        strict=True,
    ):
        # products in bfloat16, three digits, summed over chunks in another order
        torch.testing.assert_close(ours, other, rtol=0.02, atol=0.05)


def test_nothing_scored(way):
    hidden, weight, targets = example()
    nothing = torch.full_like(targets, IGNORE)
    with pytest.raises(EmptyLossError, match="no token of this batch is scored"):
        linear_cross_entropy(hidden, weight, nothing)
    loss = linear_cross_entropy(hidden, weight, nothing, empty="zero")
    assert float(loss.sum.detach()) == 0 and int(loss.count) == 0
    for gradient in gradients(loss.sum, hidden, weight):
        assert gradient.abs().max() == 0


def test_bad_input_is_named(way):
    hidden, weight, targets = example()
    for wrong, message in (
        ((hidden, weight, targets[:2]), "do not fit"),
        ((hidden, weight[:, :3], targets), "do not fit"),
        ((hidden, weight, targets.double()), "token ids"),
        ((hidden, weight, targets.masked_fill(targets == IGNORE, V)), "not a token"),
        ((hidden, weight, targets.masked_fill(targets == IGNORE, -1)), "not a token"),
    ):
        with pytest.raises(PretrainError, match=message):
            linear_cross_entropy(*wrong)
    with pytest.raises(PretrainError, match="chunks of 0"):
        linear_cross_entropy(hidden, weight, targets, chunk=0)
    with pytest.raises(PretrainError, match="label smoothing"):
        linear_cross_entropy(hidden, weight, targets, label_smoothing=1.0)
