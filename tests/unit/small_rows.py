"""Small rows of tokens that the tests of the objectives share."""

import numpy as np
from hypothesis import strategies as st

from pretrain import tokens
from pretrain.batch import Rows
from pretrain.packing import pack, rows_from

WORDS = tokens.words([f"w{i}" for i in range(50)])
SPECIAL = WORDS.special
PAD, DOC, MASK = SPECIAL.pad, SPECIAL.doc, SPECIAL.mask
FIRST, SIZE = SPECIAL.reserved, WORDS.vocab_size

corpora = st.lists(
    st.lists(st.integers(FIRST, SIZE - 1), min_size=1, max_size=12),
    min_size=1,
    max_size=6,
)
strategies = st.sampled_from(["whole", "concat", "pad"])


def rows_of(documents, length=8, strategy="whole") -> Rows:
    return rows_from(list(pack(documents, SPECIAL, length, strategy)), SPECIAL)


def random_rows(rows: int, length: int, seed: int = 0, tokenizer=WORDS) -> Rows:
    """Rows of one document each, full of random ordinary tokens."""
    random = np.random.default_rng(seed)
    low, high = tokenizer.special.reserved, tokenizer.vocab_size
    drawn = random.integers(low, high, (rows, length)).tolist()
    return rows_from([[DOC, *row] for row in drawn], tokenizer.special)
