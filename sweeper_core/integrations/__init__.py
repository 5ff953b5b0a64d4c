"""Bridges to training frameworks; each needs its framework installed and is imported by its full name."""
