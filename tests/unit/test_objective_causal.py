"""The causal objective: targets by hand and by loops, and what a wrong shift does."""


import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_rows import (
    DOC,
    FIRST,
    PAD,
    SIZE,
    SPECIAL,
    WORDS,
    corpora,
    rows_of,
    strategies,
)

from pretrain.attention import full
from pretrain.batch import PADDING
from pretrain.errors import PretrainError
from pretrain.losses import IGNORE, cross_entropy, token_losses
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal
from pretrain.packing import rows_from

# -- causal ---------------------------------------------------------------------------


def test_causal_by_hand():
    rows = rows_from([[DOC, 4, 5, DOC, 6, DOC, PAD, PAD]], SPECIAL)
    batch = Causal()(rows)
    assert batch.inputs.tolist() == [[DOC, 4, 5, DOC, 6, DOC, PAD]]
    #         the first word is predicted from <doc>, and <doc> from the last word
    assert batch.targets.tolist() == [[4, 5, DOC, 6, DOC, IGNORE, IGNORE]]
    assert batch.positions.tolist() == [[0, 1, 2, 0, 1, 0, 0]]
    assert batch.documents.tolist() == [[0, 0, 0, 1, 1, 2, PADDING]]


@given(corpora, st.integers(2, 10), strategies)
def test_causal_targets_are_the_next_tokens_and_never_padding(
    documents, length, strategy
):
    rows = rows_of(documents, length, strategy)
    batch = Causal()(rows)
    for b, row in enumerate(rows.tokens.tolist()):
        for t in range(length):
            follows = row[t + 1]
            expected = IGNORE if follows == PAD else follows
            assert batch.targets[b, t] == expected
            assert batch.inputs[b, t] == row[t]


def small_model(tokenizer=WORDS, **changes) -> Transformer:
    """Random weights in float64: zero-initialized outputs would hide every fault."""
    config = ModelConfig(tokenizer.vocab_size, width=16, depth=2, heads=2, context=32)
    return redraw(Transformer(config), 1).double().eval()


@torch.no_grad()
def test_causal_loss_is_a_loop_over_prefixes():
    """Each token from a run of the model on nothing but what precedes it.

    The sums differ by float64 rounding, and by the rotations, which the model keeps
    in float32: 1e-5 a token.
    """
    model = small_model()
    documents = [[4, 9, 30, 4], [12], [40, 41, 42, 43, 44, 45]]
    batch = Causal()(rows_of(documents, 20))
    logits = model(batch.inputs, batch.attention, batch.positions)
    loss = cross_entropy(logits, batch.targets)
    total, count = 0.0, 0
    for document in documents:
        ids = [DOC, *document, DOC]
        for t in range(1, len(ids)):
            prefix = torch.tensor([ids[:t]])
            log_p = model(prefix)[0, -1].log_softmax(-1)
            total, count = total - log_p[ids[t]].item(), count + 1
    assert loss.count == count == sum(len(d) + 1 for d in documents)
    assert loss.sum.item() == pytest.approx(total, abs=1e-5 * count)
    # It is not the loss of attention across documents, which is what packing risks.
    leaky = Causal(within_documents=False)(rows_of(documents, 20))
    other = model(leaky.inputs, leaky.attention, leaky.positions)
    assert abs(cross_entropy(other, leaky.targets).sum - loss.sum) > 0.1


COUNTED = [[FIRST + i for i in range(12)]]


def says(token_ids: torch.Tensor) -> torch.Tensor:
    """Logits of a model that is all but certain of one token at each position."""
    return 30.0 * torch.nn.functional.one_hot(token_ids, SIZE).double()


def test_a_model_that_has_learned_to_count_shows_a_double_shift():
    batch = Causal()(rows_of(COUNTED, 11))
    counts_on = says((batch.inputs + 1).where(batch.inputs != DOC, FIRST))
    right = token_losses(counts_on, batch.targets)
    assert right.max() < 1e-10
    # Shifted once more (as when a model with a shift inside is given our targets).
    double = cross_entropy(counts_on[:, :-1], batch.targets[:, 1:])
    assert double.mean() > 29
    # And with no shift at all it looks as if it had learned nothing.
    assert cross_entropy(counts_on, batch.inputs).mean() > 29


def test_without_the_shift_a_copy_is_rewarded():
    batch = Causal()(rows_of(COUNTED, 11))
    copies = says(batch.inputs)
    assert cross_entropy(copies, batch.inputs).mean() < 1e-10, "no shift: a copy wins"
    assert cross_entropy(copies, batch.targets).mean() > 29, "with it, it does not"


def test_with_full_attention_the_answer_can_be_read():
    """One that may look right copies its target; under the causal pattern it cannot."""
    batch = Causal()(rows_of(COUNTED, 11))
    T = batch.inputs.shape[1]

    def copies_its_right_neighbor(pattern):
        seen = pattern.mask(T)[0]
        shown = batch.inputs.roll(-1, 1)
        shown[:, -1] = DOC
        looks = seen.diagonal(1)  # may position t see t + 1?
        return says(shown.where(torch.cat([looks, looks[:1]]), DOC))

    cheat = token_losses(copies_its_right_neighbor(full()), batch.targets)
    honest = token_losses(copies_its_right_neighbor(batch.attention), batch.targets)
    assert cheat[0, :-1].max() < 1e-10
    assert honest[0, :-1].min() > 29


def test_a_causal_row_of_one_token_is_an_error():
    with pytest.raises(PretrainError, match="needs two tokens or more"):
        Causal()(rows_from([[DOC]], SPECIAL))
