"""Names of the attributes that this library or Optuna stores with trials and studies.

Names that begin with ``hpo:`` are ours, and Optuna stores them unread; the others are Optuna's own.
One more name of ours, ``hpo:choices``, is inside the JSON of a categorical distribution (see
:data:`sweeper_core.distributions.EXACT_CHOICES`).

===================  =======================================  ==================================================
Name                 Written by                               Read by
===================  =======================================  ==================================================
``hpo:suggestion``   the session, with the parameters         samplers (``History``), results, reports
``hpo:verdict``      ``current_trial()``, when it prunes      the sweep's results, learning curves
``hpo:checkpoint``   the job, when it has saved one           the sweep (progress of what was ended)
``hpo:cost``         whoever ends a trial                     ``History``, budgets (of the study: what is cost)
``hpo:spent:<r>``    ``set_cost``, in repeat r              whoever ends the trial, budgets
``hpo:metrics:<n>``  whoever reports several metrics          plots, reports, MLflow
``hpo:repeats``      the sweep, for repeated jobs             ``History`` (spread of repeats), results
``hpo:failure``      whoever ends a trial as FAIL             results, command line, MLflow
``hpo:traceback``    the sweep                                results
``hpo:smaller``      the sweep, after a want of memory        the next attempt's jobs, results
``hpo:oom``          whoever ends a trial as FAIL             ``History`` (limits of memory), results
``hpo:baseline``     the sweep, when it opens the study       ``StudyFacts`` (report, ``hpo best``, closing lines)
``hpo:job_dir``      the sweep                                results, MLflow
``hpo:cluster_job``  the sweep, when a cluster has the job    the sweep's next run, ``hpo status``, durations
``hpo:began``        the sweep, when such a job begins        ``hpo status``, durations
``hpo:lease``        ``Storage.reserve``                      ``Storage.fail_stale``, ``Storage.finish``
``hpo:lost``         ``Storage.fail_stale``                   ``Storage.reserve`` (limit), ``Storage.finish``
``hpo:stopped``      whoever ends a job on purpose            the session, when it looks for lost trials
``hpo:raised``       whoever ends a trial as FAIL             the same (``max_retries_failed``)
``hpo:continues``    ``Storage.continue_trial``               whatever sees configurations (``trial/attempts.py``)
``hpo:first_step``   ``Storage.continue_trial``               the same, and the live trial
``hpo:enqueued``     ``RDBStorage.enqueue``                   itself, after the server's answer was lost
``hpo:once:<key>``   ``Storage.enqueue`` (of the study)       itself, when called with the same key
``hpo:priors``       the sweep, ``Study.set_prior``           the session (of the study), dry run, results
``hpo:copied_from``  copy and import                          copy and import, when they are repeated
``hpo:task``         the sweep (of the study)                 later sweeps with ``warm_start: auto``
``hpo:sources``      the sweep (of the study)                 itself, when it is continued
``hpo:where``        the sweep (of the study)                 itself, when it is continued
``hpo:confirms``     ``study/confirm.py``                     itself; what the run is one of
``hpo:confirm``      ``study/confirm.py`` (of the study)      itself, command line, report
``hpo:format``       versions to come (of the study)          whoever opens the study
``hpo:uid``          copy, export and MLflow (of the study)   copy, import and MLflow
===================  =======================================  ==================================================
"""

from __future__ import annotations

OURS = "hpo:"
"""Prefix of all names of ours."""

# Trials, Optuna's names

CONSTRAINT_PREFIX = "constraints:"
LIST_OF_CONSTRAINTS = "constraints"
FIXED_PARAMS = "fixed_params"
RETRY_OF = "failed_trial"
"""Number of the first attempt."""
CROSS_VALIDATION_SCORES = "terminator:cv_scores"
"""The scores of a trial's cross-validation."""
RETRY_HISTORY = "retry_history"
"""Numbers of all earlier attempts, the first one first."""

# Trials, ours

