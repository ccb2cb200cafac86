"""The treatment effect of a simulated trial, by what was done about the scanners."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np
from _trial_conditions import every_third_month, unequal_arms
from numpy.typing import NDArray
from scipy import stats

from qiqa.core.calibration import ScannerCalibration
from qiqa.core.errors import QiqaError
from qiqa.core.features import FeatureTable
from qiqa.core.participants import ParticipantValues
from qiqa.core.trial import Readings
from qiqa.harmonize.combat import apply, fit
from qiqa.harmonize.phantom.calibrated import correct
from qiqa.harmonize.phantom.calibrating import calibrate
from qiqa.harmonize.scanners.preparing import prepare
from qiqa.simulate.trial import SimulatedTrial, TrialDesign, simulate_trial

__all__ = ["CORRECTIONS", "OUTCOMES", "calibrated_logs", "calibrations_of", "one_trial"]

FloatArray = NDArray[np.float64]
OUTCOMES = ("change", "cross-section")
CORRECTIONS = (
    "none",
    "ComBat, arm kept",
    "ComBat, arm not kept",
    "ComBat with 20 textures",
    "phantom",
    "phantom, then ComBat",
)
_VALID_DAYS = 183.0
"""For a phantom each quarter; half a year."""


def calibrations_of(readings: Readings, design: TrialDesign) -> tuple[ScannerCalibration, ...]:
    """Return calibrations from readings that were freed of what `prepare` names."""
    end = design.start.replace(year=design.start.year + math.ceil(design.years) + 1)
    return calibrate(prepare(readings, today=end).found)[0]


def calibrated_logs(
    people: ParticipantValues, calibrations: tuple[ScannerCalibration, ...]
) -> FloatArray:
    """Return logarithms (n,) of calibrated values, wherever the tumor lay; NaN where none holds.

    A new epoch that was found (`SIM 1.0; moved ...`) holds from its first exam on. That tumors lie
    beyond the phantom's reach is not looked at: this is what somebody gets who insists.
    """
    made = np.full(len(people), np.nan)
    days = people.at.astype("datetime64[D]").astype(np.float64)
    nearest = np.full(len(people), np.inf)
    for one in calibrations:
        stated = one.epoch.partition("; moved")[0]
        first, last = (
            float(np.datetime64(day, "D").astype(np.float64)) for day in (one.first, one.last)
        )
        away = np.maximum(np.maximum(first - days, days - last), 0.0)
        own = (people.scanner == one.scanner) & (people.epoch == stated)
        own &= (away <= _VALID_DAYS) & (away < nearest)
        value, _ = correct(one, people.value[own], people.standard_uncertainty[own])
        made[own], nearest[own] = np.log(value), away[own]
    return made


def _table(trial: SimulatedTrial, logs: FloatArray, keep: NDArray[np.bool_], arm: bool) -> Any:
    """Return the logarithm of the ADC as the one feature, with what is to be kept."""
    people = trial.participants
    rows = keep & np.isfinite(logs)
    visit = people.visit.astype(np.str_)
    group = np.char.add(np.char.add(people.arm, " visit "), visit) if arm else visit
    table = FeatureTable(
        features=("log_adc",),
        values=logs[:, None],
        batch=people.scanner,
        row=people.row,
        subject=people.participant,
        covariates={"group": group, "age_years": people.covariates["age_years"]},
        batch_name="scanner",
    )
    names, count = np.unique(people.scanner[rows], return_counts=True)
    # what is refused, one row on a scanner, is left out by the user
    rows &= np.isin(people.scanner, names[count > 1])
    return table, rows


def _combat(
    trial: SimulatedTrial,
    logs: FloatArray,
    keep: NDArray[np.bool_],
    *,
    arm: bool = True,
    textures: bool = False,
) -> FloatArray:
    table, rows = _table(trial, logs, keep, arm)
    if textures:
        others = trial.feature_table()
        values = np.column_stack([logs, others.values])
        table = dataclasses.replace(table, features=("log_adc", *others.features), values=values)
    made = np.full(len(logs), np.nan)
    try:
        kept = table.take(rows)
        model = fit(kept, by="parametric" if textures else "none")
        made[rows] = apply(model, kept)[0].values[:, 0]
    except QiqaError as error:
        # values that never vary within a scanner, and the like: no estimate, and it is counted
        warnings.warn(str(error), stacklevel=2)
    return made


def _corrected(
    trial: SimulatedTrial, calibrations: tuple[ScannerCalibration, ...], keep: NDArray[np.bool_]
) -> dict[str, FloatArray]:
    raw = np.log(trial.participants.value)
    by_phantom = calibrated_logs(trial.participants, calibrations)
    return {
        "none": raw,
        "ComBat, arm kept": _combat(trial, raw, keep),
        "ComBat, arm not kept": _combat(trial, raw, keep, arm=False),
        "ComBat with 20 textures": _combat(trial, raw, keep, textures=True),
        "phantom": by_phantom,
        "phantom, then ComBat": _combat(trial, by_phantom, keep),
    }


def _outcome(people: ParticipantValues, logs: FloatArray, change: bool) -> FloatArray:
    """Return what is compared, of each row of visit 2 (n,); NaN at other visits."""
    y = np.where(people.visit == 2, logs, np.nan)
    if change:
        first = people.visit == 1
        before = dict(zip(people.participant[first], logs[first], strict=True))
        y = y - np.array([before.get(one, math.nan) for one in people.participant])
    return y


def _compare(y: FloatArray, arm: NDArray[np.str_]) -> dict[str, float]:
    """Return treated minus control [%], standard error, 95 % interval, p: Welch's t test."""
    one, two = (y[(arm == name) & np.isfinite(y)] for name in ("treated", "control"))
    if min(one.size, two.size) < 3:
        return dict.fromkeys(("effect", "se", "low", "high", "p"), math.nan) | {"n": 0.0}
    found = stats.ttest_ind(one, two, equal_var=False)
    interval = found.confidence_interval()
    effect = float(one.mean() - two.mean())
    return {
        "effect": 100 * effect,
        "se": 100 * abs(effect / float(found.statistic)),
        "low": 100 * float(interval.low),
        "high": 100 * float(interval.high),
        "p": float(found.pvalue),
        "n": float(one.size + two.size),
    }


