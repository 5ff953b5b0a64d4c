"""Lists and dictionaries as choices, in studies that are exchanged with Optuna and with hydra-optuna-sweeper."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

import sweeper_core as hpo
from hydra_plugins.hydra_hpo_sweeper._space._plan import read_plan
from sweeper_core.choices import choice_text, names_choice
from sweeper_core.distributions import CategoricalDistribution, distribution_to_json, json_to_distribution
from sweeper_core.search_space.space import SearchSpace
from sweeper_core.storages import get_storage
from sweeper_core.study._session.session import Session
from sweeper_core.trial.state import TrialState

optuna = pytest.importorskip("optuna")
LISTS = [[64, 32], {"a": 1, "b": ["x y", None]}, "plain"]
HYDRA = ("plain", "[64,32]", "{a:1,b:['x y',null]}")  # as hydra-optuna-sweeper 1.4 writes them, in another order
JSON = ('{"a": 1, "b": ["x y", null]}', "[64, 32]", "plain")


@pytest.mark.parametrize("choice", [[64, 32], {"a": 1, "b": ["x y", None]}, [["1", "it's", True, 1.5]], [], {}])
def test_a_text_names_its_choice(choice: Any) -> None:
    assert names_choice(choice_text(choice), choice)
    assert names_choice(str(choice), choice)
    assert not names_choice(choice_text([*choice, 1]), choice)


def test_texts_are_never_taken_for_what_they_are_not() -> None:
    both = CategoricalDistribution(["[1]", [1]])
    assert [both.to_internal_repr("[1]"), both.to_internal_repr([1])] == [0.0, 1.0]
    with pytest.raises(ValueError, match="not in"):
        CategoricalDistribution([["1"], [1]]).to_internal_repr("1")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_how_choices_are_shown_survives(copied: Any) -> None:
    shown = CategoricalDistribution(LISTS).written_as(CategoricalDistribution(HYDRA))
    assert copied(shown).shown == HYDRA
    assert json_to_distribution(distribution_to_json(shown)).shown == HYDRA  # type: ignore[attr-defined]


@pytest.fixture(params=["sqlite:///{}/s.db", "{}/s.log"], ids=["sqlite", "journal"])
def url(request: Any, tmp_path: Path) -> str:
    return str(request.param).format(tmp_path)


def theirs(url: str, **options: Any) -> Any:
    """Return Optuna's view of the study."""
    if url.endswith(".log"):
        storage: Any = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(url))
    else:
        storage = url
    if options:
        return optuna.create_study(study_name="s", storage=storage, **options)
    return optuna.load_study(study_name="s", storage=storage)


@pytest.mark.parametrize("texts", [HYDRA, JSON], ids=["Hydra's texts", "JSON"])
def test_a_study_with_texts_goes_on_in_both(url: str, texts: tuple[str, ...]) -> None:
    begun = theirs(url, direction="minimize")
    begun.optimize(lambda trial: float(trial.suggest_categorical("c", texts) == texts[0]), n_trials=4)
    storage = get_storage(url)
    study = storage.create_or_open_study("s", None, exist_ok=True)
    session = Session.open(storage, study, hpo.samplers.TPESampler(seed=0), None)
    session.log.sync()
    space = SearchSpace.of({"c": CategoricalDistribution(LISTS)})
    places = session.log.history().raw(space)[:, 0]
    ours = CategoricalDistribution(LISTS)
    assert set(places) == {ours.to_internal_repr(trial.params["c"]) for trial in begun.trials}
    for _ in range(3):
        started = session.start(space)
        assert started is not None
        assert started.params["c"] in LISTS
        session.finish(started.number, TrialState.COMPLETE, [0.5])
    session.close()
    again = theirs(url)
    assert {trial.distributions["c"].choices for trial in again.trials} == {texts}
    again.optimize(lambda trial: float(trial.suggest_categorical("c", texts) == texts[0]), n_trials=2)
    written = [trial.params["c"] for trial in hpo.load_study(study_name="s", storage=get_storage(url)).trials[4:7]]
    assert all(choice in LISTS for choice in written)
    assert [texts.index(trial.params["c"]) for trial in again.trials[4:7]] == [
        next(i for i, text in enumerate(texts) if text == choice or names_choice(text, choice)) for choice in written
    ]


def test_a_study_begun_here_goes_on_in_both(url: str) -> None:
    def objective(trial: Any) -> float:
        return float(LISTS.index(trial.suggest_categorical("c", LISTS)))

    study = hpo.create_study(study_name="s", storage=get_storage(url), sampler=hpo.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=3)
    texts = ("[64,32]", "{a:1,b:['x y',null]}", "plain")
    theirs(url).optimize(lambda trial: float(texts.index(trial.suggest_categorical("c", texts))), n_trials=3)
    study = hpo.load_study(study_name="s", storage=get_storage(url), sampler=hpo.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=3)
    assert {trial.distributions["c"].choices for trial in theirs(url).trials} == {texts}
    assert len(theirs(url).trials) == 9


def test_the_override_of_a_text_is_that_of_todays_list() -> None:
    plan = read_plan(["net=choice([64,32],{a:1,b:x})"], None)
    overrides = [plan.overrides({"net": value})[0] for value in ([64, 32], "[64,32]", "[64, 32]", "{a:1,b:x}")]
    assert overrides == ["net=[64,32]", "net=[64,32]", "net=[64,32]", "net={a:1,b:x}"]
