"""Microworld: a generated world of short English documents, every probability known.

    world = Microworld()
    world.heldout("test", 1)[0].text       # a story, its labels, its ideal surprisals
    world.log_probability(tokens)          # ln p of any document, exact

`grammar` compiles the JSON files (and says how they are written), `sampling` draws
documents, `exact` computes probabilities, `text` renders tokens as text and back,
`corpus` is what training reads.
"""

from .corpus import HELD_OUT, Language, Microworld, overlap

__all__ = ["HELD_OUT", "Language", "Microworld", "overlap"]
