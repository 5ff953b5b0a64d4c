"""Why a sweep starts no further trial, or ends its jobs."""
