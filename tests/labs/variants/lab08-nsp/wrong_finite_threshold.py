"""Never infinity: some pair is always said to belong together."""


def fit_threshold(scores, labels):
    candidates = sorted(set(scores.tolist()))
    right = [((scores < h).long() == labels).sum().item() for h in candidates]
    return candidates[right.index(max(right))]
