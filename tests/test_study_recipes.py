"""The recipes of the field's documentation, as a user would paste them: only the import differs."""

from __future__ import annotations

import gc
import importlib.util
import itertools
import math
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeper_core as optuna

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(autouse=True)
def _verbosity() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    yield
    optuna.logging.set_verbosity(before)


def quadratic(trial: Any) -> float:
    x = trial.suggest_float("x", -10, 10)
    return (x - 2) ** 2


# ------------------------------------------------------------------------------- objectives with further arguments


class Objective:
    def __init__(self, min_x: float, max_x: float) -> None:
        self.min_x = min_x
        self.max_x = max_x

    def __call__(self, trial: Any) -> float:
        x = trial.suggest_float("x", self.min_x, self.max_x)
        return (x - 2) ** 2


def test_an_objective_with_arguments_is_an_object() -> None:
    study = optuna.create_study()
    study.optimize(Objective(-100, -50), n_trials=10)
    assert all(-100 <= trial.params["x"] <= -50 for trial in study.trials)


def test_an_objective_with_arguments_is_wrapped_in_a_lambda() -> None:
    def objective(trial: Any, min_x: float, max_x: float) -> float:
        x = trial.suggest_float("x", min_x, max_x)
        return (x - 2) ** 2

    min_x, max_x = -100, 100
    study = optuna.create_study()
    study.optimize(lambda trial: objective(trial, min_x, max_x), n_trials=10)
    assert study.best_value == min(trial.value for trial in study.trials)


# -------------------------------------------------------------------------------------------- keeping and resuming


def test_a_study_needs_no_server_and_no_file() -> None:
    study = optuna.create_study()
    study.optimize(quadratic, n_trials=5)
    assert len(study.trials) == 5


def test_a_study_in_a_file_is_resumed(tmp_path: Path) -> None:
    storage_name = f"sqlite:///{tmp_path}/example.db"
    study = optuna.create_study(study_name="example-study", storage=storage_name)
    study.optimize(quadratic, n_trials=3)

    study = optuna.create_study(study_name="example-study", storage=storage_name, load_if_exists=True)
    study.optimize(quadratic, n_trials=3)
    assert [trial.number for trial in study.trials] == list(range(6))

    study = optuna.load_study(study_name="example-study", storage=storage_name)
    df = study.trials_dataframe(attrs=("number", "value", "params", "state"))
    assert list(df.columns) == ["number", "value", "params_x", "state"]
    assert study.best_params == study.best_trial.params
    assert study.best_value == df["value"].min()


