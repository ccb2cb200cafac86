"""What is true about a simulated trial: every bias, error and date that was planted."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.core.features import FeatureTable
from qiqa.core.participants import ParticipantValues
from qiqa.core.trial import Readings
from qiqa.simulate.trial_design import TrialDesign

__all__ = ["PlantedError", "SimulatedTrial", "TrueBias", "Truth"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
TextArray = NDArray[np.str_]

_DAY_S = 86400.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrueBias:
    """Bias of s scanners as a function of date, value and position.

    A value is read as (offset + (1 + slope) value), times one plus each upgrade so far, the failure
    and the nonlinearity at the position.
    """

    start: np.datetime64
    """Day 0 of all days."""
    offset: FloatArray
    """(s,) mm²/s."""
    slope: FloatArray
    """(s,) share of the value."""
    transferred: float
    """Share of offset and slope that participants get too."""
    tissue: FloatArray
    """(s,) share of the value that participants get and phantoms do not."""
    nonlinearity: FloatArray
    """(s, 3) share of the value 100 mm from isocenter along x, y, z."""
    upgrade_day: FloatArray
    """(s, k) day of each upgrade; infinite where it never comes."""
    upgrade_step: FloatArray
    """(k,) share of the value."""
    failure_day: FloatArray
    """(s,) first day; infinite where the gradients are in order."""
    failure_ramp_days: float
    failure_size: float
    """Share of the value in the end."""

    def days(self, at: NDArray[np.datetime64]) -> FloatArray:
        """Return days (n,) from the start of the trial."""
        seconds = (at - self.start).astype("timedelta64[s]").astype(np.float64)
        return np.asarray(seconds / _DAY_S)

    def epochs(self, scanner: IntArray, day: FloatArray) -> IntArray:
        """Return the number of upgrades (n,) that scanners had by a day."""
        return np.asarray((day[:, None] >= self.upgrade_day[scanner]).sum(axis=1), dtype=np.int64)

    def of_phantom(
        self, scanner: IntArray, day: FloatArray, value: FloatArray, position_mm: FloatArray
    ) -> FloatArray:
        """Return the bias (n,) of phantom readings [mm²/s].

        Parameters
        ----------
        scanner
            (n,) index.
        day
            (n,) from the start.
        value
            (n,) true ADC [mm²/s].
        position_mm
            (n, 3) from isocenter.
        """
        read = value + self.offset[scanner] + self.slope[scanner] * value
        return np.asarray(read * self._gain(scanner, day, position_mm) - value)

    def of_participant(
        self, scanner: IntArray, day: FloatArray, value: FloatArray, position_mm: FloatArray
    ) -> FloatArray:
        """Return the bias (n,) of participants' values [mm²/s]; see `of_phantom`."""
        base = self.offset[scanner] + self.slope[scanner] * value
        read = value + self.transferred * base + self.tissue[scanner] * value
        return np.asarray(read * self._gain(scanner, day, position_mm) - value)

    def _gain(self, scanner: IntArray, day: FloatArray, position_mm: FloatArray) -> FloatArray:
        done = day[:, None] >= self.upgrade_day[scanner]
        upgrades = np.prod(1.0 + done * self.upgrade_step, axis=1)
        since = day - self.failure_day[scanner]
        if self.failure_ramp_days > 0.0:
            share = np.clip(since / self.failure_ramp_days, 0.0, 1.0)
        else:
            share = (since >= 0.0).astype(np.float64)
        squares = (position_mm / 100.0) ** 2
        off_center = (self.nonlinearity[scanner] * squares).sum(axis=1)
        return np.asarray(upgrades * (1.0 + share * self.failure_size) * (1.0 + off_center))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlantedError:
    """One exam that somebody entered wrongly."""

    kind: str
    """`swapped_inserts`, `wrong_unit`, `wrong_date` or `wrong_phantom`."""
    exam: str
    scanner: str
    true: str
    """What was."""
    entered: str
    """What is in the table."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What was planted: s scanners, t sites, u phantom units with v vials, n readings, p values."""

    scanner: TextArray
    """(s,) names."""
    scanner_site: IntArray
    """(s,) index into `site`."""
    site: TextArray
    """(t,) names."""
    vendor: TextArray
    """(t,)."""
    opens_day: FloatArray
    """(t,) from the start of the trial."""
    closes_day: FloatArray
    """(t,)."""
    thermometer_degc: FloatArray
    """(t,) what each thermometer reads too much."""
    bias: TrueBias
    unit: TextArray
    """(u,) names; one for each site, then those that travel."""
    insert: TextArray
    """(v,) names of the vials."""
    insert_position_mm: FloatArray
    """(v, 3) from isocenter."""
    unit_error: FloatArray
    """(u, v) true over certified value, less one."""
    effect_percent: tuple[float, ...]
    """True change of the treated arm against the other, by visit."""
    wcv_percent: float
    errors: tuple[PlantedError, ...]
    reading_true_value: FloatArray
    """(n,) of what lay in the scanner at its true temperature, in the order of the readings."""
    reading_bias: FloatArray
    """(n,) of the scanner, without noise, as for `reading_true_value`."""
    participant_bias: FloatArray
    """(p,) of the scanner, without noise, in the order of the participants' values."""

    def bias_at(
        self,
        scanner: TextArray,
        at: NDArray[np.datetime64],
        value: FloatArray,
        position_mm: FloatArray | None = None,
        *,
        of: Literal["phantom", "participant"] = "phantom",
    ) -> FloatArray:
        """Return the true bias (n,) of values on scanners at times [mm²/s].

        Parameters
        ----------
        scanner
            (n,) names.
        at
            (n,) true times.
        value
            (n,) true ADC [mm²/s].
        position_mm
            (n, 3) from isocenter; None: at isocenter.
        of
            Whose values: phantoms do not show all of what participants get.

        Raises
        ------
        UsageError
            If a scanner is not in the trial.
        """
        unknown = sorted(set(scanner.tolist()) - set(self.scanner.tolist()))
        if unknown:
            raise UsageError(f"{unknown[0]!r} is no scanner of the trial", where="scanner")
        order = np.argsort(self.scanner)
        index = order[np.searchsorted(self.scanner, scanner, sorter=order)]
        where = np.zeros((len(value), 3)) if position_mm is None else position_mm
        bias = self.bias.of_phantom if of == "phantom" else self.bias.of_participant
        return bias(index, self.bias.days(at), value, where)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedTrial:
    """Phantom readings and participants' values of a trial, and what is true about them."""

    design: TrialDesign
    readings: tuple[Readings, ...]
    """One for each name."""
    participants: ParticipantValues
    """ADC of the tumors."""
    features: ParticipantValues
    """Features of the tumors in the manner of radiomics, from the same scans."""
    truth: Truth

    def feature_table(self, *covariates: str) -> FeatureTable:
        """Return the features as measured, batches being the scanners."""
        return self.features.feature_table(covariates=covariates)
