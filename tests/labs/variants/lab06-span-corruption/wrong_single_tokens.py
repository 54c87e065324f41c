"""Noise tokens are drawn one by one: right in number, wrong in spans."""

import torch


def noise_mask(length, rate, mean_span, generator):
    noise, _ = noise_counts(length, rate, mean_span)
    order = torch.randperm(length, generator=generator)[:noise].tolist()
    return [t in order for t in range(length)]
