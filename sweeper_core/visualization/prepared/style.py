"""Colours that both drawing libraries use."""

from __future__ import annotations

from sweeper_core.trial.state import TrialState

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
"""Okabe and Ito's colours, told apart by people with any kind of colour vision."""
GREY = "#BBBBBB"
"""Of infeasible trials."""
SCALE = "cividis"
"""Perceptually even, and safe for colour vision deficiencies."""
SCALE_COLOURS = (
    "#00224E", "#123570", "#3B496C", "#575D6D", "#707173", "#8A8678", "#A59C74", "#C3B369", "#E1CC55", "#FEE838",
)  # fmt: skip
"""The same in ten colours, from the dark end on."""
STATE_COLOURS = {
    TrialState.COMPLETE: "#0072B2",
    TrialState.PRUNED: "#E69F00",
    TrialState.FAIL: "#D55E00",
    TrialState.RUNNING: "#009E73",
    TrialState.WAITING: "#999999",
}
