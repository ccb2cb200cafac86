"""The series of an exam: loaded, the phantom found in them, their role in the protocol."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import LocateError, QiqaError
from qiqa.core.exam import Exam
from qiqa.core.finding import Finding, Severity
from qiqa.core.pose import Override
from qiqa.core.protocol import Protocol
from qiqa.core.result import ExamSeries
from qiqa.core.series import Series, SeriesHeader, SourceFile
from qiqa.io.loading import load
from qiqa.locate import locate
from qiqa.measure import StackView, View
from qiqa.workflows.noticed import about_pose, off_protocol
from qiqa.workflows.roles import OTHER, deviations, echo_times, role_of, volume_of, wrong_count

__all__ = ["Located", "LocatedSeries", "exam_series", "locate_all", "not_used"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocatedSeries:
    """A series in which the phantom was found."""

    view: View
    deviations: tuple[str, ...]
    """How the settings differ from the protocol."""
    wrong_count: str | None = None
    """That slices are missing or too many, in words."""

    @property
    def name(self) -> str:
        """Words for a person."""
        return _name(self.view.series.header)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Located:
    """All series of an exam after looking for the phantom."""

    found: tuple[LocatedSeries, ...]
    series: tuple[ExamSeries, ...]
    """Those with the phantom, then those without."""
    findings: tuple[Finding, ...]
    sources: tuple[SourceFile, ...]
    """Every file that was read for it, once; also of series without the phantom."""

    @property
    def failed(self) -> tuple[ExamSeries, ...]:
        """Series in which the phantom was not found or that could not be loaded."""
        return tuple(item for item in self.series if item.pose is None)


def locate_all(
    exam: Exam,
    phantom: CylinderPhantom,
    protocol: Protocol,
    override: Override,
    progress: Callable[[str], None],
) -> Located:
    """Load every series of an exam and find the phantom in it.

    Maps and other images that the scanner computed are left aside. A series that cannot be
    loaded, or does not show the phantom, takes no other down.
    """
    found: list[LocatedSeries] = []
    failed: list[ExamSeries] = []
    findings: list[Finding] = []
    sources: dict[SourceFile, None] = {}
    for header in exam.headers:
        if header.derived:
            continue
        progress(f"looking for the phantom in {_name(header)}")
        try:
            series = load(header)
            sources.update(dict.fromkeys(series.sources))
            item = _locate_one(series, phantom, protocol, override)
        except QiqaError as error:
            failed.append(exam_series(header, failure=error.message))
            findings.append(not_used(header, error))
            continue
        except Exception as error:  # noqa: BLE001 - one odd series must not take the exam down; it is reported
            failed.append(exam_series(header, failure=f"{type(error).__name__}: {error}"))
            findings.append(_fault(header, error))
            continue
        found.append(item)
        if item.deviations:
            findings.append(
                off_protocol(item.view.role, item.deviations, item.name, header.series_uid)
            )
        findings += about_pose(item.view.pose, phantom, item.name, header.series_uid)
    return Located(
        found=tuple(found),
        series=(*(_located_series(item) for item in found), *failed),
        findings=tuple(findings),
        sources=tuple(sources),
    )


def _locate_one(
    series: Series, phantom: CylinderPhantom, protocol: Protocol, override: Override
) -> LocatedSeries:
    pose = locate(series, phantom, override)
    role, expected = role_of(series.header, pose.kind, protocol)
    volume = volume_of(series.header, expected)
    view = StackView(series, pose, phantom, role, volume)
    return LocatedSeries(
        view=view,
        deviations=deviations(series.header, expected, volume),
        wrong_count=wrong_count(series.header, expected),
    )


def _name(header: SeriesHeader) -> str:
    return header.description or header.series_uid


def _located_series(item: LocatedSeries) -> ExamSeries:
    view = item.view
    plain = exam_series(view.series.header)
    differs = item.deviations + ((item.wrong_count,) if item.wrong_count else ())
    te_ms = echo_times(view.series.header)[view.volume]
    acquisition = dataclasses.replace(plain.acquisition, te_ms=te_ms)
    return dataclasses.replace(
        plain, role=view.role, pose=view.pose, deviations=differs, acquisition=acquisition
    )


def exam_series(header: SeriesHeader, failure: str | None = None) -> ExamSeries:
    """Return a series of the exam without a pose."""
    return ExamSeries(
        series_uid=header.series_uid,
        stack=header.key,
        role=OTHER,
        description=header.description,
        acquisition=header.acquisition,
        shape=header.shape,
        voxel_size_mm=header.voxel_size_mm,
        deviations=(),
        pose=None,
        failure=failure,
    )


def not_used(header: SeriesHeader, error: QiqaError) -> Finding:
    """Return the finding that a series was left aside, and why."""
    located = isinstance(error, LocateError)
    return Finding(
        code="phantom_not_found" if located else "series_not_loaded",
        severity=Severity.WARNING if located else Severity.ERROR,
        message=error.message,
        where=_name(header),
        hint=error.hint,
        series_uid=header.series_uid,
    )


def _fault(header: SeriesHeader, error: Exception) -> Finding:
    return Finding(
        code="locate_failed",
        severity=Severity.ERROR,
        message=f"looking for the phantom failed: {type(error).__name__}: {error}",
        where=_name(header),
        hint="please report this with the images; the other series stand",
        series_uid=header.series_uid,
    )
