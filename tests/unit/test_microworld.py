"""Microworld as a corpus: its text, labels, splits and variety."""

import re
from collections import Counter
from itertools import islice
from random import Random

import pytest

from pretrain.corpora.document import Document
from pretrain.corpora.microworld import Microworld, overlap
from pretrain.corpora.microworld.grammar import Grammar, load
from pretrain.corpora.microworld.skeletons import skeletons
from pretrain.corpora.microworld.text import render, sentences, tokenize
from pretrain.errors import PretrainError


@pytest.fixture(scope="module")
def world():
    return Microworld()


@pytest.fixture(scope="module")
def documents(world):
    return world.heldout("validation")


def test_text_gives_back_its_tokens(world, documents):
    for document in documents:
        assert tuple(world.tokenizer.encode(document.text)) == document.tokens
        assert world.tokenizer.decode(document.tokens) == document.text
    assert {d.kind for d in documents} == set(world.kinds)


@pytest.mark.parametrize(
    "text",
    [
        "Mira has a grey cat. It sat on Tom's mat.",
        "“No,” said Leo, “it is not.” Then Anna went home.",
        "“Why?” asked Ruth. I do not know!",
        "User: What is the capital of France?\nAssistant: Paris.",
        "English: The cat sat.\nFrench: L'ami s'est assis. Où est la clé?",
        '>>> for cat in range(3): print("meow") # meow meow meow',
        ">>> n = 3; n += 4; print(n) # 7",
        "2 + 3 = 5.",
    ],
)
def test_render_writes_as_a_person_would(text):
    names = "mira tom leo anna ruth paris france user assistant english french".split()
    assert render(tokenize(text), names) == text


def test_sentences_keep_what_somebody_says():
    tokens = tokenize("“Why? Now?” asked Tom. “No,” said Mira, “go.” Tom went.")
    ends = [" ".join(tokens[a:b])[-6:] for a, b in sentences(tokens)]
    assert ends == [" tom .", "go . ”", "went ."]


def test_the_vocabulary_is_listed_and_all_of_it_is_used(world):
    source = world.stream("train", 1)
    seen = set().union(*islice(source, 20_000))
    known = set(range(4, world.tokenizer.vocab_size))
    assert seen == known
    assert len(known) >= 400
    assert world.grammar.words == [world.tokenizer.token(i) for i in sorted(known)]


def test_sentences_are_varied(world):
    counts = skeletons(world, 20_000, seed=0)
    assert len(counts) >= 300
    assert max(counts.values()) / counts.total() <= 0.01


def test_streams_are_seeded_and_splits_are_fixed(world):
    def first(split, seed):
        return list(islice(world.stream(split, seed), 20))

    assert first("train", 1) == first("train", 1) != first("train", 2)
    assert first("test", 1) == first("test", 2) != first("validation", 1)
    assert first("validation", 1) != first("train", 1)
    assert len(list(world.stream("test", 0))) == 2000
    held = [list(d.tokens) for d in world.heldout("test", 20)]
    assert held == first("test", 0)


def test_labels_do_not_change_what_is_drawn(world):
    plain = list(islice(world.documents(Random(7)), 500))
    traced = [made.tokens for made in islice(world.traces(Random(7)), 500)]
    assert plain == traced


def test_labels_point_at_the_words(world, documents):
    roles = Counter()
    for document in documents:
        assert isinstance(document, Document)
        said = [world.tokenizer.token(i) for i in document.tokens]
        spans = document.labels["sentences"]
        assert spans[0][0] == 0 and spans[-1][1] == len(said)
        assert all(a[1] == b[0] for a, b in zip(spans, spans[1:], strict=False))
        for mention in document.labels["entities"]:
            words = " ".join(said[mention.start : mention.end])
            if mention.pronoun:
                assert words in ("he", "she", "him", "her", "his")
            else:
                assert words == mention.entity
            roles[mention.role] += 1
        for at, sense in document.labels["senses"].items():
            assert said[at] == "bank" and sense in ("money", "river")
        assert ("bank" in said) == bool(document.labels["senses"])
    assert set(roles) == {"who", "where", "what"}


