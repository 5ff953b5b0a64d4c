"""What a message says where a package of one of the project's extras is not installed."""

from __future__ import annotations


def install_line(extra: str) -> str:
    """Return the command that installs the packages of an extra, fit for a shell."""
    return f"pip install 'hydra-hpo-sweeper[{extra}]'"


def missing_extra(needs: str, extra: str, otherwise: str = "") -> ModuleNotFoundError:
    """Return the error for a package that is not installed.

    Args:
        needs: What needs which package: ``"These plots need Plotly"``.
        extra: The extra that brings the package.
        otherwise: What can be done instead, in the imperative; empty when nothing can.
    """
    instead = f", or {otherwise}" if otherwise else ""
    return ModuleNotFoundError(f"{needs}, which is not installed: {install_line(extra)}{instead}.")
