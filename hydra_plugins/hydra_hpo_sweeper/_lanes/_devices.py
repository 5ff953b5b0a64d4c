"""Assign accelerators to lanes."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Iterator, Sequence

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError
from hydra_plugins.hydra_hpo_sweeper._hydra._lane import LANE

log = logging.getLogger("hydra_plugins.hydra_hpo_sweeper")

VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")


def environments(devices: Sequence[str] | str | int | None, per_job: int, lanes: int) -> list[dict[str, str]]:
    """Return, for each lane, the environment variables that select its devices.

    Args:
        devices: Their names, their number, or ``"auto"`` for all of the machine's.
        per_job: Number of devices per lane.

    Lane ``i`` gets ``per_job`` devices from the ``i * per_job``-th on, cyclically: with more lanes than devices the
    numbers of lanes per device differ by at most one.

    Raises:
        ConfigError: There are fewer devices than one job needs or than a count says, one that is named does not
            exist, or ``auto`` finds none.
    """
    if devices is None:
        return [{LANE: str(lane)} for lane in range(lanes)]
    names = _named(devices)
    if len(names) < per_job:
        raise ConfigError(
            f"hydra.sweeper.devices: a job needs {per_job} (devices_per_job), but there are {len(names)}: "
            f"{', '.join(names) or 'none'}. Name them, or leave `devices` out to run without."
        )
    shares = [[names[(lane * per_job + index) % len(names)] for index in range(per_job)] for lane in range(lanes)]
    return [{LANE: str(lane), **dict.fromkeys(VARIABLES, ",".join(share))} for lane, share in enumerate(shares)]


def tell_of_conflicts(config: DictConfig, devices: object, lanes: int) -> None:
    """Warn of devices in the configuration that do not fit lanes or ``devices``."""
    variables = OmegaConf.to_container(config.hydra.job.env_set, resolve=False)
    assert isinstance(variables, dict)
    beaten = [name for name in VARIABLES if name in variables]
    if devices is not None and beaten:
        log.warning(
            "hydra.job.env_set.%s replaces what hydra.sweeper.devices gives each lane; remove one of them.",
            beaten[0],
        )
    key = next(_by_job_number({"hydra.job.env_set": variables, **_application(config)}), None)
    if lanes > 1 and key is not None:
        log.warning(
            "%s chooses a device by the job's number: jobs run as lanes get free, so that two of them may use one "
            "device at the same time. Use hydra.sweeper.devices, or ${hpo.lane:} in the place of the job's number.",
            key,
        )


_JOB_NUMBER = re.compile(r"hydra[.:]job\.(num|id)\b")
_DEVICE = re.compile(r"gpu|device|cuda|hip_|accelerator", re.IGNORECASE)


def _application(config: DictConfig) -> dict[str, object]:
    content = OmegaConf.to_container(config, resolve=False)
    return {str(key): value for key, value in content.items() if key != "hydra"} if isinstance(content, dict) else {}


def _by_job_number(content: object, key: str = "") -> Iterator[str]:
    """Yield the keys whose values name a device and the job's number."""
    if isinstance(content, (dict, list)):
        for name, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from _by_job_number(value, f"{key}.{name}".lstrip("."))
    elif isinstance(content, str) and _JOB_NUMBER.search(content) and _DEVICE.search(f"{key} {content}"):
        yield key


def _named(devices: Sequence[str] | str | int) -> list[str]:
    present = found()
    if isinstance(devices, str):
        return present
    if isinstance(devices, int):
        if present and len(present) < devices:
            raise ConfigError(f"hydra.sweeper.devices={devices}, but there are {len(present)}: {', '.join(present)}.")
        return present[:devices] or [str(index) for index in range(devices)]
    unknown = [name for name in devices if name.isdecimal() and name not in present]
    if unknown and present and all(name.isdecimal() for name in present):
        raise ConfigError(
            f"hydra.sweeper.devices: there is no device {unknown[0]}; this machine has {', '.join(present)}."
        )
    return list(devices)


def found() -> list[str]:
    """Return the devices of this machine that this process may use."""
    for variable in VARIABLES:
        visible = os.environ.get(variable)
        if visible is not None:
            return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    return _listed("nvidia-smi", "--query-gpu=index", "--format=csv,noheader") or _listed_amd()


def _listed_amd() -> list[str]:
    cards = [line for line in _listed("rocm-smi", "--showid", "--csv") if line.startswith("card")]
    return [line.split(",")[0].removeprefix("card") for line in cards]


def _listed(*command: str) -> list[str]:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]
