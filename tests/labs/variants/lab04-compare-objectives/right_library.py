"""With PyTorch's own cross-entropy, and `where` for every choice."""

import torch
import torch.nn.functional as F


def causal_example(rows, pad):
    shifted = rows.roll(-1, 1)[:, :-1]
    return rows[:, :-1].clone(), torch.where(shifted == pad, -100, shifted)


def masked_example(rows, chosen, mask, special):
    read = rows[:, :-1]
    barred = torch.zeros_like(chosen)
    for token in special:
        barred |= read == token
    hidden = chosen & ~barred
    if hidden.sum() == 0:
        raise ValueError("nothing hidden")
    return torch.where(hidden, mask, read), torch.where(hidden, read, -100)


def token_mean(means, counts):
    if counts.sum() == 0:
        raise ValueError("nothing scored")
    weights = counts.double() / counts.sum()
    return torch.dot(torch.nan_to_num(means).double(), weights)


def accuracy(logits, targets):
    kept = targets.flatten() >= 0
    if kept.sum() == 0:
        raise ValueError("nothing scored")
    best = logits.flatten(0, 1)[kept].topk(1).indices[:, 0]
    return torch.eq(best, targets.flatten()[kept]).double().mean().item()


def left_answers(model, tokens, places):
    if places.min() == 0:
        raise ValueError("nothing to the left")
    answers = F.log_softmax(model(tokens), -1)
    index = (places - 1)[:, None, None].expand(-1, 1, answers.shape[-1])
    return answers.gather(1, index)[:, 0]


def two_sided_answers(model, tokens, places, mask):
    at = places[:, None]
    answers = F.log_softmax(model(tokens.scatter(1, at, mask)), -1)
    return answers.take_along_dim(at[..., None], 1)[:, 0]


def candidate_answers(model, tokens, place, vocab_size):
    texts = tokens.expand(vocab_size, -1).clone()
    texts[:, place] = torch.arange(vocab_size)
    logits = model(texts)[:, :-1]
    losses = F.cross_entropy(logits.transpose(1, 2), texts[:, 1:], reduction="none")
    return F.log_softmax(-losses.sum(1), 0)
