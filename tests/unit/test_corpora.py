"""Corpora of real text: splits, streams, cleaning, and what goes wrong."""

import hashlib
import itertools
import re
import sys
import types
import urllib.error

import pytest

from pretrain import tokens
from pretrain.corpora import SPLITS, online
from pretrain.corpora.files import TextFile
from pretrain.corpora.finite import (
    FiniteCorpus,
    Text,
    split_by_hash,
    split_in_order,
)
from pretrain.corpora.online import Shakespeare, TinyStories, WikiText2, articles
from pretrain.corpora.python_docs import PythonDocs, clean
from pretrain.errors import EmptyCorpusError, OfflineError, PretrainError

PARAGRAPHS = [f"Paragraph {i}\nsays the number {i * i}." for i in range(200)]


@pytest.fixture(scope="module")
def docs() -> PythonDocs:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PRETRAIN_BUDGET", raising=False)  # all of it, docstrings too
        return PythonDocs(1024)


def test_under_smoke_python_docs_are_the_topics_alone(monkeypatch):
    monkeypatch.setenv("PRETRAIN_BUDGET", "smoke")
    kinds = {d.kind for d in PythonDocs(300).heldout("train")}
    assert kinds == {"topic"}


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("\n\n".join(PARAGRAPHS) + "\n", encoding="utf-8")
    return path


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


# -- Python's documentation -----------------------------------------------------------


def test_python_docs_hold_over_a_megabyte_of_english(docs):
    sizes = {split: docs.sizes(split) for split in SPLITS}
    assert sum(size["bytes"] for size in sizes.values()) > 1_000_000
    assert min(size["documents"] for size in sizes.values()) > 100
    said = words_of(" ".join(d.text for d in docs.heldout("validation")))
    # "the" is the most common word of English prose, 4 to 7 % of it.
    assert 0.03 < said.count("the") / len(said) < 0.12
    assert {d.kind for d in docs.heldout("train")} == {"topic", "docstring"}


def test_python_docs_splits_share_no_document_and_little_text(docs):
    train = [" ".join(words_of(d.text)) for d in docs.heldout("train")]
    for split in ("validation", "test"):
        held = [" ".join(words_of(d.text)) for d in docs.heldout(split)]
        assert not set(train) & set(held)

    def runs(texts, n=8):
        return {
            tuple(w[i : i + n])
            for w in map(str.split, texts)
            for i in range(len(w) - n + 1)
        }

    seen = runs(train)
    held = runs([" ".join(words_of(d.text)) for d in docs.heldout("validation")])
    # Measured on Python 3.11: 3 % of runs of eight words occur in training as well.
    assert len(held & seen) / len(held) < 0.08


def test_python_docs_vocabulary_comes_from_training_alone(docs):
    again = tokens.byte_bpe([d.text for d in docs.heldout("train")], 1024)
    assert again.tokens == docs.tokenizer.tokens
    everything = [d.text for split in SPLITS for d in docs.heldout(split)]
    assert tokens.byte_bpe(everything, 1024).tokens != docs.tokenizer.tokens


def test_python_docs_encode_exactly_and_describe_themselves(docs):
    for document in docs.heldout("validation", 50):
        assert docs.tokenizer.decode(document.tokens) == document.text
        assert docs.tokenizer.token_bytes[list(document.tokens)].sum() == document.bytes
        assert document.labels["source"]
    version = ".".join(map(str, sys.version_info[:3]))
    assert f"Python {version}" in docs.description
    assert docs.sha256[:12] in docs.description


def test_python_docs_import_nothing_that_they_read():
    """`antigravity` opens a browser when imported, `this` prints a poem."""
    assert not {"antigravity", "this", "turtledemo"} & set(sys.modules)
    PythonDocs(300)
    assert not {"antigravity", "this", "turtledemo"} & set(sys.modules)


def test_cleaning_joins_wrapped_prose_and_leaves_the_rest():
    text = (
        "The heading\n***********\n\n"
        "This sentence is long enough to have been wrapped by\n"
        "whoever wrote it.  Here is another.\n\n\n"
        "Short line\nkept apart.\n\n"
        "   indented_code(that_is_quite_long_and_stays_as_it_is)\n"
        "   more_code()\n\n"
        "A list whose items have many words, more than enough:\n"
        "- the first item of the list, with many words too\n"
        "- the second\n"
    )
    assert clean(text) == (
        "The heading\n\n"
        "This sentence is long enough to have been wrapped by whoever wrote it. "
        "Here is another.\n\n"
        "Short line\nkept apart.\n\n"
        "   indented_code(that_is_quite_long_and_stays_as_it_is)\n"
        "   more_code()\n\n"
        "A list whose items have many words, more than enough:\n"
        "- the first item of the list, with many words too\n"
        "- the second"
    )


# -- what finite corpora share --------------------------------------------------------


