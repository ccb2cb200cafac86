"""Pixels of one DICOM frame, as stored and as signal."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import ReadError
from qiqa.io.dicomfile import UNCOMPRESSED, DicomFile
from qiqa.io.elements import PIXEL_DATA

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Frames", "Layout", "frames", "layout"]

_TRUNCATED_HINT = "export the file again"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How pixel values are stored."""

    rows: int
    columns: int
    n_frames: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    floating: bool

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.rows * self.columns * self.bits_allocated // 8

    @property
    def dtype(self) -> str:
        """Numpy code of one value, without byte order."""
        kind = "f" if self.floating else "i" if self.signed else "u"
        return f"{kind}{self.bits_allocated // 8}"

    @property
    def stored_range(self) -> tuple[float, float] | None:
        """Smallest and largest stored value, None for floating point."""
        if self.floating:
            return None
        if self.signed:
            half = 1 << (self.bits_stored - 1)
            return -float(half), float(half - 1)
        return 0.0, float((1 << self.bits_stored) - 1)


def layout(file: DicomFile, name: str) -> Layout:
    """Return how the pixels are stored, checked against the length of the file.

    Raises
    ------
    ReadError
        If the description is impossible, or the file holds fewer bytes than it needs.
    """
    header, pixels = file.header, file.pixels
    if pixels is None:
        raise ReadError("holds no pixels", where=name)
    floating = pixels.tag != PIXEL_DATA
    allocated = header.whole("BitsAllocated") or 0
    stored = allocated if floating else header.whole("BitsStored") or allocated
    high = stored - 1 if floating else header.whole("HighBit")
    sizes = {32, 64} if floating else {8, 16, 32}
    if allocated not in sizes or not 1 <= stored <= allocated:
        raise ReadError(
            f"{stored} bits stored in {allocated} allocated; {sorted(sizes)} are read", where=name
        )
    found = Layout(
        rows=header.whole("Rows") or 0,
        columns=header.whole("Columns") or 0,
        n_frames=header.whole("NumberOfFrames") or 1,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if high is None or not stored - 1 <= high < allocated else high,
        signed=header.whole("PixelRepresentation") == 1,
        floating=floating,
    )
    _check_length(file, found, name)
    return found


def _check_length(file: DicomFile, found: Layout, name: str) -> None:
    needed = found.n_frames * found.frame_bytes
    stated = None if file.pixels is None else file.pixels.length
    if file.transfer_syntax not in UNCOMPRESSED or stated is None:
        return
    there = min(stated, file.available if file.available is not None else stated)
    if there < needed:
        raise ReadError(
            f"pixel data end after {there} of {needed} bytes", where=name, hint=_TRUNCATED_HINT
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """All frames of a file."""

    file: DicomFile
    layout: Layout
    name: str

    @property
    def decoder(self) -> str:
        """Library that unpacks the pixels; `none` for plain ones."""
        return "none" if self.file.transfer_syntax in UNCOMPRESSED else _decoder_name(self)

    def stored(self, index: int) -> NDArray[np.generic]:
        """Return the stored values of one frame, (rows, columns), sign and unused bits undone.

        Raises
        ------
        ReadError
            If the frame is not there or cannot be unpacked.
        """
        form = self.layout
        if not 0 <= index < form.n_frames:
            raise ReadError(f"frame {index} of {form.n_frames} asked for", where=self.name)
        if self.file.transfer_syntax not in UNCOMPRESSED:
            return _decompress(self, index)
        pixels = self.file.pixels
        offset = 0 if pixels is None else pixels.offset + index * form.frame_bytes
        count = form.rows * form.columns
        order = "<" if self.file.little else ">"
        values = np.frombuffer(self.file.data, f"{order}{form.dtype}", count, offset)
        return _used_bits(values.reshape(form.rows, form.columns), form)


def frames(file: DicomFile, name: str) -> Frames:
    """Return access to the frames of a file that was read whole.

    Raises
    ------
    ReadError
        If its pixels are missing, cut short or impossibly described.
    """
    return Frames(file=file, layout=layout(file, name), name=name)


def _used_bits(values: NDArray[np.generic], form: Layout) -> NDArray[np.generic]:
    """Drop bits outside those stored (old overlays lie there), keeping the sign."""
    if form.floating or form.bits_stored == form.bits_allocated:
        return values
    above = form.bits_allocated - 1 - form.high_bit
    below = form.bits_allocated - form.bits_stored
    # shifting up and down again repeats the sign bit for signed types, zeros for unsigned ones
    result: NDArray[np.generic] = np.right_shift(np.left_shift(values, above), below)
    return result


def _plugin(frames: Frames) -> str:
    from pydicom.pixels.decoders.base import get_decoder

    syntax = frames.file.transfer_syntax
    try:
        plugins = get_decoder(syntax).available_plugins
    except NotImplementedError as error:
        raise ReadError(f"pixels are packed as {syntax}: {error}", where=frames.name) from error
    if not plugins:
        raise ReadError(
            f"pixels are packed with transfer syntax {syntax} and no decoder is installed",
            where=frames.name,
            hint="pip install 'qiqa[codecs]'",
        )
    return str(plugins[0])


def _decoder_name(frames: Frames) -> str:
    from importlib.metadata import version

    return f"pydicom {version('pydicom')} ({_plugin(frames)})"


def _decompress(frames: Frames, index: int) -> NDArray[np.generic]:
    plugin = _plugin(frames)
    from pydicom.pixels.utils import pixel_array

    try:
        values = pixel_array(_dataset(frames), index=index, decoding_plugin=plugin, raw=True)
    except (RuntimeError, ValueError, AttributeError, NotImplementedError, TypeError) as error:
        raise ReadError(f"frame {index} cannot be unpacked: {error}", where=frames.name) from error
    form = frames.layout
    if values.shape != (form.rows, form.columns):
        raise ReadError(
            f"frame {index} unpacks to {values.shape}, the header says {(form.rows, form.columns)}",
            where=frames.name,
        )
    result: NDArray[np.generic] = values
    return result


def _dataset(frames: Frames) -> Dataset:
    from io import BytesIO

    from pydicom import dcmread

    return dcmread(BytesIO(frames.file.data), force=True)
