"""Muon for the matrices, AdamW for the rest, and one learning-rate schedule.

Muon takes momentum, then replaces each matrix of updates by the nearest orthogonal
one (five Newton–Schulz steps), so that every direction of a layer learns equally fast
(@jordan2024muon). ``torch.optim.Muon`` works in bfloat16, which a CPU without it in
hardware computes slowly; this one stays in the parameters' own type, and orthogonalizes
all matrices of one shape together.
"""

import inspect
from collections import defaultdict

import torch
from torch import Tensor, nn

# PyTorch's optimizers import its compiler when they are first used, two seconds in each
# process, to keep these methods from being compiled. Nobody compiles them here: they
# count as kept already. Where PyTorch works otherwise by then, this does nothing.
for _name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
    _method = getattr(getattr(torch.optim.Optimizer, _name), "__wrapped__", None)
    if _method is not None and not hasattr(_method, "__dynamo_disable"):
        _method.__dynamo_disable = _method

# Coefficients of the quintic whose iteration pushes singular values toward 1.
A, B, C = 3.4445, -4.7750, 2.0315


def orthogonalize(updates: Tensor, steps: int = 5) -> Tensor:
    """Singular values of each matrix of a stack (n, r, c), r ≤ c, pushed toward 1.

    After five steps they lie between about 0.7 and 1.2, which is as good as exactly 1
    for training.
    """
    x = updates / (updates.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = torch.bmm(x, x.mT)
        polynomial = torch.baddbmm(gram, gram, gram, beta=B, alpha=C)
        x = torch.baddbmm(x, polynomial, x, beta=A)
    return x


class AdamW(torch.optim.AdamW):
    """PyTorch's own, without the wrapper that imports the compiler."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalized. For matrices inside the network only.

    A fused query-key-value matrix (3D, D) counts as three matrices. Updates are scaled
    by (larger/smaller side)^¼.
    """

    def __init__(
        self,
        parameters,
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = dict(lr=lr, momentum=momentum, weight_decay=weight_decay)
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            shapes: dict[tuple, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is None:
                    continue
                velocity = self.state[p].setdefault("momentum", torch.zeros_like(p))
                velocity.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(velocity, group["momentum"])  # Nesterov
                for weight, part in zip(_parts(p), _parts(update), strict=True):
                    shapes[part.shape].append((weight, part))
            for shape, members in shapes.items():
                ups = orthogonalize(torch.stack([part for _, part in members]))
                scale = group["lr"] * (shape[1] / shape[0]) ** 0.25
                for (weight, _), up in zip(members, ups, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(up, alpha=-scale)


def _parts(matrix: Tensor) -> list[Tensor]:
    """Views of a matrix as wide (r ≤ c) pieces."""
    rows, columns = matrix.shape
    if rows == 3 * columns:
        return list(matrix.view(3, columns, columns))
    return [matrix.mT if rows > columns else matrix]


def optimizers(
    model: nn.Module, lr: float = 0.02, muon_lr: float = 0.03, kind: str = "muon"
) -> list[torch.optim.Optimizer]:
    """The optimizers of a model, each with its ``base_lr`` in the parameter group.

    ``kind`` "muon": Muon for matrices of the blocks and AdamW for embeddings, head and
    gains. "adamw": AdamW for all, with weight decay on the matrices.
    """
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    inner = {n: p for n, p in trained.items() if "blocks." in n and p.ndim == 2}
    outer = [p for n, p in trained.items() if n not in inner]
    adam = dict(lr=lr, betas=(0.9, 0.95), fused=outer[0].device.type in ("cpu", "cuda"))
    if kind == "muon":
        found = [
            AdamW(outer, weight_decay=0.0, **adam),
            Muon(inner.values(), lr=muon_lr),
        ]
    else:
        groups = [
            dict(params=list(inner.values()), weight_decay=0.1),
            dict(params=outer, weight_decay=0.0),
        ]
        found = [AdamW(groups, **adam)]
    for optimizer in found:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return found


def schedule(step: int, steps: int, warmup: float = 0.02, decay: float = 0.5) -> float:
    """Factor on the learning rate at a step, counted from 0: up, flat, down to 0.

    ``warmup`` and ``decay`` are shares of all steps.
    """
    rise = (step + 1) / max(1, round(warmup * steps))
    fall = (steps - step) / max(1, round(decay * steps))
    return min(1.0, rise, fall)
