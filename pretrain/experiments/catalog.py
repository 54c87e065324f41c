"""All experiments, by name: the modules of this package that hold an ``EXPERIMENT``."""

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from pretrain import experiments
from pretrain.errors import PretrainError
from pretrain.experiments.base import Experiment


@lru_cache
def catalog() -> dict[str, Experiment]:
    """Name → experiment, in the order of their modules' names."""
    names = [m.name for m in iter_modules(experiments.__path__) if m.name[0] != "_"]
    modules = [import_module(f"{experiments.__name__}.{name}") for name in names]
    found = [m.EXPERIMENT for m in modules if hasattr(m, "EXPERIMENT")]
    return {experiment.name: experiment for experiment in found}


def find(name: str) -> Experiment:
    """The experiment of that name. Raises PretrainError, which lists the names."""
    if name not in catalog():
        raise PretrainError(
            f"there is no experiment {name!r}; there are {', '.join(catalog())}"
        )
    return catalog()[name]
