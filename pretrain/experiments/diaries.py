"""The weather diary for experiments: a longer one, and a probe for the weather.

Sixteen words and six kinds of weather: small enough for many seeds, with exact floors.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from pretrain.attention import Pattern
from pretrain.corpora.markov import HiddenMarkov, weather
from pretrain.evaluation.probes import features, few_label_curve


@lru_cache
def diaries() -> HiddenMarkov:
    """The weather diary, 16 days on average."""
    return weather()


@lru_cache
def long_diaries() -> HiddenMarkov:
    """The same with a mean of some 50 days instead of 16."""
    short = weather()
    stop = np.full(len(short.states), 1 / 64)
    return replace(short, name="weather, long", stop=stop)


@lru_cache
def days(count: int = 400):
    """Long held-out diaries, a day of each whose word leaves the weather open, and it.

    Such a word tells less than 60 % of what the weather was, all kinds of weather being
    equally likely. Of these days of a diary the middle one is taken.
    """
    language = long_diaries()
    sure = language.emission.max(0) / language.emission.sum(0)  # (W,)
    first, found = language.tokenizer.special.reserved, []
    for document in language.heldout("validation"):
        size = len(document.tokens)
        unclear = [
            i for i in range(2, size - 2) if sure[document.tokens[i] - first] < 0.6
        ]
        if unclear:
            day = unclear[len(unclear) // 2]
            found.append((document, day, document.labels["states"][day]))
    return tuple(zip(*found[:count], strict=True))


def weather_probe(model, tokenizer, attention: Pattern, per_class: int = 10) -> float:
    """Accuracy of a linear probe for the hidden weather of those days.

    The mean of 20 draws of ``per_class`` labels for each kind of weather.
    """
    documents, places, states = days()
    x = features(model, documents, tokenizer, attention, where=places)
    return float(few_label_curve(x, states, (per_class,), 20, seed=0).mean())
