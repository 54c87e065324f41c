"""How fast Microworld makes documents: tokens per second of CPU time, on one core.

    python benchmarks/microworld_stream.py

Compiling the grammar comes first and is reported apart. The aim is 2 million tokens a
second or more, so that a training run never waits for its data. CPU seconds, not
wall-clock ones: a busy machine should not change the figure.
"""

import time

from pretrain.corpora.microworld import Microworld

TOKENS = 2_000_000


def main() -> None:
    start = time.process_time()
    world = Microworld()
    print(f"compile the grammar: {1e3 * (time.process_time() - start):.0f} ms")
    for seed in range(3):
        stream, tokens, documents = world.stream("train", seed), 0, 0
        start = time.process_time()
        while tokens < TOKENS:
            tokens += len(next(stream)) + 1  # the closing <doc> is a token too
            documents += 1
        seconds = time.process_time() - start
        print(
            f"stream, seed {seed}: {tokens / seconds / 1e6:.2f} M tokens/s, "
            f"{documents / seconds / 1e3:.0f} k documents/s"
        )
    start = time.process_time()
    scored = world.heldout("validation", 500)
    seconds = time.process_time() - start
    print(f"score held-out documents: {1e3 * seconds / len(scored):.2f} ms a document")


if __name__ == "__main__":
    main()
