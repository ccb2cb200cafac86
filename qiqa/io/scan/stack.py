"""The pixels of one series: its largest stack of parallel slices, each file opened once."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import QiqaError, ReadError
from qiqa.core.finding import Severity
from qiqa.core.series import Series, SeriesHeader
from qiqa.core.vetting import Check, Instance, Needs, Observation, Reason, SeriesFacts, Stack
from qiqa.io.dialects import generic
from qiqa.io.elements import Element, Syntax
from qiqa.io.header import Header
from qiqa.io.loading import load
from qiqa.io.reading import read
from qiqa.io.scan.arranging import Grid, arrange
from qiqa.io.scan.listing import member_name, split_member
from qiqa.io.scan.readable import NO_SECTION
from qiqa.io.sources import Archives, blob_at
from qiqa.io.tags import TAGS

__all__ = ["CHECK", "load_stack"]

CHECK = Check(
    name="stack",
    needs=Needs.FILE,
    title="Do the images make one stack, and can their pixels be read?",
    reasons=(
        Reason(
            code="pixels_unreadable",
            severity=Severity.ERROR,
            title="pixels cannot be read",
            meaning="Pixels are packed in a way that no installed decoder knows, damaged, or gone "
            "since the scan. The value is how many images.",
        ),
        Reason(
            code="stack_incomplete",
            severity=Severity.ERROR,
            title="slices missing",
            meaning="Between regular slices, or in some of several volumes, images are missing. "
            "The value is how many.",
        ),
        Reason(
            code="several_stacks",
            severity=Severity.INFO,
            title="images beside the stack",
            meaning="Images with another size, orientation or place, or twice the same: only the "
            "largest stack was looked at. The value is how many images were left out.",
        ),
        Reason(
            code="no_stack",
            severity=Severity.ERROR,
            title="no stack of images",
            meaning="No image has a size and a place in space: nothing could be looked at.",
        ),
    ),
)

_LARGEST = 16 << 30
"""Bytes of signal; larger ones are refused."""
_MOST_BROKEN = 3
"""Files with damaged pixels that are left out of a packed series before it is given up."""
_BROKEN = "pixels_unreadable"


def load_stack(
    facts: SeriesFacts, root: str | Path
) -> tuple[Stack | None, tuple[Observation, ...]]:
    """Return the largest stack of a series and what is wrong with it; never raises.

    Plain pixels are taken from the files by their offset. Compressed, multi-frame and tiled images,
    NIfTI, and series of several kinds of images go through `qiqa.io.load`. All are scaled by
    rescale slope and intercept alone. Slices whose file is cut short are NaN.

    Parameters
    ----------
    facts
        Of the series.
    root
        The folder that was scanned.
    """
    if any(one.code == NO_SECTION for one in facts.observations):
        return None, ()
    images = [one for one in facts.instances if one.rows > 0 and one.columns > 0]
    packed = [one for one in images if one.pixel_offset < 0 and _has_pixels(one, facts)]
    try:
        if packed or _kinds(facts) > 1:
            stack, seen = _slowly(facts, Path(root))
        else:
            stack, seen = _directly(facts, images, Path(root))
    except QiqaError as error:
        return None, (_broken(len(images), error.message),)
    except Exception as error:  # noqa: BLE001 - decoders raise what they please on damaged bytes
        return None, (_broken(len(images), f"cannot be decoded: {type(error).__name__}"),)
    if stack is not None and stack.left_out:
        text = f"{stack.left_out} images of the series are not in the stack of {_count(stack)}"
        code = "several_stacks"
        seen.append(Observation(code=code, value=float(stack.left_out), evidence=text))
    return stack, tuple(seen)


def _has_pixels(one: Instance, facts: SeriesFacts) -> bool:
    """Say whether an image without an offset has pixels that can be unpacked."""
    return one.pixel_length > 0 or facts.series_uid.startswith("nifti:")


def _kinds(facts: SeriesFacts) -> int:
    """Return how many kinds of images a series holds: magnitude, phase, maps, ..."""
    tag = TAGS["ImageType"][0]
    found = set()
    for value in facts.attributes.get("ImageType", ()):
        data = memoryview(str(value).encode("utf-8"))
        reading = generic.read(Header({tag: Element("CS", data, Syntax())}, "utf-8"))
        found.add((reading.component, reading.derived))
    return max(len(found), len(facts.attributes.get("ComplexImageComponent", ())))


def _count(stack: Stack) -> int:
    return int(stack.signal.shape[2] * stack.signal.shape[3])


def _broken(count: int, why: str, where: str = "") -> Observation:
    return Observation(code=_BROKEN, value=float(max(count, 1)), evidence=why, where=where)


def _missing(count: int, shape: Sequence[int]) -> Observation:
    text = f"{count} of {math.prod(shape)} images of the stack are not there"
    return Observation(code="stack_incomplete", value=float(count), evidence=text)


def _directly(
    facts: SeriesFacts, images: Sequence[Instance], root: Path
) -> tuple[Stack | None, list[Observation]]:
    """Fill the stack from plain pixels."""
    whole = [one for one in images if one.pixel_offset >= 0]
    grid = arrange(images, _thickness_mm(facts))
    if grid is None or not whole:
        text = "no image with a size, a place in space and pixels"
        return None, [Observation(code="no_stack", evidence=text)]
    first = next(one for volume in grid.planes for one in volume if one is not None)
    n_volumes, n_slices = len(grid.planes), len(grid.planes[0])
    shape = (n_volumes, n_slices, first.rows, first.columns)
    if 4 * math.prod(shape) > _LARGEST:
        raise ReadError(f"the stack {shape} takes more than {_LARGEST} bytes")
    signal = np.empty(shape, dtype=np.float32)
    seen, used = _fill(signal, grid, facts, root)
    if not used:
        return None, seen
    if grid.missing:
        seen.append(_missing(grid.missing, shape[:2]))
    ends = [_ends(one, facts) for one in used]
    placed = n_volumes * n_slices - grid.missing
    return Stack(
        facts=facts,
        signal=signal.transpose(3, 2, 1, 0),
        affine=grid.affine,
        stored_range=(min(low for low, _ in ends), max(high for _, high in ends)),
        quantization=max(abs(one.slope) for one in used),
        left_out=len(facts.instances) - placed,
    ), seen


def _thickness_mm(facts: SeriesFacts) -> float:
    for keyword in ("SliceThickness", "SpacingBetweenSlices"):
        value = abs(facts.number(keyword))
        if value > 0:
            return value
    return 1.0


def _fill(
    signal: NDArray[np.float32], grid: Grid, facts: SeriesFacts, root: Path
) -> tuple[list[Observation], list[Instance]]:
    """Write planes into `signal` (n, k, rows, columns); return what failed, and what did not."""
    failed: list[tuple[str, str]] = []
    used: list[Instance] = []
    room = bytearray()
    with Archives() as archives:
        for volume, target in zip(grid.planes, signal, strict=True):
            for one, plane in zip(volume, target, strict=True):
                if one is None or one.pixel_offset < 0:
                    plane[...] = np.nan
                    continue
                if len(room) != one.pixel_length:
                    room = bytearray(one.pixel_length)
                try:
                    _read_into(room, one, root, archives)
                except (OSError, ReadError) as error:
                    plane[...] = np.nan
                    why = error.message if isinstance(error, ReadError) else str(error.strerror)
                    failed.append((one.path, why))
                    continue
                with np.errstate(over="ignore", invalid="ignore"):
                    _scaled(plane, room, one, facts)
                used.append(one)
    if not failed:
        return [], used
    path, why = min(failed)
    return [_broken(len(failed), why, path)], used


def _read_into(room: bytearray, one: Instance, root: Path, archives: Archives) -> None:
    """Read the pixels of one file into `room`.

    Raises
    ------
    OSError, ReadError
        If it has gone or is shorter than it was.
    """
    path = os.path.join(root, one.path)  # noqa: PTH118 - half the time of Path
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - likewise
            file.seek(one.pixel_offset)
            count = file.readinto(room)
    except (FileNotFoundError, NotADirectoryError):
        name, member = split_member(one.path, lambda part: (root / part).is_file())
        if member is None:
            raise
        data = blob_at(str(root / name), member, archives).read(archives)
        part = data[one.pixel_offset : one.pixel_offset + len(room)]
        count = len(part)
        room[:count] = part
    if count != len(room):
        raise ReadError(f"the pixels end after {count} of {len(room)} bytes, they did not before")


def _scaled(plane: NDArray[np.float32], room: bytearray, one: Instance, facts: SeriesFacts) -> None:
    kind = f"{'<' if one.little else '>'}{'i' if one.signed else 'u'}{one.bits // 8}"
    values = np.frombuffer(room, kind).reshape(plane.shape)
    stored, high = _used_bits(one, facts)
    if stored < one.bits:
        above, below = one.bits - 1 - high, one.bits - stored
        # drops bits outside of those stored (old overlays), and repeats the sign
        native = values.astype(values.dtype.newbyteorder("="))
        values = np.right_shift(np.left_shift(native, above), below)
    if one.slope == 1.0 and one.intercept == 0.0:
        plane[...] = values
    else:
        plane[...] = values.astype(np.float64) * one.slope + one.intercept


def _used_bits(one: Instance, facts: SeriesFacts) -> tuple[int, int]:
    """Return bits stored and the highest of them; all bits where files of the series differ."""
    stored, high = facts.attributes.get("BitsStored", ()), facts.attributes.get("HighBit", ())
    if len(stored) != 1 or not isinstance(stored[0], float) or not 1 <= stored[0] <= one.bits:
        return one.bits, one.bits - 1
    count = int(stored[0])
    top = int(high[0]) if len(high) == 1 and isinstance(high[0], float) else count - 1
    return count, top if count - 1 <= top < one.bits else count - 1


def _ends(one: Instance, facts: SeriesFacts) -> tuple[float, float]:
    """Return the least and largest value that an image can hold, after rescaling."""
    stored, _ = _used_bits(one, facts)
    low, high = (-(2.0 ** (stored - 1)), 2.0 ** (stored - 1) - 1) if one.signed else (
        0.0, 2.0**stored - 1
    )  # fmt: skip
    ends = sorted(end * one.slope + one.intercept for end in (low, high))
    return ends[0], ends[1]


def _slowly(facts: SeriesFacts, root: Path) -> tuple[Stack | None, list[Observation]]:
    """Load the largest stack by the reader that all other rooms use.

    Files that are cut short are not given to it, and a few whose pixels turn out to be damaged
    are left out.
    """
    usable = [one for one in facts.instances if _has_pixels(one, facts)]
    places = [split_member(one.path, lambda p: (root / p).is_file()) for one in usable]
    names = {member_name(str(root / path), member) if member else str(root / path)
             for path, member in places}  # fmt: skip
    paths = sorted({str(root / path) for path, _ in places})
    broken: list[ReadError] = []
    while True:
        headers, why = _headers(facts, root, paths, names)
        if not headers and (why or broken):
            return None, [_broken(len(facts.instances), why or broken[0].message)]
        if not headers:
            return None, [Observation(code="no_stack", evidence="no image to be measured")]
        header = max(headers, key=lambda h: (h.shape[2] * h.shape[3], h.key))
        if 4 * math.prod(header.shape) > _LARGEST:
            raise ReadError(f"the stack {header.shape} takes more than {_LARGEST} bytes")
        try:
            series = load(header, rescaled=True)
        except ReadError as error:
            if error.where not in names or len(broken) == _MOST_BROKEN:
                raise
            broken.append(error)
            names.remove(error.where)
            continue
        total = sum(h.shape[2] * h.shape[3] for h in headers)
        left_out = total - header.shape[2] * header.shape[3]
        left_out += len(broken) + len(facts.instances) - len(usable)
        seen = [_broken(len(broken), broken[0].message)] if broken else []
        return _as_stack(facts, series, left_out), seen


def _headers(
    facts: SeriesFacts, root: Path, paths: Sequence[str], names: set[str]
) -> tuple[list[SeriesHeader], str]:
    """Return the stacks of the series in some files, and what was wrong if there is none."""
    contents = read(paths, only=names)
    why = next((finding.message for finding in contents.findings), "")
    if facts.series_uid.startswith("nifti:"):
        _, member = split_member(facts.path, lambda p: (root / p).is_file())
        return [h for h in contents.headers if h.frames[0][0].member == member], why
    return [h for h in contents.headers if h.series_uid == facts.series_uid], why


def _as_stack(facts: SeriesFacts, series: Series, left_out: int) -> Stack:
    floating = series.stored_range is None
    return Stack(
        facts=facts,
        signal=series.signal,
        affine=np.array(series.header.affine),
        stored_range=series.stored_range or (-math.inf, math.inf),
        quantization=0.0 if floating else series.quantization,
        left_out=left_out,
    )
