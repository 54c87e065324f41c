"""Bugs that this field really had. Each check passes on our code and trips on the bug.

    bug                                             where it was            check below
    loss averaged, then multiplied by the mask      d2l-en 2582             masked alone
    mean of means under gradient accumulation       transformers 24725,     accumulation
                                                    PR 34191
    ignore_index=0 swallows a real class 0          BERT-pytorch 49         class zero
    assistant-only loss lost when packing, or an    trl 3728, PR 4201       assistant,
    all-zero mask                                                           silence
    pad = eos, and pads are ignored                 many collators          stopping
    no shift, or a double shift                     everywhere once         shift
    an empty mask at short length: 0/0              transformers' collator  short rows

Every test runs its check twice: as things are, and with the bug put in.
``ELSEWHERE`` names the tests in other files that would catch the same bug.
"""

import functools
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pretrain import losses, tokens, training
from pretrain.attention import causal
from pretrain.batch import Batch
from pretrain.corpora.chats import ASSISTANT, END, USER
from pretrain.errors import EmptyLossError
from pretrain.losses import IGNORE, Loss, cross_entropy
from pretrain.model import ModelConfig, redraw
from pretrain.objectives import Causal, Chat, Masked, base, chat
from pretrain.packing import pack, rows_from
from pretrain.random import generator_for

WORDS = tokens.words([f"w{i}" for i in range(40)])
SPECIAL, SIZE = WORDS.special, WORDS.vocab_size
DOCUMENTS = [
    np.random.default_rng(n).integers(SPECIAL.reserved, SIZE, n).tolist()
    for n in (9, 3, 1, 14, 6, 2)
]

ELSEWHERE = {
    "mean of means": (
        "test_accumulation_is_token_weighted",
        "test_mean_of_means_would_fail_that_test",
        "test_a_mean_of_means_is_not_the_mean",
        "test_sums_and_counts_add_up_under_any_split",
    ),
    "class zero": ("test_class_zero_is_scored",),
    "assistant": (
        "test_scored_tokens_are_those_of_the_state_machine",
        "test_packing_changes_no_logit_that_is_scored",
        "test_a_conversation_in_which_no_assistant_speaks_"
        "says_so",
    ),
    "stopping": (
        "test_the_end_of_the_turn_is_scored_and_the_markers_"
        "are_not",
        "test_concat_makes_every_token_a_target_exactly_once",
    ),
    "shift": (
        "test_a_model_that_has_learned_to_count_shows_a_"
        "double_shift",
        "test_without_the_shift_a_copy_is_rewarded",
    ),
    "empty mask": (
        "test_never_an_empty_mask",
        "test_nothing_scored_is_an_error_that_says_so",
    ),
}


@pytest.mark.parametrize("named", [n for names in ELSEWHERE.values() for n in names])
def test_the_tests_named_above_exist(root, named):
    files = (root / "tests/unit").glob("test_*.py")
    assert any(f"\ndef {named}(" in file.read_text("utf-8") for file in files)


def packed(length=12, strategy="whole", documents=DOCUMENTS, special=SPECIAL):
    return rows_from(list(pack(documents, special, length, strategy)), special)