def test_the_sampler_is_resumed_by_pickling_it(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/example.db"
    study = optuna.create_study(storage=storage, study_name="s", sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(quadratic, n_trials=3)
    (tmp_path / "sampler.pkl").write_bytes(pickle.dumps(study.sampler))

    restored_sampler = pickle.loads((tmp_path / "sampler.pkl").read_bytes())
    study = optuna.create_study(study_name="s", storage=storage, load_if_exists=True, sampler=restored_sampler)
    study.optimize(quadratic, n_trials=3)

    whole = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    whole.optimize(quadratic, n_trials=6)
    assert [trial.params for trial in study.trials] == [trial.params for trial in whole.trials]


def test_a_study_in_memory_is_dumped_with_joblib(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    study = optuna.create_study()
    study.optimize(quadratic, n_trials=4)
    joblib.dump(study, tmp_path / "study.pkl")

    loaded = joblib.load(tmp_path / "study.pkl")
    assert loaded.best_trial == study.best_trial
    loaded.optimize(quadratic, n_trials=2)
    assert [trial.number for trial in loaded.trials] == list(range(6))
    assert len(study.trials) == 4


def test_log_messages_are_suppressed(capsys: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    study.optimize(quadratic, n_trials=2)
    assert capsys.readouterr().err == ""

    optuna.logging.set_verbosity(optuna.logging.INFO)
    study.optimize(quadratic, n_trials=1)
    assert "Trial 2 finished with value:" in capsys.readouterr().err


def test_trained_models_are_saved_under_the_trials_number(tmp_path: Path) -> None:
    svm = pytest.importorskip("sklearn.svm")
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split

    X_train, X_valid, y_train, y_valid = train_test_split(*load_iris(return_X_y=True), random_state=0)

    def objective(trial: Any) -> float:
        svc_c = trial.suggest_float("svc_c", 1e-5, 1e5, log=True)
        clf = svm.SVC(C=svc_c)
        clf.fit(X_train, y_train)
        with open(tmp_path / f"{trial.number}.pickle", "wb") as fout:
            pickle.dump(clf, fout)
        return 1.0 - clf.score(X_valid, y_valid)

    study = optuna.create_study()
    study.optimize(objective, n_trials=8)
    with open(tmp_path / f"{study.best_trial.number}.pickle", "rb") as fin:
        best_clf = pickle.load(fin)
    assert 1.0 - best_clf.score(X_valid, y_valid) == study.best_value


def test_a_fixed_seed_gives_reproducible_parameters() -> None:
    def parameters() -> list[dict[str, Any]]:
        sampler = optuna.samplers.TPESampler(seed=10)
        study = optuna.create_study(sampler=sampler)
        study.optimize(
            lambda trial: quadratic(trial) + trial.suggest_int("n", 1, 5) + len(trial.suggest_categorical("c", ["a"])),
            n_trials=15,
        )
        return [trial.params for trial in study.trials]

    assert parameters() == parameters()


# ---------------------------------------------------------------------------------------------- failures and ranges


def test_exceptions_end_the_study_unless_they_are_caught() -> None:
    def objective(trial: Any) -> float:
        if trial.number == 1:
            raise RuntimeError("out of memory")
        return 1.0

    study = optuna.create_study()
    with pytest.raises(RuntimeError, match="out of memory"):
        study.optimize(objective, n_trials=4)
    assert len(study.trials) == 2

    study = optuna.create_study()
    study.optimize(objective, n_trials=4, catch=(RuntimeError,))
    df = study.trials_dataframe()
    assert df["state"].tolist() == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]


def test_nan_fails_the_trial_and_the_study_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    study = optuna.create_study()
    study.optimize(lambda trial: float("nan") if trial.number == 0 else 1.0, n_trials=2)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE"]
    assert "The value nan is not acceptable" in capsys.readouterr().err


def test_a_range_may_change_between_trials() -> None:
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("x", -10, 10) ** 2, n_trials=12)
    study.optimize(lambda trial: trial.suggest_float("x", -5, -3) ** 2, n_trials=12)
    assert all(-5 <= trial.params["x"] <= -3 for trial in study.trials[12:])
    assert len(study.trials) == 24


def test_an_objective_is_tested_with_a_fixed_trial() -> None:
    assert quadratic(optuna.trial.FixedTrial({"x": 1.0})) == 1.0
    assert quadratic(optuna.trial.FixedTrial({"x": -1.0})) == 9.0


def test_garbage_is_collected_after_each_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[int] = []
    collect = gc.collect
    monkeypatch.setattr(gc, "collect", lambda *arguments: collected.append(1) or collect())
    study = optuna.create_study()
    study.optimize(quadratic, n_trials=2, callbacks=[lambda study, trial: gc.collect()])
    assert len(collected) == 2
    study.optimize(quadratic, n_trials=3, gc_after_trial=True)
    assert len(collected) == 5


def test_a_callback_logs_only_improvements(capsys: pytest.CaptureFixture[str]) -> None:
    def logging_callback(study: Any, frozen_trial: Any) -> None:
        previous_best_value = study.user_attrs.get("previous_best_value", None)
        if previous_best_value != study.best_value:
            study.set_user_attr("previous_best_value", study.best_value)
            print(
                f"Trial {frozen_trial.number} finished with best value: {frozen_trial.value} "
                f"and parameters: {frozen_trial.params}. "
            )

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    values = [5.0, 7.0, 3.0, 3.0, 4.0, 1.0]
    study.optimize(lambda trial: values[trial.number], n_trials=6, callbacks=[logging_callback])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["0", "2", "5"]


def test_a_trial_is_pruned_by_a_callback_on_repeated_failures() -> None:
    class StopWhenTrialKeepBeingPrunedCallback:
        def __init__(self, threshold: int) -> None:
            self.threshold = threshold
            self._consequtive_pruned_count = 0

        def __call__(self, study: Any, trial: Any) -> None:
            if trial.state == optuna.trial.TrialState.PRUNED:
                self._consequtive_pruned_count += 1
            else:
                self._consequtive_pruned_count = 0
            if self._consequtive_pruned_count >= self.threshold:
                study.stop()

    def objective(trial: Any) -> float:
        if trial.number > 4:
            raise optuna.TrialPruned
        return trial.suggest_float("x", 0, 1)

    study = optuna.create_study()
    study.optimize(objective, n_trials=100, callbacks=[StopWhenTrialKeepBeingPrunedCallback(2)])
    assert len(study.trials) == 7


# --------------------------------------------------------------------------------------------------- special spaces


def test_proportions_come_from_exponential_variates() -> None:
    def objective(trial: Any) -> float:
        n = 5
        x = [-math.log(trial.suggest_float(f"x_{i}", 1e-12, 1)) for i in range(n)]
        p = [value / sum(x) for value in x]
        for i in range(n):
            trial.set_user_attr(f"p_{i}", p[i])
        return sum((value - 1 / n) ** 2 for value in p)

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=30)
    for trial in study.trials:
        assert sum(trial.user_attrs[f"p_{i}"] for i in range(5)) == pytest.approx(1.0)
    assert study.best_value < 0.1


def test_binh_and_korn_with_two_constraints(capsys: pytest.CaptureFixture[str]) -> None:
    def objective(trial: Any) -> tuple[float, float]:
        # Binh and Korn function with constraints.
        x = trial.suggest_float("x", -15, 30)
        y = trial.suggest_float("y", -15, 30)
        # Constraints which are considered feasible if less than or equal to zero.
        c0 = (x - 5) ** 2 + y**2 - 25
        c1 = -((x - 8) ** 2) - (y + 3) ** 2 + 7.7
        trial.set_user_attr("constraint", (c0, c1))
        return 4 * x**2 + 4 * y**2, (x - 5) ** 2 + (y - 5) ** 2

    def constraints(trial: Any) -> Any:
        return trial.user_attrs["constraint"]

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.NSGAIISampler(constraints_func=constraints, seed=3)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.optimize(objective, n_trials=200)

    print("Number of finished trials: ", len(study.trials))
    print("Pareto front:")
    trials = sorted(study.best_trials, key=lambda t: t.values)
    for trial in trials:
        print(f"  Trial#{trial.number}")
        print(f"    Values: Values={trial.values}, Constraint={trial.user_attrs['constraint'][0]}")
        print(f"    Params: {trial.params}")

    assert "Pareto front:" in capsys.readouterr().out
    assert trials
    assert all(max(trial.user_attrs["constraint"]) <= 0 for trial in trials)
    assert all(list(trial.constraints.values()) == list(trial.user_attrs["constraint"]) for trial in study.trials)


def test_a_permutation_is_sampled_through_its_lehmer_code() -> None:
    def decode(lehmer_code: list[int]) -> list[int]:
        """Decode Lehmer code to permutation."""
        all_indices = list(range(len(lehmer_code)))
        return [all_indices.pop(k) for k in lehmer_code]

    # Corners of a hexagon, in an order that is not the tour.
    order = [0, 3, 1, 5, 2, 4]
    cities = [(math.cos(i * math.pi / 3), math.sin(i * math.pi / 3)) for i in order]

    def length(tour: list[int]) -> float:
        pairs = zip(tour, [*tour[1:], tour[0]], strict=True)
        return sum(math.dist(cities[a], cities[b]) for a, b in pairs)

    def objective(trial: Any) -> float:
        lehmer_code = [trial.suggest_int(f"x{i}", 0, len(cities) - i - 1) for i in range(len(cities))]
        return length(decode(lehmer_code))

    study = optuna.create_study(sampler=optuna.samplers.AutoSampler(seed=1))
    study.optimize(objective, n_trials=150)
    best_tour = decode([study.best_params[f"x{i}"] for i in range(len(cities))])
    assert sorted(best_tour) == list(range(6))
    shortest = min(length([0, *rest]) for rest in itertools.permutations(range(1, 6)))
    assert study.best_value == pytest.approx(shortest)


def test_duplicates_return_the_stored_value() -> None:
    evaluated: list[tuple[int, int]] = []

    def objective(trial: Any) -> float:
        x = trial.suggest_int("x", -2, 2)
        y = trial.suggest_int("y", -2, 2)
        states_to_consider = (optuna.trial.TrialState.COMPLETE,)
        trials_to_consider = trial.study.get_trials(deepcopy=False, states=states_to_consider)
        for t in reversed(trials_to_consider):
            if trial.params == t.params:
                # Use the existing value as trial duplicated the parameters.
                return t.value
        evaluated.append((x, y))
        return x**2 + y**2

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=40)
    assert len(evaluated) == len(set(evaluated)) < 40
    assert all(trial.value == trial.params["x"] ** 2 + trial.params["y"] ** 2 for trial in study.trials)


