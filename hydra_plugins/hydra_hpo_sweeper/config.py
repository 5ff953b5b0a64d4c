"""The sweeper's configuration, as it stands in Hydra's config store.

Every Hydra application imports this file when it starts, so it costs next to nothing.

Fields are of type ``Any`` and the stored nodes are open: what is wrong with a value, or with a key
that does not exist, is said by ``_settings.py``, in one line that names what is allowed.

None as an argument of a sampler or pruner means that algorithm's own default. Their configurations are made from the
registry (``sweeper_core.registry``) when one of them is chosen.

No ``from __future__ import annotations`` here: Hydra 1.3 executes this file before it is in ``sys.modules``,
where ``dataclass`` would look for it.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hydra_plugins.hydra_hpo_sweeper._hydra._extension import extend_hydra
from hydra_plugins.hydra_hpo_sweeper._hydra._lane import register_resolver
from hydra_plugins.hydra_hpo_sweeper._hydra._store import let_optuna_sweeper_go_first, store_if_absent
from sweeper_core.registry import TABLES, config_of


@dataclass
class HPOSweeperConf:
    """``hydra.sweeper`` under ``hydra/sweeper=hpo``."""

    _target_: str = "hydra_plugins.hydra_hpo_sweeper.sweeper.HPOSweeper"
    # Hydra would otherwise build the sampler when it builds the sweeper.
    _recursive_: bool = False
    defaults: Any = field(
        default_factory=lambda: ["_self_", {"sampler": "auto"}, {"pruner": "none"}, {"scheduler": "stop"}]
    )

    # --- the search -------------------------------------------------------------------------------------------------
    # How points are suggested: chosen with hydra/sweeper/sampler=<name>, or a mapping with _target_.
    sampler: Any = None
    # When a running trial is stopped early: chosen with hydra/sweeper/pruner=<name>, or a mapping with _target_.
    pruner: Any = None
    # Whether trials that paused are continued: chosen with hydra/sweeper/scheduler=<name>, or a mapping with _target_.
    scheduler: Any = None
    # How much of a training a job gets at first, where jobs do not report: {key: trainer.max_epochs, min: 2, max: 50}.
    fidelity: Any = None
    # "minimize" or "maximize"; a list of these for several objectives.
    direction: Any = "minimize"
    # Which entry of the mapping that a job returns is the objective; a list of names for several objectives.
    metric: Any = None
    # With several objectives: the objective (one of `metric`) that a job's reports are about.
    pruning_metric: Any = None
    # The search space: parameter -> sweep ("interval(0,1)") or mapping ({type: float, low: 0, high: 1}).
    params: Any = None
    # Relations between parameters that all points satisfy: a list of texts such as "a + b <= 1".
    where: Any = None
    # The older name of `params`, in the mapping form.
    search_space: Any = None
    # Dotted path of a function (cfg, trial) that suggests what cannot be declared.
    custom_search_space: Any = None
    # Known good points to try first: a list of mappings parameter -> value.
    enqueue: Any = None
    # The study's first trial after these: config (the values that the configuration has) or none.
    start: Any = "config"
    # Points to run as they are: a list of mappings, or the path of a CSV or JSON-lines file.
    points: Any = None
    # Limits on other entries of the mapping that a job returns: {latency: "<= 10"}, or ["latency + memory <= 10"].
    constraints: Any = None
    # Earlier studies to learn from: a list of {storage: URL, study_name: name}; or auto, those of the same application,
    # search space and fixed overrides in the multirun folder, or in the storage.
    warm_start: Any = None

    # --- how much ---------------------------------------------------------------------------------------------------
    # Trials of this run.
    n_trials: Any = 20
    # Steps that all trials of the study may report, those that a trial repeats or took over left out; None: no limit.
    max_steps: Any = None
    # Trials of the whole study, over all runs and machines; None: no limit.
    max_trials: Any = None
    # Seconds after which no further trial starts; None: no limit.
    timeout: Any = None
    # Seconds that this process may run: no trial starts that would not be over by then; None: as long as the SLURM job
    # that it runs in.
    time_limit: Any = None
    # When the study is enough, and no further trial starts: after this many trials without improvement; at this value;
    # when the next trials are expected to add less than this share of what has been gained. None: no such rule.
    stop: Any = field(default_factory=lambda: {"no_improvement": None, "target": None, "expected_gain": None})
    # What a trial costs: duration (seconds of its jobs), or an entry that jobs return or report; None: nothing.
    cost: Any = None
    # What the whole study may spend, in the unit of cost; None: no limit.
    max_cost: Any = None
    # Share of this run's trials that may fail: above it, from the fifth finished one on, the sweep ends with an error.
    max_failure_rate: Any = 0.5
    # Runs of each suggestion, one for each value of a key: {seed: [0, 1, 2]}.
    repeat: Any = None
    # How the values of the repeats become the trial's value: mean, median, max or min.
    repeat_aggregate: Any = "mean"
    # Whether a suggestion that is clearly bad after its first repeats is spared the others.
    repeat_early_stop: Any = True

    # After the search the best trials run again with fresh values of a key, as a race whose runs are a study of their
    # own: {top: 5, seeds: {seed: [1, 2, 3, 4, 5]}}; None: no such runs.
    confirm: Any = None

    # --- where ------------------------------------------------------------------------------------------------------
    # URL of the study's storage; None: a SQLite file in the sweep directory.
    storage: Any = None
    # Seconds that the sweep waits for a storage that does not answer, while jobs run on.
    storage_patience: Any = 3600
    # Name of the study; None: a constant name in the sweep directory's own storage.
    study_name: Any = None
    # last (or true): go on with this application's last sweep, in its directory; None: begin a new one.
    resume: Any = None
    # Whether the sweep only tells what it would do.
    dry_run: Any = False
    # sweep: this process has a budget of its own; worker: it is one of several that share the study and its budget.
    role: Any = "sweep"
    # Whether n_jobs workers are started that go on by themselves (a SLURM array with hydra/launcher=submitit_slurm).
    detach: Any = False

    # --- running jobs -----------------------------------------------------------------------------------------------
    # Jobs at the same time.
    n_jobs: Any = 1
    # Kind of lane: auto, inline, process, thread or batch (the launcher gets up to n_jobs jobs at once);
    # or a lane type of one's own: an entry point's name, or a mapping with _target_.
    lanes: Any = "auto"
    # GPUs to share out: a list of indices, or auto; None leaves them alone.
    devices: Any = None
    # GPUs for each job.
    devices_per_job: Any = 1
    # Seconds after which a job is stopped and its trial fails; None: no limit.
    trial_timeout: Any = None
    # How often a trial whose worker died is tried again.
    max_retries: Any = 1
    # How often a trial whose job raised an exception is tried again.
    max_retries_failed: Any = 0
    # Whether each job runs in a new process, so that memory does not grow from job to job; it is started ahead of time.
    fresh_process: Any = False
    # How a trial that ran out of memory is tried again smaller: {data.batch_size: /2, trainer.accumulate: x2}; the keys
    # are not swept. from: checkpoint goes on from its checkpoint; else from the start. None: not at all.
    oom_retry: Any = None

    # What jobs save with current_trial().save_checkpoint(): in which folder (None: checkpoints, below the sweep
    # directory); every how many steps (None: as the job asks, at most once in 30 seconds); how many trials, the best
    # ones, keep their newest one at the end; how many a trial keeps that can still go on; gigabytes of all together,
    # above which paused trials lose theirs.
    checkpoints: Any = field(
        default_factory=lambda: {"dir": None, "every": None, "keep_best": 1, "keep_last": 1, "max_gb": None}
    )

    # --- telling ----------------------------------------------------------------------------------------------------
    # What the console shows: auto, live, lines or off.
    progress: Any = "auto"
    # Whether report.html is kept in the sweep directory; the environment variable HPO_REPORT=false is a no, too.
    report: Any = True
    # Of how many of the best trials top_overrides.txt and .yaml have the overrides; None: no such files.
    top_k: Any = None
    # Logging to MLflow: {tracking_uri: URL, experiment: name, nested: true}; None: no MLflow.
    mlflow: Any = None


def store_algorithms() -> None:
    """Offer each registered algorithm as ``hydra/sweeper/sampler=<name>``, ``pruner=<name>``, ``scheduler=<name>``."""
    for kind, table in TABLES.items():
        for name in table:
            store_if_absent(f"hydra/sweeper/{kind}", name, partial(config_of, kind, name))


extend_hydra()
register_resolver()
let_optuna_sweeper_go_first()
store_if_absent("hydra/sweeper", "hpo", HPOSweeperConf)
store_algorithms()
