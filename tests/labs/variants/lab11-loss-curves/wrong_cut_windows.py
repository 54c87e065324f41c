"""Windows are cut off at the ends, and lean to one side there."""


def spikes(losses, reach, limit):
    logs = losses.double().log()
    n = len(logs)
    rest = logs.clone()
    for t in range(n):
        low, high = max(0, t - reach), min(n, t + reach + 1)
        rest[t] -= logs[low:high].median()
    noise = max(1.4826 * rest.abs().median().item(), 0.005)
    return (rest > limit * noise).nonzero().flatten().tolist()
