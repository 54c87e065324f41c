"""Every kind of model comes back from its checkpoint, and none from outside."""

import json
from dataclasses import dataclass

import pytest
import torch

from pretrain import checkpoints
from pretrain.clip import ClipConfig, SentenceConfig
from pretrain.early.neural import NeuralLMConfig
from pretrain.early.recurrent import RecurrentConfig
from pretrain.electra import ElectraConfig
from pretrain.encoder_decoder import EncoderDecoderConfig
from pretrain.errors import CheckpointError
from pretrain.heads import PairConfig
from pretrain.model import ModelConfig
from pretrain.multi_token import MultiTokenConfig
from pretrain.objectives import WithReference

SMALL = dict(vocab_size=11, width=8, depth=1, heads=1, context=16)
TRUNK = ModelConfig(**SMALL, norm="rms_gain", bigram_rows=5)
CONFIGS = [
    TRUNK,
    EncoderDecoderConfig(**SMALL, decoder_depth=2),
    MultiTokenConfig(**SMALL, horizons=3),
    PairConfig(TRUNK),
    PairConfig(MultiTokenConfig(**SMALL, horizons=2)),  # a subclass inside
    ElectraConfig(ModelConfig(**SMALL | {"width": 16}), share=0.5, tied=True),
    ElectraConfig(ModelConfig(**SMALL | {"width": 16}), share=0.5, tied=False),
    ClipConfig(ModelConfig(**SMALL), image_depth=1, embedding=4, channels=2),
    SentenceConfig(ModelConfig(**SMALL), dropout=0.25),
    NeuralLMConfig(11, order=3, embedding=4, width=8, direct=True),
    RecurrentConfig(11, width=8, depth=2, cell="elman"),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: type(c).__name__)
def test_every_kind_of_model_comes_back(config, tmp_path):
    model = config.build(seed=3)
    checkpoints.save(tmp_path, model)
    kept = checkpoints.load_model(tmp_path)
    assert type(kept) is type(model) and kept.config == config
    # The same class inside, too: dataclasses of different classes are never equal.
    ours, theirs = model.state_dict(), kept.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    fresh = config.build(seed=0).state_dict()  # what would pass if nothing were loaded
    assert any(not torch.equal(ours[name], fresh[name]) for name in ours)


def test_every_configuration_of_the_package_is_in_the_list():
    """A class with ``build`` that is added later must be added above."""
    import importlib
    import pkgutil

    import pretrain

    found = set()
    for module in pkgutil.walk_packages(pretrain.__path__, "pretrain."):
        if module.name.endswith("__main__"):
            continue
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and kind.__name__.endswith("Config"):
                if kind.__module__.startswith("pretrain.") and hasattr(kind, "build"):
                    found.add(kind)
    assert found == {type(config) for config in CONFIGS}


def test_a_policy_comes_back_with_its_reference(tmp_path):
    pair = WithReference(ModelConfig(**SMALL).build(1))
    with torch.no_grad():
        pair.policy.embedding.weight.add_(1)
    checkpoints.save(tmp_path, pair)
    kept = checkpoints.load_model(tmp_path)
    assert type(kept) is WithReference
    for name, value in pair.state_dict().items():
        assert torch.equal(value, kept.state_dict()[name]), name
    assert not any(p.requires_grad for p in kept.reference.parameters())


def edit(folder, **changes):
    file = folder / "checkpoint.json"
    about = json.loads(file.read_text("utf-8"))
    for key, value in changes.items():
        about.pop(key) if value is None else about.update({key: value})
    file.write_text(json.dumps(about), "utf-8")


def test_a_checkpoint_without_classes_is_a_transformer(tmp_path):
    model = TRUNK.build(2)
    checkpoints.save(tmp_path, model)
    edit(tmp_path, classes=None, module=None)
    kept = checkpoints.load_model(tmp_path)
    assert kept.config == TRUNK
    assert torch.equal(kept.embedding.weight, model.embedding.weight)


@dataclass(frozen=True)
class Outside:
    vocab_size: int = 3
    context: int = 4

    def build(self, seed=0):
        raise AssertionError("a class from outside was built")


@pytest.mark.parametrize(
    "name",
    [
        f"{__name__}.Outside",
        "subprocess.Popen",
        "pretrain.checkpoints.Path",  # imported there, not the package's own
        "pretrain.model.Missing",
        "pretrain.nowhere.Config",
        "pretrain.model.Norm",  # ours, and no configuration
        "pretrainer.model.Config",
    ],
)
def test_a_class_from_outside_is_refused_in_one_sentence(name, tmp_path):
    checkpoints.save(tmp_path, TRUNK.build())
    edit(tmp_path, classes={"": name})
    with pytest.raises(CheckpointError, match="no model class of this package") as told:
        checkpoints.load_model(tmp_path)
    assert str(told.value).count(". ") == 0 and name in str(told.value)


def test_a_module_from_outside_is_refused(tmp_path):
    checkpoints.save(tmp_path, TRUNK.build())
    edit(tmp_path, module="subprocess.Popen")
    with pytest.raises(CheckpointError, match="no model class"):
        checkpoints.load_model(tmp_path)
