"""Fourier transforms of spheres and cylinders cut by a slice, or whole, in closed form.

Positions are in the frame of the image: along rows, along columns, along the slice normal, in mm
from the center of the field. k is in cycles/mm. `scale` is apparent over true length along the
three axes. Sources: Bracewell, The Fourier Transform and Its Applications (disk, sphere).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import j1

__all__ = ["Weights", "sphere_section", "sphere_table", "tube_section", "tube_volume"]

Values = NDArray[np.float64]
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(32)
_PER_PERIOD = 40
"""Table points a period of the ringing of a transform; a cubic errs by 1e-5 between them."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """Functions of the place in the slice that the object is integrated with."""

    half_mm: float
    """They are 0 beyond this distance from the middle of the slice."""
    z_mm: Values
    """(places,)."""
    basis: Values
    """(functions, places); straight lines between them."""

    def nodes(self, low: float, high: float) -> tuple[Values, Values]:
        """Return places between two ends and the functions times quadrature weights there."""
        low, high = max(low, -self.half_mm), min(high, self.half_mm)
        if high <= low:
            return np.zeros(1), np.zeros((len(self.basis), 1))
        half = (high - low) / 2
        z = (low + high) / 2 + half * _NODES
        values = np.stack([np.interp(z, self.z_mm, one) for one in self.basis])
        return z, values * (_NODE_WEIGHTS * half)


def _disk(radius: Values, k: Values) -> Values:
    """Return the transform of disks, r J1(2 pi k r) / k."""
    argument = 2 * np.pi * radius * k
    with np.errstate(divide="ignore", invalid="ignore"):
        jinc = np.where(argument < 1e-6, 0.5, j1(argument) / argument)
    result: Values = 2 * np.pi * radius**2 * jinc
    return result


def sphere_section(
    radius_mm: float, depth_mm: float, weights: Weights, k: tuple[Values, Values], scale: Values
) -> NDArray[np.float32]:
    """Return the transform (functions, *k.shape) of a sphere weighted along the slice.

    Parameters
    ----------
    depth_mm
        Center of the sphere along the normal, from the middle of the slice.
    k
        Along rows and along columns; arrays that broadcast.
    """
    reach = radius_mm * scale[2]
    z, weight = weights.nodes(depth_mm - reach, depth_mm + reach)
    true = (z - depth_mm) / scale[2]
    radius = np.sqrt(np.maximum(radius_mm**2 - true**2, 0.0))
    magnitude = np.hypot(k[0] * scale[0], k[1] * scale[1])
    count = int(_PER_PERIOD * radius_mm * magnitude.max()) + 8
    table_k = np.linspace(0, magnitude.max(), count)
    table = weight @ _disk(radius[:, None], table_k[None, :]) * scale[0] * scale[1]
    spline = CubicSpline(table_k, table, axis=1)
    result: NDArray[np.float32] = spline(magnitude.ravel()).reshape(-1, *magnitude.shape)
    return result.astype(np.float32)


def tube_section(
    radius_mm: float, length_mm: float, axis: Values, depth_mm: float, weights: Weights,
    k: tuple[Values, Values], scale: Values,
) -> NDArray[np.complex64]:  # fmt: skip
    """Return the transform (functions, *k.shape) of a tube about its center, cut by a slice.

    The tube's end is where its axis ends: it is cut along the slice, not across the tube.

    Parameters
    ----------
    axis
        Unit vector, (3,); not in the plane of the slice.
    """
    lean = axis[:2] / axis[2]
    ku, kv = np.broadcast_arrays(k[0] * scale[0], k[1] * scale[1])
    across = np.sqrt(ku**2 + kv**2 + (ku * lean[0] + kv * lean[1]) ** 2)
    section = _disk(np.array(radius_mm), across) / abs(axis[2]) * scale[0] * scale[1]
    reach = abs(axis[2]) * length_mm / 2 * scale[2]
    z, weight = weights.nodes(depth_mm - reach, depth_mm + reach)
    along = (ku * lean[0] + kv * lean[1]) / scale[2]
    if not np.any(lean):
        shape = weight.sum(axis=1)[:, None, None] * section
    else:
        # One function of k along the lean, from a table.
        grid = np.linspace(along.min(), along.max(), 512)
        wave = np.exp(-2j * np.pi * grid[:, None] * (z - depth_mm)[None, :])
        spline = CubicSpline(grid, wave @ weight.T)
        shape = np.moveaxis(spline(along), -1, 0) * section
    return np.asarray(shape, dtype=np.complex64)


def sphere_table(radius_mm: float, highest: float) -> NDArray[np.float32]:
    """Return the transform of a whole sphere for |k| from 0 to `highest`, in even steps.

    So fine that the nearest entry is within 1e-4 of the peak.
    """
    top = 2 * np.pi * radius_mm * highest
    x = np.linspace(0, top, int(top * 1000) + 8)
    table = np.full(x.size, 1 / 3)
    late = x[1:]
    table[1:] = np.where(
        late < 0.01, 1 / 3 - late**2 / 30, (np.sin(late) - late * np.cos(late)) / late**3
    )
    result: NDArray[np.float32] = (4 * np.pi * radius_mm**3 * table).astype(np.float32)
    return result


def tube_volume(
    radius_mm: float, length_mm: float, across: Values, along: Values
) -> NDArray[np.float32]:
    """Return the transform of a whole tube at k across and along its axis."""
    result = _disk(np.array(radius_mm), across) * length_mm * np.sinc(along * length_mm)
    return result.astype(np.float32)
