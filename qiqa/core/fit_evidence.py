"""What a fit can be judged by, in a form that a report can draw without fitting again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Finding
from qiqa.core.maps import ParameterMaps
from qiqa.core.result import Provenance
from qiqa.core.series import SeriesHeader

__all__ = ["FitEvidence", "MapResult", "ParameterSummary", "SampleCurve"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSummary:
    """How one parameter is spread over the voxels that have an answer; NaN where none has."""

    name: str
    unit: str
    """As in `Parameter.unit`; all numbers are in it."""
    n: int
    """Voxels with an answer."""
    median: float
    p5: float
    """5 % of the voxels lie below."""
    p25: float
    p75: float
    p95: float
    median_standard_error: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SampleCurve:
    """The points of one voxel and the curve fitted through them."""

    voxel: tuple[int, int, int]
    estimate: float
    """The first parameter of the model, in its unit."""
    standard_error: float
    """NaN where unknown."""
    x: tuple[float, ...]
    """Echo time, b-value, ..., rising."""
    y: tuple[float, ...]
    """Signal measured."""
    used: tuple[bool, ...]
    """False where the fit left the point out."""
    curve_x: tuple[float, ...]
    curve_y: tuple[float, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitEvidence:
    """One fit: its maps and what shows whether to believe them."""

    label: str
    """Which of several fits of one series, in words; empty where there is one."""
    maps: ParameterMaps
    title: str
    """Name of the model in words."""
    equation: str
    references: tuple[str, ...]
    summaries: tuple[ParameterSummary, ...]
    """One a parameter, in the order of `maps.parameters`."""
    slices: tuple[int, ...]
    """Slices worth drawing, from 0; the middle one is the best."""
    image: NDArray[np.float32]
    """(i, j, k): the brightest volume, for orientation."""
    image_label: str
    x_label: str
    curves: tuple[SampleCurve, ...]
    """A few voxels from the lowest to the highest estimate."""
    seconds: float
    """Time that the fit took."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapResult:
    """Everything that `qiqa map` found, and what proves it."""

    quantity: str
    """`adc`, `t1`, `t2`, `t2star` or `b1`."""
    model: str
    why: str
    """Why this series and this model, in words."""
    header: SeriesHeader
    """The series chosen."""
    fits: tuple[FitEvidence, ...]
    """One; several where each diffusion direction was fitted on its own."""
    findings: tuple[Finding, ...]
    provenance: Provenance
    files: tuple[Path, ...] = ()
    report: Path | None = None
    timing: tuple[tuple[str, float], ...] = ()
    """Step and seconds."""

    @property
    def maps(self) -> ParameterMaps:
        """The maps of the only fit, or of the first."""
        return self.fits[0].maps
