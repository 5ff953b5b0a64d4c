"""What pictures show where a few trials, or very unequal ones, would leave them empty, misleading or unreadable."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from studies_to_draw import SPACE

from sweeper_core.report.data import study_json
from sweeper_core.report.facts import StudyFacts
from sweeper_core.storages._leases import owner_of
from sweeper_core.study.abandoned import Span, is_abandoned, running_until
from sweeper_core.study.studies import create_study
from sweeper_core.study.study import Study
from sweeper_core.trial.attrs import LEASE
from sweeper_core.trial.frozen import create_trial
from sweeper_core.trial.state import TrialState
from sweeper_core.visualization import prepared
from sweeper_core.visualization.prepared.ticks import log_ticks, round_ticks

NOW = datetime(2026, 1, 1, 12)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def left_running(age: timedelta) -> Study:
    """Return a study whose first trial ended ``age`` ago after an hour, and whose second has run since."""
    ended = datetime.now() - age
    done = create_trial(params={"x": 1.0}, distributions={"x": SPACE["x"]}, value=1.0)
    runs = create_trial(state=TrialState.RUNNING, params={"x": 2.0}, distributions={"x": SPACE["x"]})
    done.datetime_start, done.datetime_complete, runs.datetime_start = ended - HOUR, ended, ended
    study = create_study(study_name="left")
    study.add_trials([done, runs])
    return study


@pytest.mark.parametrize(
    ("spans", "end"),
    [
        ([], NOW),
        ([(NOW - 90 * DAY, None)], NOW),
        ([(NOW - HOUR, NOW - HOUR / 2), (NOW - HOUR / 2, None)], NOW),
        ([(NOW - 90 * DAY, NOW - 89 * DAY), (NOW - 89 * DAY, None)], NOW - 89 * DAY),
        ([(NOW - 10 * DAY, NOW - 8 * DAY), (NOW - 8 * DAY, None)], NOW),
    ],
)
def test_running_trials_end_with_a_study_that_has_been_silent_for_very_long(spans: list[Span], end: datetime) -> None:
    assert running_until(spans, NOW) == end


@pytest.mark.parametrize("attrs", [{}, {LEASE: None}, {LEASE: {"pid": 1}}])
def test_a_trial_without_a_readable_lease_is_not_taken_for_abandoned(attrs: dict[str, Any]) -> None:
    assert not is_abandoned(attrs)


def test_a_trial_whose_process_is_dead_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = asdict(owner_of(1))
    monkeypatch.setattr("sweeper_core.study.abandoned.owner_is_dead", lambda lease: lease.pid == 1)
    assert is_abandoned({LEASE: lease})


def test_a_trial_left_running_does_not_stretch_the_timeline_nor_the_hours_spent() -> None:
    study = left_running(100 * DAY)
    spans = prepared.timeline(study, None)
    assert spans[1].end == spans[0].end
    assert study._storage is not None
    (record,) = study._storage.list_studies()
    facts = StudyFacts.of(record, study._storage.changes(record.study_id)[0])
    assert facts.spent == pytest.approx(3600.0)
    assert facts.wall == pytest.approx(3600.0)


def test_a_trial_that_runs_is_drawn_until_now() -> None:
    last = prepared.timeline(left_running(HOUR), None)[1]
    assert last.end - last.start == pytest.approx(HOUR, abs=timedelta(minutes=5))


def test_an_edf_rises_from_zero_also_for_a_single_value() -> None:
    study = create_study(study_name="one")
    study.add_trial(create_trial(params={"x": 1.0}, distributions={"x": SPACE["x"]}, value=2.0))
    (steps,) = prepared.distribution_steps(study, None)
    assert steps.values.tolist() == [2.0, 2.0]
    assert steps.share.tolist() == [0.0, 1.0]


def test_a_history_shows_pruned_trials_where_they_are_most_of_what_there_is() -> None:
    few, many = np.array([7.0]), np.linspace(1.0, 7.0, 21)
    ended = np.linspace(0.333, 0.334, 6)
    assert prepared.history_span(ended, few)[1] < 0.4  # type: ignore[index]
    span = prepared.history_span(ended, many)
    assert span is None or (span[0] <= 0.333 and span[1] >= 7.0)


def test_many_curves_have_the_colour_of_their_rank() -> None:
    study = create_study(study_name="many", direction="maximize")
    space = {"x": SPACE["x"]}
    values = np.random.default_rng(0).permutation(40).astype(float)
    study.add_trials(
        [create_trial(params={"x": 1.0}, distributions=space, value=v, intermediate_values={0: v}) for v in values]
    )
    shown = prepared.curves(study)
    assert shown.colours[int(np.argmax(values))] == "#00224E"
    assert shown.colours[int(np.argmin(values))] == "#FEE838"
    assert "darker" in shown.note


def test_a_report_knows_the_priors_of_its_parameters() -> None:
    study = left_running(HOUR)
    assert study._storage is not None
    study.set_prior("x", 0.5, "high")
    (record,) = study._storage.list_studies()
    data = study_json(StudyFacts.of(record, study._storage.changes(record.study_id)[0]), None, None)
    assert [(one["name"], one["prior"]) for one in data["params"]] == [("x", 0.5)]


def test_bars_of_a_timeline_are_equally_thick_in_every_state() -> None:
    pytest.importorskip("plotly")
    from sweeper_core.visualization import plot_timeline

    assert {bar.width for bar in plot_timeline(left_running(HOUR)).data} == {0.8}


def test_ticks_tell_their_places_apart() -> None:
    assert [text for _, text in log_ticks(0.0, np.log10(64.0))] == ["1", "2", "5", "10", "20", "50"]
    assert [text for _, text in log_ticks(-5.0, -1.0)] == ["1e-5", "1e-4", "1e-3", "0.01", "0.1"]
    texts = [text for _, text in round_ticks(1_000_001.0, 1_000_006.0)]
    assert len(set(texts)) == len(texts) >= 5