SUGGESTION = "hpo:suggestion"
"""The origin of the parameters: algorithm, reason, generation."""
VERDICT = "hpo:verdict"
"""``{"step", "reason"}`` of the verdict that stopped the trial, and ``"forecast"`` if there is one: ``[expected
final value, standard deviation]``."""
CHECKPOINT = "hpo:checkpoint"
"""``{"step", "warning", "attempt"}`` of the newest checkpoint: its step, the warning that the job would end
(null without one), and the trial that saved it. For repeat r > 0 the name has the suffix ``:r``."""
COST = "hpo:cost"
"""The cost of this attempt, a number from 0 on. Of a study: ``{"of", "limit"}``, see
:class:`sweeper_core.trial.cost.CostPlan`."""
SPENT_PREFIX = "hpo:spent:"
"""Prefix, before the number of a repeat: what its job has said that it has cost so far."""
METRICS_PREFIX = "hpo:metrics:"
"""Prefix, before a step: all metrics of a report of several by name; NaN and infinities as texts."""
REPEATS = "hpo:repeats"
FAILURE = "hpo:failure"
"""Why a trial failed, in one line."""
TRACEBACK = "hpo:traceback"
"""The traceback of the exception that ended the trial."""
OOM = "hpo:oom"
"""True for a trial that failed because the memory of the host or of an accelerator ran out; with ``hpo:lost`` it is to
be continued with smaller values."""
SMALLER = "hpo:smaller"
"""``{configuration key: value}`` of what the configuration's next attempts run with, to fit into memory."""
BASELINE = "hpo:baseline"
"""True for the trial that runs the configuration's own values."""
JOB_DIRECTORY = "hpo:job_dir"
"""The job's directory."""
CLUSTER_JOB = "hpo:cluster_job"
"""The job of the trial on a cluster: ``{"cluster", "id", "folder", "tasks", "sweep"}``. For repeat r > 0 the name has
the suffix ``:r``."""
BEGAN = "hpo:began"
"""When the job of the trial began to run on a cluster, in seconds since the epoch; it may have waited in a queue."""
LEASE = "hpo:lease"
"""The owner of the trial (the fields of :class:`sweeper_core.storages.Lease`)."""
LOST = "hpo:lost"
"""True for a trial that was stale: its process died or sent no more heartbeats."""
ENDED = "hpo:ended"
"""Why a PRUNED trial must not be continued, even if a scheduler would promote it."""

STOPPED = "hpo:stopped"
"""True for a lost trial whose job was ended on purpose (by the user, or on a warning that its time is over): it does
not count against the retries."""
RAISED = "hpo:raised"
"""True for a lost trial whose job has failed by itself, and which is to be tried again: it does not count either."""
CONTINUES = "hpo:continues"
"""Number of the previous attempt of the same configuration."""
FIRST_STEP = "hpo:first_step"
"""The first new step of an attempt: 1 + the last step of the previous attempt, or 0 where it had none."""
ENQUEUED = "hpo:enqueued"
"""Marks the first of some enqueued trials, so that it is found again when the server's reply was lost."""
CONFIRMS = "hpo:confirms"
"""Of a run that confirms a trial: ``{"trial", "value"}``, its number in the study searched, and the key's value."""
SOURCE_NUMBER = "hpo:copied_from"
"""Of a copied trial: ``[uid of the study that it comes from, its number there]``."""

# Studies

FORMAT = "hpo:format"
"""Version of the meaning of all attributes; there is none in a study of version 1. A version that other processes would
misread stores its number."""
KNOWN_FORMAT = 1
"""The newest version that this package understands."""
METRIC_NAMES = "study:metric_names"
"""Names of the objectives (Optuna's)."""
ONCE = "hpo:once:"
"""Prefix: idempotency keys of enqueued trials."""
TASK = "hpo:task"
"""Digest of application, search space and fixed overrides."""
SOURCES = "hpo:sources"
"""The earlier studies that were found to learn from: directories, or names in the same storage."""
CONFIRM = "hpo:confirm"
"""Of a study of such runs: ``{"of", "key", "values", "trials"}``: the study searched, the key and its values, and the
numbers of the trials that are confirmed."""
CONFIRM_SUFFIX = ":confirm"
"""Ends the name of such a study; before it stands that of the study searched."""
WHERE = "hpo:where"
"""The relations between parameters that points satisfy: a list of texts."""
PRIORS = "hpo:priors"
"""The user's priors: ``{parameter: {"value", "confidence"}}``."""
END = "hpo:end"
"""Why the study stopped by itself: ``{"reason", "configurations": how many it had then, "rule"}``; it holds while it
has no more."""
LISTS = "hpo:lists"
"""Lists that several parameters make up: ``{name: {"permutation": items}}`` or ``{name: {"simplex": size}}``."""
STUDY_UID = "hpo:uid"
"""Unique identifier of the study; a copy has its own."""
