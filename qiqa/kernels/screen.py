"""One pass over a series: whether any of the default rules sees anything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.kernels.compiling import kernel
from qiqa.kernels.cusum import cusum, cusum_of_squares
from qiqa.kernels.predict import predict
from qiqa.kernels.trend import mann_kendall
from qiqa.kernels.whiten import whiten

__all__ = ["quiet"]

FloatArray = NDArray[np.float64]


@kernel
def quiet(
    y: FloatArray,
    variance: FloatArray,
    segment: NDArray[np.int64],
    learn: NDArray[np.int64],
    floor: float,
    limits: tuple[float, float, float, float, float, float],
    trend: tuple[int, int, float],
    one_exam: float,
) -> tuple[bool, FloatArray, NDArray[np.bool_]]:
    """Return whether no rule signals, with the scores (n,) and what was learnt from (n,).

    The same loops as a whole walk, in the same order, so that both say the same.

    Parameters
    ----------
    y, variance, segment, learn, floor
        As `predict` takes them; one segment, no covariates.
    limits
        Width of single exams; k, h and head start of the CUSUM; k and h of that of squares.
    trend
        Window, fewest exams and limit of the trend.
    one_exam
        Score that one exam counts for at most where scatter is judged.
    """
    n = y.size
    nothing = np.empty((0, n))
    fresh = np.zeros(1, np.bool_)
    width, k, h, start, k_squares, h_squares = limits
    _, _, _, score, learned = predict(y, variance, nothing, segment, fresh, learn, width, floor)
    even = score.copy()
    for i in range(n):
        if abs(score[i]) > width:
            return False, score, learned
    even = whiten(even)
    if cusum(even, k, h, start)[2].size > 0:
        return False, score, learned
    for i in range(n):
        even[i] = min(max(even[i], -one_exam), one_exam) if even[i] == even[i] else even[i]
    if cusum_of_squares(even, k_squares, h_squares)[1].size > 0:
        return False, score, learned
    used = y[segment >= 0]
    window, least, limit = trend
    z = mann_kendall(used, window, least, floor)
    for i in range(z.size):
        if abs(z[i]) > limit:
            return False, score, learned
    return True, score, learned