def test_conditions_and_loops_make_the_search_space() -> None:
    def objective(trial: Any) -> float:
        classifier = trial.suggest_categorical("classifier", ["SVC", "RandomForest"])
        if classifier == "SVC":
            return trial.suggest_float("svc_c", 1e-10, 1e10, log=True)
        layers = [
            trial.suggest_int(f"n_units_l{i}", 4, 128, log=True) for i in range(trial.suggest_int("n_layers", 1, 3))
        ]
        return float(sum(layers))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(objective, n_trials=40)
    for trial in study.trials:
        if trial.params["classifier"] == "SVC":
            assert set(trial.params) == {"classifier", "svc_c"}
        else:
            units = {f"n_units_l{i}" for i in range(trial.params["n_layers"])}
            assert set(trial.params) == {"classifier", "n_layers", *units}


# ---------------------------------------------------------------------------------------------------- parallel runs


def test_trials_run_in_threads() -> None:
    study = optuna.create_study()
    study.optimize(quadratic, n_trials=24, n_jobs=4)
    assert [trial.number for trial in study.trials] == list(range(24))
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}


def _join(storage: Any, n_trials: int) -> None:
    study = optuna.load_study(study_name="shared", storage=storage)
    study.optimize(quadratic, n_trials=n_trials)


def _in_processes(storage: str, processes: int = 3, n_trials: int = 8) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_join, args=(storage, n_trials)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
        assert worker.exitcode == 0
    study = optuna.load_study(study_name="shared", storage=storage)
    assert [trial.number for trial in study.trials] == list(range(processes * n_trials))
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}


