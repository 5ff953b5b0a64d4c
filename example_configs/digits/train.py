"""Train a small neural network on the digits that ship with scikit-learn; return its cross-validated accuracy."""

from __future__ import annotations

import warnings

import hydra
from omegaconf import DictConfig
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def train(cfg: DictConfig) -> float:
    """Return the mean accuracy over the folds."""
    # A few epochs per fold are meant: the sweep looks for what learns well in a fixed time.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    images, labels = load_digits(return_X_y=True)
    network = MLPClassifier(
        hidden_layer_sizes=tuple(cfg.model.hidden),
        activation=cfg.model.activation,
        alpha=cfg.model.alpha,
        learning_rate_init=cfg.optimizer.lr,
        batch_size=cfg.optimizer.batch_size,
        max_iter=cfg.epochs,
        random_state=cfg.seed,
    )
    folds = StratifiedKFold(cfg.folds, shuffle=True, random_state=cfg.seed)
    scores = cross_val_score(make_pipeline(StandardScaler(), network), images, labels, cv=folds)
    accuracy = float(scores.mean())
    print(f"accuracy {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    train()
