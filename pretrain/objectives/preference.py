"""Learning from preferences: DPO from pairs, and a policy gradient from a reward.

    pair      log π(chosen) − log ref(chosen)   ─┐
              log π(rejected) − log ref(rejected)┴→ margin m,   loss = −log σ(β·m)
    reward    y ~ π(·|x),  r(x, y)  →  loss = −(r − baseline)·log π(y|x)  [+ β·KL]

Both push up what is liked and hold on to the model they began with, the *reference*.
DPO (@rafailov2023direct) needs no sampling and no reward model: under a Bradley–Terry
model of preferences the best policy is ref·exp(r/β) up to a constant, so the reward can
be read off the policy itself. The policy gradient (@williams1992simple) needs only a
number for each answer, and pays for it with variance. Both are small here, and neither
is a substitute for ``Chat`` before it: an answer that is never sampled earns nothing.

Legend: B prompts or pairs, T positions.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.attention import causal
from pretrain.batch import Batch
from pretrain.corpora.chats import END
from pretrain.corpora.preferences import Comparison, Preferences
from pretrain.errors import PretrainError
from pretrain.evaluation.generation import Sampling, generate_batch
from pretrain.losses import IGNORE, Loss, token_losses
from pretrain.objectives.base import Objective
from pretrain.random import Generator, generator_for
from pretrain.tokens import Tokenizer


class WithReference(nn.Module):
    """A copy of a model that is trained, and a frozen one that it is held to."""

    def __init__(self, policy: nn.Module) -> None:
        super().__init__()
        self.policy = copy.deepcopy(policy)
        self.reference = copy.deepcopy(policy).eval().requires_grad_(False)
        self.config = policy.config

    @property
    def parameter_count(self) -> int:
        """Of the policy: the reference is not trained."""
        return sum(p.numel() for p in self.policy.parameters())


def sequence_log_probability(model, inputs: Tensor, targets: Tensor) -> Tensor:
    """(B,) log π(answer | prompt) in nats: the sum over the scored targets (B,T)."""
    return -token_losses(model(inputs, causal()), targets).sum(1)


def dpo_loss(margins: Tensor, beta: float) -> Tensor:
    """(B,) −log σ(β·margin), for margins of log-ratios (B,). @rafailov2023direct"""
    return -F.logsigmoid(beta * margins)


@dataclass(frozen=True)
class PairBatch(Batch):
    """Chosen answers in ``inputs`` and ``targets`` (B,T), rejected ones beside them."""

    rejected_inputs: Tensor | None = None
    rejected_targets: Tensor | None = None

    @property
    def count(self) -> int:
        """Pairs, not tokens."""
        return len(self.inputs)


@dataclass(frozen=True)
class DPO(Objective):
    """Direct preference optimization, for a ``WithReference``. @rafailov2023direct

    beta: how strongly the policy is held to the reference: the smaller, the farther it
        may go. 0.1 in the paper.
    """

    beta: float = 0.1

    alignment: ClassVar[Literal["next", "same"] | None] = None
    reads_rows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_beta(self.beta, least=False)

    def read(
        self,
        corpus: Preferences,
        split: str,
        seed: int,
        *,
        rows: int,
        length: int,
        packing: str = "whole",
        skip: int = 0,
    ) -> Iterator[list[Comparison]]:
        """Lists of ``rows`` comparisons; the last may be shorter."""
        source = islice(corpus.comparisons(split, seed), skip * rows, None)
        while group := list(islice(source, rows)):
            _check_lengths(group, length)
            yield group

    def __call__(
        self,
        piece: list[Comparison],
        tokenizer: Tokenizer,
        generator: Generator | None = None,
    ) -> PairBatch:
        """Comparisons to a batch. Uses no randomness."""
        special = tokenizer.special
        chosen, rejected = (
            _answers([(c.prompt, getattr(c, side)) for c in piece], special)
            for side in ("chosen", "rejected")
        )
        inputs, targets = chosen
        positions = torch.arange(inputs.shape[1]).expand_as(inputs)
        return PairBatch(
            inputs, targets, causal(), positions, torch.zeros_like(inputs), None,
            *rejected,
        )

    def loss(self, model: WithReference, batch: PairBatch) -> Loss:
        """Σ −log σ(β·margin) over the pairs, and how far each answer has moved.

        Parts: ``chosen`` and ``rejected``, log π − log ref in nats an answer. It is
        normal for both to fall: only their difference is trained.
        """
        chosen, rejected = self.shifts(model, batch)
        pairs = torch.tensor(batch.count)
        parts = {
            "chosen": Loss(chosen.detach().sum(), pairs),
            "rejected": Loss(rejected.detach().sum(), pairs),
        }
        return Loss(dpo_loss(chosen - rejected, self.beta).sum(), pairs, parts)

    def shifts(self, model: WithReference, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """(B,) log π − log ref of the chosen and of the rejected answers."""
        found = []
        for inputs, targets in (
            (batch.inputs, batch.targets),
            (batch.rejected_inputs, batch.rejected_targets),
        ):
            with torch.no_grad():
                before = sequence_log_probability(model.reference, inputs, targets)
            now = sequence_log_probability(model.policy, inputs, targets)
            found.append(now - before)
        return found[0], found[1]

    def metrics(self, model: WithReference, batch: PairBatch) -> dict[str, Loss]:
        """``accuracy``: the share of pairs whose chosen answer has gained more."""
        chosen, rejected = self.shifts(model, batch)
        won = (chosen > rejected).sum()
        return {"accuracy": Loss(won, torch.tensor(batch.count))}


@dataclass(frozen=True)
class PromptBatch(Batch):
    """Prompts (B,P) to be answered, and what says how good an answer is."""

    prompts: tuple[tuple[int, ...], ...] = ()
    reward: Callable[[int, list[int]], float] | None = None
    tokenizer: Tokenizer | None = None
    seed: int = 0

    @property
    def count(self) -> int:
        """Prompts, not tokens."""
        return len(self.prompts)

    def split(self, parts: int) -> list["PromptBatch"]:
        raise PretrainError(
            "a policy gradient's baseline is the mean reward of the whole batch, so it "
            "cannot be cut: use micro_batches=1 and fewer rows"
        )


@dataclass(frozen=True)
class PolicyGradient(Objective):
    """REINFORCE with a baseline and a KL penalty, for a ``WithReference``.

    Each prompt is answered ``samples`` times by the policy itself; the baseline of an
    answer is the mean reward of the *other* answers to its prompt, which keeps the
    gradient unbiased (@kool2019buy). The reward is lowered by β·(log π − log ref),
    whose mean is β·KL(π‖ref). @williams1992simple @ouyang2022training

    The value of this loss means nothing, only its gradient does: read ``loss_reward``.
    """

    samples: int = 4
    beta: float = 0.05
    max_tokens: int = 16

    alignment: ClassVar[Literal["next", "same"] | None] = None
    reads_rows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_beta(self.beta, least=True)
        if self.samples < 2:
            raise PretrainError(
                f"{self.samples} answers to a prompt: 2 or more are needed, since the "
                "baseline of one is the mean of the others"
            )

    def read(
        self,
        corpus: Preferences,
        split: str,
        seed: int,
        *,
        rows: int,
        length: int,
        packing: str = "whole",
        skip: int = 0,
    ) -> Iterator[tuple[Preferences, list[tuple[int, ...]]]]:
        """The corpus, which knows the reward, and ``rows / samples`` questions."""
        questions = corpus.questions(split)
        each, step = max(1, rows // self.samples), skip
        while True:
            order = torch.randperm(len(questions), generator=generator_for(seed, step))
            yield corpus, [questions[i] for i in order[:each].tolist()]
            step += 1
            if split != "train" and (step - skip) * each >= len(questions):
                return

    def __call__(
        self,
        piece: tuple[Preferences, list[tuple[int, ...]]],
        tokenizer: Tokenizer,
        generator: Generator,
    ) -> PromptBatch:
        """Questions, each ``samples`` times, and a seed for the answers."""
        corpus, questions = piece
        asked = [question for question in questions for _ in range(self.samples)]
        prompts = tuple(tuple(corpus.prompt(question)) for question in asked)
        empty = torch.zeros(len(asked), 0, dtype=torch.long)
        seed = int(torch.randint(2**31, (1,), generator=generator))

        def reward(place: int, answer: list[int]) -> float:
            return corpus.reward(asked[place], answer)

        return PromptBatch(
            empty, empty, causal(), empty, empty, None, prompts, reward, tokenizer, seed
        )

    def loss(self, model: WithReference, batch: PromptBatch) -> Loss:
        """Σ −advantage·log π(answer); parts ``reward`` and ``kl`` (nats an answer)."""
        tokenizer = batch.tokenizer
        end = tokenizer.special.extra(END)
        answers = generate_batch(
            model.policy,
            [list(prompt) for prompt in batch.prompts],
            tokenizer,
            Sampling(),
            generator=generator_for(batch.seed),
            max_tokens=self.max_tokens,
            stop=[end],
        )
        rewards = torch.tensor(
            [batch.reward(place, answer) for place, answer in enumerate(answers)]
        )
        # An answer that was cut off at max_tokens has not said <end>.
        said = [
            (*answer, end) if len(answer) < self.max_tokens else tuple(answer)
            for answer in answers
        ]
        pairs = list(zip(batch.prompts, said, strict=True))
        device = next(model.policy.parameters()).device
        inputs, targets = (t.to(device) for t in _answers(pairs, tokenizer.special))
        now = sequence_log_probability(model.policy, inputs, targets)
        with torch.no_grad():
            before = sequence_log_probability(model.reference, inputs, targets)
        drift = (now - before).detach()
        gains = advantages(rewards.to(device) - self.beta * drift, self.samples)
        count = torch.tensor(batch.count)
        parts = {"reward": Loss(rewards.sum(), count), "kl": Loss(drift.sum(), count)}
        return Loss(-(gains * now).sum(), count, parts)


def advantages(rewards: Tensor, samples: int) -> Tensor:
    """Rewards (B·S,) less the mean of the other answers to the same prompt."""
    grouped = rewards.view(-1, samples)
    others = (grouped.sum(1, keepdim=True) - grouped) / (samples - 1)
    return (grouped - others).flatten()


def _answers(pairs, special) -> tuple[Tensor, Tensor]:
    """Inputs and targets (B,T) for (prompt, answer) ids; the answer alone is scored."""
    rows = [([special.doc, *prompt], list(answer)) for prompt, answer in pairs]
    longest = max(len(prompt) + len(answer) for prompt, answer in rows) - 1
    inputs = torch.full((len(rows), longest), special.pad)
    targets = torch.full((len(rows), longest), IGNORE)
    for i, (prompt, answer) in enumerate(rows):
        ids = torch.tensor(prompt + answer)
        inputs[i, : len(ids) - 1] = ids[:-1]
        targets[i, len(prompt) - 1 : len(ids) - 1] = ids[len(prompt) :]
    return inputs, targets


def _check_beta(beta: float, least: bool) -> None:
    enough = beta >= 0 if least else beta > 0
    if not (math.isfinite(beta) and enough):
        raise PretrainError(
            f"beta is {beta}: give a number {'≥' if least else '>'} 0, such as 0.1"
        )


def _check_lengths(group: list[Comparison], length: int) -> None:
    longest = max(len(c.prompt) + max(len(c.chosen), len(c.rejected)) for c in group)
    if longest > length:
        raise PretrainError(
            f"a comparison of {longest} tokens does not fit rows of {length}: give a "
            "larger length, since half an answer is not what was preferred"
        )
