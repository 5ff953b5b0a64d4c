"""Pruning from inside Lightning, on one process and on two, and the examples as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plugin_support import APPS, ROOT, surroundings

pytest.importorskip("lightning")
pytestmark = pytest.mark.training

from sweeper_core import load_study
from sweeper_core.trial import TrialState

EXAMPLES = ROOT / "example_configs"


def run(script: Path, directory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a user would, in a directory of its own."""
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=directory,
        env={**surroundings(), "CUDA_VISIBLE_DEVICES": "", **variables},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def sweep_levels(directory: Path, *arguments: str, **variables: str) -> tuple[Any, str]:
    """Sweep a training whose loss is its level: a good one first, then two that are worse from the start."""
    done = run(
        APPS / "ddp_train.py",
        directory,
        "-m",
        "hydra/sweeper=hpo",
        "hydra/sweeper/sampler=random",
        "hydra/sweeper/pruner=median",
        "hydra.sweeper.pruner.n_startup_trials=1",
        "hydra.sweeper.n_trials=3",
        f"hydra.sweep.dir={directory / 'sweep'}",
        "+level=choice(1.0,2.0,3.0,4.0)",
        "+hydra.sweeper.enqueue=[{level:1.0},{level:3.0},{level:2.0}]",
        *arguments,
        WITNESS=str(directory),
        **variables,
    )
    return load_study(study_name="hpo", storage=f"sqlite:///{directory / 'sweep' / 'study.db'}"), done.stderr


@pytest.mark.parametrize(
    ("namespace", "world"), [("lightning.pytorch", 1), ("lightning.pytorch", 2), ("pytorch_lightning", 2)]
)
def test_bad_trainings_stop_on_all_ranks(tmp_path: Path, namespace: str, world: int) -> None:
    pytest.importorskip(namespace)
    strategy = "ddp" if world > 1 else "auto"
    arguments = [f"+devices={world}", f"+strategy={strategy}", '+monitor="val/loss"']
    study, _ = sweep_levels(tmp_path, *arguments, LIGHTNING_NAMESPACE=namespace)
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.PRUNED]
    assert study.trials[1].values == [4.0]
    for level, epochs in ((1.0, 6), (3.0, 1), (2.0, 1)):
        for rank in range(world):
            seen = json.loads((tmp_path / f"{level}-{rank}.json").read_text())
            assert seen == {"epochs": epochs, "world": world}
        # The logger has been closed, and the checkpoint written, although the training was stopped.
        assert (tmp_path / f"csv-{level}" / "version_0" / "metrics.csv").exists()


@pytest.mark.parametrize(("namespace", "world"), [("lightning.pytorch", 2), ("pytorch_lightning", 1)])
def test_a_killed_training_goes_on_with_the_next_epoch(tmp_path: Path, namespace: str, world: int) -> None:
    pytest.importorskip(namespace)
    arguments = [f"+devices={world}", f"+strategy={'ddp' if world > 1 else 'auto'}", '+monitor="val/loss"']
    arguments += ["+kill_at=2", "hydra.sweeper.lanes=process", "hydra.sweeper.checkpoints.every=1"]
    arguments += ["hydra/sweeper/pruner=none", "~hydra.sweeper.pruner.n_startup_trials", "hydra.sweeper.n_trials=1"]
    study, _ = sweep_levels(tmp_path, *arguments, LIGHTNING_NAMESPACE=namespace)
    last = study.trials[-1]
    assert last.state is TrialState.COMPLETE
    for rank in range(world):
        assert (tmp_path / f"1.0-{rank}.epochs").read_text().split() == ["0", "1", "2", "3", "4", "5"]
    kept = [path.parent for path in (tmp_path / "sweep" / "checkpoints").rglob("training.ckpt")]
    assert [path.name for path in kept] == ["step-5"]


def test_a_metric_that_never_comes_is_warned_of_once_with_those_that_do(tmp_path: Path) -> None:
    arguments = ["+devices=1", "+strategy=auto", "+monitor=val_loss"]
    study, _ = sweep_levels(tmp_path, *arguments, PYTHONWARNINGS="default", WARN="1")
    assert all(trial.state is TrialState.COMPLETE and not trial.intermediate_values for trial in study.trials)


def test_the_callback_warns_and_steps_by_itself(tmp_path: Path) -> None:
    import lightning
    import torch
    from lightning.pytorch.demos.boring_classes import BoringModel

    from sweeper_core.integrations.lightning import PruningCallback

    class Recorder:
        def __init__(self) -> None:
            self.reports: list[tuple[float, int]] = []

        def report(self, value: float, step: int) -> None:
            self.reports.append((value, step))

        def should_prune(self) -> bool:
            return False

    class Model(BoringModel):
        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val/loss", 0.5)

    def fit(monitor: str, **options: Any) -> Recorder:
        trial = Recorder()
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=2,
            limit_train_batches=4,
            limit_val_batches=1,
            callbacks=[PruningCallback(monitor, trial)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=str(tmp_path),
            **options,
        )
        torch.set_num_threads(1)
        trainer.fit(Model())
        return trial

    assert fit("val/loss").reports == [(0.5, 0), (0.5, 1)]  # not in the sanity check
    assert fit("val/loss", val_check_interval=2).reports == [(0.5, 0), (0.5, 1), (0.5, 2), (0.5, 3)]
    with pytest.warns(UserWarning, match=r"no metric 'val_loss'.*val/loss") as warned:
        assert fit("val_loss").reports == []
    assert sum("no metric" in str(each.message) for each in warned) == 1


def test_the_pipeline_runs_with_one_command(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    project = tmp_path / "project"
    shutil.copytree(EXAMPLES / "lightning_mlflow", project)
    run(project / "train.py", project, "-m", "hydra.sweeper.n_trials=6", "hydra.sweep.dir=sweep")
    study = load_study(study_name="hpo", storage=f"sqlite:///{project / 'sweep' / 'study.db'}")
    assert len(study.trials) == 6
    for trial in study.trials:
        assert ("model.channels" in trial.params) == (trial.params["model"] == "cnn")
        assert trial.intermediate_values
    client = mlflow.MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("digits")
    runs = client.search_runs([experiment.experiment_id])
    parents = [each for each in runs if "mlflow.parentRunId" not in each.data.tags]
    children = [each for each in runs if "mlflow.parentRunId" in each.data.tags]
    assert len(parents) == 1
    assert sorted(int(each.data.tags["hpo.trial"]) for each in children) == list(range(6))
    # Lightning's own metrics and the sweep's are in the same run.
    assert all({"val/loss", "value", "hpo/report"} <= set(each.data.metrics) for each in children)
    assert parents[0].data.tags["hpo.best_trial"] == str(study.best_trial.number)
    artifacts = {each.path for each in client.list_artifacts(parents[0].info.run_id)}
    assert {"optimization_results.yaml", "trials.csv"} <= artifacts


def test_the_template_shaped_project_runs_unchanged(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(EXAMPLES / "lightning_template", project)
    arguments = ["-m", "hparams_search=digits_optuna", "experiment=example", "hydra.sweeper.n_trials=3"]
    done = run(project / "src" / "train.py", project, *arguments)
    (results,) = project.glob("logs/train/multiruns/*/optimization_results.yaml")
    assert "model.net.lin1_size" in results.read_text()
    assert len(list(results.parent.glob("[0-9]*/checkpoints/last.ckpt"))) == 3, done.stdout
    assert os.listdir(results.parent)
