"""Assistant-only targets against Hugging Face's chat templates.

TRL's ``assistant_only_loss`` scores what ``apply_chat_template`` marks in
``return_assistant_tokens_mask``: the tokens inside the template's ``{% generation %}``
block, which in TRL's own training templates holds the end-of-turn token too.
"""

import pytest
import torch

from pretrain.corpora.chats import MARKERS, Turn, render
from pretrain.losses import IGNORE
from pretrain.objectives import Chat
from pretrain.packing import pack, rows_from
from pretrain.tokens import with_extras, words

transformers = pytest.importorskip("transformers")
pytest.importorskip("jinja2")

WORDS = "is it far not on the map a lot of water".split()
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'user' %}<user> {{ message.content }} <end> "
    "{% else %}<assistant> {% generation %}{{ message.content }} <end>"
    "{% endgeneration %} {% endif %}{% endfor %}"
)
CONVERSATIONS = [
    [("user", "is it far"), ("assistant", "not on the map")],
    [
        ("user", "is it a lot"),
        ("assistant", "a lot of water"),
        ("user", "far"),
        ("assistant", "far"),
    ],
    [("assistant", "water"), ("user", "the map")],
]


def theirs():
    """A fast tokenizer with our ids, and the template."""
    import tokenizers
    from tokenizers import models, pre_tokenizers

    ours = with_extras(words(WORDS, split="blanks"), MARKERS)
    vocabulary = {ours.token(i): i for i in range(ours.vocab_size)}
    inner = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = transformers.PreTrainedTokenizerFast(tokenizer_object=inner)
    made.chat_template = TEMPLATE
    return ours, made


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_the_same_tokens_are_scored(conversation):
    ours, hf = theirs()
    messages = [dict(role=role, content=text) for role, text in conversation]
    marked = hf.apply_chat_template(
        messages, return_assistant_tokens_mask=True, return_dict=True
    )
    turns = [Turn(role, tuple(ours.encode(text))) for role, text in conversation]
    ids = render(turns, ours)
    assert ids == marked["input_ids"]

    row = next(pack([ids], ours.special, len(ids) + 1, "whole"))
    batch = Chat()(rows_from([row], ours.special), ours)
    # Their labels are the inputs with −100 outside of the mask; the model shifts them.
    labels = [
        token if scored else IGNORE
        for token, scored in zip(
            marked["input_ids"], marked["assistant_masks"], strict=True
        )
    ]
    assert batch.targets[0, : len(ids)].tolist() == labels
    assert sum(marked["assistant_masks"]) > 0


def test_leaving_the_end_of_turn_out_differs():
    ours, hf = theirs()
    messages = [dict(role=role, content=text) for role, text in CONVERSATIONS[0]]
    marked = hf.apply_chat_template(
        messages, return_assistant_tokens_mask=True, return_dict=True
    )
    rows = rows_from(
        [next(pack([marked["input_ids"]], ours.special, 12, "whole"))], ours.special
    )
    batch = Chat(end_of_turn=False)(rows, ours)
    assert int(batch.scored.sum()) == sum(marked["assistant_masks"]) - 1
    assert torch.is_tensor(batch.targets)
