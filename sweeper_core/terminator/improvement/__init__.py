"""How much a study may still improve."""
