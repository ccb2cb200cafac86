"""The lower part of the page: pictures, entries, acquisition, budgets, provenance."""

from __future__ import annotations

import dataclasses
import math

from qiqa.core.evidence import Evidence
from qiqa.core.measurement import BudgetLine, Measurement
from qiqa.core.pose import PhantomPose
from qiqa.core.protocol import Entry
from qiqa.core.result import ExamSeries, QcResult
from qiqa.core.scanner import Acquisition, Reconstruction
from qiqa.core.series import SourceFile
from qiqa.report.numbers import decimals, fixed, plain_number, unit_text
from qiqa.report.pictures import ROLE_WORDS, picture
from qiqa.report.plots import plot
from qiqa.report.series_names import series_names
from qiqa.report.shown import shown
from qiqa.report.summary import Row
from qiqa.report.text import basename, listing, short_hash
from qiqa.report.wording import wording

__all__ = [
    "Budget",
    "EntryBox",
    "File",
    "Picture",
    "SeriesFacts",
    "acquisition_facts",
    "budgets",
    "entry_boxes",
    "files",
    "pictures",
    "series_facts",
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One evidence: drawing, plots, and the values that rest on it."""

    title: str
    subtitle: str
    image: str
    plots: tuple[str, ...]
    values: tuple[Row, ...]
    caption: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EntryBox:
    """A question to a person, with the answer or room to write one."""

    question: str
    value: str | None
    unit: str
    choices: tuple[str, ...]
    required: bool
    note: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFacts:
    """How one series was acquired and where the phantom was found in it."""

    role: str
    description: str
    parameters: tuple[tuple[str, str], ...]
    reconstruction: tuple[tuple[str, str], ...]
    pose: str
    deviations: tuple[str, ...]
    failure: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Where the uncertainty of one value comes from."""

    title: str
    series: str
    lines: tuple[str, ...]
    combined: str
    algorithm: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file and the hash that proves which."""

    name: str
    short: str
    sha256: str


def pictures(result: QcResult, rows: list[Row]) -> list[Picture]:
    """Return every evidence as drawings, each with the rows of the values it shows."""
    names = series_names(result.series)
    by_uid = {series.series_uid: names.get(series.stack, series.role) for series in result.series}
    return [
        _picture(item, names.get(item.stack or "", by_uid.get(item.series_uid, "")), rows)
        for item in result.evidence
    ]


def _picture(item: Evidence, role: str, rows: list[Row]) -> Picture:
    shown = tuple(
        row
        for row in rows
        if row.cells.name in item.measurements and (not role or row.cells.series == role)
    )
    where = f"slice {item.slice}"
    place = [role, "" if item.slice is None or where in item.title else where]
    subtitle = ", ".join(part for part in place if part)
    label = f"{item.title}, {subtitle}. {_drawn(item)}"
    plots = [
        plot(one, f"{item.title}, plot {index} of {len(item.plots)}: {one.y_label}, {one.x_label}")
        for index, one in enumerate(item.plots, start=1)
    ]
    return Picture(
        title=item.title,
        subtitle=subtitle,
        image=picture(item, label),
        plots=tuple(drawing for drawing in plots if drawing),
        values=shown,
        caption=item.caption or "",
    )


def _drawn(item: Evidence) -> str:
    """Say in words what is drawn on the image."""
    texts = []
    for role, words in ROLE_WORDS.items():
        shapes = [shape for shape in item.shapes if shape.role == role]
        if shapes:
            labels = [shape.label for shape in shapes if shape.label]
            named = f" ({listing(labels, most=6)})" if labels else ""
            texts.append(f"{len(shapes)} marked as {words}{named}")
    return f"Drawn on it: {'; '.join(texts)}." if texts else "Nothing is drawn on it."


def entry_boxes(result: QcResult) -> list[EntryBox]:
    """Return what the protocol asks a person, answered or not."""
    given = dict(result.entries)
    return [_entry_box(entry, given.get(entry.id)) for entry in result.protocol.entry]


def _entry_box(entry: Entry, value: str | None) -> EntryBox:
    return EntryBox(
        question=entry.question,
        value=value or None,
        unit=unit_text(entry.unit or ""),
        choices=entry.choices,
        required=entry.required,
        note=entry.note or "",
    )


def series_facts(result: QcResult) -> list[SeriesFacts]:
    """Return how each series was acquired, in words; only what the headers state."""
    names = series_names(result.series)
    return [_series_facts(item, names.get(item.stack, item.role)) for item in result.series]


def _series_facts(series: ExamSeries, name: str) -> SeriesFacts:
    return SeriesFacts(
        role=name,
        description=series.description or "",
        parameters=tuple(acquisition_facts(series.acquisition, series.voxel_size_mm)),
        reconstruction=tuple(_reconstruction_facts(series.acquisition.reconstruction)),
        pose=_pose_text(series),
        deviations=series.deviations,
        failure=series.failure or "",
    )


def acquisition_facts(
    a: Acquisition, voxel_size_mm: tuple[float, float, float]
) -> list[tuple[str, str]]:
    """Return label and value of each acquisition parameter that is stated."""
    number = plain_number
    pairs = [
        ("Sequence", a.sequence),
        ("TR / TE", _joined(" / ", a.tr_ms, a.te_ms, "ms")),
        ("TI", _with_unit(a.ti_ms, "ms")),
        ("Flip angle", _with_unit(a.flip_angle_deg, "°")),
        ("Echo train", None if a.echo_train_length in (None, 1) else str(a.echo_train_length)),
        ("Averages", None if a.averages is None else number(a.averages)),
        ("Slice / spacing", _joined(" / ", a.slice_thickness_mm, a.slice_spacing_mm, "mm")),
        ("FOV", None if a.fov_mm is None else _joined(" × ", *a.fov_mm, "mm")),
        ("Matrix", None if a.matrix is None else f"{a.matrix[0]} × {a.matrix[1]}"),
        ("Acquired", None if a.matrix_acquired is None else _times(a.matrix_acquired)),
        ("Pixel", _joined(" × ", voxel_size_mm[0], voxel_size_mm[1], "mm")),
        ("Phase along", {"ROW": "rows", "COL": "columns"}.get(a.phase_encode_direction or "")),
        ("Bandwidth", _with_unit(a.pixel_bandwidth_hz, "Hz per pixel")),
        ("Acceleration", None if a.acceleration in (None, 1.0) else number(a.acceleration or 1.0)),
        ("Coil", " ".join(part for part in (a.coil, a.coil_elements) if part)),
        ("Transmit gain", a.transmit_gain),
        ("Table", _with_unit(a.table_position_mm, "mm")),
        ("Position", a.patient_position),
        ("Temperature", _with_unit(a.temperature_degc, "°C")),
        ("Started", None if a.acquired_at is None else f"{a.acquired_at:%Y-%m-%d %H:%M:%S}"),
    ]
    return [(label, value) for label, value in pairs if value]


def _with_unit(value: float | None, unit: str) -> str | None:
    return None if value is None else f"{plain_number(value)} {unit}"


def _joined(mark: str, first: float | None, second: float | None, unit: str) -> str | None:
    if first is None and second is None:
        return None
    shown = mark.join("?" if x is None else plain_number(x) for x in (first, second))
    return f"{shown} {unit}"


def _times(pair: tuple[int, int]) -> str:
    return f"{pair[0]} × {pair[1]}"


def _reconstruction_facts(state: Reconstruction) -> list[tuple[str, str]]:
    yes_no = {True: "yes", False: "no"}
    pairs = [
        ("Intensity normalization", state.intensity_normalization),
        ("Distortion correction", state.distortion_correction),
        ("Filter", state.image_filter),
        ("Interpolation", None if state.interpolation is None else yes_no[state.interpolation]),
        ("Learned reconstruction", state.learned),
        ("Coil combination", state.combine_mode),
    ]
    stated = [(label, value) for label, value in pairs if value]
    silent = [label.lower() for label, value in pairs if not value]
    return [*stated, ("Not stated:", ", ".join(silent))] if silent else stated


def _pose_text(series: ExamSeries) -> str:
    pose = series.pose
    if pose is None:
        return "phantom not found in this series"
    if pose.labels != "none":
        return _arrangement_text(pose)
    found = f"phantom found with score {pose.score:.2f}"
    shift = pose.offset_mm
    parts = [
        f"{found} (next best: {pose.runner_up}, {pose.runner_up_score:.2f})",
        f"turned by {pose.rotation_deg:+.1f}°",
        f"tilted by {pose.tilt_deg[0]:+.1f}° and {pose.tilt_deg[1]:+.1f}°",
        f"off center by {shift[0]:+.1f} and {shift[1]:+.1f} mm, along the axis {shift[2]:+.1f} mm",
        f"wall residual {pose.residual_mm:.2f} mm",
    ]
    if pose.mirrored:
        parts.append("images are mirrored")
    if pose.reversed_order:
        parts.append("slice 11 comes first")
    if pose.symmetry != "none":
        parts.append(f"ambiguity left: {pose.symmetry}")
    if pose.overrides:
        parts.append(f"set by hand: {listing(list(pose.overrides), most=6)}")
    return "; ".join(parts)


_LABELS = {
    "independent": "labels rest on geometry, not on values",
    "by_values": "labels were chosen by the values: no evidence for them",
    "unresolved": "which insert is which is open",
}


def _arrangement_text(pose: PhantomPose) -> str:
    """Return in words what was seen of an arrangement and what its labels rest on."""
    parts = [
        f"inserts found with score {pose.score:.2f} (next best {pose.runner_up_score:.2f})",
        f"turned by {pose.rotation_deg:+.1f}°",
        _LABELS[pose.labels],
        *pose.evidence,
    ]
    if pose.symmetry != "none":
        parts.append(f"ambiguity left: {pose.symmetry}")
    return "; ".join(parts)


def budgets(result: QcResult) -> list[Budget]:
    """Return the budget of each measured value that has one."""
    names = series_names(result.series)
    return [
        _budget(shown(item).measurement, names)
        for item in result.assessments
        if item.measurement.measured and item.measurement.budget
    ]


def _budget(m: Measurement, names: dict[str, str]) -> Budget:
    unit = unit_text(m.unit)
    largest = max((b.standard_uncertainty for b in m.budget), default=0.0)
    lines = []
    for b in sorted(m.budget, key=lambda b: -b.standard_uncertainty):
        lines.append(_line(b, largest))
    for b in sorted(m.reference_budget, key=lambda b: -b.standard_uncertainty):
        lines.append(f"of the reference: {_line(b, largest)}")
    return Budget(
        title=wording(m.name, m.insert).title,
        series=names.get(m.stack or "", m.role or ""),
        lines=tuple(lines),
        combined=_combined(m, unit),
        algorithm=m.algorithm,
    )


def _line(b: BudgetLine, largest: float) -> str:
    size = b.standard_uncertainty
    shown = fixed(size, decimals(size)) if size > largest / 1000 else "below 0.1 %"
    if math.isnan(size):
        shown = "unknown"
    freedom = f", {b.degrees_of_freedom:.3g} df" if math.isfinite(b.degrees_of_freedom) else ""
    note = f": {b.note}" if b.note else ""
    return f"{b.name} {shown} ({b.evaluation}{freedom}){note}"


def _combined(m: Measurement, unit: str) -> str:
    u = m.standard_uncertainty
    if math.isnan(u) or u <= 0:
        return ""
    text = f"u = {fixed(u, decimals(u))} {unit}".strip()
    interval = m.interval
    if interval is not None and interval.kind == "continuous":
        half = max(interval.high - m.value, m.value - interval.low)
        if math.isfinite(half):
            text += f", k = {half / u:.2f}"
    if math.isfinite(m.degrees_of_freedom):
        text += f" ({m.degrees_of_freedom:.3g} df)"
    if m.reference is not None and m.reference_budget:
        both = math.hypot(u, m.reference.standard_uncertainty)
        if math.isfinite(both):
            text += f"; of the departure u = {fixed(both, decimals(both))} {unit}"
    return text


def files(items: tuple[SourceFile, ...]) -> list[File]:
    """Return files by their last name only, each with its hash."""
    return [
        File(name=basename(item.path), short=short_hash(item.sha256), sha256=item.sha256)
        for item in items
    ]
