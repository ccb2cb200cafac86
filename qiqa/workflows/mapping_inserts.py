"""Series of an exam of an arrangement: collected, located together, mapped inside the inserts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.arrangement import Arrangement
from qiqa.core.errors import LocateError, QiqaError
from qiqa.core.exam import Exam
from qiqa.core.finding import Finding
from qiqa.core.maps import ParameterMaps
from qiqa.core.pose import PhantomPose
from qiqa.core.protocol import ExpectedSeries, Protocol
from qiqa.core.result import ExamSeries
from qiqa.core.series import Series, SeriesHeader, SourceFile
from qiqa.geometry.inside import touching
from qiqa.io.collecting import COLLECTED, collect
from qiqa.io.loading import load
from qiqa.locate import locate_together
from qiqa.locate.arrangement import MOST_SLICES
from qiqa.measure import Conditions, InsertView, insert_body, insert_grid
from qiqa.workflows.choosing_model import choose
from qiqa.workflows.labeling import labeled
from qiqa.workflows.locating import Located, LocatedSeries, exam_series, not_used
from qiqa.workflows.parts import parts
from qiqa.workflows.pooled import POOLED, PROFILED, pooled
from qiqa.workflows.roles import OTHER
from qiqa.workflows.scanner_maps import with_scanner_maps

__all__ = ["conditions_of", "locate_inserts", "mapped_views"]

_THERMOMETER_DEGC = 0.5
"""Standard uncertainty of an entered temperature, where none is entered with it."""


def conditions_of(
    protocol: Protocol, entries: Mapping[str, str], field_strength_t: float | None
) -> Conditions:
    """Return what certified values depend on: as entered, or what the protocol assumes."""
    given = entries.get("temperature")
    if given is not None:
        own = entries.get("temperature_uncertainty")
        degc, u = float(given), float(own or _THERMOMETER_DEGC)
        read = entries.get("temperature_source")
        source = f"entered, by {read}" if read else "entered"
    elif protocol.assumed_degc is not None:
        low, high = protocol.assumed_degc
        degc, u = (low + high) / 2, (high - low) / math.sqrt(12)
        source = f"not entered: anywhere from {low:g} to {high:g} °C"
    else:
        return Conditions(serial=entries.get("phantom_unit"), field_strength_t=field_strength_t)
    return Conditions(
        serial=entries.get("phantom_unit"),
        temperature_degc=degc,
        temperature_uncertainty_degc=u,
        temperature_source=source,
        field_strength_t=field_strength_t,
    )


def locate_inserts(
    exam: Exam,
    phantom: Arrangement,
    protocol: Protocol,
    conditions: Conditions,
    progress: Callable[[str], None],
) -> Located:
    """Collect and load the series of an exam, find the phantom in all of them, and fit maps.

    A series that cannot be loaded or fitted, or does not show the phantom, takes no other down.
    """
    headers, findings = collect(exam.headers)
    failed: list[ExamSeries] = []
    notes = list(findings)
    loaded: list[Series] = []
    for header in headers:
        if header.component in _MAPS or (
            header.shape[2] > MOST_SLICES and not _seen_in_volume(phantom)
        ):
            continue
        progress(f"loading {_name(header)}")
        try:
            loaded.append(load(header))
        except QiqaError as error:
            failed.append(exam_series(header, failure=error.message))
            notes.append(not_used(header, error))
    views, lost, said = mapped_views(loaded, phantom, protocol, conditions, progress)
    failed += lost
    notes += said
    views = with_scanner_maps(views, headers)
    found = tuple(LocatedSeries(view=view, deviations=()) for view in views)
    sources: dict[SourceFile, None] = {}
    for series in loaded:
        sources.update(dict.fromkeys(series.sources))
    return Located(
        found=found,
        series=(*(_located(view) for view in views), *failed),
        findings=tuple(notes),
        sources=tuple(sources),
    )


def mapped_views(
    loaded: Sequence[Series],
    phantom: Arrangement,
    protocol: Protocol,
    conditions: Conditions,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[list[InsertView], list[ExamSeries], list[Finding]]:
    """Find the phantom in all series of an exam together, fit maps, and settle the labels.

    Returns
    -------
    tuple
        Views with poses and maps, series in which the phantom was not found, and what is to be
        known.
    """
    progress("looking for the phantom")
    poses = locate_together(loaded, phantom)
    views: list[InsertView] = []
    failed: list[ExamSeries] = []
    notes: list[Finding] = []
    for series, pose in zip(loaded, poses, strict=True):
        if isinstance(pose, LocateError):
            failed.append(exam_series(series.header, failure=pose.message))
            notes.append(not_used(series.header, pose))
            continue
        role, expected = _role(series.header, protocol)
        kind = "certified" if expected is None else expected.reference
        view = InsertView(series, pose, phantom, role, conditions=conditions, reference=kind)
        if expected is not None and expected.maps is not None:
            progress(f"fitting {role}")
            view = dataclasses.replace(view, pose=_of_values(pose, phantom))
            try:
                maps, said = _mapped(series, view.pose, phantom, expected)
                view = dataclasses.replace(view, maps=maps)
                if maps.model in POOLED:
                    view = pooled(view, expected.window)
                notes += said
            except QiqaError as error:
                notes.append(not_used(series.header, error))
        views.append(view)
    views, said = labeled(views)
    notes += said
    for n, view in enumerate(views):
        if _is_train(view, protocol) and view.pose.labels != "unresolved":
            from qiqa.workflows.slice_profile import with_slice_profile  # compiled code

            progress(f"fitting the pulses of {view.role}")
            mask = _around(view.series, view.pose, phantom)
            views[n], chosen = with_slice_profile(view, views, mask)
            notes.append(chosen)
    return views, failed, notes


_ONE_EXPONENTIAL = "t2"
"""Reads T2 too long, but has a value for short ones, in their order."""
_MAPS = ("adc", "fa", "ev", "t1", "t2", "phase", "real", "imaginary")
"""Kinds of images that hold no magnitudes."""


def _of_values(pose: PhantomPose, phantom: Arrangement) -> PhantomPose:
    """Return a pose by fiducials as one of the inserts that hold values; others as they are."""
    marks = {group.name for group in phantom.group if group.fiducials}
    if pose.kind not in marks:
        return pose
    kept = tuple(item for item in pose.inserts if item.group not in marks)
    return dataclasses.replace(
        pose,
        kind="+".join(group.name for group in phantom.group if not group.fiducials),
        inserts=kept,
        alternatives=tuple(_of_values(one, phantom) for one in pose.alternatives),
    )


def _seen_in_volume(phantom: Arrangement) -> bool:
    """Say whether a volume can show where the phantom is: by fiducials, or by tubes."""
    return any(group.fiducials or group.shape == "tube" for group in phantom.group)


def _name(header: SeriesHeader) -> str:
    return header.description or header.series_uid


def _role(header: SeriesHeader, protocol: Protocol) -> tuple[str, ExpectedSeries | None]:
    """Return the role of a series by what was varied in it."""
    plain = header.encoding.name == "none"  # a volume without it shows places, but no values
    shape = "volume" if plain and header.shape[2] > MOST_SLICES else "inserts"
    for expected in protocol.series:
        if expected.orientation == shape and expected.encoding == header.encoding.name:
            return expected.role, expected
    return OTHER, None


def _mapped(
    series: Series, pose: PhantomPose, phantom: Arrangement, expected: ExpectedSeries
) -> tuple[ParameterMaps, list[Finding]]:
    """Fit the model that the protocol names, or the one that the acquisition calls for."""
    from qiqa.fitting import fit  # compiled code, which other phantoms do without

    assert expected.maps is not None  # noqa: S101 - the caller looked
    given, model = series, expected.model
    if model == PROFILED:
        model = _ONE_EXPONENTIAL  # to tell the order; trains are fitted when labels are settled
    notes: tuple[Finding, ...] = ()
    if model is None:
        choice = choose([series.header], expected.maps, where=_name(series.header))
        given = parts(series, choice.directions)[0].series
        model, notes = choice.model, choice.findings
    maps = fit(given, model, mask=_around(series, pose, phantom))
    return maps, [*notes, *maps.findings]


def _is_train(view: InsertView, protocol: Protocol) -> bool:
    """Say whether a series is a train of echoes that is to be fitted with its pulses."""
    header = view.series.header
    _, expected = _role(header, protocol)
    wanted = expected is not None and expected.model == PROFILED
    return wanted and view.maps is not None and not header.series_uid.startswith(COLLECTED)


def _around(series: Series, pose: PhantomPose, phantom: Arrangement) -> NDArray[np.bool_]:
    """Return the voxels of all inserts and their walls, wherever they may be."""
    header = series.header
    sizes = header.voxel_size_mm
    mask = np.zeros(header.shape[:3], dtype=bool)
    i, j = np.meshgrid(np.arange(header.shape[0]), np.arange(header.shape[1]), indexing="ij")
    for one in pose.alternatives or (pose,):
        solid = all(number is None for number in one.slice_numbers)
        for insert in one.inserts:
            group = phantom.find_group(insert.group)
            if solid:
                body = insert_body(header, one, insert, group)
                mask[touching(insert_grid(header), body)] = True
                continue
            r = group.outer_diameter_mm / 2
            ci, cj, ck = insert.center_voxel
            disk = np.hypot((i - ci) * sizes[0], (j - cj) * sizes[1]) <= r
            for k, number in enumerate(one.slice_numbers):
                own = number is not None and phantom.group[number - 1].name == insert.group
                near = group.shape == "tube" or abs(k - ck) <= 1
                if own and near:
                    mask[:, :, k] |= disk
    return mask


def _located(view: InsertView) -> ExamSeries:
    plain = exam_series(view.series.header)
    return dataclasses.replace(plain, role=view.role, pose=view.pose)
