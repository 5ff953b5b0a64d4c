"""Parts of TPE."""
