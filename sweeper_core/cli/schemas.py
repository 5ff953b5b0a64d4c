"""JSON Schemas of what the commands print with ``--json``. Commands that print several objects print one a line."""

from __future__ import annotations

from typing import Any

from sweeper_core.trial.state import TrialState

TEXT = {"type": "string"}
NUMBER = {"type": ["number", "string"], "description": "infinities and NaN are the strings inf, -inf and nan"}
COUNT = {"type": "integer", "minimum": 0}
TIME = {"type": ["string", "null"], "description": "ISO 8601, UTC"}
STATE = {"enum": [state.name for state in TrialState]}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of something that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def record(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has these properties, all of them, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_TRIAL: dict[str, Any] = {
    "number": COUNT,
    "state": STATE,
    "values": {**maybe(listed(NUMBER)), "description": "one for each objective; null until there is a result"},
    "params": {"type": "object"},
    "constraints": {"type": "object", "description": "satisfied where not above 0"},
    "feasible": {"type": "boolean"},
    "started": TIME,
    "completed": TIME,
    "seconds": maybe({"type": "number", "description": "how long it ran, or has run so far"}),
    "last_step": maybe({"type": "integer"}),
    "last_report": maybe(NUMBER),
    "origin": maybe({"type": "string", "description": "what suggested it"}),
    "reason": maybe({"type": "string", "description": "why it was pruned or failed"}),
    "job_dir": maybe(TEXT),
    "user_attrs": {"type": "object"},
}

TRIAL = record(_TRIAL)
RUNNING = record(
    {
        **_TRIAL,
        "queued": {"type": "boolean", "description": "its job waits on a cluster"},
        "host": maybe(TEXT),
        "pid": maybe(COUNT),
        "curve": listed({"type": "array", "items": NUMBER}),
    }
)

STATUS = record(
    {
        "schema": {"const": "hpo.status/1"},
        "storage": {"type": "string", "description": "without its password"},
        "directory": maybe(TEXT),
        "active": {"type": "boolean", "description": "a process works on the study, as far as can be seen from here"},
        "sweeps": listed(record({"host": TEXT, "pid": COUNT, "lanes": maybe(COUNT), "command": TEXT})),
        "study": TEXT,
        "directions": listed({"enum": ["minimize", "maximize"]}),
        "metrics": listed(TEXT),
        "at": TIME,
        "trials": COUNT,
        "finished": COUNT,
        "budget": maybe(COUNT),
        "counts": record({state.name: COUNT for state in TrialState}),
        "best": {**listed(TRIAL), "description": "one trial, or the Pareto front; empty when there is none"},
        "baseline": maybe(record({"what": TEXT, **_TRIAL})),
        "gain": {**maybe({"type": "number"}), "description": "share by which the best is better than the baseline"},
        "running": listed(RUNNING),
        "failures": listed(record({"reason": TEXT, "count": COUNT, "trials": listed(COUNT)})),
        "seconds_spent": {"type": "number", "description": "of all jobs"},
        "seconds_saved": {"type": "number", "description": "by pruning"},
        "expected_end": TIME,
        "cost": maybe(
            record({"of": TEXT, "spent": NUMBER, "per_trial": maybe(NUMBER), "max_cost": maybe(NUMBER)}),
        ),
    }
)

SCHEMAS: dict[str, dict[str, Any]] = {
    "status": STATUS,
    "trials": TRIAL,
    "best": TRIAL,
    "why": record({**_TRIAL, "why": maybe(TEXT), "traceback": maybe(TEXT)}),
    "diff": record(
        {"trials": listed(COUNT), "differences": listed(record({"name": TEXT, "values": {"type": "array"}}))}
    ),
    "studies": listed(record({"study": TEXT, "directions": listed(TEXT), "counts": {"type": "object"}})),
    "ask": record({"number": COUNT, "params": {"type": "object"}}),
}
"""Command -> schema of its output; of one line where it prints several."""
