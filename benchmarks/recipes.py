"""What does an exportable recipe cost? Loss at equal tokens and time per step.

    python benchmarks/recipes.py [--tokens 500000] [--seeds 2]

Four recipes on Python's documentation (byte-level BPE), causal, same data and seeds:
the fastest of the early experiments (layer norm without gains, plain ReLU² stack), the
two that a stock architecture of transformers 5 can load (NanoChat's and Qwen3's
details), and NanoChat's with a hashed-bigram embedding, which cannot be exported.
Steps are timed interleaved, so that the ratios hold on a busy machine; the median of
the rounds is printed.
"""

import argparse
import statistics
import time

import torch

from pretrain.corpora.python_docs import PythonDocs
from pretrain.model import ModelConfig, Transformer
from pretrain.objectives import Causal
from pretrain.optim import optimizers
from pretrain.packing import batches
from pretrain.training import Budget, fit, train_step

RECIPES = {
    "fastest (layer norm, no embedding norm)": dict(norm="layer", embedding_norm=False),
    "NanoChat (rms norm, embedding norm)": {},
    "Qwen3 (rms norm with gains, SwiGLU)": dict(
        norm="rms_gain", activation="swiglu", embedding_norm=False
    ),
    "NanoChat + hashed bigrams": dict(bigram_rows=4096),
}


def step_seconds(corpus, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of one training step of each recipe, in turn, ``rounds`` times."""
    plan = Budget()
    special = corpus.tokenizer.special
    rows = next(batches(corpus.stream("train", 0), special, plan.rows, plan.length))
    batch = Causal()(rows)
    made = {}
    for name, choices in RECIPES.items():
        model = Transformer(ModelConfig(corpus.tokenizer.vocab_size, **choices))
        made[name] = model, optimizers(model)
    times: dict[str, list[float]] = {name: [] for name in RECIPES}
    for _ in range(rounds + 2):
        for name, (model, steppers) in made.items():
            start = time.process_time()
            train_step(model, Causal(), batch, steppers, 1.0, plan)
            times[name].append(time.process_time() - start)
    return {name: values[2:] for name, values in times.items()}  # two warm-up rounds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--tokens", type=int, default=500_000)
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--rounds", type=int, default=30)
    asked = options.parse_args()
    corpus = PythonDocs(vocab_size=1024)
    times = step_seconds(corpus, asked.rounds)
    base = times["fastest (layer norm, no embedding norm)"]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    for name, choices in RECIPES.items():
        pairs = zip(times[name], base, strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        losses = []
        for seed in range(asked.seeds):
            config = ModelConfig(corpus.tokenizer.vocab_size, **choices)
            plan = Budget(tokens=asked.tokens, packing="concat", evaluations=1)
            run = fit(config, Causal(), corpus, plan, seed=seed, progress=False)
            losses.append(run.eval_loss)
        spread = ", ".join(f"{loss:.4f}" for loss in losses)
        size = Transformer(ModelConfig(corpus.tokenizer.vocab_size, **choices))
        print(
            f"{name:42s} {size.parameter_count:>8,} parameters   step {ratio:.2f}×   "
            f"held-out {statistics.mean(losses):.4f} ({spread})",
            flush=True,
        )


if __name__ == "__main__":
    main()
