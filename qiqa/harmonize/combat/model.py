"""What was learned about the batches of a table: all that is needed to correct another row."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.trial import Flag

__all__ = ["CombatModel", "Draw", "Scores", "SmoothBasis", "Subjects", "Term"]

FloatArray = NDArray[np.float64]
TextArray = NDArray[np.str_]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmoothBasis:
    """Cubic splines of one covariate, rotated so that what bends is penalized evenly."""

    knots: FloatArray
    """(m + 4,) even, three beyond either end, in units of the covariate."""
    rotation: FloatArray
    """(m, r) from splines to columns whose squared coefficients are the penalty."""
    penalty: float
    """Weight of that penalty against the residual sum of squares."""
    degrees_of_freedom: float
    """Of the curve, its line included."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Term:
    """A covariate that is kept, and how its values become columns."""

    name: str
    levels: tuple[str, ...] = ()
    """Of a covariate of texts, sorted; the first is what the others are compared with."""
    low: float = float("nan")
    high: float = float("nan")
    """Range of numbers in training; NaN for texts."""
    smooth: SmoothBasis | None = None

    @property
    def width(self) -> int:
        """Number of columns."""
        if self.levels:
            return len(self.levels) - 1
        return 1 + (0 if self.smooth is None else self.smooth.rotation.shape[1])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """How the shift and scale of a batch are estimated."""

    by: str = "parametric"
    """`parametric`, `nonparametric` or `none` (each feature alone)."""
    mean_only: bool = False
    """Shifts only; scatter stays as it is."""
    reference: str = ""
    """Batch that the others are brought to and that stays as it is; empty: their mean."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subjects:
    """Levels of subjects that came more than once: what is theirs and not the scanner's."""

    subject: TextArray
    """(s,) sorted."""
    level: FloatArray
    """(s, p) predicted, in the units of the features, less everything else."""
    variance_ratio: FloatArray
    """(p,) variance between subjects over that within."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """Batch effects left in what features have in common: principal components (CovBat)."""

    mean: FloatArray
    """(p,) of the standardized features."""
    spread: FloatArray
    """(p,) their SD."""
    rotation: FloatArray
    """(p, k) directions of the leading components."""
    share: float
    """Of the variance, that these components hold."""
    model: CombatModel
    """Of the k scores."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CombatModel:
    """Shift and scale of each of b batches in each of p features."""

    features: tuple[str, ...]
    batches: tuple[str, ...]
    """Sorted."""
    batch_name: str
    rows: NDArray[np.int64]
    """(b,) rows each batch was learned from."""
    draw: Draw
    terms: tuple[Term, ...]
    center: FloatArray
    """(c,) training mean of the columns of all terms; taken off them."""
    level: FloatArray
    """(p,) what a feature is brought to where covariates are at their training mean."""
    slopes: FloatArray
    """(c, p) of the columns."""
    spread: FloatArray
    """(p,) SD of what batches and covariates do not explain, divisor n as in the original."""
    shift_alone: FloatArray
    """(b, p) shift as estimated from the feature alone, in units of `spread`."""
    variance_alone: FloatArray
    """(b, p) variance likewise, in units of `spread` squared."""
    shift: FloatArray
    """(b, p) shift that is taken off, in units of `spread`."""
    variance: FloatArray
    """(b, p) whose root the rest is divided by."""
    shift_error: FloatArray
    """(b, p) standard error of `shift`."""
    scale_error: FloatArray
    """(b, p) standard error of the root of `variance`, relative to it."""
    prior: FloatArray
    """(b, 4) mean and variance of shifts, shape and rate of variances; NaN where not used."""
    flags: tuple[Flag, ...] = ()
    subjects: Subjects | None = None
    scores: Scores | None = None

    def shift_in_units(self) -> FloatArray:
        """Return (b, p) what is taken off, in units of the features."""
        return np.asarray(self.shift * self.spread)

    def shift_error_in_units(self) -> FloatArray:
        """Return (b, p) standard error of what is taken off, in units of the features."""
        return np.asarray(self.shift_error * self.spread)

    def scale(self) -> FloatArray:
        """Return (b, p) what the rest is divided by; 1 changes nothing."""
        return np.sqrt(self.variance)
