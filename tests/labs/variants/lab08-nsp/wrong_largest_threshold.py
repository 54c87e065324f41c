"""Of equally good thresholds the largest."""


def fit_threshold(scores, labels):
    candidates = [float("inf"), *sorted(set(scores.tolist()), reverse=True)]
    right = [((scores < h).long() == labels).sum().item() for h in candidates]
    return candidates[right.index(max(right))]