def test_processes_share_a_journal_file(tmp_path: Path) -> None:
    path = f"{tmp_path}/journal.log"
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path))
    optuna.create_study(study_name="shared", storage=storage)
    _in_processes(path)


def test_processes_share_an_sqlite_file(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/shared.db"
    optuna.create_study(study_name="shared", storage=storage)
    _in_processes(storage)


@pytest.mark.server
def test_processes_share_a_postgresql_server() -> None:
    from sweeper_core.testing.servers import PostgreSQL, ServerMissing

    try:
        server = PostgreSQL()
    except ServerMissing as error:
        pytest.skip(str(error))
    with server:
        storage = server.new_database()
        optuna.create_study(study_name="shared", storage=storage)
        _in_processes(storage)


def test_sqlite_waits_longer_when_told_to(tmp_path: Path) -> None:
    storage = optuna.storages.RDBStorage(
        url=f"sqlite:///{tmp_path}/waiting.db", engine_kwargs={"connect_args": {"timeout": 100}}
    )
    study = optuna.create_study(storage=storage)
    study.optimize(quadratic, n_trials=3)
    assert len(study.trials) == 3


DYING = """
import os, sys
import sweeper_core as optuna

storage = optuna.storages.RDBStorage(url=sys.argv[1], heartbeat_interval=1, grace_period=2)
study = optuna.create_study(study_name="s", storage=storage, sampler=optuna.samplers.RandomSampler(seed=5))

def objective(trial):
    x = trial.suggest_float("x", -10, 10)
    trial.set_user_attr("tried", x)
    if trial.number == 1:
        os._exit(9)
    return x

study.optimize(objective, n_trials=5)
"""


@pytest.mark.parametrize("max_retry", [3, 0])
def test_trials_of_a_dead_process_are_retried(tmp_path: Path, max_retry: int) -> None:
    url = f"sqlite:///{tmp_path}/heartbeat.db"
    environment = {**os.environ, "PYTHONPATH": str(Path(optuna.__file__).parent.parent)}
    died = subprocess.run([sys.executable, "-c", DYING, url], env=environment, capture_output=True, check=False)
    assert died.returncode == 9, died.stderr.decode()

    storage = optuna.storages.RDBStorage(
        url=url,
        heartbeat_interval=60,
        grace_period=120,
        failed_trial_callback=optuna.storages.RetryFailedTrialCallback(max_retry=max_retry),
    )
    study = optuna.load_study(study_name="s", storage=storage)
    dead = study.trials[1].params
    if not max_retry:
        optuna.storages.fail_stale_trials(study)
        assert study.trials[1].state.name == "FAIL"
    study.optimize(lambda trial: trial.suggest_float("x", -10, 10), n_trials=2)
    assert study.trials[1].state.name == "FAIL"
    retried = [
        trial for trial in study.trials if optuna.storages.RetryFailedTrialCallback.retried_trial_number(trial) == 1
    ]
    assert [trial.params for trial in retried] == ([dead] if max_retry else [])
    assert [optuna.storages.RetryFailedTrialCallback.retry_history(trial) for trial in retried] == [[1]] * len(retried)
    assert {trial.state.name for trial in study.trials[2:]} == {"COMPLETE"}


# ----------------------------------------------------------------------------------------------------- ask and tell


def test_ask_and_tell() -> None:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(10):
        trial = study.ask()  # `trial` is a `Trial` and not a `FrozenTrial`.
        c = trial.suggest_float("C", 1e-7, 10.0, log=True)
        study.tell(trial, math.log(c))  # tell the pair of trial and objective value.
    assert study.best_params["C"] == max(trial.params["C"] for trial in study.trials)


def test_define_and_run() -> None:
    distributions = {
        "C": optuna.distributions.FloatDistribution(1e-7, 10.0, log=True),
        "solver": optuna.distributions.CategoricalDistribution(("lbfgs", "saga")),
    }
    study = optuna.create_study(direction="maximize")
    for _ in range(8):
        trial = study.ask(distributions)
        assert set(trial.params) == {"C", "solver"}
        study.tell(trial, trial.params["C"])
    assert len(study.trials) == 8


def test_batch_optimization() -> None:
    study = optuna.create_study(sampler=optuna.samplers.CmaEsSampler(seed=1))
    for _ in range(4):
        trial_numbers, x_batch = [], []
        for _ in range(5):
            trial = study.ask()
            trial_numbers.append(trial.number)
            x_batch.append(trial.suggest_float("x", -10, 10))
        for number, objective in zip(trial_numbers, np.square(x_batch), strict=True):
            study.tell(number, objective)
    assert len(study.trials) == 20
    assert study.best_value >= 0


def test_known_points_are_tried_first() -> None:
    study = optuna.create_study()
    study.enqueue_trial({"x": 2.0})
    study.enqueue_trial({"x": 0.0}, user_attrs={"memo": "optimal"})
    study.add_trial(
        optuna.trial.create_trial(
            params={"x": 5.0}, distributions={"x": optuna.distributions.FloatDistribution(-10, 10)}, value=9.0
        )
    )
    study.optimize(quadratic, n_trials=2)
    assert [trial.params["x"] for trial in study.trials] == [2.0, 0.0, 5.0]
    assert study.best_trial.number == 0


# --------------------------------------------------------------------------------- users' samplers, pruners, callbacks


class SimulatedAnnealingSampler(optuna.samplers.BaseSampler):
    def __init__(self, temperature: float = 100) -> None:
        self._rng = np.random.RandomState(0)
        self._temperature = temperature  # Current temperature.
        self._current_trial: Any = None  # Current state.
        self.calls: list[str] = []

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        self.calls.append("relative")
        if search_space == {}:
            return {}
        # Simulated Annealing algorithm.
        prev_trial = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))[-1]
        if self._current_trial is None or prev_trial.value <= self._current_trial.value:
            probability = 1.0
        else:
            probability = np.exp((self._current_trial.value - prev_trial.value) / self._temperature)
        self._temperature *= 0.9
        if self._rng.uniform(0, 1) < probability:
            self._current_trial = prev_trial
        params = {}
        for param_name, param_distribution in search_space.items():
            current_value = self._current_trial.params[param_name]
            width = (param_distribution.high - param_distribution.low) * 0.1
            neighbor_low = max(current_value - width, param_distribution.low)
            neighbor_high = min(current_value + width, param_distribution.high)
            params[param_name] = self._rng.uniform(neighbor_low, neighbor_high)
        return params

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        self.calls.append("infer")
        return optuna.search_space.intersection_search_space(study.get_trials(deepcopy=False))

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        # This method is called once for each parameter of the first trial.
        self.calls.append(f"independent {param_name}")
        independent_sampler = optuna.samplers.RandomSampler()
        return independent_sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Any, trial: Any) -> None:
        self.calls.append(f"before {trial.number}")

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        self.calls.append(f"after {trial.number} {state.name} {values is not None} {trial.state.name}")


