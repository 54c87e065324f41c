"""Two losses in all units: golden cases for JavaScript, and the conversions by hand."""

import math

import pytest
from widget_site import golden

from pretrain.errors import EmptyLossError, PretrainError
from pretrain.evaluation.information import bits_per_byte, perplexity_from
from pretrain.widgets.units import TEXT, Units

STRANGE = "naïve 👩‍🚀🎉 e\u0301 हिन्दी 中文 comfortable_counterexamples \u200b\xa0"
CASES = [
    {},
    {"losses": [0.0, 12.0]},
    {"tokens": ["bytes", "characters"], "losses": [0.69, 0.71]},
    {"tokens": ["words", "bytes"], "losses": [12.0, 5.55], "text": STRANGE},
    {"tokens": ["pieces", "pieces"], "losses": [2.5, 2.5], "text": "a"},
    {"tokens": ["bytes", "words"], "losses": [12.0, 1.0], "text": "a" * 100},
    {"text": "word " * 400},
]
TRAITS = "text tokens losses".split()


def test_golden():
    cases = []
    for settings in CASES:
        widget = Units(**settings)
        state = {name: getattr(widget, name) for name in TRAITS}
        answer = widget.result()
        for model in answer["models"]:
            for name, value in model.items():
                # 12 digits: the last ones differ from one machine's exp to another's;
                # infinity has no JSON, so it is null
                short = float(f"{value:.11e}") if value < math.inf else None
                model[name] = short
        answer["equal"] = float(f"{answer['equal']:.11e}")
        cases.append({"state": state, "answer": answer})
    assert cases[5]["answer"]["models"][0]["word_perplexity"] is None
    golden("units", cases)


def test_the_conversions_take_one_unit_to_the_other():
    for settings in CASES[:4]:
        for model in Units(**settings).result()["models"]:
            found = bits_per_byte(model["perplexity"], model["tokens_per_byte"])
            # float64, one exp and one logarithm between the two
            assert found == pytest.approx(model["bits_per_byte"], rel=1e-12, abs=1e-14)
            back = perplexity_from(found, model["tokens_per_byte"])
            assert back == pytest.approx(model["perplexity"], rel=1e-12)


def test_a_loss_by_hand():
    """6 bytes, 5 characters, 2 words: 2 words at ln 8 nats are 6 bits."""
    settings = {"text": "né ab", "tokens": ["words", "bytes"]}
    widget = Units(losses=[math.log(8), math.log(2)], **settings)
    a, b = widget.result()["models"]
    assert (a["tokens"], b["tokens"]) == (2, 6)
    assert a["bits_per_byte"] == pytest.approx(1.0, rel=1e-14)
    assert a["bits_per_character"] == pytest.approx(6 / 5, rel=1e-14)
    assert a["word_perplexity"] == pytest.approx(8, rel=1e-14) == a["perplexity"]
    assert b["bits_per_byte"] == pytest.approx(1.0, rel=1e-14)
    assert b["perplexity"] == pytest.approx(2, rel=1e-14)
    assert b["word_perplexity"] == pytest.approx(8, rel=1e-14)  # 3 bits a word
    assert widget.result()["equal"] == pytest.approx(math.log(2), rel=1e-14)


def test_it_opens_on_a_better_model_with_the_higher_perplexity():
    a, b = Units().result()["models"]
    assert b["perplexity"] > a["perplexity"]
    assert b["bits_per_byte"] < a["bits_per_byte"]
    assert len(TEXT.encode()) > len(TEXT)  # bytes and characters differ


def test_bad_input_is_told():
    for bad in (
        {"tokens": ["words"]},
        {"tokens": ["words", "letters"]},
        {"losses": [1.0, math.nan]},
        {"losses": [1.0, 13.0]},
        {"losses": [1.0]},
    ):
        with pytest.raises(PretrainError):
            Units(**bad)
    with pytest.raises(EmptyLossError):
        Units(text=" \n").result()
    for text in ("", " \n"):
        assert "without a word" in Units(text=text).alt()
        assert Units(text=text).picture().startswith("<svg")
