"""To and from Hugging Face: the default recipe is ``NanoChatForCausalLM``.

``export`` writes a folder that ``AutoModelForCausalLM.from_pretrained`` loads, with the
tokenizer beside it; ``load`` reads such a folder back. Logits agree to rounding.

Three details make the weights fit. Both normalize queries and keys without gains,
and such a norm commutes with rotary positions, so their order does not matter. Here
a head's numbers (2i, 2i+1) turn together, there (i, i + H/2) do, in the opposite
sense: the rows of the query and key matrices are permuted, odd ones first, which
turns one convention into the other. The fused query-key-value matrix is cut in three.

A masked model has the same weights, but no stock class reads both ways by default: load
it and pass an explicit attention mask. Needs ``transformers`` (the extra ``hf``).
"""

import json
from pathlib import Path

import torch
from torch import Tensor

from pretrain.errors import CheckpointError, PretrainError
from pretrain.model import EPS, ModelConfig, Transformer
from pretrain.tokens import Tokenizer


def to_transformers(model: Transformer):
    """A ``NanoChatForCausalLM`` with this model's weights.

    Raises PretrainError when the configuration departs from the exportable recipe.
    """
    from transformers import NanoChatConfig, NanoChatForCausalLM

    config = model.config
    fits = ModelConfig(
        vocab_size=config.vocab_size,
        width=config.width,
        depth=config.depth,
        heads=config.heads,
        context=config.context,
        expansion=config.expansion,
        tied=config.tied,
        zero_init=config.zero_init,
        rope_base=config.rope_base,
    )
    if config != fits:
        raise PretrainError(
            "only the default recipe can be exported (relu2, rms norm, QK-norm, norm "
            f"on the embedding, no bigram embedding), and this model is {config}"
        )
    theirs = NanoChatForCausalLM(
        NanoChatConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.width,
            intermediate_size=config.expansion * config.width,
            num_hidden_layers=config.depth,
            num_attention_heads=config.heads,
            max_position_embeddings=config.context,
            rms_norm_eps=EPS,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_base},
            final_logit_softcapping=None,
            tie_word_embeddings=config.tied,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=1,
        )
    )
    theirs.load_state_dict(_their_weights(model), strict=False)
    if config.tied:
        theirs.tie_weights()
    return theirs.to(model.embedding.weight.dtype).eval()


def from_transformers(theirs) -> Transformer:
    """A :class:`Transformer` with the weights of a ``NanoChatForCausalLM``.

    Raises PretrainError when the model has parts that ours has not.
    """
    c = theirs.config
    problems = [
        f"{what} is {value}"
        for what, value, wanted in (
            ("model_type", c.model_type, "nanochat"),
            ("hidden_act", getattr(c, "hidden_act", None), "relu2"),
            ("attention_bias", getattr(c, "attention_bias", None), False),
            ("logit softcapping", getattr(c, "final_logit_softcapping", 0), None),
        )
        if value != wanted
    ]
    if not problems and c.num_key_value_heads != c.num_attention_heads:
        problems.append("it has grouped-query attention")
    if problems:
        raise PretrainError(f"this model cannot be imported: {', '.join(problems)}")
    model = Transformer(
        ModelConfig(
            vocab_size=c.vocab_size,
            width=c.hidden_size,
            depth=c.num_hidden_layers,
            heads=c.num_attention_heads,
            context=c.max_position_embeddings,
            expansion=c.intermediate_size // c.hidden_size,
            tied=c.tie_word_embeddings,
            rope_base=c.rope_parameters["rope_theta"],
        )
    ).to(theirs.dtype)
    state = theirs.state_dict()
    ours = {"embedding.weight": state["model.embed_tokens.weight"]}
    if not c.tie_word_embeddings:
        ours["head.weight"] = state["lm_head.weight"]
    for i in range(c.num_hidden_layers):
        there = f"model.layers.{i}."
        q, k, v = (state[f"{there}self_attn.{n}_proj.weight"] for n in "qkv")
        heads = c.num_attention_heads
        qkv = torch.cat([_interleave(q, heads), _interleave(k, heads), v])
        ours[f"blocks.{i}.attention.qkv.weight"] = qkv
        for name, at in _SAME.items():
            ours[f"blocks.{i}.{name}"] = state[there + at]
    model.load_state_dict(ours)
    return model.eval()


def export(model: Transformer, tokenizer: Tokenizer, folder: str | Path) -> Path:
    """Write a folder that Hugging Face loads by path. Raises CheckpointError."""
    folder = Path(folder)
    try:
        to_transformers(model).save_pretrained(folder)
        tokenizer.save(folder / "pretrain-tokenizer.json")
    except OSError as error:
        raise CheckpointError(
            f"cannot write the export into {folder} ({error}): choose a folder that "
            "you may write to"
        ) from error
    return folder


def load(folder: str | Path) -> tuple[Transformer, Tokenizer]:
    """Read back what :func:`export` wrote. Raises CheckpointError without one."""
    from transformers import AutoModelForCausalLM

    folder = Path(folder)
    try:
        kind = json.loads((folder / "config.json").read_text("utf-8"))["model_type"]
        theirs = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
        tokenizer = Tokenizer.load(folder / "pretrain-tokenizer.json")
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{folder} holds no exported model ({error}): export one with "
            "pretrain.hf.export first"
        ) from error
    if kind != "nanochat":
        raise CheckpointError(
            f"{folder} holds a {kind} model, and nanochat is expected"
        )
    return from_transformers(theirs), tokenizer


_SAME = {
    "attention.out.weight": "self_attn.o_proj.weight",
    "feed_forward.up.weight": "mlp.fc1.weight",
    "feed_forward.down.weight": "mlp.fc2.weight",
}


def _their_weights(model: Transformer) -> dict[str, Tensor]:
    state = model.state_dict()
    heads = model.config.heads
    theirs = {"model.embed_tokens.weight": state["embedding.weight"]}
    if "head.weight" in state:
        theirs["lm_head.weight"] = state["head.weight"]
    for i in range(model.config.depth):
        there = f"model.layers.{i}."
        q, k, v = state[f"blocks.{i}.attention.qkv.weight"].chunk(3)
        theirs[f"{there}self_attn.q_proj.weight"] = _halves(q, heads)
        theirs[f"{there}self_attn.k_proj.weight"] = _halves(k, heads)
        theirs[f"{there}self_attn.v_proj.weight"] = v
        for name, at in _SAME.items():
            theirs[there + at] = state[f"blocks.{i}.{name}"]
    return theirs


def _halves(weight: Tensor, heads: int) -> Tensor:
    """Rows of each head from (0, 1, 2, 3, …) to (1, 3, …, 0, 2, …)."""
    D = weight.shape[1]
    pairs = weight.view(heads, -1, 2, D)  # (N, H/2, even or odd, D)
    return torch.cat([pairs[:, :, 1], pairs[:, :, 0]], 1).reshape(-1, D)


def _interleave(weight: Tensor, heads: int) -> Tensor:
    """The inverse of :func:`_halves`."""
    D = weight.shape[1]
    odd, even = weight.view(heads, 2, -1, D).unbind(1)
    return torch.stack([even, odd], 2).reshape(-1, D)
