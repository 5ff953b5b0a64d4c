"""What the plots show, prepared once for every drawing library.

Both back ends draw from these records; nothing here knows how anything is drawn. Trials whose value is missing
or not finite are left out of every plot of values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.directions import StudyDirection
from sweeper_core.distributions import BaseDistribution, CategoricalDistribution, choice_key
from sweeper_core.importance.base import BaseImportanceEvaluator
from sweeper_core.importance.evaluate import get_param_importances
from sweeper_core.maths.hypervolume import hypervolume
from sweeper_core.maths.pareto import pareto_front
from sweeper_core.study.study import Study
from sweeper_core.trial.frozen import FrozenTrial
from sweeper_core.trial.state import TrialState

Floats = npt.NDArray[np.float64]
Target = Callable[[FrozenTrial], float]
Studies = Study | Sequence[Study]

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
"""Okabe and Ito's colours, told apart by people with any kind of colour vision."""
GREY = "#BBBBBB"
"""Of infeasible trials."""
SCALE = "cividis"
"""Perceptually even, and safe for colour vision deficiencies."""
STATE_COLOURS = {
    TrialState.COMPLETE: "#0072B2",
    TrialState.PRUNED: "#E69F00",
    TrialState.FAIL: "#D55E00",
    TrialState.RUNNING: "#009E73",
    TrialState.WAITING: "#999999",
}
MOST_IN_MATRIX = 6
"""Parameters in a matrix of pairs; more cannot be read."""
MOST_IN_ROW = 12
"""Parameters side by side in a slice plot or on parallel axes."""
FAR_OUT = 10.0
"""In interquartile ranges: values beyond would leave one colour for all others."""
MOST_BARS = 30
MOST_CURVES = 300
LONGEST_LABEL = 24


@dataclass(frozen=True)
class Axis:
    """One parameter as an axis.

    Attributes:
        scale: ``linear``, ``log`` or ``category``.
        positions: ``(n,)`` where each trial lies: the value, or for a category the index into ``labels``;
            NaN where the trial does not have the parameter.
        labels: Texts of the categories, in order.
        span: Ends of the axis, a little beyond the values.
    """

    name: str
    scale: str
    positions: Floats
    labels: tuple[str, ...] = ()
    span: tuple[float, float] = (0.0, 1.0)

    @property
    def drawn(self) -> Floats:
        """``(n,)`` positions on an even scale (logarithms of a log axis)."""
        return np.log10(self.positions) if self.scale == "log" else self.positions

    @property
    def absent(self) -> float:
        """Where, on the even scale, a line passes that does not have the parameter."""
        low, high = self.drawn_span
        return low - 0.12 * ((high - low) or 1.0)

    @property
    def with_absent(self) -> Floats:
        """``(n,)`` drawn positions, :attr:`absent` for trials without the parameter."""
        return np.where(np.isnan(self.positions), self.absent, self.drawn)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """A few places on the even scale, and what to write there."""
        low, high = self.drawn_span
        if self.scale == "category":
            return [(float(index), label) for index, label in enumerate(self.labels)]
        if self.scale == "log":
            powers = range(math.ceil(low), math.floor(high) + 1)
            places = [float(power) for power in powers] if len(powers) > 1 else [low, high]
            return [(place, f"{10.0**place:.3g}") for place in places]
        return [(float(place), f"{place:.3g}") for place in np.linspace(low, high, 5)]

    @property
    def drawn_span(self) -> tuple[float, float]:
        """The span on the even scale."""
        low, high = self.span
        return (math.log10(low), math.log10(high)) if self.scale == "log" else (low, high)


@dataclass(frozen=True)
class Points:
    """Trials with a value each, and the axes of their parameters.

    Attributes:
        omitted: How many parameters are left out because they would not be readable.
    """

    numbers: tuple[int, ...]
    values: Floats
    axes: tuple[Axis, ...]
    smaller_is_better: bool
    omitted: int = 0

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the colour scale; see :func:`bulk`."""
        return bulk(self.values)

    @property
    def best_last(self) -> npt.NDArray[np.int64]:
        """The order in which lines are drawn: the best on top."""
        order = np.argsort(self.values)
        return order[::-1] if self.smaller_is_better else order

    @property
    def clipped(self) -> Floats:
        """``(n,)`` values within the limits."""
        return np.clip(self.values, *self.limits)

    @property
    def note(self) -> str:
        """A line for the title when parameters were left out."""
        if not self.omitted:
            return ""
        shown = len(self.axes)
        return f" (the {shown} most important of {shown + self.omitted} parameters)"


@dataclass(frozen=True)
class Progress:
    """Values of one study over its trials, with the best so far (feasible trials only)."""

    label: str
    numbers: tuple[int, ...]
    values: Floats
    feasible: npt.NDArray[np.bool_]
    best: Floats | None


@dataclass(frozen=True)
class MeanProgress:
    """Several studies as one: mean and standard deviation of their values at each trial number."""

    numbers: tuple[int, ...]
    mean: Floats
    spread: Floats
    best_mean: Floats | None
    best_spread: Floats | None


@dataclass(frozen=True)
class Curves:
    """Learning curves of some of ``total`` trials: each a trial's number, state, steps and values."""

    curves: tuple[tuple[int, TrialState, tuple[int, ...], tuple[float, ...]], ...]
    total: int

    @property
    def note(self) -> str:
        """A line for the title when trials were left out."""
        return f" ({len(self.curves)} of {self.total} trials)" if len(self.curves) < self.total else ""


