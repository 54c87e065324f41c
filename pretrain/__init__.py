"""Pretraining objectives of language models: corpora, objectives, training."""

__version__ = "0.1.0"