def test_a_sampler_of_the_users_own() -> None:
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", -10, 10)
        y = trial.suggest_float("y", -5, 5)
        return x**2 + y

    sampler = SimulatedAnnealingSampler()
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=40)
    assert study.sampler is sampler
    assert sampler.calls[:11] == [
        "before 0",
        "infer",
        "relative",
        "independent x",
        "independent y",
        "after 0 COMPLETE True RUNNING",
        "before 1",
        "infer",
        "relative",
        "after 1 COMPLETE True RUNNING",
        "before 2",
    ]
    steps = [abs(b.params["x"] - a.params["x"]) for a, b in itertools.pairwise(study.trials[1:])]
    assert max(steps) <= 4.0 + 1e-9
    assert study.best_value < 20


def test_a_sampler_derived_from_a_built_in_one() -> None:
    class Careful(optuna.samplers.TPESampler):
        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            if param_name == "x":
                return 1.0
            return super().sample_independent(study, trial, param_name, param_distribution)

        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            space = super().infer_relative_search_space(study, trial)
            space.pop("x", None)
            return space

    study = optuna.create_study(sampler=Careful(seed=1))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 2) + trial.suggest_float("y", 0, 1), n_trials=20)
    assert {trial.params["x"] for trial in study.trials} == {1.0}
    assert len({trial.params["y"] for trial in study.trials}) == 20


