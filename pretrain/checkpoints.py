"""Checkpoints: weights and optimizer state in safetensors, the rest in JSON beside it.

    checkpoint.safetensors   model.* and optimizer.* tensors
    checkpoint.json          step, configuration and its classes, the run's header

Nothing is unpickled. A configuration is rebuilt from its fields by a class of this
package, whichever is named, so that every kind of model comes back. Both files are
written under another name first and renamed when they are whole, tensors first: a kill
at any moment leaves the last good checkpoint.
"""

import importlib
import json
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pretrain.errors import CheckpointError
from pretrain.model import ModelConfig

FORMAT = "pretrain-checkpoint-1"
PACKAGE = "pretrain."


def save(
    folder: str | Path,
    model: nn.Module,
    optimizers: list[torch.optim.Optimizer] = (),
    **state,
) -> Path:
    """Write a checkpoint into a folder, made if missing; ``state`` must be JSON.

    Raises CheckpointError when the folder cannot be written.
    """
    folder = Path(folder)
    tensors = {f"model.{n}": p for n, p in model.state_dict().items()}
    tensors |= _optimizer_tensors(model, optimizers)
    about = {
        "format": FORMAT,
        "model": asdict(model.config),
        "classes": classes(model.config),
        "module": _name(type(model)),
        **state,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        meta = {"format": FORMAT, "step": str(state.get("step", ""))}
        tensors = {n: t.detach().cpu().contiguous() for n, t in tensors.items()}
        save_file(tensors, folder / "partial.safetensors", metadata=meta)
        (folder / "partial.json").write_text(json.dumps(about, indent=1), "utf-8")
        (folder / "partial.safetensors").replace(folder / "checkpoint.safetensors")
        (folder / "partial.json").replace(folder / "checkpoint.json")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"cannot write a checkpoint into {folder} ({error}): choose a folder that "
            "you may write to, on a disk with room"
        ) from error
    return folder


def read(folder: str | Path) -> tuple[dict, dict[str, Tensor]]:
    """The JSON part and the tensors of a checkpoint.

    Raises CheckpointError when it is missing, truncated or of another format.
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / "checkpoint.json").read_text("utf-8"))
        with safe_open(folder / "checkpoint.safetensors", framework="pt") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError as error:
        raise CheckpointError(
            f"there is no checkpoint in {folder}: check the folder, or train first"
        ) from error
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise CheckpointError(
            f"the checkpoint in {folder} is damaged or cut short ({error}): delete it "
            "and train again, or restore a copy"
        ) from error
    if about.get("format") != FORMAT:
        raise CheckpointError(
            f"the checkpoint in {folder} has format {about.get('format')!r}, and this "
            f"version reads {FORMAT!r}: use the version that wrote it"
        )
    # The tensors are renamed into place first: after a kill between the two, their
    # own step is the true one.
    if meta.get("step"):
        about["step"] = int(meta["step"])
    return about, tensors


def as_json(value: dict) -> dict:
    """A value as it looks after a trip through a JSON file (tuples become lists)."""
    return json.loads(json.dumps(value))


def classes(config) -> dict[str, str]:
    """The class of a configuration, under "", and of each one inside it, by field.

        {"": "pretrain.heads.PairConfig", "trunk": "pretrain.model.ModelConfig"}
    """
    found = {"": _name(type(config))}
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value) and not isinstance(value, type):
            for path, name in classes(value).items():
                found[f"{field.name}.{path}".rstrip(".")] = name
    return found


def rebuild(values: dict, named: dict[str, str] | None = None):
    """A configuration from ``asdict(config)`` and ``classes(config)``.

    Without ``named``, as in checkpoints that hold none, it is a ``ModelConfig``.

    Raises CheckpointError for a class that is not this package's, TypeError for fields
    that the class does not have.
    """
    named = named or {"": _name(ModelConfig)}
    made = {}
    for key, value in values.items():
        if isinstance(value, dict) and key in named:
            inside = {
                path.removeprefix(key).removeprefix("."): name
                for path, name in named.items()
                if path == key or path.startswith(f"{key}.")
            }
            value = rebuild(value, inside)
        made[key] = tuple(value) if isinstance(value, list) else value
    return _find(named[""], "build")(**made)


def load_model(folder: str | Path) -> nn.Module:
    """The model of a checkpoint, of whichever kind, built from its own configuration.

    Raises CheckpointError when there is none, when it is damaged, and when its classes
    are unknown or not this package's.
    """
    about, tensors = read(folder)
    try:
        config = rebuild(about["model"], about.get("classes"))
        model = config.build()
        module = about.get("module") or _name(type(model))
        if module != _name(type(model)):  # a wrapper, such as WithReference
            model = _find(module, "forward")(model)
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"the checkpoint in {folder} describes a model that this version does not "
            f"know ({error}): use the version that wrote it"
        ) from error
    load_into(model, tensors, folder)
    return model


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _find(name: str, method: str) -> type:
    """The class of that name, if it is one of this package and has the method."""
    module, _, last = str(name).rpartition(".")
    kind = None
    if module.startswith(PACKAGE):
        try:
            kind = getattr(importlib.import_module(module), last, None)
        except ImportError:
            kind = None
    known = isinstance(kind, type) and kind.__module__ == module
    if not (known and hasattr(kind, method)):
        raise CheckpointError(
            f"the checkpoint is of a {name}, which is no model class of this package: "
            "build the model yourself and use load_into()"
        )
    return kind


def load_into(
    model: nn.Module,
    tensors: dict[str, Tensor],
    folder: str | Path,
    optimizers: list[torch.optim.Optimizer] = (),
) -> None:
    """Copy a checkpoint's tensors into a model and its optimizers.

    Raises CheckpointError, before anything is changed, when a name or shape differs.
    """
    have = {f"model.{n}": p for n, p in model.state_dict().items()}
    saved = {n: t for n, t in tensors.items() if n.startswith("model.")}
    wrong = sorted(set(have) ^ set(saved)) or [
        f"{n}: {tuple(saved[n].shape)} saved, {tuple(have[n].shape)} expected"
        for n in have
        if have[n].shape != saved[n].shape
    ]
    if wrong:
        raise CheckpointError(
            f"the checkpoint in {folder} is of a model of another shape ({wrong[0]}): "
            "build the model with the checkpoint's configuration, or load_model()"
        )
    with torch.no_grad():
        for name, value in have.items():
            value.copy_(saved[name])
    names = {id(p): n for n, p in model.named_parameters()}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for p in group["params"]:
                lead = f"optimizer.{names[id(p)]}."
                state = {
                    key.removeprefix(lead): value.clone()
                    for key, value in tensors.items()
                    if key.startswith(lead)
                }
                for key, value in state.items():
                    loose = key == "step" and not group.get("fused")
                    where = "cpu" if loose else p.device
                    optimizer.state[p][key] = value.to(where)


def _optimizer_tensors(model, optimizers) -> dict[str, Tensor]:
    names = {id(p): n for n, p in model.named_parameters()}
    return {
        f"optimizer.{names[id(p)]}.{key}": value
        for optimizer in optimizers
        for p, state in optimizer.state.items()
        for key, value in state.items()
        if isinstance(value, Tensor)
    }
