"""Evaluation: likelihood on held-out text, generation, features for probes."""
