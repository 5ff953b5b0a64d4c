"""Samplers: algorithms that suggest the next point. Each file has one algorithm; names load on first use."""

from sweeper_core._lazy import lazy_module

__getattr__, __dir__, __all__ = lazy_module(
    __name__,
    {
        "AutoSampler": "sweeper_core.samplers.auto",
        "BaseGASampler": "sweeper_core.samplers.user_genetic",
        "BaseSampler": "sweeper_core.samplers.user",
        "BruteForceSampler": "sweeper_core.samplers.brute_force",
        "CmaEsSampler": "sweeper_core.samplers.cmaes",
        "GPSampler": "sweeper_core.samplers.gp",
        "GridSampler": "sweeper_core.samplers.grid",
        "NSGAIIISampler": "sweeper_core.samplers.nsgaiii",
        "NSGAIISampler": "sweeper_core.samplers.nsgaii",
        "PartialFixedSampler": "sweeper_core.samplers.partial_fixed",
        "QMCSampler": "sweeper_core.samplers.qmc",
        "RandomSampler": "sweeper_core.samplers.random",
        "Request": "sweeper_core.samplers.base",
        "Sampler": "sweeper_core.samplers.base",
        "Suggestion": "sweeper_core.samplers.base",
        "TPESampler": "sweeper_core.samplers.tpe",
    },
)