@dataclass(frozen=True)
class Front:
    """Trials in objective space.

    Attributes:
        values: ``(n, m)`` as the user gave them.
        best, feasible: ``(n,)``; ``best`` marks the Pareto front of the feasible trials.
    """

    numbers: tuple[int, ...]
    values: Floats
    names: tuple[str, ...]
    best: npt.NDArray[np.bool_]
    feasible: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Steps:
    """A staircase: the empirical distribution of one study's values."""

    label: str
    values: Floats
    share: Floats


@dataclass(frozen=True)
class Bars:
    """Importances of parameters towards one target, the largest first."""

    label: str
    names: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Span:
    """When a trial ran."""

    number: int
    state: TrialState
    start: datetime
    end: datetime
    text: str


def bulk(values: Floats) -> tuple[float, float]:
    """Return the ends of the values, or of their bulk where a few lie very far out."""
    if len(values) == 0:
        return 0.0, 1.0
    low, q1, q3, high = (float(q) for q in np.quantile(values, [0, 0.25, 0.75, 1]))
    reach = FAR_OUT * ((q3 - q1) or max(abs(q1), 1.0))
    return max(low, q1 - reach), min(high, q3 + reach)


def close_up(values: Floats) -> tuple[float, float] | None:
    """Return the range that an axis of values needs when a few lie so far out that they would hide the others."""
    if len(values) == 0:
        return None
    low, high = bulk(values)
    if low == values.min() and high == values.max():
        return None
    near = values[(values >= low) & (values <= high)]
    margin = 0.05 * (float(np.ptp(near)) or 1.0)
    return float(near.min()) - margin, float(near.max()) + margin


def as_studies(studies: Studies) -> list[Study]:
    """Return a list of studies from one or several."""
    return [studies] if isinstance(studies, Study) else list(studies)


def check_target(study: Study, target: Target | None) -> None:
    """Check that one number can be plotted for each trial.

    Raises:
        ValueError: The study has several objectives and no target says which is meant.
    """
    if target is None and len(study.directions) > 1:
        raise ValueError(
            "If the `study` is being used for multi-objective optimization, please specify the `target`, "
            "for example target=lambda t: t.values[0] for the first objective."
        )


def value_of(trial: FrozenTrial, target: Target | None) -> float:
    """Return the number to be plotted for a trial; NaN when there is none."""
    if target is not None:
        return float(target(trial))
    return float(trial.values[0]) if trial.values else math.nan


