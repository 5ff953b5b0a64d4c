"""Times as users see them: local, whatever the zone, also where clocks are put back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeper_core.trial.frozen import to_local

ZONES = ["UTC0", "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "<+0545>-5:45"]


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def plainly(utc: datetime) -> datetime:
    return utc.replace(tzinfo=timezone.utc).astimezone().replace(tzinfo=None)


@pytest.mark.usefixtures("zone")
def test_every_minute_around_the_days_on_which_clocks_change() -> None:
    for begin in (datetime(2024, 3, 9, 12), datetime(2024, 4, 6), datetime(2024, 10, 5), datetime(2024, 11, 2, 12)):
        for minute in range(0, 2 * 24 * 60, 5):
            utc = begin + timedelta(minutes=minute, microseconds=7)
            local = to_local(utc)
            assert local is not None
            assert local == plainly(utc)
            assert local.astimezone(timezone.utc).replace(tzinfo=None) == utc


@given(st.datetimes(datetime(1970, 1, 2), datetime(2099, 1, 1)))
def test_any_time_in_the_zone_of_this_machine(utc: datetime) -> None:
    local = to_local(utc)
    assert local is not None
    assert local == plainly(utc)
    assert local.astimezone(timezone.utc).replace(tzinfo=None) == utc


def test_no_time() -> None:
    assert to_local(None) is None
