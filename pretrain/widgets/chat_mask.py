"""The chat loss mask: which tokens of a conversation are scored, and why.

    user        ○ <user>  ○ Is  ○ it  ○ far  ○ ?  ○ <end>
    assistant   ○ <assistant>  ● No  ● .  ● <end>    the one that must not be missed

The scored tokens are those of `objectives.chat.Chat`. What its ``<end>`` is worth is
shown by a thought experiment that can be computed: a model that knows every scored
token by heart, and to which all V tokens are equally likely wherever nothing was
scored.
"""

import traitlets

from pretrain.corpora.chats import ASSISTANT, END, MARKERS, ROLES, Turn, render
from pretrain.errors import PretrainError
from pretrain.objectives.chat import Chat
from pretrain.packing import pack, rows_from
from pretrain.tokens import with_extras, words
from pretrain.widgets.base import Widget, box, label, module, one_of, svg

TURNS = [
    {"role": "user", "content": "Is the sea far from here?"},
    {"role": "assistant", "content": "No, an hour on foot."},
    {"role": "user", "content": "And the lake?"},
    {"role": "assistant", "content": "It is near."},
]
MOST = 12
"""Turns of a conversation."""


class ChatLossMask(Widget):
    """Edit a conversation and see which of its tokens a chat model is scored on.

    turns: dictionaries with a "role", "user" or "assistant", and the "content".
    score: "assistant" for what the assistant says, or "all". end_of_turn: whether
    ``<end>`` counts as something that is said. token: the token that is explained, from
    0; ``<doc>`` in front is none, since nothing predicts it.
    """

    _esm = module("chat_mask")
    heights = (775, 1300)

    turns = traitlets.List(traitlets.Dict(), TURNS).tag(sync=True)
    score = traitlets.Unicode("assistant").tag(sync=True)
    end_of_turn = traitlets.Bool(True).tag(sync=True)
    token = traitlets.Int(17).tag(sync=True)

    @traitlets.validate("turns")
    def _check_turns(self, proposal):
        turns = proposal["value"]
        if len(turns) > MOST:
            raise PretrainError(f"{len(turns)} turns: give {MOST} or fewer")
        for turn in turns:
            if set(turn) != {"role", "content"} or not isinstance(turn["content"], str):
                raise PretrainError(
                    f"a turn is {turn!r}: give a dictionary with a role and a content"
                )
            one_of("role", turn["role"], tuple(ROLES))
        return turns

    @traitlets.validate("score")
    def _check_score(self, proposal):
        return Chat(proposal["value"]).score

    @traitlets.validate("token")
    def _check_token(self, proposal):
        if proposal["value"] < 0:
            raise PretrainError("the token is a place in the row, counted from 0")
        return proposal["value"]

    def result(self) -> dict:
        """What the widget shows: tokens after the first ``<doc>``, and who is scored.

        "stop": the chance that the model of the thought experiment stops where the last
        assistant's turn stops; "over": how many tokens too many it writes on average
        there. Both None where no assistant speaks.
        """
        texts = [turn["content"] for turn in self.turns]
        tokenizer = with_extras(words([*texts, "."]), MARKERS)
        turns = [
            Turn(turn["role"], tuple(tokenizer.encode(turn["content"])))
            for turn in self.turns
        ]
        ids = render(turns, tokenizer)
        special, size = tokenizer.special, tokenizer.vocab_size
        found = {"tokens": [], "scored": [], "vocabulary": size}
        if not ids:
            return found | {"stop": None, "over": None}
        rows = rows_from(list(pack([ids], special, len(ids) + 1, "pad")), special)
        batch = Chat(self.score, self.end_of_turn)(rows, tokenizer)
        found["tokens"] = [tokenizer.token(i) for i in rows.tokens[0, 1:]]
        found["scored"] = batch.scored[0].tolist()
        return found | stopping(found["tokens"], found["scored"], size)

    def alt(self) -> str:
        result = self.result()
        scored = sum(result["scored"])
        ends = sum(
            on and token == END
            for token, on in zip(result["tokens"], result["scored"], strict=True)
        )
        return (
            f"A conversation of {len(self.turns)} turns and {len(result['tokens'])} "
            f"tokens, of which {scored} are scored, {ends} of them ends of a turn."
        )

    def picture(self) -> str:
        result = self.result()
        parts = [label(8, 18, "Chat loss mask", font_weight="bold")]
        x, y = 8, 30
        pairs = zip(result["tokens"], result["scored"], strict=True)
        for token, on in list(pairs)[:120]:
            text = f"{'●' if on else '○'} {token[:24]}"
            width = 8.2 * len(text) + 12
            opens = token in ROLES.values() and x > 8
            if opens or x + width > 692:
                x, y = 8, y + 30
            parts.append(box(x, y, width, 25, "paper", stroke="#c9d0d8", rx=4))
            parts.append(label(x + 6, y + 17, text, "scored" if on else "muted"))
            x += width + 5
        parts.append(label(8, y + 46, "● scored   ○ read, not scored", "muted"))
        return svg(700, y + 60, parts, self.alt())


def stopping(tokens: list[str], scored: list[bool], size: int) -> dict:
    """Chance to stop after the last answer, and tokens written too many on average.

    Where ``<end>`` is scored, the model that knows the scored tokens by heart writes
    it. Elsewhere each of the `size` tokens has the chance 1/size, so that ``<end>`` is
    awaited for ``size`` draws on average, the last of which is ``<end>`` itself.
    """
    if ASSISTANT not in tokens:
        return {"stop": None, "over": None}
    start = len(tokens) - 1 - tokens[::-1].index(ASSISTANT)
    known = scored[tokens.index(END, start)]
    chance = 1.0 if known else 1 / size
    return {"stop": chance, "over": 0 if known else size - 1}
