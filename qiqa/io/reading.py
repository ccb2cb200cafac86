"""`read`: headers of everything behind some paths, put together to series; no pixels."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Container, Sequence
from pathlib import Path

from qiqa.core.contents import Contents
from qiqa.core.errors import ReadError
from qiqa.core.finding import Finding, Severity
from qiqa.core.series import SeriesHeader
from qiqa.io.copies import settle
from qiqa.io.dicomfile import DicomFile, NotDicom, open_header
from qiqa.io.frames import planes_of
from qiqa.io.headers import consistency, series_header
from qiqa.io.kinds import other_kind
from qiqa.io.loading import PixelDigest
from qiqa.io.nifti import is_nifti, nifti_header
from qiqa.io.pixels import layout
from qiqa.io.plane import Plane
from qiqa.io.sources import Archives, Blob, walk
from qiqa.io.stacking import groups, stacks

__all__ = ["read"]


@dataclasses.dataclass(slots=True)
class _Tally:
    """What came along while files were opened."""

    planes: list[Plane] = dataclasses.field(default_factory=list)
    nifti: list[SeriesHeader] = dataclasses.field(default_factory=list)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    ignored: dict[str, list[str]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(list)
    )
    n_files: int = 0
    n_unreadable: int = 0

    def unreadable(self, error: ReadError, code: str = "unreadable_file") -> None:
        """Note a file that should be an image and is none."""
        self.n_unreadable += 1
        self.findings.append(
            Finding(
                code=code,
                severity=Severity.ERROR,
                message=error.message,
                where=error.where,
                hint=error.hint or "export the file again",
            )
        )


def read(
    paths: str | Path | Sequence[str | Path], *, only: Container[str] | None = None
) -> Contents:
    """Return the series behind `paths`: folders, files, zip archives, in any mixture.

    Only headers are read, except where two files claim to be the same image. File names,
    suffixes and instance numbers decide nothing. What is no image is counted; what is damaged
    becomes a finding, and the rest goes on.

    Parameters
    ----------
    paths
        What to read.
    only
        Names of the files and members (`archive: member`) to be opened; all where it is None.

    Raises
    ------
    ReadError
        If a path given does not exist.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    with Archives() as archives:
        tally = _Tally()
        for item in walk(given, archives):
            if only is not None and isinstance(item, Blob) and item.name not in only:
                continue
            tally.n_files += 1
            if isinstance(item, ReadError):
                tally.unreadable(item)
            else:
                _take(item, archives, tally)
        stacked, findings = _assemble(tally.planes, PixelDigest(archives))
    headers = sorted([*stacked, *tally.nifti], key=_order)
    return Contents(
        headers=tuple(headers),
        findings=(*tally.findings, *findings),
        n_files=tally.n_files,
        n_images=sum(h.shape[2] * h.shape[3] for h in headers),
        n_ignored=sum(len(names) for names in tally.ignored.values()),
        n_unreadable=tally.n_unreadable,
        ignored=tuple(
            f"{len(names)} {kind} ({', '.join(names[:2])}{', ...' if len(names) > 2 else ''})"
            for kind, names in sorted(tally.ignored.items())
        ),
    )


def _take(blob: Blob, archives: Archives, tally: _Tally) -> None:
    """Open one file and note what it is."""
    try:
        file = open_header(blob, archives)
    except NotDicom:
        _take_other(blob, archives, tally)
        return
    except ReadError as error:
        tally.unreadable(error)
        return
    kind = _other_kind(file)
    if kind is not None:
        tally.ignored[kind].append(blob.short_name)
        return
    if file.pixels is None:
        tally.unreadable(ReadError("an image without pixels", where=blob.name), "no_pixel_data")
        return
    try:
        planes = planes_of(file, blob)
    except ReadError as error:
        tally.unreadable(error)
        return
    try:
        layout(file, blob.name)
    except ReadError as error:
        tally.unreadable(error, "truncated_pixels")
        return
    tally.planes += planes


def _take_other(blob: Blob, archives: Archives, tally: _Tally) -> None:
    """Note a file that is not DICOM: NIfTI is read, anything else counted."""
    try:
        if not is_nifti(blob, archives):
            tally.ignored["not DICOM"].append(blob.short_name)
            return
        tally.nifti.append(nifti_header(blob, archives))
    except ReadError as error:
        tally.unreadable(error)


def _other_kind(file: DicomFile) -> str | None:
    """Return what a DICOM file is if it is no image to be measured."""
    header = file.header
    return other_kind(
        header.text("SOPClassUID") or "",
        pixels=file.pixels is not None,
        geometry="ImagePositionPatient" in header or "SharedFunctionalGroupsSequence" in header,
        samples=header.whole("SamplesPerPixel") or 1,
    )


def _assemble(planes: list[Plane], digest: PixelDigest) -> tuple[list[SeriesHeader], list[Finding]]:
    headers: list[SeriesHeader] = []
    findings: list[Finding] = []
    for group in groups(planes):
        parts, about_copies = settle(group, digest)
        findings += about_copies
        for copy, part in parts:
            found, about_stacks = stacks(part)
            findings += about_stacks
            for stack in found:
                findings += consistency(stack)
                headers.append(series_header(stack, copy))
    return headers, findings


def _order(header: SeriesHeader) -> tuple[object, ...]:
    """Order of series: as acquired, then by everything that tells them apart."""
    moment = header.acquisition.acquired_at
    return (
        moment is None,
        "" if moment is None else moment.isoformat(),
        header.series_uid,
        header.copy or "",
        tuple(header.affine.ravel()),
        header.encoding.values,
    )
