"""The encoder–decoder: who sees whom in both stacks, and what it is made of."""

import pytest
import torch

from pretrain.attention import causal, full, same_document
from pretrain.encoder_decoder import (
    DecoderBlock,
    EncoderDecoderConfig,
    sees_source,
    write,
)
from pretrain.errors import PretrainError
from pretrain.model import ModelConfig, Transformer, redraw
from pretrain.optim import Muon, optimizers

V, T, S = 24, 5, 7
SOURCE_DOCUMENTS = torch.tensor([[0, 0, 0, 1, 1, -1, -1]])
DOCUMENTS = torch.tensor([[0, 0, 1, 1, -1]])


def build(**changes):
    sizes = dict(width=32, depth=2, decoder_depth=2, heads=2, context=16) | changes
    return EncoderDecoderConfig(V, **sizes).build()


def ids(length, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, V, (1, length), generator=generator)


@torch.no_grad()
def moved(model, change, length, **how):
    """(T, length): how the answer's logits move when one token elsewhere changes."""
    answer, source = ids(T, 1), ids(S, 2)
    before = model(answer, source=source, **how)[0]
    columns = []
    for k in range(length):
        texts = {"answer": answer.clone(), "source": source.clone()}
        texts[change][0, k] = (texts[change][0, k] + 1) % V
        after = model(texts["answer"], source=texts["source"], **how)[0]
        columns.append((after - before).abs().amax(-1))
    return torch.stack(columns, 1)


PACKED = dict(
    attention=causal() & same_document(DOCUMENTS),
    documents=DOCUMENTS,
    source_documents=SOURCE_DOCUMENTS,
)


def test_the_decoder_does_not_see_its_future():
    model = redraw(build()).eval()
    found = moved(model, "answer", T) > 0
    assert torch.equal(found, torch.ones(T, T).tril().bool())
    # and would, under another pattern
    assert (moved(model, "answer", T, attention=full()) > 0).all()


def test_an_answer_sees_its_own_source_and_no_padding():
    model = redraw(build()).eval()
    found = moved(model, "source", S, **PACKED)
    seen = sees_source(DOCUMENTS, SOURCE_DOCUMENTS)[0]
    real = DOCUMENTS[0] >= 0
    assert found[real][~seen[real]].eq(0).all()
    assert found[real][seen[real]].gt(1e-5).all()
    # Without the documents every answer sees every source, the padding too.
    loose = moved(model, "source", S)
    assert loose.gt(1e-5).all()


def test_padding_does_not_change_an_answer():
    """One pair alone, and the same pair padded: float32 sums in another order."""
    model = redraw(build()).eval()
    answer, source = ids(2, 1), ids(3, 2)
    alone = model(answer, source=source)
    pad = torch.zeros(1, 4, dtype=torch.long)
    how = PACKED | dict(
        documents=torch.tensor([[0, 0, -1, -1, -1, -1]]),
        source_documents=torch.tensor([[0, 0, 0, -1, -1, -1, -1]]),
    )
    how["attention"] = causal() & same_document(how["documents"])
    answer, source = torch.cat([answer, pad], 1), torch.cat([source, pad], 1)
    padded = model(answer, source=source, **how)
    torch.testing.assert_close(padded[:, :2], alone, atol=1e-4, rtol=1e-4)
    assert padded.isfinite().all()


@torch.no_grad()
def test_the_first_half_is_the_encoder_and_it_sees_both_ways():
    """With one set of weights, the encoder is a Transformer under full attention."""
    model = redraw(build()).eval()
    plain = Transformer(ModelConfig(V, width=32, depth=2, heads=2, context=16)).eval()
    names = plain.state_dict().keys()
    plain.load_state_dict({n: model.state_dict()[n] for n in names})
    assert torch.equal(model.encode(ids(S)), plain.hidden(ids(S), full()))


def test_it_starts_as_the_identity_and_repeats_by_seed():
    """Zero projections: without training the source changes nothing."""
    model = build()
    assert moved(model, "source", S).eq(0).all()
    again = build()
    for p, q in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(p, q)
    other = EncoderDecoderConfig(V, width=32, heads=2).build(1)
    assert not torch.equal(model.embedding.weight, other.embedding.weight)


def test_matrices_of_both_stacks_go_to_muon():
    model = build()
    adam, muon = optimizers(model)
    assert isinstance(muon, Muon)
    inner = {id(p) for p in muon.param_groups[0]["params"]}
    for name, p in model.named_parameters():
        assert (id(p) in inner) == ("blocks." in name), name
    assert isinstance(model.decoder_blocks[0], DecoderBlock)
    assert len(adam.param_groups[0]["params"]) == 1, "one embedding for both stacks"


@torch.no_grad()
def test_writing_follows_the_logits():
    model = redraw(build()).eval()
    source = ids(S)
    written = write(model, source, start=1, stop=-1, most=6)
    assert len(written) == 6
    logits = model(torch.tensor([[1, *written]]), source=source)[0]
    assert logits[:-1].argmax(-1).tolist() == written
    assert write(model, source, start=1, stop=written[0]) == []


def test_errors():
    model = build()
    with pytest.raises(PretrainError, match="needs a source"):
        model(ids(T))
    with pytest.raises(PretrainError, match="do not fit a context of 16"):
        model(ids(T), source=ids(17))
    with pytest.raises(PretrainError, match="do not fit a context of 16"):
        model(ids(17), source=ids(S))
    with pytest.raises(PretrainError, match="sizes must be 1"):
        EncoderDecoderConfig(V, decoder_depth=0)
