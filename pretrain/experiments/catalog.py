"""All experiments, by name."""

from pretrain.errors import PretrainError
from pretrain.experiments import masking_rate, span
from pretrain.experiments.base import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT for module in (masking_rate, span)
}


def find(name: str) -> Experiment:
    """The experiment of that name. Raises PretrainError, which lists the names."""
    if name not in EXPERIMENTS:
        raise PretrainError(
            f"there is no experiment {name!r}; there are {', '.join(EXPERIMENTS)}"
        )
    return EXPERIMENTS[name]
