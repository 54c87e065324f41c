"""The same corpus with further special tokens in its tokenizer.

    corpus = WithTokens(Microworld(), SpanCorruption().extra_tokens)

Documents, splits and exact probabilities are the corpus's own, and so are all ids: the
further tokens come after them. Nothing in a text becomes one of them.
"""

from collections.abc import Iterable, Iterator

from pretrain.corpora.document import Document
from pretrain.tokens import with_extras


class WithTokens:
    """A view of a corpus whose tokenizer knows some more special tokens.

    Args:
        corpus: any corpus.
        names: the tokens' names, such as `<extra_0>`; an objective's `extra_tokens`.

    Raises:
        PretrainError: if a name is not a unique `<name>`.
    """

    def __init__(self, corpus, names: Iterable[str]):
        self.corpus, self.name = corpus, corpus.name
        self.tokenizer = with_extras(corpus.tokenizer, names)

    def __repr__(self) -> str:
        return f"WithTokens({self.corpus!r}, {self.tokenizer.name})"

    def stream(self, split: str, seed: int = 0) -> Iterator[list[int]]:
        """The corpus's own documents."""
        return self.corpus.stream(split, seed)

    def heldout(
        self, split: str = "validation", n: int | None = None
    ) -> list[Document]:
        """The corpus's own held-out documents."""
        return self.corpus.heldout(split, n)

    def __getattr__(self, name: str):
        if name == "corpus":  # not set yet, as when a copy is being made
            raise AttributeError(name)
        return getattr(self.corpus, name)
