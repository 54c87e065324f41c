"""Symmetric InfoNCE is the loss of transformers' CLIPModel.

A CLIP of weights drawn at random, nothing downloaded; ours is given its embeddings and
its scale.
"""

import pytest
import torch

transformers = pytest.importorskip("transformers")

from pretrain.clip import FIRST_SCALE  # noqa: E402
from pretrain.objectives.contrastive import info_nce  # noqa: E402


@torch.no_grad()
def test_loss_equals_clips():
    torch.manual_seed(0)
    small = dict(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, initializer_range=0.5,
    )  # fmt: skip
    config = transformers.CLIPConfig(
        text_config=small | dict(vocab_size=50, eos_token_id=49, bos_token_id=48),
        vision_config=small | dict(image_size=32, patch_size=8),
        projection_dim=16,
    )
    clip = transformers.CLIPModel(config).double().eval()
    ids = torch.randint(0, 48, (6, 9))
    ids[:, -1] = 49
    pixels = torch.randn(6, 3, 32, 32, dtype=torch.float64)
    theirs = clip(input_ids=ids, pixel_values=pixels, return_loss=True)
    # CLIP's own first scale, 2.6592: cut there after four decimals.
    assert clip.logit_scale.item() == pytest.approx(FIRST_SCALE, abs=1e-4)
    ours = info_nce(theirs.image_embeds, theirs.text_embeds, clip.logit_scale.exp())
    # Both in float64 from the same vectors: only the order of the sums differs.
    assert ours.mean().item() == pytest.approx(theirs.loss.item(), rel=1e-12)
    assert theirs.loss > 0.1
    turned = info_nce(theirs.image_embeds.roll(1, 0), theirs.text_embeds)
    assert abs(turned.mean() - theirs.loss) > 1e-3
