"""Diffusion series by direction: one series a direction, or the trace image of each b-value."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import FitError
from qiqa.core.series import Encoding, Series

__all__ = ["by_direction", "directions_at", "geometric_means"]

_SAME_B = 0.05
"""Volumes belong to one b-value if they differ by less than this share, or by 20 s/mm²: vendors
list b-values as applied, with imaging gradients."""
_SAME_B_LOW = 20.0
_PARALLEL = 0.999


def _weighted(encoding: Encoding) -> NDArray[np.bool_]:
    return np.asarray(encoding.values) > _SAME_B_LOW


def _directions(series: Series) -> NDArray[np.float64]:
    encoding = series.header.encoding
    if encoding.name != "b_value" or encoding.directions is None:
        raise FitError(
            "the series has no diffusion directions",
            where=series.header.description,
            hint="fit all volumes together",
        )
    return np.asarray(encoding.directions, dtype=np.float64)


def directions_at(encoding: Encoding) -> int:
    """Return the number of different directions of the weighted volumes; 0 where none is known."""
    if encoding.directions is None:
        return 0
    vectors = np.asarray(encoding.directions, dtype=np.float64)[_weighted(encoding)]
    vectors = vectors[np.linalg.norm(vectors, axis=1) > 0.5]
    kept: list[NDArray[np.float64]] = []
    for vector in vectors:
        if all(abs(float(vector @ other)) < _PARALLEL for other in kept):
            kept.append(vector)
    return len(kept)


def by_direction(series: Series) -> tuple[Series, ...]:
    """Return one series a diffusion direction, each with the unweighted volumes.

    Raises
    ------
    FitError
        If no directions are known.
    """
    vectors = _directions(series)
    weighted = _weighted(series.header.encoding)
    plain = np.flatnonzero(~weighted)
    left = [int(i) for i in np.flatnonzero(weighted)]
    found = []
    while left:
        first = vectors[left[0]]
        same = [i for i in left if abs(float(first @ vectors[i])) >= _PARALLEL]
        left = [i for i in left if i not in same]
        x, y, z = first
        index = np.concatenate([plain, same]).astype(np.intp)
        name = series.header.description or "diffusion"
        found.append(series.volumes(index, f"{name} direction {x:.2f} {y:.2f} {z:.2f}"))
    return tuple(found)


def geometric_means(series: Series) -> Series:
    """Return the trace images: the geometric mean over directions at each b-value.

    The mean of the logarithms of directions spread evenly over the sphere decays with the mean of
    the diffusivities along them, a third of the trace. Repeats of unweighted volumes are averaged
    in the same way. The result is marked as derived: its noise is not Rician.

    Raises
    ------
    FitError
        If no directions are known.
    """
    _directions(series)
    header, encoding = series.header, series.header.encoding
    b = np.asarray(encoding.values, dtype=np.float64)
    order = np.argsort(b, kind="stable")
    groups: list[list[int]] = []
    for i in order:
        same = groups and b[i] - b[groups[-1][0]] <= max(_SAME_B * b[i], _SAME_B_LOW)
        if same:
            groups[-1].append(int(i))
        else:
            groups.append([int(i)])
    signal = np.empty((*header.shape[:3], len(groups)), dtype=np.float32, order="F")
    for n, group in enumerate(groups):
        total = np.zeros(header.shape[:3], order="F")
        with np.errstate(divide="ignore", invalid="ignore"):
            for i in group:
                total += np.log(series.signal[..., i])
        signal[..., n] = np.exp(total / len(group))
    new = dataclasses.replace(
        encoding,
        values=tuple(float(np.mean(b[group])) for group in groups),
        directions=None,
        tr_ms=None,
    )
    return dataclasses.replace(
        series,
        header=dataclasses.replace(
            header,
            encoding=new,
            shape=(*header.shape[:3], len(groups)),
            frames=tuple(header.frames[group[0]] for group in groups),
            component="tracew",
            derived=True,
            description=f"{header.description or 'diffusion'} trace",
        ),
        signal=signal,
    )
