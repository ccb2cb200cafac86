"""The working state of a walk along one series: segments that split, and what they predict."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.drift.preparing import Prepared
from qiqa.kernels.predict import ALL, NOTHING, SCATTER, predict

__all__ = ["Begun", "Prediction", "Walk"]

FloatArray = NDArray[np.float64]
_DAY = 86_400e6  # microseconds


@dataclasses.dataclass(frozen=True, slots=True)
class Prediction:
    """What the exams before each one say of it; arrays (n,) on the charted scale."""

    expected: FloatArray
    scale: FloatArray
    dof: NDArray[np.int64]
    score: FloatArray
    learned: NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, slots=True)
class Begun:
    """How a segment began."""

    first: int
    why: str
    """`start`, `epoch`, `baseline`, `step`, `trend` or `variance`."""
    causes: tuple[str, ...] = ()


class Walk:
    """Segments of one series, from its epochs on; they are split where a change is found.

    Attributes
    ----------
    segment
        (n,) number of each exam's segment; -1 where the exam is left out.
    begun
        How each segment began.
    learn
        (n,) what the prediction may learn from each exam (see `qiqa.kernels.predict`).
    """

    def __init__(self, prepared: Prepared, at: NDArray[np.datetime64], widest: float) -> None:
        self.prepared = prepared
        self.days: FloatArray = (at.astype("datetime64[us]").astype(np.float64)) / _DAY
        self.widest = widest
        n = prepared.y.size
        self.segment: NDArray[np.int64] = np.full(n, -1, dtype=np.int64)
        self.learn: NDArray[np.int64] = np.where(prepared.usable, ALL, NOTHING)
        self.begun: list[Begun] = []
        self._fresh: list[bool] = []
        self.ramps: list[tuple[int, int]] = []
        """(segment, exam before its first) of segments that go along a ramp."""

    def begin(self, mask: NDArray[np.bool_], begun: Begun, *, fresh: bool = False) -> int:
        """Put the exams of `mask` (n,) into a new segment and return its number."""
        number = len(self.begun)
        self.begun.append(begun)
        self._fresh.append(fresh)
        self.segment[mask & self.prepared.usable] = number
        return number

    def split(
        self, first: int, why: str, *, fresh: bool = False, causes: tuple[str, ...] = ()
    ) -> None:
        """Let every segment that goes on at exam `first` begin anew there, and learn."""
        for old in np.unique(self.segment[first:][self.segment[first:] >= 0]).tolist():
            mask = self.segment == old
            if self.begun[old].first >= first:
                continue  # it begins later by itself
            mask[:first] = False
            where = int(np.flatnonzero(mask)[0])
            number = self.begin(mask, Begun(where, why, causes), fresh=fresh)
            fresh = False  # once is enough
            self.learn[mask & self.prepared.usable] = ALL
            if why == "trend":
                self.ramps.append((number, max(first - 1, 0)))

    @property
    def holds(self) -> bool:
        """True where an approved baseline says what the level should be."""
        return bool(np.any(self.learn == SCATTER))

    def covariates(self) -> FloatArray:
        """Return covariates (c, n) with one row of days for each ramp."""
        rows = [self.prepared.x]
        for number, before in self.ramps:
            row = np.where(self.segment == number, self.days - self.days[before], 0.0)
            rows.append(row[None, :])
        return np.ascontiguousarray(np.concatenate(rows))

    def predict(self, *, held: bool = False) -> Prediction:
        """Predict every exam from those before it.

        `held` True predicts exams after an approved baseline from the level of its exams only.
        """
        learn = self.learn if held else np.minimum(self.learn, ALL)
        return Prediction(
            *predict(
                self.prepared.y,
                self.prepared.variance,
                self.covariates(),
                self.segment,
                np.array(self._fresh, dtype=np.bool_),
                learn,
                self.widest,
                self.prepared.floor,
            )
        )
