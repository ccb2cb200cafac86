"""Centers of small bright spheres with a dark wall, far below the size of a voxel."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["SphereCenters", "find_spheres"]

_Array = NDArray[np.float64]

BLUR = 0.45
"""Standard deviation of the edge over the largest side of a voxel: between that of a box (0.29)
and of a voxel with some filtering; a wrong one widens the errors but moves no center."""
MARGIN_MM = (0.7, 1.0)
"""Voxels count in full up to the first beyond the edge, then fade out over the second: the wall is
seen, what lies behind it is not."""
WIDE_STEPS, STEPS = 5, 6
"""Steps with an edge as wide as a third of the radius, to come near, and with the true one."""
LARGEST_STEP_MM = 1.0
LEAST_INSIDE = 0.9
"""Share of the voxels around a sphere that must be in the volume."""
LEAST_EXPLAINED = 0.6
"""Share of the variance that a sphere explains; bath, plates and walls alone explain less."""
LEAST_CONTRAST = 0.3
"""Of the median contrast of all."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class SphereCenters:
    """Where spheres are, and how well they look like spheres."""

    center_mm: _Array
    """(n, 3), in the frame of the affine; NaN where no fit came out."""
    covariance_mm2: _Array
    """(n, 3, 3), from the scatter of the voxels around the model."""
    contrast: _Array
    """(n,) sphere above wall, in signal."""
    wall: _Array
    """(n,) signal in the wall."""
    explained: _Array
    """(n,) share of the variance that the model explains, 1 is perfect."""

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(n,) whether there is a sphere."""
        good = self.explained > LEAST_EXPLAINED
        if not good.any():
            return good
        return good & (self.contrast > LEAST_CONTRAST * float(np.median(self.contrast[good])))


def find_spheres(
    volume: NDArray[np.floating], affine: _Array, guess_mm: _Array, radius_mm: float
) -> SphereCenters:
    """Fit center, brightness and wall signal of spheres by least squares, all at once.

    The model is an even ball with an edge blurred by a normal distribution, in an even wall.
    Brightness and wall enter linearly, the center by Gauss-Newton steps.

    Parameters
    ----------
    volume : (i, j, k)
        Signal.
    affine : (4, 4)
        Voxel indices to millimetres.
    guess_mm : (n, 3)
        First guesses, within about half a radius.
    radius_mm
        Inner radius.

    Notes
    -----
    Errors follow from the residuals, weights included (White 1980, doi 10.2307/1912934, with one
    variance for all voxels of a sphere).
    """
    x, v, inside = _patches(volume, affine, guess_mm, radius_mm)
    sharp = BLUR * float(np.linalg.norm(affine[:3, :3], axis=0).max())
    shift = np.zeros((len(guess_mm), 3))
    whole = inside.mean(axis=1) > LEAST_INSIDE
    for sigma in (*(max(radius_mm / 3, sharp),) * WIDE_STEPS, *(sharp,) * STEPS):
        jacobian, weight, residual, linear = _model(x, v, inside, shift, radius_mm, sigma)
        weighted = jacobian * weight[..., None]
        normal = np.swapaxes(weighted, 1, 2) @ jacobian
        gradient = np.einsum("nvp,nv->np", weighted, residual)
        step = np.einsum("npq,nq->np", np.linalg.pinv(normal), gradient)[:, 2:]
        shift += np.clip(step, -LARGEST_STEP_MM, LARGEST_STEP_MM)
    total = weight.sum(axis=1)
    variance = (weight * residual**2).sum(axis=1) / np.maximum(total - 5, 1)
    bread = np.linalg.pinv(normal)
    meat = np.swapaxes(weighted, 1, 2) @ weighted
    covariance = (bread @ meat @ bread)[:, 2:, 2:] * variance[:, None, None]
    mean = (weight * v).sum(axis=1) / np.maximum(total, 1)
    spread = (weight * (v - mean[:, None]) ** 2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = 1 - (weight * residual**2).sum(axis=1) / spread
    far = np.linalg.norm(shift, axis=1) > radius_mm
    lost = ~whole | far | ~np.isfinite(explained)
    center = np.where(lost[:, None], np.nan, guess_mm + shift)
    return SphereCenters(
        center, covariance, linear[:, 1], linear[:, 0], np.where(lost, 0.0, explained)
    )


def _patches(
    volume: NDArray[np.floating], affine: _Array, guess: _Array, radius_mm: float
) -> tuple[_Array, _Array, NDArray[np.bool_]]:
    """Return offsets from the guess [mm] (n, v, 3), signal (n, v), and what is in the volume."""
    axes = affine[:3, :3]
    half = np.ceil((1.5 * radius_mm + 2.0) / np.linalg.norm(axes, axis=0)).astype(int)
    sides = [np.arange(-a, a + 1) for a in half]
    offsets = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3)
    offsets = offsets[np.linalg.norm(offsets @ axes.T, axis=1) < 1.5 * radius_mm + 2.0]
    middle = np.rint(np.linalg.solve(axes, (guess - affine[:3, 3]).T).T).astype(int)
    index = middle[:, None, :] + offsets[None]
    last = np.array(volume.shape) - 1
    inside = np.all((index >= 0) & (index <= last), axis=2)
    i, j, k = np.moveaxis(np.clip(index, 0, last), 2, 0)
    x = index @ axes.T + affine[:3, 3] - guess[:, None, :]
    return x, np.asarray(volume[i, j, k], dtype=np.float64), inside


def _model(
    x: _Array, v: _Array, inside: NDArray[np.bool_], shift: _Array, radius_mm: float, sigma: float
) -> tuple[_Array, _Array, _Array, _Array]:
    """Return Jacobian (n, v, 5), weights, residuals (n, v) and wall, contrast (n, 2)."""
    from scipy.special import erfc

    d = x - shift[:, None]
    r = np.maximum(np.linalg.norm(d, axis=2), 1e-6)
    flat, fade = MARGIN_MM
    weight = np.clip((radius_mm + flat + fade - r) / fade, 0, 1) * inside
    t = (r - radius_mm) / sigma
    ball = 0.5 * erfc(t / np.sqrt(2))
    slope = -np.exp(-(t**2) / 2) / (sigma * np.sqrt(2 * np.pi))
    base = np.stack([np.ones_like(ball), ball], axis=-1)
    weighted = base * weight[..., None]
    normal = np.swapaxes(weighted, 1, 2) @ base
    moment = np.einsum("nvq,nv->nq", weighted, v)
    linear = np.einsum("npq,nq->np", np.linalg.pinv(normal), moment)
    residual = v - np.einsum("nvp,np->nv", base, linear)
    moving = -(linear[:, 1, None] * slope / r)[..., None] * d
    return np.concatenate([base, moving], axis=-1), weight, residual, linear
