"""A constant curve has no noise, so that everything is far."""


def spikes(losses, reach, limit):
    logs = losses.double().log()
    n = len(logs)
    rest = logs.clone()
    for t in range(n):
        r = min(reach, t, n - 1 - t)
        rest[t] -= logs[t - r : t + r + 1].median()
    noise = max(1.4826 * rest.abs().median().item(), 1e-9)
    return (rest > limit * noise).nonzero().flatten().tolist()
