"""Train from the command line: ``python -m pretrain --objective masked``.

Everything the command does is one call of :func:`pretrain.training.fit`; the run's
folder holds its log (JSON lines), its checkpoint (safetensors) and its tokenizer. Run
the same command again and it goes on where it stopped.
"""

import argparse
import sys
from dataclasses import fields

from pretrain.errors import PretrainError
from pretrain.model import ModelConfig
from pretrain.objectives import Causal, Masked
from pretrain.training import Budget, budget, choose_device, fit

CORPORA = ("microworld", "hmm", "python-docs")


def open_corpus(name: str):
    """A corpus by name, or the text file at that path."""
    if name == "microworld":
        from pretrain.corpora.microworld import Microworld

        return Microworld()
    if name == "hmm":
        from pretrain.corpora.markov import weather

        return weather()
    if name == "python-docs":
        from pretrain.corpora.python_docs import PythonDocs

        return PythonDocs()
    from pretrain.corpora.files import TextFile

    return TextFile(name)


def parser() -> argparse.ArgumentParser:
    """The options; those of the budget are read off its fields."""
    made = argparse.ArgumentParser("python -m pretrain", description=__doc__)
    made.add_argument("--objective", choices=("causal", "masked"), default="causal")
    made.add_argument(
        "--corpus",
        default="microworld",
        help=f"{', '.join(CORPORA)}, or the path of a text file",
    )
    made.add_argument("--out", help="folder of the run: log, checkpoint, tokenizer")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--device", help="cuda, mps or cpu; chosen by itself if left out")
    made.add_argument("--width", type=int, default=64)
    made.add_argument("--depth", type=int, default=3)
    made.add_argument("--heads", type=int, default=4)
    made.add_argument("--rate", type=float, default=0.3, help="masking rate")
    for field in fields(Budget):
        kind = type(field.default)
        made.add_argument(f"--{field.name.replace('_', '-')}", type=kind)
    return made


def main(arguments: list[str] | None = None) -> int:
    """Train as asked. Returns 0, or 2 after one sentence on what was wrong."""
    asked = parser().parse_args(arguments)
    try:
        corpus = open_corpus(asked.corpus)
        changes = {
            field.name: value
            for field in fields(Budget)
            if (value := getattr(asked, field.name)) is not None
        }
        if asked.corpus not in ("microworld", "hmm"):
            # Real documents are long and few: split them rather than cut them off.
            changes.setdefault("packing", "concat")
        device = asked.device or choose_device()
        chosen = budget(device, **changes)
        config = ModelConfig(
            vocab_size=corpus.tokenizer.vocab_size,
            width=asked.width,
            depth=asked.depth,
            heads=asked.heads,
            context=max(512, chosen.length),
        )
        objective = Causal() if asked.objective == "causal" else Masked(asked.rate)
        run = fit(
            config,
            objective,
            corpus,
            chosen,
            seed=asked.seed,
            run_dir=asked.out,
            device=device,
        )
        if asked.out:
            corpus.tokenizer.save(f"{asked.out}/tokenizer.json")
    except PretrainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    last = run.log.records[-1]
    print(
        f"{asked.objective} on {corpus.name}: {run.model.parameter_count:,} "
        f"parameters, {last['tokens']:,} tokens in {last['seconds']:.0f} s "
        f"on {device}, held-out loss {run.eval_loss:.4f} nats a token"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
