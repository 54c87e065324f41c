"""Cross-attention is the usual one.

Held against torch.nn.MultiheadAttention and the cross-attention of transformers' T5
(both on copied weights), which neither normalize queries and keys.
"""

import math

import pytest
import torch
from torch import nn

from pretrain.encoder_decoder import CrossAttention, EncoderDecoderConfig, sees_source

transformers = pytest.importorskip("transformers")

B, T, S, D, N = 2, 5, 7, 32, 4
# Same products in another order, in float64 on values near 1.
CLOSE = dict(atol=1e-12, rtol=1e-12)


@pytest.fixture
def setting():
    generator = torch.Generator().manual_seed(0)
    config = EncoderDecoderConfig(24, width=D, heads=N, qk_norm=False)
    ours = CrossAttention(config).double()
    with torch.no_grad():
        for p in ours.parameters():
            p.normal_(0.0, 0.3, generator=generator)
    x = torch.randn(B, T, D, generator=generator, dtype=torch.float64)
    memory = torch.randn(B, S, D, generator=generator, dtype=torch.float64)
    documents = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 1, 1, -1]])
    sources = torch.tensor([[0, 0, 0, 0, 0, -1, -1], [0, 0, 0, 0, 1, 1, 1]])
    return ours, x, memory, sees_source(documents, sources)


@torch.no_grad()
@pytest.mark.parametrize("masked", [False, True])
def test_torch_multihead_attention(setting, masked):
    ours, x, memory, seen = setting
    theirs = nn.MultiheadAttention(D, N, bias=False, batch_first=True).double()
    theirs.in_proj_weight.copy_(
        torch.cat([ours.query.weight, ours.key.weight, ours.value.weight])
    )
    theirs.out_proj.weight.copy_(ours.out.weight)
    # Theirs marks what may *not* be seen, once for each head.
    blocked = ~seen.repeat_interleave(N, 0) if masked else None
    expected, _ = theirs(x, memory, memory, attn_mask=blocked, need_weights=False)
    found = ours(x, memory, seen if masked else None)
    torch.testing.assert_close(found, expected, **CLOSE)


@torch.no_grad()
def test_t5s_cross_attention(setting):
    """No position bias there; T5 does not divide by √H, so its queries carry it."""
    from transformers.models.t5.modeling_t5 import T5Attention

    ours, x, memory, _ = setting
    config = transformers.T5Config(
        d_model=D, d_kv=D // N, num_heads=N, dropout_rate=0.0, is_decoder=True
    )
    theirs = T5Attention(config, has_relative_attention_bias=False, layer_idx=0)
    theirs = theirs.double().eval()
    theirs.q.weight.copy_(ours.query.weight / math.sqrt(D // N))
    theirs.k.weight.copy_(ours.key.weight)
    theirs.v.weight.copy_(ours.value.weight)
    theirs.o.weight.copy_(ours.out.weight)
    expected = theirs(x, key_value_states=memory)[0]
    torch.testing.assert_close(ours(x, memory, None), expected, **CLOSE)
