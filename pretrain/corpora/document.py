"""One document of a corpus: its tokens, its text, and what is known about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Document:
    """A document, and what its corpus knows about it.

    Attributes:
        tokens: the token ids, without `<doc>`.
        text: the text they stand for; its UTF-8 length is the true count of bytes.
        kind: what sort of document it is, where a corpus has several.
        labels: what the corpus knows of it (topic, entities, where it comes from).
        surprisals: (len(tokens) + 1,) float64 nats, where the corpus knows them:
            the ideal −log p of each token given those before it, and of the `<doc>`
            that closes the document. Their sum is −log p of the whole document.
    """

    tokens: tuple[int, ...]
    text: str
    kind: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)
    surprisals: np.ndarray | None = None

    @property
    def bytes(self) -> int:
        """The length of the text in UTF-8."""
        return len(self.text.encode())
