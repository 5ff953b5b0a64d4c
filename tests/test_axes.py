"""The geometry of parameters: exact on grids, alike for one value and for arrays."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.search_space.axes import MARGIN, Axes, Axis

AXES = {
    "continuous": Axis(-2.0, 3.0),
    "log": Axis(1e-7, 10.0, log=True),
    "wide": Axis(-1.7e308, 1.7e308),
    "single": Axis(2.5, 2.5, count=1),
    "integers": Axis(-3, 40, count=44),
    "log integers": Axis(1, 300, log=True, count=300),
    "steps": Axis(0.1, 0.9, count=9),
    "far steps": Axis(1e8, 1e8 + 1, count=11),
}
units = st.floats(0.0, 1.0)
axes = pytest.mark.parametrize("axis", AXES.values(), ids=AXES)


@st.composite
def distributions(draw: st.DrawFn) -> BaseDistribution:
    kind = draw(st.sampled_from(["step", "int", "int log", "choices"]))
    if kind == "choices":
        return CategoricalDistribution(range(draw(st.integers(1, 40))))
    if kind == "step":
        digits = draw(st.integers(0, 9))
        low, step = draw(st.integers(-(10**6), 10**6)), draw(st.integers(1, 999))
        count = draw(st.integers(1, 400))
        return FloatDistribution(
            *(float(Fraction(number, 10**digits)) for number in (low, low + (count - 1) * step)),
            step=float(Fraction(step, 10**digits)),
        )
    low, count = draw(st.integers(1, 10**6)), draw(st.integers(1, 400))
    step = 1 if kind == "int log" else draw(st.integers(1, 50))
    return IntDistribution(low, low + (count - 1) * step, log=kind == "int log", step=step)


@axes
@given(u=units)
def test_a_coordinate_comes_back_from_its_value(axis: Axis, u: float) -> None:
    value = axis.value(u)
    assert axis.low <= value <= axis.high
    assert axis.value(axis.unit(value)) == pytest.approx(value, rel=1e-9)
    if axis.count is None:
        assert axis.unit(value) == pytest.approx(u, abs=1.01 * MARGIN)
        assert axis.low < value < axis.high


@axes
@given(u=units)
def test_one_value_and_arrays_agree(axis: Axis, u: float) -> None:
    value, array = axis.value(u), np.array([u, np.nan])
    assert axis.from_unit(array)[0] == pytest.approx(value, rel=1e-14)
    assert axis.to_unit(np.array([value]))[0] == pytest.approx(axis.unit(value), abs=1e-15)
    assert np.isnan(axis.from_unit(array)[1])
    assert np.isnan(axis.to_unit(array)[1])
    assert axis.snap(array)[0] == pytest.approx(axis.unit(value), abs=1e-12 if axis.count else 1.01 * MARGIN)
    ends = [each[0] for each in axis.cells(array[:1])]
    assert ends == pytest.approx(axis.cell(u))
    assert ends[0] <= u <= ends[1]


@axes
@given(pair=st.tuples(units, units))
def test_order_is_kept(axis: Axis, pair: tuple[float, float]) -> None:
    low, high = sorted(pair)
    assert axis.value(low) <= axis.value(high)
    assert axis.unit(axis.value(low)) <= axis.unit(axis.value(high))
    assert axis.draw(low) <= axis.draw(high)


@given(distribution=distributions())
def test_every_value_of_a_finite_axis_is_exact(distribution: BaseDistribution) -> None:
    axis, count = distribution.axis, distribution.cardinality
    values = list(distribution.values())
    assert count == len(values) == len(set(values))
    raw = np.array([distribution.to_internal_repr(value) for value in values])
    assert np.array_equal(axis.values(), raw)
    assert np.array_equal(axis.digits(raw), np.arange(count))
    assert [axis.digit(value) for value in raw.tolist()] == list(range(count))
    assert np.array_equal(axis.from_unit(axis.to_unit(raw)), raw)
    assert [axis.value(axis.unit(value)) for value in raw.tolist()] == raw.tolist()
    if not getattr(distribution, "log", False):
        assert np.array_equal(axis.to_unit(raw), (np.arange(count) + 0.5) / count)


@given(distribution=distributions())
def test_middles_of_cells_are_the_values_and_cells_touch(distribution: BaseDistribution) -> None:
    axis, count = distribution.axis, distribution.cardinality or 0
    unit = axis.to_unit(axis.values())
    low, high = axis.cells(unit)
    assert low[0] == -np.inf
    assert high[-1] == np.inf
    np.testing.assert_allclose(high[:-1], low[1:], rtol=1e-12)
    assert np.all(low < unit)
    assert np.all(unit < high)
    assert axis.digits(np.array([np.nan, axis.low - 1, axis.high + 1])).tolist() == pytest.approx(
        [np.nan] * 3, nan_ok=True
    )
    assert axis.digit(axis.low - 1) is None
    assert axis.digit(axis.nth(count - 1)) == count - 1


@given(u=units)
def test_a_table_is_its_columns(u: float) -> None:
    table = Axes(tuple(AXES.values()))
    unit = np.array([[u] * len(AXES), [0.25] * len(AXES)])
    raw = table.from_unit(unit)
    for column, axis in enumerate(AXES.values()):
        assert np.array_equal(raw[:, column], axis.from_unit(unit[:, column]))
        assert np.array_equal(table.to_unit(raw)[:, column], axis.to_unit(raw[:, column]))
        np.testing.assert_allclose(table.snap(unit)[:, column], axis.snap(unit[:, column]), atol=1e-12)


def test_a_stepped_number_with_two_values_has_two() -> None:
    distribution = FloatDistribution(0.2, 0.3, step=0.1)
    assert not distribution.single()
    assert list(distribution.values()) == [0.2, 0.3]
    assert [distribution.draw(u) for u in (0.0, 0.49, 0.5, 0.99)] == [0.2, 0.2, 0.3, 0.3]


@pytest.mark.parametrize(
    ("distribution", "inside", "outside"),
    [
        (
            FloatDistribution(1e8, 1e8 + 1, step=0.1),
            [100000000.9, 1e8, 1e8 + 1, 1e8 + 3 * 0.1],
            [1e8 + 0.05, 1e8 - 0.1],
        ),
        (FloatDistribution(0.0, 1.0, step=0.1), [0.3, 0.1 + 0.2, 0.7, 1.0], [0.35, 1.1, float("inf"), 0.300001]),
        (FloatDistribution(0.0, 1e-5, step=1e-6), [3e-6, 0.0], [3.5e-6]),
    ],
)
def test_what_is_on_a_grid_is_decided_by_its_decimals(
    distribution: FloatDistribution, inside: list[float], outside: list[float]
) -> None:
    assert [distribution.contains(value) for value in (*inside, *outside)] == [True] * len(inside) + [False] * len(
        outside
    )


@pytest.mark.parametrize(("low", "high", "step"), [(0.0, 1e300, 1e-5), (0.0, 1e10, 1e-7), (1e16, 1e16 + 8, 1.0)])
def test_steps_that_no_double_can_say_are_refused(low: float, high: float, step: float) -> None:
    with pytest.raises(ValueError, match=r"`step` must be at least .* double precision"):
        FloatDistribution(low, high, step=step)


def test_a_log_integer_is_decoded_alike_everywhere() -> None:
    axis = IntDistribution(1, 3, log=True).axis
    unit = np.linspace(0.0, 1.0, 4001)
    decoded = axis.from_unit(unit)
    assert np.array_equal(axis.from_unit(axis.snap(unit)), decoded)
    assert [axis.value(u) for u in unit.tolist()] == decoded.tolist()
    assert [axis.draw(u) for u in unit.tolist()] == decoded.tolist()


def test_a_range_as_wide_as_the_doubles_has_a_middle_and_ends() -> None:
    axis = FloatDistribution(-1.7e308, 1.7e308).axis
    assert [axis.value(u) for u in (0.0, 0.5, 1.0)] == pytest.approx([-1.7e308, 0.0, 1.7e308], rel=1e-5)
    assert axis.to_unit(np.array([-1.7e308, 0.0, 1.7e308])).tolist() == [0.0, 0.5, 1.0]
    assert axis.draw(0.5) == 0.0
