"""What a job's overrides and environment say of its lane, its devices and its place."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from plugin_support import sweep

import hydra_plugins.hydra_hpo_sweeper.config  # noqa: F401  (registers the resolver, as Hydra's start does)
from hydra_plugins.hydra_hpo_sweeper._config._readers import Repeat
from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._values import as_text
from hydra_plugins.hydra_hpo_sweeper._lanes import _devices
from hydra_plugins.hydra_hpo_sweeper._sweep._trials._repeats import jobs_of

UNQUOTED = ["/data/b", "a+b", "./x/y.yaml", "user@host:path", "50%", "3d", "-x", "x.y-z_1"]
QUOTED = ["1e5", "1_000", "-inf", "NaN", "true", "a b", "it's", "a,b", "${x}", "", "~", "a=b", "*", "\\"]


@pytest.mark.parametrize("text", [*UNQUOTED, *QUOTED])
def test_a_text_arrives_as_it_is_and_without_quotes_where_it_can(text: str) -> None:
    written = as_text(text)
    (override,) = OverridesParser.create().parse_overrides([f"x={written}"])
    assert override.value() == text
    assert (written == text) is (text in UNQUOTED and text.isascii())


def test_a_sweep_subdirectory_with_quotes_is_one_override() -> None:
    first, _ = jobs_of(0, [], Repeat("seed", (0, 1)), "it's ${hydra:job.num}")
    (_, override) = OverridesParser.create().parse_overrides(list(first.overrides))
    assert override.value() == "it's ${hydra:job.num}/0"


def test_a_job_reads_its_lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HPO_LANE", raising=False)
    seen: list[Any] = []

    def task(cfg: Any) -> float:
        seen.append((cfg.lane, os.environ["HPO_LANE"]))
        return float(cfg.x)

    sweep(task, tmp_path / "s", ["x=interval(0,1)", "hydra.sweeper.n_trials=1"], "x: 0\nlane: ${hpo.lane:}\n")
    assert seen == [(0, "0")]
    assert "HPO_LANE" not in os.environ


def test_each_lane_has_a_number_with_and_without_devices() -> None:
    assert [share["HPO_LANE"] for share in _devices.environments(None, 1, 3)] == ["0", "1", "2"]
    assert [share["HPO_LANE"] for share in _devices.environments(("7",), 1, 2)] == ["0", "1"]


def test_a_count_of_devices_takes_the_first_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,6")
    shares = _devices.environments(2, 1, 2)
    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares] == ["3", "5"]
    with pytest.raises(ConfigError, match="devices=4, but there are 3: 3, 5, 6"):
        _devices.environments(4, 1, 2)
    with pytest.raises(ConfigError, match="there is no device 4; this machine has 3, 5, 6"):
        _devices.environments(("3", "4"), 1, 2)


BY_NUMBER = {
    "text": ({"device": "cuda:${hydra:job.num}"}, "device"),
    "nested": ({"trainer": {"devices": ["${hydra.job.num}"]}}, "trainer.devices.0"),
    "calculated": ({"a": "gpus[${hydra:job.num} % 4]"}, "a"),
}


@pytest.mark.parametrize(("application", "key"), BY_NUMBER.values(), ids=BY_NUMBER)
def test_a_device_chosen_by_the_jobs_number_is_told(
    caplog: pytest.LogCaptureFixture, application: dict[str, Any], key: str
) -> None:
    config = OmegaConf.create({**application, "name": "run-${hydra:job.num}", "hydra": {"job": {"env_set": {}}}})
    with caplog.at_level(logging.WARNING):
        _devices.tell_of_conflicts(config, None, 1)
        assert not caplog.messages
        _devices.tell_of_conflicts(config, None, 2)
    (message,) = caplog.messages
    assert message.startswith(f"{key} chooses a device by the job's number")
    assert "${hpo.lane:}" in message


def test_variables_that_beat_devices_are_told(caplog: pytest.LogCaptureFixture) -> None:
    config = OmegaConf.create({"hydra": {"job": {"env_set": {"CUDA_VISIBLE_DEVICES": "0"}}}})
    _devices.tell_of_conflicts(config, 2, 2)
    assert "hydra.job.env_set.CUDA_VISIBLE_DEVICES" in caplog.messages[0]
