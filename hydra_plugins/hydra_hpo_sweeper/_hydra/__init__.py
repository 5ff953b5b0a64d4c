"""Every private name of Hydra and of its launchers that is used."""
