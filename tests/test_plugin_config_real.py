"""Configurations in the shapes that projects already have, run unchanged, each as its users would run it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import hydra
import pytest
from omegaconf import OmegaConf
from plugin_support import ROOT, finish

from sweeper_core.storages import get_storage
from sweeper_core.trial.record import TrialRecord

HEAD = """
import json, os
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

def note(cfg):
    job = HydraConfig.get()
    seen = {"overrides": list(job.overrides.task), "cfg": OmegaConf.to_container(cfg, resolve=True), "num": job.job.num,
            "dir": job.runtime.output_dir, "notes": os.environ.get("NOTES")}
    Path(job.runtime.output_dir, "seen.json").write_text(json.dumps(seen))

@hydra.main(config_path="conf", config_name="config", version_base="1.3")
def main(cfg):
    note(cfg)
    RETURN

if __name__ == "__main__":
    main()
"""


class Project:
    """A small project in a folder of its own."""

    def __init__(self, folder: Path, returns: str, files: dict[str, str], code: str = "") -> None:
        self.folder = folder
        (folder / "train.py").write_text(code + HEAD.replace("RETURN", returns))
        for name, text in files.items():
            path = folder / "conf" / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run ``python train.py …``; return what it wrote to the terminal."""
        known = {key: value for key, value in os.environ.items() if not key.startswith(("TORCHELASTIC", "SLURM"))}
        environment = {
            **known,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), str(self.folder), os.environ.get("PYTHONPATH")])),
            "PYTHONWARNINGS": "ignore",
            "OMP_NUM_THREADS": "1",
        }
        done = finish([sys.executable, "train.py", *arguments], cwd=self.folder, env=environment)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """What the jobs have seen, by number."""
        return sorted(
            (json.loads(path.read_text()) for path in self.folder.rglob("seen.json")), key=lambda job: job["num"]
        )

    def result(self) -> dict[str, Any]:
        """What the sweep has left as its result."""
        (path,) = self.folder.rglob("optimization_results.yaml")
        return OmegaConf.to_container(OmegaConf.load(path))  # type: ignore[return-value]

    def trials(self, url: str | None = None) -> list[TrialRecord]:
        """The study's trials, from the storage given or the sweep's own."""
        storage = get_storage(url or f"sqlite:///{next(self.folder.rglob('study.db'))}")
        (study,) = storage.list_studies()
        records, _ = storage.changes(study.study_id)
        storage.close()
        return sorted(records, key=lambda record: record.number)


def arrived(job: dict[str, Any], key: str) -> Any:
    """Return the value of a dotted key in a job's configuration."""
    value = job["cfg"]
    for part in key.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def test_a_template_with_its_search_in_an_experiment_file(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        "return {'val/acc_best': 1 - abs(cfg.model.optimizer.lr - 0.05)}[cfg.optimized_metric]",
        {
            "config": """
                defaults: [_self_, {model: mnist}, {data: mnist}, {hparams_search: null}]
                optimized_metric: null
            """,
            "model/mnist": "{optimizer: {_target_: torch.optim.Adam, lr: 0.001}, net: {lin1_size: 64, lin2_size: 128}}",
            "data/mnist": "{batch_size: 64}",
            "hparams_search/mnist_optuna": """# @package _global_
defaults:
  - override /hydra/sweeper: optuna
optimized_metric: "val/acc_best"
hydra:
  mode: "MULTIRUN"
  sweeper:
    _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper
    storage: null
    study_name: null
    n_jobs: 1
    direction: maximize
    n_trials: 12
    sampler:
      _target_: optuna.samplers.TPESampler
      seed: 1234
      n_startup_trials: 10
    params:
      model.optimizer.lr: interval(0.0001, 0.1)
      data.batch_size: choice(32, 64, 128, 256)
      model.net.lin1_size: choice(64, 128, 256)
      model.net.lin2_size: choice(64, 128, 256)
""",
        },
    )
    # Hydra 1.4 wants the mode of a run in the primary config or on the command line, and nowhere else.
    mode = [] if hydra.__version__.startswith("1.3") else ["hydra.mode=MULTIRUN"]
    output = project.run("hparams_search=mnist_optuna", *mode)
    assert "TPESampler" in output
    assert len(project.jobs) == 12
    for job, trial in zip(project.jobs, project.trials(), strict=True):
        assert {key: arrived(job, key) for key in trial.params} == trial.params
    best = project.result()
    assert best["best_value"] == max(trial.values[0] for trial in project.trials() if trial.values)
    assert set(best["best_params"]) == {
        "model.optimizer.lr",
        "data.batch_size",
        "model.net.lin1_size",
        "model.net.lin2_size",
    }