def plotted_trials(study: Study, target: Target | None) -> list[FrozenTrial]:
    """Return the COMPLETE trials with a finite value."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [trial for trial in trials if math.isfinite(value_of(trial, target))]


def is_feasible(trial: FrozenTrial) -> bool:
    """Return whether no constraint of a trial is violated."""
    return all(value <= 0.0 for value in trial.constraints.values())


def minimises(study: Study, target: Target | None) -> bool:
    """Return whether small plotted values are the good ones (always, for a target)."""
    return target is not None or study.directions[0] is not StudyDirection.MAXIMIZE


def progress(studies: Studies, target: Target | None, target_name: str) -> list[Progress]:
    """Return the history of values of each study."""
    found = []
    for study in as_studies(studies):
        check_target(study, target)
        trials = plotted_trials(study, target)
        values = np.array([value_of(trial, target) for trial in trials])
        feasible = np.array([is_feasible(trial) for trial in trials], dtype=bool)
        best = _best_so_far(values, feasible, minimises(study, target)) if target is None else None
        label = target_name if len(as_studies(studies)) == 1 else f"{target_name} of {study.study_name}"
        found.append(Progress(label, tuple(trial.number for trial in trials), values, feasible, best))
    return found


def _best_so_far(values: Floats, feasible: npt.NDArray[np.bool_], smaller: bool) -> Floats:
    worst = math.inf if smaller else -math.inf
    counted = np.where(feasible, values, worst)
    running = np.minimum.accumulate(counted) if smaller else np.maximum.accumulate(counted)
    return np.where(np.isinf(running), math.nan, running)


def mean_progress(studies: Studies, target: Target | None, target_name: str) -> MeanProgress:
    """Return mean and spread over several studies at each trial number that any of them has."""
    each = progress(studies, target, target_name)
    numbers = sorted({number for study in each for number in study.numbers})
    mean, spread = _mean_and_spread([dict(zip(s.numbers, s.values, strict=True)) for s in each], numbers)
    if target is not None:
        return MeanProgress(tuple(numbers), mean, spread, None, None)
    bests = [dict(zip(s.numbers, s.best, strict=True)) for s in each if s.best is not None]
    best_mean, best_spread = _mean_and_spread(bests, numbers)
    return MeanProgress(tuple(numbers), mean, spread, best_mean, best_spread)


def _mean_and_spread(columns: Sequence[dict[int, float]], numbers: Sequence[int]) -> tuple[Floats, Floats]:
    samples = [[column[number] for column in columns if number in column] for number in numbers]
    return np.array([np.mean(s) for s in samples]), np.array([np.std(s) for s in samples])


def points(study: Study, params: Sequence[str] | None, target: Target | None, most: int) -> Points:
    """Return trials with their parameters' axes.

    Args:
        params: Names to show; None takes all, or the ``most`` important ones when there are more.
        most: How many can be read.

    Raises:
        ValueError: A name is unknown to every trial with a value.
    """
    check_target(study, target)
    trials = plotted_trials(study, target)
    names, omitted = _choose(study, trials, params, target, most)
    values = np.array([value_of(trial, target) for trial in trials])
    axes = tuple(_axis(name, trials) for name in names)
    numbers = tuple(trial.number for trial in trials)
    return Points(numbers, values, axes, minimises(study, target), omitted)


def _choose(
    study: Study, trials: Sequence[FrozenTrial], params: Sequence[str] | None, target: Target | None, most: int
) -> tuple[list[str], int]:
    known = sorted({name for trial in trials for name in trial.params})
    if params is not None:
        unknown = [name for name in params if name not in known]
        if unknown and trials:
            raise ValueError(f"Parameter {unknown[0]} does not exist in your study. It has: {', '.join(known)}.")
        return [name for name in dict.fromkeys(params) if name in known], 0
    if len(known) <= most:
        return known, 0
    chosen = list(get_param_importances(study, target=target))[:most]
    return sorted(chosen), len(known) - most


def _axis(name: str, trials: Sequence[FrozenTrial]) -> Axis:
    distributions = [trial.distributions[name] for trial in trials if name in trial.params]
    if any(isinstance(distribution, CategoricalDistribution) for distribution in distributions):
        return _category_axis(name, trials)
    positions = np.array([float(trial.params.get(name, math.nan)) for trial in trials])
    log = all(getattr(distribution, "log", False) for distribution in distributions)
    return Axis(name, "log" if log else "linear", positions, span=_padded(positions, distributions, log))


def _category_axis(name: str, trials: Sequence[FrozenTrial]) -> Axis:
    having = [trial.params[name] for trial in trials if name in trial.params]
    distinct = {choice_key(value): value for value in having}
    ordered = sorted(distinct, key=lambda key: _category_order(distinct[key]))
    index = {key: position for position, key in enumerate(ordered)}
    positions = np.array([float(index[choice_key(t.params[name])]) if name in t.params else math.nan for t in trials])
    labels = tuple(shortened(str(distinct[key])) for key in ordered)
    return Axis(name, "category", positions, labels, (-0.5, len(labels) - 0.5))


def _category_order(value: Any) -> tuple[int, float, str]:
    """Numbers first and by size, then everything else by its text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        return (0, float(value), "")
    return (1, 0.0, str(value))


def shortened(text: str) -> str:
    """Return a text that fits beside an axis."""
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _padded(positions: Floats, distributions: Sequence[BaseDistribution], log: bool) -> tuple[float, float]:
    """Return the ends of a numeric axis: the parameter's own range, and a twentieth more on both sides."""
    low = min(float(d.low) for d in distributions)  # type: ignore[attr-defined]
    high = max(float(d.high) for d in distributions)  # type: ignore[attr-defined]
    low, high = min(low, float(np.nanmin(positions))), max(high, float(np.nanmax(positions)))
    if log:
        margin = max((math.log10(high) - math.log10(low)) * 0.05, 0.01)
        return low * 10**-margin, high * 10**margin
    margin = (high - low) * 0.05 or max(abs(low), 1.0) * 0.05
    return low - margin, high + margin


