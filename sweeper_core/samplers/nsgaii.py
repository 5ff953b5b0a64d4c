"""NSGA-II, with the crossovers and mutations that it may use.

Source: K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II",
IEEE Transactions on Evolutionary Computation 6(2), 2002.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sweeper_core.maths.pareto import crowding_distance, non_domination_ranks
from sweeper_core.samplers._ga.crossovers import (
    BaseCrossover,
    BaseMutation,
    BLXAlphaCrossover,
    PolynomialMutation,
    SBXCrossover,
    SPXCrossover,
    UNDXCrossover,
    UniformCrossover,
    UniformMutation,
    VSBXCrossover,
)
from sweeper_core.samplers._ga.population import Floats, GeneticSampler, Integers
from sweeper_core.samplers._ga.strategies import AfterStrategy, ChildStrategy, EliteStrategy

__all__ = [
    "BLXAlphaCrossover",
    "BaseCrossover",
    "BaseMutation",
    "NSGAIISampler",
    "PolynomialMutation",
    "SBXCrossover",
    "SPXCrossover",
    "UNDXCrossover",
    "UniformCrossover",
    "UniformMutation",
    "VSBXCrossover",
]


class NSGAIISampler(GeneticSampler):
    """Non-dominated sorting genetic algorithm, for one objective or several, with constraints, on any space.

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
        elite_population_selection_strategy: Takes a view of the study (its ``directions``) and the candidates as
            :class:`FrozenTrial` objects; returns those that survive, in place of the algorithm's own choice.
        child_generation_strategy: Takes that view, the distributions asked for and the survivors; returns a
            child's parameters, of which missing ones are drawn uniformly.
        after_trial_strategy: Takes the study, a trial that ends (:class:`FrozenTrial`), its state and its values;
            called before the end is stored. Constraints are stored in any case.

    Raises:
        ValueError: A probability outside [0, 1], a population smaller than a child's number of parents, or
            an operator of the wrong kind.
    """

    origin = "nsgaii"

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

    def select(self, values: Floats, penalty: Floats, size: int) -> tuple[Integers, Integers, Floats]:
        ranks = non_domination_ranks(values, penalty, enough=size)
        crowding = crowding_distance(values, ranks)
        places = np.lexsort((-crowding, ranks))[:size]
        return places, ranks[places], crowding[places]
