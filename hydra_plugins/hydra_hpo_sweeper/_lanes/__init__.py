"""Lanes: slots that jobs run in (workers)."""
