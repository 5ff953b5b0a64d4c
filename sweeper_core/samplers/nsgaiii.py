"""NSGA-III.

Source: K. Deb, H. Jain, "An evolutionary many-objective optimization algorithm using reference-point-based
nondominated sorting approach", parts I and II, IEEE Transactions on Evolutionary Computation 18(4), 2014.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeper_core.maths.niching import associate, fill_niches, normalise, simplex_lattice
from sweeper_core.maths.pareto import non_domination_ranks
from sweeper_core.samplers._ga.crossovers import BaseCrossover, BaseMutation
from sweeper_core.samplers._ga.population import Floats, GeneticSampler, Integers
from sweeper_core.samplers._ga.strategies import AfterStrategy, ChildStrategy, EliteStrategy


class NSGAIIISampler(GeneticSampler):
    """Genetic algorithm whose population is spread along reference directions; for three objectives and more.

    Args:
        population_size: Number of individuals that survive, and of random trials in the beginning.
        mutation: How a numerical parameter is mutated (choices are drawn anew). None for polynomial steps of which
            every tenth is a uniform draw; :class:`UniformMutation` draws always.
        mutation_prob: Probability of mutating each parameter; None for one over the number of parameters.
        crossover: How numerical parameters of parents are combined, in unit coordinates. None for simulated binary
            crossover with index 15. Choices are exchanged uniformly in any case.
        crossover_prob: Probability that a child has several parents; otherwise it is a mutated copy of one.
        swapping_prob: Probability of taking a choice from the other parent.
        seed: The generator of trial ``k`` derives from ``(seed, k)``; None draws a seed at random.
        constraints_func: Takes a finished :class:`FrozenTrial`, returns constraint values that are satisfied
            where <= 0. Called by the study. ``trial.set_constraint`` says the same within the objective.
        reference_points: ``(r, m)`` directions from the ideal point that the population is spread along; None
            for an even lattice on the simplex.
        dividing_parameter: Divisions of each edge of that lattice; it has ``(m + d - 1) over d`` points.
        elite_population_selection_strategy: Takes a view of the study (its ``directions``) and the candidates as
            :class:`FrozenTrial` objects; returns those that survive, in place of the algorithm's own choice.
        child_generation_strategy: Takes that view, the distributions asked for and the survivors; returns a
            child's parameters, of which missing ones are drawn uniformly.
        after_trial_strategy: Takes the study, a trial that ends (:class:`FrozenTrial`), its state and its values;
            called before the end is stored. Constraints are stored in any case.

    Raises:
        ValueError: A probability outside [0, 1], a population smaller than a child's number of parents, an
            operator of the wrong kind, or reference points that are no matrix of non-negative numbers.
    """

    origin = "nsgaiii"

    def __init__(
        self,
        *,
        population_size: int = 50,
        mutation: BaseMutation | None = None,
        mutation_prob: float | None = None,
        crossover: BaseCrossover | None = None,
        crossover_prob: float = 0.9,
        swapping_prob: float = 0.5,
        seed: int | None = None,
        constraints_func: Callable[[Any], Sequence[float]] | None = None,
        reference_points: npt.ArrayLike | None = None,
        dividing_parameter: int = 3,
        elite_population_selection_strategy: EliteStrategy | None = None,
        child_generation_strategy: ChildStrategy | None = None,
        after_trial_strategy: AfterStrategy | None = None,
    ) -> None:
        super().__init__(
            population_size=population_size,
            mutation=mutation,
            mutation_prob=mutation_prob,
            crossover=crossover,
            crossover_prob=crossover_prob,
            swapping_prob=swapping_prob,
            seed=seed,
            constraints_func=constraints_func,
            elite_population_selection_strategy=elite_population_selection_strategy,
            child_generation_strategy=child_generation_strategy,
            after_trial_strategy=after_trial_strategy,
        )
        if dividing_parameter < 1:
            raise ValueError(f"`dividing_parameter` must be at least 1, but it is {dividing_parameter}.")
        self.reference_points = None if reference_points is None else _checked(reference_points)
        self.dividing_parameter = dividing_parameter

    def select(self, values: Floats, penalty: Floats, size: int) -> tuple[Integers, Integers, Floats]:
        ranks = non_domination_ranks(values, penalty, enough=size)
        if len(values) <= size:
            return np.arange(len(values)), ranks, np.zeros(len(values))
        last = int(np.sort(ranks)[size - 1])
        safe, border = np.flatnonzero(ranks < last), np.flatnonzero(ranks == last)
        looked_at = np.concatenate([safe, border])
        niche, distance = associate(normalise(values[looked_at]), self._references(values.shape[1]))
        places = np.arange(len(looked_at))
        taken = fill_niches(niche, distance, places[: len(safe)], places[len(safe) :], size - len(safe))
        chosen = np.concatenate([places[: len(safe)], np.array(taken, np.int64)])
        crowd = np.bincount(niche[chosen], minlength=int(niche.max()) + 1)[niche[chosen]]
        return looked_at[chosen], ranks[looked_at[chosen]], 1.0 / crowd

    def _references(self, n_objectives: int) -> Floats:
        if self.reference_points is None:
            return simplex_lattice(n_objectives, self.dividing_parameter)
        if self.reference_points.shape[1] != n_objectives:
            raise ValueError(
                f"`reference_points` have {self.reference_points.shape[1]} columns, but the study has {n_objectives} "
                "objectives; give one column for each objective."
            )
        return self.reference_points


def _checked(reference_points: npt.ArrayLike) -> Floats:
    points = np.asarray(reference_points, dtype=float)
    if points.ndim != 2 or not np.all(np.isfinite(points)) or np.any(points < 0.0) or not np.all(points.any(axis=1)):
        raise ValueError(
            "`reference_points` must be a matrix with one row per direction and one column per objective, of numbers "
            f"that are not negative and not all zero in a row, but it is {reference_points!r}."
        )
    return points