def surface(x: Axis, y: Axis, values: Floats, cells: int = 40) -> tuple[Floats, Floats, Floats] | None:
    """Return grid coordinates ``(a,)``, ``(b,)`` and interpolated values ``(b, a)`` for a contour.

    Linear between the trials, the nearest trial's value beyond; None when fewer than three trials have both
    parameters or all lie on one line.
    """
    from scipy.interpolate import griddata
    from scipy.spatial import QhullError

    both = ~np.isnan(x.drawn) & ~np.isnan(y.drawn)
    located = np.column_stack([_to_unit(x)[both], _to_unit(y)[both]])
    if len(located) > cells**2:
        located = np.round(located * cells) / cells  # one mean for each cell: more cannot be seen
    distinct, inverse = np.unique(located, axis=0, return_inverse=True)
    if len(distinct) < 3:
        return None
    inverse = inverse.reshape(-1)
    means = np.bincount(inverse, weights=values[both]) / np.bincount(inverse)
    grid_x, grid_y = _grid(x, cells), _grid(y, cells)
    wanted = np.stack(np.meshgrid((grid_x - x.drawn_span[0]) / _width(x), (grid_y - y.drawn_span[0]) / _width(y)), -1)
    nearest = griddata(distinct, means, wanted, method="nearest")
    try:
        linear = griddata(distinct, means, wanted, method="linear")
    except QhullError:
        return None
    height = np.where(np.isnan(linear), nearest, linear)
    return _undrawn(x, grid_x), _undrawn(y, grid_y), height


def _width(axis: Axis) -> float:
    return (axis.drawn_span[1] - axis.drawn_span[0]) or 1.0


def _to_unit(axis: Axis) -> Floats:
    return np.asarray((axis.drawn - axis.drawn_span[0]) / _width(axis))


def _grid(axis: Axis, cells: int) -> Floats:
    if axis.scale == "category":
        return np.arange(len(axis.labels), dtype=float)
    return np.linspace(*axis.drawn_span, cells)


def _undrawn(axis: Axis, drawn: Floats) -> Floats:
    return np.asarray(10.0**drawn) if axis.scale == "log" else drawn


def ranks(values: Floats) -> Floats:
    """Return each value's rank in [0, 1], 0 for the smallest; equal values share their mean rank."""
    from scipy.stats import rankdata

    if len(values) < 2:
        return np.zeros(len(values))
    return np.asarray((rankdata(values) - 1) / (len(values) - 1))


def curves(study: Study) -> Curves:
    """Return the learning curves; of very many, the best tenth part and an even selection of the others."""
    trials = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.intermediate_values and trial.state is not TrialState.WAITING
    ]
    chosen = trials if len(trials) <= MOST_CURVES else _selection(study, trials)
    drawn = []
    for trial in chosen:
        steps = sorted(trial.intermediate_values)
        drawn.append((trial.number, trial.state, tuple(steps), tuple(trial.intermediate_values[s] for s in steps)))
    return Curves(tuple(drawn), len(trials))


