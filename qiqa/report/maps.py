"""One fit as one HTML file: maps, standard errors, curves, and how it came about."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qiqa.core.fit_evidence import FitEvidence, MapResult, ParameterSummary
from qiqa.core.maps import FitStatus
from qiqa.report import details
from qiqa.report.files import write_whole
from qiqa.report.html import environment, load_text
from qiqa.report.map_pictures import (
    STATUS_COLORS,
    curve_plot,
    grey_slice,
    histogram,
    map_slice,
    robust_window,
    status_slice,
)
from qiqa.report.map_words import (
    STATUS_WORDS,
    amount,
    left_out,
    name_of,
    noise_words,
    percent,
    shown_unit,
    spread,
    with_error,
)

__all__ = ["render_map_html", "write_map_html"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    title: str
    note: str
    drawing: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _ParameterView:
    name: str
    unit: str
    row: tuple[str, ...]
    figures: tuple[_Figure, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _StatusRow:
    color: str
    name: str
    meaning: str
    count: str
    share: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _FitView:
    label: str
    how: tuple[str, ...]
    parameters: tuple[_ParameterView, ...]
    quality: tuple[_Figure, ...]
    statuses: tuple[_StatusRow, ...]
    left_out: tuple[str, ...]
    curves: tuple[_Figure, ...]
    has_left_out: bool
    references: tuple[str, ...]
    equation: str


def write_map_html(result: MapResult, path: Path) -> Path:
    """Write the page of one mapping, whole or not at all, and return its path.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    return write_whole(path, render_map_html(result).encode("utf-8"))


def render_map_html(result: MapResult) -> str:
    """Return the page of one mapping as text; nothing is fitted again."""
    names = {"adc": "ADC", "t1": "T1", "t2": "T2", "t2star": "T2*", "b1": "B1"}
    quantity = names.get(result.quantity, result.quantity)
    return (
        environment()
        .get_template("maps.html")
        .render(
            title=f"{quantity} map",
            headline=_headline(result),
            style=f"{load_text('qc.css')}\n{load_text('maps.css')}",
            facts=_facts(result),
            why=result.why,
            fits=[_view(item) for item in result.fits],
            findings=result.findings,
            files=[path.name for path in result.files],
            provenance=result.provenance,
            inputs=details.files(result.provenance.inputs),
            seconds=[(step, f"{seconds:.2f} s") for step, seconds in result.timing],
        )
    )


def _headline(result: MapResult) -> str:
    first = result.fits[0].summaries[0]
    if not first.n:
        return "No voxel has an answer; the status table says why."
    unit = shown_unit(first.unit)[1]
    what = f"Median {amount(first.median, first.unit)} {unit}".rstrip()
    share = percent(first.n, _tried(result.fits[0]))
    return f"{what} in {first.n:,} voxels, {share} of those tried."


def _tried(item: FitEvidence) -> int:
    return sum(n for s, n in item.maps.counts().items() if s is not FitStatus.OUTSIDE)


def _facts(result: MapResult) -> list[tuple[str, str]]:
    header = result.header
    ni, nj, nk, n = header.shape
    size = " × ".join(f"{v:.3g}" for v in header.voxel_size_mm)
    when = header.acquisition.acquired_at
    return [
        ("Scanner", header.scanner.label),
        ("Series", header.description or header.series_uid),
        ("Acquired", f"{when:%Y-%m-%d %H:%M}" if when else "not stated"),
        ("Voxels", f"{ni} × {nj} × {nk}, {size} mm"),
        ("Volumes", str(n)),
        ("Model", result.model),
    ]


def _view(item: FitEvidence) -> _FitView:
    maps = item.maps
    method = f"{maps.method[:1].upper()}{maps.method[1:]}"
    return _FitView(
        label=item.label,
        how=(
            f"{item.title}.",
            f"{method}; {noise_words(item)}; fitted in {item.seconds:.2g} s.",
        ),
        parameters=tuple(
            _parameter(item, summary, main=number == 0)
            for number, summary in enumerate(item.summaries)
        ),
        quality=_quality(item),
        statuses=_statuses(item),
        left_out=left_out(maps),
        curves=_curves(item),
        has_left_out=any(not all(curve.used) for curve in item.curves),
        references=item.references,
        equation=item.equation,
    )


def _aspect(item: FitEvidence) -> float:
    size = np.linalg.norm(item.maps.affine[:3, :3], axis=0)
    return float(size[1] / size[0])


def _cut(item: FitEvidence) -> tuple[slice, slice]:
    """Return the part (i, j) that holds what is worth seeing, with a margin."""
    status = item.maps.status[:, :, list(item.slices)]
    answered = np.isin(status, [s.value for s in FitStatus if s.has_answer]).any(axis=2)
    parts = []
    for axis in (1, 0):
        counts = answered.sum(axis=axis)
        # a few stray voxels do not widen the picture
        found = np.flatnonzero(counts > 0.02 * counts.max())
        if not found.size:
            return slice(None), slice(None)
        margin = 2 + (found[-1] - found[0]) // 12
        parts.append(slice(max(int(found[0] - margin), 0), int(found[-1] + margin + 1)))
    return parts[0], parts[1]


