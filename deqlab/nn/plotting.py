"""The plot of `Diagnostics`: three panels over the training steps."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = dict[str, Any]
PANELS = (
    (
        "steps, products",
        {"max_steps": "solver steps, worst sample", "backward_products": "backward products"},
    ),
    (
        "relative residual",
        {"residual": "solve, worst sample", "backward_residual": "backward solve"},
    ),
    ("size of $J$", {"spectral_radius": r"$\rho(J)$", "operator_norm": r"$\|J\|_2$"}),
)


def plot_rows(rows: list[Row]) -> "Figure":
    """Three panels: effort, accuracy, and the Jacobian with the line it should stay below.

    Raises
    ------
    ValueError
        If there is no record.
    """
    if not rows:
        raise ValueError("there is nothing to plot: call record() in the training loop")
    from matplotlib import pyplot as plt

    figure: Figure
    figure, axes = plt.subplots(len(PANELS), 1, sharex=True, figsize=(6.5, 6.0))
    for axis, (label, curves) in zip(axes, PANELS, strict=True):
        for key, name in curves.items():
            _draw(axis, rows, key, name)
        axis.set_ylabel(label)
        for row in rows:
            if row["lost"]:
                axis.axvspan(row["step"] - 0.5, row["step"] + 0.5, color="0.85", lw=0, zorder=0)
    axes[1].set_yscale("log")
    axes[2].axhline(1.0, color="0.4", linestyle="--", linewidth=1)
    for axis in axes:
        if axis.get_legend_handles_labels()[0]:
            axis.legend(loc="best")
    axes[-1].set_xlabel("training step (grey: well-posedness lost)")
    return figure


def _draw(axis: "Axes", rows: list[Row], key: str, name: str) -> None:
    points = [(row["step"], row[key]) for row in rows if row[key] is not None]
    if points:
        steps, values = zip(*points, strict=True)
        axis.plot(steps, values, marker="o" if len(points) < 60 else None, ms=3, label=name)
