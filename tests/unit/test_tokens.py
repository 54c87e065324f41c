"""Tokenizers: round trips, bytes, words, specials, saving, and bad input."""

import random
from collections import Counter

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain import tokens
from pretrain.corpora.microworld import Microworld
from pretrain.errors import EmptyCorpusError, PretrainError
from pretrain.tokens import SPECIALS, Special, Tokenizer

TEXTS = [
    "The cat sat on the mat. The cat sat there all day.",
    "A steep bank, and a closed bank: don't walk (not now)!",
    "Où est le café ? Là-bas, près de l'église.\n\nEt 3 + 4 = 7.",
]
# All of Unicode but halves of surrogate pairs, which no UTF-8 text can hold.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
BPE = tokens.byte_bpe(TEXTS, 300)
WORDS = tokens.words(TEXTS)
BLANKS = tokens.words(TEXTS, split="blanks")
CHARACTERS = tokens.characters(TEXTS)
EVERY = [BPE, WORDS, BLANKS, CHARACTERS]


@pytest.mark.parametrize("tokenizer", EVERY, ids=lambda t: t.kind)
def test_specials_have_the_same_ids_in_every_tokenizer(tokenizer):
    assert SPECIALS == ("<pad>", "<doc>", "<mask>", "<unk>")
    special = tokenizer.special
    assert (special.pad, special.doc, special.mask) == (0, 1, 2)
    assert special.unk == (None if tokenizer is BPE else 3)
    assert [tokenizer.token(i) for i in range(4)] == list(SPECIALS)
    assert special.reserved == 4


def test_a_tokenizer_without_mask_keeps_the_ids_of_the_others():
    bare = tokens.byte_bpe(TEXTS, 300, mask=False)
    assert bare.special == Special(mask=None, unk=None)
    assert bare.special.ids == (0, 1)
    assert bare.encode(TEXTS[0]) == BPE.encode(TEXTS[0])


@pytest.mark.parametrize("tokenizer", EVERY, ids=lambda t: t.kind)
@pytest.mark.parametrize("name", SPECIALS)
def test_the_name_of_a_special_in_a_text_is_ordinary_text(tokenizer, name):
    ids = tokenizer.encode(f"{name} the {name}cat{name}")
    allowed = {tokenizer.special.unk} - {None}
    assert all(i >= 4 or i in allowed for i in ids)
    if tokenizer is BPE:
        assert tokenizer.decode(tokenizer.encode(name)) == name


def test_specials_stay_ordinary_text_when_they_are_in_the_training_texts():
    texts = [" ".join(SPECIALS)] * 50
    for tokenizer in (tokens.byte_bpe(texts, 300), tokens.characters(texts)):
        assert tokenizer.decode(tokenizer.encode(texts[0])) == texts[0]
        assert min(tokenizer.encode(texts[0])) >= 4
    assert set(tokens.words([*texts, "a"], split="blanks").encode("<doc> <pad>")) == {3}


@given(ANY_TEXT)
@settings(max_examples=300, deadline=None)
def test_byte_bpe_writes_any_text_and_counts_its_bytes(text):
    ids = BPE.encode(text)
    assert BPE.decode(ids) == text
    assert BPE.token_bytes[ids].sum() == len(text.encode())


@given(st.text(st.sampled_from(sorted(set("".join(TEXTS))))))
@settings(deadline=None)
def test_characters_round_trip_within_their_alphabet(text):
    ids = CHARACTERS.encode(text)
    assert len(ids) == len(text)
    assert CHARACTERS.decode(ids) == text
    assert CHARACTERS.token_bytes[ids].sum() == len(text.encode())


@pytest.mark.parametrize(
    "line",
    [
        "The cat sat on the mat.",
        "A closed bank (steep, not now): don't walk!",
        "The cat, the mat... all day!?",
    ],
)
def test_words_give_back_a_normally_spaced_line(line):
    ids = WORDS.encode(line)
    assert WORDS.decode(ids) == line
    if "(" not in line:  # after an opening bracket there is no blank to count
        # The documented convention counts a blank before the first word as well.
        assert WORDS.token_bytes[ids].sum() == len(line.encode()) + 1


def test_words_cut_off_punctuation_and_keep_apostrophes():
    line = "don't walk (not now)!"
    shown = [WORDS.token(i) for i in WORDS.encode(line)]
    assert shown == ["don't", "walk", "(", "not", "now", ")", "!"]
    blanks = tokens.words([line], split="blanks")
    assert blanks.decode(blanks.encode(line)) == line
    assert len(blanks.encode(line)) == 4


def test_words_that_are_not_known_become_unk_and_are_not_spoken():
    ids = WORDS.encode("The giraffe sat.")
    assert ids[1] == WORDS.special.unk
    assert WORDS.decode(ids) == "The sat."
    assert WORDS.token_bytes[ids[1]] == 0


def test_a_vocabulary_keeps_its_order_and_texts_are_ordered_by_frequency():
    vocabulary = ["zebra", "apple", "mat"]
    assert tokens.words(vocabulary).tokens[4:] == vocabulary
    counted = tokens.words(["b a b", "c b a"])
    assert counted.tokens[4:] == ["b", "a", "c"]
    assert tokens.words(["b a b", "c b a"], max_size=6).tokens[4:] == ["b", "a"]


def test_word_starts():
    line = "The cat's mat\nis (very) flat."
    shown = [BPE.token(i) for i in BPE.encode(line)]
    starts = [bool(BPE.is_word_start[i]) for i in BPE.encode(line)]
    assert starts == [token[0] in "␣↵" for token in shown]
    assert sum(starts) == 5  # at four blanks and a line end
    assert WORDS.is_word_start.all()
    assert BPE.is_word_start[:4].all()  # no word runs across a special


