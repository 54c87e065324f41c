"""The window ends at the step itself."""


def spikes(losses, reach, limit):
    logs = losses.double().log()
    n = len(logs)
    rest = logs.clone()
    for t in range(n):
        r = min(reach, t, n - 1 - t)
        rest[t] -= logs[t - r : t + 1].median()
    noise = max(1.4826 * rest.abs().median().item(), 0.005)
    return (rest > limit * noise).nonzero().flatten().tolist()