def test_the_training_stream_runs_in_reshuffled_epochs(book):
    corpus = TextFile(book, vocab_size=300)
    rows = [list(d.tokens) for d in corpus.heldout("train")]
    n = len(rows)
    stream = corpus.stream("train", seed=1)
    first, second = list(itertools.islice(stream, n)), list(itertools.islice(stream, n))
    assert sorted(first) == sorted(second) == sorted(rows)
    assert first != second
    assert first == list(itertools.islice(corpus.stream("train", seed=1), n))
    assert first != list(itertools.islice(corpus.stream("train", seed=2), n))


def test_a_stream_hands_out_rows_of_its_own(book):
    corpus = TextFile(book, vocab_size=300)
    before = corpus.heldout("validation")[0].tokens
    next(corpus.stream("validation")).append(0)
    assert corpus.heldout("validation")[0].tokens == before


def test_other_streams_end_and_ignore_the_seed(book):
    corpus = TextFile(book, vocab_size=300)
    rows = [list(d.tokens) for d in corpus.heldout("validation")]
    assert list(corpus.stream("validation", 1)) == rows
    assert list(corpus.stream("validation", 2)) == rows
    assert corpus.heldout("validation", 3) == corpus.heldout("validation")[:3]


def test_hashed_splits_are_stable_and_send_the_same_words_the_same_way():
    texts = [Text(p) for p in PARAGRAPHS]
    splits = split_by_hash(texts)
    assert sorted(t.text for s in splits.values() for t in s) == sorted(PARAGRAPHS)
    # Others leaving moves nobody, nor does another spacing or capital.
    fewer = split_by_hash([Text(t.text.upper() + "\n\n ") for t in texts[::2]])
    for split in SPLITS:
        there = {t.text.lower() for t in splits[split]}
        assert {t.text.lower().strip() for t in fewer[split]} <= there
    # 200 texts at 90 %: three standard deviations are 13.
    assert abs(len(splits["train"]) - 180) <= 13


def test_splits_in_order_are_the_beginning_the_middle_and_the_end():
    splits = split_in_order([Text(p) for p in PARAGRAPHS], (0.5, 0.3, 0.2))
    assert [t.text for s in SPLITS for t in splits[s]] == PARAGRAPHS
    sizes = [sum(len(t.text) for t in splits[s]) for s in SPLITS]
    total, longest = sum(sizes), max(map(len, PARAGRAPHS))
    for size, share in zip(sizes, (0.5, 0.3, 0.2), strict=True):
        assert abs(size - share * total) <= longest


def test_a_ready_tokenizer_is_used_as_it_is(book):
    ready = tokens.characters(PARAGRAPHS)
    assert TextFile(book, ready).tokenizer is ready


# -- text files -----------------------------------------------------------------------


def test_blank_lines_separate_documents(book):
    corpus = TextFile(book, vocab_size=300)
    texts = [d.text for split in SPLITS for d in corpus.heldout(split)]
    assert texts == PARAGRAPHS


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(book, tmp_path):
    other = tmp_path / "windows.txt"
    other.write_bytes(b"\xef\xbb\xbf" + book.read_bytes().replace(b"\n", b"\r\n"))
    assert TextFile(other, "characters").sha256 == TextFile(book, "characters").sha256


def test_a_separator_can_be_chosen_or_left_out(book):
    lines = TextFile(book, "characters", separator=r"\n+")
    assert sum(lines.sizes(split)["documents"] for split in SPLITS) == 400
    whole = TextFile(book, "characters", separator=None)
    pieces = [d.text for split in SPLITS for d in whole.heldout(split)]
    assert "".join(pieces) == book.read_text()
    assert len(pieces) == 3


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", EmptyCorpusError, "holds no text"),
        (b" \n\n \n", EmptyCorpusError, "holds no text"),
        (b"\xff\xfe\x00", PretrainError, "not UTF-8 text"),
        (b"One line only.", PretrainError, "too small"),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path, content, error, message):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(error, match=message):
        TextFile(path)


def test_bad_arguments_are_one_clear_error(book, tmp_path):
    cases = [
        (lambda: TextFile(tmp_path / "none.txt"), "cannot be read"),
        (lambda: TextFile(book, "letters"), "not 'letters'"),
        (lambda: TextFile(book, separator="("), "no regular expression"),
        (lambda: TextFile(book, separator=None, split="hash"), "in one piece"),
        (lambda: TextFile(book, split="random"), "split is"),
        (lambda: TextFile(book, shares=(0.9, 0.2, 0.1)), "add up to 1"),
        (lambda: TextFile(book, vocab_size=100), "needs at least 260"),
        (lambda: TextFile(book).heldout("validation", 1000), "1000 documents"),
        (lambda: TextFile(book).heldout("dev"), "no split 'dev'"),
        (lambda: next(TextFile(book).stream("dev")), "no split 'dev'"),
    ]
    for action, message in cases:
        with pytest.raises(PretrainError, match=message):
            action()


