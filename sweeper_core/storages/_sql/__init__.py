"""Parts of the relational storage."""
