"""Several processes that take the trials of one study: workers, in the background or as an array."""