def test_a_frameworks_guide_with_overrides_on_the_command_line(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        "return cfg.model.optimizer.lr * cfg.trainer.max_epochs",
        {
            "config": """
                defaults: [_self_, override hydra/sweeper: optuna]
                model: {optimizer: {lr: 0.1}}
                datamodule: {train_dataloader_cfg: {batch_size: 1}}
                trainer: {max_epochs: 1}
                hydra:
                  sweeper:
                    _target_: hydra_plugins.hydra_optuna_sweeper.OptunaSweeper
                    study_name: guide
                    direction: maximize
                    n_trials: 100
                    params:
                      model.optimizer.lr: interval(1e-5, 1e-2, log=true)
                      datamodule.train_dataloader_cfg.batch_size: choice(2, 4, 8)
                      trainer.max_epochs: range(10, 50, step=10)
            """
        },
    )
    project.run(
        *("--multirun", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=10", "hydra.sweeper.direction=minimize"),
        *("hydra.sweeper.n_jobs=4", "hydra.sweep.dir=out"),
    )
    assert [job["num"] for job in project.jobs] == list(range(10))
    for job, trial in zip(project.jobs, project.trials(), strict=True):
        assert {key: arrived(job, key) for key in trial.params} == trial.params
    epochs = {trial.params["trainer.max_epochs"] for trial in project.trials()}
    assert epochs <= {10, 20, 30, 40}
    assert all(1e-5 <= trial.params["model.optimizer.lr"] <= 1e-2 for trial in project.trials())
    assert project.result()["best_value"] == min(trial.values[0] for trial in project.trials() if trial.values)


def test_packages_logarithmic_integers_and_two_objectives_on_the_command_line(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        "return [len(cfg.optimizer_feat.name), cfg.data.kwargs.batch_size]",
        {
            "config": """
                defaults: [_self_, optimizer@optimizer_feat: Adam, override hydra/sweeper: optuna]
                data: {kwargs: {batch_size: 8}}
                monitor_return: [a]
                seed: 7
                hydra: {sweeper: {direction: [minimize, maximize], n_trials: 6}}
            """,
            **{f"optimizer/{name}": f"name: {name}" for name in ("Adam", "AdamW", "SGD")},
        },
    )
    project.run(
        *("-m", "hydra/sweeper/sampler=random", "hydra.sweeper.n_jobs=4", "optimizer@optimizer_feat=Adam,AdamW,SGD"),
        *("data.kwargs.batch_size=tag(log,int(interval(16,128)))", "monitor_return=[test/err,test/rate]", "seed=0,1,2"),
        '+hydra.job.env_set.NOTES="a b, c"',
    )
    assert len(project.jobs) == 6
    for job, trial in zip(project.jobs, project.trials(), strict=True):
        size = arrived(job, "data.kwargs.batch_size")
        assert type(size) is int
        assert 16 <= size <= 128
        assert trial.params["data.kwargs.batch_size"] == size
        assert trial.params["optimizer@optimizer_feat"] == arrived(job, "optimizer_feat.name")
        assert arrived(job, "seed") in (0, 1, 2)
        assert arrived(job, "monitor_return") == ["test/err", "test/rate"]
        assert job["notes"] == "a b, c"
    assert all(set(solution) >= {"params", "values"} for solution in project.result()["solutions"])


def test_deletions_lists_and_a_storage_on_the_command_line(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        "return float(cfg.lr), len(cfg.trainer.callbacks)",
        {
            "config": """
                defaults: [_self_, override hydra/sweeper: optuna]
                lr: 1
                trainer: {callbacks: {save_checkpoint: {every: 1}, early_stopping: {patience: 3}}}
                evaluator: {metrics: [MSE]}
                hydra: {sweeper: {study_name: metrics, n_trials: 3}}
            """
        },
    )
    project.run(
        *("-m", "~trainer.callbacks.save_checkpoint", "evaluator.metrics=[MAE,RMSE]", "lr=interval(0,1)"),
        *("hydra.sweeper.direction=[minimize,minimize]", 'hydra.sweeper.storage="sqlite:///x.db"'),
    )
    assert len(project.jobs) == 3
    for job in project.jobs:
        assert arrived(job, "trainer.callbacks") == {"early_stopping": {"patience": 3}}
        assert arrived(job, "evaluator.metrics") == ["MAE", "RMSE"]
    assert [trial.values for trial in project.trials(f"sqlite:///{tmp_path / 'x.db'}")] == [
        (arrived(job, "lr"), 1.0) for job in project.jobs
    ]


def test_targets_as_choices_and_a_sampler_without_its_group(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        "return len(cfg.module.optimizer._target_)",
        {
            "config": """
                defaults: [_self_, override hydra/sweeper: optuna, override hydra/sweeper/sampler: null]
                module: {optimizer: {_target_: torch.optim.SGD}}
                hydra:
                  mode: MULTIRUN
                  sweeper:
                    sampler: {_target_: optuna.samplers.GridSampler, _partial_: true, seed: 1}
                    n_trials: 10
                    params:
                      module.optimizer._target_: choice("torch.optim.Adam", "adabelief_pytorch.AdaBelief")
            """
        },
    )
    project.run()
    names = ["adabelief_pytorch.AdaBelief", "torch.optim.Adam"]
    assert sorted(arrived(job, "module.optimizer._target_") for job in project.jobs) == names
    assert project.result()["best_params"] == {"module.optimizer._target_": "torch.optim.Adam"}


CUSTOM = """
def configure(cfg, trial):
    x = trial.params["x"]
    trial.suggest_float("z", x - cfg.reach, x + cfg.reach)
    trial.suggest_float("+w", 0.0, abs(x) + 1)

"""


def test_a_custom_search_space_beside_ranges_and_choices(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        "return cfg.x ** 2 + cfg.y + cfg.z + cfg.w",
        {
            "config": """
                defaults: [_self_, override hydra/sweeper: optuna]
                x: 1
                y: 1
                z: 1
                reach: 0.5
                hydra:
                  sweeper:
                    sampler: {seed: 123}
                    n_trials: 12
                    custom_search_space: space.configure
                    params:
                      x: range(-5.5, 5.5, step=0.5)
                      y: choice(-5 ,0 ,5)
            """
        },
    )
    (tmp_path / "space.py").write_text(CUSTOM)
    project.run("-m")
    assert len(project.jobs) == 12
    for job, trial in zip(project.jobs, project.trials(), strict=True):
        x, z, w = (arrived(job, key) for key in "xzw")
        assert x in [index / 2 for index in range(-11, 11)]
        assert abs(z - x) <= 0.5
        assert 0 <= w <= abs(x) + 1
        assert trial.params == {"x": x, "y": arrived(job, "y"), "z": z, "+w": w}


SUBDIR = """
    defaults: [_self_, override hydra/sweeper: optuna]
    model: {init: {gamma: 1}}
    hydra:
      sweep: {dir: out, subdir: "${hydra.sweeper.study_name}/${hydra.job.num}"}
      sweeper: {study_name: kernels, n_trials: 2, sampler: {seed: 1}}
"""


def test_a_job_directory_named_after_the_study(tmp_path: Path) -> None:
    project = Project(tmp_path, "return cfg.model.init.gamma", {"config": SUBDIR})
    project.run("-m", "model.init.gamma=tag(log, interval(1e-3, 1e3))")
    assert [Path(job["dir"]) for job in project.jobs] == [tmp_path / "out" / "kernels" / str(n) for n in range(2)]


def test_a_logarithmic_scale_below_zero_is_the_clear_error(tmp_path: Path) -> None:
    project = Project(tmp_path, "return 0", {"config": SUBDIR})
    output = project.run("-m", "+model.init.coef0=tag(log, range(-1e3, 1e3, 10))", status=1)
    assert "'+model.init.coef0' on the command line: a logarithmic scale needs bounds above 0" in output
    assert "-1000" in output
    assert not project.jobs


def test_parameters_that_come_with_a_config_group(tmp_path: Path) -> None:
    space = "{lr: '%s', 'when lr>0.5': {depth: 'range(%d)'}}"
    project = Project(
        tmp_path,
        "return cfg.lr",
        {
            "config": """
                defaults: [_self_, hpo/space@hydra.sweeper.params: cnn, override hydra/sweeper: hpo]
                lr: 0
                depth: -1
                hydra: {sweeper: {n_trials: 4, sampler: {_target_: RandomSampler, seed: 1}}}
            """,
            "hpo/space/cnn": space % ("interval(0,1)", 3),
            "hpo/space/cmpnn": space % ("interval(2,3)", 5),
        },
    )
    project.run("-m", "hpo/space@hydra.sweeper.params=cmpnn")
    assert all(2 <= arrived(job, "lr") <= 3 for job in project.jobs)
    assert all(arrived(job, "depth") in range(5) for job in project.jobs)


def test_a_family_of_models_each_with_parameters_of_its_own(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "search-space.md").read_text()
    (documented,) = [block for block in text.split("```yaml\n") if "when model=svm:" in block]
    project = Project(
        tmp_path,
        "return 1.0",
        {
            "config": documented.partition("```")[0]
            + "    n_trials: 40\n    sampler: {_target_: RandomSampler, seed: 2}\nscaler: none\nseed: 1\n",
            "model/svm": "{name: svm, C: 1, kernel: rbf, degree: 3}",
            "model/forest": "{name: forest, trees: 10, max_depth: 2}",
            "model/mlp": "{name: mlp, layers: 1, dropout: 0}",
        },
    )
    project.run("-m")
    own = {
        "svm": {"model.C", "model.kernel", "scaler"},
        "forest": {"model.trees", "model.max_depth"},
        "mlp": {"model.layers", "model.dropout", "scaler"},
    }
    for job, trial in zip(project.jobs, project.trials(), strict=True):
        expected = {"model", *own[trial.params["model"]]}
        expected |= {"model.degree"} if trial.params.get("model.kernel") == "poly" else set()
        assert set(trial.params) == expected
        assert {line.partition("=")[0] for line in job["overrides"]} == {*expected, "seed"}
        assert arrived(job, "model.name") == trial.params["model"]
    assert {trial.params["model"] for trial in project.trials()} == set(own)


@pytest.mark.parametrize("ending", ["nothing", "raise"])
def test_under_the_old_name_the_first_exception_ends_the_sweep(tmp_path: Path, ending: str) -> None:
    fails = "raise RuntimeError('broken')" if ending == "raise" else "return None"
    project = Project(
        tmp_path,
        fails,
        {"config": "{defaults: [_self_, override hydra/sweeper: optuna], x: 1, hydra: {sweeper: {n_trials: 5}}}"},
    )
    # A result that is no number counts as a failed trial there, and the plugin whose name it is goes on.
    project.run("-m", "x=interval(0,1)", status=1 if ending == "raise" else 0)
    assert len(project.jobs) == (1 if ending == "raise" else 5)
