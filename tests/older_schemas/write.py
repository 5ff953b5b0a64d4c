"""Write what lies beside this file: databases as older releases of Optuna left them, and what those read from them.

Run with the Python of an environment in which that release is installed (with SQLAlchemy 1.3 up to Optuna 2.5,
1.4 up to 3.1)::

    python write.py sqlite:////tmp/old.db optuna-2.3.0.sqlite
    python write.py postgresql://… optuna-2.3.0.postgresql && pg_dump --inserts --no-owner --no-acl … > ….sql
    python write.py mysql+pymysql://… optuna-2.3.0.mysql && mariadb-dump --skip-extended-insert … > ….sql

and what is not a statement for tables and rows taken out of what the last two give.
"""

import json
import re
import sqlite3
import sys

import optuna

INFINITE = float("inf")
ONLY_MINIMIZE = optuna.__version__.startswith("0.8.")
MANY_KINDS = hasattr(optuna.distributions, "IntLogUniformDistribution")
MYSQL = sys.argv[1].startswith("mysql")  # has no infinity; these releases stopped at it
PRUNED = getattr(optuna, "TrialPruned", None) or optuna.structs.TrialPruned


class Objective:
    """Ends in every way in which a trial of that time can end."""

    def __init__(self):
        self.calls = -1

    def __call__(self, trial):
        self.calls += 1
        trial.suggest_uniform("u", -1.0, 1.0)
        if self.calls in (0, 4):
            suggest_all(trial)
            trial.set_user_attr("note", {"number": self.calls, "text": "ü'\"%s:x;"})
            trial.set_system_attr("of the system", [self.calls])
        trial.report(1.5 + self.calls, 0)
        trial.report(0.1 + 0.2, 10)
        if self.calls == 1:
            raise ValueError("fails")
        if self.calls == 2:
            raise PRUNED()
        if self.calls == 3:
            return float("nan")
        if self.calls == 4 and not MYSQL:
            trial.report(INFINITE, 11)
            trial.report(-INFINITE, 12)
            return INFINITE
        if self.calls == 5:
            trial.report(1e30, 11)
            return -1e20
        return self.calls / 3.0


def suggest_all(trial):
    trial.suggest_loguniform("l", 1e-8, 1.0)
    trial.suggest_discrete_uniform("d", 0.0, 1.0, 0.25)
    trial.suggest_int("i", 1, 9)
    trial.suggest_categorical("c", ["a", None, 3, 0.5, True])
    if MANY_KINDS:
        trial.suggest_int("il", 1, 64, log=True)
        trial.suggest_int("is", 0, 10, step=5)
        trial.suggest_float("f", 0.0, 1.0)


def run(study, objective, trials):
    study.optimize(objective, n_trials=trials, catch=(ValueError,))


direction = {} if ONLY_MINIMIZE else {"direction": "maximize"}
study = optuna.create_study(storage=sys.argv[1], study_name="first", **direction)
study.set_user_attr("who", "me")
study.set_system_attr("what", {"a": [1]})
objective = Objective()
run(study, objective, 6)
other = optuna.create_study(storage=sys.argv[1], study_name="second")
run(other, lambda trial: trial.suggest_uniform("x", 0.0, 1.0), 1)
run(study, objective, 1)
if hasattr(study, "enqueue_trial"):
    study.enqueue_trial({"u": 0.5})
if hasattr(study, "ask"):
    study.ask()
    several = optuna.create_study(storage=sys.argv[1], study_name="several", directions=["minimize", "maximize"])
    run(several, lambda trial: (trial.suggest_uniform("x", 0.0, 1.0), float(trial.number)), 2)


def seen(study):
    """Return what this release reads from a study."""
    trials = sorted(study.trials, key=lambda trial: trial.number if hasattr(trial, "number") else trial.trial_id)
    return {
        "name": name_of(study),
        "directions": [each.name for each in getattr(study, "directions", None) or [study.direction]],
        "user_attrs": study.user_attrs,
        "trials": [
            {
                "state": trial.state.name,
                "values": trial.values if hasattr(trial, "values") else none_or_list(trial.value),
                "params": trial.params,
                "reports": sorted(trial.intermediate_values.items()),
                "user_attrs": trial.user_attrs,
                "system_attrs": {key: value for key, value in trial.system_attrs.items() if key != "_number"},
                "started": str(trial.datetime_start),
                "completed": str(trial.datetime_complete),
            }
            for trial in trials
        ],
    }


def none_or_list(value):
    return None if value is None else [value]


def name_of(study):
    return study.study_name if hasattr(study, "study_name") else study.storage.get_study_name_from_id(study.study_id)


names = ["first", "second"] + (["several"] if hasattr(study, "ask") else [])
studies = [optuna.Study(study_name=name, storage=sys.argv[1]) for name in names]
with open(sys.argv[2] + ".json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(seen(each), sort_keys=True) for each in studies) + "\n]\n")
if sys.argv[1].startswith("sqlite"):
    with sqlite3.connect(sys.argv[1].split("///")[1]) as connection, open(sys.argv[2] + ".sql", "w") as file:
        file.write(re.sub(r",(-?)Inf\b", r",\g<1>9e999", "\n".join(connection.iterdump())) + "\n")
