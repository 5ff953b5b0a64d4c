"""Search spaces from Hydra's override grammar; only this package uses both."""
