"""One exam as one HTML file: no network, no script, nothing that a header can break."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from qiqa.core.result import QcResult
from qiqa.report import details, summary
from qiqa.report.files import write_whole
from qiqa.report.pictures import legend
from qiqa.report.text import clean
from qiqa.report.trend import TrendPoints

__all__ = ["environment", "load_text", "render_html", "write_html"]


def write_html(
    result: QcResult,
    path: Path,
    *,
    trend: Sequence[TrendPoints] = (),
    store_label: str | None = None,
) -> Path:
    """Write the page of one exam and return its path.

    The file appears whole or not at all: it is written beside its place and then moved there.

    Raises
    ------
    OutputError
        If it cannot be written: no such folder, no permission, disk full, open elsewhere.
    """
    page = render_html(result, trend=trend, store_label=store_label)
    return write_whole(path, page.encode("utf-8"))


def render_html(
    result: QcResult,
    *,
    trend: Sequence[TrendPoints] = (),
    store_label: str | None = None,
) -> str:
    """Return the page of one exam as text.

    Parameters
    ----------
    result
        The judged exam; nothing in it is measured or judged again.
    trend
        Earlier values of the same measurements, drawn where there are two exams or more.
    store_label
        What to say about where the exam was stored; None leaves it out.
    """
    rows, notes = summary.rows(result, trend)
    roles = [shape.role for item in result.evidence for shape in item.shapes]
    return (
        environment()
        .get_template("qc.html")
        .render(
            headline=summary.headline(result),
            facts=summary.facts(result),
            tasks=summary.tasks(result),
            style=_drawing(load_text("qc.css")),
            rows=rows,
            notes=notes,
            has_trend=any(row.trend or row.standing for row in rows),
            pictures=details.pictures(result, rows),
            legend=legend(roles),
            entries=details.entry_boxes(result),
            series=details.series_facts(result),
            budgets=details.budgets(result),
            findings=result.findings,
            provenance=result.provenance,
            inputs=details.files(result.provenance.inputs),
            definitions=details.files(result.provenance.definitions),
            protocol=result.protocol,
            store_label=store_label,
        )
    )


def _finalize(value: Any) -> Any:
    """Clean every text that is not already markup, just before it is escaped."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _drawing(markup: str) -> Markup:
    # Our own style sheet, or made by qiqa.report.svg, which escapes every text that it puts in.
    return Markup(markup)  # noqa: S704


def load_text(name: str) -> str:
    """Return a template or style sheet of this package."""
    folder = importlib.resources.files("qiqa.report").joinpath("templates")
    return folder.joinpath(name).read_text(encoding="utf-8")


@functools.cache
def environment() -> jinja2.Environment:
    """Return the environment in which every page is made: all text cleaned and escaped.

    It is one and the same, so that a template is compiled once for a hundred cards.
    """
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(load_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["drawing"] = _drawing
    return made
