"""One picture of evidence as a matplotlib figure, for notebooks and PNG files.

The page of an exam does not need this: matplotlib is imported here only when a figure is asked
for. In a notebook, import `matplotlib.pyplot` once so that figures are shown.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.core.evidence import Evidence, Plot, Shape
from qiqa.report.files import write_whole
from qiqa.report.png import to_grey
from qiqa.report.text import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure", "write_png"]

_STYLES: dict[str, tuple[str, str]] = {
    "roi": ("#ffd84a", "-"),
    "edge": ("#7fe3ff", ":"),
    "length": ("#ffffff", "-"),
    "excluded": ("#ff8f85", "--"),
    "note": ("#c9ced6", "-."),
}
"""Color and dash of each role, as on the page."""
_CURVES: dict[str, tuple[str, str, float]] = {
    "data": ("#33383f", "-", 0.9),
    "fit": ("#0b5cad", "-", 1.8),
    "level": ("#6a717c", "--", 1.0),
}


def figure(evidence: Evidence) -> Figure:
    """Return the image with its shapes, and the plots beside it.

    Nothing is measured: what is drawn is what the evidence holds.
    """
    from matplotlib.figure import Figure

    columns = (evidence.image is not None) + bool(evidence.plots)
    made = Figure(figsize=(4.2 * max(columns, 1), 4.4), layout="constrained")
    made.suptitle(_plain(evidence.title), fontsize=11)
    if columns == 0:
        return made
    grid = made.add_gridspec(max(len(evidence.plots), 1), columns)
    if evidence.image is not None:
        _draw_image(made.add_subplot(grid[:, 0]), evidence)
    for row, plot in enumerate(evidence.plots):
        _draw_plot(made.add_subplot(grid[row, columns - 1]), plot)
    return made


def write_png(evidence: Evidence, path: Path, *, dots_per_inch: float = 150.0) -> Path:
    """Write the figure of one evidence as a PNG file and return its path.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    buffer = io.BytesIO()
    figure(evidence).savefig(buffer, format="png", dpi=dots_per_inch)
    return write_whole(path, buffer.getvalue())


def _plain(text: str) -> str:
    """Return clean text in which a dollar sign does not start a formula."""
    return clean(text).replace("$", r"\$")


def _draw_image(axes: Axes, evidence: Evidence) -> None:
    if evidence.image is None:
        return
    axes.imshow(to_grey(evidence.image, evidence.window), cmap="gray", vmin=0, vmax=255)
    rows, columns = evidence.image.shape
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), xticks=[], yticks=[])
    for shape in evidence.shapes:
        _draw_shape(axes, shape)
    if evidence.caption:
        axes.set_xlabel(_plain(evidence.caption), fontsize=8, wrap=True)


def _draw_shape(axes: Axes, shape: Shape) -> None:
    if not shape.points:
        return
    color, dash = _STYLES.get(shape.role, _STYLES["note"])
    points = list(shape.points)
    if shape.kind == "polygon":
        points.append(points[0])
    x, y = [p[0] for p in points], [p[1] for p in points]
    if shape.kind == "points":
        axes.plot(x, y, color=color, linestyle="none", marker="+")
    else:
        ends = "|" if shape.role == "length" and shape.kind == "line" else None
        axes.plot(x, y, color=color, linestyle=dash, linewidth=1.3, marker=ends)
    if shape.label:
        place = ((min(x) + max(x)) / 2, min(y))
        axes.annotate(
            _plain(shape.label),
            place,
            textcoords="offset points",
            xytext=(0, 3),
            color="white",
            fontsize=8,
            ha="center",
            bbox={"facecolor": "black", "alpha": 0.5, "edgecolor": "none", "pad": 1},
        )


def _draw_plot(axes: Axes, plot: Plot) -> None:
    for curve in plot.curves:
        color, dash, width = _CURVES.get(curve.role, _CURVES["data"])
        label = None if curve.label is None else _plain(curve.label)
        axes.plot(curve.x, curve.y, color=color, linestyle=dash, linewidth=width, label=label)
    for marker in plot.markers:
        axes.axvline(marker.x, color="#a3170f", linestyle="-.", linewidth=1)
        if marker.label:
            axes.annotate(
                _plain(marker.label),
                (marker.x, 1),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                xytext=(2, -10),
                fontsize=8,
            )
    axes.set_xlabel(_plain(plot.x_label), fontsize=8)
    axes.set_ylabel(_plain(plot.y_label), fontsize=8)
    axes.tick_params(labelsize=8)
    if any(curve.label for curve in plot.curves):
        axes.legend(fontsize=7, frameon=False)
