"""Hydra's override grammar and search spaces: the only room that knows both."""
