"""Sharing out accelerators: which lane sees which devices."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from hydra_plugins.hydra_hpo_sweeper._errors import ConfigError

VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")


def environments(devices: Sequence[str] | str | int | None, per_job: int, lanes: int) -> list[dict[str, str]]:
    """Return, for each lane, the variables that show it its devices.

    Args:
        devices: Their names, how many of the machine's, or ``"auto"`` for all of these.
        per_job: How many one lane gets.

    Lane ``i`` gets ``per_job`` devices from the ``i * per_job``-th on, round and round: with more lanes than
    devices each is shared by as many lanes as any other, give or take one.

    Raises:
        ConfigError: There are fewer devices than one job needs or than a count says, one that is named does not
            exist, or ``auto`` finds none.
    """
    if devices is None:
        return [{} for _ in range(lanes)]
    names = _named(devices)
    if len(names) < per_job:
        raise ConfigError(
            f"hydra.sweeper.devices: a job needs {per_job} (devices_per_job), but there are {len(names)}: "
            f"{', '.join(names) or 'none'}. Name them, or leave `devices` out to run without."
        )
    shares = [[names[(lane * per_job + index) % len(names)] for index in range(per_job)] for lane in range(lanes)]
    return [dict.fromkeys(VARIABLES, ",".join(share)) for share in shares]


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