class Table(torch.nn.Module):
    """A model whose logits (B,T,V) are its parameters: a loss is seen through."""

    def __init__(self, shape, seed=0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn(shape, generator=generator, dtype=torch.float64)
        self.table = torch.nn.Parameter(start)

    def hidden(self, inputs, attention=None, positions=None):
        return self.table

    def logits(self, hidden):
        return hidden


# -- averaged, then multiplied by the mask ---------------------------------------------


def check_masked_positions_alone() -> None:
    """No gradient reaches the logits of a token that is not scored."""
    batch = Masked(0.3)(packed(), WORDS, generator_for(1))
    model = Table((*batch.inputs.shape, SIZE))
    Masked(0.3).loss(model, batch).mean().backward()
    touched = (model.table.grad != 0).any(-1)
    assert batch.scored.any() and not batch.scored.all()
    assert torch.equal(touched, batch.scored)


def test_a_mask_after_the_mean(monkeypatch):
    check_masked_positions_alone()

    def averaged_then_masked(self, model, batch):
        """What d2l-en did: the weights cancel, every position is trained."""
        logits, mask = model.hidden(batch.inputs), batch.scored.double()
        targets = batch.targets.clamp(min=0)
        mean = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return Loss((mean * mask).sum(), mask.sum())

    monkeypatch.setattr(Masked, "loss", averaged_then_masked)
    with pytest.raises(AssertionError):
        check_masked_positions_alone()


# -- a mean of means -------------------------------------------------------------------


def check_accumulation(objective) -> None:
    """One batch, whole and in three uneven parts: the same gradient.

    Float64, the same sums in another order: 1e-12.
    """
    batch = objective(packed(16, "pad"))
    assert len({part.count for part in batch.split(3)}) > 1
    found = []
    for parts in (1, 3):
        config = ModelConfig(SIZE, width=8, depth=1, heads=1, context=16)
        model = redraw(config.build(0)).double()
        plan = training.Budget(micro_batches=parts, clip=1e9)
        training.train_step(model, objective, batch, [], 1.0, plan)
        found.append([p.grad for p in model.parameters() if p.grad is not None])
    for whole, summed in zip(*found, strict=True):
        torch.testing.assert_close(whole, summed, rtol=1e-10, atol=1e-12)


def test_a_mean_of_means():
    check_accumulation(Causal())

    @dataclass(frozen=True)
    class Averaged(Causal):
        """Each micro-batch divides by its own count, and then they are averaged."""

        def loss(self, model, batch):
            loss = super().loss(model, batch)
            return Loss(loss.mean() * batch.inputs.shape[0], loss.count)

    with pytest.raises(AssertionError):
        check_accumulation(Averaged())


# -- ignore_index = 0 ------------------------------------------------------------------


def check_class_zero() -> None:
    """Of targets 0, 1 and −100 the first two are scored."""
    logits = torch.zeros(3, 5, dtype=torch.float64)
    loss = losses.cross_entropy(logits, torch.tensor([0, 1, -100]))
    assert loss.count == 2
    assert loss.sum.item() == pytest.approx(2 * np.log(5))


def test_class_zero(monkeypatch):
    check_class_zero()
    monkeypatch.setattr(losses, "IGNORE", 0)
    with pytest.raises(Exception):  # noqa: B017 -- −100 is no token, or the count is 1
        check_class_zero()


# -- assistant-only loss ---------------------------------------------------------------

CHAT = tokens.with_extras(WORDS, (USER, ASSISTANT, END))
ROLE = {name: CHAT.special.extra(name) for name in (USER, ASSISTANT, END)}


def turns(question: int, answer: int) -> list[int]:
    asked = list(range(10, 10 + question))
    said = list(range(20, 20 + answer))
    end = ROLE[END]
    return [ROLE[USER], *asked, end, ROLE[ASSISTANT], *said, end]


TALKS = [turns(3, 2), turns(1, 4), turns(2, 1)]
SAID = sum(len(talk) - talk.index(ROLE[ASSISTANT]) - 1 for talk in TALKS)


def check_assistant(strategy: str) -> None:
    """Packed or not, what the assistants say is scored, each token once."""
    rows = packed(40, strategy, TALKS, CHAT.special)
    assert len(rows) == (1 if strategy == "whole" else len(TALKS))
    batch = Chat()(rows, CHAT)
    assert batch.count == SAID
    wanted = {*range(20, 24), ROLE[END]}
    assert set(batch.targets[batch.scored].tolist()) <= wanted


@pytest.mark.parametrize("strategy", ["whole", "pad"])
def test_assistant_only_when_packing(monkeypatch, strategy):
    check_assistant(strategy)
    true = chat.said_by_assistant

    def first_alone(rows, tokenizer, end_of_turn=True):
        """The mask of a row's first conversation, the others dropped."""
        later = (rows == tokenizer.special.doc).cumsum(1) > 1
        return true(rows, tokenizer, end_of_turn) & ~later

    monkeypatch.setattr(chat, "said_by_assistant", first_alone)
    if strategy == "whole":  # in rows of their own nothing is lost: so it went unseen
        with pytest.raises(AssertionError):
            check_assistant(strategy)


def check_silence() -> None:
    """A batch in which nothing is scored is no loss of 0: it is an error."""
    rows = packed(16, "whole", [[11, 12, 13]], CHAT.special)
    batch = Chat()(rows, CHAT)
    with pytest.raises(EmptyLossError):
        Chat().loss(Table((*batch.inputs.shape, CHAT.vocab_size)), batch)


def test_an_all_zero_mask(monkeypatch):
    check_silence()
    silent = functools.partial(cross_entropy, empty="zero")
    monkeypatch.setattr(base, "cross_entropy", silent)
    with pytest.raises(pytest.fail.Exception):
        check_silence()


# -- pad = eos -------------------------------------------------------------------------


def check_stopping() -> None:
    """The token that ends a document is a target wherever a document ends."""
    assert SPECIAL.pad != SPECIAL.doc
    every = sum(len(document) + 1 for document in DOCUMENTS)  # no document is cut
    for strategy in ("whole", "pad", "concat"):
        batch = Causal()(packed(every, strategy))
        ends = (batch.targets == SPECIAL.doc).sum()
        assert ends == len(DOCUMENTS), strategy
    batch = Chat()(packed(40, "pad", TALKS, CHAT.special), CHAT)
    assert (batch.targets == ROLE[END]).sum() == len(TALKS)


def test_pad_that_is_the_end(monkeypatch):
    check_stopping()
    call = Causal.__call__

    def ignoring_pads(self, rows, tokenizer=None, generator=None):
        """A collator that sets −100 wherever the label is the pad token, here <doc>."""
        batch = call(self, rows)
        targets = batch.targets.masked_fill(batch.targets == SPECIAL.doc, IGNORE)
        return replace(batch, targets=targets)

    monkeypatch.setattr(Causal, "__call__", ignoring_pads)
    with pytest.raises(AssertionError):
        check_stopping()


# -- no shift, double shift ------------------------------------------------------------


class Ahead(torch.nn.Module):
    """Certain that the token at t + ``by`` of 4, 5, 6, … follows: adds to its input."""

    def __init__(self, by: int) -> None:
        super().__init__()
        self.by = by

    def hidden(self, inputs, attention=None, positions=None):
        return F.one_hot((inputs + self.by) % SIZE, SIZE).double() * 50

    def logits(self, hidden):
        return hidden


def check_shift() -> None:
    """Of text that counts upwards, only the model that adds one has no loss.

    A probability of 1 − 43·e^−50 costs 1e-20 nats; each wrong token costs 50.
    """
    row = torch.arange(SPECIAL.reserved, SPECIAL.reserved + 20)[None]
    rows = replace(
        packed(19, "pad", [list(range(18))]),
        tokens=row, documents=torch.zeros_like(row), positions=torch.arange(20)[None],
    )  # fmt: skip
    batch = Causal()(rows)
    found = [Causal().loss(Ahead(by), batch).mean().item() for by in (0, 1, 2)]
    assert found == pytest.approx([50, 0, 50], abs=1e-6)


@pytest.mark.parametrize("shift", [0, 2])
def test_the_wrong_shift(monkeypatch, shift):
    check_shift()

    def shifted(self, rows, tokenizer=None, generator=None):
        width = rows.tokens.shape[1] - 2
        inputs, documents = rows.tokens[:, :width], rows.documents[:, :width]
        targets = rows.tokens[:, shift : shift + width]
        where = rows.positions[:, :width]
        return Batch(inputs, targets, causal(), where, documents)

    monkeypatch.setattr(Causal, "__call__", shifted)
    with pytest.raises(AssertionError):
        check_shift()


# -- an empty mask ---------------------------------------------------------------------


def check_short_rows() -> None:
    """Rows of two to four tokens at 15 %: always something to score, and finite."""
    for seed in range(60):
        rows = packed(4, "pad", [[10 + seed % 5]])
        batch = Masked(0.15)(rows, WORDS, generator_for(seed))
        assert batch.scored.any()
        loss = Masked(0.15).loss(Table((*batch.inputs.shape, SIZE)), batch)
        assert loss.mean().isfinite()


def test_an_empty_mask(monkeypatch):
    check_short_rows()
    # What such a batch costs in the usual code: a mean over nothing.
    nothing = torch.full((3,), IGNORE)
    assert F.cross_entropy(torch.zeros(3, SIZE), nothing).isnan()

    def independent(self, row, tokenizer, generator):
        return (torch.rand(row.shape, generator=generator) < self.rate) & (
            row >= SPECIAL.reserved
        )

    monkeypatch.setattr(Masked, "choose", independent)
    with pytest.raises((AssertionError, EmptyLossError)):
        check_short_rows()
