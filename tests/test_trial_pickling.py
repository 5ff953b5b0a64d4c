"""What is pickled in one process is equal, hash and all, to what is made in another."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

from sweeper_core.distributions import CategoricalDistribution, FloatDistribution
from sweeper_core.trial.record import NOTHING, Layout, TrialRecord
from sweeper_core.trial.state import TrialState

MAKE = """
import pickle, sys
from sweeper_core.distributions import *
from sweeper_core.trial.record import Layout
layout = Layout.of({"x": FloatDistribution(0, 1), "c": CategoricalDistribution(["a", [1, "b"]])})
sys.stdout.buffer.write(pickle.dumps(layout))
"""


def test_layouts_of_other_processes_are_the_same_keys() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    theirs = pickle.loads(subprocess.run([sys.executable, "-c", MAKE], env=environment, capture_output=True).stdout)
    ours = Layout.of({"x": FloatDistribution(0, 1), "c": CategoricalDistribution(["a", [1, "b"]])})
    assert {ours: 1}[theirs] == 1
    assert {ours.distributions[1]: 1}[theirs.distributions[1]] == 1


def test_the_empty_attributes_stay_one_object() -> None:
    record = pickle.loads(pickle.dumps(TrialRecord(0, 0, TrialState.RUNNING)))
    assert record.user_attrs is NOTHING
    assert record.system_attrs == {}
    assert {**NOTHING} == {}
