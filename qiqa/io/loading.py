"""`load`: pixels of one series, on demand."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import ReadError
from qiqa.core.series import FrameSource, Series, SeriesHeader, SourceFile
from qiqa.io import dialects
from qiqa.io.dialects import Scale, generic
from qiqa.io.dicomfile import NotDicom, parse
from qiqa.io.elements import Truncated
from qiqa.io.frames import frame_headers
from qiqa.io.nifti import NiftiFile, open_nifti
from qiqa.io.pixels import Frames, frames
from qiqa.io.plane import Plane
from qiqa.io.sources import Archives, blob_at, gunzip

__all__ = ["PixelDigest", "load"]


@dataclasses.dataclass(frozen=True, slots=True)
class _Opened:
    """One file read whole."""

    frames: Frames
    scales: tuple[Scale, ...]
    """One a frame."""
    mosaic: dialects.Mosaic | None
    sha256: str

    @property
    def name(self) -> str:
        """Path for messages."""
        return self.frames.name

    @property
    def stored_range(self) -> tuple[float, float] | None:
        """Smallest and largest stored value, None for floating point."""
        return self.frames.layout.stored_range

    @property
    def decoder(self) -> str:
        """Library that unpacks the pixels; `none` for plain ones."""
        return self.frames.decoder

    def plane(self, index: int) -> tuple[NDArray[np.generic], Scale]:
        """Return stored values and scale of a frame, or of a tile of a mosaic."""
        if self.mosaic is None:
            return self.frames.stored(index), self.scales[index]
        whole = self.frames.stored(0)
        rows, columns = whole.shape[0] // self.mosaic.grid[0], whole.shape[1] // self.mosaic.grid[1]
        top, left = index // self.mosaic.grid[1] * rows, index % self.mosaic.grid[1] * columns
        return whole[top : top + rows, left : left + columns], self.scales[0]


def _open(path: str, member: str | None, archives: Archives, *, rescaled: bool = False) -> _Opened:
    blob = blob_at(path, member, archives)
    stored = blob.read(archives)
    data = gunzip(stored, blob.name) if stored[:2] == b"\x1f\x8b" else stored
    try:
        file = parse(data, blob.name, len(data))
    except (NotDicom, Truncated) as error:
        raise ReadError(f"no longer the image it was: {error}", where=blob.name) from error
    _, dialect = dialects.of(file.header)
    return _Opened(
        frames=frames(file, blob.name),
        scales=tuple(
            generic.scale(item) if rescaled else dialects.scale(dialect, item)
            for item in frame_headers(file.header)
        ),
        mosaic=dialects.mosaic(dialect, file.header),
        sha256=hashlib.sha256(stored).hexdigest(),
    )


def load(header: SeriesHeader, *, rescaled: bool = False) -> Series:
    """Return a series with its pixels.

    Each file is read once, hashed, unpacked and scaled: rescale slope and intercept frame by
    frame, or the vendor's own scale where its module says so (`Series.scale` names it). Memory
    holds the signal and one file at a time.

    Parameters
    ----------
    header
        Of the series.
    rescaled
        Scale by rescale slope and intercept alone, as every reader does, whoever the vendor is.

    Raises
    ------
    ReadError
        If a file has gone, changed, is cut short, or is packed in a way no installed decoder
        knows.
    """
    wanted: dict[tuple[str, str | None], list[tuple[int, int, FrameSource]]] = defaultdict(list)
    for n, volume in enumerate(header.frames):
        for k, source in enumerate(volume):
            wanted[source.path, source.member].append((n, k, source))
    opener: Callable[[str, str | None, Archives], _Opened | NiftiFile] = (
        open_nifti if header.dialect == "nifti" else functools.partial(_open, rescaled=rescaled)
    )
    columns, rows, n_slices, n_volumes = header.shape
    # numpy keeps the last index contiguous: (n, k, row, column) is (i, j, k, n) in Fortran order
    buffer = np.empty((n_volumes, n_slices, rows, columns), dtype=np.float32)
    sources: list[SourceFile] = []
    scales: list[tuple[Scale, tuple[float, float] | None]] = []
    decoder = "none"
    with Archives() as archives:
        for (path, member), uses in wanted.items():
            opened = opener(path, member, archives)
            for n, k, source in uses:
                stored, scale = opened.plane(source.frame)
                if stored.shape != (rows, columns):
                    text = f"frame {source.frame} is {stored.shape}, was {(rows, columns)}"
                    raise ReadError(text, where=opened.name)
                _fill(buffer[n, k], stored, scale)
                scales.append((scale, opened.stored_range))
            decoder = opened.decoder
            sources.append(SourceFile(path=opened.name, sha256=opened.sha256))
            del opened, stored  # before the next file is read
    return Series(
        header=header,
        signal=buffer.transpose(3, 2, 1, 0),
        sources=tuple(sources),
        stored_range=_stored_range(scales),
        quantization=max(0.0 if limits is None else abs(s.slope) for s, limits in scales),
        decoder=decoder,
        scale=scales[0][0].meaning,
    )


def _fill(target: NDArray[np.float32], stored: NDArray[np.generic], scale: Scale) -> None:
    if scale.slope == 1.0 and scale.intercept == 0.0:
        target[...] = stored
    else:
        target[...] = stored.astype(np.float64) * scale.slope + scale.intercept


def _stored_range(
    scales: list[tuple[Scale, tuple[float, float] | None]],
) -> tuple[float, float] | None:
    """Return what the pixel type can hold, or None where that differs between planes."""
    found = set()
    for scale, limits in scales:
        if limits is None:
            return None
        ends = sorted(end * scale.slope + scale.intercept for end in limits)
        found.add((ends[0], ends[1]))
    return found.pop() if len(found) == 1 else None


@dataclasses.dataclass(slots=True)
class PixelDigest:
    """Digest of the signal of a plane; keeps the file last opened."""

    archives: Archives
    last: tuple[tuple[str, str | None], _Opened] | None = None

    def __call__(self, plane: Plane) -> str:
        """Return SHA-256 of the scaled values, or a text of its own for what cannot be read."""
        key = (plane.source.path, plane.source.member)
        try:
            if self.last is None or self.last[0] != key:
                self.last = (key, _open(*key, self.archives))
            stored, scale = self.last[1].plane(plane.source.frame)
        except ReadError as error:
            return f"unreadable: {key}: {error.message}"
        values = np.empty(stored.shape, dtype=np.float32)
        _fill(values, stored, scale)
        return hashlib.sha256(values.tobytes()).hexdigest()
