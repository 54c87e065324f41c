"""One token after the other."""

import torch

IGNORE = -100


def choose(tokens, special, rate, generator):
    places = [
        (b, t)
        for b, row in enumerate(tokens.tolist())
        for t, token in enumerate(row)
        if token not in special
    ]
    if not places:
        raise ValueError("nothing to choose")
    chosen = torch.zeros(tokens.shape, dtype=torch.bool)
    draws = torch.rand(len(places), generator=generator).tolist()
    for place, draw in zip(places, draws):
        if draw < rate:
            chosen[place] = True
    if not chosen.any():
        last = int(torch.randint(len(places), (), generator=generator))
        chosen[places[last]] = True
    return chosen


def corrupt(tokens, chosen, mask, first_ordinary, vocab_size, split, generator):
    inputs = tokens.clone()
    flat, places = inputs.view(-1), chosen.flatten().nonzero().flatten()
    lots = torch.rand(len(places), generator=generator).tolist()
    size = vocab_size - first_ordinary
    picks = (torch.rand(len(places), generator=generator) * size).long().tolist()
    values = flat.tolist()
    for place, lot, pick in zip(places.tolist(), lots, picks):
        if lot < split[0]:
            values[place] = mask
        elif lot < split[0] + split[1]:
            values[place] = first_ordinary + pick
    return torch.tensor(values).view_as(tokens)


def targets_of(tokens, chosen):
    rows = zip(tokens.tolist(), chosen.tolist())
    return torch.tensor([[x if c else IGNORE for x, c in zip(*row)] for row in rows])


def masked_loss(logits, targets):
    losses = [
        torch.logsumexp(logits[b, t], 0) - logits[b, t, targets[b, t]]
        for b, t in (targets != IGNORE).nonzero().tolist()
    ]
    return sum(losses) / len(losses)