def _left(trial: SimulatedTrial, logs: FloatArray, keep: NDArray[np.bool_]) -> dict[str, float]:
    """Return what is left of the scanners' errors, noise apart: mean and SD over values [%]."""
    people, bias = trial.participants, trial.truth.participant_bias
    before = np.log1p(bias / people.true_value)
    rows = keep & np.isfinite(logs)
    left = 100 * (before + logs - np.log(people.value))[rows]
    if left.size < 2:
        return {"left_mean": math.nan, "left_sd": math.nan}
    return {"left_mean": float(left.mean()), "left_sd": float(left.std())}


def one_trial(
    design: TrialDesign, shares: tuple[float, ...], seed: list[int]
) -> list[dict[str, Any]]:
    """Return a row for each effect (there, null), correction and outcome."""
    rows = []
    calibrations: tuple[ScannerCalibration, ...] = ()
    for dose in (1.0, 0.0):
        trial = simulate_trial(design.with_dose("effect", dose), np.random.default_rng(seed))
        people = trial.participants
        keep = np.ones(len(people), dtype=np.bool_)
        if shares:
            keep = unequal_arms(people, shares, np.random.default_rng([*seed, 1]))
        if dose:  # phantoms are the same in both: each ingredient has random numbers of its own
            calibrations = calibrations_of(every_third_month(trial.readings[0]), design)
        truth = 100 * math.log1p(trial.truth.effect_percent[1] / 100)
        for name, logs in _corrected(trial, calibrations, keep).items():
            left = _left(trial, logs, keep)
            for outcome in OUTCOMES:
                y = np.where(keep, _outcome(people, logs, outcome == "change"), np.nan)
                found = _compare(y, people.arm)
                about = {"dose": dose, "correction": name, "outcome": outcome, "truth": truth}
                rows.append({**about, **found, **left})
    return rows
