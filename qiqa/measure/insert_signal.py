"""Signal over noise in inserts from a pair of like images (NEMA)."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from qiqa.core.errors import NotMeasurable
from qiqa.core.measurement import BudgetLine, Measurement
from qiqa.core.pose import InsertPosition
from qiqa.measure._alike import alike
from qiqa.measure._insert_roi import InsertRoi, insert_roi
from qiqa.measure.insert_view import InsertView
from qiqa.measure.outcome import Outcome, finish, not_measured

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

KIND = "images"
ALGORITHM = "insert_signal/1"
NAMES = (("snr_nema_method1_insert", "snr_nema_method1_insert", "1", None),)


def measure(view: InsertView, siblings: tuple[InsertView, ...]) -> Outcome:
    """Measure SNR [1] in every insert of a pair.

    Noise is the SD of the difference of two images of one acquisition over the root of 2 (NEMA
    MS 1-2008, method 1). Told once, on the second of the two.
    """
    pair = alike(view, siblings)
    if view.series.header.shape[3] != 1 or len(pair) != 2 or pair[1] is not view:
        return Outcome()
    found: list[Measurement] = []
    first = pair[0].series.signal[..., 0].astype(np.float64)
    second = view.series.signal[..., 0].astype(np.float64)
    for insert in view.pose.inserts:
        try:
            roi = insert_roi(view, insert)
            found.append(_snr(view, insert, roi, first, second))
        except NotMeasurable as reason:
            found.append(_none(view, insert, reason.message))
    return Outcome(measurements=tuple(found))


def _snr(
    view: InsertView, insert: InsertPosition, roi: InsertRoi,
    first: np.ndarray, second: np.ndarray,
) -> Measurement:  # fmt: skip
    a, b = first[roi.index], second[roi.index]
    noise = float((a - b).std(ddof=1)) / math.sqrt(2)
    if not noise > 0:
        raise NotMeasurable("the two images are the same: no noise between them")
    value = float((a.mean() + b.mean()) / 2) / noise
    dof = roi.n_voxels - 1
    plain = finish(
        view, f"snr_nema_method1_{insert.label}", "snr_nema_method1_insert", "1", value,
        (
            BudgetLine(
                name="number of voxels",
                standard_uncertainty=value / math.sqrt(2 * dof),
                degrees_of_freedom=float(dof),
                evaluation="A",
                note=f"{roi.n_voxels} voxels",
            ),
        ),
        algorithm=ALGORITHM,
    )  # fmt: skip
    return dataclasses.replace(plain, insert=insert.label, reference=None)


def _none(view: InsertView, insert: InsertPosition, reason: str) -> Measurement:
    name = f"snr_nema_method1_{insert.label}"
    plain = not_measured(view, name, "snr_nema_method1_insert", "1", reason)
    return dataclasses.replace(plain, insert=insert.label)
