"""Training compute, counted from sizes: matrix products, forward and backward.

    block     12·D² multiply-adds a position (attention 4·D², feed-forward 8·D²)
    output    D·V a scored position
    FLOPs     2 a multiply-add forward, 4 backward: 6 in all

Left out, as usual: attention's own products (4·T·D a position and layer forward, which
for the short documents here is little), norms, the optimizer. @kaplan2020scaling
"""

from pretrain.electra import ElectraConfig
from pretrain.model import ModelConfig
from pretrain.objectives import Objective
from pretrain.objectives.replaced import Replaced


def flops(model: ModelConfig | ElectraConfig, objective: Objective, scored: float):
    """FLOPs of training for one input position.

    scored: the share of the positions that logits over tokens are made at.
    """
    if not isinstance(objective, Replaced):
        return 6 * (_blocks(model) + scored * model.width * model.vocab_size)
    outer, inner = model.discriminator, model.generator
    output = outer.width * outer.vocab_size
    small = _blocks(inner) + 2 * outer.width * inner.width + scored * output
    large = _blocks(outer)
    if objective.variant == "replace_mlm":
        large += scored * output
    else:
        judged = scored if objective.variant == "rtd_masked" else 1.0
        large += judged * outer.width * (outer.width + 1)
    if objective.variant == "all_tokens_mlm":
        large += output
    return 6 * (small + large)


def _blocks(config: ModelConfig) -> int:
    return (4 + 2 * config.expansion) * config.width**2 * config.depth
