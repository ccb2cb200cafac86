"""Parameter maps: estimates with standard error, residual and a status for every voxel."""

from __future__ import annotations

import dataclasses
import enum

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Finding
from qiqa.core.series import SeriesHeader

__all__ = ["FitStatus", "Parameter", "ParameterMaps"]


class FitStatus(enum.IntEnum):
    """How the fit of one voxel ended; the numbers stand in files and never change.

    Estimates are numbers for `CONVERGED` and `EXACT` and NaN for every other status.
    """

    OUTSIDE = 0
    """Outside the mask: not fitted."""
    CONVERGED = 1
    """The optimum was found inside the bounds."""
    EXACT = 2
    """As many points as parameters: an answer without residual; its standard error rests on the
    noise SD, and is NaN where that is unknown."""
    AT_BOUND = 3
    """The best fit lies at or beyond a bound of the model: the data do not tell the value."""
    TOO_FEW_POINTS = 4
    """Fewer points than parameters, for mixed reasons or in the series itself."""
    NON_FINITE = 5
    """NaN or infinity in the signal leaves too few points."""
    SATURATED = 6
    """Clipped pixels leave too few points."""
    NOISE_FLOOR = 7
    """Too few points stand out of the noise floor."""
    SINGULAR = 8
    """The points cannot tell the parameters apart (for instance no signal at all)."""
    NOT_CONVERGED = 9
    """The iteration did not settle."""

    @property
    def has_answer(self) -> bool:
        """Whether the estimates are numbers."""
        return self in (FitStatus.CONVERGED, FitStatus.EXACT)

    @property
    def words(self) -> str:
        """Words for a person."""
        return self.name.lower().replace("_", " ")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a signal model."""

    name: str
    """snake_case, as in `maps.estimate("t1")`."""
    unit: str
    """`ms`, `mm²/s`, `1`, or `signal` for the unit of the images."""
    bids: str
    """BIDS suffix of its map: `T1map`, `ADC`, `M0map`, ..."""
    lower: float = -np.inf
    """Estimates below are `AT_BOUND`."""
    upper: float = np.inf


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParameterMaps:
    """What a fit found, voxel by voxel. Spatial arrays have shape (i, j, k), Fortran order."""

    model: str
    """Name of the model, as in `qiqa.models`."""
    method: str
    """How it was fitted, in words."""
    algorithm: str
    """Name and version of the estimator, for instance `varpro/1`."""
    parameters: tuple[Parameter, ...]
    estimates: NDArray[np.float32]
    """(p, i, j, k), in the unit of each parameter; NaN where there is no answer."""
    standard_errors: NDArray[np.float32] | None
    """(p, i, j, k); NaN where unknown; None where only estimates were asked for."""
    covariance: NDArray[np.float32] | None = None
    """(p, p, i, j, k), on request."""
    residual_sd: NDArray[np.float32] | None
    """(i, j, k): root of the sum of squared residuals over degrees of freedom, signal units."""
    n_used: NDArray[np.uint16]
    """(i, j, k): points that the fit rests on; degrees of freedom are n_used minus p."""
    status: NDArray[np.uint8]
    """(i, j, k): `FitStatus`."""
    affine: NDArray[np.float64]
    """(4, 4), voxel to RAS+ mm."""
    header: SeriesHeader | None = None
    """The series that was fitted."""
    noise_sd: float | None = None
    """Noise SD [signal units] that the noise floor was judged by; None: not judged."""
    noise_source: str = "not judged"
    """`given`, `residuals of the fit`, or why it is unknown."""
    n_points: int
    """Points of the series."""
    n_clipped: int = 0
    """Points left out because they were clipped, over all voxels fitted."""
    n_floor: int = 0
    """Points left out because they lie at the noise floor, over all voxels fitted."""
    n_non_finite: int = 0
    """Points left out because they are NaN or infinite, over all voxels fitted."""
    findings: tuple[Finding, ...] = ()

    def _index(self, name: str) -> int:
        names = [parameter.name for parameter in self.parameters]
        if name not in names:
            raise KeyError(f"{name!r} is not a parameter of {self.model}: {', '.join(names)}")
        return names.index(name)

    def parameter(self, name: str) -> Parameter:
        """Return the description of one parameter.

        Raises
        ------
        KeyError
            If the model has no parameter of that name.
        """
        return self.parameters[self._index(name)]

    def estimate(self, name: str) -> NDArray[np.float32]:
        """Return the map (i, j, k) of one parameter, in its unit."""
        found: NDArray[np.float32] = self.estimates[self._index(name)]
        return found

    def standard_error(self, name: str) -> NDArray[np.float32]:
        """Return the standard error (i, j, k) of one parameter, in its unit; NaN where unknown."""
        if self.standard_errors is None:
            return np.full(self.status.shape, np.nan, dtype=np.float32)
        found: NDArray[np.float32] = self.standard_errors[self._index(name)]
        return found

    def counts(self) -> dict[FitStatus, int]:
        """Return how many voxels ended with each status."""
        found = np.bincount(self.status.ravel(order="K"), minlength=len(FitStatus))
        return {status: int(found[status]) for status in FitStatus if found[status]}
