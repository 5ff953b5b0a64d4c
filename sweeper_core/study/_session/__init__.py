"""One process's working view of a stored study."""
