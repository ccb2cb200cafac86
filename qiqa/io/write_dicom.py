"""Write series as DICOM files that scanners of three vendors could have made.

Patient, institution and comments say that the images are simulated.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

from qiqa.core.errors import OutputError, UsageError
from qiqa.core.series import Series
from qiqa.io.write_classic import classic_dataset
from qiqa.io.write_common import save
from qiqa.io.write_enhanced import enhanced_dataset
from qiqa.io.write_vendor import STYLES, VendorStyle
from qiqa.io.write_volumes import add_encoding, one_volume

__all__ = ["write_exam", "write_series"]


def _style(name: str) -> VendorStyle:
    if name not in STYLES:
        raise UsageError(f"style is {name!r}, allowed is one of {sorted(STYLES)}")
    return STYLES[name]


def write_series(
    series: Series,
    folder: Path | str,
    *,
    style: str = "siemens",
    enhanced: bool = False,
    series_number: int = 1,
    falling: bool = False,
) -> tuple[Path, ...]:
    """Write one series, volume after volume, and return the files.

    UIDs of instances follow from the series UID, so writing twice gives the same bytes.

    Parameters
    ----------
    folder
        Made if it is not there.
    style
        `siemens`, `ge` or `philips`: names, image types, scaling. Philips writes a rescale slope
        a slice and so keeps the signal within half a step of it; the others keep it exactly.
    enhanced
        One Enhanced MR object in place of one file a slice.
    series_number
        As in the scanner's list.
    falling
        Number the instances against the slice normal, as some scanners do.

    Raises
    ------
    UsageError
        For an unknown style.
    OutputError
        If the signal does not fit the pixel type, a series of several volumes is to be an
        enhanced object, or the folder cannot be written.
    """
    vendor, (count, volumes) = _style(style), series.header.shape[2:]
    if enhanced and volumes != 1:
        raise OutputError(
            f"series holds {volumes} volumes, one can be written as an enhanced object",
            where=series.header.key,
            hint="write it as classic files, or each volume as a series of its own",
        )
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be made: {error.strerror}", where=str(target)) from error
    if enhanced:
        path = target / f"{series_number:02d}.dcm"
        save(enhanced_dataset(series, vendor, series_number=series_number), path)
        return (path,)
    paths = []
    for n, k in itertools.product(range(volumes), range(count)):
        volume = one_volume(series, n)
        number = n * count + (count - k if falling else k + 1)
        ds = classic_dataset(
            volume, k, vendor, series_number=series_number, instance_number=number, volume=n
        )
        add_encoding(ds, volume, n, vendor)
        path = target / f"{series_number:02d}_{number:04d}.dcm"
        save(ds, path)
        paths.append(path)
    return tuple(paths)


def write_exam(
    named: Mapping[str, Series],
    folder: Path | str,
    *,
    style: str = "siemens",
    enhanced: bool = False,
    falling: bool = False,
) -> dict[str, tuple[Path, ...]]:
    """Write the series of an exam, each into a folder of its name, and return the files by name.

    Parameters
    ----------
    named
        Series by role (`T1`, `localizer`, `repeat`, `T2`), in the order of their numbers.
    folder, style, enhanced, falling
        As in `write_series`.
    """
    return {
        name: write_series(
            series,
            Path(folder) / name,
            style=style,
            enhanced=enhanced,
            series_number=number,
            falling=falling,
        )
        for number, (name, series) in enumerate(named.items(), start=1)
    }
