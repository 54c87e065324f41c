"""Our model and its Hugging Face export give the same logits.

Held against: transformers' NanoChatForCausalLM, in float64 where rounding should not
hide a difference. (Both compute rotary angles in float32, so 1e-5 remains.)
"""

import pytest
import torch

transformers = pytest.importorskip("transformers")

from pretrain import hf, tokens  # noqa: E402
from pretrain.attention import full  # noqa: E402
from pretrain.errors import CheckpointError, PretrainError  # noqa: E402
from pretrain.model import ModelConfig, Transformer, redraw  # noqa: E402

# float32 sums in another order, over two layers of width 32.
CLOSE = dict(rtol=1e-4, atol=1e-4)


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def model(request):
    config = ModelConfig(60, width=32, depth=2, heads=4, context=40, tied=request.param)
    return redraw(Transformer(config), 3).eval()


@pytest.fixture
def ids():
    return torch.randint(4, 60, (2, 17), generator=torch.Generator().manual_seed(0))


def test_exported_logits_are_equal(model, ids):
    theirs = hf.to_transformers(model)
    torch.testing.assert_close(theirs(ids).logits, model(ids), **CLOSE)
    assert model(ids).std() > 0.1, "logits that hardly move would agree by chance"


def test_the_permutation_matters(model, ids):
    theirs = hf.to_transformers(model)
    q = theirs.model.layers[0].self_attn.q_proj.weight
    with torch.no_grad():
        q.copy_(model.blocks[0].attention.qkv.weight.chunk(3)[0])
    assert (theirs(ids).logits - model(ids)).abs().max() > 1e-2


def test_masked_model_with_an_explicit_mask(model, ids):
    theirs = hf.to_transformers(model)
    everyone = torch.zeros(2, 1, 17, 17)  # nothing added to any attention score
    got = theirs(ids, attention_mask=everyone).logits
    torch.testing.assert_close(got, model(ids, full()), **CLOSE)


def test_import_inverts_export(model, ids):
    back = hf.from_transformers(hf.to_transformers(model))
    for (name, ours), again in zip(
        model.state_dict().items(), back.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, again), name
    assert torch.equal(back(ids), model(ids))


def test_folder_round_trip_and_generation(model, tmp_path):
    tokenizer = tokens.words([f"w{i}" for i in range(56)])
    assert tokenizer.vocab_size == 60
    hf.export(model, tokenizer, tmp_path)
    back, same = hf.load(tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    prompt = torch.tensor([[1, *tokenizer.encode("w3 w4")]])
    torch.testing.assert_close(theirs(prompt).logits, back(prompt), **CLOSE)
    assert same.encode("w3 w4") == tokenizer.encode("w3 w4")


def test_what_cannot_be_exported_says_so():
    other = Transformer(ModelConfig(60, width=32, depth=1, activation="swiglu"))
    with pytest.raises(PretrainError, match="default recipe"):
        hf.to_transformers(other)


def test_missing_export_says_so(tmp_path):
    with pytest.raises(CheckpointError, match="export one"):
        hf.load(tmp_path)
