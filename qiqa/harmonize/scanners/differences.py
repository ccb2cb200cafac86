"""Measured minus reference: in percent or in the unit, against what is stated or the consensus."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import NotMeasurable
from qiqa.core.trial import Flag, Readings
from qiqa.metrology.robust import algorithm_a

__all__ = [
    "FEWEST_FOR_CONSENSUS",
    "UNIT_NOT_STATED",
    "Differences",
    "differences",
    "known_units",
]

FloatArray = NDArray[np.float64]
UNIT_NOT_STATED = "not stated, "
"""Before the name of a scanner: its unit that has no name."""
_LEAST_SHARE = 0.05
"""References below this share of the largest are near zero: nothing is a percentage of them."""
FEWEST_FOR_CONSENSUS = 5
"""Scanners below which nobody can say which one is off."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Differences:
    """Readings that can be compared, n of them, and what they differ by."""

    readings: Readings
    """(n,) those with a value and a reference."""
    reference: FloatArray
    """(n,) in the unit of the readings."""
    value: FloatArray
    """(n,) measured minus reference, in `unit`."""
    standard_uncertainty: FloatArray
    """(n,) of the measured value, in `unit`; NaN where none was stated."""
    reference_u: FloatArray
    """(n,) of the reference, in `unit`; common to all readings of a phantom unit."""
    unit: str
    """`%` or the unit of the readings."""
    basis: str
    """`stated` or `consensus`."""
    flags: tuple[Flag, ...]
    dated: NDArray[np.bool_]
    """(n,) whether the date of its exam is believed."""

    def moments(self, rows: NDArray[np.bool_] | None = None) -> NDArray[np.datetime64]:
        """Return when some readings were taken; a wrong date counts only where all are."""
        return self.readings.at[self.believed(rows)].astype("datetime64[us]")

    def believed(self, rows: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """Return those of some readings whose date is believed; all of them where it is of none."""
        some = np.ones(len(self.readings), dtype=np.bool_) if rows is None else rows
        dated = some & self.dated
        return dated if dated.any() else some

    def take(self, rows: NDArray[np.bool_]) -> Differences:
        """Return some of the differences."""
        return dataclasses.replace(
            self,
            readings=self.readings.take(rows),
            reference=self.reference[rows],
            value=self.value[rows],
            standard_uncertainty=self.standard_uncertainty[rows],
            reference_u=self.reference_u[rows],
            dated=self.dated[rows],
        )


def known_units(found: Differences) -> NDArray[np.str_]:
    """Return the phantom unit of each reading; one that is not stated is the scanner's own.

    Nothing else would do: two scanners that state none have no unit in common.
    """
    r = found.readings
    own = np.char.add(UNIT_NOT_STATED, r.scanner)
    return np.where(r.phantom_unit == "", own, r.phantom_unit)


def differences(readings: Readings, *, percent: bool | None = None) -> Differences:
    """Return what readings differ by from their references.

    Where no reading has a reference, that of an insert is the robust mean of the scanners' medians
    (ISO 13528:2022, algorithm A).

    Parameters
    ----------
    readings
        Values.
    percent
        Whether differences are in percent of the reference; inserts whose reference is near zero
        are then left out, and named. None: in percent where all references are above zero.

    Raises
    ------
    NotMeasurable
        If nothing was measured, or too few scanners for a consensus.
    """
    measured = np.isfinite(readings.value)
    stated = np.isfinite(readings.reference)
    flags: list[Flag] = []
    if not measured.any():
        raise NotMeasurable(f"{readings.name}: no reading has a value")
    if (stated & measured).any():
        kept = readings.take(measured & stated)
        lost = int((measured & ~stated).sum())
        if lost:
            flags.append(
                Flag(
                    kind="no_reference",
                    where=readings.name,
                    reason=f"{lost} of {int(measured.sum())} readings have no reference, "
                    f"first {readings.row[measured & ~stated][0]}",
                    hint="state reference_value; these readings are left out",
                )
            )
        reference, u, basis = kept.reference, kept.reference_standard_uncertainty, "stated"
    else:
        kept = readings.take(measured)
        reference, u = _consensus(kept)
        basis = "consensus"
        flags.append(
            Flag(
                kind="consensus",
                where=readings.name,
                reason="no reference is stated: biases are against the consensus of the scanners, "
                "not against the truth",
                hint="a bias that all scanners share cannot be seen",
            )
        )
    if percent is None:
        percent = bool((reference > 0).all())
    elif percent:
        far = (reference > 0) & (reference >= _LEAST_SHARE * float(reference.max()))
        if not far.any():
            raise NotMeasurable(f"{readings.name}: no reference is above zero: state no percentage")
        flags += _near_zero(kept, far)
        kept, reference, u = kept.take(far), reference[far], u[far]
    scale = 100.0 / reference if percent else np.ones(len(kept))
    return Differences(
        readings=kept,
        reference=reference,
        value=(kept.value - reference) * scale,
        standard_uncertainty=kept.standard_uncertainty * scale,
        reference_u=u * scale,
        unit="%" if percent else kept.unit,
        basis=basis,
        flags=tuple(flags),
        dated=np.ones(len(kept), dtype=np.bool_),
    )


def _near_zero(readings: Readings, far: NDArray[np.bool_]) -> list[Flag]:
    """Name the inserts of which nothing is a percentage."""
    if far.all():
        return []
    names = sorted({*readings.insert[~far].tolist()})
    return [
        Flag(
            kind="reference_near_zero",
            where=f"{readings.name} {', '.join(names)}",
            reason=f"reference below {100 * _LEAST_SHARE:g} % of the largest: left out where "
            "differences are in percent",
            hint="state the claim in the unit of the values to keep it",
        )
    ]


def _consensus(readings: Readings) -> tuple[FloatArray, FloatArray]:
    """Return the robust mean of each reading's insert over scanners, and its uncertainty."""
    value, u = np.full(len(readings), np.nan), np.full(len(readings), np.nan)
    for insert in np.unique(readings.insert):
        rows = readings.insert == insert
        scanners = np.unique(readings.scanner[rows])
        if scanners.size < FEWEST_FOR_CONSENSUS:
            raise NotMeasurable(
                f"{readings.name} {insert}: no reference is stated, and {scanners.size} scanners "
                f"are too few for a consensus ({FEWEST_FOR_CONSENSUS} are needed)"
            )
        medians = np.array(
            [np.median(readings.value[rows & (readings.scanner == one)]) for one in scanners]
        )
        found = algorithm_a(medians)
        value[rows], u[rows] = found.mean, found.standard_uncertainty
    return value, u