def test_tokens_are_shown_so_that_blanks_and_single_bytes_are_visible():
    shown = [BPE.token(i) for i in BPE.encode(" €")]
    assert shown == ["␣", "\\xe2", "\\x82", "\\xac"]
    assert CHARACTERS.token(CHARACTERS.encode("\n")[0]) == "↵"


def test_bytes_that_are_no_utf8_are_replaced():
    euro = BPE.encode("€")  # in none of the texts, so three single bytes
    assert BPE.decode(euro) == "€"
    assert BPE.decode(euro[:2]) == "\ufffd"


def _reference_merges(texts: list[str], merges: int) -> list[tuple[str, str]]:
    """Algorithm 1 of Sennrich et al. on words without blanks; refuses ties."""
    words = Counter(word for text in texts for word in text.split())
    cut = {word: list(word) for word in words}
    done = []
    for _ in range(merges):
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(cut[word], cut[word][1:], strict=False):
                pairs[pair] += count
        (best, count), *others = pairs.most_common(2)
        assert not others or others[0][1] < count, "the example must have no ties"
        done.append(best)
        for word, symbols in cut.items():
            i = 0
            while i + 1 < len(symbols):
                if (symbols[i], symbols[i + 1]) == best:
                    symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
                i += 1
            cut[word] = symbols
    return done


def test_bpe_merges_are_those_of_the_published_algorithm():
    # One word a text, so that no blank joins in; counts chosen without ties.
    counts = {"newest": 6, "widest": 3, "st": 2, "ew": 2}
    texts = [word for word, n in counts.items() for _ in range(n)]
    expected = [left + right for left, right in _reference_merges(texts, 3)]
    assert expected == ["st", "est", "ew"]
    assert tokens.byte_bpe(texts, 263).tokens[260:] == expected


def test_bpe_cuts_text_as_the_tool_it_is_built_on():
    """Hugging Face's own byte-level BPE class, trained on the same texts."""
    other = tokenizers.ByteLevelBPETokenizer(add_prefix_space=False)
    other.train_from_iterator(TEXTS, vocab_size=296, min_frequency=0)
    for text in [*TEXTS, "Something else, € 😀\n\n  x"]:
        assert BPE.encode(text) == [i + 4 for i in other.encode(text).ids]


def test_bpe_does_not_depend_on_the_order_of_the_texts():
    lines = [f"{a} {b}" for a in "one two three four".split() for b in "abcdef"]
    shuffled = lines.copy()
    random.Random(0).shuffle(shuffled)
    assert tokens.byte_bpe(lines, 290).tokens == tokens.byte_bpe(shuffled, 290).tokens


def test_bpe_stops_where_there_is_nothing_left_to_merge():
    assert tokens.byte_bpe(["ab"], 5000).vocab_size == 4 + 256 + 1


@pytest.mark.parametrize("tokenizer", EVERY, ids=lambda t: t.kind)
def test_saving_and_loading_changes_nothing(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    text = "The cat <doc> sat; où ?"
    assert again.encode(text) == tokenizer.encode(text)
    assert again.tokens == tokenizer.tokens
    assert (again.special, again.name) == (tokenizer.special, tokenizer.name)
    assert np.array_equal(again.token_bytes, tokenizer.token_bytes)
    assert np.array_equal(again.is_word_start, tokenizer.is_word_start)


def test_a_loaded_tokenizer_still_has_no_mask(tmp_path):
    tokens.words(TEXTS, mask=False).save(tmp_path / "t.json")
    assert Tokenizer.load(tmp_path / "t.json").special.mask is None


def test_microworlds_tokenizer_keeps_its_capitals_and_marks_in_a_file(tmp_path):
    world = Microworld()
    world.tokenizer.save(tmp_path / "t.json")
    again = Tokenizer.load(tmp_path / "t.json")
    assert type(again) is type(world.tokenizer)
    assert again.tokens == world.tokenizer.tokens
    for document in world.heldout("validation", 100):
        assert again.decode(document.tokens) == document.text
        assert again.encode(document.text) == list(document.tokens)
    again.save(tmp_path / "again.json")
    same = [(tmp_path / name).read_bytes() for name in ("t.json", "again.json")]
    assert same[0] == same[1]
    plain = Tokenizer(again.hf, "blanks")  # what a reader without the names writes
    assert plain.decode(document.tokens) != document.text


@pytest.mark.parametrize("make", [tokens.words, tokens.characters, tokens.byte_bpe])
@pytest.mark.parametrize("texts", [[], ["", ""]])
def test_an_empty_corpus_is_an_error(make, texts):
    with pytest.raises(EmptyCorpusError, match="at least one text"):
        make(texts)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: tokens.byte_bpe(TEXTS, 259), "needs at least 260"),
        (lambda: tokens.words(TEXTS, max_size=4), "at least one word"),
        (lambda: tokens.words("one text"), "put the text in a list"),
        (lambda: tokens.words(TEXTS, split="letters"), "split is"),
        (lambda: tokens.characters([3]), "not int"),
        (lambda: BPE.encode(None), "not NoneType"),
        (lambda: BPE.encode("ab\ud800"), "surrogate pair at character 2"),
        (lambda: BPE.decode([300]), "ids 0 to 299"),
        (lambda: BPE.token(-1), "ids 0 to 299"),
        (lambda: BPE.save("/no/such/folder/t.json"), "cannot be written"),
        (lambda: Tokenizer.load("/no/such/file.json"), "No tokenizer can be read"),
        (lambda: Tokenizer.load(__file__), "holds no tokenizer"),
    ],
)
def test_bad_input_is_one_clear_error(action, message):
    with pytest.raises(PretrainError, match=message):
        action()
