"""The errors that bad input raises, each one sentence that says what to do.

Every error that a user can cause is a `PretrainError`, which is a `ValueError`:
one `except` catches them all, and nothing else by accident.
"""


class PretrainError(ValueError):
    """What the user asked for cannot be done; the message says why and what to do."""


class EmptyCorpusError(PretrainError):
    """A corpus, or one split of it, holds no text to learn from."""


class EmptyLossError(PretrainError):
    """A loss was asked for where no position is scored, so that no mean exists."""


class NonFiniteLossError(PretrainError):
    """A training loss became infinite or not a number."""


class CheckpointError(PretrainError):
    """A checkpoint is missing, damaged, or made for another model."""


class OfflineError(PretrainError):
    """Something has to be downloaded, and there is no network or no downloader."""
