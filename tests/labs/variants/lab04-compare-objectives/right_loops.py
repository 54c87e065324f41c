"""One token after the other."""

import math

import torch

IGNORE = -100


def causal_example(rows, pad):
    inputs, targets = [], []
    for row in rows.tolist():
        inputs.append(row[:-1])
        targets.append([IGNORE if token == pad else token for token in row[1:]])
    return torch.tensor(inputs), torch.tensor(targets)


def masked_example(rows, chosen, mask, special):
    inputs, targets = [], []
    for row, picks in zip(rows.tolist(), chosen.tolist(), strict=False):
        hidden = [
            p and token not in special for p, token in zip(picks, row, strict=False)
        ]
        inputs.append(
            [mask if h else token for h, token in zip(hidden, row, strict=False)]
        )
        targets.append(
            [token if h else IGNORE for h, token in zip(hidden, row, strict=False)]
        )
    if all(target == IGNORE for row in targets for target in row):
        raise ValueError("nothing hidden")
    return torch.tensor(inputs), torch.tensor(targets)


def token_mean(means, counts):
    total = number = 0
    for mean, count in zip(means.tolist(), counts.tolist(), strict=False):
        if count:
            total += mean * count
            number += count
    if not number:
        raise ValueError("nothing scored")
    return total / number


def accuracy(logits, targets):
    hits = [
        int(logits[b, t].argmax()) == int(targets[b, t])
        for b in range(targets.shape[0])
        for t in range(targets.shape[1])
        if targets[b, t] != IGNORE
    ]
    if not hits:
        raise ValueError("nothing scored")
    return sum(hits) / len(hits)


def left_answers(model, tokens, places):
    answers = []
    for row, place in zip(tokens, places.tolist(), strict=False):
        if place == 0:
            raise ValueError("nothing to the left")
        answers.append(model(row[None, :place])[0, -1].log_softmax(-1))
    return torch.stack(answers)


def two_sided_answers(model, tokens, places, mask):
    answers = []
    for row, place in zip(tokens.tolist(), places.tolist(), strict=False):
        row[place] = mask
        answers.append(model(torch.tensor([row]))[0, place].log_softmax(-1))
    return torch.stack(answers)


def candidate_answers(model, tokens, place, vocab_size):
    totals = []
    for candidate in range(vocab_size):
        row = tokens.tolist()
        row[place] = candidate
        answers = model(torch.tensor([row]))[0].log_softmax(-1)
        totals.append(sum(float(answers[t, row[t + 1]]) for t in range(len(row) - 1)))
    highest = max(totals)
    norm = highest + math.log(sum(math.exp(total - highest) for total in totals))
    return torch.tensor([total - norm for total in totals])
