"""Chat: who is scored, with one turn and many, alone and packed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.corpora.chats import ASSISTANT, END, MARKERS, USER, Chats, Turn, render
from pretrain.corpora.chats import prompt as ask
from pretrain.corpora.microworld import Microworld
from pretrain.errors import EmptyLossError, PretrainError
from pretrain.losses import IGNORE
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.objectives import Causal, Chat
from pretrain.packing import pack, rows_from
from pretrain.tokens import with_extras, words
from pretrain.training import Budget, fit

TOKENIZER = with_extras(words(["a b c d e f"], split="blanks"), MARKERS)
SPECIAL = TOKENIZER.special
NAMES = [SPECIAL.extra(name) for name in MARKERS]


def rows_of(*conversations, length=None):
    ids = [render(turns, TOKENIZER) for turns in conversations]
    size = length or sum(len(i) + 1 for i in ids)
    return rows_from(list(pack(ids, SPECIAL, size, "whole")), SPECIAL)


def scored_by_a_loop(row: list[int]) -> list[bool]:
    """A state machine over one row: the plainest way to say it."""
    user, assistant, end = NAMES
    found, speaking = [], False
    for token in row:
        if token == assistant:
            found.append(False)
            speaking = True
        elif token in (user, SPECIAL.doc):
            found.append(False)
            speaking = False
        else:
            found.append(speaking)
            speaking = speaking and token != end
    return found


turns = st.lists(
    st.builds(
        Turn,
        st.sampled_from(["user", "assistant"]),
        st.lists(st.integers(4, 9), max_size=4).map(tuple),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(turns, min_size=1, max_size=4), st.integers(4, 40))
def test_scored_tokens_are_those_of_the_state_machine(conversations, length):
    """Alone, packed, and cut off by the row's end."""
    rows = rows_of(*conversations, length=length)
    kept = rows.tokens.clone()
    batch = Chat()(rows, TOKENIZER)
    assert torch.equal(rows.tokens, kept)
    for row, targets in zip(rows.tokens.tolist(), batch.targets.tolist(), strict=True):
        expected = [
            token if yes else IGNORE
            for token, yes in zip(row, scored_by_a_loop(row), strict=True)
        ][1:]
        assert targets == expected
    causal = Causal()(rows)
    assert torch.equal(batch.inputs, causal.inputs)
    everything = Chat("all")(rows, TOKENIZER)
    assert torch.equal(everything.targets, causal.targets)


def test_the_end_of_the_turn_is_scored_and_the_markers_are_not():
    rows = rows_of([Turn("user", (4, 5)), Turn("assistant", (6, 7))])
    targets = Chat()(rows, TOKENIZER).targets[0].tolist()
    assert [t for t in targets if t != IGNORE] == [6, 7, SPECIAL.extra(END)]
    without = Chat(end_of_turn=False)(rows, TOKENIZER).targets[0].tolist()
    assert [t for t in without if t != IGNORE] == [6, 7]
    assert Chat(end_of_turn=False).for_evaluation().end_of_turn


def test_packing_changes_no_logit_that_is_scored():
    """Two conversations in one row, or each alone: the same losses."""
    one = [Turn("user", (4,)), Turn("assistant", (5, 6))]
    two = [Turn("user", (7, 8)), Turn("assistant", (9,))]
    model = redraw(
        Transformer(ModelConfig(TOKENIZER.vocab_size, width=16, heads=2))
    ).double()
    together = Chat().loss(model, Chat()(rows_of(one, two), TOKENIZER))
    alone = [Chat().loss(model, Chat()(rows_of(c), TOKENIZER)) for c in (one, two)]
    torch.testing.assert_close(together.sum, alone[0].sum + alone[1].sum)
    assert together.count == alone[0].count + alone[1].count == 5
    open_rows = Chat(within_documents=False)(rows_of(one, two), TOKENIZER)
    leaking = Chat(within_documents=False).loss(model, open_rows)
    assert abs(leaking.sum - together.sum) > 1e-3, "the test can fail"


def test_a_conversation_in_which_no_assistant_speaks_says_so():
    batch = Chat()(rows_of([Turn("user", (4, 5))]), TOKENIZER)
    with pytest.raises(EmptyLossError, match="no token of this batch is scored"):
        Chat().loss(Transformer(ModelConfig(TOKENIZER.vocab_size)), batch)


def test_bad_input():
    with pytest.raises(PretrainError, match='"assistant" or "all"'):
        Chat("user")
    with pytest.raises(PretrainError, match="role is 'system'"):
        render([Turn("system", (4,))], TOKENIZER)
    plain = words(["a b"], split="blanks")
    with pytest.raises(PretrainError, match="no token <user>"):
        render([Turn("user", (4,))], plain)
    with pytest.raises(PretrainError, match="0 questions"):
        Chats(turns=0)


@pytest.fixture(scope="module")
def chats():
    return Chats(Microworld(), turns=2)


def test_the_worlds_chats_become_turns(chats):
    ids = next(chats.stream("train", 0))
    user, assistant, end = (chats.tokenizer.special.extra(n) for n in MARKERS)
    markers = [i for i in ids if i in (user, assistant, end)]
    assert markers == [user, end, assistant, end] * 2
    assert "user" not in chats.tokenizer.decode(ids).lower().split()
    question, answer = chats.asked(1)[0]
    assert (question.role, answer.role) == ("user", "assistant")
    assert ask([question], chats.tokenizer)[-1] == assistant
    capital = {
        chats.tokenizer.decode(q.tokens): chats.tokenizer.decode(a.tokens)
        for q, a in chats.asked(30, held_out=True)
    }
    held = [name.title() for name in chats.world.held_out]
    assert all(any(name in question for name in held) for question in capital)
    everything = Chats(chats.world, everything=True)
    stream = everything.stream("train", 0)
    seen = [next(stream) for _ in range(60)]
    kinds = {ids[0] == user for ids in seen}
    assert kinds == {True, False}


def test_it_trains_through_fit(chats):
    config = ModelConfig(chats.tokenizer.vocab_size, width=16, depth=1, heads=2)
    plan = Budget(tokens=4 * 2 * 64, rows=2, length=64, evaluations=1, held_out=5)
    run = fit(config, Chat(), chats, plan)
    assert len(run.log.column("loss")) == 4
    scored = run.log.column("scored")
    assert all(0 < n < 2 * 64 for n in scored)
    assert USER in chats.tokenizer.special.extras and ASSISTANT in MARKERS
