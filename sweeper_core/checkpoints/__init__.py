"""Checkpoints of running trials: folders that appear atomically."""
