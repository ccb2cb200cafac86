"""Calibrations applied to a table of values or to a map, value by value, with every refusal."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import math
from pathlib import Path

import numpy as np

from qiqa.core.calibration import CalibrationSet
from qiqa.core.errors import UsageError
from qiqa.core.finding import Finding
from qiqa.harmonize.phantom.calibrated import Use, apply, correct, find
from qiqa.io.map_file import write_map
from qiqa.io.read_map import read_map
from qiqa.io.value_table import ValueTable, read_values, write_values

__all__ = ["CalibratedTable", "calibrate_map", "calibrate_table"]

UNCALIBRATED = "value_uncalibrated"
"""Column for what was read: a table that has it is not calibrated again."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedTable:
    """What became of a table."""

    corrected: int
    refused: collections.Counter[str]
    """Reason -> values."""
    findings: tuple[Finding, ...]


def calibrate_table(
    calibrations: CalibrationSet, source: Path, target: Path, *, at_isocenter: bool = False
) -> CalibratedTable:
    """Correct each value of a table and write it with all other columns.

    `value` and `standard_uncertainty` become those after calibration, empty where refused; columns
    `value_uncalibrated`, `correction` and `refused` (the reason) are added.

    Raises
    ------
    ReadError, UsageError
        If the table cannot be read, lacks a column, or was calibrated before.
    OutputError
        If it cannot be written.
    """
    read = read_values(source)
    if UNCALIBRATED in read.others:
        raise UsageError(
            f"has a column {UNCALIBRATED!r}: its values were calibrated before",
            where=str(source),
            hint="calibrate the table that it was made from",
        )
    if at_isocenter and np.isfinite(read.distance_mm).any():
        raise UsageError(
            "states where its values were measured",
            where=str(source),
            hint="leave --at-isocenter out; it is for tables that do not say",
        )
    refused: collections.Counter[str] = collections.Counter()
    scanner = _as_calibrated(calibrations, read)
    n = len(read.value)
    value, u, correction = (np.full(n, math.nan) for _ in range(3))
    reasons = np.full(n, "", dtype=object)
    for i in range(n):
        if not math.isfinite(read.value[i]) or np.isnat(read.at[i]):
            what = "date" if math.isfinite(read.value[i]) else "value"
            reasons[i] = f"it has no {what}"
            refused[reasons[i]] += 1
            continue
        if read.standard_uncertainty[i] < 0.0:
            reasons[i] = f"its standard uncertainty is {read.standard_uncertainty[i]:g}"
            refused[reasons[i]] += 1
            continue
        distance = 0.0 if at_isocenter else float(read.distance_mm[i])
        use = Use(
            scanner=scanner[i],
            epoch=str(read.epoch[i]),
            name=str(read.name[i]),
            quantity=str(read.quantity[i]),
            unit=str(read.unit[i]),
            at=read.at[i].astype("datetime64[us]").astype(dt.datetime),
            distance_mm=distance,
        )
        one = apply(calibrations, use, float(read.value[i]), float(read.standard_uncertainty[i]))
        value[i], u[i], correction[i] = one.value, one.standard_uncertainty, one.correction
        reasons[i] = one.refused
        if one.refused:
            refused[one.refused] += 1
    write_values(
        target,
        read,
        {
            "value": value,
            "standard_uncertainty": u,
            UNCALIBRATED: read.value,
            "correction": correction,
            "refused": reasons,
        },
    )
    return CalibratedTable(
        corrected=int(np.isfinite(value).sum()), refused=refused, findings=read.findings
    )


def _as_calibrated(calibrations: CalibrationSet, read: ValueTable) -> list[str]:
    """Return the scanner of each row by the name that it has among the calibrations.

    Where phantoms of several sites had scanners of one name, it stands behind its site there.
    """
    known = {one.scanner for one in calibrations.calibrations}
    pairs = zip(read.scanner.tolist(), read.site.tolist(), strict=True)
    there = [(name, f"{site} / {name}") for name, site in pairs]
    return [behind if name not in known and behind in known else name for name, behind in there]


def calibrate_map(
    calibrations: CalibrationSet,
    source: Path,
    target: Path,
    *,
    scanner: str,
    epoch: str,
    name: str,
    at: dt.datetime,
    u_percent: float,
) -> tuple[int, int]:
    """Correct a map voxel by voxel; what lies outside the phantom's range or reach is NaN.

    The distance from isocenter is that of the voxel's center in scanner coordinates, so the map
    must not have been moved (registered) before. Beside the map, `_u` holds the standard
    uncertainty.

    Returns
    -------
    corrected, refused
        Voxels; those that had no value count as neither.

    Raises
    ------
    UsageError
        If no calibration holds for the scanner, settings, name or date.
    """
    values, affine, unit = read_map(source)
    use = Use(
        scanner=scanner,
        epoch=epoch,
        name=name,
        quantity=name,
        unit=unit or "",
        at=at,
        distance_mm=0.0,
    )
    if not unit:
        own = [c.unit for c in calibrations.calibrations if c.name == name]
        use = dataclasses.replace(use, unit=own[0] if own else "")
    found = find(calibrations, use)
    if isinstance(found, str):
        raise UsageError(found, where=str(source))
    there = np.isfinite(values) & (values != 0)
    own_u = np.abs(values) * (u_percent / 100.0 if math.isfinite(u_percent) else 0.0)
    corrected, u = correct(found, values, own_u)
    grid = np.stack(np.meshgrid(*(np.arange(s) for s in values.shape), indexing="ij"), axis=-1)
    places = grid @ affine[:3, :3].T + affine[:3, 3]
    reach = 0.0 if math.isnan(found.reach_mm) else found.reach_mm
    far = np.linalg.norm(places, axis=-1) > reach
    corrected = np.where(far | ~there, np.nan, corrected)
    u = np.where(np.isfinite(corrected), u, np.nan)
    write_map(target, corrected, affine, unit)
    stem = target.name.removesuffix(".gz").removesuffix(".nii")
    write_map(target.with_name(target.name.replace(stem, f"{stem}_u", 1)), u, affine, unit)
    done = int(np.isfinite(corrected).sum())
    return done, int(there.sum()) - done