def test_a_pruner_of_the_users_own() -> None:
    class LastPlacePruner(optuna.pruners.BasePruner):
        def __init__(self, warmup_steps: int, warmup_trials: int) -> None:
            self._warmup_steps = warmup_steps
            self._warmup_trials = warmup_trials

        def prune(self, study: Any, trial: Any) -> bool:
            # Get the latest score reported from this trial.
            step = trial.last_step
            if step:  # trial.last_step == None when no scores have been reported yet.
                this_score = trial.intermediate_values[step]
                # Get scores from other trials in the study reported at the same step.
                completed_trials = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
                other_scores = [t.intermediate_values[step] for t in completed_trials if step in t.intermediate_values]
                other_scores = sorted(other_scores)
                # Prune if this trial at this step has a lower value than all completed trials
                # at the same step. Note that steps will begin numbering at 0 in the objective function below.
                if step >= self._warmup_steps and len(other_scores) > self._warmup_trials:
                    return this_score < other_scores[0]
            return False

    qualities = [0.5, 0.6, 0.7, 0.1, 0.65, 0.05]

    def objective(trial: Any) -> float:
        for step in range(5):
            trial.report(qualities[trial.number] * (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return qualities[trial.number]

    study = optuna.create_study(direction="maximize", pruner=LastPlacePruner(warmup_steps=1, warmup_trials=2))
    study.optimize(objective, n_trials=6)
    assert [trial.number for trial in study.trials if trial.state.name == "PRUNED"] == [3, 5]
    assert study.trials[3].last_step == 1


def test_a_pruner_that_hands_over_to_a_built_in_one() -> None:
    class Patient(optuna.pruners.BasePruner):
        def __init__(self) -> None:
            self.inner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=0)
            self.said: list[bool] = []

        def prune(self, study: Any, trial: Any) -> bool:
            self.said.append(self.inner.prune(study, trial))
            return self.said[-1]

    def objective(trial: Any) -> float:
        for step in range(3):
            trial.report(float(trial.number), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(trial.number)

    pruner = Patient()
    study = optuna.create_study(pruner=pruner)
    study.optimize(objective, n_trials=4)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"]
    assert pruner.said.count(True) == 2


# ----------------------------------------------------------------------------------------------- training and plots


def test_three_lines_prune_a_scikit_learn_training() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split

    train_x, valid_x, train_y, valid_y = train_test_split(*load_iris(return_X_y=True), test_size=0.25, random_state=0)

    def objective(trial: Any) -> float:
        alpha = trial.suggest_float("alpha", 1e-5, 1e-1, log=True)
        clf = linear_model.SGDClassifier(alpha=alpha, random_state=0)
        for step in range(30):
            clf.partial_fit(train_x, train_y, classes=[0, 1, 2])
            # Report intermediate objective value.
            intermediate_value = 1.0 - clf.score(valid_x, valid_y)
            trial.report(intermediate_value, step)
            # Handle pruning based on the intermediate value.
            if trial.should_prune():
                raise optuna.TrialPruned()
        return 1.0 - clf.score(valid_x, valid_y)

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=0), pruner=optuna.pruners.MedianPruner(n_startup_trials=4)
    )
    study.optimize(objective, n_trials=20)
    pruned = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.PRUNED])
    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    assert pruned
    assert len(pruned) + len(complete) == 20
    assert all(trial.value == trial.intermediate_values[trial.last_step] for trial in pruned)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_three_lines_prune_a_pytorch_training() -> None:
    import torch

    inputs = torch.linspace(-1, 1, 64).reshape(-1, 1)
    targets = inputs**3

    def objective(trial: Any) -> float:
        torch.manual_seed(0)
        width = trial.suggest_int("width", 2, 16)
        model = torch.nn.Sequential(torch.nn.Linear(1, width), torch.nn.Tanh(), torch.nn.Linear(width, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=trial.suggest_float("lr", 1e-5, 1e-1, log=True))
        for epoch in range(10):
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            trial.report(loss.item(), epoch)
            if trial.should_prune():
                raise optuna.TrialPruned()
        return loss.item()

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=15)
    assert {trial.state.name for trial in study.trials} == {"COMPLETE", "PRUNED"}


