"""Parts of the journal storage."""