def _selection(study: Study, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    sign = study.directions[0].sign
    finite = [t for t in trials if math.isfinite(t.intermediate_values[max(t.intermediate_values)])]
    best = sorted(finite, key=lambda t: sign * t.intermediate_values[max(t.intermediate_values)])[: MOST_CURVES // 10]
    kept = {trial.number for trial in best}
    others = [trial for trial in trials if trial.number not in kept]
    every = np.linspace(0, len(others) - 1, MOST_CURVES - len(best)).astype(int)
    kept |= {others[index].number for index in every}
    return [trial for trial in trials if trial.number in kept]


def front(
    study: Study,
    target_names: Sequence[str] | None,
    constraints_func: Callable[[FrozenTrial], Sequence[float]] | None,
    targets: Callable[[FrozenTrial], Sequence[float]] | None,
) -> Front:
    """Return the trials in objective space (two or three objectives).

    Raises:
        ValueError: Another number of objectives, or of names.
    """
    trials = [t for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if t.values]
    rows = [list(targets(t)) if targets is not None else list(t.values or ()) for t in trials]
    finite = [index for index, row in enumerate(rows) if all(map(math.isfinite, row))]
    width = len(rows[0]) if rows else len(study.directions)
    if width not in (2, 3):
        raise ValueError(f"plot_pareto_front shows two or three objectives, but there are {width}; use `targets`.")
    names = tuple(target_names or study.metric_names or [f"Objective {i}" for i in range(width)])[:width]
    if len(names) != width:
        raise ValueError(f"`target_names` must have {width} names, but got {list(names)}.")
    values = np.array([rows[i] for i in finite]).reshape(len(finite), width)
    kept = [trials[i] for i in finite]
    feasible = np.array([_satisfies(t, constraints_func) for t in kept], dtype=bool)
    signs = np.array([d.sign for d in study.directions]) if targets is None else np.ones(width)
    best = np.zeros(len(kept), dtype=bool)
    if feasible.any():
        best[feasible] = pareto_front(values[feasible] * signs)
    return Front(tuple(t.number for t in kept), values, names, best, feasible)


def _satisfies(trial: FrozenTrial, constraints_func: Callable[[FrozenTrial], Sequence[float]] | None) -> bool:
    return is_feasible(trial) if constraints_func is None else all(c <= 0.0 for c in constraints_func(trial))


def hypervolumes(study: Study, reference_point: Sequence[float]) -> tuple[tuple[int, ...], Floats]:
    """Return the numbers of the complete trials and the hypervolume after each.

    Raises:
        ValueError: One objective only, or a reference point of another length.
    """
    if len(study.directions) < 2:
        raise ValueError("plot_hypervolume_history needs a study with several objectives.")
    if len(reference_point) != len(study.directions):
        raise ValueError(
            f"The reference point must have {len(study.directions)} coordinates, one for each objective, "
            f"but got {list(reference_point)}."
        )
    signs = np.array([direction.sign for direction in study.directions])
    reference = np.asarray(reference_point, float) * signs
    trials = [t for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if t.values]
    known = np.empty((0, len(signs)))
    volume, volumes = 0.0, []
    for trial in trials:
        row = np.asarray(trial.values) * signs
        outside = not is_feasible(trial) or not np.all(np.isfinite(row)) or np.any(row > reference)
        if not outside and not np.any(np.all(known <= row, axis=1)):
            known = np.vstack([known[~np.all(row <= known, axis=1)], row])
            volume = hypervolume(known, reference)
        volumes.append(volume)
    return tuple(trial.number for trial in trials), np.array(volumes)


def distribution_steps(studies: Studies, target: Target | None) -> list[Steps]:
    """Return the empirical distribution of each study's values."""
    found = []
    for study in as_studies(studies):
        check_target(study, target)
        values = np.sort([value_of(trial, target) for trial in plotted_trials(study, target)])
        share = np.arange(1, len(values) + 1) / max(len(values), 1)
        found.append(Steps(study.study_name, values, share))
    return found


def importance_bars(
    study: Study,
    evaluator: BaseImportanceEvaluator | None,
    params: Sequence[str] | None,
    target: Target | None,
    target_name: str,
) -> list[Bars]:
    """Return importances: towards the target, the objective, or each of several objectives."""
    if target is not None or len(study.directions) == 1:
        wanted: list[tuple[str, Target | None]] = [(target_name, target)]
    else:
        names = study.metric_names or [f"Objective {i}" for i in range(len(study.directions))]
        wanted = [(name, _signed_objective(study, index)) for index, name in enumerate(names)]
    found = []
    for label, explain in wanted:
        if not plotted_trials(study, explain):
            found.append(Bars(label, (), ()))
            continue
        shares = get_param_importances(
            study, evaluator=evaluator, params=None if params is None else list(params), target=explain
        )
        top = list(shares.items())[:MOST_BARS]
        found.append(Bars(label, tuple(name for name, _ in top), tuple(share for _, share in top)))
    return found


def _signed_objective(study: Study, index: int) -> Target:
    sign = study.directions[index].sign
    return lambda trial: sign * trial.values[index] if trial.values else math.nan


def timeline(study: Study, n_recent_trials: int | None) -> list[Span]:
    """Return when each trial ran; running ones end now.

    Raises:
        ValueError: ``n_recent_trials`` is not positive.
    """
    if n_recent_trials is not None and n_recent_trials <= 0:
        raise ValueError(f"`n_recent_trials` must be positive, but got {n_recent_trials}.")
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.datetime_start is not None]
    trials = trials[-n_recent_trials:] if n_recent_trials is not None else trials
    now = datetime.now()
    spans = []
    for trial in trials:
        assert trial.datetime_start is not None
        end = trial.datetime_complete or now
        text = f"trial {trial.number}: {trial.state.name}" + (f", values {trial.values}" if trial.values else "")
        spans.append(Span(trial.number, trial.state, trial.datetime_start, end, text))
    return spans
