"""Generation: from logits to tokens, with greedy choice, temperature, top-k, nucleus.

``generate`` writes with a causal model and a key–value cache: each step reads one new
token, not the whole text again, and gives the same tokens as without the cache.
``fill_mask`` asks a masked model for the hidden tokens of one text, each by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pretrain.attention import Pattern, causal, full, prefix
from pretrain.errors import PretrainError
from pretrain.model import Cache, Transformer
from pretrain.random import Generator, uniform
from pretrain.tokens import Tokenizer


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen from the model's probabilities.

    temperature: divides the logits; 0 is greedy choice.
    top_k: keep the k likeliest tokens; 0 keeps all.
    top_p: keep the smallest set of likeliest tokens whose probabilities reach p
        (nucleus sampling, @holtzman2020curious); 1 keeps all.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        finite = 0 <= self.temperature < float("inf")
        if not finite or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise PretrainError(
                f"{self} does not work: temperature ≥ 0, top_k ≥ 0 and 0 < top_p ≤ 1"
            )


GREEDY = Sampling(temperature=0.0)


def probabilities(logits: Tensor, sampling: Sampling) -> Tensor:
    """The distribution (…, V) that sampling draws from, for logits (…, V)."""
    if sampling.temperature == 0:
        best = logits.argmax(-1, keepdim=True)
        return torch.zeros_like(logits).scatter_(-1, best, 1.0)
    # Only differences matter; with the largest at 0, a tiny temperature is safe.
    logits = (logits - logits.amax(-1, keepdim=True)) / sampling.temperature
    if 0 < sampling.top_k < logits.shape[-1]:
        least = logits.topk(sampling.top_k, -1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    p = logits.softmax(-1)
    if sampling.top_p < 1:
        ordered, ids = p.sort(-1, descending=True)
        # A token is kept while the mass of those before it is still short of top_p.
        kept = ordered.cumsum(-1) - ordered < sampling.top_p
        p = torch.zeros_like(p).scatter_(-1, ids, ordered * kept)
        p = p / p.sum(-1, keepdim=True)
    return p


@torch.no_grad()
def generate(
    model: Transformer,
    prompt: list[int],
    tokenizer: Tokenizer,
    sampling: Sampling = GREEDY,
    *,
    generator: Generator | None = None,
    max_tokens: int = 64,
    cache: bool = True,
    two_way_prompt: bool = False,
    stop: Sequence[int] = (),
) -> list[int]:
    """New token ids after ``<doc>`` and a prompt, up to the closing ``<doc>``.

    The closing ``<doc>`` is not returned; other special tokens are never written,
    except those in ``stop``, which end the text as ``<doc>`` does (a chat's ``<end>``).
    Writing stops at ``max_tokens`` or at the model's context. ``two_way_prompt`` is for
    a prefix LM: ``<doc>`` and the prompt are read from both sides. Raises PretrainError
    when sampling lacks a generator, or the prompt fills the context.
    """
    (written,) = generate_batch(
        model,
        [prompt],
        tokenizer,
        sampling,
        generator=generator,
        max_tokens=max_tokens,
        cache=cache,
        two_way_prompt=two_way_prompt,
        stop=stop,
    )
    return written


@torch.no_grad()
def generate_batch(
    model: Transformer,
    prompts: list[list[int]],
    tokenizer: Tokenizer,
    sampling: Sampling = GREEDY,
    *,
    generator: Generator | None = None,
    max_tokens: int = 64,
    cache: bool = True,
    two_way_prompt: bool = False,
    stop: Sequence[int] = (),
) -> list[list[int]]:
    """:func:`generate` for many prompts; those of one length are written together.

    Every prompt draws its random numbers from a stream of its own, so what is written
    for it depends on its place in the list and not on its neighbors.
    """
    if not prompts:
        return []
    if sampling.temperature > 0 and generator is None:
        raise PretrainError(
            "sampling needs a generator: torch.Generator().manual_seed(0)"
        )
    longest = max(map(len, prompts))
    if model.config.context - longest - 1 < 1:
        raise PretrainError(
            f"a prompt of {longest} tokens leaves no room to write in a context of "
            f"{model.config.context}: shorten it"
        )
    draws = None
    if sampling.temperature > 0:
        draws = uniform((len(prompts), max_tokens), generator)
    ends = [tokenizer.special.doc, *stop]
    found: list[list[int]] = [[] for _ in prompts]
    for size in sorted(set(map(len, prompts))):
        places = [i for i, prompt in enumerate(prompts) if len(prompt) == size]
        group = torch.tensor([[tokenizer.special.doc, *prompts[i]] for i in places])
        lots = None if draws is None else draws[places]
        kept = Cache(model.config.depth, two_way_prompt) if cache else None
        seen = causal() | prefix(group.shape[1]) if two_way_prompt else causal()
        rows = _write(
            model, group, tokenizer, sampling, lots, max_tokens, kept, seen, ends
        )
        for i, ids in zip(places, rows, strict=True):
            found[i] = ids
    return found


def _write(
    model,
    text: Tensor,
    tokenizer,
    sampling,
    draws,
    most: int,
    kept: Cache | None,
    seen: Pattern,
    ends: list[int],
) -> list[list[int]]:
    """Continue rows of one length (R,P); each ends before the first of ``ends``."""
    special = tokenizer.special
    device = next(model.parameters()).device
    barred = [i for i in special.ids if i not in ends]
    start = text.shape[1]
    ended = torch.zeros(len(text), dtype=torch.bool)
    for step in range(min(most, model.config.context - start)):
        new = text[:, kept.length if kept else 0 :].to(device)
        logits = model(new, cache=kept) if kept else model(new, seen)
        logits = logits[:, -1]  # (R,V)
        logits[:, barred] = -torch.inf
        p = probabilities(logits.float().cpu(), sampling)
        if sampling.temperature == 0:
            chosen = p.argmax(-1)
        else:
            # Invert the cumulative distribution at one uniform draw.
            reach = p.double().cumsum(-1)
            point = draws[:, step, None] * reach[:, -1:]
            chosen = (reach <= point).sum(-1).clamp(max=p.shape[-1] - 1)
        ended |= torch.isin(chosen, torch.tensor(ends))
        if ended.all():
            break
        text = torch.cat([text, chosen.masked_fill(ended, special.doc)[:, None]], 1)
    rows = text[:, start:].tolist()
    return [
        row[: row.index(special.doc)] if special.doc in row else row for row in rows
    ]


@torch.no_grad()
def fill_mask(
    model: Transformer, tokens: list[int], tokenizer: Tokenizer, top: int = 5
) -> list[list[tuple[str, float]]]:
    """For every ``<mask>`` in a text, the likeliest tokens with their probabilities.

    The masked tokens are predicted independently of one another, as in training.
    Raises PretrainError when there is no ``<mask>`` to fill.
    """
    special = tokenizer.special
    if special.mask is None or special.mask not in tokens:
        raise PretrainError(
            "nothing to fill: put the id of <mask> where a token is hidden"
        )
    device = next(model.parameters()).device
    inputs = torch.tensor([[special.doc, *tokens]], device=device)
    p = model(inputs, full())[0].softmax(-1)
    found = []
    for place in (inputs[0] == special.mask).nonzero()[:, 0]:
        values, ids = p[place].topk(top)
        found.append(
            [
                (tokenizer.token(int(i)), float(v))
                for i, v in zip(ids, values, strict=True)
            ]
        )
    return found
