"""One slice seen in phantom coordinates."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

__all__ = ["SlicePlane", "square_up"]


def square_up(matrix: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the signed permutation (2, 2) nearest to an in-plane matrix.

    It tells how to turn and flip an image so that the phantom stands within 45 degrees of
    upright and is not mirrored.
    """
    u, _, vt = np.linalg.svd(matrix)
    rotation = u @ vt
    result = np.zeros((2, 2), dtype=np.int64)
    column = int(np.argmax(np.abs(rotation[0])))
    result[0, column] = 1 if rotation[0, column] > 0 else -1
    result[1, 1 - column] = 1 if rotation[1, 1 - column] > 0 else -1
    return result


@dataclasses.dataclass(frozen=True, eq=False)
class SlicePlane:
    """An image, upright and not mirrored, with the map from phantom millimetres to its pixels.

    `image` is indexed [row, column]; `matrix` (2, 2) and `origin` (2,) map phantom (x, y) [mm] to
    (column, row). Every measurement works on this view, so that a turned or flipped copy of the
    same images gives the same numbers.
    """

    image: NDArray[np.float32]
    matrix: NDArray[np.float64]
    origin: NDArray[np.float64]
    pixel_mm: tuple[float, float]
    """Pixel size along columns direction (x) and rows direction (y) [mm]."""

    @staticmethod
    def upright(
        image_ij: NDArray[np.float32],
        matrix: NDArray[np.float64],
        origin: NDArray[np.float64],
        pixel_mm: tuple[float, float],
    ) -> SlicePlane:
        """Turn and flip an image (i, j) by whole quarter turns until the phantom is upright.

        Parameters
        ----------
        image_ij : (ni, nj)
            Slice as stored in a Series.
        matrix : (2, 2)
            Phantom (x, y) [mm] to (i, j), without `origin`.
        origin : (2,)
            Where phantom (0, 0) lies, in (i, j).
        pixel_mm
            Pixel size along i and j [mm].
        """
        steps = square_up(matrix)
        inverse = steps.T
        new_matrix = inverse @ matrix
        new_origin = inverse @ origin
        image = image_ij if steps[0, 0] != 0 else image_ij.T
        size = pixel_mm if steps[0, 0] != 0 else (pixel_mm[1], pixel_mm[0])
        for axis in (0, 1):
            if inverse[axis].sum() < 0:
                image = np.flip(image, axis)
                new_origin[axis] += image.shape[axis] - 1
        return SlicePlane(np.ascontiguousarray(image.T), new_matrix, new_origin, size)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return (self.image.shape[0], self.image.shape[1])

    @functools.cached_property
    def pixel_area_mm2(self) -> float:
        """Area of one pixel [mm²]."""
        return self.pixel_mm[0] * self.pixel_mm[1]

    def to_pixel(
        self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (column, row) of phantom points."""
        m, o = self.matrix, self.origin
        return m[0, 0] * x_mm + m[0, 1] * y_mm + o[0], m[1, 0] * x_mm + m[1, 1] * y_mm + o[1]

    def outline(
        self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]
    ) -> tuple[tuple[float, float], ...]:
        """Return phantom points as pixel pairs for drawing."""
        column, row = self.to_pixel(np.asarray(x_mm, float), np.asarray(y_mm, float))
        return tuple((float(c), float(r)) for c, r in zip(column, row, strict=True))

    @functools.cached_property
    def grid_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Phantom x and y [mm] of every pixel center, each (rows, columns)."""
        rows, columns = self.shape
        inverse = np.linalg.inv(self.matrix)
        c = np.arange(columns)[None, :] - self.origin[0]
        r = np.arange(rows)[:, None] - self.origin[1]
        return inverse[0, 0] * c + inverse[0, 1] * r, inverse[1, 0] * c + inverse[1, 1] * r

    @functools.cached_property
    def _spline(self) -> NDArray[np.float64]:
        from scipy.ndimage import spline_filter

        return np.asarray(spline_filter(self.image.astype(np.float64), order=3, mode="mirror"))

    def sample(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the signal at phantom points by cubic splines; NaN outside the image."""
        from scipy.ndimage import map_coordinates

        column, row = self.to_pixel(x_mm, y_mm)
        rows, columns = self.shape
        inside = (column >= 0) & (column <= columns - 1) & (row >= 0) & (row <= rows - 1)
        values = map_coordinates(
            self._spline, [row, column], order=3, mode="mirror", prefilter=False
        )
        return np.where(inside, values, np.nan)
