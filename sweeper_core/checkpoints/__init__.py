"""Checkpoints of running trials: folders that appear whole or not at all."""
