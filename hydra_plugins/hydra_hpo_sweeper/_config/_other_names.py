"""What other tools call a setting or an algorithm, and what it is called here: for the answers to unknown names."""

from __future__ import annotations

from collections.abc import Iterable

from hydra_plugins.hydra_hpo_sweeper._errors import closest
from sweeper_core.registry import TABLES, Kind

SETTINGS = {
    "n_jobs": "workers n_workers num_workers max_workers parallel parallelism n_parallel num_parallel max_concurrent "
    "max_concurrent_trials max_parallel jobs concurrency",
    "n_trials": "trials num_trials n_iter n_iterations iterations max_evals num_samples n_samples evaluations budget "
    "n_calls total_trials max_runs",
    "metric": "objective objectives objective_name objective_metric monitor target metric_name metrics",
    "direction": "goal mode optimize minimize maximize optimization_direction directions",
    "storage": "db database db_url storage_url",
    "study_name": "study name experiment experiment_name",
    "params": "space parameters hyperparameters",
    "pruner": "early_stopping early_stop stopping",
    "scheduler": "pbt hyperband asha",
    "timeout": "max_time duration time_budget time_budget_s wall_time max_duration",
    "trial_timeout": "job_timeout max_trial_time",
    "max_retries": "retries retry n_retries",
    "devices": "gpus gpu gpu_ids cuda n_gpus num_gpus cuda_visible_devices",
    "devices_per_job": "gpus_per_trial gpus_per_job",
    "where": "relations parameter_constraints",
    "constraints": "outcome_constraints",
    "max_failure_rate": "failure_rate max_failures",
    "enqueue": "initial_points points_to_evaluate evaluated_points x0 start_points",
    "repeat": "n_repeats repeats n_seeds seeds",
    "warm_start": "previous_studies",
    "sampler": "algorithm algo optimizer search_alg search_algorithm strategy",
    "sampler.seed": "seed random_state random_seed",
    "sampler.n_startup_trials": "n_startup_trials n_initial_points n_startup startup_trials num_initial_points",
    "sampler.multivariate": "multivariate",
    "pruner.n_warmup_steps": "n_warmup_steps warmup_steps",
    "scheduler.min_resource": "min_resource grace_period",
    "scheduler.max_resource": "max_resource max_t",
    "scheduler.reduction_factor": "reduction_factor eta",
}
"""Setting below ``hydra.sweeper``: names that are given instead of it, also at the wrong depth."""

ALGORITHMS: dict[Kind, dict[str, str]] = {
    "sampler": {
        "gp": "bayes bayesian bayesian_optimization bayesopt bo gaussian_process botorch botorchsampler ax skopt gpei "
        "hebo turbo",
        "tpe": "hyperopt parzen nevergrad_tpe",
        "auto": "smac smac3 default best optuna",
        "qmc": "sobol halton lhs latin_hypercube quasi_random quasirandom hammersley",
        "cmaes": "evolution evolutionary evolution_strategy es de differential_evolution pso particle_swarm cma cma_es",
        "nsgaii": "genetic ga genetic_algorithm nsga nsga2 moo multi_objective",
        "nsgaiii": "nsga3",
        "bruteforce": "exhaustive brute all product",
        "random": "uniform random_search rs",
        "grid": "grid_search gridsearch",
    },
    "pruner": {
        "asha": "sha halving",
        "median": "median_stopping medianstopping early_stopping",
        "none": "no nop off",
        "patient": "patience",
        "extrapolate": "curve_fitting learning_curve lcnet",
    },
    "scheduler": {
        "asha": "successive_halving sha halving successivehalving promotion",
        "hyperband": "bohb dehb priorband asynchyperband async_hyperband",
        "freeze_thaw": "freezethaw ft_pfn ifbo",
        "stop": "none fifo off no",
    },
}
"""Name in the tables: what other tools call it, or what is nearest in meaning."""

TRAINED_TOGETHER = frozenset({"pbt", "pb2", "population_based_training", "population", "pbtr"})
"""Schedules of parameters within a training; nothing here changes a running trial's parameters."""


def _folded(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _meant(name: str, table: dict[str, str]) -> str | None:
    return next((ours for ours, others in table.items() if _folded(name) in others.split()), None)


def setting_meant(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for a setting below ``hydra.sweeper`` that does not exist, else an empty text."""
    ours = _meant(name, SETTINGS)
    if ours is None:
        return closest(name, known)
    below = f": hydra.sweeper.{ours}=…" if "." in ours else ""
    return f" Did you mean {ours!r}{below}?"


def algorithm_meant(kind: Kind, name: str, known: Iterable[str]) -> str:
    """Return what an unknown sampler, pruner or scheduler may mean, else an empty text."""
    word = _folded(name.rpartition(".")[2])
    if word in TRAINED_TOGETHER:
        return " Population based training is not offered; hydra/sweeper/scheduler=asha is nearest."
    ours = _meant(word, ALGORITHMS[kind])
    if ours is not None:
        return f" Did you mean {ours!r}?"
    others: tuple[Kind, ...] = ("scheduler", "sampler", "pruner")
    for other in (each for each in others if each != kind):
        found = word if word in TABLES[other] else _meant(word, ALGORITHMS[other])
        if found is not None:
            return f" It is a {other}: hydra/sweeper/{other}={found}."
    return closest(name.rpartition(".")[2], known)
