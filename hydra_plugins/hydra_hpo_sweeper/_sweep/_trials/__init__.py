"""A trial of a sweep: where it comes from, its jobs, and what becomes of their results."""