def test_a_corpus_without_training_text_is_an_error():
    with pytest.raises(EmptyCorpusError, match="no training text"):
        FiniteCorpus("empty", {"train": []})


# -- from the network -----------------------------------------------------------------


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No network, an empty cache; returns the list of the URLs asked for."""
    asked = []

    def refuse(url, timeout):
        asked.append(url)
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(online.urllib.request, "urlopen", refuse)
    monkeypatch.setenv("PRETRAIN_CACHE", str(tmp_path / "cache"))
    return asked


def test_shakespeare_offline_is_one_clear_error(offline):
    with pytest.raises(OfflineError, match="connect to the network, or download"):
        Shakespeare()
    assert offline == [online.SHAKESPEARE_URL]


def test_another_file_is_not_taken_for_shakespeare(book):
    with pytest.raises(PretrainError, match="should be 86c4e6aa9db7"):
        Shakespeare(book)
    with pytest.raises(PretrainError, match="cannot be read"):
        Shakespeare("/no/such/file.txt")


@pytest.fixture
def served(monkeypatch, tmp_path):
    """A network that serves one small file; returns (its bytes, what was asked)."""
    content, asked = "\n\n".join(PARAGRAPHS).encode(), []

    class Response:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self):
            return content

    def serve(url, timeout):
        asked.append(url)
        return Response()

    monkeypatch.setattr(online.urllib.request, "urlopen", serve)
    monkeypatch.setenv("PRETRAIN_CACHE", str(tmp_path / "cache"))
    return content, asked


def test_a_download_is_checked_and_kept(served, monkeypatch):
    content, asked = served
    sha256 = hashlib.sha256(content).hexdigest()
    path = online.download("https://example.org/a", sha256, "a.txt")
    assert path.read_bytes() == content
    assert online.download("https://example.org/a", sha256, "a.txt") == path
    assert len(asked) == 1  # the second time it came from the cache
    path.write_bytes(b"damaged")
    online.download("https://example.org/a", sha256, "a.txt")
    assert path.read_bytes() == content
    # The class built on it: nine tenths of the characters, then one tenth, no test.
    monkeypatch.setattr(online, "SHAKESPEARE_SHA256", sha256)
    corpus = Shakespeare(separator=None)
    sizes = [corpus.sizes(split)["bytes"] for split in SPLITS]
    assert sizes == [int(0.9 * len(content)), len(content) - int(0.9 * len(content)), 0]
    with pytest.raises(
        EmptyCorpusError, match="The split test of shakespeare is empty"
    ):
        corpus.heldout("test")


def test_a_download_that_was_changed_is_refused_and_not_kept(served):
    with pytest.raises(PretrainError, match="is not the file"):
        online.download("https://example.org/a", "0" * 64, "a.txt")
    assert not (online.cache_folder() / "a.txt").exists()


def test_without_the_package_datasets_the_error_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)  # its import now fails
    for corpus in (TinyStories, WikiText2):
        with pytest.raises(OfflineError, match="pip install datasets"):
            corpus()


def fake_datasets(monkeypatch, load):
    module = types.ModuleType("datasets")
    module.load_dataset = load
    monkeypatch.setitem(sys.modules, "datasets", module)


def test_a_hub_that_does_not_answer_is_one_clear_error(monkeypatch):
    def load(*_, **__):
        raise ConnectionError("no route")

    fake_datasets(monkeypatch, load)
    with pytest.raises(OfflineError, match="connect to the network"):
        WikiText2()


def test_tinystories_takes_the_first_stories_and_halves_the_validation(monkeypatch):
    taken = []

    def load(place, part, split, streaming):
        assert (place, streaming) == ("roneneldan/TinyStories", True)
        for i in itertools.count():
            taken.append((split, i))
            yield {"text": f"Story {i} of {split}.\n"}

    fake_datasets(monkeypatch, load)
    corpus = TinyStories(stories=30, heldout=4, vocab_size=270)
    assert [corpus.sizes(s)["documents"] for s in SPLITS] == [30, 4, 4]
    assert corpus.heldout("test")[0].text == "Story 4 of validation."
    assert len(taken) <= 30 + 8 + 2  # streamed: nothing is loaded in vain


def test_wikitext_lines_are_gathered_into_articles():
    lines = [
        "",
        " = First = ",
        "",
        "",
        " It begins here . ",
        " = = A section = = ",
        " More . ",
        " = Second = ",
        " Text . ",
    ]
    found = articles(lines)
    assert [t.labels["title"] for t in found] == ["First", "Second"]
    assert found[0].text == "= First =\n\nIt begins here .\n= = A section = =\nMore ."
    assert found[1].text == "= Second =\nText ."