def test_the_clue_to_the_bank_comes_before_it_or_after(documents):
    """What can tell the senses apart stands left of the word, or right of it."""
    before, after = Counter(), Counter()
    for document in documents:
        for at, sense in document.labels["senses"].items():
            last = at + 2 >= len(document.tokens)
            (before if last else after)[sense] += 1
    assert min(before["money"], before["river"]) >= 5
    assert min(after["money"], after["river"]) >= 20


def test_pairs_follow_with_and_without_so(documents):
    pairs = [d for d in documents if d.kind == "pairs"]
    assert all(len(d.labels["sentences"]) == 2 for d in pairs)
    so = sum(". So " in d.text for d in pairs)
    assert 0.3 < so / len(pairs) < 0.7


def test_held_out_countries_are_stated_and_never_asked():
    world = Microworld(held_out=["Norway", "cuba"])
    texts = [
        world.tokenizer.decode(d) for d in islice(world.stream("train", 0), 20_000)
    ]
    asked = [t for t in texts if t.startswith("User")]
    assert any("Norway" in t and "Oslo" in t for t in texts)
    assert not any("Norway" in t or "Cuba" in t for t in asked)
    held = [world.tokenizer.decode(d) for d in draw(world.chats(held_out=True), 50)]
    assert all(
        re.search("(Norway.*Oslo|Cuba.*Havana|Oslo|Havana)", t, re.S) for t in held
    )


def draw(language, n):
    return list(islice(language.documents(Random(0)), n))


def test_held_out_chats_are_another_distribution(world):
    plain, held = world.chats(), world.chats(held_out=True)
    for ids in draw(held, 20):
        assert plain.log_probability(ids) == world.log_probability(ids) == -float("inf")
        assert held.log_probability(ids) > -float("inf")
    for ids in draw(plain, 20):
        # The whole language makes such a chat, only more rarely.
        assert world.log_probability(ids) < plain.log_probability(ids) < 0


def test_without_held_out_facts(world):
    everything = Microworld(held_out=())
    assert everything.grammar.words == world.grammar.words
    with pytest.raises(PretrainError, match="No country is held out"):
        everything.chats(held_out=True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda world: Microworld(held_out=["atlantis"]),
        lambda world: Microworld(held_out="peru"),
        lambda world: Microworld(
            e.text for e in world.grammar.lexicons["country"].items
        ),
        lambda world: world.stream("dev", 0),
        lambda world: world.heldout("dev"),
        lambda world: world.heldout("test", 0),
        lambda world: world.heldout("test", 10**6),
        lambda world: world.only("poems"),
    ],
)
def test_bad_requests_get_one_clear_sentence(world, ask):
    with pytest.raises(PretrainError) as error:
        ask(world)
    assert str(error.value).endswith(".") and len(str(error.value)) < 400


@pytest.mark.parametrize(
    "template, says",
    [
        ("a { b", "braces"),
        ("a } b", "braces"),
        ("{a:nobody}", "nobody"),
        ("{@nothing}", "nothing"),
        ("{a:x+}", "drawn"),
    ],
)
def test_a_faulty_template_is_named(template, says):
    with pytest.raises(PretrainError, match=says):
        Grammar([{"kind": "k", "documents": {"t": [template]}}])


def test_grammar_is_plain_data():
    def plain(value):
        if isinstance(value, dict):
            return all(map(plain, value.values()))
        if isinstance(value, list):
            return all(map(plain, value))
        return isinstance(value, str | int)

    assert all(map(plain, load()))


def test_overlap_is_reported_by_kind(world):
    shares = overlap(world, n=1000)
    assert shares.keys() == set(world.kinds)
    # There are some 200 ways to state a capital, and a long story hardly recurs.
    assert shares["capitals"] > shares["journeys"]
    assert all(share == 1 for share in overlap(world, "test", "test", 300).values())
