"""Draw docs/images/drift/*.svg and fill the tables of docs/drift/*.md; a test holds both.

python docs/drift_pages.py            # all rules
python docs/drift_pages.py NAME ...   # some
"""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from drift_curves import Line, Picture, picture
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.interpolate import PchipInterpolator

from qiqa.drift.rules import RULES

DOCS = Path(__file__).resolve().parent
BEGIN = "<!-- made by docs/drift_pages.py -->"
END = "<!-- up to here -->"
COLORS = ("#0b5fa5", "#c2570c")
GRAY = "#5f6b76"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "qiqa",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": "#9aa4ae",
    "axes.labelcolor": "#26313b",
    "xtick.color": "#26313b",
    "ytick.color": "#26313b",
    "path.simplify": False,
}


def main() -> None:
    """Draw and write the pages of all rules, or of those that are named."""
    for name in sys.argv[1:] or RULES.names():
        made = picture(name)
        image, page = places(name)
        image.write_text(svg(made), encoding="utf-8", newline="\n")
        text = page.read_text(encoding="utf-8")
        page.write_text(filled(text, block(made)), encoding="utf-8", newline="\n")


def places(name: str) -> tuple[Path, Path]:
    """Return where the figure and the page of a rule are."""
    return DOCS / "images" / "drift" / f"{name}.svg", DOCS / "drift" / f"{name}.md"


def filled(page: str, made: str) -> str:
    """Return a page with what is made put between its two marks."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{made}{END}{after}"


def block(made: Picture) -> str:
    """Return figure and table as Markdown."""
    first, *others = made.lines
    rows = [
        f"![{made.title}: {made.up}, over {made.across}](../images/drift/{made.rule}.svg)",
        "",
        f"| {made.across} | {' | '.join(line.label for line in made.lines)} |",
        "|---" * (1 + len(made.lines)) + "|",
    ]
    for index, x in enumerate(first.x):
        cells = [_cell(line, index) for line in (first, *others)]
        rows.append(f"| {x:g} | {' | '.join(cells)} |")
    if made.notes:
        rows += ["", *(f"- {note}" for note in made.notes)]
    return "\n".join(["", *rows, ""]) + "\n"


def _cell(line: Line, index: int) -> str:
    """Return a number to three digits, with its standard error where it is a simulated one."""
    value = line.y[index]
    if not math.isfinite(value):
        return "not known"
    if line.error:
        error = line.error[index]
        # by the error as it is printed: 0.098 is 0.1
        places = max(0, -math.floor(math.log10(float(f"{error:.0e}"))))
        return f"{value:.{places}f} ± {error:.{places}f}"
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def svg(made: Picture) -> str:
    """Return the figure as SVG: fonts as text, nothing in it that changes from run to run."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.6, 3.9), layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        percent = made.up.endswith("%")
        for color, line in zip((*COLORS, GRAY), made.lines, strict=False):
            _draw(axes, line, color, log=not percent)
        if made.marks is not None:
            axes.plot(
                made.marks.x, made.marks.y, "o", ms=4.5, mfc="white", mec="#26313b", mew=1.1,
                label=made.marks.label, zorder=4,
            )  # fmt: skip
        _frame(axes, made, percent=percent)
        kept = io.StringIO()
        creator = f"docs/drift_pages.py, matplotlib {mpl.__version__}"
        figure.savefig(
            kept,
            format="svg",
            metadata={"Date": None, "Creator": creator, "Title": f"{made.title}: {made.up}"},
        )
    # matplotlib leaves spaces at line ends
    return "\n".join(line.rstrip() for line in kept.getvalue().splitlines()) + "\n"


def _draw(axes: Axes, line: Line, color: str, *, log: bool) -> None:
    """Draw a curve through the values of the table; simulated ones as points with error bars."""
    x, y = np.array(line.x), np.array(line.y)
    if line.error:
        axes.errorbar(
            x, y, 2 * np.array(line.error), fmt="o-", ms=3.5, lw=1.4, elinewidth=1.1, capsize=2.5,
            color=color, label=f"{line.label} (± 2 SE)",
        )  # fmt: skip
        return
    fine = np.linspace(x[0], x[-1], 101)
    through = np.log(y) if log else y
    smooth = PchipInterpolator(x, through)(fine)
    width, style = (1.1, "--") if line.thin else (1.9, "-")
    axes.plot(
        fine, np.exp(smooth) if log else smooth, style, lw=width, color=color, label=line.label
    )


def _frame(axes: Axes, made: Picture, *, percent: bool) -> None:
    """Set axes, grid and legend."""
    last = max(line.x[-1] for line in made.lines)
    first = min(line.x[0] for line in made.lines)
    margin = 0.02 * (last - first)
    axes.set_xlim(min(first, 0.0) - margin if first < 1.0 else first - margin, last + margin)
    if percent:
        axes.set_ylim(-3, 103)
    else:
        axes.set_yscale("log")
        top = max(max(line.y) for line in made.lines)
        low = min(min(line.y) for line in made.lines)
        axes.set_ylim(0.8 if low < 3 else low / 1.7, top * 1.6)
        if top < 30 * low:
            axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_minor_locator(mpl.ticker.NullLocator())
        axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel(made.across)
    axes.set_ylabel(made.up)
    axes.set_title(made.title, loc="left", fontsize=11, fontweight="bold", color="#26313b")
    axes.grid(which="major", color="#dfe4e8", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    place = "lower right" if percent else "upper right"
    axes.legend(loc=place, fontsize=8.5, frameon=True, framealpha=0.9, edgecolor="none")


if __name__ == "__main__":
    main()
