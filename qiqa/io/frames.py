"""From a DICOM file to its planes: classic, multi-frame and mosaic alike."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from types import ModuleType

from qiqa.core.errors import ReadError
from qiqa.core.series import FrameSource
from qiqa.io import dialects
from qiqa.io.dicomfile import DicomFile
from qiqa.io.elements import Element
from qiqa.io.facts import scanner_of
from qiqa.io.header import Header
from qiqa.io.plane import Origin, Plane, Vector
from qiqa.io.sources import Blob

__all__ = ["LARGEST_SIDE", "MOST_FRAMES", "frame_headers", "planes_of"]

LARGEST_SIDE = 16384
MOST_FRAMES = 200_000
_MOSAICS = frozenset({"MOSAIC", "VFRAME"})
"""Values of Image Type that say several slices share one image."""


def frame_headers(header: Header) -> Iterator[Header]:
    """Yield one header a frame: the functional groups laid over the common attributes.

    A classic object is its own only frame. Of the groups, the per-frame ones win over the
    shared ones, and those over the top level (PS3.3 C.7.6.16).
    """
    per_frame = header.items("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        yield header
        return
    shared = header.items("SharedFunctionalGroupsSequence")
    base = dict(header.elements)
    if shared:
        base.update(_flat(shared[0]))
    for group in per_frame:
        yield Header({**base, **_flat(group)}, header.charset)


def _flat(group: Header) -> dict[int, Element]:
    """Return the elements of a functional group and of the first item of its public macros."""
    flat = dict(group.elements)
    for tag in group.elements:
        if tag >> 16 & 1:
            continue
        items = group.items(tag)
        if items:
            flat.update(items[0].elements)
            for direction in items[0].items("DiffusionGradientDirectionSequence"):
                flat.update(direction.elements)
    return flat


def planes_of(file: DicomFile, blob: Blob) -> list[Plane]:
    """Return all planes of a file that has pixels.

    Raises
    ------
    ReadError
        If sizes are impossible, or an MR image states no geometry.
    """
    header = file.header
    dialect_name, dialect = dialects.of(header)
    origin = Origin(
        series_uid=header.text("SeriesInstanceUID") or f"no UID: {blob.name}",
        study_uid=header.text("StudyInstanceUID"),
        frame_of_reference_uid=header.text("FrameOfReferenceUID"),
        description=header.text("SeriesDescription") or header.text("ProtocolName"),
        modality=header.text("Modality"),
        scanner=scanner_of(header),
        dialect=dialect_name,
        series_number=header.whole("SeriesNumber"),
    )
    check_sizes(header, blob.name)
    per_frame = tuple(frame_headers(header))
    n_frames = header.whole("NumberOfFrames") or 1
    mosaic = dialects.mosaic(dialect, header)
    if mosaic is None and _MOSAICS.intersection(header.texts("ImageType")):
        text = "a mosaic of slices, but the header no longer says how many and where"
        hint = "export the series again without removing private attributes"
        raise ReadError(text, where=blob.name, hint=hint)
    if mosaic is not None:
        _check_mosaic(header, mosaic, blob.name)
        first = mosaic.positions[0] if mosaic.positions else None
        plane = _plane(per_frame[0], 0, blob, origin, dialect, first)
        return [_tile(plane, index, mosaic) for index in range(mosaic.n_tiles)]
    if len(per_frame) != n_frames:
        text = f"{n_frames} frames are announced and {len(per_frame)} described"
        raise ReadError(text, where=blob.name)
    return [_plane(item, i, blob, origin, dialect) for i, item in enumerate(per_frame)]


def check_sizes(header: Header, name: str) -> None:
    """Refuse sizes that no image has, before anything is allocated.

    Raises
    ------
    ReadError
        Naming the attribute and its value.
    """
    limits = {"Rows": LARGEST_SIDE, "Columns": LARGEST_SIDE, "NumberOfFrames": MOST_FRAMES}
    for keyword, most in limits.items():
        value = header.whole(keyword)
        if value is None and (keyword != "NumberOfFrames" or keyword in header):
            raise ReadError(f"{keyword} is missing or no number", where=name)
        if value is not None and not 1 <= value <= most:
            raise ReadError(f"{keyword} is {value}, allowed are 1 to {most}", where=name)


def _check_mosaic(header: Header, mosaic: dialects.Mosaic, name: str) -> None:
    rows, columns = header.whole("Rows") or 0, header.whole("Columns") or 0
    grid = mosaic.grid
    fits = 1 <= mosaic.n_tiles <= grid[0] * grid[1] <= MOST_FRAMES
    if not fits or rows % grid[0] or columns % grid[1]:
        text = f"{mosaic.n_tiles} tiles in a grid of {grid} do not fit {rows} x {columns} pixels"
        raise ReadError(text, where=name)


def _plane(
    header: Header,
    frame: int,
    blob: Blob,
    origin: Origin,
    dialect: ModuleType,
    position: tuple[float, ...] | None = None,
) -> Plane:
    position = header.numbers("ImagePositionPatient") if position is None else position
    orientation = header.numbers("ImageOrientationPatient")
    spacing = header.numbers("PixelSpacing")
    if len(position) != 3 or len(orientation) != 6 or len(spacing) != 2 or min(spacing) <= 0:
        text = "position, orientation or pixel spacing is missing or malformed"
        raise ReadError(text, where=blob.name)
    rows, columns = header.whole("Rows"), header.whole("Columns")
    if rows is None or columns is None:
        raise ReadError("Rows or Columns is missing", where=blob.name)
    return Plane(
        source=FrameSource(
            path=blob.path,
            member=blob.member,
            frame=frame,
            sop_instance_uid=header.text("SOPInstanceUID"),
        ),
        origin=origin,
        reading=dialects.reading(dialect, header),
        position=(position[0], position[1], position[2]),
        row=_unit(orientation[:3], blob.name),
        column=_unit(orientation[3:], blob.name),
        spacing=(spacing[0], spacing[1]),
        rows=rows,
        columns=columns,
        stack=header.text("StackID") if "PerFrameFunctionalGroupsSequence" in header else None,
        order=_order(header, frame),
    )


def _unit(vector: tuple[float, ...], name: str) -> Vector:
    length = math.sqrt(sum(value * value for value in vector))
    if not 0.9 < length < 1.1:
        raise ReadError(f"orientation vector of length {length:.3g}, it must be 1", where=name)
    x, y, z = (value / length for value in vector)
    return (x, y, z)


def _order(header: Header, frame: int) -> tuple[float, ...]:
    temporal = header.number("TemporalPositionIndex") or header.number("TemporalPositionIdentifier")
    keys = (temporal, header.number("AcquisitionNumber"), header.number("InstanceNumber"), frame)
    return tuple(-1.0 if key is None else float(key) for key in keys)


def _tile(plane: Plane, index: int, mosaic: dialects.Mosaic) -> Plane:
    """Return one tile of a mosaic as a plane of its own."""
    rows, columns = plane.rows // mosaic.grid[0], plane.columns // mosaic.grid[1]
    first = mosaic.positions[index] if mosaic.positions else _corner(plane, index, mosaic)
    acquisition = dataclasses.replace(
        plane.reading.acquisition,
        matrix=(columns, rows),
        fov_mm=(columns * plane.spacing[1], rows * plane.spacing[0]),
    )
    return dataclasses.replace(
        plane,
        source=dataclasses.replace(plane.source, frame=index),
        reading=dataclasses.replace(plane.reading, acquisition=acquisition),
        position=first,
        rows=rows,
        columns=columns,
    )


def _corner(plane: Plane, index: int, mosaic: dialects.Mosaic) -> Vector:
    """Return the true corner of a tile.

    The header's position is where the corner of one slice as large as the whole mosaic would
    be, with the same center as the true slice: half of the difference leads back.
    """
    half_rows = (plane.rows - plane.rows // mosaic.grid[0]) / 2 * plane.spacing[0]
    half_columns = (plane.columns - plane.columns // mosaic.grid[1]) / 2 * plane.spacing[1]
    step = index * mosaic.spacing_mm
    x, y, z = (
        p + r * half_columns + c * half_rows + n * step
        for p, r, c, n in zip(plane.position, plane.row, plane.column, mosaic.normal, strict=True)
    )
    return (x, y, z)
