"""From text to token ids and back: words, byte-level BPE, characters.

Three ways to cut a text, one class. Each is a Hugging Face `tokenizers` pipeline
inside, so that it is fast and can be exported; what is added is what a course on
objectives needs to know about each token: its bytes (for bits per byte), whether it
begins a word (for whole-word masking) and how to show it to a person.

What it does not do: lower-casing, Unicode normalization, adding specials (packing
does that). Training byte-level BPE on 1.5 MB takes about half a second on one core.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.extra_tokens import with_extras
from pretrain.tokenizer import SPECIALS, Special, Tokenizer, checked

__all__ = [
    "SPECIALS",
    "Special",
    "Tokenizer",
    "byte_bpe",
    "characters",
    "with_extras",
    "words",
]

BYTES = 256
_WORD = r"\w+(?:['’-]\w+)*|[^\w\s]"  # "don't", "well-known", or one mark


def words(
    source: Iterable[str],
    *,
    split: str = "words",
    max_size: int | None = None,
    mask: bool = True,
) -> Tokenizer:
    """Whole words, for languages whose vocabulary is small or known.

    Args:
        source: texts to collect the words from, or the vocabulary itself, one word
            an item. More frequent words get smaller ids, equally frequent ones keep
            their order; so a vocabulary keeps the order it is given in.
        split: "words" cuts off punctuation ("cat." is two tokens, "don't" is one);
            "blanks" cuts at white space only.
        max_size: keep the most frequent words, so that V is at most this.
        mask: whether the tokenizer has a `<mask>` token.

    Raises:
        EmptyCorpusError: if there is no word in `source`.
        PretrainError: if `max_size` leaves no room for a word.
    """
    if split not in ("words", "blanks"):
        raise PretrainError(f'split is "words" or "blanks", not {split!r}.')
    pattern = tokenizers.Regex(_WORD if split == "words" else r"\S+")
    cut = pre_tokenizers.Split(pattern, "removed", invert=True)
    counts = Counter(
        word for text in _texts(source) for word, _ in cut.pre_tokenize_str(text)
    )
    hf = _one_token_a_piece([word for word, _ in counts.most_common()], max_size)
    hf.pre_tokenizer = cut
    return Tokenizer(hf, split, mask)


def characters(texts: Iterable[str], *, mask: bool = True) -> Tokenizer:
    """One token a character (a Unicode code point), as in the character-level models
    of the literature. Ids follow the order of the code points.

    Raises `EmptyCorpusError` if there is no character in `texts`.
    """
    hf = _one_token_a_piece(sorted(set().union(*map(set, _texts(texts)))), None)
    hf.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
    return Tokenizer(hf, "characters", mask)


def byte_bpe(
    texts: Iterable[str], vocab_size: int = 2048, *, mask: bool = True
) -> Tokenizer:
    """Byte-level byte-pair encoding (@sennrich2016neural).

    It starts from the 256 bytes, so it can write any text, and merges the most
    frequent pair until it has V tokens. Merges stay inside pieces that GPT-2's
    pattern cuts: a word with the blank in front, a number, a run of marks. Train it
    on the training split alone. The same texts give the same tokens.

    Args:
        texts: the texts to count pairs in, in any order.
        vocab_size: V, at least 260 (4 specials and 256 bytes). Where the texts hold
            too few different pairs, the vocabulary comes out smaller.
        mask: whether the tokenizer has a `<mask>` token.

    Raises:
        EmptyCorpusError: if there is no text in `texts`.
        PretrainError: if `vocab_size` is below 260.
    """
    least = len(SPECIALS) + BYTES
    if vocab_size < least:
        raise PretrainError(
            f"A byte-level BPE vocabulary of {vocab_size} is too small: it needs at "
            f"least {least}, for {len(SPECIALS)} special tokens and {BYTES} bytes."
        )
    texts = [text for text in _texts(texts) if text]
    if not texts:
        raise EmptyCorpusError(
            "There is no text to learn a BPE vocabulary from; give at least one "
            "text that is not empty."
        )
    pieces = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    learned = tokenizers.Tokenizer(models.BPE())
    learned.pre_tokenizer = pieces
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learned.train_from_iterator(texts, trainer)
    model = json.loads(learned.to_str())["model"]
    # The trainer would make its specials match in the text, so ours go in by hand.
    vocabulary = {name: i for i, name in enumerate(SPECIALS)}
    for token, i in model["vocab"].items():
        vocabulary[token] = i + len(SPECIALS)
    merges = [tuple(pair) for pair in model["merges"]]
    hf = tokenizers.Tokenizer(models.BPE(vocabulary, merges))
    hf.pre_tokenizer = pieces
    hf.decoder = tokenizers.decoders.ByteLevel()
    return Tokenizer(hf, "byte-bpe", mask)


def _one_token_a_piece(
    pieces: Sequence[str], max_size: int | None
) -> tokenizers.Tokenizer:
    """A tokenizer that looks each piece up; ids in the order of `pieces`."""
    pieces = [piece for piece in pieces if piece not in SPECIALS]
    if not pieces:
        raise EmptyCorpusError(
            "There is no text to take a vocabulary from; give at least one text "
            "that is not empty."
        )
    if max_size is not None and max_size <= len(SPECIALS):
        raise PretrainError(
            f"A vocabulary of {max_size} is too small: it needs room for the "
            f"{len(SPECIALS)} special tokens and at least one word."
        )
    vocabulary = {piece: i for i, piece in enumerate([*SPECIALS, *pieces][:max_size])}
    return tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))


def _texts(source: Iterable[str]) -> Iterable[str]:
    if isinstance(source, str):
        raise PretrainError(
            "A list of texts is expected, not one str; put the text in a list."
        )
    return map(checked, source)
