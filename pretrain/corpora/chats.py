"""Conversations: turns with roles, rendered as tokens with markers.

    turns      User: Which city is the capital of Ghana?   Assistant: It is Accra.
    tokens     <user> which city … ghana ? <end> <assistant> it is accra . <end>

A role marker opens a turn and ``<end>`` closes it: that is all a chat template does.
The markers are special tokens, so no text that a user types can forge one. ``<end>``
is *said by* the turn that it closes; a model that is never scored on it never learns to
stop (``objectives.chat``).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from pretrain.corpora.document import Document
from pretrain.corpora.microworld import Microworld
from pretrain.errors import PretrainError
from pretrain.tokens import Tokenizer, with_extras

USER, ASSISTANT, END = MARKERS = ("<user>", "<assistant>", "<end>")
ROLES = {"user": USER, "assistant": ASSISTANT}


@dataclass(frozen=True)
class Turn:
    """One turn: who speaks ("user" or "assistant"), and the tokens that are said."""

    role: str
    tokens: tuple[int, ...]


def render(turns: Iterable[Turn], tokenizer: Tokenizer) -> list[int]:
    """The token ids of a conversation, without ``<doc>``.

    Raises PretrainError for a role that is not "user" or "assistant", or when the
    tokenizer lacks the markers.
    """
    ids: list[int] = []
    for turn in turns:
        if turn.role not in ROLES:
            raise PretrainError(
                f"a turn's role is {turn.role!r}: it is one of {', '.join(ROLES)}"
            )
        ids.append(tokenizer.special.extra(ROLES[turn.role]))
        ids += turn.tokens
        ids.append(tokenizer.special.extra(END))
    return ids


def prompt(turns: Iterable[Turn], tokenizer: Tokenizer) -> list[int]:
    """``render``, and the marker that asks the assistant to speak next."""
    return [*render(turns, tokenizer), tokenizer.special.extra(ASSISTANT)]


class Chats:
    """Microworld's chats as conversations with markers.

    Args:
        world: the world whose chats these are.
        turns: questions in one conversation, each with its answer.
        everything: the world's other documents stay in the stream, as plain text.

    Countries that the world holds out are stated in its documents and asked for by
    ``asked(held_out=True)`` alone.
    """

    def __init__(
        self, world: Microworld | None = None, turns: int = 1, everything: bool = False
    ) -> None:
        if turns < 1:
            raise PretrainError(f"conversations of {turns} questions: give 1 or more")
        self.world = world or Microworld()
        self.turns, self.everything = turns, everything
        self.tokenizer = with_extras(self.world.tokenizer, MARKERS)
        self.name = f"microworld-chats-{turns}" + "-and-all" * everything
        colon = self.world.tokenizer.encode("user :")[1]
        said = self.world.tokenizer.encode("user assistant")
        self._openings = {(said[0], colon): "user", (said[1], colon): "assistant"}

    def turns_of(self, tokens: Sequence[int]) -> list[Turn] | None:
        """The turns of one of the world's documents; None if it is no chat."""
        found: list[tuple[str, list[int]]] = []
        place = 0
        while place < len(tokens):
            role = self._openings.get(tuple(tokens[place : place + 2]))
            if role:
                found.append((role, []))
                place += 2
                continue
            if not found:
                return None
            found[-1][1].append(tokens[place])
            place += 1
        return [Turn(role, tuple(said)) for role, said in found] or None

    def stream(self, split: str = "train", seed: int = 0) -> Iterator[list[int]]:
        """Token ids of one conversation after another."""
        if split == "train":
            source = self.world.stream("train", seed)
        else:
            source = self._language().documents(Random(f"chats {split}"))
        turns: list[Turn] = []
        count = 0
        for tokens in source:
            found = self.turns_of(tokens)
            if found is None:
                if self.everything:
                    yield tokens
                continue
            turns += found
            if sum(turn.role == "user" for turn in turns) >= self.turns:
                yield render(turns, self.tokenizer)
                turns, count = [], count + 1
                if split != "train" and count == 1000:
                    return

    def heldout(self, split: str = "validation", n: int | None = None):
        """The first ``n`` conversations of a split (1,000 at most)."""
        found = []
        for ids in self.stream(split):
            found.append(self._document(ids))
            if len(found) == (n or 1000):
                break
        return found

    def asked(self, n: int = 100, held_out: bool = False, seed: int = 0) -> list:
        """(question, answer) turns about capitals: of asked or held-out countries."""
        source = self.world.chats(held_out).documents(Random(f"asked {seed}"))
        return [tuple(self.turns_of(next(source))) for _ in range(n)]

    def _language(self):
        return self.world.only("chats")

    def _document(self, ids: list[int]) -> Document:
        return Document(tuple(ids), self.tokenizer.decode(ids), "chats")

    def __reduce__(self):
        return Chats, (self.world, self.turns, self.everything)