def _middle(item: FitEvidence) -> int:
    return item.slices[len(item.slices) // 2]


def _parameter(item: FitEvidence, summary: ParameterSummary, *, main: bool) -> _ParameterView:
    name, (factor, unit) = name_of(summary.name), shown_unit(summary.unit)
    label = f"{name} [{unit}]" if unit else name
    row = (
        name,
        unit,
        amount(summary.median, summary.unit),
        spread(summary),
        amount(summary.median_standard_error, summary.unit, 2),
        f"{summary.n:,}",
    )
    if not summary.n:
        return _ParameterView(name=name, unit=unit, row=row, figures=())
    whole = item.maps.estimate(summary.name) * np.float32(factor)
    values = whole[_cut(item)]
    chosen = item.slices if main else (_middle(item),)
    window = robust_window(_sure(item, summary, values)[:, :, list(chosen)])
    figures = [
        _Figure(
            title=label,
            note=f"slice {k + 1}",
            drawing=map_slice(values[:, :, k], window, _aspect(item), f"{label}, slice {k + 1}"),
        )
        for k in chosen
    ]
    figures += _error_figure(item, summary, factor, label)
    figures.append(
        _Figure(
            title="Histogram",
            note="all slices",
            drawing=histogram(whole, window, summary.median * factor, label),
        )
    )
    return _ParameterView(name=name, unit=unit, row=row, figures=tuple(figures))


def _sure(
    item: FitEvidence, summary: ParameterSummary, values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return values without those that are as uncertain as they are large; all if none is left.

    They are drawn all the same; only the scale is made without them.
    """
    cut = _cut(item)
    error = np.abs(item.maps.standard_error(summary.name)[cut])
    relative = error / np.maximum(np.abs(item.maps.estimate(summary.name)[cut]), 1e-30)
    left = np.where(relative > 0.5, np.float32(np.nan), values)
    return left if np.isfinite(left[:, :, list(item.slices)]).any() else values


def _error_figure(
    item: FitEvidence, summary: ParameterSummary, factor: float, label: str
) -> list[_Figure]:
    k = _middle(item)
    errors = item.maps.standard_error(summary.name)[:, :, k][_cut(item)] * np.float32(factor)
    if not np.isfinite(errors).any():
        return []
    words = f"Standard error of {label}"
    drawing = map_slice(errors, robust_window(errors, 0.0), _aspect(item), words)
    return [_Figure(title=words, note=f"slice {k + 1}", drawing=drawing)]


def _quality(item: FitEvidence) -> tuple[_Figure, ...]:
    k, aspect, maps, cut = _middle(item), _aspect(item), item.maps, _cut(item)
    first_i, first_j = cut[0].start or 0, cut[1].start or 0
    marks = tuple(
        (_letter(number), float(curve.voxel[0] - first_i), float(curve.voxel[1] - first_j))
        for number, curve in enumerate(item.curves)
        if curve.voxel[2] == k
    )
    note = f"slice {k + 1}"
    figures = [
        _Figure(
            title=f"Image, {item.image_label}",
            note=note,
            drawing=grey_slice(item.image[:, :, k][cut], aspect, "the brightest volume"),
        ),
        _Figure(
            title="Status", note=note, drawing=status_slice(maps.status[:, :, k][cut], aspect,
            "how the fit of each voxel ended", marks),
        ),
    ]  # fmt: skip
    if maps.residual_sd is not None and np.isfinite(maps.residual_sd[:, :, k]).any():
        residual = maps.residual_sd[:, :, k][cut]
        words = "Residual SD [signal units]"
        drawing = map_slice(residual, robust_window(residual, 0.0), aspect, words)
        figures.append(_Figure(title=words, note=note, drawing=drawing))
    return tuple(figures)


def _letter(number: int) -> str:
    return chr(ord("A") + number)


def _statuses(item: FitEvidence) -> tuple[_StatusRow, ...]:
    counts = item.maps.counts()
    total = sum(counts.values())
    return tuple(
        _StatusRow(
            color=STATUS_COLORS[status],
            name=status.words,
            meaning=STATUS_WORDS[status],
            count=f"{count:,}",
            share=percent(count, total),
        )
        for status, count in counts.items()
    )


def _curves(item: FitEvidence) -> tuple[_Figure, ...]:
    unit = item.summaries[0].unit
    name = name_of(item.summaries[0].name)
    figures = []
    for number, curve in enumerate(item.curves):
        words = f"{name} {with_error(curve.estimate, curve.standard_error, unit)}"
        i, j, k = curve.voxel
        drawing = curve_plot(curve, item.x_label, f"points and fit, {words}")
        note = f"column {i + 1}, row {j + 1}, slice {k + 1}"
        figures.append(_Figure(title=f"{_letter(number)}: {words}", note=note, drawing=drawing))
    return tuple(figures)
