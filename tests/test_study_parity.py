"""The same scripts against Optuna and against this library: everything observable that is not random is equal."""

from __future__ import annotations

import json
import logging
import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import optuna
import pytest

import sweeper_core

Lib = Any
Scenario = Callable[[Lib], Any]


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the name of what it raises."""
    try:
        return call()
    except Exception as error:
        return f"raises {_name(type(error))}"


def _name(kind: type) -> str:
    return {"OptunaError": "SweeperError"}.get(kind.__name__, kind.__name__)


def study_of(lib: Lib, **options: Any) -> Any:
    return lib.create_study(sampler=lib.samplers.RandomSampler(seed=1), pruner=lib.pruners.NopPruner(), **options)


def shown(trial: Any) -> dict[str, Any]:
    """Return what must be equal of a trial."""
    return {
        "number": trial.number,
        "state": trial.state.name,
        "values": trial.values,
        "params": trial.params,
        "distributions": {name: repr(it._asdict()) for name, it in trial.distributions.items()},
        "user_attrs": trial.user_attrs,
        "system_attrs": {key: value for key, value in trial.system_attrs.items() if not key.startswith("hpo:")},
        "intermediate_values": trial.intermediate_values,
        "last_step": trial.last_step,
        "started": trial.datetime_start is not None,
        "completed": trial.datetime_complete is not None,
        "duration": trial.duration is not None,
        "constraints": trial.constraints,
    }


def trials(study: Any) -> list[dict[str, Any]]:
    return [shown(trial) for trial in study.trials]


def results_of_objectives(lib: Lib) -> Any:
    results = [1, 2.5, True, float("inf"), -math.inf, float("nan"), None, "x", [1.0], [1.0, 2.0], (4,), {}]
    study = study_of(lib)
    study.optimize(lambda trial: results[trial.number], n_trials=len(results))
    return trials(study)


def results_of_several_objectives(lib: Lib) -> Any:
    results = [(1, 2), [1.0, float("nan")], (1,), (1, 2, 3), 5.0, None, (3, math.inf)]
    study = study_of(lib, directions=["minimize", "maximize"])
    study.optimize(lambda trial: results[trial.number], n_trials=len(results))
    return trials(study), [trial.number for trial in study.best_trials]


def exceptions(lib: Lib) -> Any:
    def objective(trial: Any) -> float:
        trial.report(0.5, 3)
        raise [ValueError("v"), lib.TrialPruned("p"), KeyError("k")][trial.number % 3]

    study = study_of(lib)
    runs = [
        outcome(lambda: study.optimize(objective, n_trials=6)),
        outcome(lambda: study.optimize(objective, n_trials=6, catch=(ValueError,))),
        outcome(lambda: study.optimize(objective, n_trials=6, catch=(ValueError, KeyError))),
        outcome(lambda: study.optimize(objective, n_trials=3, catch=Exception)),
        outcome(lambda: study.optimize(objective, n_trials=3, catch=[LookupError, ValueError])),
    ]
    return runs, trials(study)


def pruned_trials(lib: Lib) -> Any:
    reports: list[list[tuple[int, float]]] = [[], [(0, 1.0)], [(5, 2.0), (2, 3.0)], [(0, math.nan)], [(0, math.inf)]]

    def objective(trial: Any) -> float:
        for step, value in reports[trial.number]:
            trial.report(value, step)
        raise lib.TrialPruned

    study = study_of(lib)
    study.optimize(objective, n_trials=len(reports))
    return [{**it, "intermediate_values": sorted(it["intermediate_values"].items())} for it in trials(study)]


def callbacks(lib: Lib) -> Any:
    seen: list[Any] = []

    def first(study: Any, trial: Any) -> None:
        seen.append(("first", trial.number, trial.state.name, len(study.trials)))

    def second(study: Any, trial: Any) -> None:
        seen.append(("second", trial.number, trial.params))
        trial.params["changed"] = 1
        if trial.number == 3:
            study.stop()

    def objective(trial: Any) -> float:
        seen.append(("objective", trial.number))
        if trial.number == 1:
            raise ValueError
        return float(trial.number)

    study = study_of(lib)
    study.optimize(objective, n_trials=9, callbacks=[first, second], catch=ValueError)
    return seen, trials(study)


def callback_that_raises(lib: Lib) -> Any:
    def callback(study: Any, trial: Any) -> None:
        raise ZeroDivisionError

    study = study_of(lib)
    return outcome(lambda: study.optimize(lambda trial: 1.0, n_trials=3, callbacks=[callback])), trials(study)


def stopping(lib: Lib) -> Any:
    def objective(trial: Any) -> float:
        if trial.number == 2:
            trial.study.stop()
        return 0.0

    study = study_of(lib)
    study.optimize(objective, n_trials=9)
    study.optimize(lambda trial: 0.0, timeout=0)
    study.optimize(lambda trial: 0.0, n_trials=0)
    nested = outcome(lambda: study.optimize(lambda trial: study.optimize(lambda t: 0.0, n_trials=1), n_trials=1))
    return outcome(study.stop), nested, trials(study)


def max_trials(lib: Lib) -> Any:
    def objective(trial: Any) -> float:
        if trial.number % 2:
            raise lib.TrialPruned
        return 0.0

    study = study_of(lib)
    counts = []
    for callback in (
        lib.study.MaxTrialsCallback(3),
        lib.study.MaxTrialsCallback(4, states=(lib.trial.TrialState.PRUNED,)),
        lib.study.MaxTrialsCallback(12, states=None),
    ):
        study.optimize(objective, n_trials=50, callbacks=[callback])
        counts.append(len(study.trials))
    return counts


def telling(lib: Lib) -> Any:
    state = lib.trial.TrialState
    cases: list[dict[str, Any]] = [
        {"values": 1.0},
        {"values": [2.0]},
        {"values": 1.0, "state": state.COMPLETE},
        {"state": state.PRUNED},
        {"state": state.FAIL},
        {"values": math.nan},
        {"values": None},
        {"values": "a"},
        {"values": [1.0, 2.0]},
        {"values": math.nan, "state": state.COMPLETE},
        {"state": state.COMPLETE},
        {"values": 1.0, "state": state.FAIL},
        {"values": 1.0, "state": state.PRUNED},
        {"values": 1.0, "state": state.RUNNING},
        {"state": state.WAITING},
    ]
    study = study_of(lib)
    told = [outcome(lambda case=case: shown(study.tell(study.ask(), **case))) for case in cases]
    return told, [trial["state"] for trial in trials(study)]


def telling_wrongly(lib: Lib) -> Any:
    study = study_of(lib)
    asked = study.ask()
    asked.report(7.0, 2)
    study.enqueue_trial({"x": 1})
    first = [
        outcome(lambda: study.tell("0", 1.0)),
        outcome(lambda: study.tell(99, 1.0)),
        outcome(lambda: study.tell(1, 1.0)),
        outcome(lambda: shown(study.tell(0, state=lib.trial.TrialState.PRUNED))),
        outcome(lambda: study.tell(0, 1.0)),
        outcome(lambda: study.tell(asked, 1.0)),
        outcome(lambda: shown(study.tell(asked, 1.0, skip_if_finished=True))),
        outcome(lambda: study.tell(1, 1.0, skip_if_finished=True)),
        outcome(lambda: asked.suggest_float("x", 0, 1)),
        outcome(lambda: asked.set_user_attr("a", 1)),
        outcome(lambda: asked.report(1.0, 9)),
    ]
    return first, trials(study)


def asking(lib: Lib) -> Any:
    dists = lib.distributions
    study = study_of(lib)
    study.enqueue_trial({"x": 0.5, "c": "b", "unknown": 3})
    fixed = {"x": dists.FloatDistribution(0, 1), "c": dists.CategoricalDistribution(["a", "b"])}
    trial = study.ask(fixed)
    before = (trial.number, trial.params, list(trial.distributions))
    again = (trial.suggest_float("x", 0, 1), trial.suggest_categorical("c", ["a", "b"]))
    single = study.ask({"s": dists.IntDistribution(4, 4)}).params
    return before, again, single, trials(study)[0]


def queue(lib: Lib) -> Any:
    study = study_of(lib)
    study.enqueue_trial({"x": 1.0}, user_attrs={"memo": "first"})
    study.enqueue_trial({"x": 1.0}, skip_if_exists=True)
    study.enqueue_trial({"x": 1}, skip_if_exists=True)
    study.enqueue_trial({"x": 2.0, "y": "a"}, skip_if_exists=True)
    study.enqueue_trial({"x": 1.0})
    waiting = trials(study)
    seen = []

    def objective(trial: Any) -> float:
        seen.append((trial.number, trial.user_attrs))
        return trial.suggest_float("x", 0, 10) + len(trial.suggest_categorical("y", ["a"]))

    study.optimize(objective, n_trials=len(waiting))
    study.enqueue_trial({"x": 2.0, "y": "a"}, skip_if_exists=True)
    return waiting, seen, trials(study), outcome(lambda: study.enqueue_trial([1]))


def queue_out_of_range(lib: Lib) -> Any:
    study = study_of(lib)
    study.enqueue_trial({"x": 99.0})
    study.enqueue_trial({"c": "z"})
    study.optimize(lambda trial: trial.suggest_float("x", 0, 10), n_trials=1)
    run = outcome(lambda: study.optimize(lambda trial: len(trial.suggest_categorical("c", ["a", "b"])), n_trials=1))
    return run, trials(study)


def adding(lib: Lib) -> Any:
    create, state, dists = lib.trial.create_trial, lib.trial.TrialState, lib.distributions
    space = {"x": dists.FloatDistribution(0, 10), "c": dists.CategoricalDistribution(["a", None, True])}
    study = study_of(lib, direction="maximize")
    study.add_trial(create(params={"x": 1.0, "c": None}, distributions=space, value=3.0))
    study.add_trial(create(state=state.FAIL))
    study.add_trials(
        [
            create(state=state.PRUNED, value=1.0, intermediate_values={3: 1.0}),
            create(state=state.RUNNING, user_attrs={"a": [1, "b"]}),
            create(state=state.WAITING, system_attrs={"fixed_params": {"x": 3.0}}),
            create(value=1.0, constraints={"c": 2.0, "d": -1.0}),
        ]
    )
    wrong = [
        outcome(lambda: create(value=1.0, values=[1.0])),
        outcome(lambda: create()),
        outcome(lambda: create(value=math.nan)),
        outcome(lambda: create(state=state.FAIL, value=1.0)),
        outcome(lambda: create(value=1.0, params={"x": 1.0})),
        outcome(lambda: create(value=1.0, params={"x": 11.0, "c": None}, distributions=space)),
        outcome(lambda: create(value=1.0, params={"x": 1.0, "c": "z"}, distributions=space)),
        outcome(lambda: study.add_trial(create(values=[1.0, 2.0]))),
        outcome(lambda: create(value=1.0, constraints={"c": math.nan})),
    ]
    return wrong, trials(study), study.best_trial.number, study.best_params, study.best_value


def best_of(lib: Lib) -> Any:
    create = lib.trial.create_trial
    empty = study_of(lib)
    ties = study_of(lib)
    ties.add_trials([create(value=value) for value in (3.0, 1.0, 1.0, 2.0, -math.inf, -math.inf)])
    infeasible = study_of(lib)
    infeasible.add_trials([create(value=0.0, constraints={"c": 1.0}), create(value=1.0, constraints={"c": 2.0})])
    mixed = study_of(lib)
    mixed.add_trials([create(value=0.0, constraints={"c": 1.0}), create(value=5.0, constraints={"c": 0.0})])
    several = study_of(lib, directions=["minimize", "maximize"])
    points = [(1, 1), (0, 0), (2, 2), (1, 0), (1, 1), (math.inf, 9), (0, -math.inf)]
    several.add_trials([create(values=list(map(float, point))) for point in points])
    return [
        outcome(lambda: empty.best_trial),
        empty.best_trials,
        ties.best_trial.number,
        [trial.number for trial in ties.best_trials],
        outcome(lambda: infeasible.best_trial),
        infeasible.best_trials,
        (mixed.best_trial.number, [trial.number for trial in mixed.best_trials]),
        [trial.number for trial in several.best_trials],
        outcome(lambda: several.best_trial),
        outcome(lambda: several.direction),
        [direction.name for direction in several.directions],
    ]


def frames(lib: Lib) -> Any:
    def objective(trial: Any) -> float:
        trial.set_user_attr("note", trial.number)
        trial.suggest_float("b", 0, 1)
        if trial.number:
            trial.suggest_int("a", 0, 1)
        if trial.number == 2:
            raise ValueError
        trial.report(1.0, 0)
        return 1.0

    one = study_of(lib)
    empty = list(one.trials_dataframe().columns)
    one.optimize(objective, n_trials=3, catch=ValueError)
    named = study_of(lib)
    named.add_trial(lib.trial.create_trial(value=2.0))
    named.set_metric_names(["loss"])
    two = study_of(lib, directions=["minimize", "minimize"])
    two.add_trials([lib.trial.create_trial(values=[1.0, 2.0]), lib.trial.create_trial(state=lib.trial.TrialState.FAIL)])
    plain = list(two.trials_dataframe().columns)
    two.set_metric_names(["z", "a"])
    frame = one.trials_dataframe()
    chosen = one.trials_dataframe(attrs=("number", "params", "intermediate_values", "state", "_trial_id"))
    return [
        empty,
        list(frame.columns),
        frame["state"].tolist(),
        frame["number"].tolist(),
        frame["params_a"].isna().tolist(),
        frame["user_attrs_note"].tolist(),
        frame["value"].isna().tolist(),
        {name: str(kind) for name, kind in frame.dtypes.items()},
        list(one.trials_dataframe(multi_index=True).columns),
        list(map(str, chosen.columns)),
        list(named.trials_dataframe().columns),
        plain,
        list(two.trials_dataframe().columns),
        two.trials_dataframe()["values_a"].isna().tolist(),
    ]


def reports(lib: Lib) -> Any:
    study, several = study_of(lib), study_of(lib, directions=["minimize", "minimize"])
    trial = study.ask()
    trial.report(1, 4)
    trial.report("2.5", "1")
    trial.report(9.0, 4)
    wrong = [
        outcome(lambda: trial.report("x", 1)),
        outcome(lambda: trial.report(None, 1)),
        outcome(lambda: trial.report(1.0, "s")),
        outcome(lambda: trial.report(1.0, None)),
        outcome(lambda: trial.report(1.0, -1)),
        outcome(lambda: several.ask().report(1.0, 1)),
        outcome(lambda: several.ask().should_prune()),
    ]
    return wrong, trial.should_prune(), trials(study)


def suggestions(lib: Lib) -> Any:
    def make() -> Any:
        trial = study_of(lib).ask()
        trial.suggest_float("f", 0, 1)
        trial.suggest_float("log", 1e-3, 1, log=True)
        trial.suggest_categorical("c", ["a", 1, None])
        return trial

    calls: list[Callable[[Any], Any]] = [
        lambda t: t.suggest_float("f", 0, 1) == t.params["f"],
        lambda t: t.suggest_float("f", 5, 9) == t.params["f"],
        lambda t: t.suggest_int("f", 0, 1),
        lambda t: t.suggest_float("log", 1e-3, 1),
        lambda t: t.suggest_categorical("c", ["a", 1]),
        lambda t: t.suggest_float("n", 1, 0),
        lambda t: t.suggest_float("n", 0, 1, log=True),
        lambda t: t.suggest_float("n", 1, 2, log=True, step=0.1),
        lambda t: t.suggest_float("n", 0, 1, step=0),
        lambda t: t.suggest_int("n", 2, 1),
        lambda t: t.suggest_int("n", 1, 5, step=2, log=True),
        lambda t: t.suggest_categorical("n", []),
        lambda t: t.suggest_float("n", 3, 3),
        lambda t: t.suggest_int("n", 3, 3),
        lambda t: t.suggest_categorical("n", [7]),
        lambda t: t.suggest_uniform("n", 2, 2),
        lambda t: t.suggest_loguniform("n", 2, 2),
        lambda t: t.suggest_discrete_uniform("n", 2, 2, 1),
        lambda t: (t.suggest_float("n", 0, 1, step=0.4) in (0.0, 0.4, 0.8), t.distributions["n"].high),
        lambda t: [type(t.suggest_int("i", 0, 9)).__name__, type(t.suggest_float("g", 0, 9)).__name__],
    ]
    return [outcome(lambda call=call: call(make())) for call in calls]


def changing_ranges(lib: Lib) -> Any:
    study = study_of(lib)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    study.optimize(lambda trial: trial.suggest_float("x", 5, 6), n_trials=3)
    ranges = [trial["distributions"] for trial in trials(study)]
    inside = all(5 <= trial.params["x"] <= 6 for trial in study.trials[3:])
    changed = outcome(lambda: study.optimize(lambda trial: trial.suggest_int("x", 0, 1), n_trials=1))
    return ranges, inside, changed


def fixed_trial(lib: Lib) -> Any:
    trial = lib.trial.FixedTrial({"x": 1.0, "c": "a", "n": 5}, number=7)
    values = [trial.suggest_float("x", 0, 2), trial.suggest_categorical("c", ["a", "b"])]
    trial.set_user_attr("k", 1)
    trial.set_constraint("c", 1)
    trial.report(1.0, 1)
    wrong = [
        outcome(lambda: trial.suggest_float("missing", 0, 1)),
        outcome(lambda: trial.suggest_int("n", 0, 3)),
        outcome(lambda: trial.suggest_float("n", 0, 9)),
        outcome(lambda: trial.suggest_categorical("c", ["b", "d"])),
        outcome(lambda: trial.set_constraint("e", math.nan)),
        outcome(lambda: trial.set_constraint("e", "x")),
        outcome(lambda: trial.set_constraint("c", 5)),
    ]
    return values, wrong, trial.params, trial.user_attrs, trial.constraints, trial.number, trial.should_prune()


def frozen_trial(lib: Lib) -> Any:
    space = {"x": lib.distributions.FloatDistribution(0, 2)}
    trial = lib.trial.create_trial(params={"x": 1.0}, distributions=space, value=3.0, intermediate_values={1: 2, 7: 3})
    other = lib.trial.create_trial(values=[1.0, 2.0])
    trial.set_user_attr("k", 1)
    trial.set_constraint("c", -1)
    facts = [
        trial.suggest_float("x", 0, 2),
        outcome(lambda: trial.suggest_float("y", 0, 2)),
        outcome(lambda: trial.suggest_int("x", 0, 2)),
        trial.should_prune(),
        trial.report(1.0, 9),
        trial.last_step,
        outcome(lambda: other.value),
        outcome(lambda: setattr(other, "value", 1.0)),
        other < trial,
        other <= trial,
        outcome(lambda: trial < 3),
        trial == 3,
        trial != other,
    ]
    trial.value = 9
    facts.append((trial.value, trial.values))
    trial.value = None
    facts.append((trial.value, trial.values, trial._trial_id))
    return facts, shown(trial), shown(other)


def attributes(lib: Lib) -> Any:
    study = study_of(lib)
    study.set_user_attr("a", [1, {"b": None}])
    study.user_attrs["a"].append(2)
    trial = study.ask()
    trial.set_user_attr("k", {"v": 1})
    trial.user_attrs["k"]["v"] = 2
    trial.set_constraint("c", 3)
    trial.set_constraint("c", 4)
    trial.params["x"] = 1
    return (
        study.user_attrs,
        trial.user_attrs,
        trial.constraints,
        outcome(lambda: trial.set_constraint("d", math.nan)),
        trials(study),
        study.metric_names,
        outcome(lambda: study.set_metric_names(["a", "b"])),
    )


def many_studies(lib: Lib) -> Any:
    storage = lib.storages.InMemoryStorage()
    first = study_of(lib, storage=storage, study_name="first", direction="maximize")
    first.set_user_attr("k", 1)
    first.add_trials([lib.trial.create_trial(value=float(value)) for value in (1, 3, 2)])
    lib.create_study(storage=storage, study_name="second", directions=["minimize", "maximize"])
    opened = lib.create_study(storage=storage, study_name="first", load_if_exists=True, direction="minimize")
    lib.copy_study(from_study_name="first", from_storage=storage, to_storage=storage, to_study_name="third")
    third = lib.load_study(study_name="third", storage=storage)
    third.tell(third.ask(), 9.0)
    summaries = lib.get_all_study_summaries(storage)
    facts = [
        (
            it.study_name,
            it.n_trials,
            it.best_trial and it.best_trial.number,
            it.user_attrs,
            [direction.name for direction in it.directions],
            it.datetime_start is not None,
        )
        for it in summaries
    ]
    errors = [
        outcome(lambda: lib.create_study(storage=storage, study_name="first")),
        outcome(lambda: lib.load_study(storage=storage, study_name="none")),
        outcome(lambda: lib.load_study(storage=storage, study_name=None)),
        outcome(lambda: lib.delete_study(storage=storage, study_name="none")),
        outcome(lambda: lib.create_study(direction="up")),
        outcome(lambda: lib.create_study(direction="minimize", directions=["minimize"])),
        outcome(lambda: lib.create_study(directions=[])),
        outcome(lambda: lib.create_study(direction=["minimize", "minimize"])),
        outcome(lambda: summaries[1].direction),
        outcome(lambda: lib.copy_study(from_study_name="first", from_storage=storage, to_storage=storage)),
    ]
    lib.delete_study(study_name="second", storage=storage)
    return (
        facts,
        errors,
        lib.get_all_study_names(storage),
        opened.direction.name,
        len(opened.trials),
        trials(third),
        lib.get_all_study_summaries(storage, include_best_trial=False)[0].best_trial,
    )


def choosing_trials(lib: Lib) -> Any:
    state = lib.trial.TrialState
    study = study_of(lib)
    study.optimize(lambda trial: [1.0, math.nan, 3.0][trial.number], n_trials=3)
    study.enqueue_trial({})
    copies = study.get_trials(deepcopy=True)
    copies[0].params["x"] = 1
    return (
        [trial.number for trial in study.get_trials(states=(state.COMPLETE,))],
        [trial.number for trial in study.get_trials(deepcopy=False, states=[state.FAIL, state.WAITING])],
        study.trials[0].params,
    )


def pickled(lib: Lib) -> Any:
    study = study_of(lib, study_name="p")
    study.optimize(lambda trial: trial.suggest_categorical("x", [1.0]), n_trials=2)
    copy = pickle.loads(pickle.dumps(study))
    copy.optimize(lambda trial: 0.0, n_trials=1)
    return trials(study), trials(copy), copy.study_name, copy.best_trial.number


def shared_search_space(lib: Lib) -> Any:
    def objective(trial: Any) -> float:
        trial.suggest_float("z", 0, 1)
        trial.suggest_int("a", 0, 1)
        trial.suggest_float("moving", 0, 1 + trial.number)
        if trial.number == 1:
            trial.suggest_float("sometimes", 0, 1)
            raise lib.TrialPruned
        return 0.0

    study = study_of(lib)
    whole = lib.search_space.IntersectionSearchSpace(include_pruned=True)
    spaces = [list(whole.calculate(study))]
    study.optimize(objective, n_trials=1)
    spaces.append(list(whole.calculate(study)))
    study.optimize(objective, n_trials=2)
    spaces.append(list(whole.calculate(study)))
    spaces.append(list(lib.search_space.intersection_search_space(study.get_trials())))
    return spaces, outcome(lambda: whole.calculate(_other_study(lib)))


def _other_study(lib: Lib) -> Any:
    storage = lib.storages.InMemoryStorage()
    study_of(lib, storage=storage)
    return study_of(lib, storage=storage)


def log_lines(lib: Lib) -> Any:
    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.levelname} {record.getMessage()} {record.exc_info is not None}")

    def objective(trial: Any) -> float:
        trial.suggest_categorical("x", [3])
        if trial.number == 1:
            raise ValueError("wrong")
        if trial.number == 2:
            raise lib.TrialPruned("too bad")
        return [2.0, 0, 0, math.nan, 1.0, 5.0][trial.number]

    handler = Collect()
    logger = logging.getLogger(lib.__name__)
    lib.logging.disable_default_handler()
    logger.addHandler(handler)
    try:
        study = study_of(lib, study_name="logged")
        study.optimize(objective, n_trials=6, catch=ValueError)
        study.set_metric_names(["loss"])
        study.optimize(lambda trial: 0.0, n_trials=1)
        two = study_of(lib, study_name="two", directions=["minimize", "maximize"])
        two.optimize(lambda trial: (1, 2.0), n_trials=1)
        two.set_metric_names(["a", "b"])
        two.optimize(lambda trial: (1, 2.0), n_trials=1)
    finally:
        logger.removeHandler(handler)
        lib.logging.enable_default_handler()
    return lines


def verbosity(lib: Lib) -> Any:
    before = lib.logging.get_verbosity()
    lib.logging.set_verbosity(lib.logging.WARNING)
    after = lib.logging.get_verbosity()
    lib.logging.set_verbosity(before)
    lib.logging.enable_propagation()
    propagates = logging.getLogger(lib.__name__).propagate
    lib.logging.disable_propagation()
    return before, after, propagates, logging.getLogger(lib.__name__).propagate


def repeated_grid(lib: Lib) -> Any:
    space = {"x": [1, 2, 3], "y": ["a", "b"]}
    study = lib.create_study(sampler=lib.samplers.GridSampler(space), pruner=lib.pruners.NopPruner())

    def objective(trial: Any) -> float:
        x, y = trial.suggest_int("x", 1, 3), trial.suggest_categorical("y", ["a", "b"])
        return x + (y == "a")

    study.optimize(objective, n_trials=50)
    points = [(trial.params["x"], trial.params["y"]) for trial in study.trials if trial.state.name == "COMPLETE"]
    return sorted(set(points)), len(points)


def threads(lib: Lib) -> Any:
    def objective(trial: Any) -> float:
        if trial.number == 3:
            raise ValueError
        return float(trial.number)

    study = study_of(lib)
    ran = outcome(lambda: study.optimize(objective, n_trials=12, n_jobs=3, catch=ValueError))
    raised = outcome(lambda: study_of(lib).optimize(lambda trial: 1 / 0, n_trials=5, n_jobs=2))
    return ran, raised, [(trial["number"], trial["state"], trial["values"]) for trial in trials(study)]


SCENARIOS: list[Scenario] = [
    results_of_objectives,
    results_of_several_objectives,
    exceptions,
    pruned_trials,
    callbacks,
    callback_that_raises,
    stopping,
    max_trials,
    telling,
    telling_wrongly,
    asking,
    queue,
    queue_out_of_range,
    adding,
    best_of,
    frames,
    reports,
    suggestions,
    changing_ranges,
    fixed_trial,
    frozen_trial,
    attributes,
    many_studies,
    choosing_trials,
    pickled,
    shared_search_space,
    log_lines,
    verbosity,
    repeated_grid,
    threads,
]


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    levels = [(lib, lib.logging.get_verbosity()) for lib in (optuna, sweeper_core)]
    yield
    for lib, level in levels:
        lib.logging.set_verbosity(level)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_the_same_as_optuna(scenario: Scenario) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, got = scenario(optuna), scenario(sweeper_core)
    assert _plain(got) == _plain(expected)


def _plain(value: Any) -> Any:
    """Return a form in which NaN equals NaN and tuples equal lists."""
    return json.loads(json.dumps(value, default=str))


@pytest.mark.parametrize(
    "scenario", [telling, reports, fixed_trial, queue_out_of_range, suggestions], ids=lambda it: it.__name__
)
def test_warnings_come_where_optunas_do(scenario: Scenario) -> None:
    counts = []
    for lib in (optuna, sweeper_core):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scenario(lib)
        counts.append(sorted(it.category.__name__ for it in caught if "xperimental" not in it.category.__name__))
    assert counts[1] == counts[0]
