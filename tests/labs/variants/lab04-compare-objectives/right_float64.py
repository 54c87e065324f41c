"""Double precision, one-hot vectors, and only what depends on the candidate."""

import torch


def accuracy(logits, targets):
    scored = targets != -100
    if scored.sum() == 0:
        raise ValueError("nothing scored")
    chosen, wanted = logits[scored].double(), targets[scored]
    onehot = torch.nn.functional.one_hot(wanted, logits.shape[-1])
    own = (chosen * onehot).sum(-1)
    return (own >= chosen.max(-1).values).double().mean()


def token_mean(means, counts):
    kept = counts.nonzero().flatten().tolist()
    if not kept:
        raise ValueError("nothing scored")
    nats = sum(float(means[k]) * int(counts[k]) for k in kept)
    return torch.tensor(nats / int(counts.sum()), dtype=torch.float64)


def left_answers(model, tokens, places):
    if 0 in places.tolist():
        raise ValueError("nothing to the left")
    onehot = torch.nn.functional.one_hot(places - 1, tokens.shape[1]).float()
    picked = torch.einsum("bt,btv->bv", onehot, model(tokens))
    return picked - picked.logsumexp(-1, keepdim=True)


def candidate_answers(model, tokens, place, vocab_size):
    candidates = torch.arange(vocab_size)
    left = tokens[:place].expand(vocab_size, -1)
    right = tokens[place + 1 :].expand(vocab_size, -1)
    texts = torch.cat([left, candidates[:, None], right], 1)
    answers = model(texts).double().log_softmax(-1)
    total = answers[0, place - 1].clone()
    for t in range(place + 1, len(tokens)):
        total = total + answers[:, t - 1, tokens[t]]
    return (total - total.logsumexp(0)).float()
