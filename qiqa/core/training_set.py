"""A made-up training set: what each series is, and every fault that was planted in it."""

from __future__ import annotations

import dataclasses
import datetime as dt

__all__ = ["PlannedScanner", "PlannedSeries", "PlantedFault", "TrainingSetPlan"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """One thing that is wrong on purpose."""

    kind: str
    """As in `qiqa.simulate.set_faults`."""
    dose: float
    """0 to 1: from hardly there to gross; what it means is said by each fault."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedScanner:
    """One scanner of the set, and how it makes its images."""

    site: str
    manufacturer: str
    model: str
    serial: str
    software: str
    field_t: float
    matrix: int
    voxel_mm: float
    spacing_mm: float
    thickness_mm: float
    gain: float
    """Stored value of brain in a T2-weighted image."""
    noise: float
    """SD over the mean of the brain."""
    shading: float
    """Largest departure of the coil's sensitivity from its mean."""
    blur_mm: float
    air_is_zero: bool
    """Whether the reconstruction puts air to zero."""
    slope: float
    """Rescale slope of ordinary images; 1 for most vendors."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSeries:
    """One series."""

    number: int
    scanner: int
    """Place in the scanners of the plan."""
    patient: str
    """Name as it would be in the header: made up."""
    patient_id: str
    birth_date: dt.date
    sex: str
    date: dt.date
    contrast: str
    """`t1w`, `t2w` or `adc`."""
    person_seed: int
    """The same anatomy where it is the same."""
    image_seed: int
    """The same noise where it is the same."""
    label: str
    split: str
    study_uid: str
    series_uid: str
    faults: tuple[PlantedFault, ...] = ()
    copy_of: int | None = None
    """Number of the series that this one is a copy of, changed as the fault `copy_*` says."""

    def dose(self, kind: str) -> float:
        """Return the dose of a fault; 0 where it is not planted."""
        return max((f.dose for f in self.faults if f.kind == kind), default=0.0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSetPlan:
    """All of it."""

    seed: int
    slices: int
    scanners: tuple[PlannedScanner, ...]
    series: tuple[PlannedSeries, ...]
