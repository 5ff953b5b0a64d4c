"""Values of every kind, through the configuration of real jobs, the study and the results."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from plugin_support import sweep

from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text, escape
from sweeper_core.distributions import choice_key
from sweeper_core.storages import get_storage

TRICKY = st.text(alphabet=st.sampled_from(list("ab10 \\'\"${}[]():=,~#\n\té%-.+_/日")), max_size=12)
ANY_TEXT = st.text(alphabet=st.characters(max_codepoint=0xD7FF, exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    TRICKY,
    ANY_TEXT,
).filter(lambda value: value != "???")
KEYS = st.from_regex(r"[a-z]{2}_[a-z0-9_]{0,4}", fullmatch=True)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=5,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@example([1, True, [[7, "${"]], 1.0, "1", "${x}", r"\${x}", 1e-05, "null", None, {"a b": [0.1, "é\n"]}])
@given(st.lists(VALUES, min_size=6, max_size=12, unique_by=choice_key))
def test_each_job_the_study_and_the_results_have_exactly_the_value(values: list[Any]) -> None:
    seen: list[Any] = []

    def task(cfg: Any) -> float:
        seen.append(OmegaConf.to_container(cfg, resolve=True)["x"])  # type: ignore[index, call-overload]
        return float(len(seen) != 3)

    choices = f"x=choice({','.join(as_text(value, escape) for value in values)})"
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "sweep"
        grid = ["hydra/sweeper/sampler=grid", "hydra.sweeper.sampler.seed=null", "hydra.sweeper.n_trials=99"]
        result = sweep(task, directory, [*grid, choices], "x: 0\n")
        storage = get_storage(f"sqlite:///{directory / 'study.db'}")
        (study,) = storage.list_studies()
        stored = [record.params["x"] for record in storage.changes(study.study_id)[0]]
        storage.close()
        written = yaml.safe_load((directory / "optimization_results.yaml").read_text())
    assert list(map(choice_key, seen)) == list(map(choice_key, values))
    assert sorted(map(str, map(choice_key, stored))) == sorted(map(str, map(choice_key, values)))
    assert choice_key(result.best_params["x"]) == choice_key(values[2])
    assert choice_key(written["best_params"]["x"]) == choice_key(values[2])
