"""The Hydra sweeper ``hydra/sweeper=hpo``."""