def test_plots_are_drawn_from_a_loaded_study(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    storage = f"sqlite:///{tmp_path}/plots.db"
    study = optuna.create_study(study_name="plotted", storage=storage)
    study.optimize(lambda trial: quadratic(trial) + trial.suggest_int("n", 1, 3), n_trials=8, n_jobs=2)

    loaded = optuna.load_study(study_name="plotted", storage=storage)
    figure = optuna.visualization.plot_parallel_coordinate(loaded, params=["x", "n"])
    (lines,) = figure.data
    assert {dimension.label for dimension in lines.dimensions} == {"Objective Value", "n", "x"}
    assert len(lines.dimensions[0]["values"]) == 8


def test_the_bar_shows_progress(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    study = optuna.create_study()
    study.optimize(quadratic, n_trials=3, show_progress_bar=True)
    shown = capsys.readouterr()
    assert "3/3" in shown.err
    assert "Best trial" in shown.err
    with pytest.warns(UserWarning, match="n_trials and timeout are None"):
        study.optimize(quadratic, callbacks=[lambda study, trial: study.stop()], show_progress_bar=True)


def test_a_script_is_quiet_on_import() -> None:
    code = textwrap.dedent("""
        import warnings
        warnings.simplefilter("error")
        import sweeper_core as optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study()
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=12)
        print(len(study.trials))
    """)
    environment = {**os.environ, "PYTHONPATH": str(Path(optuna.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("12\n", "")


def test_warnings_of_the_recipes_are_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = optuna.create_study()
        study.optimize(quadratic, n_trials=15)
    assert study.best_value >= 0
